//! Values that are encrypted with the shared secret: User-Password (RFC 2865 §5.2), and the keys of MPPE
//! (RFC 2548 §2.4).

use md5::{Digest, Md5};
use zeroize::Zeroizing;

use crate::SharedSecret;
use crate::authenticator::RequestAuthenticator;

/// Longest password (RFC 2865 §5.2).
pub const MAX_PASSWORD: usize = 128;
/// Longest key that an attribute of a vendor holds with its salt.
pub const MAX_KEY: usize = 239;

const BLOCK: usize = 16;

/// Why a value cannot be hidden or revealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HiddenError {
    /// Longer than the attribute can hold.
    #[error("it has {0} octets, more than the attribute can hold")]
    TooLong(usize),
    /// Not a multiple of 16 octets, or none.
    #[error("it has {0} octets, which no hidden value has")]
    Length(usize),
    /// The first octet within says that the key is longer than what came.
    #[error("the key within has an impossible length: the shared secret differs, most likely")]
    KeyLength,
}

/// Hides a password: at least 16 octets come out.
///
/// # Errors
/// [`HiddenError::TooLong`] above 128 octets.
pub fn hide_password(
    password: &[u8],
    request: &RequestAuthenticator,
    secret: &SharedSecret,
) -> Result<Vec<u8>, HiddenError> {
    if password.len() > MAX_PASSWORD {
        return Err(HiddenError::TooLong(password.len()));
    }
    let mut octets = padded(&[password]);
    encrypt(&mut octets, &[request], secret);
    // Encrypted by now: nothing to wipe.
    Ok(std::mem::take(&mut *octets))
}

/// Reveals a password; NULs at its end were padding.
///
/// # Errors
/// [`HiddenError::Length`] or [`HiddenError::TooLong`].
pub fn reveal_password(
    value: &[u8],
    request: &RequestAuthenticator,
    secret: &SharedSecret,
) -> Result<Zeroizing<Vec<u8>>, HiddenError> {
    if value.len() > MAX_PASSWORD {
        return Err(HiddenError::TooLong(value.len()));
    }
    let mut octets = decrypt(value, &[request], secret)?;
    while octets.last() == Some(&0) {
        octets.pop();
    }
    Ok(octets)
}

/// Hides a key as MS-MPPE-Send-Key and MS-MPPE-Recv-Key do (RFC 2548 §2.4.2). The salt's highest bit is set
/// whatever it was; each salt of a packet must be another.
///
/// # Errors
/// [`HiddenError::TooLong`] above 239 octets.
pub fn hide_key(
    key: &[u8],
    salt: [u8; 2],
    request: &RequestAuthenticator,
    secret: &SharedSecret,
) -> Result<Vec<u8>, HiddenError> {
    if key.len() > MAX_KEY {
        return Err(HiddenError::TooLong(key.len()));
    }
    let salt = [salt[0] | 0x80, salt[1]];
    // At most 239.
    let mut octets = padded(&[&[key.len() as u8], key]);
    encrypt(&mut octets, &[request, &salt], secret);
    let mut value = salt.to_vec();
    value.extend(octets.iter());
    Ok(value)
}

/// Reveals a key of MS-MPPE-Send-Key or MS-MPPE-Recv-Key.
///
/// # Errors
/// [`HiddenError::Length`] or [`HiddenError::KeyLength`].
pub fn reveal_key(
    value: &[u8],
    request: &RequestAuthenticator,
    secret: &SharedSecret,
) -> Result<Zeroizing<Vec<u8>>, HiddenError> {
    let (salt, hidden) = value
        .split_first_chunk::<2>()
        .ok_or(HiddenError::Length(value.len()))?;
    let octets = decrypt(hidden, &[request, salt], secret)?;
    let key = octets
        .split_first()
        .and_then(|(length, rest)| rest.get(..usize::from(*length)));
    key.map(|key| Zeroizing::new(key.to_vec()))
        .ok_or(HiddenError::KeyLength)
}

/// The two keys of MS-CHAP-MPPE-Keys (RFC 2548 §2.4.1).
pub struct ChapKeys {
    /// The first eight octets of the password's LAN Manager hash; zeros where it has none.
    pub lm_key: Zeroizing<[u8; 8]>,
    /// The hash of the password's NT hash.
    pub nt_key: Zeroizing<[u8; 16]>,
}

/// Hides the keys of MS-CHAP-MPPE-Keys, the way that User-Password is hidden.
pub fn hide_chap_keys(
    keys: &ChapKeys,
    request: &RequestAuthenticator,
    secret: &SharedSecret,
) -> Vec<u8> {
    let mut octets = padded(&[keys.lm_key.as_slice(), keys.nt_key.as_slice()]);
    encrypt(&mut octets, &[request], secret);
    std::mem::take(&mut *octets)
}

/// Reveals the keys of MS-CHAP-MPPE-Keys.
///
/// # Errors
/// [`HiddenError::Length`] unless it has 32 octets.
pub fn reveal_chap_keys(
    value: &[u8],
    request: &RequestAuthenticator,
    secret: &SharedSecret,
) -> Result<ChapKeys, HiddenError> {
    let wrong = HiddenError::Length(value.len());
    if value.len() != 32 {
        return Err(wrong);
    }
    let octets = decrypt(value, &[request], secret)?;
    let (lm_key, rest) = octets.split_first_chunk::<8>().ok_or(wrong)?;
    let nt_key = rest.first_chunk::<16>().ok_or(wrong)?;
    Ok(ChapKeys {
        lm_key: Zeroizing::new(*lm_key),
        nt_key: Zeroizing::new(*nt_key),
    })
}

/// Parts one behind the other, with zeros up to the next multiple of 16 octets, at least one block.
fn padded(parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let whole = length.div_ceil(BLOCK).max(1) * BLOCK;
    let mut octets = Zeroizing::new(Vec::with_capacity(whole));
    for part in parts {
        octets.extend(*part);
    }
    octets.resize(whole, 0);
    octets
}

/// Encrypts blocks in place; the mask of each is made of the one before it, as encrypted, and the first
/// one's of `start`.
fn encrypt(octets: &mut [u8], start: &[&[u8]], secret: &SharedSecret) {
    let mut mask = first_mask(start, secret);
    for block in octets.chunks_exact_mut(BLOCK) {
        apply(block, &mask);
        mask = next_mask(block, secret);
    }
}

fn decrypt(
    value: &[u8],
    start: &[&[u8]],
    secret: &SharedSecret,
) -> Result<Zeroizing<Vec<u8>>, HiddenError> {
    if value.is_empty() || !value.len().is_multiple_of(BLOCK) {
        return Err(HiddenError::Length(value.len()));
    }
    let mut octets = Zeroizing::new(value.to_vec());
    let mut mask = first_mask(start, secret);
    for (block, hidden) in octets
        .chunks_exact_mut(BLOCK)
        .zip(value.chunks_exact(BLOCK))
    {
        apply(block, &mask);
        mask = next_mask(hidden, secret);
    }
    Ok(octets)
}

fn apply(block: &mut [u8], mask: &[u8; BLOCK]) {
    for (octet, mask) in block.iter_mut().zip(mask) {
        *octet ^= mask;
    }
}

fn first_mask(start: &[&[u8]], secret: &SharedSecret) -> Zeroizing<[u8; BLOCK]> {
    let mut digest = Md5::new().chain_update(secret.octets());
    for part in start {
        digest.update(part);
    }
    Zeroizing::new(digest.finalize().into())
}

fn next_mask(block: &[u8], secret: &SharedSecret) -> Zeroizing<[u8; BLOCK]> {
    first_mask(&[block], secret)
}

#[cfg(test)]
mod tests;
