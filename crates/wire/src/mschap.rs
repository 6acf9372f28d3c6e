//! What MS-CHAP puts into CHAP packets: RFC 2433 §6 to §10 and RFC 2759 §4 to §7.

use crate::{ParseError, Reader, Writer};

/// The value of an MS-CHAPv1 Response (RFC 2433 §6).
#[derive(Clone, PartialEq, Eq)]
pub struct ResponseV1 {
    /// The LAN Manager response, zero where it is not used.
    pub lm_response: [u8; 24],
    /// The Windows NT response.
    pub nt_response: [u8; 24],
    /// "Use Windows NT response" flag: 1 to use the NT response.
    pub flags: u8,
}

impl ResponseV1 {
    /// Octets of the value.
    pub const LENGTH: usize = 49;

    /// Reads the value field.
    ///
    /// # Errors
    /// [`ParseError`] unless it has exactly 49 octets.
    pub fn decode(value: &[u8]) -> Result<Self, ParseError> {
        exactly("MS-CHAP response", value, Self::LENGTH)?;
        let mut reader = Reader::new(value);
        Ok(Self {
            lm_response: reader.array("LAN Manager response")?,
            nt_response: reader.array("Windows NT response")?,
            flags: reader.u8("Flags")?,
        })
    }

    /// The value field.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(Self::LENGTH);
        Writer::new(&mut out)
            .bytes(&self.lm_response)
            .bytes(&self.nt_response)
            .u8(self.flags);
        out
    }
}

/// The value of an MS-CHAPv2 Response (RFC 2759 §4).
#[derive(Clone, PartialEq, Eq)]
pub struct ResponseV2 {
    /// The peer's own random challenge.
    pub peer_challenge: [u8; 16],
    /// Must be zero; kept as it came.
    pub reserved: [u8; 8],
    /// The response.
    pub nt_response: [u8; 24],
    /// Must be zero; Windows 98 sets 4.
    pub flags: u8,
}

impl ResponseV2 {
    /// Octets of the value.
    pub const LENGTH: usize = 49;

    /// Reads the value field.
    ///
    /// # Errors
    /// [`ParseError`] unless it has exactly 49 octets.
    pub fn decode(value: &[u8]) -> Result<Self, ParseError> {
        exactly("MS-CHAPv2 response", value, Self::LENGTH)?;
        let mut reader = Reader::new(value);
        Ok(Self {
            peer_challenge: reader.array("Peer-Challenge")?,
            reserved: reader.array("Reserved")?,
            nt_response: reader.array("NT-Response")?,
            flags: reader.u8("Flags")?,
        })
    }

    /// The value field.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(Self::LENGTH);
        Writer::new(&mut out)
            .bytes(&self.peer_challenge)
            .bytes(&self.reserved)
            .bytes(&self.nt_response)
            .u8(self.flags);
        out
    }
}

/// The data of a Change-Password packet of MS-CHAPv2, code 7 (RFC 2759 §7).
#[derive(Clone, PartialEq, Eq)]
pub struct ChangePasswordV2 {
    /// The new password, encrypted with the old password's hash.
    pub encrypted_password: Box<[u8; 516]>,
    /// The old password's hash, encrypted with the new one's.
    pub encrypted_hash: [u8; 16],
    /// The peer's random challenge.
    pub peer_challenge: [u8; 16],
    /// Must be zero.
    pub reserved: [u8; 8],
    /// The response made with the new password.
    pub nt_response: [u8; 24],
    /// Must be zero.
    pub flags: u16,
}

impl ChangePasswordV2 {
    /// The packet's code.
    pub const CODE: u8 = 7;
    /// Octets of the data.
    pub const LENGTH: usize = 582;

    /// Reads the data.
    ///
    /// # Errors
    /// [`ParseError`] unless it has exactly 582 octets.
    pub fn decode(data: &[u8]) -> Result<Self, ParseError> {
        exactly("Change-Password", data, Self::LENGTH)?;
        let mut reader = Reader::new(data);
        Ok(Self {
            encrypted_password: Box::new(reader.array("Encrypted-Password")?),
            encrypted_hash: reader.array("Encrypted-Hash")?,
            peer_challenge: reader.array("Peer-Challenge")?,
            reserved: reader.array("Reserved")?,
            nt_response: reader.array("NT-Response")?,
            flags: reader.u16("Flags")?,
        })
    }

    /// The data.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(Self::LENGTH);
        Writer::new(&mut out)
            .bytes(self.encrypted_password.as_slice())
            .bytes(&self.encrypted_hash)
            .bytes(&self.peer_challenge)
            .bytes(&self.reserved)
            .bytes(&self.nt_response)
            .u16(self.flags);
        out
    }
}

/// The data of a Change-Password packet of MS-CHAPv1, code 6 (RFC 2433 §10).
#[derive(Clone, PartialEq, Eq)]
pub struct ChangePasswordV1 {
    /// The new password, encrypted with the old password's NT hash.
    pub encrypted_password: Box<[u8; 516]>,
    /// The old NT hash, encrypted with the new NT hash.
    pub encrypted_hash: [u8; 16],
    /// The new password, encrypted with the old LAN Manager hash.
    pub encrypted_password_lm: Box<[u8; 516]>,
    /// The old LAN Manager hash, encrypted with the new NT hash.
    pub encrypted_hash_lm: [u8; 16],
    /// The LAN Manager response with the new password.
    pub lm_response: [u8; 24],
    /// The Windows NT response with the new password.
    pub nt_response: [u8; 24],
    /// Bit 0: use the NT response; bit 1: the LAN Manager fields are valid.
    pub flags: u16,
}

impl ChangePasswordV1 {
    /// The packet's code.
    pub const CODE: u8 = 6;
    /// Octets of the data.
    pub const LENGTH: usize = 1114;

    /// Reads the data.
    ///
    /// # Errors
    /// [`ParseError`] unless it has exactly 1114 octets.
    pub fn decode(data: &[u8]) -> Result<Self, ParseError> {
        exactly("Change-Password", data, Self::LENGTH)?;
        let mut reader = Reader::new(data);
        Ok(Self {
            encrypted_password: Box::new(reader.array("Password encrypted with NT hash")?),
            encrypted_hash: reader.array("Encrypted NT hash")?,
            encrypted_password_lm: Box::new(reader.array("Password encrypted with LM hash")?),
            encrypted_hash_lm: reader.array("Encrypted LM hash")?,
            lm_response: reader.array("LAN Manager response")?,
            nt_response: reader.array("Windows NT response")?,
            flags: reader.u16("Flags")?,
        })
    }

    /// The data.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(Self::LENGTH);
        Writer::new(&mut out)
            .bytes(self.encrypted_password.as_slice())
            .bytes(&self.encrypted_hash)
            .bytes(self.encrypted_password_lm.as_slice())
            .bytes(&self.encrypted_hash_lm)
            .bytes(&self.lm_response)
            .bytes(&self.nt_response)
            .u16(self.flags);
        out
    }
}

fn exactly(field: &'static str, octets: &[u8], length: usize) -> Result<(), ParseError> {
    if octets.len() == length {
        Ok(())
    } else {
        Err(ParseError::Length {
            field,
            value: octets.len(),
        })
    }
}

/// The message of an MS-CHAP Failure (RFC 2433 §8, RFC 2759 §6): `E=… R=… C=… V=… M=…`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FailureMessage {
    /// The error: 691 for a wrong password, see [`FailureMessage::meaning`].
    pub error: u32,
    /// Whether the peer may try again on this link.
    pub retry: bool,
    /// The challenge to use for a new try; 8 octets in version 1, 16 in version 2.
    pub challenge: Option<Vec<u8>>,
    /// The newest version of change-password packet that the authenticator takes: 2 or 3.
    pub version: Option<u32>,
    /// A text for people.
    pub text: String,
}

impl FailureMessage {
    /// The logon hours do not allow it.
    pub const RESTRICTED_LOGON_HOURS: u32 = 646;
    /// The account is disabled.
    pub const ACCOUNT_DISABLED: u32 = 647;
    /// The password has expired and may be changed.
    pub const PASSWORD_EXPIRED: u32 = 648;
    /// The account may not dial in.
    pub const NO_DIALIN_PERMISSION: u32 = 649;
    /// The name or the password is wrong.
    pub const AUTHENTICATION_FAILURE: u32 = 691;
    /// The password could not be changed.
    pub const CHANGING_PASSWORD: u32 = 709;

    /// Reads the message leniently: unknown fields are passed over, missing ones are defaults.
    pub fn decode(message: &[u8]) -> Self {
        let text = String::from_utf8_lossy(message);
        let mut failure = Self::default();
        let mut rest: &str = text.trim_start();
        while let Some((key, tail)) = rest.split_once('=') {
            if key == "M" {
                failure.text = tail.to_owned();
                break;
            }
            let (value, next) = tail.split_once(' ').unwrap_or((tail, ""));
            failure.set(key, value);
            rest = next.trim_start();
        }
        failure
    }

    fn set(&mut self, key: &str, value: &str) {
        match key {
            "E" => self.error = value.parse().unwrap_or(0),
            "R" => self.retry = value == "1",
            "C" => self.challenge = decode_hex(value),
            "V" => self.version = value.parse().ok(),
            _ => {}
        }
    }

    /// The message's octets; the text is left out where it is empty.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = format!("E={} R={}", self.error, u8::from(self.retry));
        if let Some(challenge) = &self.challenge {
            out.push_str(" C=");
            challenge
                .iter()
                .for_each(|octet| out.push_str(&format!("{octet:02X}")));
        }
        if let Some(version) = self.version {
            out.push_str(&format!(" V={version}"));
        }
        if !self.text.is_empty() {
            out.push_str(" M=");
            out.push_str(&self.text);
        }
        out.into_bytes()
    }

    /// What the error number means.
    pub const fn meaning(&self) -> &'static str {
        match self.error {
            Self::RESTRICTED_LOGON_HOURS => "logon is not permitted at this time of day",
            Self::ACCOUNT_DISABLED => "the account is disabled",
            Self::PASSWORD_EXPIRED => "the password has expired",
            Self::NO_DIALIN_PERMISSION => "the account may not dial in",
            Self::AUTHENTICATION_FAILURE => "the user name or the password is wrong",
            Self::CHANGING_PASSWORD => "the password could not be changed",
            _ => "authentication failed",
        }
    }
}

fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let digit = |octet: u8| char::from(octet).to_digit(16);
    digits
        .chunks_exact(2)
        .map(|pair| u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok())
        .collect()
}

/// The message of an MS-CHAPv2 Success (RFC 2759 §5): `S=` with 40 hexadecimal digits, then
/// ` M=` and a text. Windows Server 2019 leaves out the blank before `M=`.
#[derive(Clone, PartialEq, Eq)]
pub struct SuccessMessage<'a> {
    /// `S=` and its digits, as sent.
    pub authenticator_response: &'a [u8],
    /// The text behind `M=`.
    pub text: &'a [u8],
}

impl<'a> SuccessMessage<'a> {
    const PROOF: usize = 42;

    /// Splits the message; `None` where it does not begin with an authenticator response.
    pub fn decode(message: &'a [u8]) -> Option<Self> {
        let (authenticator_response, rest) = message.split_at_checked(Self::PROOF)?;
        let digits = authenticator_response.strip_prefix(b"S=")?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        let rest = rest.strip_prefix(b" ").unwrap_or(rest);
        let text = rest.strip_prefix(b"M=").unwrap_or(rest);
        Some(Self {
            authenticator_response,
            text,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_failure_message_of_each_peer_is_understood() {
        let rras = FailureMessage::decode(b"E=691 R=1 C=00112233445566778899aabbccddeeff V=3");
        assert_eq!((rras.error, rras.retry, rras.version), (691, true, Some(3)));
        assert_eq!(rras.challenge.map(|challenge| challenge.len()), Some(16));
        let pppd = FailureMessage::decode(b"E=691 R=0 C=0011 V=0 M=Access denied, sorry = no");
        assert_eq!(pppd.text, "Access denied, sorry = no");
        let accel = FailureMessage::decode(b"E=648 R=0 V=3");
        assert_eq!((accel.error, accel.challenge), (648, None));
        assert_eq!(
            FailureMessage::decode(b"\xff\x00junk"),
            FailureMessage::default()
        );
    }

    #[test]
    fn a_success_message_with_and_without_a_blank_is_understood() {
        let digits = "S=407A5589115FD0D6209F510FE9C04566932CDA56";
        for (tail, text) in [
            (" M=Welcome", "Welcome"),
            ("M=Welcome", "Welcome"),
            ("", ""),
        ] {
            let message = format!("{digits}{tail}");
            let success = SuccessMessage::decode(message.as_bytes()).unwrap();
            assert_eq!(success.authenticator_response, digits.as_bytes());
            assert_eq!(success.text, text.as_bytes());
        }
        assert!(SuccessMessage::decode(b"S=short").is_none());
        assert!(SuccessMessage::decode(&[b'X'; 60]).is_none());
    }

    proptest! {
        #[test]
        fn failure_messages_survive_a_round_trip(
            error in 1u32..1000, retry: bool, version in proptest::option::of(0u32..9),
            challenge in proptest::option::of(proptest::collection::vec(any::<u8>(), 1..17)),
            text in "[a-zA-Z0-9 =]{0,40}",
        ) {
            let failure = FailureMessage { error, retry, challenge, version, text };
            prop_assert_eq!(FailureMessage::decode(&failure.encode()), failure);
        }

        #[test]
        fn no_octets_break_the_decoders(octets in proptest::collection::vec(any::<u8>(), 0..1200)) {
            let _ = FailureMessage::decode(&octets);
            let _ = SuccessMessage::decode(&octets);
            let _ = ChangePasswordV1::decode(&octets);
            if let Ok(response) = ResponseV1::decode(&octets) {
                prop_assert_eq!(response.encode(), octets);
            }
        }

        #[test]
        fn fixed_blocks_survive_a_round_trip(
            change in proptest::collection::vec(any::<u8>(), ChangePasswordV1::LENGTH),
        ) {
            prop_assert_eq!(&ChangePasswordV1::decode(&change).unwrap().encode(), &change);
            let shorter = &change[..ChangePasswordV2::LENGTH];
            prop_assert_eq!(&ChangePasswordV2::decode(shorter).unwrap().encode(), shorter);
            let response = &change[..ResponseV2::LENGTH];
            prop_assert_eq!(&ResponseV2::decode(response).unwrap().encode(), response);
        }
    }
}
