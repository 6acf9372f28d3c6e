//! The authenticators that prove who wrote a packet.
//!
//! | packet | Authenticator field | Message-Authenticator is made with |
//! |---|---|---|
//! | Access-Request, Status-Server | random | that random value |
//! | Accounting-Request, CoA-Request, Disconnect-Request | MD5 of the packet with zeros there, and the secret | zeros |
//! | every reply | MD5 of the packet with the request's there, and the secret | the request's |
//!
//! RFC 2865 §3, RFC 2866 §3, RFC 3579 §3.2, RFC 5176 §2.3 and §3.4.

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use subtle::ConstantTimeEq;

use crate::SharedSecret;
use crate::attribute::MESSAGE_AUTHENTICATOR;
use crate::packet::HEADER_LENGTH;

/// Octets of every authenticator.
pub const LENGTH: usize = 16;

/// The Authenticator field of a request.
pub type RequestAuthenticator = [u8; LENGTH];

/// What is asked of packets that carry no Message-Authenticator. One that is there must be right anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageAuthenticator {
    /// They are refused: without it, who can change packets on their way can turn a refusal into an
    /// acceptance (CVE-2024-3596).
    Required,
    /// They are taken, for old servers, and for accounting.
    Optional,
}

/// Why a packet is not what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Forged {
    /// Its Request or Response Authenticator is wrong: another secret, most likely.
    #[error("the authenticator is wrong: the shared secret differs, most likely")]
    Authenticator,
    /// Its Message-Authenticator is wrong: another secret, most likely.
    #[error("the Message-Authenticator is wrong: the shared secret differs, most likely")]
    MessageAuthenticator,
    /// There is no Message-Authenticator, or more than one.
    #[error("it has no Message-Authenticator, which is required")]
    NoMessageAuthenticator,
    /// A reply of a code that does not answer the request.
    #[error("its code is no answer to the request")]
    Code,
}

/// MD5 of a packet with `authenticator` in its field, and the secret behind it.
///
/// `packet` has a whole header.
pub(crate) fn digest(
    packet: &[u8],
    authenticator: &RequestAuthenticator,
    secret: &SharedSecret,
) -> [u8; LENGTH] {
    Md5::new()
        .chain_update(&packet[..HEADER_LENGTH - LENGTH])
        .chain_update(authenticator)
        .chain_update(&packet[HEADER_LENGTH..])
        .chain_update(secret.octets())
        .finalize()
        .into()
}

/// HMAC-MD5 of a packet with `authenticator` in its field and zeros for the value at `at`.
///
/// `packet` has a whole header and 16 octets at `at`.
pub(crate) fn message_authenticator(
    packet: &[u8],
    at: usize,
    authenticator: &RequestAuthenticator,
    secret: &SharedSecret,
) -> [u8; LENGTH] {
    // HMAC takes keys of any length, an error cannot come.
    let Ok(mac) = Hmac::<Md5>::new_from_slice(secret.octets()) else {
        unreachable!("HMAC takes keys of any length");
    };
    mac.chain_update(&packet[..HEADER_LENGTH - LENGTH])
        .chain_update(authenticator)
        .chain_update(&packet[HEADER_LENGTH..at])
        .chain_update([0; LENGTH])
        .chain_update(&packet[at + LENGTH..])
        .finalize()
        .into_bytes()
        .into()
}

/// Tells in constant time whether both are the same.
pub(crate) fn equal(a: &[u8; LENGTH], b: &[u8]) -> bool {
    a.as_slice().ct_eq(b).into()
}

/// Where the value of the one Message-Authenticator is. `packet` was checked.
///
/// # Errors
/// [`Forged::NoMessageAuthenticator`] where there are several, or one of another length.
pub(crate) fn find(packet: &[u8]) -> Result<Option<usize>, Forged> {
    let mut found = None;
    let mut at = HEADER_LENGTH;
    while let Some(&[code, length]) = packet.get(at..at + 2) {
        if code == MESSAGE_AUTHENTICATOR.code {
            let is_good = usize::from(length) == 2 + LENGTH && found.is_none();
            if !is_good {
                return Err(Forged::NoMessageAuthenticator);
            }
            found = Some(at + 2);
        }
        at += usize::from(length.max(2));
    }
    Ok(found)
}
