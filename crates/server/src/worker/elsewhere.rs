//! Which inner addresses belong to calls of other workers.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use adit_engine::Networks;
use ipnet::IpNet;

/// What leads to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum InnerAddress {
    V4(Ipv4Addr),
    LinkLocal(Ipv6Addr),
    /// A prefix of 64 bits.
    Prefix(u64),
    /// A network behind a client.
    Network(IpNet),
}

impl InnerAddress {
    /// The 64 bits before an address that is not link-local.
    pub(crate) fn prefix_of(address: Ipv6Addr) -> Self {
        Self::Prefix((address.to_bits() >> 64) as u64)
    }

    /// What an address is, if not of a network behind a client.
    fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) if address.is_unicast_link_local() => Self::LinkLocal(address),
            IpAddr::V6(address) => Self::prefix_of(address),
        }
    }
}

/// An inner address that another worker's call got or lost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change {
    pub(crate) address: InnerAddress,
    /// The call's number.
    pub(crate) call: u32,
    /// The worker that has the call; `None` where the address is lost.
    pub(crate) worker: Option<usize>,
}

/// Which inner address belongs to which other worker.
#[derive(Debug, Default)]
pub(super) struct Elsewhere {
    places: HashMap<InnerAddress, Place>,
    networks: Networks<Place>,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    worker: usize,
    call: u32,
}

impl Elsewhere {
    /// The worker that has the call of a packet.
    pub(super) fn find(&self, packet: &[u8]) -> Option<usize> {
        let address = adit_ip::header::destination(packet)?;
        let place = self.places.get(&InnerAddress::of(address));
        let place = place.or_else(|| self.networks.find(address))?;
        Some(place.worker)
    }

    pub(super) fn change(&mut self, change: Change) {
        let call = change.call;
        if let InnerAddress::Network(network) = change.address {
            match change.worker {
                Some(worker) => {
                    self.networks.insert(network, Place { worker, call });
                }
                None if self.networks.get(network).is_some_and(|it| it.call == call) => {
                    self.networks.remove(network);
                }
                None => {}
            }
            return;
        }
        let entry = self.places.entry(change.address);
        match (change.worker, entry) {
            // Two peers may have chosen the same identifier: the first one keeps the way to it.
            (Some(_), Entry::Occupied(_))
                if matches!(change.address, InnerAddress::LinkLocal(_)) => {}
            (Some(worker), entry) => {
                entry.insert_entry(Place { worker, call });
            }
            // It may have gone to another call since.
            (None, Entry::Occupied(entry)) if entry.get().call == call => {
                entry.remove();
            }
            (None, _) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 9);

    fn packet_to(address: IpAddr) -> Vec<u8> {
        let mut packet = match address {
            IpAddr::V4(v4) => [[0; 16].as_slice(), &v4.octets()].concat(),
            IpAddr::V6(v6) => [[0; 24].as_slice(), &v6.octets()].concat(),
        };
        packet[0] = if address.is_ipv4() { 0x45 } else { 0x60 };
        packet
    }

    fn change(address: InnerAddress, call: u32, worker: Option<usize>) -> Change {
        Change {
            address,
            call,
            worker,
        }
    }

    #[test]
    fn packets_find_the_worker_of_their_address() {
        let mut elsewhere = Elsewhere::default();
        let (link_local, global): (Ipv6Addr, Ipv6Addr) =
            ("fe80::7".parse().unwrap(), "2001:db8::1".parse().unwrap());
        let other_half = "2001:db8::ffff:2".parse::<Ipv6Addr>().unwrap();
        for (address, worker) in [
            (InnerAddress::V4(ADDRESS), 1),
            (InnerAddress::LinkLocal(link_local), 2),
            (InnerAddress::prefix_of(global), 3),
            (InnerAddress::Network("192.0.2.0/24".parse().unwrap()), 4),
        ] {
            elsewhere.change(change(address, 7, Some(worker)));
        }
        let find = |address: IpAddr| elsewhere.find(&packet_to(address));
        assert_eq!(find(ADDRESS.into()), Some(1));
        assert_eq!(find(link_local.into()), Some(2));
        assert_eq!(find(global.into()), Some(3));
        assert_eq!(find(other_half.into()), Some(3));
        assert_eq!(find(Ipv4Addr::new(192, 0, 2, 77).into()), Some(4));
        assert_eq!(find(Ipv4Addr::new(10, 77, 0, 8).into()), None);
        assert_eq!(find("fe80::8".parse().unwrap()), None);
        assert_eq!(elsewhere.find(&[]), None);
    }

    #[test]
    fn an_address_that_has_gone_to_another_call_stays_there() {
        let mut elsewhere = Elsewhere::default();
        let address = InnerAddress::V4(ADDRESS);
        elsewhere.change(change(address, 1, Some(1)));
        elsewhere.change(change(address, 2, Some(2)));
        elsewhere.change(change(address, 1, None));
        assert_eq!(elsewhere.find(&packet_to(ADDRESS.into())), Some(2));
        elsewhere.change(change(address, 2, None));
        assert_eq!(elsewhere.find(&packet_to(ADDRESS.into())), None);
    }

    #[test]
    fn of_two_peers_with_one_identifier_the_first_is_found() {
        let mut elsewhere = Elsewhere::default();
        let link_local = "fe80::1".parse().unwrap();
        let address = InnerAddress::LinkLocal(link_local);
        elsewhere.change(change(address, 1, Some(1)));
        elsewhere.change(change(address, 2, Some(2)));
        assert_eq!(elsewhere.find(&packet_to(link_local.into())), Some(1));
    }
}
