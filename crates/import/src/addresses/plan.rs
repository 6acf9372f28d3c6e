//! How pools of addresses become `[network] pool` and `[[pools]]`.
//!
//! `[network] pool` is a prefix: its first host address is the server's end of the tunnels, the others are the
//! pool for whom no other one is named. Where the other program's server end and ranges are no such prefix,
//! the prefix is as small as can be, the ranges become a pool of their own, and `[policy] pool` names that.

use std::net::{Ipv4Addr, SocketAddrV4};

use ipnet::Ipv4Net;
use toml::Value;

use super::ranges::{Range, Ranges};
use crate::job::Job;
use crate::ledger::{LineId, shown};

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
/// Less than the longest name of a pool, so that there is room for what makes it unique.
const NAME_CHARACTERS: usize = 48;

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
    /// Where the server listens: no address of tunnels.
    listened: Vec<Ipv4Addr>,
}

/// Addresses of `listen`.
fn listened(job: &Job<'_>) -> Vec<Ipv4Addr> {
    let listen = job.get("", "listen").and_then(Value::as_array);
    let address = |place: &Value| place.as_str()?.parse::<SocketAddrV4>().ok();
    listen
        .into_iter()
        .flatten()
        .filter_map(address)
        .map(|address| *address.ip())
        .collect()
}

/// A name as Adit takes it for a pool.
fn sound_name(name: &str) -> String {
    let mut sound: String = name
        .chars()
        .take(NAME_CHARACTERS)
        .map(|c| match c.is_ascii_alphanumeric() || "-_.".contains(c) {
            true => c,
            false => '_',
        })
        .collect();
    if sound.is_empty() || sound == DEFAULT {
        sound.insert_str(0, "pool-");
    }
    sound
}

impl Plan {
    /// Adds a range for whom no pool is named.
    pub(crate) fn add_main(&mut self, range: Range, line: Option<LineId>) {
        for part in self.fresh(range) {
            self.main.add(part);
        }
        if let Some(line) = line
            && !self.main_lines.contains(&line)
        {
            self.main_lines.push(line);
        }
    }

    /// Adds a range to a pool, which is made if need be.
    pub(crate) fn add_named(&mut self, name: &str, range: Range, line: LineId) {
        let parts = self.fresh(range);
        let pool = self.named_pool(name);
        for part in parts {
            pool.ranges.add(part);
        }
        pool.lines.push(line);
    }

    /// What of a range is in no pool yet.
    fn fresh(&self, range: Range) -> Vec<Range> {
        let named = self.named.iter().map(|pool| &pool.ranges);
        let mut fresh = Ranges::default();
        fresh.add(range);
        for taken in std::iter::once(&self.main)
            .chain(named)
            .flat_map(Ranges::as_slice)
        {
            fresh.remove(*taken);
        }
        fresh.as_slice().to_vec()
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
        self.make_sound(job);
        match self.whole_prefix() {
            Some(prefix) => self.write_whole(job, prefix),
            None => self.write_split(job),
        }
        self.write_named(job);
    }

    /// Gives pools names that Adit takes, and takes addresses out that cannot be clients'.
    fn make_sound(&mut self, job: &mut Job<'_>) {
        self.rename(job);
        self.listened = listened(job);
        let listened = self.listened.clone();
        let mut losses = Vec::new();
        for (ranges, lines) in self.all_ranges() {
            let own = listened.iter().map(|address| Range::of_address(*address));
            for range in own
                .filter(|range| ranges.overlaps(*range))
                .collect::<Vec<_>>()
            {
                ranges.remove(range);
                losses.extend(lines.iter().map(|line| (*line, range.first())));
            }
        }
        for (line, address) in losses {
            job.ledger.note(
                line,
                format!("{address} is where the server listens, and no client's"),
            );
        }
    }

    fn all_ranges(&mut self) -> impl Iterator<Item = (&mut Ranges, &[LineId])> {
        let named = self
            .named
            .iter_mut()
            .map(|pool| (&mut pool.ranges, pool.lines.as_slice()));
        std::iter::once((&mut self.main, self.main_lines.as_slice())).chain(named)
    }

    fn rename(&mut self, job: &mut Job<'_>) {
        let mut names: Vec<(String, String)> = Vec::new();
        for pool in &self.named {
            let mut new = sound_name(&pool.name);
            while names.iter().any(|(_, other)| *other == new) {
                new.push('_');
            }
            names.push((pool.name.clone(), new));
        }
        let renamed = |name: &mut String| {
            if let Some((_, new)) = names.iter().find(|(old, _)| old == name) {
                name.clone_from(new);
            }
        };
        for pool in &mut self.named {
            renamed(&mut pool.name);
            if let Some(next) = &mut pool.next {
                renamed(next);
            }
        }
        if let Some(preferred) = &mut self.preferred {
            renamed(&mut preferred.value);
        }
        if let Some(next) = &mut self.main_next {
            renamed(next);
        }
        for (old, new) in names.iter().filter(|(old, new)| old != new) {
            job.remark(format!(
                "the pool `{}` is called `{new}` now, because Adit does not take the name; RADIUS replies that name \
                 it have to be changed.",
                shown(old)
            ));
        }
    }

    fn free_name(&self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        while self.named.iter().any(|pool| pool.name == name) {
            name.push('_');
        }
        name
    }

    fn is_free(&self, net: Ipv4Net) -> bool {
        Range::of_net(net).is_for_hosts()
            && !self.listened.iter().any(|address| net.contains(address))
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
            .find(|net| self.is_free(*net) && self.fills(*net))
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
        if self.has_addresses(&preferred.value) {
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
        let name = self.free_name(MAIN);
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
        let usable = net.network() == network && !self.shared_network && self.is_free(net);
        usable.then_some(net)
    }

    fn spare(&self) -> Ipv4Net {
        let nets = SPARE.iter().filter_map(|net| net.parse::<Ipv4Net>().ok());
        let free = |net: &Ipv4Net| !self.holds(Range::of_net(*net)) && self.is_free(*net);
        let mut nets: Vec<Ipv4Net> = nets.collect();
        nets.sort_by_key(|net| !free(net));
        nets.first().copied().unwrap_or_default()
    }

    fn write_named(&self, job: &mut Job<'_>) {
        for pool in &self.named {
            if pool.ranges.is_empty() {
                for line in &pool.lines {
                    job.ledger
                        .lost(*line, "all its addresses are in other pools");
                }
                continue;
            }
            let ranges = pool.ranges.as_slice().iter();
            let ranges: Vec<Value> = ranges
                .map(|range| Value::String(range.to_string()))
                .collect();
            let mut rows = vec![
                job.row("pools", "name", pool.name.clone(), &pool.lines),
                job.row("pools", "ranges", ranges, &[]),
            ];
            if let Some(next) = self.next_of(job, pool) {
                rows.push(job.row("pools", "next", next, &[]));
            }
            job.push_element("pools", rows);
        }
    }

    /// The pool that follows one, if it can.
    fn next_of(&self, job: &mut Job<'_>, pool: &NamedPool) -> Option<String> {
        let next = pool.next.as_ref()?;
        let why = if self.leads_back(pool) {
            "pools would follow each other in a circle"
        } else if self.has_addresses(next) {
            return Some(next.clone());
        } else {
            "that has no addresses"
        };
        job.remark(format!(
            "the pool `{}` is not followed by `{}`: {why}.",
            pool.name,
            shown(next)
        ));
        None
    }

    fn has_addresses(&self, name: &str) -> bool {
        self.named
            .iter()
            .any(|pool| pool.name == name && !pool.ranges.is_empty())
    }

    /// Whether the pools that follow one lead back to one of those that are written before it or to itself.
    fn leads_back(&self, pool: &NamedPool) -> bool {
        let next_of = |name: &str| {
            let pool = self.named.iter().find(|pool| pool.name == name)?;
            pool.next.as_deref()
        };
        let mut name = next_of(&pool.name);
        for _ in 0..=self.named.len() {
            match name {
                None => return false,
                Some(next) if next == pool.name => return true,
                Some(next) => name = next_of(next),
            }
        }
        false
    }
}
