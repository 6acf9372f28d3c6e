//! Named pools of addresses and prefixes: `[[pools]]` and `[[ipv6_pools]]`.

mod check;
mod range;
#[cfg(test)]
mod tests;

use ipnet::{IpNet, Ipv6Net};
use serde::Deserialize;

use super::types::Config;
use crate::pool::Ranges;

pub(super) use check::check_prefix;
pub use range::{AddressRange, NoSuchRange};

/// The name of the pools that the section `[network]` gives: for users to whom nothing else is given.
pub const DEFAULT_POOL: &str = "default";

/// A named pool of IPv4 addresses.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// What users, groups and RADIUS replies call it.
    pub name: String,
    /// Where its addresses are.
    pub ranges: Vec<AddressRange>,
    /// Addresses within the ranges that it does not lease. They are not routed to clients either, and
    /// go to one only as the fixed address of a user.
    #[serde(default)]
    pub exclude: Vec<AddressRange>,
    /// Whether users get the address that they had last, if it is free.
    #[serde(default = "sticky")]
    pub sticky: bool,
    /// The pool that is looked in when this one is exhausted.
    pub next: Option<String>,
}

/// A named prefix of IPv6, of which each client gets a /64.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ipv6Pool {
    /// What users, groups and RADIUS replies call it.
    pub name: String,
    /// From /32 to /64.
    pub prefix: Ipv6Net,
}

fn sticky() -> bool {
    true
}

impl Pool {
    /// The addresses that are routed to clients.
    pub(crate) fn routed(&self) -> Ranges {
        let mut routed = Ranges::default();
        for range in &self.ranges {
            routed.insert(range.first(), range.last());
        }
        for range in &self.exclude {
            routed.remove(range.first(), range.last());
        }
        routed
    }

    /// The addresses that are leased: those routed without network and broadcast addresses.
    pub(crate) fn leased(&self) -> Ranges {
        let mut leased = self.routed();
        for end in self.ranges.iter().filter_map(AddressRange::ends).flatten() {
            leased.remove(end, end);
        }
        leased
    }
}

impl Config {
    /// All pools of IPv4 addresses, the one of `[network]` first.
    pub(crate) fn all_pools(&self) -> Vec<Pool> {
        let server = self.network.server_address();
        let default = Pool {
            name: DEFAULT_POOL.to_owned(),
            ranges: vec![AddressRange::Network(self.network.pool)],
            exclude: vec![AddressRange::Span(server, server)],
            sticky: true,
            next: None,
        };
        let further = self.pools.iter().cloned();
        std::iter::once(default).chain(further).collect()
    }

    /// All prefixes of which clients get a /64, the one of `[network]` first.
    pub(crate) fn all_ipv6_pools(&self) -> Vec<Ipv6Pool> {
        let default = self.network.ipv6_prefix.map(|prefix| Ipv6Pool {
            name: DEFAULT_POOL.to_owned(),
            prefix,
        });
        let further = self.ipv6_pools.iter().cloned();
        default.into_iter().chain(further).collect()
    }

    /// Whether there is a pool of IPv4 addresses of this name.
    pub(crate) fn has_pool(&self, name: &str) -> bool {
        name == DEFAULT_POOL || self.pools.iter().any(|pool| pool.name == name)
    }

    /// Whether there is a pool of IPv6 prefixes of this name.
    pub(crate) fn has_ipv6_pool(&self, name: &str) -> bool {
        let default = name == DEFAULT_POOL && self.network.ipv6_prefix.is_some();
        default || self.ipv6_pools.iter().any(|pool| pool.name == name)
    }

    /// All networks that clients' addresses are in, the pool of `[network]` first: what has to be routed to
    /// the TUN device, and masqueraded where that is wanted.
    pub fn client_networks(&self) -> Vec<IpNet> {
        let mut networks: Vec<IpNet> = vec![self.network.pool.trunc().into()];
        for pool in &self.pools {
            networks.extend(pool.routed().networks().map(IpNet::from));
        }
        let prefixes = self.all_ipv6_pools();
        networks.extend(prefixes.iter().map(|pool| IpNet::from(pool.prefix.trunc())));
        networks
    }
}
