//! Rules of pools, alone and among each other.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use ipnet::Ipv6Net;

use super::super::error::Problem;
use super::super::types::Config;
use super::{AddressRange, DEFAULT_POOL, Ipv6Pool, Pool};

/// The longest name of a pool, in octets.
const NAME_OCTETS: usize = 64;
/// The most addresses of one range: a /8.
const RANGE_ADDRESSES: u32 = 1 << 24;

impl Config {
    /// Checks the pools, those of `[network]` against the others included.
    pub(crate) fn check_pools(&self) -> Result<(), Problem> {
        check_names("pools", self.pools.iter().map(|pool| &pool.name))?;
        check_names("ipv6_pools", self.ipv6_pools.iter().map(|pool| &pool.name))?;
        for (index, pool) in self.pools.iter().enumerate() {
            check_pool(index, pool)?;
        }
        self.check_next()?;
        self.check_overlaps()?;
        self.check_listened()?;
        self.check_ipv6_pools()?;
        self.check_policy_pools()
    }

    /// The pools of everybody have to be there.
    fn check_policy_pools(&self) -> Result<(), Problem> {
        let ipv4: Vec<String> = self.all_pools().into_iter().map(|pool| pool.name).collect();
        let ipv6: Vec<String> = self
            .all_ipv6_pools()
            .into_iter()
            .map(|pool| pool.name)
            .collect();
        for (key, name, names) in [
            ("policy.pool", &self.policy.pool, ipv4),
            ("policy.ipv6_pool", &self.policy.ipv6_pool, ipv6),
        ] {
            if let Some(name) = name.as_ref().filter(|name| !names.contains(name)) {
                return Err(Problem::new(key, format!("there is no pool \"{name}\"")));
            }
        }
        Ok(())
    }

    fn check_next(&self) -> Result<(), Problem> {
        let next_of: HashMap<&str, &str> = self
            .pools
            .iter()
            .filter_map(|pool| Some((pool.name.as_str(), pool.next.as_deref()?)))
            .collect();
        for (index, pool) in self.pools.iter().enumerate() {
            let key = || format!("pools[{index}].next");
            if let Some(next) = pool.next.as_deref().filter(|next| !self.has_pool(next)) {
                let problem = format!("there is no pool \"{next}\" to follow \"{}\"", pool.name);
                return Err(Problem::new(key(), problem));
            }
            let mut way = vec![pool.name.as_str()];
            while let Some(next) = next_of.get(way[way.len() - 1]) {
                way.push(next);
                if *next == pool.name {
                    let way = way.join("\" to \"");
                    let problem = format!("pools follow each other in a circle: \"{way}\"");
                    return Err(Problem::new(key(), problem));
                }
                if way.len() > self.pools.len() + 1 {
                    // A circle that this pool only leads to: one of its own pools tells of it.
                    break;
                }
            }
        }
        Ok(())
    }

    fn check_overlaps(&self) -> Result<(), Problem> {
        let inside = AddressRange::Network(self.network.pool);
        let mut ranges = vec![(inside, "network.pool".to_owned(), String::new())];
        for (index, pool) in self.pools.iter().enumerate() {
            let of = |range: &AddressRange| {
                let key = format!("pools[{index}].ranges");
                (*range, format!("the pool \"{}\"", pool.name), key)
            };
            ranges.extend(pool.ranges.iter().map(of));
        }
        ranges.sort_by_key(|(range, ..)| range.first());
        // Of ranges sorted by their beginnings, those that overlap at all overlap next to each other.
        for pair in ranges.windows(2) {
            let [(a, of_a, key_a), (b, of_b, key_b)] = pair else {
                continue;
            };
            if a.overlaps(b) {
                let key = if key_b.is_empty() { key_a } else { key_b };
                let problem = format!(
                    "{a} of {of_a} overlaps {b} of {of_b}; an address can be in one place only"
                );
                return Err(Problem::new(key.clone(), problem));
            }
        }
        Ok(())
    }

    /// Tunnels would run inside themselves.
    fn check_listened(&self) -> Result<(), Problem> {
        for (index, pool) in self.pools.iter().enumerate() {
            let routed = pool.routed();
            let own = self.listen.iter().map(|place| *place.address.ip());
            if let Some(own) = own.into_iter().find(|own| routed.contains(*own)) {
                return Err(Problem::new(
                    format!("pools[{index}].ranges"),
                    format!(
                        "the pool \"{}\" holds {own}, where the server listens; tunnels would run inside \
                         themselves, so use another range or exclude the address",
                        pool.name
                    ),
                ));
            }
        }
        Ok(())
    }

    fn check_ipv6_pools(&self) -> Result<(), Problem> {
        for (index, pool) in self.ipv6_pools.iter().enumerate() {
            let key = format!("ipv6_pools[{index}].prefix");
            if !self.network.ipv6 {
                return Err(Problem::new(key, "it is given, but network.ipv6 = false"));
            }
            check_prefix(&key, pool.prefix)?;
        }
        let pools = self.all_ipv6_pools();
        let named = |pool: &Ipv6Pool| match pool.name.as_str() {
            DEFAULT_POOL => "network.ipv6_prefix".to_owned(),
            name => format!("the pool \"{name}\""),
        };
        for (index, pool) in pools.iter().enumerate() {
            let (a, mine) = (pool.prefix, named(pool));
            let shares = |b: &Ipv6Net| a.contains(b) || b.contains(&a);
            if let Some(other) = pools[..index].iter().find(|other| shares(&other.prefix)) {
                let place = index - usize::from(self.network.ipv6_prefix.is_some());
                return Err(Problem::new(
                    format!("ipv6_pools[{place}].prefix"),
                    format!(
                        "{a} of {mine} overlaps {} of {}",
                        other.prefix,
                        named(other)
                    ),
                ));
            }
        }
        Ok(())
    }
}

/// A prefix that can be shared out as /64s.
pub(in super::super) fn check_prefix(key: &str, prefix: Ipv6Net) -> Result<(), Problem> {
    let refused = |message: String| Err(Problem::new(key.to_owned(), message));
    if !(32..=64).contains(&prefix.prefix_len()) {
        return refused(format!(
            "{prefix} cannot be shared out as /64s; use a prefix from /32 to /64"
        ));
    }
    if prefix.addr() != prefix.network() {
        let meant = prefix.trunc();
        return refused(format!("{prefix} has host bits set; did you mean {meant}?"));
    }
    let first = prefix.network();
    if first.is_multicast() || first.is_unicast_link_local() || first.segments()[0] == 0 {
        return refused(format!("{prefix} is not for hosts"));
    }
    Ok(())
}

fn check_names<'a>(section: &str, names: impl Iterator<Item = &'a String>) -> Result<(), Problem> {
    let mut seen = HashMap::new();
    for (index, name) in names.enumerate() {
        let refused =
            |message: String| Err(Problem::new(format!("{section}[{index}].name"), message));
        let sound = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || name.len() > NAME_OCTETS || !name.chars().all(sound) {
            return refused(format!(
                "\"{name}\" is no name of a pool; use 1 to {NAME_OCTETS} letters, digits and -_."
            ));
        }
        if name == DEFAULT_POOL {
            return refused(format!(
                "\"{DEFAULT_POOL}\" is the name of the pool in the section [network]; use another one"
            ));
        }
        if let Some(before) = seen.insert(name, index + 1) {
            let place = index + 1;
            return refused(format!(
                "two pools have the name \"{name}\": number {before} and number {place} of [[{section}]]"
            ));
        }
    }
    Ok(())
}

fn check_pool(index: usize, pool: &Pool) -> Result<(), Problem> {
    let refused = |key: &str, message| Err(Problem::new(format!("pools[{index}].{key}"), message));
    let name = &pool.name;
    for range in &pool.ranges {
        if !is_for_hosts(range) {
            return refused(
                "ranges",
                format!("{range} is not for hosts; use a private range such as 10.77.0.0/24"),
            );
        }
        if range.last().to_bits() - range.first().to_bits() >= RANGE_ADDRESSES {
            return refused(
                "ranges",
                format!(
                    "{range} is too long; a range has at most {RANGE_ADDRESSES} addresses (/8)"
                ),
            );
        }
    }
    let within = |excluded: &AddressRange| {
        let mut ranges = pool.ranges.iter();
        ranges.any(|range| range.overlaps(excluded))
    };
    if let Some(stray) = pool.exclude.iter().find(|excluded| !within(excluded)) {
        return refused(
            "exclude",
            format!("{stray} is in none of the ranges of the pool \"{name}\""),
        );
    }
    if pool.leased().is_empty() {
        return refused(
            "ranges",
            format!("the pool \"{name}\" has no address to lease"),
        );
    }
    Ok(())
}

/// RFC 1122 §3.2.1.3, RFC 5771: not `this` network, no loopback, no multicast, nothing behind it.
fn is_for_hosts(range: &AddressRange) -> bool {
    let loopback = AddressRange::Span(
        Ipv4Addr::new(127, 0, 0, 0),
        Ipv4Addr::new(127, 255, 255, 255),
    );
    range.first().octets()[0] > 0 && range.last().octets()[0] < 224 && !range.overlaps(&loopback)
}
