//! Fields of the Change-Password packets, from both sides: Code 7 of MS-CHAPv2 (RFC 2759 §7), and
//! Code 5 and 6 of MS-CHAPv1 (RFC 2433 §9, §10).
//!
//! Codes 6 and 7 carry the new password encrypted with the old NT hash, and the old NT hash encrypted
//! with the new one: [`NewPassword`]. The LAN Manager fields of Code 6 stay zero, as RFC 2433 §10
//! recommends. Code 5 carries both hashes encrypted with the challenge, which anybody can read.

use std::fmt;

use thiserror::Error;
use zeroize::{Zeroize, Zeroizing};

use crate::des_block;
use crate::nt::NtHash;
use crate::rc4::Rc4;
use crate::secret;

/// Length of an encrypted password block (`PWBLOCK`) in octets.
pub const PASSWORD_BLOCK_LENGTH: usize = 516;
/// Longest password in UTF-16 code units.
pub const MAX_PASSWORD_UNITS: usize = 256;

const TEXT_LENGTH: usize = 2 * MAX_PASSWORD_UNITS;

/// Why a new password cannot be sent or is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ChangePasswordError {
    /// The password has more than 256 UTF-16 code units.
    #[error("the new password is longer than 256 UTF-16 code units")]
    TooLong,
    /// The decrypted block names an impossible length: the old password differs, most likely.
    #[error("the new password block holds no valid length")]
    BadLength,
    /// The decrypted block is not UTF-16: the old password differs, most likely.
    #[error("the new password is not valid UTF-16")]
    NotUnicode,
    /// The encrypted hash does not belong to the old and the new password.
    #[error("the encrypted hash does not match the passwords")]
    WrongHash,
}

/// A new password and its hash.
pub struct NewPassword {
    password: Zeroizing<String>,
    nt_hash: NtHash,
}

impl NewPassword {
    /// A password chosen by the user.
    ///
    /// # Errors
    /// [`ChangePasswordError::TooLong`].
    pub fn new(password: &str) -> Result<Self, ChangePasswordError> {
        if password.encode_utf16().count() > MAX_PASSWORD_UNITS {
            return Err(ChangePasswordError::TooLong);
        }
        Ok(Self {
            nt_hash: NtHash::of_password(password),
            password: Zeroizing::new(password.to_owned()),
        })
    }

    /// The password in clear.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// Hash of the new password: the response in the same packet is made with it.
    pub fn nt_hash(&self) -> &NtHash {
        &self.nt_hash
    }

    /// Makes the fields of the packet. `filler` is random: it hides the length of the password.
    pub fn seal(&self, old: &NtHash, filler: [u8; PASSWORD_BLOCK_LENGTH]) -> SealedPassword {
        let mut block = filler;
        let length = 2 * self.password.encode_utf16().count();
        let (text, length_field) = block.split_at_mut(TEXT_LENGTH);
        let (_, text) = text.split_at_mut(TEXT_LENGTH - length);
        for (to, unit) in text.chunks_exact_mut(2).zip(self.password.encode_utf16()) {
            to.copy_from_slice(&unit.to_le_bytes());
        }
        length_field.copy_from_slice(&(length as u32).to_le_bytes());
        Rc4::new(old.octets()).apply(&mut block);
        SealedPassword {
            encrypted_password: block,
            encrypted_hash: encrypt_hash(old, &self.nt_hash),
        }
    }
}

impl fmt::Debug for NewPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewPassword(***)")
    }
}

/// The two encrypted fields that Code 6 and Code 7 have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedPassword {
    /// Encrypted-Password (Code 7), Password Encrypted with Old NT Hash (Code 6).
    pub encrypted_password: [u8; PASSWORD_BLOCK_LENGTH],
    /// Encrypted-Hash (Code 7), Old NT Hash Encrypted with New NT Hash (Code 6).
    pub encrypted_hash: [u8; 16],
}

impl SealedPassword {
    /// Decrypts the new password with the hash of the old one, and checks that the sender knew both.
    ///
    /// The caller still checks the response in the packet, with the hash of the new password.
    ///
    /// # Errors
    /// Every variant but `TooLong`; to tell them apart to the peer would help an attacker only.
    pub fn open(&self, old: &NtHash) -> Result<NewPassword, ChangePasswordError> {
        let mut block = Zeroizing::new(self.encrypted_password);
        Rc4::new(old.octets()).apply(block.as_mut_slice());
        let new = NewPassword::new(&read_block(&block)?)?;
        if secret::equal(&encrypt_hash(old, &new.nt_hash), &self.encrypted_hash) {
            Ok(new)
        } else {
            Err(ChangePasswordError::WrongHash)
        }
    }
}

/// The password at the end of the text of a clear block (RFC 2759 §8.10).
fn read_block(
    block: &[u8; PASSWORD_BLOCK_LENGTH],
) -> Result<Zeroizing<String>, ChangePasswordError> {
    let bad_length = ChangePasswordError::BadLength;
    let (text, length) = block.split_last_chunk::<4>().ok_or(bad_length)?;
    let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| bad_length)?;
    if length % 2 != 0 {
        return Err(bad_length);
    }
    let start = text.len().checked_sub(length).ok_or(bad_length)?;
    let (units, _) = text[start..].as_chunks::<2>();
    // Reserved at its largest, so that no copy stays behind when it grows.
    let mut password = Zeroizing::new(String::with_capacity(3 * MAX_PASSWORD_UNITS));
    for character in char::decode_utf16(units.iter().map(|unit| u16::from_le_bytes(*unit))) {
        password.push(character.map_err(|_| ChangePasswordError::NotUnicode)?);
    }
    Ok(password)
}

/// `OldNtPasswordHashEncryptedWithNewNtPasswordHash()` (RFC 2759 §8.12, RFC 2433 §A.14).
fn encrypt_hash(old: &NtHash, new: &NtHash) -> [u8; 16] {
    let keys = [
        secret::prefix(new.octets()),
        secret::prefix(&new.octets()[7..]),
    ];
    each_half(old.octets(), keys, des_block::encrypt)
}

/// `NtEncryptedPasswordHash()` (RFC 2433 §A.10): a hash field of a Code 5 packet.
///
/// The key is the challenge, so the field hides nothing: RFC 2433 §11 forbids to send it where
/// somebody may listen.
pub fn encrypt_hash_with_challenge(hash: &NtHash, challenge: &[u8; 8]) -> [u8; 16] {
    each_half(
        hash.octets(),
        [secret::prefix(challenge); 2],
        des_block::encrypt,
    )
}

/// The inverse of [`encrypt_hash_with_challenge`].
pub fn decrypt_hash_with_challenge(field: &[u8; 16], challenge: &[u8; 8]) -> NtHash {
    let mut hash = each_half(field, [secret::prefix(challenge); 2], des_block::decrypt);
    let result = NtHash::from_octets(hash);
    hash.zeroize();
    result
}

fn each_half(
    input: &[u8; 16],
    keys: [[u8; 7]; 2],
    transform: fn(&[u8; 7], [u8; 8]) -> [u8; 8],
) -> [u8; 16] {
    let mut output = *input;
    let (halves, _) = output.as_chunks_mut::<8>();
    for (half, key) in halves.iter_mut().zip(keys) {
        *half = transform(&key, *half);
    }
    output
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn old() -> NtHash {
        NtHash::of_password("old")
    }

    /// Seals a block whose clear text is chosen freely.
    fn sealed(text: &[u8], length: u32) -> SealedPassword {
        let mut block = [0x20; PASSWORD_BLOCK_LENGTH];
        block[TEXT_LENGTH - text.len()..TEXT_LENGTH].copy_from_slice(text);
        block[TEXT_LENGTH..].copy_from_slice(&length.to_le_bytes());
        Rc4::new(old().octets()).apply(&mut block);
        SealedPassword {
            encrypted_password: block,
            encrypted_hash: [0; 16],
        }
    }

    #[test]
    fn longest_password_fits_and_one_more_unit_does_not() {
        let longest = "\u{1f600}".repeat(MAX_PASSWORD_UNITS / 2);
        let new = NewPassword::new(&longest).unwrap();
        let opened = new
            .seal(&old(), [0; PASSWORD_BLOCK_LENGTH])
            .open(&old())
            .unwrap();
        assert_eq!(opened.password(), longest);
        assert_eq!(
            NewPassword::new(&format!("{longest}x")).unwrap_err(),
            ChangePasswordError::TooLong
        );
    }

    #[test]
    fn impossible_lengths_are_refused() {
        for length in [1, 513, 514, u32::MAX, u32::MAX - 1] {
            assert_eq!(
                sealed(b"", length).open(&old()).unwrap_err(),
                ChangePasswordError::BadLength
            );
        }
    }

    #[test]
    fn unpaired_surrogate_is_refused() {
        let packet = sealed(&0xd83d_u16.to_le_bytes(), 2);
        assert_eq!(
            packet.open(&old()).unwrap_err(),
            ChangePasswordError::NotUnicode
        );
    }

    #[test]
    fn hash_of_other_passwords_is_refused() {
        let mut packet = NewPassword::new("new")
            .unwrap()
            .seal(&old(), [7; PASSWORD_BLOCK_LENGTH]);
        packet.encrypted_hash[15] ^= 1;
        assert_eq!(
            packet.open(&old()).unwrap_err(),
            ChangePasswordError::WrongHash
        );
    }

    #[test]
    fn password_does_not_print() {
        assert_eq!(
            format!("{:?}", NewPassword::new("x").unwrap()),
            "NewPassword(***)"
        );
    }

    proptest! {
        #[test]
        fn open_inverts_seal(password in "\\PC{0,80}", filler: u8) {
            let new = NewPassword::new(&password).unwrap();
            let opened = new.seal(&old(), [filler; PASSWORD_BLOCK_LENGTH]).open(&old()).unwrap();
            prop_assert_eq!(opened.password(), password);
            prop_assert_eq!(opened.nt_hash(), new.nt_hash());
        }

        #[test]
        fn wrong_old_password_never_opens(password in "\\PC{0,80}", guess in "[a-z]{4,8}") {
            let packet = NewPassword::new(&password).unwrap().seal(&old(), [0; PASSWORD_BLOCK_LENGTH]);
            prop_assert!(packet.open(&NtHash::of_password(&guess)).is_err());
        }

        #[test]
        fn challenge_encryption_inverts(hash: [u8; 16], challenge: [u8; 8]) {
            let hash = NtHash::from_octets(hash);
            let field = encrypt_hash_with_challenge(&hash, &challenge);
            prop_assert_eq!(decrypt_hash_with_challenge(&field, &challenge), hash);
        }
    }
}
