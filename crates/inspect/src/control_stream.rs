//! The control connection messages in one direction of a TCP connection (RFC 2637 §2).

use adit_wire::control::{Framed, Framer, FramingError, MAGIC_COOKIE, Message};

use crate::stream::{Chunk, Reassembler};

/// What was found in the stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A message.
    Message(Box<Message>),
    /// A message that is not written again as it was read.
    Differs(Box<Message>),
    /// A message of a type that RFC 2637 does not define.
    Unknown { message_type: u16, length: u16 },
    /// Octets that are no message.
    Failed(FramingError),
    /// Octets in front of a message, after a gap.
    Skipped(usize),
    /// Octets are missing.
    Gap,
}

/// One direction of a control connection.
#[derive(Debug, Default)]
pub(crate) struct ControlStream {
    pub(crate) segments: Reassembler,
    /// `None` where it is not known at which octet a message begins.
    framer: Option<Framer>,
    /// The octets since the last message.
    raw: Vec<u8>,
}

impl ControlStream {
    /// Starts at the SYN of a connection.
    pub(crate) fn begin(&mut self, syn: u32) {
        self.segments.begin(syn);
        self.framer = Some(Framer::new());
        self.raw.clear();
    }

    /// Reads what the reassembly has given.
    pub(crate) fn read(&mut self, chunks: Vec<Chunk>) -> Vec<Found> {
        let mut found = Vec::new();
        for chunk in chunks {
            match chunk {
                Chunk::Gap => {
                    self.framer = None;
                    found.push(Found::Gap);
                }
                Chunk::Octets(octets) => self.octets(&octets, &mut found),
            }
        }
        found
    }

    fn octets(&mut self, mut rest: &[u8], found: &mut Vec<Found>) {
        while !rest.is_empty() {
            let Some(framer) = &mut self.framer else {
                self.raw.clear();
                let start = message_start(rest);
                if let Some(skipped @ 1..) = start.or(Some(rest.len())) {
                    found.push(Found::Skipped(skipped));
                }
                self.framer = start.map(|_| Framer::new());
                rest = rest.get(start.unwrap_or(rest.len())..).unwrap_or_default();
                continue;
            };
            let before = rest;
            let framed = framer.next(&mut rest);
            let taken = before.len() - rest.len();
            self.raw
                .extend_from_slice(before.get(..taken).unwrap_or_default());
            match framed {
                Ok(None) => break,
                Ok(Some(Framed::Message(message))) => found.push(self.check(message.into())),
                Ok(Some(Framed::Unknown {
                    message_type,
                    length,
                })) => {
                    self.raw.clear();
                    found.push(Found::Unknown {
                        message_type,
                        length,
                    });
                }
                Err(error) => {
                    self.framer = None;
                    found.push(Found::Failed(error));
                }
            }
        }
    }

    fn check(&mut self, message: Box<Message>) -> Found {
        let mut encoded = Vec::new();
        message.encode(&mut encoded);
        let same = self.raw.ends_with(&encoded);
        self.raw.clear();
        if same {
            Found::Message(message)
        } else {
            Found::Differs(message)
        }
    }
}

/// Where the first message begins, by its PPTP Message Type and Magic Cookie.
fn message_start(octets: &[u8]) -> Option<usize> {
    let mark = [&[0, 1], MAGIC_COOKIE.to_be_bytes().as_slice()].concat();
    let at = octets
        .windows(mark.len())
        .position(|window| window == mark)?;
    at.checked_sub(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use adit_wire::control::{EchoRequest, StopControlConnectionRequest};
    use proptest::prelude::*;

    fn echo(identifier: u32) -> Message {
        EchoRequest {
            reserved0: 0,
            identifier,
        }
        .into()
    }

    fn octets(messages: &[Message]) -> Vec<u8> {
        let mut out = Vec::new();
        messages.iter().for_each(|message| message.encode(&mut out));
        out
    }

    #[test]
    fn messages_are_found_across_segments() {
        let both = octets(&[echo(1), echo(2)]);
        let mut stream = ControlStream::default();
        stream.begin(0);
        let chunks = |range: std::ops::Range<usize>| vec![Chunk::Octets(both[range].to_vec())];
        assert_eq!(stream.read(chunks(0..5)), []);
        assert_eq!(
            stream.read(chunks(5..20)),
            [Found::Message(Box::new(echo(1)))]
        );
        assert_eq!(
            stream.read(chunks(20..32)),
            [Found::Message(Box::new(echo(2)))]
        );
    }

    #[test]
    fn after_a_gap_the_next_message_is_found() {
        let mut stream = ControlStream::default();
        let mut text = b"the end of another message".to_vec();
        let length = text.len();
        text.extend(octets(&[echo(7)]));
        let found = stream.read(vec![Chunk::Gap, Chunk::Octets(text)]);
        assert_eq!(
            found,
            [
                Found::Gap,
                Found::Skipped(length),
                Found::Message(Box::new(echo(7)))
            ]
        );
    }

    #[test]
    fn after_a_failure_the_next_message_is_found() {
        let mut stream = ControlStream::default();
        stream.begin(0);
        let text = [
            &octets(&[echo(1)])[..],
            b"GET / HTTP/1.1\r\n",
            &octets(&[echo(2)]),
        ]
        .concat();
        let found = stream.read(vec![Chunk::Octets(text)]);
        assert!(
            matches!(
                found.as_slice(),
                [
                    Found::Message(_),
                    Found::Failed(FramingError::MagicCookie(_)),
                    Found::Skipped(_),
                    Found::Message(_)
                ]
            ),
            "{found:?}"
        );
    }

    #[test]
    fn a_message_of_an_unknown_type_is_told_and_passed() {
        let mut unknown = octets(&[echo(1)]);
        unknown[9] = 99;
        unknown.extend(octets(&[echo(2)]));
        let mut stream = ControlStream::default();
        stream.begin(0);
        assert_eq!(
            stream.read(vec![Chunk::Octets(unknown)]),
            [
                Found::Unknown {
                    message_type: 99,
                    length: 16
                },
                Found::Message(Box::new(echo(2)))
            ]
        );
    }

    #[test]
    fn reserved_fields_are_written_again() {
        let request = StopControlConnectionRequest {
            reserved0: 1,
            reason: adit_wire::control::StopReason::Unknown(77),
            reserved1: 2,
            reserved2: 3,
        };
        let mut stream = ControlStream::default();
        stream.begin(0);
        let found = stream.read(vec![Chunk::Octets(octets(&[request.into()]))]);
        assert!(matches!(found.as_slice(), [Found::Message(_)]));
    }

    proptest! {
        #[test]
        fn any_octets_are_read_without_panic(
            parts in proptest::collection::vec(
                prop_oneof![
                    proptest::collection::vec(any::<u8>(), 0..60),
                    any::<u32>().prop_map(|identifier| octets(&[echo(identifier)])),
                    Just(vec![0, 16, 0, 1, 0x1a, 0x2b, 0x3c, 0x4d, 0, 5, 0]),
                ],
                0..12,
            ),
            gaps: u16,
        ) {
            let mut stream = ControlStream::default();
            stream.begin(0);
            for (number, part) in parts.into_iter().enumerate() {
                let gap = gaps >> number & 1 == 1;
                let chunks = gap.then_some(Chunk::Gap).into_iter();
                let found = stream.read(chunks.chain([Chunk::Octets(part)]).collect());
                prop_assert!(!found.iter().any(|found| matches!(found, Found::Differs(_))));
                prop_assert!(stream.raw.len() < 1500);
            }
        }
    }
}
