//! Keys of MPPE: from MS-CHAP to the start keys (RFC 3079), and from a start key to one session key
//! after the other (RFC 3078 §7.3).

mod session;

use std::fmt;

use sha1::{Digest, Sha1};

use crate::nt::{LmHash, NtHash};
use crate::secret::{self, Secret};

pub use session::{SessionKey, SessionKeys};

const MASTER_KEY: &[u8; 27] = b"This is the MPPE Master Key";
const CLIENT_TO_SERVER: &[u8; 84] =
    b"On the client side, this is the send key; on the server side, it is the receive key.";
const SERVER_TO_CLIENT: &[u8; 84] =
    b"On the client side, this is the receive key; on the server side, it is the send key.";
const SHA_PAD_1: [u8; 40] = [0x00; 40];
const SHA_PAD_2: [u8; 40] = [0xf2; 40];

/// Effective length of the session keys (RFC 3078 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Strength {
    /// 40 bits: 8 octets, of which the first three are constant.
    Bits40,
    /// 56 bits: 8 octets, of which the first is constant.
    Bits56,
    /// 128 bits: 16 octets.
    Bits128,
}

impl Strength {
    /// Effective number of secret bits.
    pub const fn bits(self) -> u16 {
        match self {
            Self::Bits40 => 40,
            Self::Bits56 => 56,
            Self::Bits128 => 128,
        }
    }

    /// Length of a session key in octets.
    const fn key_length(self) -> usize {
        match self {
            Self::Bits40 | Self::Bits56 => 8,
            Self::Bits128 => 16,
        }
    }

    /// The constant octets at the start of every session key.
    const fn salt(self) -> &'static [u8] {
        match self {
            Self::Bits40 => &[0xd1, 0x26, 0x9e],
            Self::Bits56 => &[0xd1],
            Self::Bits128 => &[],
        }
    }
}

impl fmt::Display for Strength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-bit", self.bits())
    }
}

/// Which end of the authentication one is: the server is the authenticator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The authenticator.
    Server,
    /// The authenticated peer.
    Client,
}

/// Which way packets go, seen from a [`Side`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Away from this side.
    Send,
    /// Towards this side.
    Receive,
}

/// The master key of MS-CHAPv2 (`GetMasterKey()`, RFC 3079 §3.4).
#[derive(Debug, PartialEq, Eq)]
pub struct MasterKey(Secret<16>);

impl MasterKey {
    /// Makes the key from the password hash and the NT-Response of the first authentication.
    pub fn from_mschap_v2(nt_hash: &NtHash, nt_response: &[u8; 24]) -> Self {
        let digest = Sha1::new()
            .chain_update(nt_hash.hashed().0)
            .chain_update(nt_response)
            .chain_update(MASTER_KEY)
            .finalize();
        Self(Secret(secret::prefix(&digest)))
    }

    /// A key that is known already.
    pub fn from_octets(octets: [u8; 16]) -> Self {
        Self(Secret(octets))
    }

    /// The octets of the key.
    pub fn octets(&self) -> &[u8; 16] {
        &self.0.0
    }

    /// `GetAsymmetricStartKey()` (RFC 3079 §3.4).
    pub fn start_key(&self, side: Side, direction: Direction) -> StartKey {
        let magic = match (side, direction) {
            (Side::Server, Direction::Send) | (Side::Client, Direction::Receive) => {
                SERVER_TO_CLIENT
            }
            (Side::Server, Direction::Receive) | (Side::Client, Direction::Send) => {
                CLIENT_TO_SERVER
            }
        };
        let digest = Sha1::new()
            .chain_update(self.octets())
            .chain_update(SHA_PAD_1)
            .chain_update(magic)
            .chain_update(SHA_PAD_2)
            .finalize();
        StartKey::from_octets(secret::prefix(&digest))
    }
}

/// Start key of one direction: the secret from which all its session keys follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartKey {
    strong: Secret<16>,
    /// 8 octets for 40 and 56 bits; absent where the password has no LAN Manager hash.
    weak: Option<Secret<8>>,
}

impl StartKey {
    /// A key from elsewhere, such as the MS-MPPE-Send-Key of RADIUS (RFC 2548 §2.4.2).
    ///
    /// The keys for 40 and 56 bits start with its first 8 octets (RFC 3079 §3.1, §3.2).
    pub fn from_octets(octets: [u8; 16]) -> Self {
        Self {
            weak: Some(Secret(secret::prefix(&octets))),
            strong: Secret(octets),
        }
    }

    /// Keys of MS-CHAPv1, equal in both directions (RFC 3079 §2.1 to §2.3).
    fn from_mschap_v1(
        hash_hash: &Secret<16>,
        lm_key: Option<Secret<8>>,
        challenge: &[u8; 8],
    ) -> Self {
        let digest = Sha1::new()
            .chain_update(hash_hash.0)
            .chain_update(hash_hash.0)
            .chain_update(challenge)
            .finalize();
        Self {
            strong: Secret(secret::prefix(&digest)),
            weak: lm_key,
        }
    }

    /// The 16 octets that 128-bit session keys start with.
    pub fn octets(&self) -> &[u8; 16] {
        &self.strong.0
    }

    /// Tells whether [`for_strength`](Self::for_strength) will give keys.
    pub fn supports(&self, strength: Strength) -> bool {
        match strength {
            Strength::Bits40 | Strength::Bits56 => self.weak.is_some(),
            Strength::Bits128 => true,
        }
    }

    /// The session keys of this direction, or `None` where the strength cannot be had: 40 and 56
    /// bits after MS-CHAPv1 without a LAN Manager hash.
    pub fn for_strength(&self, strength: Strength) -> Option<SessionKeys> {
        let start: &[u8] = match strength {
            Strength::Bits40 | Strength::Bits56 => &self.weak.as_ref()?.0,
            Strength::Bits128 => &self.strong.0,
        };
        Some(SessionKeys::new(strength, start))
    }
}

/// The start keys of both directions, as one side sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionStartKeys {
    /// For packets that this side sends.
    pub send: StartKey,
    /// For packets that this side receives.
    pub receive: StartKey,
    /// Strengths that may be used, of those that the keys can make; absent for all.
    allowed: Option<Vec<Strength>>,
}

impl SessionStartKeys {
    /// Keys after MS-CHAPv2 (RFC 3079 §3).
    pub fn from_mschap_v2(side: Side, nt_hash: &NtHash, nt_response: &[u8; 24]) -> Self {
        let master = MasterKey::from_mschap_v2(nt_hash, nt_response);
        Self {
            send: master.start_key(side, Direction::Send),
            receive: master.start_key(side, Direction::Receive),
            allowed: None,
        }
    }

    /// Keys after MS-CHAPv1 (RFC 3079 §2): the same in both directions. Without the LAN Manager
    /// hash there are 128-bit keys only.
    pub fn from_mschap_v1(nt_hash: &NtHash, lm_hash: Option<&LmHash>, challenge: &[u8; 8]) -> Self {
        let lm_key = lm_hash.map(|hash| Secret(secret::prefix(hash.octets())));
        Self::both(StartKey::from_mschap_v1(
            &nt_hash.hashed(),
            lm_key,
            challenge,
        ))
    }

    /// Keys after MS-CHAPv1 from what RADIUS gives in MS-CHAP-MPPE-Keys (RFC 2548 §2.4.1): the first 8
    /// octets of the LAN Manager hash, where there is one, and the hash of the NT hash.
    pub fn from_mschap_v1_hashes(
        lm_key: Option<[u8; 8]>,
        nt_hash_hash: &[u8; 16],
        challenge: &[u8; 8],
    ) -> Self {
        Self::both(StartKey::from_mschap_v1(
            &Secret(*nt_hash_hash),
            lm_key.map(Secret),
            challenge,
        ))
    }

    fn both(key: StartKey) -> Self {
        Self {
            send: key.clone(),
            receive: key,
            allowed: None,
        }
    }

    /// Keys from elsewhere, such as RADIUS.
    pub fn from_octets(send: [u8; 16], receive: [u8; 16]) -> Self {
        Self {
            send: StartKey::from_octets(send),
            receive: StartKey::from_octets(receive),
            allowed: None,
        }
    }

    /// The same, for use with these strengths only (MS-MPPE-Encryption-Types, RFC 2548 §2.4.5).
    #[must_use]
    pub fn limited_to(self, strengths: &[Strength]) -> Self {
        Self {
            allowed: Some(strengths.to_vec()),
            ..self
        }
    }

    /// Tells whether both directions can, and may, have session keys of this strength.
    pub fn supports(&self, strength: Strength) -> bool {
        let allowed = &self.allowed;
        self.send.supports(strength)
            && self.receive.supports(strength)
            && allowed.as_ref().is_none_or(|list| list.contains(&strength))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_side_sends_the_other_receives() {
        let hash = NtHash::of_password("password");
        let server = SessionStartKeys::from_mschap_v2(Side::Server, &hash, &[9; 24]);
        let client = SessionStartKeys::from_mschap_v2(Side::Client, &hash, &[9; 24]);
        assert_eq!(server.send, client.receive);
        assert_eq!(server.receive, client.send);
        assert_ne!(server.send, server.receive);
    }

    #[test]
    fn without_lm_hash_only_the_strong_key_exists() {
        let hash = NtHash::of_password("a password of more than 14 characters");
        let keys = SessionStartKeys::from_mschap_v1(&hash, None, &[1; 8]);
        assert!(keys.supports(Strength::Bits128));
        for strength in [Strength::Bits40, Strength::Bits56] {
            assert!(!keys.supports(strength));
            assert!(keys.send.for_strength(strength).is_none());
        }
    }

    #[test]
    fn the_hashes_that_radius_gives_make_the_same_keys() {
        let (hash, lm_hash) = (
            NtHash::of_password("clientPass"),
            LmHash::of_password("clientPass").unwrap(),
        );
        let nt_hash_hash = hash.hashed().0;
        for lm_hash in [Some(&lm_hash), None] {
            let lm_key = lm_hash.map(|hash| secret::prefix(hash.octets()));
            assert_eq!(
                SessionStartKeys::from_mschap_v1_hashes(lm_key, &nt_hash_hash, &[7; 8]),
                SessionStartKeys::from_mschap_v1(&hash, lm_hash, &[7; 8])
            );
        }
    }

    #[test]
    fn strengths_can_be_forbidden() {
        let keys = SessionStartKeys::from_octets([1; 16], [2; 16]);
        assert!(keys.supports(Strength::Bits40) && keys.supports(Strength::Bits56));
        let keys = keys.limited_to(&[Strength::Bits128]);
        assert!(!keys.supports(Strength::Bits40) && keys.supports(Strength::Bits128));
        assert!(!keys.limited_to(&[]).supports(Strength::Bits128));
    }

    #[test]
    fn keys_do_not_print() {
        let start = StartKey::from_octets([0x41; 16]);
        let keys = start.for_strength(Strength::Bits40).unwrap();
        let printed = format!(
            "{start:?} {keys:?} {:?}",
            MasterKey::from_octets([0x41; 16])
        );
        assert!(
            !printed.contains("65") && !printed.contains("41"),
            "{printed}"
        );
    }
}
