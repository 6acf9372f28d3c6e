//! Which session has which inner addresses.

use std::net::Ipv4Addr;
use std::sync::Arc;

use adit_ppp::{Ipv4Config, NameServers};
use ipnet::Ipv6Net;

use crate::aaa::Profile;
use crate::config::Config;
use crate::pool::{AddressPool, LeaseError, PrefixPool};
use crate::sessions::ServerFacts;

/// The pools and what every client is told beside its address.
#[derive(Debug)]
pub(super) struct Leases {
    addresses: AddressPool,
    /// What the pool keeps for users who may have no other, as each back end has it.
    reserved: Vec<(&'static str, Arc<[Ipv4Addr]>)>,
    prefixes: Option<PrefixPool>,
    local: Ipv4Addr,
    dns: NameServers,
    wins: NameServers,
}

impl Leases {
    pub(super) fn new(config: &Config) -> Self {
        let network = &config.network;
        let local = network.server_address();
        Self {
            addresses: AddressPool::new(network.pool, &[local]),
            reserved: Vec::new(),
            prefixes: network.ipv6_prefix.map(PrefixPool::new),
            local,
            dns: servers(&network.dns),
            wins: servers(&network.wins),
        }
    }

    /// Keeps these addresses, and no others that this back end has named before, for users who may
    /// have no other. The list that it has already costs nothing.
    pub(super) fn reserve(&mut self, back_end: &'static str, list: &Arc<[Ipv4Addr]>) {
        let known = self.reserved.iter_mut().find(|(name, _)| *name == back_end);
        match known {
            Some((_, before)) if Arc::ptr_eq(before, list) => return,
            Some((_, before)) => *before = Arc::clone(list),
            None if list.is_empty() => return,
            None => self.reserved.push((back_end, Arc::clone(list))),
        }
        let all = self.reserved.iter().flat_map(|(_, list)| list.iter());
        self.addresses.reserve(all.copied());
    }

    /// Leases an address and, where there are any, a prefix to the user.
    pub(super) fn lease(
        &mut self,
        profile: &Profile,
    ) -> Result<(Ipv4Addr, Option<Ipv6Net>), LeaseError> {
        let address = self.addresses.lease(&profile.user, &profile.addresses)?;
        let index = self.addresses.index_of(address).unwrap_or_default();
        let prefix = self
            .prefixes
            .as_mut()
            .and_then(|prefixes| prefixes.lease(index));
        Ok((address, prefix))
    }

    /// What is the same for all sessions.
    pub(super) fn facts(&self) -> ServerFacts {
        ServerFacts {
            address: self.local,
            dns: self.dns,
        }
    }

    pub(super) fn release(&mut self, address: Option<Ipv4Addr>, prefix: Option<Ipv6Net>) {
        if let Some(address) = address {
            self.addresses.release(address);
        }
        if let (Some(prefix), Some(prefixes)) = (prefix, &mut self.prefixes) {
            prefixes.release(prefix);
        }
    }

    /// What the link offers to a client with this address.
    pub(super) fn offer(&self, peer: Ipv4Addr, profile: &Profile) -> Ipv4Config {
        Ipv4Config::Assign {
            local: self.local,
            peer,
            dns: profile.dns.unwrap_or(self.dns),
            wins: profile.wins.unwrap_or(self.wins),
        }
    }
}

fn servers(addresses: &[Ipv4Addr]) -> NameServers {
    NameServers {
        primary: addresses.first().copied(),
        secondary: addresses.get(1).copied(),
    }
}
