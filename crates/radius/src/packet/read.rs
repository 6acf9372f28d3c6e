//! Reading packets: what came is a [`Datagram`], and a [`Packet`] when it is verified.

use super::{Code, HEADER_LENGTH, MAX_LENGTH};
use crate::SharedSecret;
use crate::attribute::{self, Attributes};
use crate::authenticator::{self, Forged, LENGTH, MessageAuthenticator, RequestAuthenticator};

/// Why octets are no packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Fewer octets than the header or its Length field says.
    #[error("the packet is cut short: {have} octets, {need} needed")]
    Truncated {
        /// Octets that came.
        have: usize,
        /// Octets that it needs.
        need: usize,
    },
    /// The Length field is less than 20 or more than 4096.
    #[error("the Length field is {0}, which it cannot be")]
    Length(usize),
    /// An attribute's length is less than 2, or reaches behind the packet.
    #[error("the attribute at octet {0} has an impossible length")]
    Attribute(usize),
}

/// A packet whose lengths are right, and of which nobody knows yet who wrote it.
#[derive(Debug, Clone, Copy)]
pub struct Datagram<'a> {
    /// At least a header, whose attributes fill it.
    octets: &'a [u8],
}

impl<'a> Datagram<'a> {
    /// Checks every length. Octets behind the Length field's are padding (RFC 2865 §3).
    ///
    /// # Errors
    /// [`ParseError`]; such a datagram is to be dropped without a word.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, ParseError> {
        let have = datagram.len();
        let Some([_, _, high, low]) = datagram.first_chunk::<4>() else {
            let need = HEADER_LENGTH;
            return Err(ParseError::Truncated { have, need });
        };
        let need = usize::from(u16::from_be_bytes([*high, *low]));
        if !(HEADER_LENGTH..=MAX_LENGTH).contains(&need) {
            return Err(ParseError::Length(need));
        }
        let octets = datagram
            .get(..need)
            .ok_or(ParseError::Truncated { have, need })?;
        attribute::check(&octets[HEADER_LENGTH..])
            .map_err(|at| ParseError::Attribute(HEADER_LENGTH + at))?;
        Ok(Self { octets })
    }

    /// What it says it is.
    pub fn code(&self) -> Code {
        Code::from_wire(self.octets[0])
    }

    /// Which request it is or answers.
    pub fn identifier(&self) -> u8 {
        self.octets[1]
    }

    /// The Authenticator field.
    pub fn authenticator(&self) -> &'a RequestAuthenticator {
        let (_, field) = self.octets[..HEADER_LENGTH]
            .split_last_chunk()
            .unwrap_or((&[], &[0; LENGTH]));
        field
    }

    /// Verifies a reply to a request of `code` with this Authenticator field. Identifier and addresses are
    /// the caller's to compare.
    ///
    /// # Errors
    /// [`Forged`]; such a reply is to be dropped, and the right one may still come (RFC 5080 §2.2.2).
    pub fn verify_reply(
        self,
        code: Code,
        request: &RequestAuthenticator,
        secret: &SharedSecret,
        message: MessageAuthenticator,
    ) -> Result<Packet<'a>, Forged> {
        if !self.code().answers(code) {
            return Err(Forged::Code);
        }
        let digest = authenticator::digest(self.octets, request, secret);
        if !authenticator::equal(&digest, self.authenticator()) {
            return Err(Forged::Authenticator);
        }
        self.verify_message(request, secret, message)
    }

    /// Verifies a request.
    ///
    /// The Authenticator field of an Access-Request and a Status-Server is random, so only a
    /// Message-Authenticator proves anything there.
    ///
    /// # Errors
    /// [`Forged`]; such a request is to be dropped without a word.
    pub fn verify_request(
        self,
        secret: &SharedSecret,
        message: MessageAuthenticator,
    ) -> Result<Packet<'a>, Forged> {
        if self.code().has_random_authenticator() {
            return self.verify_message(self.authenticator(), secret, message);
        }
        let zeros = [0; LENGTH];
        let digest = authenticator::digest(self.octets, &zeros, secret);
        if !authenticator::equal(&digest, self.authenticator()) {
            return Err(Forged::Authenticator);
        }
        self.verify_message(&zeros, secret, message)
    }

    fn verify_message(
        self,
        field: &RequestAuthenticator,
        secret: &SharedSecret,
        message: MessageAuthenticator,
    ) -> Result<Packet<'a>, Forged> {
        let packet = Packet {
            octets: self.octets,
        };
        match authenticator::find(self.octets)? {
            Some(at) => {
                let right = authenticator::message_authenticator(self.octets, at, field, secret);
                if authenticator::equal(&right, &self.octets[at..at + LENGTH]) {
                    Ok(packet)
                } else {
                    Err(Forged::MessageAuthenticator)
                }
            }
            None if message == MessageAuthenticator::Optional => Ok(packet),
            None => Err(Forged::NoMessageAuthenticator),
        }
    }
}

/// A packet that was written by one who knows the shared secret.
#[derive(Debug, Clone, Copy)]
pub struct Packet<'a> {
    octets: &'a [u8],
}

impl<'a> Packet<'a> {
    /// What it is.
    pub fn code(&self) -> Code {
        Code::from_wire(self.octets[0])
    }

    /// Which request it is or answers.
    pub fn identifier(&self) -> u8 {
        self.octets[1]
    }

    /// The Authenticator field.
    pub fn authenticator(&self) -> &'a RequestAuthenticator {
        Datagram {
            octets: self.octets,
        }
        .authenticator()
    }

    /// Its attributes.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::new(&self.octets[HEADER_LENGTH..])
    }

    /// The whole packet, without padding behind it.
    pub fn as_octets(&self) -> &'a [u8] {
        self.octets
    }
}
