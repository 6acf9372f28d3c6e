//! From addresses to frames: which link, whose Ethernet address, how long a packet.

use std::collections::{HashMap, HashSet};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use super::frame::HEADER;
use super::frame::{IPV4, Template};
use super::sender::FRAME;
use crate::netlink::{EthernetLink, Neighbour, Netlink, NetlinkError, NextHop, RouteChanges};

/// How long a neighbour's address is believed without a look at the kernel's table.
const REVALIDATE: Duration = Duration::from_secs(1);
/// How soon after a look new destinations are looked up.
const LEARN: Duration = Duration::from_millis(50);
/// Destinations looked up at a time: some microseconds each.
const LOOKED_UP: usize = 512;
/// Destinations known at a time. Beyond that all are learnt anew.
const KNOWN: usize = 65_536;

/// Source and destination of packets.
pub(super) type Pair = (Ipv4Addr, Ipv4Addr);

/// How frames to one destination are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Direct {
    /// The index of the link.
    pub(super) interface: u32,
    pub(super) template: Template,
    /// The longest GRE packet in octets.
    pub(super) longest: usize,
}

#[derive(Debug)]
struct Known {
    hop: Option<NextHop>,
    direct: Option<Direct>,
    /// The batch for the rest of which the raw socket has to be used.
    held: u64,
}

/// What is known of destinations, and what tells of changes.
#[derive(Debug)]
pub(super) struct Routes {
    netlink: Netlink,
    changes: RouteChanges,
    known: HashMap<Pair, Known>,
    links: HashMap<u32, Option<EthernetLink>>,
    wanted: HashSet<Pair>,
    looked: Option<Instant>,
}

impl Routes {
    pub(super) fn open() -> Result<Self, NetlinkError> {
        Ok(Self {
            // First, so that no change escapes.
            changes: RouteChanges::open()?,
            netlink: Netlink::open()?,
            known: HashMap::new(),
            links: HashMap::new(),
            wanted: HashSet::new(),
            looked: None,
        })
    }

    /// How to send a packet of `length` octets; none if the raw socket has to. One that is too long
    /// takes the rest of `batch` to the same destination with it, so that none overtakes it.
    pub(super) fn find(&mut self, pair: Pair, length: usize, batch: u64) -> Option<&Direct> {
        let Some(known) = self.known.get_mut(&pair) else {
            if self.wanted.len() < LOOKED_UP {
                self.wanted.insert(pair);
            }
            return None;
        };
        let direct = known.direct.as_ref()?;
        if length > direct.longest {
            known.held = batch;
        }
        (known.held != batch).then_some(direct)
    }

    /// Makes destinations of a link go by the raw socket until the next look.
    pub(super) fn forget(&mut self, interface: u32) {
        for known in self.known.values_mut() {
            known.direct = known.direct.filter(|direct| direct.interface != interface);
        }
    }

    /// Looks at what changed, if it is time, and returns the links in use, as indices; none if it is
    /// not time.
    pub(super) fn refresh(&mut self, now: Instant) -> Option<HashSet<u32>> {
        let elapsed = self
            .looked
            .map(|looked| now.saturating_duration_since(looked));
        let wait = if self.wanted.is_empty() {
            REVALIDATE
        } else {
            LEARN
        };
        if elapsed.is_some_and(|elapsed| elapsed < wait) {
            return None;
        }
        self.looked = Some(now);
        if self.changes.take() || self.known.len() > KNOWN {
            self.wanted
                .extend(self.known.drain().map(|(pair, _)| pair).take(LOOKED_UP));
            self.links.clear();
        }
        for pair in std::mem::take(&mut self.wanted) {
            let hop = self.netlink.next_hop(pair.0, pair.1).ok().flatten();
            let known = Known {
                hop,
                direct: None,
                held: 0,
            };
            self.known.insert(pair, known);
        }
        self.look_at_neighbours();
        let direct = self.known.values().filter_map(|known| known.direct);
        Some(direct.map(|direct| direct.interface).collect())
    }

    fn look_at_neighbours(&mut self) {
        // A list that cannot be had knows nobody.
        let mut neighbours = self.netlink.neighbours().unwrap_or_default();
        let hops = self.known.values().filter_map(|known| known.hop);
        let hops: HashSet<_> = hops.map(|hop| (hop.interface, hop.address)).collect();
        for (interface, address) in hops {
            let stale = neighbours
                .get(&(interface, address))
                .is_some_and(|n| n.stale);
            // The kernel does not see our frames: nobody would ever confirm the address.
            if stale && self.netlink.use_neighbour(interface, address).is_err() {
                neighbours.remove(&(interface, address));
            }
            let netlink = &mut self.netlink;
            self.links
                .entry(interface)
                .or_insert_with(|| netlink.ethernet_link(interface).ok().flatten());
        }
        for (pair, known) in &mut self.known {
            known.direct = known.hop.and_then(|hop| {
                let link = self.links.get(&hop.interface).copied().flatten()?;
                let neighbour = neighbours.get(&(hop.interface, hop.address))?;
                Some(direct(*pair, hop, link, *neighbour))
            });
        }
    }
}

fn direct(pair: Pair, hop: NextHop, link: EthernetLink, neighbour: Neighbour) -> Direct {
    let mtu = hop
        .mtu
        .filter(|mtu| *mtu > 0)
        .unwrap_or(link.mtu)
        .min(link.mtu) as usize;
    Direct {
        interface: hop.interface,
        template: Template::new((link.address, neighbour.hardware), pair.0, pair.1),
        longest: mtu.saturating_sub(IPV4).min(FRAME - HEADER),
    }
}
