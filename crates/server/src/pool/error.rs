//! Why nothing was leased.

use std::net::Ipv4Addr;

use ipnet::Ipv6Net;

/// Why no address was leased.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LeaseError {
    /// All addresses are taken that the user may have.
    #[error(
        "no address that this user may have is free in the pool {pool}, where {taken} of {size} are taken; \
         give it more ranges or name a pool to look in next"
    )]
    Exhausted {
        /// The pool, and with an arrow those that it goes on to.
        pool: String,
        /// How many addresses of these are taken.
        taken: u64,
        /// How many they have.
        size: u64,
    },
    /// The user's fixed address is taken.
    #[error("the user's fixed address {0} is in use by another session")]
    InUse(Ipv4Addr),
    /// The user's fixed address cannot be a client's.
    #[error("the user's fixed address {address} cannot be given to a client: it is {why}")]
    NotForClients {
        /// The fixed address.
        address: Ipv4Addr,
        /// What it is instead.
        why: &'static str,
    },
    /// The user is to get an address of a pool that there is not.
    #[error("there is no pool \"{0}\"; add it as [[pools]] or give the user another one")]
    NoSuchPool(String),
    /// The user may have no address at all.
    #[error("the user may have no address; in a secrets file, the line needs one (`*` for any)")]
    NoneAllowed,
}

/// Why no prefix was leased. A session goes on without one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrefixError {
    /// All prefixes are taken.
    #[error("no /64 is free in the IPv6 pool {0}; give it a shorter prefix")]
    Exhausted(String),
    /// The user's fixed prefix is taken.
    #[error("the user's fixed prefix {0} is in use by another session")]
    InUse(Ipv6Net),
    /// RFC 4862 §5.5.3: a client makes its addresses of a /64 only.
    #[error("the user's fixed prefix {0} cannot be given to a client: it is no /64")]
    NotA64(Ipv6Net),
    /// The user's fixed prefix cannot be a client's.
    #[error("the user's fixed prefix {0} cannot be given to a client: it is not for hosts")]
    NotForHosts(Ipv6Net),
    /// The user is to get a prefix of a pool that there is not.
    #[error("there is no IPv6 pool \"{0}\"; add it as [[ipv6_pools]] or give the user another one")]
    NoSuchPool(String),
}
