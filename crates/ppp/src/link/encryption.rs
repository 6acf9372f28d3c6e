use std::time::{Duration, Instant};

use adit_crypto::mppe_keys::SessionStartKeys;

use super::Resets;
use crate::ccp::{Cipher, EncryptionPolicy, MppeConfig};
use crate::mppe::{Mode, Receiver, ReceiverConfig, Sender};

/// Between two Reset-Requests, in either direction: a lost one is sent again, and a flood of forged
/// ones cannot make the sender use its key stream over and over.
const RESET_INTERVAL: Duration = Duration::from_millis(100);

/// The encryption of one link: keys from the authentication, ciphers from CCP.
#[derive(Debug)]
pub(super) struct Encryption {
    pub(super) policy: EncryptionPolicy,
    receiver_config: ReceiverConfig,
    keys: Option<SessionStartKeys>,
    pub(super) sender: Option<Sender>,
    pub(super) receiver: Option<Receiver>,
    ciphers: Option<(Cipher, Cipher)>,
    /// Whether packets were encrypted since LCP came up, and are not.
    interrupted: bool,
    reset_sent: Option<Instant>,
    flushed: Option<Instant>,
    reset_acks: bool,
    resets: Resets,
}

impl Encryption {
    pub(super) fn new(config: &MppeConfig, receiver_config: ReceiverConfig) -> Self {
        Self {
            policy: config.policy,
            receiver_config,
            keys: None,
            sender: None,
            receiver: None,
            ciphers: None,
            interrupted: false,
            reset_sent: None,
            flushed: None,
            reset_acks: true,
            resets: Resets::default(),
        }
    }

    /// This peer must encrypt. Where encryption is off, it stays off.
    pub(super) fn require(&mut self) {
        if self.policy == EncryptionPolicy::Optional {
            self.policy = EncryptionPolicy::Required;
        }
    }

    /// The keys of an authentication; those of an earlier one are never used again.
    pub(super) fn set_keys(&mut self, keys: Option<SessionStartKeys>) {
        self.keys = keys;
    }

    /// The allowed key lengths that the keys can make.
    pub(super) fn strengths(&self, config: &MppeConfig) -> Vec<adit_crypto::mppe_keys::Strength> {
        let supports = |strength| {
            self.keys
                .as_ref()
                .is_some_and(|keys| keys.supports(strength))
        };
        config
            .strengths
            .iter()
            .copied()
            .filter(|strength| supports(*strength))
            .collect()
    }

    /// CCP came up with these ciphers, ours to send with first. Whether they could be set up.
    pub(super) fn start(&mut self, send: Cipher, receive: Cipher) -> bool {
        let Some(keys) = &self.keys else { return false };
        let both = keys
            .send
            .for_strength(send.strength)
            .zip(keys.receive.for_strength(receive.strength));
        let Some((sending, receiving)) = both else {
            return false;
        };
        self.sender = Some(Sender::new(sending, send.mode));
        self.receiver = Some(Receiver::new(receiving, receive.mode, self.receiver_config));
        self.ciphers = Some((send, receive));
        self.interrupted = false;
        true
    }

    /// CCP went down, but LCP did not.
    pub(super) fn interrupt(&mut self) {
        self.interrupted |= self.ciphers.is_some();
        self.sender = None;
        self.receiver = None;
        self.ciphers = None;
    }

    /// LCP went down.
    pub(super) fn stop(&mut self) {
        self.interrupt();
        self.interrupted = false;
    }

    /// Whether the link cannot go on without encryption: where it is required, and where it was in
    /// use, so that no forged packet of CCP lays the link open.
    pub(super) fn is_needed(&self) -> bool {
        self.policy == EncryptionPolicy::Required || self.interrupted
    }

    /// The ciphers in use, sending first.
    pub(super) fn ciphers(&self) -> Option<(Cipher, Cipher)> {
        self.ciphers
    }

    /// Whether packets may pass unencrypted: never where encryption is required, nor beside or after
    /// encrypted ones.
    pub(super) fn allows_clear(&self) -> bool {
        !self.is_needed() && self.ciphers.is_none()
    }

    /// The peer's Reset-Request (RFC 3078 §8.2): the next packet says that its tables are fresh.
    /// Returns whether the peer is to be sent a Reset-Ack.
    pub(super) fn on_reset_request(&mut self, now: Instant) -> bool {
        let stateful = self
            .ciphers
            .is_some_and(|(send, _)| send.mode == Mode::Stateful);
        if stateful && passed(self.flushed, now) {
            self.flushed = Some(now);
            self.resets.received += 1;
            if let Some(sender) = &mut self.sender {
                sender.flush();
            }
        }
        stateful && self.reset_acks
    }

    /// Reset-Requests so far.
    pub(super) fn resets(&self) -> Resets {
        self.resets
    }

    /// The peer has rejected a Reset-Ack.
    pub(super) fn peer_takes_no_reset_acks(&mut self) {
        self.reset_acks = false;
    }

    /// Whether a Reset-Request is to be sent now that a packet could not be decrypted.
    pub(super) fn wants_reset(&mut self, now: Instant) -> bool {
        let asked = self
            .receiver
            .as_ref()
            .is_some_and(Receiver::wants_reset_request);
        let wanted = asked && passed(self.reset_sent, now);
        if wanted {
            self.reset_sent = Some(now);
            self.resets.sent += 1;
        }
        wanted
    }
}

fn passed(last: Option<Instant>, now: Instant) -> bool {
    last.is_none_or(|last| now.saturating_duration_since(last) >= RESET_INTERVAL)
}
