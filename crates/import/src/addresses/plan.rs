//! How pools of addresses become `[network] pool` and `[[pools]]`.
//!
//! `[network] pool` is a prefix: its first host address is the server's end of the tunnels, the others are the
//! pool for whom no other one is named. Where the other program's server end and ranges are no such prefix,
//! the prefix is as small as can be, the ranges become a pool of their own, and `[policy] pool` names that.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use toml::Value;

use super::ranges::{Range, Ranges};
use crate::job::Job;
use crate::ledger::LineId;

/// Networks for the server's end of the tunnels where the old one cannot stay.
const SPARE: [&str; 4] = [
    "10.77.0.0/30",
    "172.31.77.0/30",
    "192.168.77.0/30",
    "10.177.0.0/30",
];
/// What the ranges without a name are called.
const MAIN: &str = "main";
/// What Adit calls the pool of `[network] pool`.
const DEFAULT: &str = "default";

/// Where something of the plan comes from.
#[derive(Debug, Clone)]
pub(crate) struct Source<T> {
    pub(crate) value: T,
    pub(crate) lines: Vec<LineId>,
}

/// A pool that has a name.
#[derive(Debug, Clone)]
struct NamedPool {
    name: String,
    ranges: Ranges,
    next: Option<String>,
    lines: Vec<LineId>,
}

/// The other program's addresses.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// The server's end of the tunnels.
    pub(crate) gateway: Option<Source<Ipv4Addr>>,
    /// Ranges for whom no pool is named.
    main: Ranges,
    /// Where those come from.
    main_lines: Vec<LineId>,
    /// The pool that follows them.
    main_next: Option<String>,
    /// The others.
    named: Vec<NamedPool>,
    /// The pool of whom no other one is named, if it has a name.
    pub(crate) preferred: Option<Source<String>>,
    /// Whether clients have addresses of a network that others are on.
    pub(crate) shared_network: bool,
}

impl Plan {
    /// Adds a range for whom no pool is named.
    pub(crate) fn add_main(&mut self, range: Range, line: Option<LineId>) {
        self.main.add(range);
        if let Some(line) = line
            && !self.main_lines.contains(&line)
        {
            self.main_lines.push(line);
        }
    }

    /// Adds a range to a pool, which is made if need be.
    pub(crate) fn add_named(&mut self, name: &str, range: Range, line: LineId) {
        let pool = self.named_pool(name);
        pool.ranges.add(range);
        pool.lines.push(line);
    }

    /// Says where to look when a pool is exhausted.
    pub(crate) fn set_next(&mut self, name: Option<&str>, next: &str) {
        match name {
            Some(name) => self.named_pool(name).next = Some(next.to_owned()),
            None => self.main_next = Some(next.to_owned()),
        }
    }

    fn named_pool(&mut self, name: &str) -> &mut NamedPool {
        let index = self.named.iter().position(|pool| pool.name == name);
        let index = index.unwrap_or_else(|| {
            self.named.push(NamedPool {
                name: name.to_owned(),
                ranges: Ranges::default(),
                next: None,
                lines: Vec::new(),
            });
            self.named.len() - 1
        });
        &mut self.named[index]
    }

    /// Whether an address is in one of the pools so far.
    pub(crate) fn holds(&self, range: Range) -> bool {
        self.main.overlaps(range) || self.named.iter().any(|pool| pool.ranges.overlaps(range))
    }

    /// Writes the keys.
    pub(crate) fn write(mut self, job: &mut Job<'_>) {
        self.rename_default(job);
        match self.whole_prefix() {
            Some(prefix) => self.write_whole(job, prefix),
            None => self.write_split(job),
        }
        self.write_named(job);
    }

    /// Adit calls the pool of `[network] pool` so.
    fn rename_default(&mut self, job: &mut Job<'_>) {
        let old = std::mem::take(&mut self.named);
        let free = self.free_name("pool-default", &old);
        let renamed = |name: &mut String| {
            if name == DEFAULT {
                name.clone_from(&free);
                return true;
            }
            false
        };
        let mut any = false;
        self.named = old;
        for pool in &mut self.named {
            any |= renamed(&mut pool.name);
            any |= pool.next.as_mut().is_some_and(renamed);
        }
        if let Some(preferred) = &mut self.preferred {
            any |= renamed(&mut preferred.value);
        }
        any |= self.main_next.as_mut().is_some_and(renamed);
        if any {
            job.remark(format!(
                "the pool `{DEFAULT}` is called `{free}` now, because Adit calls that of [network] so; a RADIUS \
                 server that names it in Framed-Pool has to be told."
            ));
        }
    }

    fn free_name(&self, wanted: &str, pools: &[NamedPool]) -> String {
        let mut name = wanted.to_owned();
        while pools.iter().any(|pool| pool.name == name) {
            name.push('_');
        }
        name
    }

    /// The prefix whose first host is the server's end and whose others are just the ranges without a name.
    fn whole_prefix(&self) -> Option<Ipv4Net> {
        if self.main_next.is_some() {
            return None;
        }
        let gateway = self.gateway.as_ref()?.value;
        let network = Ipv4Addr::from_bits(gateway.to_bits().checked_sub(1)?);
        (8..=30)
            .rev()
            .filter_map(|length| Ipv4Net::new(network, length).ok())
            .filter(|net| net.network() == network)
            .find(|net| self.fills(*net))
    }

    fn fills(&self, net: Ipv4Net) -> bool {
        let whole = Range::of_net(net);
        let mut outside = self.main.clone();
        outside.remove(whole);
        let first = Ipv4Addr::from_bits(net.network().to_bits() + 2);
        let last = Ipv4Addr::from_bits(net.broadcast().to_bits() - 1);
        let hosts = Range::new(first, last);
        outside.is_empty()
            && hosts.is_some_and(|hosts| self.main.covers(hosts))
            && !self.named.iter().any(|pool| pool.ranges.overlaps(whole))
    }

    fn write_whole(&self, job: &mut Job<'_>, prefix: Ipv4Net) {
        let mut lines = self.main_lines.clone();
        lines.extend(self.gateway.iter().flat_map(|gateway| &gateway.lines));
        job.set("network", "pool", prefix.to_string(), &lines);
        if let Some(preferred) = &self.preferred {
            self.write_preferred(job, preferred);
        }
    }

    fn write_preferred(&self, job: &mut Job<'_>, preferred: &Source<String>) {
        if self
            .named
            .iter()
            .any(|pool| pool.name == preferred.value && !pool.ranges.is_empty())
        {
            job.set("policy", "pool", preferred.value.clone(), &preferred.lines);
        } else {
            for line in &preferred.lines {
                job.ledger
                    .lost(*line, "no pool of this name has any address");
            }
        }
    }

    fn write_split(&mut self, job: &mut Job<'_>) {
        let prefix = self.write_server_end(job);
        let prefix_range = Range::of_net(prefix);
        self.main.remove(prefix_range);
        for pool in &mut self.named {
            pool.ranges.remove(prefix_range);
        }
        if self.main.is_empty() {
            match self.preferred.clone() {
                Some(preferred) => self.write_preferred(job, &preferred),
                None => job.remark(format!(
                    "no addresses are given for users of whom nothing names an address or a pool; such a user \
                     gets the only address of [network] pool, {prefix}, and a second one is refused."
                )),
            }
            return;
        }
        let name = self.free_name(MAIN, &self.named);
        match self.preferred.clone() {
            Some(preferred) => self.write_preferred(job, &preferred),
            None => job.set("policy", "pool", name.clone(), &self.main_lines.clone()),
        }
        self.named.insert(
            0,
            NamedPool {
                name,
                ranges: self.main.clone(),
                next: self.main_next.take(),
                lines: self.main_lines.clone(),
            },
        );
    }

    /// Sets `[network] pool` to four addresses around the old server's end, or to spare ones.
    fn write_server_end(&self, job: &mut Job<'_>) -> Ipv4Net {
        let gateway = self.gateway.as_ref();
        let lines = gateway.map_or(&[][..], |gateway| &gateway.lines);
        let around = gateway.and_then(|gateway| self.around(gateway.value));
        let prefix = around.unwrap_or_else(|| self.spare());
        let end = Ipv4Addr::from_bits(prefix.network().to_bits() + 1);
        job.set("network", "pool", prefix.to_string(), lines);
        if let Some(gateway) = gateway.filter(|gateway| gateway.value != end) {
            for line in &gateway.lines {
                job.ledger.note(
                    *line,
                    format!(
                        "the server's end of the tunnels is {end} instead of {}; clients use it for routing only",
                        gateway.value
                    ),
                );
            }
        }
        prefix
    }

    fn around(&self, gateway: Ipv4Addr) -> Option<Ipv4Net> {
        let network = Ipv4Addr::from_bits(gateway.to_bits().checked_sub(1)?);
        let net = Ipv4Net::new(network, 30).ok()?;
        let usable = net.network() == network
            && !self.shared_network
            && !gateway.is_loopback()
            && !gateway.is_multicast()
            && (1..240).contains(&gateway.octets()[0]);
        usable.then_some(net)
    }

    fn spare(&self) -> Ipv4Net {
        let nets = SPARE.iter().filter_map(|net| net.parse::<Ipv4Net>().ok());
        let free = |net: &Ipv4Net| {
            let range = Range::of_net(*net);
            !self.holds(range)
        };
        let mut nets: Vec<Ipv4Net> = nets.collect();
        nets.sort_by_key(|net| !free(net));
        nets.first().copied().unwrap_or_default()
    }

    fn write_named(&self, job: &mut Job<'_>) {
        let has_addresses = |name: &str| {
            self.named
                .iter()
                .any(|pool| pool.name == name && !pool.ranges.is_empty())
        };
        for pool in self.named.iter().filter(|pool| !pool.ranges.is_empty()) {
            let ranges: Vec<Value> = pool
                .ranges
                .as_slice()
                .iter()
                .map(|range| Value::String(range.to_string()))
                .collect();
            let mut rows = vec![
                job.row("pools", "name", pool.name.clone(), &pool.lines),
                job.row("pools", "ranges", ranges, &[]),
            ];
            match &pool.next {
                Some(next) if has_addresses(next) => {
                    rows.push(job.row("pools", "next", next.clone(), &[]));
                }
                Some(next) => job.remark(format!(
                    "the pool `{}` is followed by `{next}`, which has no addresses.",
                    pool.name
                )),
                None => {}
            }
            job.push_element("pools", rows);
        }
        for pool in self.named.iter().filter(|pool| pool.ranges.is_empty()) {
            for line in &pool.lines {
                job.ledger
                    .lost(*line, "all its addresses are in other pools");
            }
        }
    }
}
