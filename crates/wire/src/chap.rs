//! The Challenge Handshake Authentication Protocol: RFC 1994 §4, with the change-password codes of
//! RFC 2433 §9, §10 and RFC 2759 §7.

use std::fmt;

use crate::cp::RawPacket;
use crate::{ParseError, Reader, Writer, escaped};

/// What a CHAP packet says.
#[derive(Clone, PartialEq, Eq)]
pub enum Body {
    /// The authenticator's challenge (§4.1).
    Challenge(Value),
    /// The peer's response (§4.1).
    Response(Value),
    /// The peer is accepted (§4.2); MS-CHAPv2 puts the authenticator response here.
    Success(Vec<u8>),
    /// The peer is refused (§4.2); MS-CHAP puts an error code here.
    Failure(Vec<u8>),
    /// A change of password: code 5 or 6 (RFC 2433) or 7 (RFC 2759), with the data undivided.
    ChangePassword {
        /// 5, 6 or 7.
        code: u8,
        /// The data; never shown.
        data: Vec<u8>,
    },
    /// Any other code.
    Unknown {
        /// The code.
        code: u8,
        /// The data.
        data: Vec<u8>,
    },
}

/// A challenge or a response with the sender's name.
#[derive(Clone, PartialEq, Eq)]
pub struct Value {
    /// 1 to 255 octets.
    pub value: Vec<u8>,
    /// The sender's name; Microsoft's servers may leave it empty.
    pub name: Vec<u8>,
}

/// A CHAP packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// Matches a response to its challenge and an answer to its response.
    pub identifier: u8,
    /// What the packet says.
    pub body: Body,
}

impl Packet {
    /// Gives a raw packet its meaning.
    ///
    /// # Errors
    /// [`ParseError`] where the value's length passes the end.
    pub fn interpret(raw: RawPacket<'_>) -> Result<Self, ParseError> {
        let data = raw.data;
        let body = match raw.code {
            1 => Body::Challenge(Value::decode(data)?),
            2 => Body::Response(Value::decode(data)?),
            3 => Body::Success(data.to_vec()),
            4 => Body::Failure(data.to_vec()),
            code @ 5..=7 => Body::ChangePassword {
                code,
                data: data.to_vec(),
            },
            code => Body::Unknown {
                code,
                data: data.to_vec(),
            },
        };
        Ok(Self {
            identifier: raw.identifier,
            body,
        })
    }

    /// Appends the packet.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut value_field = Vec::new();
        let (code, data): (u8, &[u8]) = match &self.body {
            Body::Challenge(value) => (1, value.encode(&mut value_field)),
            Body::Response(value) => (2, value.encode(&mut value_field)),
            Body::Success(message) => (3, message),
            Body::Failure(message) => (4, message),
            Body::ChangePassword { code, data } | Body::Unknown { code, data } => (*code, data),
        };
        RawPacket {
            code,
            identifier: self.identifier,
            data,
        }
        .encode(out);
    }
}

impl Value {
    fn decode(data: &[u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(data);
        let size = usize::from(reader.u8("Value-Size")?);
        let value = reader.bytes("Value", size)?.to_vec();
        Ok(Self {
            value,
            name: reader.rest().to_vec(),
        })
    }

    fn encode<'a>(&self, out: &'a mut Vec<u8>) -> &'a [u8] {
        let value = self.value.get(..255).unwrap_or(&self.value);
        let size = u8::try_from(value.len()).unwrap_or(u8::MAX);
        Writer::new(out).u8(size).bytes(value).bytes(&self.name);
        out
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "value=<{} octets> name=\"{}\"",
            self.value.len(),
            escaped(&self.name)
        )
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(
            &Packet {
                identifier: 0,
                body: self.clone(),
            },
            f,
        )
    }
}

impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.identifier;
        match &self.body {
            Body::Challenge(value) => write!(f, "Challenge id={id} {value:?}"),
            Body::Response(value) => write!(f, "Response id={id} {value:?}"),
            Body::Success(message) => {
                write!(f, "Success id={id} \"{}\"", escaped(without_proof(message)))
            }
            Body::Failure(message) => write!(f, "Failure id={id} \"{}\"", escaped(message)),
            Body::ChangePassword { code, data } => {
                write!(
                    f,
                    "Change-Password id={id} code={code} <{} octets>",
                    data.len()
                )
            }
            Body::Unknown { code, data } => {
                write!(f, "code {code} id={id} ({} octets)", data.len())
            }
        }
    }
}

/// The message of a Success without the authenticator response, which is made from the password.
fn without_proof(message: &[u8]) -> &[u8] {
    const PROOF: usize = 42;
    if message.starts_with(b"S=") {
        message.get(PROOF..).unwrap_or(b"")
    } else {
        message
    }
}
