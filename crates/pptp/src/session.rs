//! The data session of one call: PPP packets in enhanced GRE (RFC 2637 §4).
//!
//! Packets are put into order where that takes little time, acknowledged, and never retransmitted.
//! Nothing is allocated for packets that arrive in order. The session knows neither IP nor PPP.

mod receiver;
mod reorder;
mod sender;
mod sequence;
mod stats;
#[cfg(test)]
mod tests;

use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

use adit_wire::gre::{GreError, Header};

use receiver::{Delivery, Receiver};
use sender::Sender;
pub use stats::Stats;

/// How a session behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionConfig {
    /// Sequence Number of the first packet sent: 0 as RFC 2637 §4.1 has it and Windows does; Linux
    /// sends 1 first. Peers accept both.
    pub first_sequence: u32,
    /// How many packets are held while an earlier one is missing, rounded up to a power of two; 0
    /// for none.
    pub reorder_packets: u16,
    /// How long they are held at most; zero for not at all.
    pub reorder_delay: Duration,
    /// Sequence numbers this far from the expected one, or farther, are not believed until a second
    /// one confirms them, so that one forged packet cannot move the session away from its peer.
    /// At least the size of the reorder buffer, at most 4096.
    pub max_jump: u32,
    /// How long an acknowledgment waits for a packet to ride on.
    pub acknowledgment_delay: Duration,
    /// Packet Recv. Window Size told to the peer; half of it is acknowledged without delay.
    pub window: u16,
    /// Packet Processing Delay that the peer told, the first estimate of the round trip.
    pub peer_delay: Duration,
    /// MinTimeOut of RFC 2637 §4.4.1.
    pub minimum_time_out: Duration,
    /// MaxTimeOut of RFC 2637 §4.4.
    pub maximum_time_out: Duration,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            first_sequence: 0,
            reorder_packets: 64,
            reorder_delay: Duration::from_millis(50),
            max_jump: 256,
            acknowledgment_delay: Duration::from_millis(100),
            window: 64,
            peer_delay: Duration::ZERO,
            minimum_time_out: Duration::from_millis(500),
            maximum_time_out: Duration::from_secs(10),
        }
    }
}

/// Why a received packet was discarded; [`Stats`] has a counter for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Discard {
    /// The packet is not enhanced GRE.
    #[error(transparent)]
    Malformed(#[from] GreError),
    /// The packet belongs to another call.
    #[error("the Call ID is not that of this session")]
    CallId,
    /// The sequence number was received before.
    #[error("the packet is a duplicate")]
    Duplicate,
    /// The sequence number was given up before (RFC 2637 §4.3).
    #[error("the packet is late")]
    Late,
    /// The sequence number is far from what is expected.
    #[error("the sequence number is far from what is expected")]
    Far,
}

/// A payload in order.
#[derive(Debug)]
pub enum Payload<'p, 'h> {
    /// In the packet just received.
    Received(&'p mut [u8]),
    /// Of a packet that came before it and had to wait; the memory is used again.
    Held(&'h mut [u8]),
}

impl Deref for Payload<'_, '_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Received(octets) => octets,
            Self::Held(octets) => octets,
        }
    }
}

impl DerefMut for Payload<'_, '_> {
    fn deref_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Received(octets) => octets,
            Self::Held(octets) => octets,
        }
    }
}

/// The data session of one call.
///
/// After each call of [`Session::receive`], [`Session::header`] or [`Session::handle_timeout`], ask
/// [`Session::poll_transmit`] for an acknowledgment to send and then [`Session::deadline`] for the
/// time of the next [`Session::handle_timeout`]. `now` must never go backwards.
#[derive(Debug)]
pub struct Session {
    local_call_id: u16,
    peer_call_id: u16,
    receiver: Receiver,
    sender: Sender,
    acknowledgment: Acknowledgment,
    acknowledgment_delay: Duration,
    acknowledge_after: u16,
    stats: Stats,
}

/// What is to be acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Acknowledgment {
    Nothing,
    Due { at: Instant, packets: u16 },
}

impl Session {
    /// Starts the session of a call that is up. Packets to it carry `local_call_id`; packets from it
    /// carry `peer_call_id`. `peer_window` is the Packet Recv. Window Size of the peer.
    pub fn new(
        config: &SessionConfig,
        local_call_id: u16,
        peer_call_id: u16,
        peer_window: u16,
    ) -> Self {
        Self {
            local_call_id,
            peer_call_id,
            receiver: Receiver::new(config),
            sender: Sender::new(config, peer_window),
            acknowledgment: Acknowledgment::Nothing,
            acknowledgment_delay: config.acknowledgment_delay,
            acknowledge_after: (config.window / 2).max(1),
            stats: Stats::default(),
        }
    }

    /// Takes a received packet, beginning with its GRE header, and hands the payloads that are now in
    /// order to `deliver`: none, this one, or this one and others that waited for it.
    ///
    /// # Errors
    /// [`Discard`] where the packet is thrown away, which is counted and needs no further care.
    pub fn receive<'p>(
        &mut self,
        now: Instant,
        packet: &'p mut [u8],
        deliver: impl FnMut(Payload<'p, '_>),
    ) -> Result<(), Discard> {
        let result = self.take(now, packet, deliver);
        match result {
            Ok(()) => {}
            Err(Discard::Malformed(error)) => self.stats.malformed(error),
            Err(Discard::CallId) => self.stats.call_id += 1,
            Err(Discard::Duplicate) => self.stats.duplicate += 1,
            Err(Discard::Late) => self.stats.late += 1,
            Err(Discard::Far) => self.stats.far += 1,
        }
        result
    }

    /// The header for a payload of `payload_length` octets that is sent now. It takes the next
    /// sequence number and carries the acknowledgment that is due, so it must be sent.
    pub fn header(&mut self, now: Instant, payload_length: u16) -> Header {
        self.stats.sent_packets += 1;
        self.stats.sent_octets += u64::from(payload_length);
        Header {
            call_id: self.peer_call_id,
            payload_length,
            sequence: Some(self.sender.number(now, &mut self.stats)),
            acknowledgment: self.take_acknowledgment(),
        }
    }

    /// Hands payloads that have waited long enough to `deliver`. Too early a call does nothing.
    pub fn handle_timeout(&mut self, now: Instant, mut deliver: impl FnMut(&mut [u8])) {
        let mut out = Delivery {
            stats: &mut self.stats,
            deliver: |mut payload: Payload<'_, '_>| deliver(&mut payload),
        };
        self.receiver.handle_timeout(now, &mut out);
    }

    /// Whether packets wait for one that is missing: the next one received may deliver several.
    pub const fn is_holding(&self) -> bool {
        self.receiver.is_holding()
    }

    /// An acknowledgment to be sent by itself, if it cannot wait any longer for a payload.
    pub fn poll_transmit(&mut self, now: Instant) -> Option<Header> {
        if self
            .acknowledgment_deadline()
            .is_none_or(|deadline| now < deadline)
        {
            return None;
        }
        let acknowledgment = self.take_acknowledgment();
        self.stats.acknowledgments_sent += 1;
        Some(Header {
            call_id: self.peer_call_id,
            payload_length: 0,
            sequence: None,
            acknowledgment,
        })
    }

    /// When to call [`Session::handle_timeout`] and [`Session::poll_transmit`] next.
    pub fn deadline(&self) -> Option<Instant> {
        self.acknowledgment_deadline()
            .into_iter()
            .chain(self.receiver.deadline())
            .min()
    }

    /// The Call ID of packets to this session.
    pub const fn local_call_id(&self) -> u16 {
        self.local_call_id
    }

    /// The Call ID of packets from this session.
    pub const fn peer_call_id(&self) -> u16 {
        self.peer_call_id
    }

    /// The counters.
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Packets sent and not yet acknowledged; grows for ever with a peer that never acknowledges.
    pub const fn outstanding(&self) -> u32 {
        self.sender.outstanding()
    }

    /// The transmit window of RFC 2637 §4.2, in packets; a statistic that holds nothing back.
    pub const fn send_window(&self) -> u32 {
        self.sender.window()
    }

    /// The estimate of the round trip, once an acknowledgment has been timed.
    pub const fn round_trip_time(&self) -> Option<Duration> {
        self.sender.round_trip_time()
    }

    fn take<'p>(
        &mut self,
        now: Instant,
        packet: &'p mut [u8],
        deliver: impl FnMut(Payload<'p, '_>),
    ) -> Result<(), Discard> {
        self.stats.received_packets += 1;
        let header = Header::decode(packet)?;
        if header.call_id != self.local_call_id {
            return Err(Discard::CallId);
        }
        self.stats.trailing += u64::from(header.trailing(packet.len()) > 0);
        if let Some(number) = header.acknowledgment {
            self.sender.acknowledge(now, number, &mut self.stats);
        }
        let Some(sequence) = header.sequence else {
            self.stats.acknowledgments_received += 1;
            return Ok(());
        };
        let mut out = Delivery {
            stats: &mut self.stats,
            deliver,
        };
        self.receiver
            .receive(now, (sequence, header.payload_mut(packet)), &mut out)?;
        self.owe_acknowledgment(now);
        Ok(())
    }

    fn owe_acknowledgment(&mut self, now: Instant) {
        let (at, packets) = match self.acknowledgment {
            Acknowledgment::Nothing => (now + self.acknowledgment_delay, 1),
            Acknowledgment::Due { at, packets } => (at, packets.saturating_add(1)),
        };
        // A peer that waits for its window must not wait for the delay as well.
        let at = if packets >= self.acknowledge_after {
            at.min(now)
        } else {
            at
        };
        self.acknowledgment = Acknowledgment::Due { at, packets };
    }

    const fn take_acknowledgment(&mut self) -> Option<u32> {
        match std::mem::replace(&mut self.acknowledgment, Acknowledgment::Nothing) {
            Acknowledgment::Nothing => None,
            Acknowledgment::Due { .. } => self.receiver.highest(),
        }
    }

    const fn acknowledgment_deadline(&self) -> Option<Instant> {
        match self.acknowledgment {
            Acknowledgment::Nothing => None,
            Acknowledgment::Due { at, .. } => Some(at),
        }
    }
}
