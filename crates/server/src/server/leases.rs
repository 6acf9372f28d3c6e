//! Which session has which inner addresses.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use adit_ppp::{Ipv4Config, NameServers};
use ipnet::IpNet;

use crate::aaa::Profile;
use crate::config::{Config, Problem};
use crate::pool::{Ask, Candidates, Lease, LeaseError, PoolUsage, Pools, RouteChange, RouteKeeper};
use crate::sessions::{Held, ServerFacts};

/// The pools and what every client is told beside its address.
#[derive(Debug)]
pub(super) struct Leases {
    pools: Pools,
    /// What the pools keep for users who may have no other, as each back end has it.
    reserved: Vec<(&'static str, Arc<[Ipv4Addr]>)>,
    routes: RouteKeeper,
    /// Networks behind clients.
    behind: HashSet<IpNet>,
    local: Ipv4Addr,
    dns: NameServers,
    wins: NameServers,
}

impl Leases {
    /// Nothing is leased; `routes` makes the ways to addresses that no pool has.
    pub(super) fn new(config: &Config, routes: RouteKeeper) -> Self {
        let network = &config.network;
        Self {
            pools: Pools::new(config),
            reserved: Vec::new(),
            routes,
            behind: HashSet::new(),
            local: network.server_address(),
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
        self.pools.reserve(all.copied().collect());
    }

    /// Leases an address and, where there are any, a prefix to the user.
    pub(super) fn lease(&mut self, profile: &Profile) -> Result<Lease, LeaseError> {
        let lease = self.pools.lease(&ask(profile));
        self.route();
        lease
    }

    /// Where an address of the user may come from that is leased elsewhere, and what is kept for others.
    pub(super) fn candidates(
        &self,
        profile: &Profile,
    ) -> Result<(Vec<Candidates>, Vec<Ipv4Addr>), LeaseError> {
        let candidates = self.pools.candidates(&ask(profile))?;
        let reserved = self.reserved.iter().flat_map(|(_, list)| list.iter());
        Ok((candidates, reserved.copied().collect()))
    }

    /// Takes an address that was leased elsewhere, and a prefix of our own with it.
    pub(super) fn adopt(
        &mut self,
        profile: &Profile,
        address: Ipv4Addr,
    ) -> Result<Lease, LeaseError> {
        let pool = self.pools.adopt(address)?;
        let (prefix, no_prefix) = match self.pools.lease_prefix(&ask(profile)) {
            Ok(prefix) => (prefix, None),
            Err(error) => (None, Some(error)),
        };
        self.route();
        Ok(Lease {
            address,
            pool,
            prefix,
            no_prefix,
        })
    }

    /// How full the pools are.
    pub(super) fn usage(&self) -> Vec<PoolUsage> {
        self.pools.usage()
    }

    /// The network of clients that an address is in, leased or not.
    pub(super) fn network_of(&self, address: Ipv4Addr) -> Option<IpNet> {
        self.pools.network_of(address)
    }

    /// Changes to another configuration, all but the address of the device, and tells what is different
    /// about the pools, a sentence each. Running leases stay.
    ///
    /// # Errors
    /// The new pools cannot be beside the network of the device; nothing has changed.
    pub(super) fn reconfigure(&mut self, config: &Config) -> Result<Vec<String>, Problem> {
        let changes = self.pools.reconfigure(config)?;
        self.dns = servers(&config.network.dns);
        self.wins = servers(&config.network.wins);
        self.route();
        Ok(changes)
    }

    /// What is the same for all sessions.
    pub(super) fn facts(&self) -> ServerFacts {
        ServerFacts {
            address: self.local,
        }
    }

    pub(super) fn release(&mut self, held: Held) {
        if let Some(address) = held.address {
            self.pools.release(address);
        }
        if let Some(prefix) = held.prefix {
            self.pools.release_prefix(prefix);
        }
        for network in held.networks {
            self.behind.remove(&network);
            self.routes.change(RouteChange::Remove(network));
        }
        self.route();
    }

    /// Those of the networks behind a user's client that lead to it from now on. A network that another
    /// session has, or that the server needs itself, does not: packets would go astray.
    pub(super) fn lead(&mut self, user: &str, networks: &[IpNet]) -> Vec<IpNet> {
        let mut led = Vec::new();
        for network in networks.iter().map(IpNet::trunc) {
            if network.prefix_len() == 0 || network.contains(&IpAddr::from(self.local)) {
                tracing::warn!(
                    user,
                    "{network} is not routed to the client: the server is in it"
                );
            } else if !self.behind.insert(network) {
                tracing::warn!(
                    user,
                    "{network} is not routed to the client: another one has it"
                );
            } else {
                self.routes.change(RouteChange::Add(network));
                led.push(network);
            }
        }
        led
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

    fn route(&mut self) {
        for change in self.pools.take_route_changes() {
            self.routes.change(change);
        }
    }
}

fn ask(profile: &Profile) -> Ask<'_> {
    Ask {
        user: &profile.user,
        allowed: &profile.addresses,
        pool: profile.policy.pool.as_deref(),
        ipv6_pool: profile.policy.ipv6_pool.as_deref(),
        fixed_prefix: profile.ipv6_prefix,
    }
}

fn servers(addresses: &[Ipv4Addr]) -> NameServers {
    NameServers {
        primary: addresses.first().copied(),
        secondary: addresses.get(1).copied(),
    }
}
