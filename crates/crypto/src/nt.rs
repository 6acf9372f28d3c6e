//! Hashes of a password (RFC 2433 §A.2, §A.6, RFC 2759 §8.3, §8.4) and the user name that is hashed
//! with it (RFC 2759 §4).

use md4::{Digest, Md4};
use zeroize::{Zeroize, Zeroizing};

use crate::des_block;
use crate::secret::Secret;

/// The NT hash of a password: MD4 of its UTF-16LE form (`NtPasswordHash()`).
///
/// It serves in place of the password everywhere in MS-CHAP, so it is as secret as the password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NtHash(Secret<16>);

impl NtHash {
    /// Hashes a password. Characters outside the Basic Multilingual Plane become surrogate pairs.
    pub fn of_password(password: &str) -> Self {
        let mut hash = Md4::new();
        for unit in password.encode_utf16() {
            hash.update(unit.to_le_bytes());
        }
        Self(Secret(hash.finalize().into()))
    }

    /// A hash that is known already.
    pub fn from_octets(octets: [u8; 16]) -> Self {
        Self(Secret(octets))
    }

    /// The octets of the hash.
    pub fn octets(&self) -> &[u8; 16] {
        &self.0.0
    }

    /// MD4 of the hash (`HashNtPasswordHash()`).
    pub(crate) fn hashed(&self) -> Secret<16> {
        Secret(Md4::digest(self.octets()).into())
    }
}

/// The LAN Manager hash of a password (`LmPasswordHash()`, RFC 2433 §A.2).
///
/// Only the 40-bit and 56-bit keys of MS-CHAPv1 are made from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LmHash(Secret<16>);

impl LmHash {
    /// Hashes a password, or gives `None` where no LAN Manager hash is defined for it: it has more
    /// than 14 characters, or characters that no OEM code page is needed to agree on (not ASCII).
    pub fn of_password(password: &str) -> Option<Self> {
        const KNOWN_TEXT: [u8; 8] = *b"KGS!@#$%";
        if password.len() > 14 || !password.is_ascii() {
            return None;
        }
        let mut upper = Zeroizing::new([0u8; 14]);
        for (to, from) in upper.iter_mut().zip(password.bytes()) {
            *to = from.to_ascii_uppercase();
        }
        let mut hash = [0u8; 16];
        let (keys, _) = upper.as_chunks::<7>();
        let (blocks, _) = hash.as_chunks_mut::<8>();
        for (key, block) in keys.iter().zip(blocks) {
            *block = des_block::encrypt(key, KNOWN_TEXT);
        }
        let result = Self(Secret(hash));
        hash.zeroize();
        Some(result)
    }

    /// A hash that is known already.
    pub fn from_octets(octets: [u8; 16]) -> Self {
        Self(Secret(octets))
    }

    /// The octets of the hash.
    pub fn octets(&self) -> &[u8; 16] {
        &self.0.0
    }
}

/// The user name without a `DOMAIN\` before it.
///
/// MS-CHAPv2 hashes the bare user name even when the Name field carries a domain (RFC 2759 §4, §8.2).
/// A realm behind `@` is part of the user name and stays.
pub fn strip_domain(name: &str) -> &str {
    name.rsplit_once('\\').map_or(name, |(_, user)| user)
}

/// As [`strip_domain`], for the octets of a Name field, which need not be UTF-8.
pub fn strip_domain_octets(name: &[u8]) -> &[u8] {
    name.rsplit(|&octet| octet == b'\\').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surrogate_pairs_are_hashed_as_utf_16() {
        let mut units = Vec::new();
        for unit in [0xd83d_u16, 0xde00] {
            units.extend(unit.to_le_bytes());
        }
        let expected: [u8; 16] = Md4::digest(&units).into();
        assert_eq!(NtHash::of_password("\u{1f600}").octets(), &expected);
    }

    #[test]
    fn lm_hash_exists_for_short_ascii_only() {
        assert!(LmHash::of_password("fourteen chars").is_some());
        assert!(LmHash::of_password("fifteen chars!!").is_none());
        assert!(LmHash::of_password("p\u{e4}ssword").is_none());
    }

    #[test]
    fn lm_hash_ignores_case() {
        assert_eq!(LmHash::of_password("Secret"), LmHash::of_password("sECRET"));
    }

    #[test]
    fn domain_is_what_stands_before_the_backslash() {
        let names = [
            ("BIGCO\\johndoe", "johndoe"),
            ("johndoe", "johndoe"),
            ("johndoe@bigco.example", "johndoe@bigco.example"),
            ("\\johndoe", "johndoe"),
            ("BIGCO\\", ""),
            ("", ""),
        ];
        for (name, user) in names {
            assert_eq!(strip_domain(name), user);
            assert_eq!(strip_domain_octets(name.as_bytes()), user.as_bytes());
        }
    }

    #[test]
    fn hashes_do_not_print() {
        assert_eq!(format!("{:?}", NtHash::from_octets([1; 16])), "NtHash(***)");
        assert_eq!(format!("{:?}", LmHash::from_octets([1; 16])), "LmHash(***)");
    }
}
