//! MS-CHAP version 2 (RFC 2759 §8.1 to §8.8).

use std::fmt;

use sha1::{Digest, Sha1};
use thiserror::Error;

use crate::des_block;
use crate::nt::NtHash;
use crate::secret;

const SERVER_TO_CLIENT_SIGNING: &[u8; 39] = b"Magic server to client signing constant";
const PAD_FOR_ONE_MORE_ITERATION: &[u8; 41] = b"Pad to make it do more than one iteration";

/// What both ends of one exchange know without the password.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// Value of the Challenge packet.
    pub authenticator_challenge: &'a [u8; 16],
    /// Peer-Challenge of the Response packet.
    pub peer_challenge: &'a [u8; 16],
    /// User name without domain, see [`strip_domain`](crate::nt::strip_domain).
    pub user_name: &'a [u8],
}

impl Exchange<'_> {
    /// `ChallengeHash()` (RFC 2759 §8.2): the 8-octet challenge that is encrypted.
    pub fn challenge_hash(&self) -> [u8; 8] {
        secret::prefix(
            &Sha1::new()
                .chain_update(self.peer_challenge)
                .chain_update(self.authenticator_challenge)
                .chain_update(self.user_name)
                .finalize(),
        )
    }

    /// `GenerateNTResponse()` (RFC 2759 §8.1): the NT-Response field.
    pub fn nt_response(&self, nt_hash: &NtHash) -> [u8; 24] {
        des_block::challenge_response(&self.challenge_hash(), nt_hash.octets())
    }

    /// Tells in constant time whether the NT-Response is right.
    pub fn verify_nt_response(&self, nt_hash: &NtHash, nt_response: &[u8; 24]) -> bool {
        secret::equal(&self.nt_response(nt_hash), nt_response)
    }

    /// `GenerateAuthenticatorResponse()` (RFC 2759 §8.7): proves that the authenticator knows the
    /// password too.
    pub fn authenticator_response(
        &self,
        nt_hash: &NtHash,
        nt_response: &[u8; 24],
    ) -> AuthenticatorResponse {
        let inner = Sha1::new()
            .chain_update(nt_hash.hashed().0)
            .chain_update(nt_response)
            .chain_update(SERVER_TO_CLIENT_SIGNING)
            .finalize();
        let outer = Sha1::new()
            .chain_update(inner)
            .chain_update(self.challenge_hash())
            .chain_update(PAD_FOR_ONE_MORE_ITERATION)
            .finalize();
        AuthenticatorResponse(outer.into())
    }
}

/// The number behind `S=` in a Success packet (RFC 2759 §5).
///
/// Comparison takes constant time.
#[derive(Clone, Copy, Debug)]
pub struct AuthenticatorResponse([u8; 20]);

impl AuthenticatorResponse {
    /// Length of the text form in octets.
    pub const TEXT_LENGTH: usize = 42;

    /// `S=` and 40 upper-case hexadecimal digits.
    pub fn encode(&self) -> [u8; Self::TEXT_LENGTH] {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        let mut text = [0u8; Self::TEXT_LENGTH];
        text[0] = b'S';
        text[1] = b'=';
        for (pair, octet) in text[2..].chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(octet >> 4)];
            pair[1] = DIGITS[usize::from(octet & 0x0f)];
        }
        text
    }

    /// Reads the start of the Message of a Success packet and gives what follows it, usually
    /// `" M="` and a text; some servers leave out the space.
    ///
    /// Lower-case digits are taken too: they change nothing about the number.
    ///
    /// # Errors
    /// [`BadAuthenticatorResponse`] unless the message starts with `S=` and 40 hexadecimal digits.
    pub fn parse(message: &[u8]) -> Result<(Self, &[u8]), BadAuthenticatorResponse> {
        let digits = message
            .strip_prefix(b"S=")
            .ok_or(BadAuthenticatorResponse)?;
        let (digits, rest) = digits
            .split_first_chunk::<40>()
            .ok_or(BadAuthenticatorResponse)?;
        let mut octets = [0u8; 20];
        let (pairs, _) = digits.as_chunks::<2>();
        for (octet, [high, low]) in octets.iter_mut().zip(pairs) {
            *octet = digit(*high)? << 4 | digit(*low)?;
        }
        Ok((Self(octets), rest))
    }
}

impl PartialEq for AuthenticatorResponse {
    fn eq(&self, other: &Self) -> bool {
        secret::equal(&self.0, &other.0)
    }
}

impl Eq for AuthenticatorResponse {}

impl fmt::Display for AuthenticatorResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.encode()
            .iter()
            .try_for_each(|&octet| fmt::Write::write_char(f, char::from(octet)))
    }
}

/// The message of a Success packet does not start with `S=` and 40 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no authenticator response at the start of the message")]
pub struct BadAuthenticatorResponse;

fn digit(octet: u8) -> Result<u8, BadAuthenticatorResponse> {
    match octet {
        b'0'..=b'9' => Ok(octet - b'0'),
        b'A'..=b'F' => Ok(octet - b'A' + 10),
        b'a'..=b'f' => Ok(octet - b'a' + 10),
        _ => Err(BadAuthenticatorResponse),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &[u8] = b"S=407A5589115FD0D6209F510FE9C04566932CDA56";

    #[test]
    fn what_follows_is_left_over() {
        for rest in [&b""[..], b" M=Access granted", b"M=ok"] {
            let message = [TEXT, rest].concat();
            let (response, left) = AuthenticatorResponse::parse(&message).unwrap();
            assert_eq!(response.encode(), TEXT);
            assert_eq!(response.to_string().as_bytes(), TEXT);
            assert_eq!(left, rest);
        }
    }

    #[test]
    fn every_truncation_is_refused() {
        for length in 0..TEXT.len() {
            assert_eq!(
                AuthenticatorResponse::parse(&TEXT[..length]),
                Err(BadAuthenticatorResponse)
            );
        }
    }

    #[test]
    fn other_characters_are_refused() {
        for position in 0..TEXT.len() {
            let mut message = TEXT.to_vec();
            message[position] = b'G';
            assert!(
                AuthenticatorResponse::parse(&message).is_err(),
                "octet {position}"
            );
        }
    }

    #[test]
    fn digits_may_be_lower_case() {
        let lower = TEXT.iter().enumerate().map(|(i, octet)| match i {
            0 => *octet,
            _ => octet.to_ascii_lowercase(),
        });
        let message: Vec<u8> = lower.collect();
        assert_eq!(
            AuthenticatorResponse::parse(&message).unwrap().0.encode(),
            TEXT
        );
    }

    proptest! {
        #[test]
        fn parse_inverts_encode(octets: [u8; 20]) {
            let response = AuthenticatorResponse(octets);
            let text = response.encode();
            let (parsed, rest) = AuthenticatorResponse::parse(&text).unwrap();
            prop_assert_eq!(parsed, response);
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn parse_never_panics(message: Vec<u8>) {
            let _ = AuthenticatorResponse::parse(&message);
        }
    }
}
