//! GRE packets sent past the host's IP layer, as Ethernet frames of our own.
//!
//! A raw socket has the kernel look up a route, pass the firewall, find the neighbour and build the
//! headers for every packet. [`DirectGre`] does this once for each destination and repeats the result:
//! sending takes a quarter to a half less of the processor.
//!
//! What the kernel does not do, it does for nobody: **these packets pass the firewall's output and
//! postrouting chains, connection tracking, address translation, IPsec policies and socket marks
//! unseen.** A firewall that lets GRE in only as the answer to GRE that went out knows of those packets
//! only that went by the raw socket. With [`Transmit::Xdp`] also the queueing discipline and captures of the
//! link see nothing. That is why it is an option.
//!
//! A destination is served directly while its route leads to an Ethernet link with a neighbour whose
//! address the kernel knows. All else is handed back for the raw socket, which also makes the kernel look
//! for a neighbour: loopback, tunnels, new destinations, packets longer than 2014 octets or than the
//! link or the route takes, which need fragments. Routes, rules, links and neighbours are watched: what
//! changes is followed within a second, if [`DirectGre::refresh`] is called often enough. The kernel is
//! kept confirming the neighbours in use, which takes the capability CAP_NET_ADMIN.
//!
//! **Order.** Packets of one destination keep theirs within a batch, and from batch to batch while they
//! go the same way. When a destination changes from the raw socket to this way, packets that still
//! wait in a queueing discipline may be overtaken.

mod frame;
mod packet;
mod routes;
mod sender;
mod xdp;

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io;
use std::time::Instant;

use self::routes::Routes;
use self::sender::Sender;
use crate::gre::{Outgoing, SendCounters};
use crate::netlink::NetlinkError;

/// How frames are given to a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transmit {
    /// By a packet socket, through the queueing discipline of the link.
    Packet,
    /// By an AF_XDP socket in copy mode, straight to the driver; by a packet socket where the link or the
    /// kernel has no AF_XDP, where every transmit queue of the link has its socket already (one
    /// sender takes one queue), and once the driver has been found full.
    Xdp,
}

/// Why packets cannot be sent directly.
#[derive(Debug, thiserror::Error)]
pub enum DirectError {
    /// The process may not open packet sockets.
    #[error(
        "no permission to send Ethernet frames: it takes the capability CAP_NET_RAW (in a \
         container, `--cap-add NET_RAW`)"
    )]
    Permission,
    /// No word of routes and neighbours.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    /// Any other refusal by the system.
    #[error("cannot open a packet socket")]
    Io(#[source] io::Error),
}

/// Sends GRE packets as Ethernet frames where that is possible.
///
/// It belongs to one thread; another one makes another.
#[derive(Debug)]
pub struct DirectGre {
    transmit: Transmit,
    routes: Routes,
    /// By index of the link.
    senders: HashMap<u32, Sender>,
    /// The identification of the next packet (RFC 791 §3.1).
    identification: u16,
    batch: u64,
    counters: SendCounters,
}

impl DirectGre {
    /// Prepares for sending in the network namespace of the calling thread.
    ///
    /// # Errors
    /// [`DirectError`] says what is missing.
    pub fn open(transmit: Transmit) -> Result<Self, DirectError> {
        packet::check_permission().map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => DirectError::Permission,
            _ => DirectError::Io(error),
        })?;
        Ok(Self {
            transmit,
            routes: Routes::open()?,
            senders: HashMap::new(),
            identification: RandomState::new().hash_one(()) as u16,
            batch: 1,
            counters: SendCounters::default(),
        })
    }

    /// Sends the packets that can go directly and returns how many the links took. Each of the others is
    /// passed to `rest`, in order; the caller sends them by the raw socket after this call, so that
    /// packets of one destination keep their order. Packets without a source are among them.
    ///
    /// A packet that a link does not take is dropped and counted, as a congested router would do
    /// ([`counters`](Self::counters)).
    pub fn send<'a>(
        &mut self,
        packets: impl IntoIterator<Item = Outgoing<'a>>,
        mut rest: impl FnMut(Outgoing<'a>),
    ) -> usize {
        let before = self.counters.sent;
        for packet in packets {
            if !self.stage(&packet) {
                rest(packet);
            }
        }
        self.flush();
        self.batch += 1;
        (self.counters.sent - before) as usize
    }

    /// Looks up new destinations, and once a second whether anything changed on the way to known ones. To
    /// be called often, about every hundred milliseconds while packets are sent; most calls return at
    /// once. It takes some microseconds for each new destination and each neighbour of the host.
    pub fn refresh(&mut self, now: Instant) {
        let Some(links) = self.routes.refresh(now) else {
            return;
        };
        self.senders
            .retain(|interface, _| links.contains(interface));
        for interface in links {
            if let Some(sender) = self.senders.get_mut(&interface) {
                sender.improve(self.transmit);
                continue;
            }
            match Sender::open(self.transmit, interface) {
                Ok(sender) => drop(self.senders.insert(interface, sender)),
                Err(_) => self.routes.forget(interface),
            }
        }
    }

    /// What became of the packets that were sent directly.
    pub fn counters(&self) -> SendCounters {
        self.counters
    }

    /// How frames are given to the link with this index, if any are.
    pub fn transmit(&self, interface: u32) -> Option<Transmit> {
        self.senders.get(&interface).map(Sender::transmit)
    }

    /// Adds a packet to those that wait; false if it cannot go directly.
    fn stage(&mut self, packet: &Outgoing<'_>) -> bool {
        let Some(source) = packet.source else {
            return false;
        };
        let pair = (source, packet.destination);
        let Some(direct) = self.routes.find(pair, packet.gre.len(), self.batch) else {
            return false;
        };
        let Some(sender) = self.senders.get_mut(&direct.interface) else {
            return false;
        };
        self.identification = self.identification.wrapping_add(1);
        let header = direct
            .template
            .header(self.identification, packet.gre.len() as u16);
        if sender.stage(&header, packet.gre) {
            return true;
        }
        let interface = direct.interface;
        self.flush();
        let sender = self.senders.get_mut(&interface);
        if !sender.is_some_and(|sender| sender.stage(&header, packet.gre)) {
            self.counters.congested += 1;
        }
        true
    }

    fn flush(&mut self) {
        let (routes, counters) = (&mut self.routes, &mut self.counters);
        self.senders.retain(|interface, sender| {
            if sender.is_empty() {
                return true;
            }
            let flushed = sender.flush();
            counters.sent += flushed.sent as u64;
            counters.congested += flushed.congested as u64;
            counters.refused += flushed.refused as u64;
            if flushed.failed {
                routes.forget(*interface);
            }
            !flushed.failed
        });
    }
}
