//! MS-CHAP version 1 (RFC 2433).
//!
//! Only the Windows NT compatible response is here: the LAN Manager one gives the password away and
//! RFC 2433 §4 advises against it.

use crate::des_block;
use crate::nt::NtHash;
use crate::secret;

/// The Windows NT compatible challenge response (`NtChallengeResponse()`, RFC 2433 §A.5).
pub fn nt_response(nt_hash: &NtHash, challenge: &[u8; 8]) -> [u8; 24] {
    des_block::challenge_response(challenge, nt_hash.octets())
}

/// Tells in constant time whether the Windows NT compatible challenge response is right.
pub fn verify(nt_hash: &NtHash, challenge: &[u8; 8], response: &[u8; 24]) -> bool {
    secret::equal(&nt_response(nt_hash, challenge), response)
}
