//! Leases that no pool has, and what has to be routed.

use std::collections::{BTreeSet, HashSet};
use std::net::Ipv4Addr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::lease::RouteChange;

/// Leases outside of all pools: fixed ones, and those whose pool is gone. Each has a way to the TUN device of
/// its own unless it lies in a network that has one anyway.
#[derive(Debug, Default)]
pub(super) struct Outside {
    addresses: HashSet<Ipv4Addr>,
    prefixes: HashSet<Ipv6Net>,
    /// What is routed whatever is leased.
    networks: Vec<IpNet>,
    changes: Vec<RouteChange>,
}

impl Outside {
    /// Nothing is leased yet; these networks are routed already.
    pub(super) fn new(networks: Vec<IpNet>) -> Self {
        Self {
            networks,
            ..Self::default()
        }
    }

    /// `false` when the address is taken.
    pub(super) fn take(&mut self, address: Ipv4Addr) -> bool {
        let free = self.addresses.insert(address);
        if free {
            self.change(RouteChange::Add, Ipv4Net::from(address).into());
        }
        free
    }

    /// `false` when the prefix is taken.
    pub(super) fn take_prefix(&mut self, prefix: Ipv6Net) -> bool {
        let free = self.prefixes.insert(prefix);
        if free {
            self.change(RouteChange::Add, prefix.into());
        }
        free
    }

    /// `false` when it was not taken.
    pub(super) fn release(&mut self, address: Ipv4Addr) -> bool {
        let taken = self.addresses.remove(&address);
        if taken {
            self.change(RouteChange::Remove, Ipv4Net::from(address).into());
        }
        taken
    }

    /// `false` when it was not taken.
    pub(super) fn release_prefix(&mut self, prefix: Ipv6Net) -> bool {
        let taken = self.prefixes.remove(&prefix);
        if taken {
            self.change(RouteChange::Remove, prefix.into());
        }
        taken
    }

    pub(super) fn addresses(&self) -> impl Iterator<Item = Ipv4Addr> {
        self.addresses.iter().copied()
    }

    pub(super) fn prefixes(&self) -> impl Iterator<Item = Ipv6Net> {
        self.prefixes.iter().copied()
    }

    /// Takes the place of another one, whose routes are there.
    pub(super) fn succeed(&mut self, before: &Self) {
        let (had, wants) = (before.routes(), self.routes());
        self.changes.clone_from(&before.changes);
        // What is new first: no address is without a way in between.
        let added = wants.difference(&had).copied().map(RouteChange::Add);
        self.changes.extend(added);
        let removed = had.difference(&wants).copied().map(RouteChange::Remove);
        self.changes.extend(removed);
    }

    /// What is to be done on the host, in this order.
    pub(super) fn take_changes(&mut self) -> Vec<RouteChange> {
        std::mem::take(&mut self.changes)
    }

    fn routes(&self) -> BTreeSet<IpNet> {
        let addresses = self
            .addresses()
            .map(|address| Ipv4Net::from(address).into());
        let prefixes = self.prefixes().map(IpNet::from);
        let own = addresses.chain(prefixes).filter(|net| !self.covers(net));
        self.networks.iter().copied().chain(own).collect()
    }

    fn change(&mut self, change: fn(IpNet) -> RouteChange, network: IpNet) {
        if !self.covers(&network) {
            self.changes.push(change(network));
        }
    }

    fn covers(&self, network: &IpNet) -> bool {
        self.networks.iter().any(|wide| wide.contains(network))
    }

    /// The network of clients that an address is in, leased or not.
    pub(super) fn network_of(&self, address: Ipv4Addr) -> Option<IpNet> {
        let own = Ipv4Net::from(address).into();
        let mut networks = self.networks.iter().copied();
        let within = networks.find(|wide| wide.contains(&own));
        within.or_else(|| self.addresses.contains(&address).then_some(own))
    }

    /// How many leases there are.
    pub(super) fn len(&self) -> usize {
        self.addresses.len() + self.prefixes.len()
    }
}
