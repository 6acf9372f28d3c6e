//! Receiving in stateless mode (RFC 3078 §7.1, §8.1).
//!
//! Keys are numbered by position: position 0 is the initial session key, and the packet with coherency
//! count 0 has the key of position 1. A window holds the keys that were made and not used: those of
//! missing packets, which may still come, and those made for a packet that turned out to be forged.

use std::fmt;

use adit_crypto::mppe_keys::{SessionKey, SessionKeys};
use adit_crypto::rc4::Rc4;
use adit_wire::mppe::Header;

use super::catch_up::CatchUp;
use super::distance;
use super::receiver::{ReceiverConfig, Reject, Trial};

pub(super) struct Stateless {
    config: ReceiverConfig,
    /// The last key made.
    keys: SessionKeys,
    /// Position of `keys`.
    made: u64,
    /// Position of the newest packet accepted, 0 before the first.
    newest: u64,
    /// Unused keys of the positions `newest - late_window ..= newest + max_jump`, each at its position
    /// modulo the length.
    window: Box<[Option<SessionKey>]>,
    cipher: Rc4,
    catch_up: Option<Box<CatchUp>>,
}

/// The coherency count of the packet at a position.
pub(super) const fn count_at(position: u64) -> u16 {
    position.wrapping_sub(1) as u16 & Header::COUNT
}

impl Stateless {
    pub(super) fn new(keys: SessionKeys, config: ReceiverConfig) -> Self {
        let length = usize::from(config.late_window) + usize::from(config.max_jump) + 1;
        Self {
            config,
            keys,
            made: 0,
            newest: 0,
            window: (0..length).map(|_| None).collect(),
            cipher: Rc4::new(&[]),
            catch_up: None,
        }
    }

    pub(super) fn decrypt(&mut self, count: u16, data: &mut [u8]) -> Result<(), Reject> {
        let result = self.decrypt_in_window(count, data);
        match result {
            Ok(()) => self.catch_up = None,
            Err(_) if self.catch_up(count, data) => return Ok(()),
            Err(_) => {}
        }
        result
    }

    fn decrypt_in_window(&mut self, count: u16, data: &mut [u8]) -> Result<(), Reject> {
        let newest = count_at(self.newest);
        let (ahead, behind) = (distance(newest, count), distance(count, newest));
        if behind <= self.config.late_window {
            let position = self
                .newest
                .checked_sub(u64::from(behind))
                .ok_or(Reject::Late)?;
            self.try_key(position, 0, data)
        } else if ahead <= self.config.max_jump {
            let position = self.newest + u64::from(ahead);
            self.make_keys_up_to(position);
            self.try_key(position, ahead, data)?;
            self.newest = position;
            Ok(())
        } else if ahead <= Header::COUNT / 2 + 1 {
            Err(Reject::TooFarAhead)
        } else {
            Err(Reject::Late)
        }
    }

    fn make_keys_up_to(&mut self, position: u64) {
        while self.made < position {
            self.made += 1;
            let slot = self.slot(self.made);
            self.window[slot] = Some(self.keys.change().clone());
        }
    }

    /// Decrypts with the key kept for a position, which is then used up.
    fn try_key(&mut self, position: u64, ahead: u16, data: &mut [u8]) -> Result<(), Reject> {
        let slot = self.slot(position);
        let key = self.window[slot].as_ref().ok_or(Reject::Late)?;
        let trial = Trial::with_key(&mut self.cipher, key, data);
        if !trial.reaches(ahead, &self.config) {
            return Err(Reject::BadProtocol);
        }
        trial.finish(&mut self.cipher, data);
        self.window[slot] = None;
        Ok(())
    }

    fn slot(&self, position: u64) -> usize {
        (position % self.window.len() as u64) as usize
    }

    /// Searches on for the key of a packet that no key of the window decrypts.
    fn catch_up(&mut self, count: u16, data: &mut [u8]) -> bool {
        let search = self
            .catch_up
            .get_or_insert_with(|| Box::new(CatchUp::new(self.keys.clone(), self.made, count)));
        let cipher = &mut self.cipher;
        let Some(trial) = search.find(count, |key| {
            Some(Trial::with_key(cipher, key, data)).filter(Trial::is_ip)
        }) else {
            if search.is_exhausted() {
                self.catch_up = None;
            }
            return false;
        };
        trial.finish(&mut self.cipher, data);
        if let Some(found) = self.catch_up.take() {
            (self.keys, self.made) = found.into_keys();
            self.newest = self.made;
            self.window.fill(None);
        }
        true
    }
}

impl fmt::Debug for Stateless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stateless")
            .field("config", &self.config)
            .field("made", &self.made)
            .field("newest", &self.newest)
            .field("catch_up", &self.catch_up)
            .finish_non_exhaustive()
    }
}
