//! Decrypts one direction of a session's MPPE traffic.

use std::collections::BTreeMap;

use adit_crypto::mppe_keys::{StartKey, Strength};
use adit_ppp::mppe::{Mode, Receiver, ReceiverConfig, Reject};
use adit_wire::ccp::{CcpOption, MppeBits};

/// A capture is read after the fact: it may cost more than a live connection to find the keys again
/// after a gap.
const LIMITS: ReceiverConfig = ReceiverConfig {
    late_window: 256,
    max_jump: 2048,
};

/// The key length and mode that the options of CCP agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Agreed {
    pub(crate) strength: Strength,
    pub(crate) mode: Mode,
}

impl Agreed {
    /// Reads an acknowledged request; `None` where it has no encryption.
    pub(crate) fn of(options: &[CcpOption]) -> Option<Self> {
        let bits = options.iter().find_map(|option| match option {
            CcpOption::Mppe(bits) => Some(*bits),
            CcpOption::Other { .. } => None,
        })?;
        let strengths = [
            (MppeBits::BITS_128, Strength::Bits128),
            (MppeBits::BITS_56, Strength::Bits56),
            (MppeBits::BITS_40, Strength::Bits40),
        ];
        let (_, strength) = strengths.into_iter().find(|(bit, _)| bits.contains(*bit))?;
        let mode = if bits.contains(MppeBits::STATELESS) {
            Mode::Stateless
        } else {
            Mode::Stateful
        };
        Some(Self { strength, mode })
    }
}

/// One direction.
#[derive(Debug, Default)]
pub(crate) struct Decryptor {
    receiver: Option<Receiver>,
    pub(crate) encrypted: u64,
    pub(crate) decrypted: u64,
    pub(crate) refused: BTreeMap<String, u64>,
}

impl Decryptor {
    /// Begins anew: CCP has opened.
    pub(crate) fn start(&mut self, agreed: Agreed, key: &StartKey) {
        self.receiver = key
            .for_strength(agreed.strength)
            .map(|keys| Receiver::new(keys, agreed.mode, LIMITS));
    }

    pub(crate) const fn is_started(&self) -> bool {
        self.receiver.is_some()
    }

    /// Decrypts a packet: header and ciphertext. Gives protocol field and information, or why not.
    pub(crate) fn decrypt(&mut self, mut packet: Vec<u8>) -> Result<Vec<u8>, String> {
        self.encrypted += 1;
        let result = match &mut self.receiver {
            Some(receiver) => receiver
                .decrypt(&mut packet)
                .map(|plaintext| plaintext.to_vec())
                .map_err(|reject: Reject| reject.to_string()),
            None => Err("no key".to_owned()),
        };
        match &result {
            Ok(_) => self.decrypted += 1,
            Err(reason) => *self.refused.entry(reason.clone()).or_default() += 1,
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use adit_ppp::mppe::Sender;

    #[test]
    fn the_strongest_agreed_bit_counts() {
        let of = |bits| Agreed::of(&[CcpOption::Mppe(MppeBits(bits))]);
        assert_eq!(
            of(0x0100_0060),
            Some(Agreed {
                strength: Strength::Bits128,
                mode: Mode::Stateless
            })
        );
        assert_eq!(
            of(0x0000_0020),
            Some(Agreed {
                strength: Strength::Bits40,
                mode: Mode::Stateful
            })
        );
        assert_eq!(of(0x0100_0000), None);
        assert_eq!(Agreed::of(&[]), None);
    }

    #[test]
    fn packets_are_decrypted_and_counted() {
        for mode in [Mode::Stateless, Mode::Stateful] {
            let key = StartKey::from_octets([7; 16]);
            let agreed = Agreed {
                strength: Strength::Bits56,
                mode,
            };
            let mut sender = Sender::new(key.for_strength(agreed.strength).unwrap(), mode);
            let mut decryptor = Decryptor::default();
            assert_eq!(decryptor.decrypt(vec![0x90, 0, 1, 2]), Err("no key".into()));
            decryptor.start(agreed, &key);
            for _ in 0..3 {
                let mut data = vec![0x00, 0x21, 0x45, 9, 9];
                let header = sender.encrypt(&mut data).to_be_bytes();
                let plaintext = decryptor.decrypt([&header[..], &data].concat());
                assert_eq!(plaintext.unwrap(), [0x00, 0x21, 0x45, 9, 9]);
            }
            assert_eq!((decryptor.encrypted, decryptor.decrypted), (4, 3));
            assert_eq!(decryptor.refused["no key"], 1);
        }
    }
}
