use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use adit_wire::ipv6cp::InterfaceId;
use ipnet::Ipv6Net;

use crate::event::CallKey;

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
}

impl Router {
    pub(crate) fn find(&self, packet: &[u8]) -> Destination {
        let call = match adit_ip::header::destination(packet) {
            Some(IpAddr::V4(address)) => self.ipv4.get(&address),
            Some(IpAddr::V6(address)) if is_link_local(address) => self.link_local.get(&address),
            Some(IpAddr::V6(address)) => self.prefixes.get(&upper_half(address)),
            None => None,
        };
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
