//! What is asked of the pools, and what they tell.

use std::net::Ipv4Addr;
use std::sync::Arc;

use ipnet::{IpNet, Ipv6Net};

use super::PrefixError;
use crate::users::AllowedAddresses;

/// What a user is to get.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// The name as the store has it.
    pub user: &'a str,
    /// The addresses that it may have.
    pub allowed: &'a AllowedAddresses,
    /// The pool of its address; the default one where none is named.
    pub pool: Option<&'a str>,
    /// The pool of its prefix; the default one, if there is such a one, where none is named.
    pub ipv6_pool: Option<&'a str>,
    /// The prefix that it is to have, in a pool or outside.
    pub fixed_prefix: Option<Ipv6Net>,
}

/// What a user has got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The tunnel address.
    pub address: Ipv4Addr,
    /// The pool of the address; none where it is a fixed one outside of all pools.
    pub pool: Option<Arc<str>>,
    /// The /64; none as well where no prefix is to be had, see `no_prefix`.
    pub prefix: Option<Ipv6Net>,
    /// Why there is no prefix though the user was to have one.
    pub no_prefix: Option<PrefixError>,
}

/// The addresses of one pool that a user may get, for whoever leases them elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidates {
    /// The pool; none for a fixed address outside of all pools.
    pub pool: Option<Arc<str>>,
    /// Ranges with their first and last addresses, sorted, without those that are excluded or not allowed.
    /// Those that are reserved for other users are among them.
    pub ranges: Vec<(Ipv4Addr, Ipv4Addr)>,
    /// Whether the address that the user had last is to be preferred.
    pub sticky: bool,
    /// Whether this is the one address that the user is to get, which may be a reserved one.
    pub fixed: bool,
}

/// Whether a pool has addresses or prefixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolKind {
    /// Addresses of IPv4.
    Ipv4,
    /// Prefixes of 64 bits.
    Ipv6,
}

/// How full a pool is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolUsage {
    /// Its name, `default` for those of the section `[network]`.
    pub name: Arc<str>,
    /// What it leases.
    pub kind: PoolKind,
    /// What it has to lease.
    pub size: u64,
    /// What is leased.
    pub taken: u64,
    /// How often somebody asked and there was nothing left, since the start.
    pub exhausted: u64,
}

/// A network whose way to the TUN device comes or goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteChange {
    /// It has to lead there.
    Add(IpNet),
    /// It has to no longer.
    Remove(IpNet),
}
