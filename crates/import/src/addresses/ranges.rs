//! Ranges of IPv4 addresses.

use std::net::Ipv4Addr;

use ipnet::{Ipv4Net, Ipv4Subnets};

/// Longer prefixes are shown as ranges.
const LONGEST_NETWORK: u8 = 24;

/// Addresses from one to another, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    first: u32,
    last: u32,
}

impl Range {
    /// `None` if `first` is behind `last`.
    pub(crate) fn new(first: Ipv4Addr, last: Ipv4Addr) -> Option<Self> {
        let (first, last) = (first.to_bits(), last.to_bits());
        (first <= last).then_some(Self { first, last })
    }

    pub(crate) fn of_net(net: Ipv4Net) -> Self {
        Self {
            first: net.network().to_bits(),
            last: net.broadcast().to_bits(),
        }
    }

    pub(crate) fn of_address(address: Ipv4Addr) -> Self {
        Self {
            first: address.to_bits(),
            last: address.to_bits(),
        }
    }

    pub(crate) fn first(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.first)
    }

    pub(crate) fn last(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.last)
    }

    /// RFC 1122 §3.2.1.3, RFC 5771: whether these are addresses of hosts, and not of this one.
    pub(crate) fn is_for_hosts(self) -> bool {
        let (first, last) = (self.first().octets()[0], self.last().octets()[0]);
        first > 0 && last < 224 && (last < 127 || first > 127)
    }

    pub(crate) fn count(self) -> u64 {
        u64::from(self.last - self.first) + 1
    }

    fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// A network if it is one and has room to lose its ends, which are not given to clients; else both ends.
impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match cidrs(*self).as_slice() {
            [net] if net.prefix_len() <= LONGEST_NETWORK => write!(f, "{net}"),
            [net] if net.prefix_len() == 32 => write!(f, "{}", net.addr()),
            _ => write!(f, "{}-{}", self.first(), self.last()),
        }
    }
}

/// The prefixes that make up a range.
pub(crate) fn cidrs(range: Range) -> Vec<Ipv4Net> {
    Ipv4Subnets::new(range.first(), range.last(), 0).collect()
}

/// Ranges in the order in which they were added; none overlaps another one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ranges {
    ranges: Vec<Range>,
}

impl Ranges {
    pub(crate) fn as_slice(&self) -> &[Range] {
        &self.ranges
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Adds what is not there yet. A range that goes on where the last one ends becomes part of it.
    pub(crate) fn add(&mut self, range: Range) {
        let mut rest = vec![range];
        for other in &self.ranges {
            rest = without(&rest, *other);
        }
        for range in rest {
            match self.ranges.last_mut() {
                Some(last) if last.last.checked_add(1) == Some(range.first) => {
                    last.last = range.last;
                }
                _ => self.ranges.push(range),
            }
        }
    }

    /// Takes a range out.
    pub(crate) fn remove(&mut self, range: Range) {
        self.ranges = without(&self.ranges, range);
    }

    pub(crate) fn count(&self) -> u64 {
        self.ranges.iter().map(|range| range.count()).sum()
    }

    pub(crate) fn overlaps(&self, range: Range) -> bool {
        self.ranges.iter().any(|other| other.overlaps(range))
    }

    /// Whether every address of a range is among these.
    pub(crate) fn covers(&self, range: Range) -> bool {
        let mut rest = vec![range];
        for other in &self.ranges {
            rest = without(&rest, *other);
        }
        rest.is_empty()
    }
}

fn without(ranges: &[Range], hole: Range) -> Vec<Range> {
    let mut rest = Vec::with_capacity(ranges.len());
    for range in ranges {
        if !range.overlaps(hole) {
            rest.push(*range);
            continue;
        }
        if range.first < hole.first {
            rest.push(Range {
                first: range.first,
                last: hole.first - 1,
            });
        }
        if hole.last < range.last {
            rest.push(Range {
                first: hole.last + 1,
                last: range.last,
            });
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: &str, last: &str) -> Range {
        Range::new(first.parse().unwrap(), last.parse().unwrap()).unwrap()
    }

    fn texts(ranges: &Ranges) -> Vec<String> {
        ranges.as_slice().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn ranges_are_shown_as_what_they_are() {
        assert_eq!(range("10.0.0.0", "10.0.0.255").to_string(), "10.0.0.0/24");
        assert_eq!(
            range("10.0.0.1", "10.0.0.255").to_string(),
            "10.0.0.1-10.0.0.255"
        );
        assert_eq!(range("10.0.0.9", "10.0.0.9").to_string(), "10.0.0.9");
    }

    #[test]
    fn no_address_is_there_twice() {
        let mut ranges = Ranges::default();
        ranges.add(range("10.0.0.10", "10.0.0.20"));
        ranges.add(range("10.0.0.21", "10.0.0.30"));
        ranges.add(range("10.0.0.5", "10.0.0.40"));
        assert_eq!(
            texts(&ranges),
            [
                "10.0.0.10-10.0.0.30",
                "10.0.0.5-10.0.0.9",
                "10.0.0.31-10.0.0.40"
            ]
        );
        assert_eq!(ranges.count(), 36);
        assert!(ranges.covers(range("10.0.0.5", "10.0.0.40")));
        assert!(!ranges.covers(range("10.0.0.4", "10.0.0.40")));
    }

    #[test]
    fn addresses_are_taken_out() {
        let mut ranges = Ranges::default();
        ranges.add(range("0.0.0.0", "255.255.255.255"));
        ranges.remove(range("0.0.0.1", "255.255.255.254"));
        assert_eq!(ranges.count(), 2);
        ranges.add(range("10.0.0.0", "10.0.0.9"));
        assert_eq!(
            texts(&ranges),
            ["0.0.0.0", "255.255.255.255", "10.0.0.0-10.0.0.9"]
        );
    }
}
