//! The decrypting end: what is common to both modes.

use adit_crypto::mppe_keys::{SessionKey, SessionKeys};
use adit_crypto::rc4::Rc4;
use adit_wire::mppe::Header;
use thiserror::Error;

use super::Mode;
use super::plaintext::{self, Evidence, HEAD_LENGTH};
use super::stateful::Stateful;
use super::stateless::Stateless;

/// Limits of a [`Receiver`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiverConfig {
    /// How many packets late one may be, 0 to 2047. In stateless mode so many keys of missing packets
    /// are kept; in stateful mode such a packet is dropped without a Reset-Request.
    pub late_window: u16,
    /// How many packets may be missing before one that is decrypted at once, in stateless mode, 1 to
    /// 2048. Each costs a key change and 18 octets of memory. A longer gap is made up for over several
    /// packets, so this need not cover the longest outage.
    pub max_jump: u16,
}

impl Default for ReceiverConfig {
    /// 64 late and 256 ahead: a burst of loss at full speed, at 0.2 ms of key changes and 6 KB.
    fn default() -> Self {
        Self {
            late_window: 64,
            max_jump: 256,
        }
    }
}

impl ReceiverConfig {
    fn clamped(self) -> Self {
        Self {
            late_window: self.late_window.min(Header::COUNT / 2),
            max_jump: self.max_jump.clamp(1, Header::COUNT / 2 + 1),
        }
    }
}

/// Why a packet was dropped. Its octets are as they were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum Reject {
    /// Fewer than three octets.
    #[error("too short")]
    TooShort,
    /// Bit D is clear.
    #[error("not encrypted")]
    NotEncrypted,
    /// A duplicate, or later than the keys kept.
    #[error("late or duplicate")]
    Late,
    /// Further ahead than the configured jump.
    #[error("coherency count too far ahead")]
    TooFarAhead,
    /// The plaintext is no packet: forged, damaged, or encrypted with another key.
    #[error("decrypts to no known protocol")]
    BadProtocol,
    /// Stateful mode: packets are missing, and this one cannot be decrypted until the peer flushes.
    #[error("awaiting a flushed packet")]
    AwaitingFlush,
}

/// A packet whose plaintext has shown itself as such.
#[derive(Debug)]
pub struct Opening<'p> {
    /// Everything behind the header: protocol field and information.
    pub octets: &'p mut [u8],
    /// Octets that are decrypted. The cipher given stands at the next one.
    pub decrypted: usize,
}

/// Decrypts the packets of one direction.
#[derive(Debug)]
pub struct Receiver(State);

#[derive(Debug)]
enum State {
    Stateless(Box<Stateless>),
    Stateful(Box<Stateful>),
}

impl Receiver {
    /// Expects coherency count 0. `keys` are at the initial session key. Limits out of range are
    /// taken as the nearest in range.
    pub fn new(keys: SessionKeys, mode: Mode, config: ReceiverConfig) -> Self {
        let config = config.clamped();
        Self(match mode {
            Mode::Stateless => State::Stateless(Box::new(Stateless::new(keys, config))),
            Mode::Stateful => State::Stateful(Box::new(Stateful::new(keys, config))),
        })
    }

    /// Decrypts a packet in place: two octets of header, then the encrypted octets. Gives the
    /// plaintext, everything behind the header: protocol field and information.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub fn decrypt<'p>(&mut self, packet: &'p mut [u8]) -> Result<&'p mut [u8], Reject> {
        let mut cipher = Rc4::new(&[]);
        let Opening { octets, decrypted } = self.begin(packet, &mut cipher)?;
        if let Some(rest) = octets.get_mut(decrypted..) {
            cipher.apply(rest);
        }
        Ok(octets)
    }

    /// Accepts a packet, and decrypts so much of it that its protocol is known. In stateless mode the
    /// rest is left to the caller, so that several packets can be decrypted side by side.
    ///
    /// A compressed protocol field is taken for IPv4 and IPv6. A stateless packet without bit A is
    /// taken: older Linux peers leave it out on the first one.
    ///
    /// # Errors
    /// [`Reject`] says why the packet is dropped; it and the state are then unchanged, but for keys
    /// made ahead of time.
    pub fn begin<'p>(
        &mut self,
        packet: &'p mut [u8],
        cipher: &mut Rc4,
    ) -> Result<Opening<'p>, Reject> {
        let ([high, low], octets) = packet.split_first_chunk_mut().ok_or(Reject::TooShort)?;
        let header = Header(u16::from_be_bytes([*high, *low]));
        if octets.is_empty() {
            return Err(Reject::TooShort);
        }
        if !header.is_encrypted() {
            return Err(Reject::NotEncrypted);
        }
        let decrypted = match &mut self.0 {
            State::Stateless(state) => state.begin(header.coherency_count(), octets, cipher)?,
            State::Stateful(state) => {
                state.decrypt(header, octets)?;
                octets.len()
            }
        };
        Ok(Opening { octets, decrypted })
    }

    /// Tells whether a CCP Reset-Request is due: packets of stateful mode are missing, and none with
    /// the FLUSHED bit has come since. The caller limits how often it sends one.
    pub fn wants_reset_request(&self) -> bool {
        match &self.0 {
            State::Stateless(_) => false,
            State::Stateful(state) => state.is_awaiting_flush(),
        }
    }
}

/// A cipher at the start of a packet, and what the head of that packet is under it.
pub(super) struct Trial {
    head: [u8; HEAD_LENGTH],
    pub(super) evidence: Option<Evidence>,
}

impl Trial {
    /// Decrypts a copy of the head of `data`; the cipher moves on by the octets of the head.
    pub(super) fn new(cipher: &mut Rc4, data: &[u8]) -> Self {
        let mut head = [0; HEAD_LENGTH];
        let length = data.len().min(HEAD_LENGTH);
        let (used, _) = head.split_at_mut(length);
        used.copy_from_slice(&data[..length]);
        cipher.apply(used);
        let evidence = plaintext::judge(used, data.len());
        Self { head, evidence }
    }

    /// As [`new`](Self::new), with tables made of `key`.
    pub(super) fn with_key(cipher: &mut Rc4, key: &SessionKey, data: &[u8]) -> Self {
        cipher.rekey(key.octets());
        Self::new(cipher, data)
    }

    /// Tells whether the evidence carries the coherency count so far.
    pub(super) fn reaches(&self, ahead: u16, config: &ReceiverConfig) -> bool {
        self.evidence
            .is_some_and(|evidence| evidence.reach(config) >= ahead)
    }

    pub(super) fn is_ip(&self) -> bool {
        self.evidence == Some(Evidence::IpHeader)
    }

    /// Decrypts the head of `data` and gives its length.
    pub(super) fn commit(self, data: &mut [u8]) -> usize {
        let (head, _) = data.split_at_mut(data.len().min(HEAD_LENGTH));
        head.copy_from_slice(&self.head[..head.len()]);
        head.len()
    }

    /// Decrypts all of `data` with the cipher of the trial.
    pub(super) fn finish(self, cipher: &mut Rc4, data: &mut [u8]) {
        let head = self.commit(data);
        cipher.apply(&mut data[head..]);
    }
}
