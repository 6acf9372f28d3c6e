//! Which session has which inner addresses.

use std::net::Ipv4Addr;
use std::sync::Arc;

use adit_ppp::{Ipv4Config, NameServers};
use ipnet::Ipv6Net;

use crate::config::Config;
use crate::pool::{AddressPool, LeaseError, PrefixPool};
use crate::users::AllowedAddresses;

/// The pools and what every client is told beside its address.
#[derive(Debug)]
pub(super) struct Leases {
    addresses: AddressPool,
    /// What the pool keeps for users who may have no other.
    reserved: Arc<[Ipv4Addr]>,
    prefixes: Option<PrefixPool>,
    local: Ipv4Addr,
    dns: NameServers,
    wins: NameServers,
}

impl Leases {
    pub(super) fn new(config: &Config, reserved: Arc<[Ipv4Addr]>) -> Self {
        let network = &config.network;
        let local = network.server_address();
        let mut addresses = AddressPool::new(network.pool, &[local]);
        addresses.reserve(reserved.iter().copied());
        Self {
            addresses,
            reserved,
            prefixes: network.ipv6_prefix.map(PrefixPool::new),
            local,
            dns: servers(&network.dns),
            wins: servers(&network.wins),
        }
    }

    /// Keeps these addresses, and no others, for users who may have no other. The list that it has
    /// already costs nothing.
    pub(super) fn reserve(&mut self, reserved: &Arc<[Ipv4Addr]>) {
        if !Arc::ptr_eq(&self.reserved, reserved) {
            self.addresses.reserve(reserved.iter().copied());
            self.reserved = Arc::clone(reserved);
        }
    }

    /// Leases an address and, where there are any, a prefix to the user.
    pub(super) fn lease(
        &mut self,
        user: &str,
        allowed: &AllowedAddresses,
    ) -> Result<(Ipv4Addr, Option<Ipv6Net>), LeaseError> {
        let address = self.addresses.lease(user, allowed)?;
        let index = self.addresses.index_of(address).unwrap_or_default();
        let prefix = self
            .prefixes
            .as_mut()
            .and_then(|prefixes| prefixes.lease(index));
        Ok((address, prefix))
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
    pub(super) fn offer(&self, peer: Ipv4Addr) -> Ipv4Config {
        Ipv4Config::Assign {
            local: self.local,
            peer,
            dns: self.dns,
            wins: self.wins,
        }
    }
}

fn servers(addresses: &[Ipv4Addr]) -> NameServers {
    NameServers {
        primary: addresses.first().copied(),
        secondary: addresses.get(1).copied(),
    }
}
