//! Leases of IPv6 prefixes.

use std::net::Ipv6Addr;

use ipnet::Ipv6Net;

use super::slots::Slots;

/// Most prefixes that a pool keeps track of.
const MOST: u32 = 1 << 24;
/// RFC 4862 §5.5.3: stateless address configuration needs a /64.
const LENGTH: u8 = 64;

/// The /64s of one prefix, each leased to one client.
#[derive(Debug)]
pub struct PrefixPool {
    prefix: Ipv6Net,
    slots: Slots,
}

impl PrefixPool {
    /// All /64s of `prefix`; none when it is longer than that.
    pub fn new(prefix: Ipv6Net) -> Self {
        let prefix = prefix.trunc();
        let count = LENGTH
            .checked_sub(prefix.prefix_len())
            .map_or(0, |bits| 1u64.checked_shl(bits.into()).unwrap_or(u64::MAX));
        Self {
            prefix,
            slots: Slots::new(u32::try_from(count).unwrap_or(MOST).min(MOST)),
        }
    }

    /// Leases the /64 with number `index` if there is such a one and it is free, else another. With the
    /// position of a client's IPv4 address as the index, who keeps the one keeps the other.
    pub fn lease(&mut self, index: u32) -> Option<Ipv6Net> {
        let slot = match self.slots.take(index) {
            true => index,
            false => self.slots.take_next(|_| true)?,
        };
        let network = self.prefix.network().to_bits() | u128::from(slot) << (128 - LENGTH);
        Ipv6Net::new(Ipv6Addr::from_bits(network), LENGTH).ok()
    }

    /// Ends a lease; `false` when there was none.
    pub fn release(&mut self, leased: Ipv6Net) -> bool {
        if leased.prefix_len() != LENGTH || !self.prefix.contains(&leased) {
            return false;
        }
        let offset = leased.network().to_bits() ^ self.prefix.network().to_bits();
        u32::try_from(offset >> (128 - LENGTH)).is_ok_and(|slot| self.slots.free(slot))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(prefix: &str) -> PrefixPool {
        PrefixPool::new(prefix.parse().unwrap())
    }

    fn net(prefix: &str) -> Ipv6Net {
        prefix.parse().unwrap()
    }

    #[test]
    fn index_names_the_prefix() {
        let mut pool = pool("2001:db8:1::/56");
        assert_eq!(pool.lease(2), Some(net("2001:db8:1:2::/64")));
        assert_eq!(pool.lease(255), Some(net("2001:db8:1:ff::/64")));
        assert_eq!(pool.lease(2), Some(net("2001:db8:1::/64")));
        assert!(pool.release(net("2001:db8:1:2::/64")));
        assert!(!pool.release(net("2001:db8:1:2::/64")));
        assert_eq!(pool.lease(2), Some(net("2001:db8:1:2::/64")));
    }

    #[test]
    fn a_single_prefix_serves_one() {
        let mut pool = pool("2001:db8::/64");
        assert_eq!(pool.lease(9), Some(net("2001:db8::/64")));
        assert_eq!(pool.lease(9), None);
        assert!(!pool.release(net("2001:db9::/64")));
    }

    #[test]
    fn huge_and_tiny_prefixes_are_bounded() {
        assert_eq!(pool("2001:db8::/32").slots.count(), MOST);
        assert_eq!(pool("2001:db8::/96").lease(0), None);
    }
}
