//! All pools of a server.

use std::net::Ipv4Addr;
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::address::AddressPool;
use super::changes::describe;
use super::lease::{Ask, Candidates, Lease, PoolUsage, RouteChange};
use super::memory::Memory;
use super::outside::Outside;
use super::prefix::{LENGTH, PrefixPool};
use super::{LeaseError, PrefixError, Ranges};
use crate::config::{Config, DEFAULT_POOL, Ipv6Pool, Pool, Problem};

/// The tunnel addresses and prefixes that clients lease.
///
/// Reserved addresses go only to users who may have no other. A user with a fixed address gets that one,
/// wherever it is; any other gets one of its pool, or of those that follow it.
#[derive(Debug)]
pub struct Pools {
    /// The default one first.
    addresses: Vec<AddressPool>,
    prefixes: Vec<PrefixPool>,
    outside: Outside,
    /// What the pools were made of.
    plans: (Vec<Pool>, Vec<Ipv6Pool>),
    /// The network of the device, which stays as long as that.
    inside: Ipv4Net,
    /// No pool leases these, and none of them is a client's.
    own: Vec<(Ipv4Addr, &'static str)>,
    ipv6: bool,
    reserved: Vec<Ipv4Addr>,
    last_address: Memory<Ipv4Addr>,
    last_prefix: Memory<Ipv6Net>,
}

impl Pools {
    /// The pools of a checked configuration, nothing leased. What [`Config::client_networks`] names is
    /// routed already.
    pub fn new(config: &Config) -> Self {
        let pools = config.all_pools();
        let prefixes = config.all_ipv6_pools();
        Self {
            addresses: pools.iter().map(AddressPool::new).collect(),
            prefixes: prefixes.iter().map(PrefixPool::new).collect(),
            outside: Outside::new(config.client_networks()),
            plans: (pools, prefixes),
            inside: config.network.pool,
            own: own_addresses(config),
            ipv6: config.network.ipv6,
            reserved: Vec::new(),
            last_address: Memory::default(),
            last_prefix: Memory::default(),
        }
    }

    /// Keeps these addresses, and no others, for users who may have no other.
    pub fn reserve(&mut self, reserved: Vec<Ipv4Addr>) {
        for pool in &mut self.addresses {
            pool.reserve(&reserved);
        }
        self.reserved = reserved;
    }

    /// Leases an address and, where there are any, a prefix to the user.
    ///
    /// # Errors
    /// There is no address that the user may have.
    pub fn lease(&mut self, ask: &Ask<'_>) -> Result<Lease, LeaseError> {
        let (address, pool) = self.lease_address(ask)?;
        let prefix = self.lease_prefix(ask);
        Ok(Lease {
            address,
            pool,
            no_prefix: prefix.as_ref().err().cloned(),
            prefix: prefix.ok().flatten(),
        })
    }

    /// Leases a prefix to the user. None where neither user nor configuration names one.
    ///
    /// # Errors
    /// There is none that the user may have.
    pub fn lease_prefix(&mut self, ask: &Ask<'_>) -> Result<Option<Ipv6Net>, PrefixError> {
        if !self.ipv6 {
            return Ok(None);
        }
        if let Some(fixed) = ask.fixed_prefix {
            return self.take_fixed_prefix(fixed.trunc()).map(Some);
        }
        let name = ask.ipv6_pool.unwrap_or(DEFAULT_POOL);
        let Some(pool) = self.prefixes.iter_mut().find(|pool| *pool.name == *name) else {
            return match ask.ipv6_pool {
                Some(_) if name != DEFAULT_POOL => Err(PrefixError::NoSuchPool(name.to_owned())),
                _ => Ok(None),
            };
        };
        let last = self.last_prefix.of(ask.user);
        let again = last.filter(|prefix| pool.take(*prefix));
        let Some(prefix) = again.or_else(|| pool.take_any()) else {
            pool.exhausted += 1;
            return Err(PrefixError::Exhausted(name.to_owned()));
        };
        self.last_prefix.remember(ask.user, prefix);
        Ok(Some(prefix))
    }

    /// The addresses that the user may get, pool by pool in the order to look in. For leases that are
    /// not made here, see [`Pools::adopt`].
    ///
    /// # Errors
    /// There is none, leased or not.
    pub fn candidates(&self, ask: &Ask<'_>) -> Result<Vec<Candidates>, LeaseError> {
        let mut candidates = Vec::new();
        if let Some(fixed) = ask.allowed.fixed() {
            match self.refuse_own(fixed) {
                Ok(()) => candidates.push(Candidates {
                    pool: self.pool_of(fixed).map(|pool| Arc::clone(&pool.name)),
                    ranges: vec![(fixed, fixed)],
                    sticky: false,
                    fixed: true,
                }),
                Err(error) if !ask.allowed.permits_others() => return Err(error),
                Err(_) => {}
            }
            if !ask.allowed.permits_others() {
                return Ok(candidates);
            }
        }
        let permitted = permitted(ask)?;
        let chain = self.chain(ask, permitted.as_ref())?;
        for pool in chain.iter().map(|index| &self.addresses[*index]) {
            let ranges = match &permitted {
                Some(permitted) => pool.leased().intersection(permitted).iter().collect(),
                None => pool.leased().iter().collect::<Vec<_>>(),
            };
            if !ranges.is_empty() {
                candidates.push(Candidates {
                    pool: Some(Arc::clone(&pool.name)),
                    ranges,
                    sticky: pool.sticky,
                    fixed: false,
                });
            }
        }
        match candidates.is_empty() {
            true => Err(self.exhausted(&chain)),
            false => Ok(candidates),
        }
    }

    /// Takes an address that was leased elsewhere, or is to be a certain one, and tells its pool.
    ///
    /// # Errors
    /// A session has it already, or it cannot be a client's.
    pub fn adopt(&mut self, address: Ipv4Addr) -> Result<Option<Arc<str>>, LeaseError> {
        self.refuse_own(address)?;
        let mut pools = self.addresses.iter_mut();
        let (pool, free) = match pools.find(|pool| pool.holds(address)) {
            Some(pool) => (Some(Arc::clone(&pool.name)), pool.take(address)),
            None => (None, self.outside.take(address)),
        };
        match free {
            true => Ok(pool),
            false => Err(LeaseError::InUse(address)),
        }
    }

    /// Ends the lease of an address; `false` when there was none.
    pub fn release(&mut self, address: Ipv4Addr) -> bool {
        let mut pools = self.addresses.iter_mut();
        match pools.find(|pool| pool.holds(address)) {
            Some(pool) => pool.release(address),
            None => self.outside.release(address),
        }
    }

    /// Ends the lease of a prefix; `false` when there was none.
    pub fn release_prefix(&mut self, prefix: Ipv6Net) -> bool {
        let mut pools = self.prefixes.iter_mut();
        match pools.find(|pool| pool.leases(prefix)) {
            Some(pool) => pool.release(prefix),
            None => self.outside.release_prefix(prefix),
        }
    }

    /// How full the pools are, those of IPv4 first.
    pub fn usage(&self) -> Vec<PoolUsage> {
        let addresses = self.addresses.iter().map(AddressPool::usage);
        let prefixes = self.prefixes.iter().map(PrefixPool::usage);
        addresses.chain(prefixes).collect()
    }

    /// What is to be done on the host since this was asked last, in this order.
    pub fn take_route_changes(&mut self) -> Vec<RouteChange> {
        self.outside.take_changes()
    }

    /// The network of clients that an address is in, leased or not.
    pub fn network_of(&self, address: Ipv4Addr) -> Option<IpNet> {
        self.outside.network_of(address)
    }

    /// Changes to the pools of another configuration and tells what is different, a sentence each. All
    /// leases stay: those that no pool has any more, until they end. `network.pool` stays too: the device
    /// has its address.
    ///
    /// # Errors
    /// The new pools cannot be beside the network of the device; nothing has changed.
    pub fn reconfigure(&mut self, config: &Config) -> Result<Vec<String>, Problem> {
        let mut config = config.clone();
        config.network.pool = self.inside;
        config.check_pools()?;
        let mut new = Self::new(&config);
        let stray = self.outside.len();
        new.inherit(self);
        let mut changes = describe(&self.plans.0, &new.plans.0);
        changes.extend(describe(&self.plans.1, &new.plans.1));
        if new.outside.len() > stray {
            let more = new.outside.len() - stray;
            changes.push(format!(
                "{more} leases are in no pool any more and stay until they end"
            ));
        }
        *self = new;
        Ok(changes)
    }

    /// Takes over all leases and memories of others, of which some may have other ranges.
    fn inherit(&mut self, old: &mut Self) {
        for before in &old.addresses {
            if let Some(pool) = self.addresses.iter_mut().find(|it| it.name == before.name) {
                pool.exhausted = before.exhausted;
            }
        }
        for before in &old.prefixes {
            if let Some(pool) = self.prefixes.iter_mut().find(|it| it.name == before.name) {
                pool.exhausted = before.exhausted;
            }
        }
        let taken = old.addresses.iter().flat_map(AddressPool::taken);
        for address in taken.chain(old.outside.addresses()) {
            if !self.addresses.iter_mut().any(|pool| pool.take(address)) {
                self.outside.take(address);
            }
        }
        let taken = old.prefixes.iter().flat_map(PrefixPool::taken);
        for prefix in taken.chain(old.outside.prefixes()) {
            if !self.prefixes.iter_mut().any(|pool| pool.take(prefix)) {
                self.outside.take_prefix(prefix);
            }
        }
        self.outside.succeed(&old.outside);
        self.reserve(std::mem::take(&mut old.reserved));
        self.last_address = std::mem::take(&mut old.last_address);
        self.last_prefix = std::mem::take(&mut old.last_prefix);
    }

    fn lease_address(&mut self, ask: &Ask<'_>) -> Result<(Ipv4Addr, Option<Arc<str>>), LeaseError> {
        let Some(fixed) = ask.allowed.fixed() else {
            return self.take_any(ask);
        };
        match self.adopt(fixed) {
            Ok(pool) => Ok((fixed, pool)),
            Err(error) if ask.allowed.permits_others() => self.take_any(ask).map_err(|_| error),
            Err(error) => Err(error),
        }
    }

    fn take_any(&mut self, ask: &Ask<'_>) -> Result<(Ipv4Addr, Option<Arc<str>>), LeaseError> {
        let permitted = permitted(ask)?;
        let chain = self.chain(ask, permitted.as_ref())?;
        let may = |address: &Ipv4Addr| permitted.as_ref().is_none_or(|p| p.contains(*address));
        let last = self.last_address.of(ask.user).filter(may);
        for index in &chain {
            let pool = &mut self.addresses[*index];
            let again = last.filter(|last| pool.sticky && pool.take_unreserved(*last));
            if let Some(address) = again.or_else(|| pool.take_any(permitted.as_ref())) {
                if pool.sticky {
                    self.last_address.remember(ask.user, address);
                }
                return Ok((address, Some(Arc::clone(&pool.name))));
            }
            if pool.serves(permitted.as_ref()) {
                pool.exhausted += 1;
            }
        }
        Err(self.exhausted(&chain))
    }

    /// The pools to look in. A user who may have certain addresses only, and whose pool nobody names, is
    /// looked for in all of them.
    fn chain(&self, ask: &Ask<'_>, permitted: Option<&Ranges>) -> Result<Vec<usize>, LeaseError> {
        let name = ask.pool.unwrap_or(DEFAULT_POOL);
        let first = self.index(name);
        let first = first.ok_or_else(|| LeaseError::NoSuchPool(name.to_owned()))?;
        let next = |index: &usize| {
            let next = self.addresses[*index].next.as_deref()?;
            self.index(next)
        };
        // A circle is refused with its configuration.
        let most = self.addresses.len();
        let mut chain: Vec<usize> = std::iter::successors(Some(first), next)
            .take(most)
            .collect();
        if let (Some(permitted), None) = (permitted, ask.pool) {
            let serves = |index: &usize| self.addresses[*index].serves(Some(permitted));
            let others = (0..most).filter(|index| !chain.contains(index) && serves(index));
            chain.extend(others.collect::<Vec<_>>());
        }
        Ok(chain)
    }

    fn index(&self, name: &str) -> Option<usize> {
        self.addresses.iter().position(|pool| *pool.name == *name)
    }

    fn pool_of(&self, address: Ipv4Addr) -> Option<&AddressPool> {
        self.addresses.iter().find(|pool| pool.holds(address))
    }

    fn exhausted(&self, chain: &[usize]) -> LeaseError {
        let pools = chain.iter().map(|index| self.addresses[*index].usage());
        let (mut names, mut taken, mut size) = (Vec::new(), 0, 0);
        for pool in pools {
            names.push(pool.name.to_string());
            taken += pool.taken;
            size += pool.size;
        }
        LeaseError::Exhausted {
            pool: names.join(" -> "),
            taken,
            size,
        }
    }

    fn refuse_own(&self, address: Ipv4Addr) -> Result<(), LeaseError> {
        let special = match address.octets()[0] {
            0 | 127 | 224.. => Some("not an address for hosts"),
            _ => None,
        };
        let own = || self.own.iter().find(|(own, _)| *own == address);
        match special.or_else(|| own().map(|(_, why)| *why)) {
            Some(why) => Err(LeaseError::NotForClients { address, why }),
            None => Ok(()),
        }
    }

    fn take_fixed_prefix(&mut self, prefix: Ipv6Net) -> Result<Ipv6Net, PrefixError> {
        if prefix.prefix_len() != LENGTH {
            return Err(PrefixError::NotA64(prefix));
        }
        let first = prefix.network();
        if first.is_multicast() || first.is_unicast_link_local() || first.segments()[0] == 0 {
            return Err(PrefixError::NotForHosts(prefix));
        }
        let mut pools = self.prefixes.iter_mut();
        let free = match pools.find(|pool| pool.leases(prefix)) {
            Some(pool) => pool.take(prefix),
            None => self.outside.take_prefix(prefix),
        };
        match free {
            true => Ok(prefix),
            false => Err(PrefixError::InUse(prefix)),
        }
    }
}

/// The addresses that the user may have; `None` for any.
fn permitted(ask: &Ask<'_>) -> Result<Option<Ranges>, LeaseError> {
    let permitted = ask.allowed.permitted();
    if permitted.is_empty() {
        return Err(LeaseError::NoneAllowed);
    }
    Ok((permitted.count() < 1 << 32).then_some(permitted))
}

/// Addresses that no client can have.
fn own_addresses(config: &Config) -> Vec<(Ipv4Addr, &'static str)> {
    let network = &config.network;
    let mut own = vec![
        (network.server_address(), "the server's end of the tunnels"),
        (
            network.pool.network(),
            "the network address of network.pool",
        ),
        (
            network.pool.broadcast(),
            "the broadcast address of network.pool",
        ),
    ];
    let listen = config.listen.iter().map(|place| *place.address.ip());
    own.extend(listen.map(|address| (address, "where the server listens")));
    own
}
