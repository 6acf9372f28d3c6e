//! Sets of IPv4 addresses as ranges.

use std::net::Ipv4Addr;

use ipnet::{Ipv4Net, Ipv4Subnets};

/// A set of addresses: ranges with both ends, sorted, none of which touches another.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Ranges {
    list: Vec<(u32, u32)>,
}

impl Ranges {
    /// Adds all from `first` to `last`.
    pub(crate) fn insert(&mut self, first: Ipv4Addr, last: Ipv4Addr) {
        let (mut first, mut last) = (first.to_bits(), last.to_bits());
        if first > last {
            return;
        }
        self.list.retain(|&(low, high)| {
            let touches = low <= last.saturating_add(1) && first <= high.saturating_add(1);
            if touches {
                first = first.min(low);
                last = last.max(high);
            }
            !touches
        });
        let place = self.list.partition_point(|&(low, _)| low < first);
        self.list.insert(place, (first, last));
    }

    /// Takes away all from `first` to `last`.
    pub(crate) fn remove(&mut self, first: Ipv4Addr, last: Ipv4Addr) {
        let (first, last) = (first.to_bits(), last.to_bits());
        let rest = |&(low, high): &(u32, u32)| {
            let before = first.checked_sub(1).map(|end| (low, high.min(end)));
            let behind = last.checked_add(1).map(|start| (low.max(start), high));
            let outside = high < first || low > last;
            let parts = match outside {
                true => [Some((low, high)), None],
                false => [before, behind],
            };
            parts
                .into_iter()
                .flatten()
                .filter(|(low, high)| low <= high)
        };
        self.list = self.list.iter().flat_map(rest).collect();
    }

    /// The ranges in their order, each with its first and last address.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Ipv4Addr, Ipv4Addr)> {
        let ends = |&(low, high)| (Ipv4Addr::from_bits(low), Ipv4Addr::from_bits(high));
        self.list.iter().map(ends)
    }

    /// The addresses that are in both sets.
    pub(crate) fn intersection(&self, other: &Self) -> Self {
        let mut list = Vec::new();
        let (mut mine, mut theirs) = (self.list.iter().peekable(), other.list.iter().peekable());
        while let (Some(&&(a, b)), Some(&&(c, d))) = (mine.peek(), theirs.peek()) {
            if a.max(c) <= b.min(d) {
                list.push((a.max(c), b.min(d)));
            }
            match b < d {
                true => mine.next(),
                false => theirs.next(),
            };
        }
        Self { list }
    }

    pub(crate) fn contains(&self, address: Ipv4Addr) -> bool {
        let address = address.to_bits();
        let place = self.list.partition_point(|&(_, high)| high < address);
        self.list.get(place).is_some_and(|&(low, _)| low <= address)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many addresses there are.
    pub(crate) fn count(&self) -> u64 {
        let size = |&(low, high): &(u32, u32)| u64::from(high - low) + 1;
        self.list.iter().map(size).sum()
    }

    /// The fewest networks that hold these addresses and no others.
    pub(crate) fn networks(&self) -> impl Iterator<Item = Ipv4Net> {
        self.iter()
            .flat_map(|(first, last)| Ipv4Subnets::new(first, last, 0))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn ip(last: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 0, 0, last)
    }

    #[test]
    fn ends_of_the_address_space_are_in_reach() {
        let mut all = Ranges::default();
        all.insert(Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST);
        assert_eq!(all.count(), 1 << 32);
        all.remove(Ipv4Addr::UNSPECIFIED, Ipv4Addr::UNSPECIFIED);
        all.remove(Ipv4Addr::BROADCAST, Ipv4Addr::BROADCAST);
        assert_eq!(all.count(), (1 << 32) - 2);
        all.remove(Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST);
        assert!(all.is_empty());
    }

    #[test]
    fn networks_cover_exactly() {
        let mut ranges = Ranges::default();
        ranges.insert(ip(10), ip(19));
        ranges.insert(ip(32), ip(63));
        let networks: Vec<String> = ranges.networks().map(|net| net.to_string()).collect();
        assert_eq!(
            networks,
            [
                "10.0.0.10/31",
                "10.0.0.12/30",
                "10.0.0.16/30",
                "10.0.0.32/27"
            ]
        );
    }

    fn built(steps: &[(bool, u8, u8)]) -> (Ranges, BTreeSet<Ipv4Addr>) {
        let (mut ranges, mut model) = (Ranges::default(), BTreeSet::new());
        for &(insert, first, last) in steps {
            let all = (first..=last).map(ip);
            match insert {
                true => {
                    ranges.insert(ip(first), ip(last));
                    model.extend(all);
                }
                false => {
                    ranges.remove(ip(first), ip(last));
                    all.for_each(|address| {
                        model.remove(&address);
                    });
                }
            }
        }
        (ranges, model)
    }

    fn steps() -> impl Strategy<Value = Vec<(bool, u8, u8)>> {
        let step = (any::<bool>(), 0..=60u8, 0..20u8);
        prop::collection::vec(step.prop_map(|(b, first, n)| (b, first, first + n)), 0..12)
    }

    proptest! {
        #[test]
        fn ranges_are_the_set_of_their_addresses(a in steps(), b in steps()) {
            let ((ranges, model), (other, other_model)) = (built(&a), built(&b));
            prop_assert_eq!(ranges.count(), model.len() as u64);
            prop_assert_eq!(ranges.is_empty(), model.is_empty());
            let both = ranges.intersection(&other);
            for address in (0..=255).map(ip) {
                prop_assert_eq!(ranges.contains(address), model.contains(&address));
                let expected = model.contains(&address) && other_model.contains(&address);
                prop_assert_eq!(both.contains(address), expected);
                let covered = ranges.networks().any(|net| net.contains(&address));
                prop_assert_eq!(covered, model.contains(&address));
            }
            for pair in ranges.list.windows(2) {
                prop_assert!(pair[0].1 + 1 < pair[1].0, "they touch: {:?}", ranges);
            }
        }
    }
}
