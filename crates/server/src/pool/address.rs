//! One pool of IPv4 addresses.

use std::net::Ipv4Addr;
use std::sync::Arc;

use super::lease::{PoolKind, PoolUsage};
use super::ranges::Ranges;
use super::slots::Slots;
use crate::config::Pool;

/// The addresses of one pool, each with a slot.
#[derive(Debug)]
pub(super) struct AddressPool {
    pub(super) name: Arc<str>,
    pub(super) sticky: bool,
    /// The pool to look in when this one is exhausted.
    pub(super) next: Option<Arc<str>>,
    /// How often there was nothing left.
    pub(super) exhausted: u64,
    /// What the pool leases.
    leased: Ranges,
    /// First and last address of each range, and the slot of the first.
    places: Vec<(u32, u32, u32)>,
    slots: Slots,
}

impl AddressPool {
    pub(super) fn new(pool: &Pool) -> Self {
        let leased = pool.leased();
        let mut places = Vec::new();
        let mut count = 0u32;
        for (first, last) in leased.iter() {
            let (first, last) = (first.to_bits(), last.to_bits());
            places.push((first, last, count));
            count = count.saturating_add((last - first).saturating_add(1));
        }
        Self {
            name: pool.name.as_str().into(),
            sticky: pool.sticky,
            next: pool.next.as_deref().map(Arc::from),
            exhausted: 0,
            leased,
            places,
            slots: Slots::new(count),
        }
    }

    /// Whether it leases this address.
    pub(super) fn holds(&self, address: Ipv4Addr) -> bool {
        self.slot(address).is_some()
    }

    /// The addresses that it leases.
    pub(super) fn leased(&self) -> &Ranges {
        &self.leased
    }

    /// Whether it leases any of the addresses that are permitted.
    pub(super) fn serves(&self, permitted: Option<&Ranges>) -> bool {
        permitted.is_none_or(|permitted| !permitted.intersection(&self.leased).is_empty())
    }

    /// Takes this address, reserved or not; `false` when it is not here or taken.
    pub(super) fn take(&mut self, address: Ipv4Addr) -> bool {
        self.slot(address).is_some_and(|slot| self.slots.take(slot))
    }

    /// Takes this address unless it is reserved.
    pub(super) fn take_unreserved(&mut self, address: Ipv4Addr) -> bool {
        self.slot(address)
            .is_some_and(|slot| !self.slots.is_kept(slot) && self.slots.take(slot))
    }

    /// Takes an address that is not reserved and, where only some are permitted, one of these.
    pub(super) fn take_any(&mut self, permitted: Option<&Ranges>) -> Option<Ipv4Addr> {
        let slot = match permitted {
            None => self.slots.take_next(),
            Some(permitted) => {
                let common = self.leased.intersection(permitted);
                common.iter().find_map(|(first, last)| {
                    let (first, last) = (self.slot(first)?, self.slot(last)?);
                    self.slots.take_within(first..last + 1)
                })
            }
        };
        slot.and_then(|slot| self.address(slot))
    }

    /// Ends a lease; `false` when there was none.
    pub(super) fn release(&mut self, address: Ipv4Addr) -> bool {
        self.slot(address).is_some_and(|slot| self.slots.free(slot))
    }

    /// Keeps those of these addresses that are its own, and no others, for users who may have no other.
    pub(super) fn reserve(&mut self, addresses: &[Ipv4Addr]) {
        let places = &self.places;
        let slots = addresses
            .iter()
            .filter_map(|address| slot_of(places, *address));
        self.slots.keep(slots);
    }

    /// The addresses that are leased now.
    pub(super) fn taken(&self) -> impl Iterator<Item = Ipv4Addr> {
        self.slots
            .iter_taken()
            .filter_map(|slot| self.address(slot))
    }

    pub(super) fn usage(&self) -> PoolUsage {
        PoolUsage {
            name: Arc::clone(&self.name),
            kind: PoolKind::Ipv4,
            size: self.slots.count().into(),
            taken: self.slots.taken_count().into(),
            exhausted: self.exhausted,
        }
    }

    fn slot(&self, address: Ipv4Addr) -> Option<u32> {
        slot_of(&self.places, address)
    }

    fn address(&self, slot: u32) -> Option<Ipv4Addr> {
        let behind = self.places.partition_point(|&(_, _, base)| base <= slot);
        let &(first, _, base) = self.places.get(behind.checked_sub(1)?)?;
        Some(Ipv4Addr::from_bits(first + (slot - base)))
    }
}

fn slot_of(places: &[(u32, u32, u32)], address: Ipv4Addr) -> Option<u32> {
    let address = address.to_bits();
    let place = places.partition_point(|&(_, last, _)| last < address);
    let &(first, _, base) = places.get(place)?;
    Some(base + address.checked_sub(first)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> Ipv4Addr {
        text.parse().unwrap()
    }

    fn pool(ranges: &[&str], exclude: &[&str]) -> AddressPool {
        let parsed = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        AddressPool::new(&Pool {
            name: "office".to_owned(),
            ranges: parsed(ranges),
            exclude: parsed(exclude),
            sticky: true,
            next: None,
        })
    }

    fn all(pool: &mut AddressPool) -> Vec<String> {
        std::iter::from_fn(|| pool.take_any(None).map(|address| address.to_string())).collect()
    }

    #[test]
    fn several_ranges_are_leased_without_their_ends_and_exclusions() {
        let mut pool = pool(
            &["10.2.0.9-10.2.0.11", "10.1.0.0/29", "10.3.0.0/31"],
            &["10.1.0.2-10.1.0.4", "10.2.0.10"],
        );
        let expected = [
            "10.1.0.1",
            "10.1.0.5",
            "10.1.0.6",
            "10.2.0.9",
            "10.2.0.11",
            "10.3.0.0",
            "10.3.0.1",
        ];
        assert_eq!(all(&mut pool), expected);
        assert_eq!(pool.taken().count(), 7);
        for address in [
            "10.1.0.0",
            "10.1.0.3",
            "10.1.0.7",
            "10.2.0.10",
            "10.9.9.9",
            "0.0.0.0",
        ] {
            assert!(!pool.holds(ip(address)), "{address}");
            assert!(!pool.release(ip(address)), "{address}");
        }
        assert!(pool.release(ip("10.2.0.11")));
        assert!(!pool.take_unreserved(ip("10.2.0.9")));
        assert_eq!(all(&mut pool), ["10.2.0.11"]);
    }

    #[test]
    fn permitted_ranges_are_searched_and_no_others() {
        let mut pool = pool(&["10.1.0.0/24"], &[]);
        let mut permitted = Ranges::default();
        permitted.insert(ip("10.0.0.0"), ip("10.1.0.1"));
        permitted.insert(ip("10.1.0.200"), ip("10.1.0.201"));
        permitted.insert(ip("10.2.0.0"), ip("10.2.0.9"));
        pool.reserve(&[ip("10.1.0.200"), ip("192.0.2.1")]);
        let mut next = || pool.take_any(Some(&permitted));
        assert_eq!(next(), Some(ip("10.1.0.1")));
        assert_eq!(next(), Some(ip("10.1.0.201")));
        assert_eq!(next(), None);
        assert!(!pool.take_unreserved(ip("10.1.0.200")));
        assert!(pool.take(ip("10.1.0.200")));
    }
}
