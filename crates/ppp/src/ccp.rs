//! What we ask for and accept in CCP: MPPE and nothing else (RFC 1962, RFC 3078 §2).

use adit_crypto::mppe_keys::Strength;
use adit_wire::ccp::{Ccp, CcpOption, MppeBits};
use adit_wire::cp::{RawPacket, code, decode_options};

use crate::mppe::Mode;
use crate::negotiator::{NoAgreement, OptionPolicy, Review};

/// Whether packets are to be encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EncryptionPolicy {
    /// No network-layer packet passes in the clear; a peer that will not encrypt is refused.
    #[default]
    Required,
    /// Encrypted where the peer can; a link that was encrypted never goes on in the clear.
    Optional,
    /// Never.
    Off,
}

/// Our wishes for encryption.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MppeConfig {
    /// Whether to encrypt.
    pub policy: EncryptionPolicy,
    /// Key lengths that will do.
    pub strengths: Vec<Strength>,
    /// Modes that will do, the first preferred.
    pub modes: Vec<Mode>,
}

impl Default for MppeConfig {
    fn default() -> Self {
        Self {
            policy: EncryptionPolicy::Required,
            strengths: vec![Strength::Bits128],
            modes: vec![Mode::Stateless],
        }
    }
}

/// One key length and one mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cipher {
    /// The key length.
    pub strength: Strength,
    /// Whether the key changes with every packet.
    pub mode: Mode,
}

impl Cipher {
    fn bits(self) -> MppeBits {
        let strength = strength_bit(self.strength);
        match self.mode {
            Mode::Stateless => strength | MppeBits::STATELESS,
            Mode::Stateful => strength,
        }
    }

    /// Reads an option that names exactly one key length and nothing else.
    pub fn from_bits(bits: MppeBits) -> Option<Self> {
        [Strength::Bits128, Strength::Bits56, Strength::Bits40]
            .into_iter()
            .flat_map(|strength| {
                [Mode::Stateless, Mode::Stateful].map(|mode| Self { strength, mode })
            })
            .find(|cipher| cipher.bits() == bits)
    }
}

impl std::fmt::Display for Cipher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mode = match self.mode {
            Mode::Stateless => "stateless",
            Mode::Stateful => "stateful",
        };
        write!(f, "MPPE {}-bit {mode}", self.strength.bits())
    }
}

const fn strength_bit(strength: Strength) -> MppeBits {
    match strength {
        Strength::Bits40 => MppeBits::BITS_40,
        Strength::Bits56 => MppeBits::BITS_56,
        Strength::Bits128 => MppeBits::BITS_128,
    }
}

/// The policy of one link.
#[derive(Debug)]
pub(crate) struct CcpPolicy {
    /// Key lengths that the configuration and the keys allow, the longest first.
    strengths: Vec<Strength>,
    modes: Vec<Mode>,
    /// What we ask for; none after the peer rejected the option.
    request: Option<Cipher>,
    /// What the peer asked for and got.
    peer: Option<Cipher>,
}

impl CcpPolicy {
    /// `strengths` are those that the session's keys support as well.
    pub(crate) fn new(mut strengths: Vec<Strength>, modes: Vec<Mode>) -> Self {
        strengths.sort_by_key(|strength| std::cmp::Reverse(strength.bits()));
        let mut policy = Self {
            strengths,
            modes,
            request: None,
            peer: None,
        };
        policy.request = policy.preferred();
        policy
    }

    fn preferred(&self) -> Option<Cipher> {
        let (&strength, &mode) = self.strengths.first().zip(self.modes.first())?;
        Some(Cipher { strength, mode })
    }

    /// Takes the peer's key length into our first request, where it is one that will do.
    pub(crate) fn hear(&mut self, information: &[u8]) {
        let options = RawPacket::decode(information)
            .ok()
            .filter(|(raw, _)| raw.code == code::CONFIGURE_REQUEST)
            .and_then(|(raw, _)| decode_options::<CcpOption>(raw.data).ok());
        let bits = options.iter().flatten().find_map(|option| match option {
            CcpOption::Mppe(bits) => Some(*bits),
            CcpOption::Other { .. } => None,
        });
        if let Some((bits, request)) = bits.zip(self.request.as_mut()) {
            let named = self
                .strengths
                .iter()
                .find(|it| bits.contains(strength_bit(**it)));
            request.strength = named.copied().unwrap_or(request.strength);
        }
    }

    /// What we decrypt with: the peer sends what we asked for (RFC 1962 §2).
    pub(crate) fn receive(&self) -> Option<Cipher> {
        self.request
    }

    /// What we encrypt with.
    pub(crate) fn send(&self) -> Option<Cipher> {
        self.peer
    }

    /// The best of what `bits` names, and what we would want where it names nothing that will do.
    fn best(&self, bits: MppeBits) -> Option<Cipher> {
        let strength = self
            .strengths
            .iter()
            .copied()
            .find(|strength| bits.contains(strength_bit(*strength)))
            .or_else(|| self.strengths.first().copied())?;
        let named = if bits.contains(MppeBits::STATELESS) {
            Mode::Stateless
        } else {
            Mode::Stateful
        };
        let mode = self
            .modes
            .iter()
            .copied()
            .find(|mode| *mode == named)
            .or(self.modes.first().copied())?;
        Some(Cipher { strength, mode })
    }
}

impl OptionPolicy for CcpPolicy {
    type Protocol = Ccp;

    fn request(&mut self) -> Vec<CcpOption> {
        self.request
            .map(|cipher| CcpOption::Mppe(cipher.bits()))
            .into_iter()
            .collect()
    }

    fn review(&mut self, peer: &[CcpOption]) -> Review<CcpOption> {
        let foreign: Vec<_> = peer
            .iter()
            .filter(|option| !matches!(option, CcpOption::Mppe(_)))
            .cloned()
            .collect();
        if !foreign.is_empty() {
            return Review::Reject(foreign);
        }
        let Some(CcpOption::Mppe(bits)) = peer.first() else {
            // Some peers ask for nothing until they are told what there is.
            return match self.preferred() {
                Some(cipher) => Review::Nak(vec![CcpOption::Mppe(cipher.bits())]),
                None => Review::Impossible,
            };
        };
        match self.best(*bits) {
            Some(cipher) if cipher.bits() == *bits => {
                self.peer = Some(cipher);
                Review::Ack
            }
            Some(cipher) => Review::Nak(vec![CcpOption::Mppe(cipher.bits())]),
            None => Review::Reject(peer.to_vec()),
        }
    }

    fn on_nak(&mut self, wanted: &[CcpOption]) -> Result<(), NoAgreement> {
        for option in wanted {
            if let CcpOption::Mppe(bits) = option {
                // Never the peer's mixture: one key length, the longest that both can.
                self.request = self.best(*bits);
            }
        }
        Ok(())
    }

    fn on_reject(&mut self, rejected: &[CcpOption]) -> Result<(), NoAgreement> {
        if rejected
            .iter()
            .any(|option| matches!(option, CcpOption::Mppe(_)))
        {
            self.request = None;
            return Err(NoAgreement);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(strengths: &[Strength], modes: &[Mode]) -> CcpPolicy {
        CcpPolicy::new(strengths.to_vec(), modes.to_vec())
    }

    fn mppe(bits: u32) -> CcpOption {
        CcpOption::Mppe(MppeBits(bits))
    }

    const STATELESS_128: u32 = 0x0100_0040;

    #[test]
    fn exactly_one_key_length_is_asked_for() {
        let all = [Strength::Bits40, Strength::Bits56, Strength::Bits128];
        let mut policy = policy(&all, &[Mode::Stateless, Mode::Stateful]);
        assert_eq!(policy.request(), [mppe(STATELESS_128)]);
    }

    #[test]
    fn a_windows_server_that_offers_mppc_and_stateful_is_told_what_will_do() {
        let mut policy = policy(&[Strength::Bits128], &[Mode::Stateless]);
        assert_eq!(
            policy.review(&[mppe(0x41)]),
            Review::Nak(vec![mppe(STATELESS_128)])
        );
        assert_eq!(policy.review(&[mppe(STATELESS_128)]), Review::Ack);
        assert_eq!(
            policy.send().map(|cipher| cipher.mode),
            Some(Mode::Stateless)
        );
    }

    #[test]
    fn mixed_key_lengths_end_with_the_longest_allowed() {
        let mut policy = policy(
            &[Strength::Bits40, Strength::Bits128],
            &[Mode::Stateless, Mode::Stateful],
        );
        assert_eq!(policy.review(&[mppe(0x60)]), Review::Nak(vec![mppe(0x40)]));
        policy.on_nak(&[mppe(0x0100_00e0)]).unwrap();
        assert_eq!(policy.request(), [mppe(STATELESS_128)]);
        policy.on_nak(&[mppe(0x20)]).unwrap();
        assert_eq!(policy.request(), [mppe(0x20)]);
    }

    #[test]
    fn weaker_keys_than_allowed_are_never_taken() {
        let mut policy = policy(&[Strength::Bits128], &[Mode::Stateless]);
        assert_eq!(
            policy.review(&[mppe(0x0100_0020)]),
            Review::Nak(vec![mppe(STATELESS_128)])
        );
        policy.on_nak(&[mppe(0x0100_0020)]).unwrap();
        assert_eq!(policy.request(), [mppe(STATELESS_128)]);
    }

    #[test]
    fn other_compressors_are_rejected_and_an_empty_request_is_shown_the_way() {
        let mut policy = policy(&[Strength::Bits128], &[Mode::Stateless]);
        let deflate = CcpOption::Other {
            kind: 26,
            data: vec![0x78, 0x00],
        };
        assert_eq!(
            policy.review(&[deflate.clone(), mppe(STATELESS_128)]),
            Review::Reject(vec![deflate])
        );
        assert_eq!(policy.review(&[]), Review::Nak(vec![mppe(STATELESS_128)]));
    }
}
