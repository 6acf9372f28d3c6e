use super::message::{CONTROL_MESSAGE, Header, MAGIC_COOKIE, MAX_LENGTH, Message, MessageType};
use crate::{ParseError, Reader};

/// Longest message of an unknown type that is skipped, in octets.
pub const MAX_UNKNOWN_LENGTH: u16 = 1024;

/// Shortest possible message: a header and its Reserved0.
const MIN_UNKNOWN_LENGTH: u16 = 12;

/// Cuts the TCP stream of a control connection into messages.
///
/// Holds at most one message. An error means that the framing is lost or the peer is broken, and the
/// connection must be closed (RFC 2637 §1.4, §3); from then on every call gives the same error.
#[derive(Debug, Clone)]
pub struct Framer {
    buffer: Vec<u8>,
    skip: usize,
    failed: Option<FramingError>,
}

/// What the stream held next.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "taken apart at once, never stored in numbers"
)]
pub enum Framed {
    /// A message.
    Message(Message),
    /// A message of a type that RFC 2637 does not define; its octets are skipped.
    // Deviation (RFC 2637 §3 wants the connection closed): the Length still delimits the message,
    // so that §1.4's synchronization is not lost, and an extension need not cost the tunnel.
    Unknown {
        /// Its Control Message Type.
        message_type: u16,
        /// Its Length in octets.
        length: u16,
    },
}

/// Why the stream cannot be read further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    /// The Magic Cookie is wrong: synchronization is lost (RFC 2637 §1.4).
    #[error("the magic cookie is {0:#010x} instead of 0x1a2b3c4d")]
    MagicCookie(u32),
    /// Not a control message; management messages (2) are not defined (RFC 2637 §1.4).
    #[error("PPTP message type {0} is not supported")]
    PptpMessageType(u16),
    /// A Length that is not that of the message's type (RFC 2637 §2.16, Bad-Format).
    #[error("a {message_type} of {length} octets has the wrong length")]
    Length {
        /// The type of the message.
        message_type: MessageType,
        /// The Length found.
        length: u16,
    },
    /// A message of an unknown type with a Length that no message can have.
    #[error("a message of unknown type {message_type} and {length} octets cannot be skipped")]
    UnknownLength {
        /// The Control Message Type found.
        message_type: u16,
        /// The Length found.
        length: u16,
    },
    /// The body of a message cannot be read.
    #[error(transparent)]
    Body(#[from] ParseError),
}

impl Framer {
    /// Starts at the beginning of a stream.
    pub fn new() -> Self {
        Self {
            buffer: Vec::with_capacity(MAX_LENGTH),
            skip: 0,
            failed: None,
        }
    }

    /// Takes octets from the front of `stream` until they make a message; `None` when all are taken
    /// and more are needed. To be called again and again with the same `stream` until it is `None`.
    ///
    /// # Errors
    /// [`FramingError`], after which nothing more can be read.
    pub fn next(&mut self, stream: &mut &[u8]) -> Result<Option<Framed>, FramingError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let result = self.take(stream);
        self.failed = result.as_ref().err().copied();
        result
    }

    /// How many octets of an unfinished message are held.
    pub fn pending(&self) -> usize {
        self.buffer.len()
    }

    fn take(&mut self, stream: &mut &[u8]) -> Result<Option<Framed>, FramingError> {
        self.skip(stream);
        if self.skip > 0 || !self.fill(stream, Header::LENGTH) {
            return Ok(None);
        }
        let header = Header::read(&mut Reader::new(&self.buffer))?;
        let Some(message_type) = check(&header)? else {
            self.skip = usize::from(header.length) - Header::LENGTH;
            self.buffer.clear();
            let Header {
                message_type,
                length,
                ..
            } = header;
            return Ok(Some(Framed::Unknown {
                message_type,
                length,
            }));
        };
        if !self.fill(stream, message_type.length().into()) {
            return Ok(None);
        }
        let message = Message::decode(&self.buffer)?;
        self.buffer.clear();
        Ok(Some(Framed::Message(message)))
    }

    fn skip(&mut self, stream: &mut &[u8]) {
        let (skipped, rest) = stream.split_at(self.skip.min(stream.len()));
        self.skip -= skipped.len();
        *stream = rest;
    }

    /// Brings the buffer up to `length` octets, and tells whether it has them.
    fn fill(&mut self, stream: &mut &[u8], length: usize) -> bool {
        let need = length.saturating_sub(self.buffer.len());
        let (taken, rest) = stream.split_at(need.min(stream.len()));
        self.buffer.extend_from_slice(taken);
        *stream = rest;
        self.buffer.len() >= length
    }
}

impl Default for Framer {
    fn default() -> Self {
        Self::new()
    }
}

/// The type of the message behind `header`, or `None` where it is unknown but can be skipped.
fn check(header: &Header) -> Result<Option<MessageType>, FramingError> {
    let Header {
        length,
        pptp_message_type,
        cookie,
        message_type,
    } = *header;
    if cookie != MAGIC_COOKIE {
        return Err(FramingError::MagicCookie(cookie));
    }
    if pptp_message_type != CONTROL_MESSAGE {
        return Err(FramingError::PptpMessageType(pptp_message_type));
    }
    match MessageType::from_code(message_type) {
        Some(message_type) if message_type.length() == length => Ok(Some(message_type)),
        Some(message_type) => Err(FramingError::Length {
            message_type,
            length,
        }),
        None if (MIN_UNKNOWN_LENGTH..=MAX_UNKNOWN_LENGTH).contains(&length) => Ok(None),
        None => Err(FramingError::UnknownLength {
            message_type,
            length,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::{EchoRequest, IncomingCallRequest};

    fn all(framer: &mut Framer, mut stream: &[u8]) -> Result<Vec<Framed>, FramingError> {
        std::iter::from_fn(|| framer.next(&mut stream).transpose()).collect()
    }

    fn encoded(messages: &[Message]) -> Vec<u8> {
        let mut octets = Vec::new();
        messages
            .iter()
            .for_each(|message| message.encode(&mut octets));
        octets
    }

    fn two_messages() -> Vec<Message> {
        let request = IncomingCallRequest {
            call_id: 7,
            ..Default::default()
        };
        vec![
            request.into(),
            EchoRequest {
                identifier: 3,
                ..Default::default()
            }
            .into(),
        ]
    }

    #[test]
    fn joins_a_stream_split_at_every_octet() {
        let messages = two_messages();
        let octets = encoded(&messages);
        for split in 0..=octets.len() {
            let mut framer = Framer::new();
            let mut framed = all(&mut framer, &octets[..split]).unwrap();
            framed.extend(all(&mut framer, &octets[split..]).unwrap());
            let expected: Vec<_> = messages.iter().cloned().map(Framed::Message).collect();
            assert_eq!(framed, expected, "split at {split}");
            assert_eq!(framer.pending(), 0);
        }
    }

    #[test]
    fn takes_single_octets() {
        let octets = encoded(&two_messages());
        let mut framer = Framer::new();
        let framed = octets
            .iter()
            .flat_map(|octet| all(&mut framer, &[*octet]).unwrap())
            .count();
        assert_eq!(framed, 2);
    }

    #[test]
    fn skips_an_unknown_type_and_goes_on() {
        let mut octets = vec![0, 14, 0, 1, 0x1a, 0x2b, 0x3c, 0x4d, 0, 99, 0, 0, 0xde, 0xad];
        octets.extend(encoded(&two_messages()[1..]));
        for split in 0..=octets.len() {
            let mut framer = Framer::new();
            let mut framed = all(&mut framer, &octets[..split]).unwrap();
            framed.extend(all(&mut framer, &octets[split..]).unwrap());
            assert_eq!(framed.len(), 2, "split at {split}");
            assert_eq!(
                framed[0],
                Framed::Unknown {
                    message_type: 99,
                    length: 14
                }
            );
        }
    }

    #[test]
    fn a_wrong_cookie_ends_the_stream_for_good() {
        let mut framer = Framer::new();
        let error = all(&mut framer, b"GET / HTTP/1.1\r\n\r\n").unwrap_err();
        assert_eq!(error, FramingError::MagicCookie(0x2f20_4854));
        assert_eq!(all(&mut framer, &encoded(&two_messages())), Err(error));
    }

    #[test]
    fn rejects_a_length_that_is_not_that_of_the_type() {
        for length in (0..=u16::MAX).filter(|&length| length != 16) {
            let mut octets = encoded(&two_messages()[1..]);
            octets[..2].copy_from_slice(&length.to_be_bytes());
            let expected = FramingError::Length {
                message_type: MessageType::EchoRequest,
                length,
            };
            assert_eq!(all(&mut Framer::new(), &octets), Err(expected));
        }
    }

    #[test]
    fn rejects_management_messages() {
        let mut octets = encoded(&two_messages()[1..]);
        octets[3] = 2;
        assert_eq!(
            all(&mut Framer::new(), &octets),
            Err(FramingError::PptpMessageType(2))
        );
    }

    #[test]
    fn rejects_an_unknown_type_with_an_impossible_length() {
        for length in [0, 11, MAX_UNKNOWN_LENGTH + 1, u16::MAX] {
            let mut octets = encoded(&two_messages()[1..]);
            octets[..2].copy_from_slice(&length.to_be_bytes());
            octets[9] = 0;
            let expected = FramingError::UnknownLength {
                message_type: 0,
                length,
            };
            assert_eq!(all(&mut Framer::new(), &octets), Err(expected));
        }
    }
}
