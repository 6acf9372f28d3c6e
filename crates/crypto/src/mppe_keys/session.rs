//! The session keys that follow from a start key (RFC 3078 §7.3).

use std::fmt;

use sha1::block_api::compress;
use zeroize::Zeroize;

use super::{SHA_PAD_1, SHA_PAD_2, Strength};
use crate::rc4::Rc4;
use crate::secret::Secret;

/// The state that SHA-1 starts with (FIPS 180-4 §5.3.1).
const SHA_START: [u32; 5] = [
    0x6745_2301,
    0xefcd_ab89,
    0x98ba_dcfe,
    0x1032_5476,
    0xc3d2_e1f0,
];

/// One session key: what RC4 is initialized with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionKey {
    strength: Strength,
    octets: Secret<16>,
}

impl SessionKey {
    /// The key: 8 octets for 40 and 56 bits, 16 for 128.
    pub fn octets(&self) -> &[u8] {
        &self.octets.0[..self.strength.key_length()]
    }

    /// Encrypts an interim key with itself, which makes it a session key.
    fn encrypt(&mut self, with_itself: &mut Rc4) {
        let length = self.strength.key_length();
        with_itself.apply(&mut self.octets.0[..length]);
        self.weaken();
    }

    fn weaken(&mut self) {
        let salt = self.strength.salt();
        self.octets.0[..salt.len()].copy_from_slice(salt);
    }
}

/// The session keys of one direction, one after the other (RFC 3078 §7.3).
///
/// A clone goes its own way: that is how a receiver tries later keys before it commits to them.
#[derive(Clone)]
pub struct SessionKeys {
    start: Secret<16>,
    current: SessionKey,
    /// The key after `current`, if it was made already.
    next: Option<SessionKey>,
}

impl SessionKeys {
    /// Starts with the initial session key, which is not encrypted with itself (RFC 3079 §3.1).
    pub(super) fn new(strength: Strength, start: &[u8]) -> Self {
        let mut octets = Secret([0; 16]);
        octets.0[..start.len()].copy_from_slice(start);
        let mut keys = Self {
            start: octets.clone(),
            current: SessionKey { strength, octets },
            next: None,
        };
        keys.current = keys.interim_key();
        keys.current.weaken();
        keys
    }

    /// The session key in use.
    pub fn current(&self) -> &SessionKey {
        &self.current
    }

    /// Effective length of the keys.
    pub fn strength(&self) -> Strength {
        self.current.strength
    }

    /// Changes to the next session key (RFC 3078 §7.3) and gives it.
    pub fn change(&mut self) -> &SessionKey {
        self.current = self.next.take().unwrap_or_else(|| {
            let mut next = self.interim_key();
            next.encrypt(&mut Rc4::new(next.octets()));
            next
        });
        &self.current
    }

    /// Changes to the next session key, as [`change`](Self::change) does, and starts `cipher` with it.
    ///
    /// The key after it is made along the way: the two key schedules do not wait for each other, so
    /// this is the fast way to change keys for one packet after the other.
    pub fn change_into(&mut self, cipher: &mut Rc4) {
        self.change();
        let mut next = self.interim_key();
        let mut with_itself = Rc4::unkeyed();
        cipher.rekey_both(self.current.octets(), &mut with_itself, next.octets());
        next.encrypt(&mut with_itself);
        self.next = Some(next);
    }

    /// `GetNewKeyFromSHA()`: the interim key that follows the current key.
    fn interim_key(&self) -> SessionKey {
        let strength = self.current.strength;
        let mut state = SHA_START;
        let mut message = self.padded_message();
        compress(&mut state, message.as_chunks().0);
        message.as_mut_slice().zeroize();
        let mut octets = Secret([0; 16]);
        let words = octets.0[..strength.key_length()].as_chunks_mut().0;
        for (octets, word) in words.iter_mut().zip(state) {
            *octets = word.to_be_bytes();
        }
        state.as_mut_slice().zeroize();
        SessionKey { strength, octets }
    }

    /// Start key, pad, current key, pad, and what SHA-1 puts behind them to fill two blocks (FIPS 180-4
    /// §5.1.1).
    fn padded_message(&self) -> [u8; 128] {
        let key = self.current.octets();
        let key_at = key.len() + SHA_PAD_1.len();
        let pad_at = key_at + key.len();
        let end = pad_at + SHA_PAD_2.len();
        let mut message = [0; 128];
        message[..key.len()].copy_from_slice(&self.start.0[..key.len()]);
        message[key.len()..key_at].copy_from_slice(&SHA_PAD_1);
        message[key_at..pad_at].copy_from_slice(key);
        message[pad_at..end].copy_from_slice(&SHA_PAD_2);
        message[end] = 0x80;
        message[126..].copy_from_slice(&(end as u16 * 8).to_be_bytes());
        message
    }
}

impl fmt::Debug for SessionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionKeys")
            .field("current", &self.current)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mppe_keys::StartKey;
    use proptest::prelude::*;
    use sha1::{Digest, Sha1};

    const STRENGTHS: [Strength; 3] = [Strength::Bits40, Strength::Bits56, Strength::Bits128];

    fn keys(start: [u8; 16], strength: Strength) -> SessionKeys {
        StartKey::from_octets(start).for_strength(strength).unwrap()
    }

    #[test]
    fn the_message_is_padded_as_sha1_does() {
        for strength in STRENGTHS {
            let keys = keys([0x3c; 16], strength);
            let length = strength.key_length();
            let digest = Sha1::new()
                .chain_update(&keys.start.0[..length])
                .chain_update(SHA_PAD_1)
                .chain_update(keys.current().octets())
                .chain_update(SHA_PAD_2)
                .finalize();
            assert_eq!(keys.interim_key().octets(), &digest[..length]);
        }
    }

    #[test]
    fn every_session_key_keeps_its_salt() {
        for strength in STRENGTHS {
            let mut keys = keys([0x5a; 16], strength);
            for _ in 0..300 {
                assert!(keys.current().octets().starts_with(strength.salt()));
                assert_eq!(keys.current().octets().len(), strength.key_length());
                let before = keys.current().clone();
                assert_ne!(keys.change(), &before);
            }
        }
    }

    #[test]
    fn a_clone_goes_its_own_way() {
        let mut keys = keys([1; 16], Strength::Bits128);
        let first = keys.current().clone();
        let mut trial = keys.clone();
        let second = trial.change().clone();
        assert_eq!(keys.current(), &first);
        assert_eq!(keys.change(), &second);
    }

    #[test]
    fn ten_thousand_sessions_need_little_memory() {
        assert!(size_of::<SessionKeys>() <= 64);
    }

    proptest! {
        #[test]
        fn all_ways_to_change_give_the_same_keys(
            start: [u8; 16],
            strength in prop::sample::select(&STRENGTHS),
            ways in prop::collection::vec(0..4u8, 1..40),
        ) {
            let mut plain = keys(start, strength);
            let mut mixed = plain.clone();
            let mut cipher = Rc4::new(b"any");
            for way in ways {
                match way {
                    0 => {
                        mixed.clone().change_into(&mut cipher);
                        continue;
                    }
                    1 => {
                        mixed = mixed.clone();
                        continue;
                    }
                    2 => {
                        mixed.change();
                    }
                    _ => {
                        mixed.change_into(&mut cipher);
                        let (mut ours, mut expected) = ([0; 64], [0; 64]);
                        cipher.apply(&mut ours);
                        Rc4::new(mixed.current().octets()).apply(&mut expected);
                        prop_assert_eq!(ours, expected);
                    }
                }
                prop_assert_eq!(plain.change(), mixed.current());
            }
        }
    }
}
