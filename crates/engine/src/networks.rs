//! Look-up by the longest prefix.

use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::IpNet;

/// Values by networks, IPv4 and IPv6: an address has the value of the longest prefix that holds it.
///
/// A look-up takes as many steps as there are lengths of prefixes, and none where there is no network.
#[derive(Debug, Clone)]
pub struct Networks<V> {
    /// By length, the longest first; each with its networks by their first address.
    ipv4: Vec<(u8, HashMap<u32, V>)>,
    ipv6: Vec<(u8, HashMap<u128, V>)>,
}

impl<V> Default for Networks<V> {
    fn default() -> Self {
        Self {
            ipv4: Vec::new(),
            ipv6: Vec::new(),
        }
    }
}

impl<V> Networks<V> {
    /// Gives a network a value, and returns the one that it had.
    pub fn insert(&mut self, network: IpNet, value: V) -> Option<V> {
        let length = network.prefix_len();
        match network.trunc().addr() {
            IpAddr::V4(first) => of_length(&mut self.ipv4, length).insert(first.to_bits(), value),
            IpAddr::V6(first) => of_length(&mut self.ipv6, length).insert(first.to_bits(), value),
        }
    }

    /// Takes a network out, and returns its value.
    pub fn remove(&mut self, network: IpNet) -> Option<V> {
        let length = network.prefix_len();
        match network.trunc().addr() {
            IpAddr::V4(first) => remove(&mut self.ipv4, length, &first.to_bits()),
            IpAddr::V6(first) => remove(&mut self.ipv6, length, &first.to_bits()),
        }
    }

    /// The value of exactly this network.
    pub fn get(&self, network: IpNet) -> Option<&V> {
        let length = network.prefix_len();
        match network.trunc().addr() {
            IpAddr::V4(first) => get(&self.ipv4, length, &first.to_bits()),
            IpAddr::V6(first) => get(&self.ipv6, length, &first.to_bits()),
        }
    }

    /// The value of the longest prefix that holds the address.
    pub fn find(&self, address: IpAddr) -> Option<&V> {
        match address {
            IpAddr::V4(address) => self.ipv4.iter().find_map(|(length, values)| {
                let mask = u32::MAX.checked_shl(32 - u32::from(*length));
                values.get(&(address.to_bits() & mask.unwrap_or_default()))
            }),
            IpAddr::V6(address) => self.ipv6.iter().find_map(|(length, values)| {
                let mask = u128::MAX.checked_shl(128 - u32::from(*length));
                values.get(&(address.to_bits() & mask.unwrap_or_default()))
            }),
        }
    }
}

fn of_length<K, V>(lengths: &mut Vec<(u8, HashMap<K, V>)>, length: u8) -> &mut HashMap<K, V> {
    let index = match lengths.binary_search_by(|(other, _)| length.cmp(other)) {
        Ok(index) => index,
        Err(index) => {
            lengths.insert(index, (length, HashMap::new()));
            index
        }
    };
    &mut lengths[index].1
}

fn get<'a, K: Eq + std::hash::Hash, V>(
    lengths: &'a [(u8, HashMap<K, V>)],
    length: u8,
    first: &K,
) -> Option<&'a V> {
    let (_, values) = lengths.iter().find(|(other, _)| *other == length)?;
    values.get(first)
}

fn remove<K: Eq + std::hash::Hash, V>(
    lengths: &mut Vec<(u8, HashMap<K, V>)>,
    length: u8,
    first: &K,
) -> Option<V> {
    let index = lengths.iter().position(|(other, _)| *other == length)?;
    let values = &mut lengths[index].1;
    let value = values.remove(first);
    if values.is_empty() {
        lengths.remove(index);
    }
    value
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn network() -> impl Strategy<Value = IpNet> {
        let v4 = (0..8u8, 0..=32u8)
            .prop_map(|(host, length)| IpNet::new(IpAddr::from([10, 0, 0, host]), length).unwrap());
        let v6 = (0..8u16, 0..=128u8).prop_map(|(host, length)| {
            IpNet::new(IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, host]), length).unwrap()
        });
        prop_oneof![v4, v6]
    }

    proptest! {
        #[test]
        fn the_longest_prefix_is_found(
            networks in prop::collection::vec((network(), any::<bool>()), 0..40),
            asked in network(),
        ) {
            let mut map = Networks::default();
            let mut plain: Vec<IpNet> = Vec::new();
            for (network, is_added) in networks {
                let network = network.trunc();
                let known = plain.iter().position(|other| *other == network);
                prop_assert_eq!(map.get(network).copied(), known.map(|_| network));
                match (is_added, known) {
                    (true, None) => {
                        prop_assert_eq!(map.insert(network, network), None);
                        plain.push(network);
                    }
                    (true, Some(_)) => prop_assert_eq!(map.insert(network, network), Some(network)),
                    (false, Some(index)) => {
                        plain.remove(index);
                        prop_assert_eq!(map.remove(network), Some(network));
                    }
                    (false, None) => prop_assert_eq!(map.remove(network), None),
                }
            }
            let address = asked.addr();
            let holding = plain.iter().filter(|network| network.contains(&address));
            let longest = holding.max_by_key(|network| network.prefix_len());
            prop_assert_eq!(map.find(address), longest);
        }
    }
}
