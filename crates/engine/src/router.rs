use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use adit_wire::ipv6cp::InterfaceId;
use ipnet::{IpNet, Ipv6Net};

use crate::event::CallKey;
use crate::networks::Networks;

/// Where an inner packet is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// Into this call.
    Call(CallKey),
    /// Nowhere: no call has the address.
    Unknown,
}

/// Which inner address belongs to which call.
#[derive(Debug, Default)]
pub(crate) struct Router {
    ipv4: HashMap<Ipv4Addr, CallKey>,
    link_local: HashMap<Ipv6Addr, CallKey>,
    /// By the first 64 bits.
    prefixes: HashMap<u64, CallKey>,
    /// Networks behind peers.
    networks: Networks<CallKey>,
}

impl Router {
    pub(crate) fn find(&self, packet: &[u8]) -> Destination {
        let Some(address) = adit_ip::header::destination(packet) else {
            return Destination::Unknown;
        };
        let own = match address {
            IpAddr::V4(address) => self.ipv4.get(&address),
            IpAddr::V6(address) if is_link_local(address) => self.link_local.get(&address),
            IpAddr::V6(address) => self.prefixes.get(&upper_half(address)),
        };
        let call = own.or_else(|| self.networks.find(address));
        call.map_or(Destination::Unknown, |call| Destination::Call(*call))
    }

    pub(crate) fn add_ipv4(&mut self, address: Ipv4Addr, call: CallKey) {
        self.ipv4.insert(address, call);
    }

    pub(crate) fn add_link_local(&mut self, id: InterfaceId, call: CallKey) {
        // Two peers may have chosen the same identifier: the first one keeps the way to it.
        self.link_local.entry(id.link_local()).or_insert(call);
    }

    /// A prefix of 64 bits.
    pub(crate) fn add_prefix(&mut self, prefix: Ipv6Net, call: CallKey) {
        self.prefixes.insert(upper_half(prefix.network()), call);
    }

    pub(crate) fn add_network(&mut self, network: IpNet, call: CallKey) {
        self.networks.insert(network, call);
    }

    pub(crate) fn remove_network(&mut self, network: IpNet, call: CallKey) {
        if self.networks.get(network) == Some(&call) {
            self.networks.remove(network);
        }
    }

    /// Takes out one address where it still belongs to the call: the owner may have given it to
    /// another one since.
    pub(crate) fn remove_ipv4(&mut self, address: Ipv4Addr, call: CallKey) {
        remove_own(&mut self.ipv4, &address, call);
    }

    pub(crate) fn remove_link_local(&mut self, id: InterfaceId, call: CallKey) {
        remove_own(&mut self.link_local, &id.link_local(), call);
    }

    pub(crate) fn remove_prefix(&mut self, prefix: Ipv6Net, call: CallKey) {
        remove_own(&mut self.prefixes, &upper_half(prefix.network()), call);
    }
}

fn remove_own<K: Hash + Eq>(map: &mut HashMap<K, CallKey>, key: &K, call: CallKey) {
    if map.get(key) == Some(&call) {
        map.remove(key);
    }
}

/// The first 64 bits of an address.
pub(crate) fn upper_half(address: Ipv6Addr) -> u64 {
    (u128::from(address) >> 64) as u64
}

pub(crate) fn is_link_local(address: Ipv6Addr) -> bool {
    address.is_unicast_link_local()
}
