//! Receiving in stateful mode (RFC 3078 §7.2, §8.2).

use adit_crypto::mppe_keys::SessionKeys;
use adit_crypto::rc4::Rc4;
use adit_wire::mppe::Header;

use super::receiver::{ReceiverConfig, Reject, Trial};
use super::{distance, is_flag};

/// How many key changes more than counted are tried on a FLUSHED packet that is awaited: 16 for a lost
/// cycle of 4096 packets, and for Linux, which changes its key for each FLUSHED packet, this one and
/// three that were lost.
const MAX_UNCOUNTED_CHANGES: u16 = 16 + 4;

#[derive(Debug)]
pub(super) struct Stateful {
    config: ReceiverConfig,
    keys: SessionKeys,
    /// Where the key stream goes on behind the newest packet accepted.
    cipher: Rc4,
    /// Coherency count of the newest packet accepted, 4095 before the first.
    newest_count: u16,
    awaiting_flush: bool,
}

impl Stateful {
    pub(super) fn new(keys: SessionKeys, config: ReceiverConfig) -> Self {
        let cipher = Rc4::new(keys.current().octets());
        Self {
            config,
            keys,
            cipher,
            newest_count: Header::COUNT,
            awaiting_flush: false,
        }
    }

    pub(super) fn is_awaiting_flush(&self) -> bool {
        self.awaiting_flush
    }

    pub(super) fn decrypt(&mut self, header: Header, data: &mut [u8]) -> Result<(), Reject> {
        let count = header.coherency_count();
        if distance(count, self.newest_count) <= self.config.late_window {
            return Err(Reject::Late);
        }
        let ahead = distance(self.newest_count, count);
        let result = if header.is_flushed() {
            self.resynchronize(ahead, data)
        } else if ahead == 1 {
            // Also while awaiting a flush: if the key stream still fits, the gap was a forgery.
            self.go_on(count, data)
        } else {
            Err(Reject::AwaitingFlush)
        };
        if result.is_ok() {
            self.newest_count = count;
            self.awaiting_flush = false;
        } else if ahead > 1 {
            self.awaiting_flush = true;
        }
        result
    }

    /// Decrypts the packet that follows the last one, with the same key stream or, if it is a "flag"
    /// packet, the next key.
    fn go_on(&mut self, count: u16, data: &mut [u8]) -> Result<(), Reject> {
        let mut keys = is_flag(count).then(|| self.keys.clone());
        let mut cipher = match &mut keys {
            Some(keys) => Rc4::new(keys.change().octets()),
            None => self.cipher.clone(),
        };
        let trial = Trial::new(&mut cipher, data);
        if !trial.reaches(1, &self.config) {
            return Err(Reject::BadProtocol);
        }
        trial.finish(&mut cipher, data);
        self.cipher = cipher;
        if let Some(keys) = keys {
            self.keys = keys;
        }
        Ok(())
    }

    /// Decrypts a FLUSHED packet: the key changes for each "flag" packet passed, and the tables start
    /// again.
    ///
    /// RFC 3078 §8.2 keeps the key otherwise, but Linux changes it for every FLUSHED packet it sends,
    /// so later keys are tried too; those need the evidence of an IP header.
    fn resynchronize(&mut self, ahead: u16, data: &mut [u8]) -> Result<(), Reject> {
        let mut keys = self.keys.clone();
        for _ in 0..flags_passed(self.newest_count, ahead) {
            keys.change();
        }
        let counted = keys.clone();
        let mut cipher = Rc4::new(&[]);
        let mut trial = Trial::with_key(&mut cipher, keys.current(), data);
        let is_possible = trial.reaches(ahead, &self.config);
        let uncounted = if self.awaiting_flush {
            MAX_UNCOUNTED_CHANGES
        } else {
            1
        };
        for _ in 0..uncounted {
            if trial.is_ip() {
                break;
            }
            trial = Trial::with_key(&mut cipher, keys.change(), data);
        }
        if !trial.is_ip() {
            if !is_possible {
                return Err(Reject::BadProtocol);
            }
            keys = counted;
            trial = Trial::with_key(&mut cipher, keys.current(), data);
        }
        trial.finish(&mut cipher, data);
        self.keys = keys;
        self.cipher = cipher;
        Ok(())
    }
}

/// How many of the `ahead` coherency counts that follow `count` are "flags".
fn flags_passed(count: u16, ahead: u16) -> u16 {
    let first = (count & 0xff) + 1;
    (first + ahead) / 256 - first / 256
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_passed_is_what_counting_gives() {
        for count in (0..300).chain(3800..4096u16) {
            let mut flags = 0;
            for ahead in 0..4096u16 {
                assert_eq!(flags_passed(count, ahead), flags, "{count} + {ahead}");
                flags += u16::from(is_flag((count + ahead + 1) & Header::COUNT));
            }
        }
    }
}
