//! The Password Authentication Protocol: RFC 1334 §2.

use std::fmt;

use crate::cp::RawPacket;
use crate::{ParseError, Reader, Writer, escaped};

/// What a PAP packet says.
#[derive(Clone, PartialEq, Eq)]
pub enum Body {
    /// Name and password in clear text (§2.2.1).
    AuthenticateRequest {
        /// The Peer-ID.
        peer_id: Vec<u8>,
        /// The password; never shown.
        password: Vec<u8>,
        /// Octets behind the password, which the format does not have.
        trailing: Vec<u8>,
    },
    /// The peer is accepted (§2.2.2).
    AuthenticateAck(Message),
    /// The peer is refused (§2.2.2).
    AuthenticateNak(Message),
    /// A code that RFC 1334 does not have.
    Unknown {
        /// The code.
        code: u8,
        /// The data.
        data: Vec<u8>,
    },
}

/// The text of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A text of 0 to 255 octets with its length in front.
    Text(Vec<u8>),
    /// Data that is not in that form: some peers leave the length out.
    Malformed(Vec<u8>),
}

impl Message {
    /// The text, whichever form it came in.
    pub fn text(&self) -> &[u8] {
        match self {
            Self::Text(text) | Self::Malformed(text) => text,
        }
    }

    fn decode(data: &[u8]) -> Self {
        match data.split_first() {
            Some((&length, text)) if text.len() == usize::from(length) => Self::Text(text.to_vec()),
            _ => Self::Malformed(data.to_vec()),
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => counted(text, out),
            Self::Malformed(data) => out.extend_from_slice(data),
        }
    }
}

/// A PAP packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// Matches answers to requests.
    pub identifier: u8,
    /// What the packet says.
    pub body: Body,
}

impl Packet {
    /// Gives a raw packet its meaning.
    ///
    /// # Errors
    /// [`ParseError`] where a request's lengths pass its end.
    pub fn interpret(raw: RawPacket<'_>) -> Result<Self, ParseError> {
        let body = match raw.code {
            1 => {
                let mut reader = Reader::new(raw.data);
                let length = usize::from(reader.u8("Peer-ID Length")?);
                let peer_id = reader.bytes("Peer-ID", length)?.to_vec();
                let length = usize::from(reader.u8("Passwd-Length")?);
                let password = reader.bytes("Password", length)?.to_vec();
                Body::AuthenticateRequest {
                    peer_id,
                    password,
                    trailing: reader.rest().to_vec(),
                }
            }
            2 => Body::AuthenticateAck(Message::decode(raw.data)),
            3 => Body::AuthenticateNak(Message::decode(raw.data)),
            code => Body::Unknown {
                code,
                data: raw.data.to_vec(),
            },
        };
        Ok(Self {
            identifier: raw.identifier,
            body,
        })
    }

    /// Appends the packet.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut data = Vec::new();
        let code = match &self.body {
            Body::AuthenticateRequest {
                peer_id,
                password,
                trailing,
            } => {
                counted(peer_id, &mut data);
                counted(password, &mut data);
                data.extend_from_slice(trailing);
                1
            }
            Body::AuthenticateAck(message) => {
                message.encode(&mut data);
                2
            }
            Body::AuthenticateNak(message) => {
                message.encode(&mut data);
                3
            }
            Body::Unknown { code, data: octets } => {
                data.extend_from_slice(octets);
                *code
            }
        };
        RawPacket {
            code,
            identifier: self.identifier,
            data: &data,
        }
        .encode(out);
    }
}

/// Appends at most 255 octets with their count in front.
fn counted(octets: &[u8], out: &mut Vec<u8>) {
    let octets = octets.get(..255).unwrap_or(octets);
    let length = u8::try_from(octets.len()).unwrap_or(u8::MAX);
    Writer::new(out).u8(length).bytes(octets);
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
            Body::AuthenticateRequest { peer_id, .. } => write!(
                f,
                "Authenticate-Request id={id} user=\"{}\" password=<hidden>",
                escaped(peer_id)
            ),
            Body::AuthenticateAck(message) => {
                write!(
                    f,
                    "Authenticate-Ack id={id} \"{}\"",
                    escaped(message.text())
                )
            }
            Body::AuthenticateNak(message) => {
                write!(
                    f,
                    "Authenticate-Nak id={id} \"{}\"",
                    escaped(message.text())
                )
            }
            Body::Unknown { code, data } => {
                write!(f, "code {code} id={id} ({} octets)", data.len())
            }
        }
    }
}
