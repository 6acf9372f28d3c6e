//! Leases of IPv4 addresses.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::slots::Slots;
use crate::users::AllowedAddresses;

/// How many users' last addresses are remembered at most.
const REMEMBERED: usize = 65_536;

/// The tunnel addresses that clients lease.
///
/// The network and broadcast addresses, the server's own and those excluded are never leased. Reserved ones
/// go only to users who may have no other. A user gets the address held last, if it is free.
#[derive(Debug)]
pub struct AddressPool {
    network: Ipv4Net,
    slots: Slots,
    excluded: HashSet<u32>,
    reserved: HashSet<u32>,
    slot_of: HashMap<Box<str>, u32>,
    holder_of: BTreeMap<u32, Box<str>>,
}

/// Why no address was leased.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LeaseError {
    /// All addresses that the user may have are taken.
    #[error("no address that this user may have is free in {0}")]
    Exhausted(Ipv4Net),
    /// The user's fixed address is taken.
    #[error("the user's fixed address {0} is in use by another session")]
    InUse(Ipv4Addr),
    /// The user's fixed address cannot be leased from this pool.
    #[error("the user's fixed address {address} cannot be leased from {network}")]
    NotInPool {
        /// The fixed address.
        address: Ipv4Addr,
        /// The pool.
        network: Ipv4Net,
    },
    /// The user may have no address at all.
    #[error("the user may have no address; in a secrets file, the line needs one (`*` for any)")]
    NoneAllowed,
}

impl AddressPool {
    /// A pool of the host addresses of `network` without `excluded`; the server's own address must be
    /// among these.
    pub fn new(network: Ipv4Net, excluded: &[Ipv4Addr]) -> Self {
        let network = network.trunc();
        // A /0 does not fit; the configuration ends at /8.
        let count = 1u32.checked_shl(32 - u32::from(network.prefix_len()));
        let mut pool = Self {
            network,
            slots: Slots::new(count.unwrap_or(u32::MAX)),
            excluded: HashSet::new(),
            reserved: HashSet::new(),
            slot_of: HashMap::new(),
            holder_of: BTreeMap::new(),
        };
        let ends = [network.network(), network.broadcast()];
        for address in ends.iter().chain(excluded) {
            if let Some(slot) = pool.slot(*address) {
                pool.excluded.insert(slot);
            }
        }
        pool
    }

    /// Replaces the addresses that are kept for users who may have no other.
    pub fn reserve(&mut self, addresses: impl IntoIterator<Item = Ipv4Addr>) {
        self.reserved = addresses
            .into_iter()
            .filter_map(|address| slot_in(self.network, address))
            .collect();
    }

    /// Leases an address to `user`.
    ///
    /// # Errors
    /// No address is left that the user may have.
    pub fn lease(
        &mut self,
        user: &str,
        allowed: &AllowedAddresses,
    ) -> Result<Ipv4Addr, LeaseError> {
        if allowed.is_empty() {
            return Err(LeaseError::NoneAllowed);
        }
        let slot = match allowed.fixed() {
            Some(address) if allowed.permits_others() => match self.take_fixed(address) {
                Ok(slot) => slot,
                Err(error) => self.take_any(allowed).ok_or(error)?,
            },
            Some(address) => self.take_fixed(address)?,
            None => self
                .take_remembered(user, allowed)
                .or_else(|| self.take_any(allowed))
                .ok_or(LeaseError::Exhausted(self.network))?,
        };
        self.remember(user, slot);
        Ok(self.address(slot))
    }

    /// Ends a lease; `false` when there was none.
    pub fn release(&mut self, address: Ipv4Addr) -> bool {
        self.slot(address).is_some_and(|slot| self.slots.free(slot))
    }

    /// The position of an address in the pool, from 0 for the network address.
    pub fn index_of(&self, address: Ipv4Addr) -> Option<u32> {
        self.slot(address)
    }

    /// The range that the addresses come from.
    pub fn network(&self) -> Ipv4Net {
        self.network
    }

    fn take_fixed(&mut self, address: Ipv4Addr) -> Result<u32, LeaseError> {
        let network = self.network;
        let slot = self
            .slot(address)
            .filter(|slot| !self.excluded.contains(slot))
            .ok_or(LeaseError::NotInPool { address, network })?;
        match self.slots.take(slot) {
            true => Ok(slot),
            false => Err(LeaseError::InUse(address)),
        }
    }

    fn take_remembered(&mut self, user: &str, allowed: &AllowedAddresses) -> Option<u32> {
        let slot = *self.slot_of.get(user)?;
        let usable = !self.reserved.contains(&slot) && allowed.permits(self.address(slot));
        (usable && self.slots.take(slot)).then_some(slot)
    }

    fn take_any(&mut self, allowed: &AllowedAddresses) -> Option<u32> {
        let (network, excluded, reserved) = (self.network, &self.excluded, &self.reserved);
        self.slots.take_next(|slot| {
            !excluded.contains(&slot)
                && !reserved.contains(&slot)
                && allowed.permits(address_in(network, slot))
        })
    }

    /// Each address remembers one user and each user one address, so the memory is bounded.
    fn remember(&mut self, user: &str, slot: u32) {
        if let Some(former) = self.holder_of.remove(&slot) {
            self.slot_of.remove(&former);
        }
        if let Some(former) = self.slot_of.remove(user) {
            self.holder_of.remove(&former);
        }
        if self.slot_of.len() >= REMEMBERED
            && let Some((_, forgotten)) = self.holder_of.pop_first()
        {
            self.slot_of.remove(&forgotten);
        }
        self.slot_of.insert(user.into(), slot);
        self.holder_of.insert(slot, user.into());
    }

    fn slot(&self, address: Ipv4Addr) -> Option<u32> {
        slot_in(self.network, address).filter(|slot| *slot < self.slots.count())
    }

    fn address(&self, slot: u32) -> Ipv4Addr {
        address_in(self.network, slot)
    }
}

fn slot_in(network: Ipv4Net, address: Ipv4Addr) -> Option<u32> {
    network
        .contains(&address)
        .then(|| address.to_bits() - network.network().to_bits())
}

fn address_in(network: Ipv4Net, slot: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(network.network().to_bits().wrapping_add(slot))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pool(network: &str) -> AddressPool {
        let network: Ipv4Net = network.parse().unwrap();
        let server = network.hosts().next().unwrap();
        AddressPool::new(network, &[server])
    }

    fn any() -> AllowedAddresses {
        AllowedAddresses::any()
    }

    fn ip(text: &str) -> Ipv4Addr {
        text.parse().unwrap()
    }

    #[test]
    fn server_network_and_broadcast_are_never_leased() {
        let mut pool = pool("10.0.0.0/29");
        let leased: Vec<String> = (0..5)
            .map(|n| pool.lease(&n.to_string(), &any()).unwrap().to_string())
            .collect();
        assert_eq!(
            leased,
            ["10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"]
        );
        let full = pool.lease("late", &any()).unwrap_err();
        assert_eq!(full, LeaseError::Exhausted("10.0.0.0/29".parse().unwrap()));
        assert!(full.to_string().contains("10.0.0.0/29"));
    }

    #[test]
    fn a_user_gets_the_same_address_again() {
        let mut pool = pool("10.0.0.0/24");
        let first = pool.lease("alice", &any()).unwrap();
        pool.release(first);
        let other = pool.lease("bob", &any()).unwrap();
        assert_ne!(other, first);
        assert_eq!(pool.lease("alice", &any()).unwrap(), first);
        assert_ne!(pool.lease("alice", &any()).unwrap(), first);
    }

    #[test]
    fn fixed_addresses_are_reserved() {
        let mut pool = pool("10.0.0.0/29");
        let fixed = ip("10.0.0.2");
        pool.reserve([fixed]);
        assert_eq!(pool.lease("bob", &any()).unwrap(), ip("10.0.0.3"));
        let only = AllowedAddresses::only(fixed);
        assert_eq!(pool.lease("alice", &only).unwrap(), fixed);
        assert_eq!(pool.lease("alice", &only), Err(LeaseError::InUse(fixed)));
        assert!(pool.release(fixed));
        assert!(!pool.release(fixed));
        assert_eq!(pool.lease("alice", &only).unwrap(), fixed);
    }

    #[test]
    fn several_single_addresses_serve_several_sessions() {
        let mut secrets = AllowedAddresses::only(ip("10.0.0.5"));
        secrets.push_word("10.0.0.3").unwrap();
        let mut pool = pool("10.0.0.0/29");
        assert_eq!(pool.lease("a", &secrets).unwrap(), ip("10.0.0.5"));
        assert_eq!(pool.lease("a", &secrets).unwrap(), ip("10.0.0.3"));
        assert_eq!(
            pool.lease("a", &secrets),
            Err(LeaseError::InUse(ip("10.0.0.5")))
        );
    }

    #[test]
    fn impossible_fixed_addresses_are_refused() {
        let mut pool = pool("10.0.0.0/29");
        for address in ["10.0.0.1", "10.0.0.0", "10.0.0.7", "10.0.1.2", "192.0.2.1"] {
            let only = AllowedAddresses::only(ip(address));
            assert!(matches!(
                pool.lease("a", &only),
                Err(LeaseError::NotInPool { .. })
            ));
        }
        let none = AllowedAddresses::none();
        assert_eq!(pool.lease("a", &none), Err(LeaseError::NoneAllowed));
    }

    #[test]
    fn a_remembered_address_must_still_be_allowed() {
        let mut pool = pool("10.0.0.0/24");
        let first = pool.lease("alice", &any()).unwrap();
        pool.release(first);
        pool.reserve([first]);
        assert_ne!(pool.lease("alice", &any()).unwrap(), first);
    }

    #[derive(Debug, Clone)]
    enum Step {
        Lease(u8),
        LeaseFixed(u8, u8),
        Release(u8),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0..12u8).prop_map(Step::Lease),
            (0..12u8, 0..40u8).prop_map(|(user, host)| Step::LeaseFixed(user, host)),
            (0..40u8).prop_map(Step::Release),
        ]
    }

    proptest! {
        #[test]
        fn no_address_is_leased_twice(steps in prop::collection::vec(step(), 0..200)) {
            let mut pool = pool("10.0.0.0/28");
            let mut leased = HashSet::new();
            for step in steps {
                let lease = match step {
                    Step::Lease(user) => pool.lease(&user.to_string(), &any()).ok(),
                    Step::LeaseFixed(user, host) => {
                        let only = AllowedAddresses::only(Ipv4Addr::new(10, 0, 0, host));
                        pool.lease(&user.to_string(), &only).ok()
                    }
                    Step::Release(host) => {
                        let address = Ipv4Addr::new(10, 0, 0, host);
                        prop_assert_eq!(pool.release(address), leased.remove(&address));
                        None
                    }
                };
                if let Some(address) = lease {
                    prop_assert!(leased.insert(address), "{} leased twice", address);
                    prop_assert!((2..15).contains(&address.octets()[3]));
                }
            }
            prop_assert!(pool.holder_of.len() == pool.slot_of.len());
        }
    }
}
