//! A cable in the hands of the test: it loses, doubles and reorders packets, and keeps a copy of each.
//!
//! Each host has a TUN device at its end; a thread of the test carries the packets from one to the
//! other.

use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use adit_net::namespace::Host;
use adit_net::netlink::Address;
use adit_net::tun::Tun;
use adit_sim::netem::{Impairment, Netem, NetemStats};
use adit_sim::{Chance, Rng};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::lab::network;

/// Number of GRE among the IP protocols.
const GRE: u8 = 47;

/// What the cable does to packets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Conditions {
    pub(crate) impairment: Impairment,
    pub(crate) filter: Filter,
}

/// Which packets the cable takes at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filter {
    Everything,
    NoGre,
    Nothing,
}

impl Conditions {
    pub(crate) const GOOD: Self = Self {
        impairment: Impairment {
            latency: std::time::Duration::ZERO,
            ..Impairment::NONE
        },
        filter: Filter::Everything,
    };

    pub(crate) fn only(filter: Filter) -> Self {
        Self {
            filter,
            ..Self::GOOD
        }
    }
}

/// The cable; cut when dropped.
pub(crate) struct Wire {
    shared: Arc<Mutex<Shared>>,
    stop: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    conditions: Conditions,
    copies: Vec<Vec<u8>>,
    stats: [NetemStats; 2],
}

impl Wire {
    /// Lays a cable between two hosts that have an address each, in one network.
    pub(crate) fn between(left: (&Host, &str), right: (&Host, &str)) -> Self {
        let tuns = [left, right].map(|(host, address)| end(host, address));
        let shared = Arc::new(Mutex::new(Shared {
            conditions: Conditions::GOOD,
            copies: Vec::new(),
            stats: [NetemStats::default(); 2],
        }));
        let (stop, stopped) = UnixStream::pair().unwrap();
        let carried = Arc::clone(&shared);
        let thread = std::thread::spawn(move || carry(&tuns, &carried, &stopped));
        Self {
            shared,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    pub(crate) fn set(&self, conditions: Conditions) {
        self.shared.lock().unwrap().conditions = conditions;
    }

    /// What has become of the packets from the left host, and of those from the right one.
    pub(crate) fn stats(&self) -> [NetemStats; 2] {
        self.shared.lock().unwrap().stats
    }

    /// How many packets hold these octets as they are.
    pub(crate) fn packets_with(&self, octets: &[u8]) -> usize {
        let shared = self.shared.lock().unwrap();
        let holds = |packet: &&Vec<u8>| packet.windows(octets.len()).any(|part| part == octets);
        shared.copies.iter().filter(holds).count()
    }

    /// How many GRE packets have passed.
    pub(crate) fn gre_packets(&self) -> usize {
        let shared = self.shared.lock().unwrap();
        shared.copies.iter().filter(|packet| is_gre(packet)).count()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // Its panic has been told already.
            let _ = thread.join();
        }
    }
}

fn end(host: &Host, address: &str) -> Tun {
    let tun = host.run(|| Tun::open("wire").unwrap()).unwrap();
    let mut netlink = host.netlink();
    netlink.set_up(tun.index()).unwrap();
    let address = Address::in_network(tun.index(), network(address, 24));
    netlink.add_address(&address).unwrap();
    tun
}

fn carry(tuns: &[Tun; 2], shared: &Mutex<Shared>, stopped: &UnixStream) {
    let seeds = [1, 2];
    let mut ways = seeds.map(|seed| Netem::new(Impairment::NONE, Rng::new(seed)));
    loop {
        let deadline = ways.iter().filter_map(Netem::deadline).min();
        let timeout = deadline.map_or(PollTimeout::NONE, |at| {
            let left = at.saturating_duration_since(Instant::now());
            // A fraction of a millisecond is waited for as a whole one.
            PollTimeout::try_from(left.as_micros().div_ceil(1000)).unwrap_or(PollTimeout::MAX)
        });
        let mut polled = [tuns[0].as_fd(), tuns[1].as_fd(), stopped.as_fd()]
            .map(|descriptor| PollFd::new(descriptor, PollFlags::POLLIN));
        poll(&mut polled, timeout).unwrap();
        if polled[2].any() == Some(true) {
            return;
        }
        for (index, way) in ways.iter_mut().enumerate() {
            take(&tuns[index], way, shared);
            deliver(way, &tuns[1 - index]);
            shared.lock().unwrap().stats[index] = *way.stats();
        }
    }
}

/// Takes the packets that a host has sent.
fn take(tun: &Tun, way: &mut Netem, shared: &Mutex<Shared>) {
    let mut buffer = [0; 65_536];
    loop {
        let length = match tun.read(&mut buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(error) => panic!("the wire is broken: {error}"),
        };
        let packet = &buffer[..length];
        let mut shared = shared.lock().unwrap();
        let conditions = shared.conditions;
        let taken = match conditions.filter {
            Filter::Everything => true,
            Filter::NoGre => !is_gre(packet),
            Filter::Nothing => false,
        };
        if taken {
            shared.copies.push(packet.to_vec());
            way.set_impairment(conditions.impairment);
            way.send(Instant::now(), packet.to_vec());
        }
    }
}

fn deliver(way: &mut Netem, tun: &Tun) {
    while let Some(packet) = way.poll(Instant::now()) {
        // A queue that is full loses packets as any cable does.
        let _ = tun.write(&packet);
    }
}

fn is_gre(packet: &[u8]) -> bool {
    packet[0] >> 4 == 4 && packet[9] == GRE
}

/// Losses, duplicates and packets out of order, in percent.
pub(crate) fn impaired(loss: u32, duplication: u32, reordering: u32) -> Conditions {
    let milliseconds = std::time::Duration::from_millis;
    Conditions {
        impairment: Impairment {
            latency: milliseconds(1),
            reorder_by: milliseconds(3),
            // Some 12 packets pass in that time, fewer than may wait for one that is late.
            rate: Some(6_000_000),
            queue: 10_000,
            loss: Chance::percent(loss),
            duplication: Chance::percent(duplication),
            reordering: Chance::percent(reordering),
            ..Impairment::NONE
        },
        ..Conditions::GOOD
    }
}
