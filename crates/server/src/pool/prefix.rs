//! One pool of IPv6 prefixes.

use std::net::Ipv6Addr;
use std::sync::Arc;

use ipnet::Ipv6Net;

use super::lease::{PoolKind, PoolUsage};
use super::slots::Slots;
use crate::config::Ipv6Pool;

/// Most prefixes that a pool keeps track of.
const MOST: u32 = 1 << 24;
/// RFC 4862 §5.5.3: stateless address configuration needs a /64.
pub(super) const LENGTH: u8 = 64;

/// The /64s of one prefix, each leased to one client.
#[derive(Debug)]
pub(super) struct PrefixPool {
    pub(super) name: Arc<str>,
    /// How often there was nothing left.
    pub(super) exhausted: u64,
    prefix: Ipv6Net,
    slots: Slots,
}

impl PrefixPool {
    /// All /64s of the prefix; none when it is longer than that.
    pub(super) fn new(pool: &Ipv6Pool) -> Self {
        let prefix = pool.prefix.trunc();
        let count = LENGTH
            .checked_sub(prefix.prefix_len())
            .map_or(0, |bits| 1u64.checked_shl(bits.into()).unwrap_or(u64::MAX));
        Self {
            name: pool.name.as_str().into(),
            exhausted: 0,
            prefix,
            slots: Slots::new(u32::try_from(count).unwrap_or(MOST).min(MOST)),
        }
    }

    /// Whether a /64 is one that it leases.
    pub(super) fn leases(&self, prefix: Ipv6Net) -> bool {
        self.slot(prefix).is_some()
    }

    /// Takes this /64; `false` when it is not here or taken.
    pub(super) fn take(&mut self, prefix: Ipv6Net) -> bool {
        self.slot(prefix).is_some_and(|slot| self.slots.take(slot))
    }

    /// Takes any.
    pub(super) fn take_any(&mut self) -> Option<Ipv6Net> {
        let slot = self.slots.take_next()?;
        self.nth(slot)
    }

    /// Ends a lease; `false` when there was none.
    pub(super) fn release(&mut self, prefix: Ipv6Net) -> bool {
        self.slot(prefix).is_some_and(|slot| self.slots.free(slot))
    }

    /// The prefixes that are leased now.
    pub(super) fn taken(&self) -> impl Iterator<Item = Ipv6Net> {
        self.slots.iter_taken().filter_map(|slot| self.nth(slot))
    }

    pub(super) fn usage(&self) -> PoolUsage {
        PoolUsage {
            name: Arc::clone(&self.name),
            kind: PoolKind::Ipv6,
            size: self.slots.count().into(),
            taken: self.slots.taken_count().into(),
            exhausted: self.exhausted,
        }
    }

    fn slot(&self, prefix: Ipv6Net) -> Option<u32> {
        if prefix.prefix_len() != LENGTH || !self.prefix.contains(&prefix) {
            return None;
        }
        let offset = prefix.network().to_bits() ^ self.prefix.network().to_bits();
        let slot = u32::try_from(offset >> (128 - LENGTH)).ok()?;
        (slot < self.slots.count()).then_some(slot)
    }

    fn nth(&self, slot: u32) -> Option<Ipv6Net> {
        let network = self.prefix.network().to_bits() | u128::from(slot) << (128 - LENGTH);
        Ipv6Net::new(Ipv6Addr::from_bits(network), LENGTH).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(prefix: &str) -> PrefixPool {
        PrefixPool::new(&Ipv6Pool {
            name: "six".to_owned(),
            prefix: prefix.parse().unwrap(),
        })
    }

    fn net(prefix: &str) -> Ipv6Net {
        prefix.parse().unwrap()
    }

    #[test]
    fn each_64_is_leased_once() {
        let mut pool = pool("2001:db8:1::/62");
        assert!(pool.take(net("2001:db8:1:1::/64")));
        let all: Vec<String> = std::iter::from_fn(|| pool.take_any())
            .map(|prefix| prefix.to_string())
            .collect();
        assert_eq!(
            all,
            ["2001:db8:1::/64", "2001:db8:1:2::/64", "2001:db8:1:3::/64"]
        );
        assert_eq!(pool.taken().count(), 4);
        assert!(pool.release(net("2001:db8:1:2::/64")));
        assert!(!pool.release(net("2001:db8:1:2::/64")));
        assert_eq!(pool.take_any(), Some(net("2001:db8:1:2::/64")));
    }

    #[test]
    fn a_single_prefix_serves_one() {
        let mut pool = pool("2001:db8::/64");
        assert_eq!(pool.take_any(), Some(net("2001:db8::/64")));
        assert_eq!(pool.take_any(), None);
        assert!(!pool.release(net("2001:db9::/64")));
        assert!(!pool.leases(net("2001:db8::/80")));
    }

    #[test]
    fn huge_and_tiny_prefixes_are_bounded() {
        let huge = pool("2001:db8::/32");
        assert_eq!(huge.slots.count(), MOST);
        let last = net("2001:db8:ffff:ffff::/64");
        assert!(huge.prefix.contains(&last) && !huge.leases(last));
        assert_eq!(pool("2001:db8::/96").take_any(), None);
    }
}
