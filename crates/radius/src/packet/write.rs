//! Writing packets.

use std::time::Instant;

use zeroize::Zeroizing;

use super::{Code, HEADER_LENGTH, MAX_LENGTH};
use crate::SharedSecret;
use crate::attribute::{ACCT_DELAY_TIME, AttributeList, MESSAGE_AUTHENTICATOR, USER_PASSWORD};
use crate::authenticator::{self, LENGTH, RequestAuthenticator};
use crate::hidden::{self, HiddenError};

/// What a request says, whichever server it goes to.
#[derive(Clone, Default)]
pub struct Contents {
    /// Its attributes but those below and the authenticators.
    pub attributes: AttributeList,
    /// For User-Password, which each server's secret hides anew.
    pub password: Option<Zeroizing<Vec<u8>>>,
    /// For Acct-Delay-Time, which grows until the request is sent.
    pub delay: Option<Delay>,
}

impl std::fmt::Debug for Contents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Contents")
            .field("attributes", &self.attributes)
            .finish_non_exhaustive()
    }
}

/// How long ago something happened, told at a moment (RFC 2866 §5.2).
#[derive(Debug, Clone, Copy)]
pub struct Delay {
    /// Seconds that had passed then.
    pub seconds: u32,
    /// When that was told.
    pub at: Instant,
}

impl Delay {
    /// Seconds that have passed at `now`.
    pub fn at(&self, now: Instant) -> u32 {
        let since = now.saturating_duration_since(self.at).as_secs();
        self.seconds
            .saturating_add(u32::try_from(since).unwrap_or(u32::MAX))
    }
}

/// Writes a request and gives its Authenticator field with it.
///
/// Access-Request and Status-Server carry a Message-Authenticator, first of all attributes, and `random` as
/// their Authenticator field. Other requests have a digest there and take nothing of `random`.
///
/// # Errors
/// [`HiddenError`] where the password is longer than 128 octets.
pub fn request(
    code: Code,
    identifier: u8,
    random: RequestAuthenticator,
    contents: &Contents,
    secret: &SharedSecret,
    now: Instant,
) -> Result<(Vec<u8>, RequestAuthenticator), HiddenError> {
    let is_random = code.has_random_authenticator();
    let field = if is_random { random } else { [0; LENGTH] };
    let mut packet = begin(code, identifier, &field);
    if is_random {
        packet.extend([MESSAGE_AUTHENTICATOR.code, 2 + LENGTH as u8]);
        packet.extend([0; LENGTH]);
    }
    if let Some(password) = &contents.password {
        let hidden = hidden::hide_password(password, &field, secret)?;
        // At most 128 octets.
        packet.extend([USER_PASSWORD.code, 2 + hidden.len() as u8]);
        packet.extend(hidden);
    }
    packet.extend(contents.attributes.as_octets());
    if let Some(delay) = contents.delay {
        packet.extend([ACCT_DELAY_TIME.code, 6]);
        packet.extend(delay.at(now).to_be_bytes());
    }
    write_length(&mut packet);
    if is_random {
        sign_message(&mut packet, &field, secret);
        return Ok((packet, field));
    }
    let digest = authenticator::digest(&packet, &field, secret);
    packet[HEADER_LENGTH - LENGTH..HEADER_LENGTH].copy_from_slice(&digest);
    Ok((packet, digest))
}

/// Writes a reply to the request with this identifier and Authenticator field, with a
/// Message-Authenticator first of all attributes.
pub fn reply(
    code: Code,
    identifier: u8,
    request: &RequestAuthenticator,
    attributes: &AttributeList,
    secret: &SharedSecret,
) -> Vec<u8> {
    let mut packet = begin(code, identifier, request);
    packet.extend([MESSAGE_AUTHENTICATOR.code, 2 + LENGTH as u8]);
    packet.extend([0; LENGTH]);
    packet.extend(attributes.as_octets());
    write_length(&mut packet);
    sign_message(&mut packet, request, secret);
    let digest = authenticator::digest(&packet, request, secret);
    packet[HEADER_LENGTH - LENGTH..HEADER_LENGTH].copy_from_slice(&digest);
    packet
}

fn begin(code: Code, identifier: u8, authenticator: &RequestAuthenticator) -> Vec<u8> {
    let mut packet = Vec::with_capacity(MAX_LENGTH);
    packet.extend([code.to_wire(), identifier, 0, 0]);
    packet.extend(authenticator);
    packet
}

/// A list leaves room for all that stands beside it: the length fits.
fn write_length(packet: &mut [u8]) {
    let length = packet.len() as u16;
    packet[2..4].copy_from_slice(&length.to_be_bytes());
}

/// Fills in the Message-Authenticator, which is the first attribute.
fn sign_message(packet: &mut [u8], field: &RequestAuthenticator, secret: &SharedSecret) {
    let at = HEADER_LENGTH + 2;
    let signature = authenticator::message_authenticator(packet, at, field, secret);
    packet[at..at + LENGTH].copy_from_slice(&signature);
}
