//! DES of one block with a 7-octet key, as MS-CHAP uses it (RFC 2433 §A.4, RFC 2759 §8.6).

use des::Des;
use des::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use zeroize::Zeroize;

/// `DesEncrypt()`: encrypts one block.
pub(crate) fn encrypt(key: &[u8; 7], block: [u8; 8]) -> [u8; 8] {
    let mut block = block.into();
    cipher(key).encrypt_block(&mut block);
    block.into()
}

/// The inverse of [`encrypt`].
pub(crate) fn decrypt(key: &[u8; 7], block: [u8; 8]) -> [u8; 8] {
    let mut block = block.into();
    cipher(key).decrypt_block(&mut block);
    block.into()
}

/// `ChallengeResponse()` (RFC 2433 §A.7, RFC 2759 §8.5): the challenge under three DES keys made of
/// a password hash.
pub(crate) fn challenge_response(challenge: &[u8; 8], password_hash: &[u8; 16]) -> [u8; 24] {
    let mut padded = [0u8; 21];
    padded[..16].copy_from_slice(password_hash);
    let mut response = [0u8; 24];
    let (keys, _) = padded.as_chunks::<7>();
    let (blocks, _) = response.as_chunks_mut::<8>();
    for (key, block) in keys.iter().zip(blocks) {
        *block = encrypt(key, *challenge);
    }
    padded.zeroize();
    response
}

fn cipher(key: &[u8; 7]) -> Des {
    let mut expanded = expand(key);
    let cipher = Des::new(&expanded.into());
    expanded.zeroize();
    cipher
}

/// Spreads 56 key bits over 8 octets, each with an odd parity bit at the end
/// (RFC 2433 §B.3, RFC 2759 §9.3).
fn expand(key: &[u8; 7]) -> [u8; 8] {
    let bits = key
        .iter()
        .fold(0u64, |bits, &octet| bits << 8 | u64::from(octet));
    std::array::from_fn(|i| {
        let seven = (bits >> (49 - 7 * i)) as u8 & 0x7f;
        let parity = (seven.count_ones() as u8 & 1) ^ 1;
        seven << 1 | parity
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// RFC 2759 §9.3 (both keys), and one more pair that Go implementations test against.
    #[test]
    fn keys_get_odd_parity() {
        let pairs = [
            (
                [0xfc, 0x15, 0x6a, 0xf7, 0xed, 0xcd, 0x6c],
                0xfd0b_5b5e_7f6e_34d9_u64,
            ),
            (
                [0x0e, 0xdd, 0xe3, 0x33, 0x7d, 0x42, 0x7f],
                0x0e6e_7967_37ea_08fe,
            ),
            (
                [0x61, 0xee, 0x8b, 0x50, 0x74, 0x8f, 0x5e],
                0x61f7_a26b_07a4_3dbc,
            ),
        ];
        for (raw, expanded) in pairs {
            assert_eq!(expand(&raw), expanded.to_be_bytes());
        }
    }

    proptest! {
        #[test]
        fn decrypt_inverts_encrypt(key: [u8; 7], block: [u8; 8]) {
            prop_assert_eq!(decrypt(&key, encrypt(&key, block)), block);
        }

        #[test]
        fn every_expanded_octet_has_odd_parity(key: [u8; 7]) {
            prop_assert!(expand(&key).iter().all(|octet| octet.count_ones() % 2 == 1));
        }
    }
}
