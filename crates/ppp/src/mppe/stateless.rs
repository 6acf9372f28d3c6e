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
    /// modulo the length; empty until there is the first one.
    window: Box<[Option<SessionKey>]>,
    catch_up: Option<Box<CatchUp>>,
}

/// The coherency count of the packet at a position.
pub(super) const fn count_at(position: u64) -> u16 {
    position.wrapping_sub(1) as u16 & Header::COUNT
}

impl Stateless {
    pub(super) fn new(keys: SessionKeys, config: ReceiverConfig) -> Self {
        Self {
            config,
            keys,
            made: 0,
            newest: 0,
            window: Box::default(),
            catch_up: None,
        }
    }

    /// Accepts a packet and decrypts its head; gives the length of that. `cipher` stands behind it.
    pub(super) fn begin(
        &mut self,
        count: u16,
        data: &mut [u8],
        cipher: &mut Rc4,
    ) -> Result<usize, Reject> {
        match self.begin_in_window(count, data, cipher) {
            Ok(head) => {
                self.catch_up = None;
                Ok(head)
            }
            Err(reject) => self.catch_up(count, data, cipher).ok_or(reject),
        }
    }

    fn begin_in_window(
        &mut self,
        count: u16,
        data: &mut [u8],
        cipher: &mut Rc4,
    ) -> Result<usize, Reject> {
        let newest = count_at(self.newest);
        let (ahead, behind) = (distance(newest, count), distance(count, newest));
        if behind <= self.config.late_window {
            let position = self
                .newest
                .checked_sub(u64::from(behind))
                .ok_or(Reject::Late)?;
            self.try_kept(position, 0, data, cipher)
        } else if ahead <= self.config.max_jump {
            let position = self.newest + u64::from(ahead);
            let head = if position > self.made {
                self.make_keys_before(position);
                self.try_next(ahead, data, cipher)?
            } else {
                self.try_kept(position, ahead, data, cipher)?
            };
            self.newest = position;
            Ok(head)
        } else if ahead <= Header::COUNT / 2 + 1 {
            Err(Reject::TooFarAhead)
        } else {
            Err(Reject::Late)
        }
    }

    /// Makes the keys of packets that are missing.
    fn make_keys_before(&mut self, position: u64) {
        while self.made + 1 < position {
            self.made += 1;
            let key = self.keys.change().clone();
            self.keep(self.made, key);
        }
    }

    /// Decrypts with the key behind the last one made, which is kept if it does not fit.
    fn try_next(&mut self, ahead: u16, data: &mut [u8], cipher: &mut Rc4) -> Result<usize, Reject> {
        self.keys.change_into(cipher);
        self.made += 1;
        let trial = Trial::new(cipher, data);
        if !trial.reaches(ahead, &self.config) {
            self.keep(self.made, self.keys.current().clone());
            return Err(Reject::BadProtocol);
        }
        self.forget(self.made);
        Ok(trial.commit(data))
    }

    /// Decrypts with the key kept for a position, which is then used up.
    fn try_kept(
        &mut self,
        position: u64,
        ahead: u16,
        data: &mut [u8],
        cipher: &mut Rc4,
    ) -> Result<usize, Reject> {
        let kept = self.window.get(self.slot(position));
        let key = kept.and_then(Option::as_ref).ok_or(Reject::Late)?;
        let trial = Trial::with_key(cipher, key, data);
        if !trial.reaches(ahead, &self.config) {
            return Err(Reject::BadProtocol);
        }
        self.forget(position);
        Ok(trial.commit(data))
    }

    fn keep(&mut self, position: u64, key: SessionKey) {
        if self.window.is_empty() {
            self.window = (0..self.length()).map(|_| None).collect();
        }
        let slot = self.slot(position);
        self.window[slot] = Some(key);
    }

    fn forget(&mut self, position: u64) {
        let slot = self.slot(position);
        if let Some(kept) = self.window.get_mut(slot) {
            *kept = None;
        }
    }

    fn length(&self) -> usize {
        usize::from(self.config.late_window) + usize::from(self.config.max_jump) + 1
    }

    fn slot(&self, position: u64) -> usize {
        (position % self.length() as u64) as usize
    }

    /// Searches on for the key of a packet that no key of the window decrypts.
    fn catch_up(&mut self, count: u16, data: &mut [u8], cipher: &mut Rc4) -> Option<usize> {
        let search = self
            .catch_up
            .get_or_insert_with(|| Box::new(CatchUp::new(self.keys.clone(), self.made, count)));
        let found = search.find(count, |key| {
            Some(Trial::with_key(cipher, key, data)).filter(Trial::is_ip)
        });
        let Some(trial) = found else {
            if search.is_exhausted() {
                self.catch_up = None;
            }
            return None;
        };
        if let Some(found) = self.catch_up.take() {
            (self.keys, self.made) = found.into_keys();
            self.newest = self.made;
            self.window.fill(None);
        }
        Some(trial.commit(data))
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
