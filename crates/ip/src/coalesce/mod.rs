//! Coalescing: packets of one flow that follow one another go to the kernel as one long packet, which
//! costs it about as much as a single one.
//!
//! The rules are those of Linux' generic receive offload: a run has one header but for lengths, checksums,
//! IPv4 identification, sequence number, and PSH and FIN, which end it. What was merged comes out of
//! [`segment`](crate::segment) again as it went in, but for the identification of packets that must not be
//! fragmented, which means nothing (RFC 6864 §4.1).

mod candidate;
mod flow;

use crate::header::{destination, source};
use crate::offload::HEADER_LENGTH;
use candidate::{Candidate, Sight, look};
use flow::Flow;

/// Runs that are gathered at the same time; packets of further flows pass by themselves.
const FLOWS: usize = 8;

/// The header of a packet that is whole as it is.
const PLAIN: [u8; HEADER_LENGTH] = [0; HEADER_LENGTH];

/// What is coalesced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coalescing {
    /// TCP segments.
    pub tcp: bool,
    /// UDP datagrams of equal size, which a TUN device takes since Linux 6.2.
    pub udp: bool,
}

/// Gathers runs of packets that belong together.
///
/// Packets go in by [`offer`](Self::offer) and come out by a function that gets a virtio-net header
/// ([`Offload`](crate::offload::Offload)) and the packet it belongs to. Packets of one flow come out in
/// the order in which they went in, and so do packets that are no TCP or UDP between two addresses. A
/// packet that was not merged comes out octet by octet as it went in, with a header of zeros; so does
/// whatever has a wrong checksum, alone.
///
/// Nothing is kept for later: call [`flush`](Self::flush) when the packets at hand have been offered.
///
/// A flow's buffer of 64 KiB is allocated when it is first needed and used again for others.
#[derive(Debug)]
pub struct Coalescer {
    coalescing: Coalescing,
    /// The first `open` ones have a run each.
    flows: [Flow; FLOWS],
    open: usize,
}

impl Coalescer {
    /// One without any packets.
    pub fn new(coalescing: Coalescing) -> Self {
        Self {
            coalescing,
            flows: Default::default(),
            open: 0,
        }
    }

    /// Takes a packet: hands it to `emit`, or keeps it for its run until [`flush`](Self::flush) or
    /// another packet ends that.
    pub fn offer(&mut self, packet: &[u8], emit: &mut impl FnMut(&[u8; HEADER_LENGTH], &[u8])) {
        match look(packet, self.coalescing) {
            Sight::Candidate(candidate) => self.merge(&candidate, packet, emit),
            Sight::Flow(key) => {
                self.close_where(|flow| flow.is_of(&key), emit);
                emit(&PLAIN, packet);
            }
            Sight::Other => {
                let (source, destination) = (source(packet), destination(packet));
                self.close_where(|flow| flow.is_between(source, destination), emit);
                emit(&PLAIN, packet);
            }
        }
    }

    /// Hands out all that was kept.
    pub fn flush(&mut self, emit: &mut impl FnMut(&[u8; HEADER_LENGTH], &[u8])) {
        for flow in self.flows.iter_mut().take(self.open) {
            flow.close(emit);
        }
        self.open = 0;
    }

    fn merge(
        &mut self,
        candidate: &Candidate,
        packet: &[u8],
        emit: &mut impl FnMut(&[u8; HEADER_LENGTH], &[u8]),
    ) {
        let runs = self.flows.iter_mut().take(self.open);
        let run = runs
            .enumerate()
            .find(|(_, flow)| flow.is_of(&candidate.key));
        if let Some((index, flow)) = run {
            if flow.accepts(candidate, packet) && candidate.is_sound(packet) {
                flow.append(candidate, packet);
                if flow.is_complete() {
                    self.close(index, emit);
                }
                return;
            }
            self.close(index, emit);
        }
        match self.flows.get_mut(self.open) {
            Some(flow) if !candidate.ends_run && candidate.is_sound(packet) => {
                flow.begin(candidate, packet);
                self.open += 1;
            }
            _ => emit(&PLAIN, packet),
        }
    }

    fn close_where(
        &mut self,
        which: impl Fn(&Flow) -> bool,
        emit: &mut impl FnMut(&[u8; HEADER_LENGTH], &[u8]),
    ) {
        // Closing puts the last open flow, already looked at, in the place of the closed one.
        for index in (0..self.open).rev() {
            if self.flows.get(index).is_some_and(&which) {
                self.close(index, emit);
            }
        }
    }

    /// Ends the run of an open flow.
    fn close(&mut self, index: usize, emit: &mut impl FnMut(&[u8; HEADER_LENGTH], &[u8])) {
        self.open -= 1;
        self.flows.swap(index, self.open);
        if let Some(flow) = self.flows.get_mut(self.open) {
            flow.close(emit);
        }
    }
}

#[cfg(test)]
mod tests;
