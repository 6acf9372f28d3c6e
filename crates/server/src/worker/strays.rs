//! Inner packets that one worker reads and another one has the call of.
//!
//! The kernel chooses a queue of the TUN device by what it knows of a flow, which may not be the queue of
//! the worker that has the call. Between each two workers, bundles of packets go one way full and come
//! back empty, to be used again. What may be on the way is bounded; beyond that, packets are dropped, as a
//! network does whose link is full.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use adit_io::{Progress, Strays};
use adit_net::tun::{VNET_HEADER, VnetHeader};

use super::elsewhere::{Change, Elsewhere};
use crate::control_socket::StrayCounts;
use crate::doorbell::Doorbell;

/// Bundles on the way from one worker to another; one packet each while there is little to do.
const BUNDLES: usize = 512;

/// Octets on the way from one worker to another.
const ROOM: usize = 1024 * 1024;

/// Octets after which a bundle is full: some packets that stand for many.
const FULL: usize = 128 * 1024;

/// Packets one after the other, each behind its header.
#[derive(Debug, Default)]
struct Bundle {
    octets: Vec<u8>,
    /// Of the packets.
    lengths: Vec<usize>,
    /// Octets when it was sent.
    carried: usize,
}

impl Bundle {
    fn push(&mut self, header: &VnetHeader, packet: &[u8]) {
        self.octets.extend_from_slice(header);
        self.octets.extend_from_slice(packet);
        self.lengths.push(packet.len());
    }

    /// Takes all packets out, in their order.
    fn empty(&mut self, mut give: impl FnMut(&VnetHeader, &mut [u8])) {
        let mut rest = self.octets.as_mut_slice();
        for length in self.lengths.drain(..) {
            let Some((header, behind)) = rest.split_first_chunk_mut::<VNET_HEADER>() else {
                break;
            };
            let (packet, behind) = behind.split_at_mut(length);
            give(header, packet);
            rest = behind;
        }
        self.octets.clear();
    }
}

/// The way of packets to another worker.
#[derive(Debug)]
pub(crate) struct Outbox {
    full: SyncSender<Bundle>,
    empty: Receiver<Bundle>,
    bell: Arc<Doorbell>,
    filling: Bundle,
    spare: Vec<Bundle>,
    /// Octets on the way, as far as it is known.
    away: usize,
}

/// The way of packets from another worker.
#[derive(Debug)]
pub(crate) struct Inbox {
    full: Receiver<Bundle>,
    empty: SyncSender<Bundle>,
}

/// A way to the worker that `bell` wakes.
pub(crate) fn way(bell: Arc<Doorbell>) -> (Outbox, Inbox) {
    let (full, filled) = sync_channel(BUNDLES);
    // Room for all that there can be on the way, with the one that is being emptied.
    let (empty, emptied) = sync_channel(BUNDLES + 1);
    let outbox = Outbox {
        full,
        empty: emptied,
        bell,
        filling: Bundle::default(),
        spare: Vec::new(),
        away: 0,
    };
    let inbox = Inbox {
        full: filled,
        empty,
    };
    (outbox, inbox)
}

impl Outbox {
    /// Takes a packet; `false` where there is no room.
    fn push(&mut self, header: &VnetHeader, packet: &[u8]) -> bool {
        let has_room = |it: &Self| it.away + it.filling.octets.len() + packet.len() <= ROOM;
        if !has_room(self) {
            self.collect();
            if !has_room(self) {
                return false;
            }
        }
        self.filling.push(header, packet);
        true
    }

    /// Takes back what came back empty.
    fn collect(&mut self) {
        while let Ok(bundle) = self.empty.try_recv() {
            self.away = self.away.saturating_sub(bundle.carried);
            self.spare.push(bundle);
        }
    }

    /// Sends what was collected, and returns how many packets found no room.
    fn hand_over(&mut self) -> usize {
        if self.filling.lengths.is_empty() {
            return 0;
        }
        self.collect();
        let next = self.spare.pop().unwrap_or_default();
        let mut bundle = std::mem::replace(&mut self.filling, next);
        bundle.carried = bundle.octets.len();
        let (packets, octets) = (bundle.lengths.len(), bundle.carried);
        if self.full.try_send(bundle).is_err() {
            return packets;
        }
        self.away += octets;
        self.bell.ring();
        0
    }
}

/// A worker's dealings with all others.
#[derive(Debug)]
pub(crate) struct Exchange {
    elsewhere: Elsewhere,
    /// By the number of the worker; none to itself.
    outboxes: Vec<Option<Outbox>>,
    inboxes: Vec<Inbox>,
    counts: StrayCounts,
}

impl Exchange {
    pub(crate) fn new(outboxes: Vec<Option<Outbox>>, inboxes: Vec<Inbox>) -> Self {
        Self {
            elsewhere: Elsewhere::default(),
            outboxes,
            inboxes,
            counts: StrayCounts::default(),
        }
    }

    pub(super) fn change(&mut self, change: Change) {
        self.elsewhere.change(change);
    }

    pub(super) fn counts(&self) -> StrayCounts {
        self.counts
    }

    /// Gives the others what was collected for them.
    pub(super) fn hand_over(&mut self) {
        for outbox in self.outboxes.iter_mut().flatten() {
            dropped_late(&mut self.counts, outbox.hand_over());
        }
    }

    /// Takes a bundle in from each of the others.
    pub(super) fn take_in(&mut self, mut give: impl FnMut(&VnetHeader, &mut [u8])) -> Progress {
        let mut progress = Progress::Drained;
        for inbox in &self.inboxes {
            if let Ok(mut bundle) = inbox.full.try_recv() {
                self.counts.taken_in += bundle.lengths.len() as u64;
                bundle.empty(&mut give);
                let _ = inbox.empty.try_send(bundle);
                progress = Progress::More;
            }
        }
        progress
    }
}

/// Packets are dropped that were counted as given to another worker.
fn dropped_late(counts: &mut StrayCounts, packets: usize) {
    counts.passed_on -= packets as u64;
    counts.dropped += packets as u64;
}

impl Strays for Exchange {
    fn take(&mut self, header: &VnetHeader, packet: &[u8]) -> bool {
        let owner = self.elsewhere.find(packet);
        // A peer has its link-local address before the others have heard of it. Nobody but this host
        // sends to such addresses, so that few packets are for none at all.
        if owner.is_none() && !is_link_local(packet) {
            return false;
        }
        let mut taken = false;
        let outboxes = self.outboxes.iter_mut().enumerate();
        for (worker, outbox) in outboxes {
            if let Some(outbox) = outbox
                && owner.is_none_or(|owner| owner == worker)
            {
                give(&mut self.counts, outbox, header, packet);
                taken = true;
            }
        }
        taken
    }
}

fn give(counts: &mut StrayCounts, outbox: &mut Outbox, header: &VnetHeader, packet: &[u8]) {
    if outbox.push(header, packet) {
        counts.passed_on += 1;
    } else {
        counts.dropped += 1;
    }
    if outbox.filling.octets.len() >= FULL {
        dropped_late(counts, outbox.hand_over());
    }
}

/// Whether a packet is for a link-local address (RFC 4291 §2.5.6).
fn is_link_local(packet: &[u8]) -> bool {
    let destination = adit_ip::header::destination(packet);
    matches!(destination, Some(IpAddr::V6(address)) if address.is_unicast_link_local())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use mio::{Poll, Token};

    use super::super::elsewhere::InnerAddress;
    use super::*;

    const OTHER: usize = 1;

    /// A worker that knows one address of another one, and that other one.
    fn pair() -> (Exchange, Exchange, Poll) {
        let poll = Poll::new().unwrap();
        let bell = Arc::new(Doorbell::new(poll.registry(), Token(0)).unwrap());
        let (outbox, inbox) = way(bell);
        let mut one = Exchange::new(vec![None, Some(outbox)], Vec::new());
        one.change(Change {
            address: InnerAddress::V4(Ipv4Addr::new(10, 0, 0, 9)),
            call: 1,
            worker: Some(OTHER),
        });
        (one, Exchange::new(Vec::new(), vec![inbox]), poll)
    }

    /// A packet of so many octets to the address, with a number in it.
    fn packet(number: u32, length: usize) -> Vec<u8> {
        let mut packet = vec![0; length];
        packet[0] = 0x45;
        packet[16..20].copy_from_slice(&[10, 0, 0, 9]);
        packet[20..24].copy_from_slice(&number.to_be_bytes());
        packet
    }

    fn take_all(exchange: &mut Exchange) -> Vec<(VnetHeader, Vec<u8>)> {
        let mut packets = Vec::new();
        let mut give = |header: &VnetHeader, packet: &mut [u8]| {
            packets.push((*header, packet.to_vec()));
        };
        while exchange.take_in(&mut give) == Progress::More {}
        packets
    }

    #[test]
    fn packets_arrive_as_they_were_in_their_order() {
        let (mut one, mut other, _poll) = pair();
        let sent: Vec<_> = (0..200)
            .map(|number: u32| {
                (
                    [number as u8; VNET_HEADER],
                    packet(number, 24 + number as usize),
                )
            })
            .collect();
        for (header, packet) in &sent {
            assert!(one.take(header, packet));
        }
        assert_eq!(take_all(&mut other), [], "not handed over yet");
        one.hand_over();
        assert_eq!(take_all(&mut other), sent);
        assert_eq!(one.counts().passed_on, 200);
        assert_eq!(other.counts().taken_in, 200);
    }

    #[test]
    fn what_no_other_worker_has_is_not_taken() {
        let (mut one, _other, _poll) = pair();
        let mut packet = packet(1, 64);
        packet[19] = 10;
        assert!(!one.take(&VnetHeader::default(), &packet));
        assert_eq!(one.counts(), StrayCounts::default());
    }

    #[test]
    fn packets_for_a_link_local_address_that_nobody_knows_go_to_all() {
        let (mut one, mut other, _poll) = pair();
        let mut packet = vec![0; 40];
        packet[0] = 0x60;
        packet[24..26].copy_from_slice(&[0xfe, 0x80]);
        assert!(one.take(&VnetHeader::default(), &packet));
        one.hand_over();
        assert_eq!(
            take_all(&mut other),
            [(VnetHeader::default(), packet.clone())]
        );
        packet[24..26].copy_from_slice(&[0x20, 0x01]);
        assert!(!one.take(&VnetHeader::default(), &packet));
    }

    fn numbers(packets: &[(VnetHeader, Vec<u8>)]) -> Vec<u32> {
        let number = |packet: &[u8]| u32::from_be_bytes(packet[20..24].try_into().unwrap());
        packets.iter().map(|(_, packet)| number(packet)).collect()
    }

    #[test]
    fn packets_are_dropped_while_the_other_one_does_not_keep_up_and_pass_again_after_that() {
        const LONG: usize = 60_000;
        let (mut one, mut other, _poll) = pair();
        let room = (ROOM / (LONG + VNET_HEADER)) as u32;
        for round in 1..=3 {
            for number in 0..room + 5 {
                assert!(one.take(&VnetHeader::default(), &packet(number, LONG)));
            }
            one.hand_over();
            assert_eq!(one.counts().dropped, 5 * round);
            let all: Vec<_> = (0..room).collect();
            assert_eq!(numbers(&take_all(&mut other)), all);
            assert_eq!(one.counts().passed_on, other.counts().taken_in);
        }
    }

    #[test]
    fn as_many_small_bundles_pass_as_a_queue_holds() {
        let (mut one, mut other, _poll) = pair();
        for round in 1..=3 {
            for number in 0..BUNDLES as u32 + 7 {
                one.take(&VnetHeader::default(), &packet(number, 64));
                one.hand_over();
            }
            assert_eq!(one.counts().dropped, 7 * round);
            let all: Vec<_> = (0..BUNDLES as u32).collect();
            assert_eq!(numbers(&take_all(&mut other)), all);
            assert_eq!(one.counts().passed_on, other.counts().taken_in);
        }
    }

    #[test]
    fn bundles_are_used_again() {
        let (mut one, mut other, _poll) = pair();
        for number in 0..1000 {
            one.take(&VnetHeader::default(), &packet(number, 64));
            one.hand_over();
            assert_eq!(numbers(&take_all(&mut other)), [number]);
        }
        let outbox = one.outboxes[OTHER].as_mut().unwrap();
        outbox.collect();
        assert!(outbox.spare.len() <= 2, "{}", outbox.spare.len());
        assert_eq!(outbox.away, 0);
    }
}
