//! The addresses that clients connect from.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

/// Addresses of this host, one for each client as far as they go; or the one that the route prefers, for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sources(Option<Ipv4Net>);

impl Sources {
    /// The addresses of a network, all of which have to be this host's own, but for the first and the last one.
    pub fn of(network: Ipv4Net) -> Self {
        Self(Some(network))
    }

    /// The address of a client by its number; none for the one that the route prefers.
    pub(super) fn address(self, number: usize) -> Option<Ipv4Addr> {
        let network = self.0?;
        let first = network.network().to_bits();
        let size = u64::from(network.broadcast().to_bits() - first) + 1;
        // A network of one or two addresses has no others (RFC 3021).
        let (skipped, usable) = if size > 2 { (1, size - 2) } else { (0, size) };
        let offset = skipped + number as u64 % usable;
        Some(Ipv4Addr::from_bits(first + offset as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(network: &str, number: usize) -> String {
        let sources = Sources::of(network.parse().unwrap());
        sources.address(number).unwrap().to_string()
    }

    #[test]
    fn each_client_has_an_address_of_its_own_as_far_as_they_go() {
        assert_eq!(address("127.1.0.0/16", 0), "127.1.0.1");
        assert_eq!(address("127.1.0.0/16", 65_533), "127.1.255.254");
        assert_eq!(address("127.1.0.0/16", 65_534), "127.1.0.1");
        assert_eq!(address("10.0.0.5/32", 7), "10.0.0.5");
        assert_eq!(address("10.0.0.4/31", 1), "10.0.0.5");
        assert_eq!(address("0.0.0.0/0", 0), "0.0.0.1");
        assert_eq!(Sources::default().address(3), None);
    }
}
