//! CHAP with MD5 (RFC 1994 §4.1).

use md5::{Digest, Md5};

use crate::secret;

/// The Value of a Response: the MD5 digest of Identifier, secret and challenge.
pub fn response(identifier: u8, secret: &[u8], challenge: &[u8]) -> [u8; 16] {
    Md5::new()
        .chain_update([identifier])
        .chain_update(secret)
        .chain_update(challenge)
        .finalize()
        .into()
}

/// Tells in constant time whether `value`, the Value field of a Response of any length, is right.
pub fn verify(identifier: u8, secret: &[u8], challenge: &[u8], value: &[u8]) -> bool {
    secret::equal(&response(identifier, secret, challenge), value)
}
