//! The form of records in a file: a length, a digest, and what they cover.
//!
//! | octets | what |
//! |---|---|
//! | 4 | length of the payload |
//! | 8 | first octets of the payload's SHA-256 |
//! | … | payload: 1, number, time (8 octets each), weight, length of the session's name (2 octets), name, body; or 2, number |
//!
//! Numbers are big-endian.

use sha2::{Digest, Sha256};

use super::{Entry, Weight};

/// The beginning of a file.
pub(super) const MAGIC: &[u8] = b"adit accounting records, form 1\n";

const HEADER: usize = 4 + DIGEST;
const DIGEST: usize = 8;
const RECORD: u8 = 1;
const DONE: u8 = 2;
/// Octets of a record's payload beside session and body.
const FIXED: usize = 1 + 8 + 8 + 1 + 2;

/// What is written.
pub(super) enum Frame<'a> {
    Record(u64, &'a Entry),
    Done(u64),
}

/// What is read.
pub(super) enum Owned {
    Record(u64, Entry),
    Done(u64),
}

/// Octets that a record takes.
pub(super) fn length(entry: &Entry) -> u64 {
    (HEADER + FIXED + name(entry).len() + entry.body.len()) as u64
}

/// The session's name as far as its length can be told.
fn name(entry: &Entry) -> &[u8] {
    let name = entry.session.as_bytes();
    &name[..name.len().min(u16::MAX.into())]
}

impl Frame<'_> {
    pub(super) fn octets(&self) -> Vec<u8> {
        let mut octets = vec![0; HEADER];
        match self {
            Self::Record(number, entry) => {
                let name = name(entry);
                octets.push(RECORD);
                octets.extend(number.to_be_bytes());
                octets.extend(entry.at.to_be_bytes());
                octets.push(u8::from(entry.weight == Weight::Lasting));
                octets.extend((name.len() as u16).to_be_bytes());
                octets.extend(name);
                octets.extend(&*entry.body);
            }
            Self::Done(number) => {
                octets.push(DONE);
                octets.extend(number.to_be_bytes());
            }
        }
        let payload = &octets[HEADER..];
        let (length, digest) = ((payload.len() as u32).to_be_bytes(), digest(payload));
        octets[..4].copy_from_slice(&length);
        octets[4..HEADER].copy_from_slice(&digest);
        octets
    }
}

impl Owned {
    /// Reads one, and what stands behind it; nothing where it is not whole.
    pub(super) fn read(octets: &[u8]) -> Option<(Self, &[u8])> {
        let (length, rest) = octets.split_first_chunk::<4>()?;
        let (expected, rest) = rest.split_first_chunk::<DIGEST>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (payload, behind) = rest.split_at_checked(length)?;
        if digest(payload) != *expected {
            return None;
        }
        Some((Self::parse(payload)?, behind))
    }

    fn parse(payload: &[u8]) -> Option<Self> {
        let (kind, rest) = payload.split_first()?;
        let (number, rest) = rest.split_first_chunk()?;
        let number = u64::from_be_bytes(*number);
        match *kind {
            RECORD => {
                let (at, rest) = rest.split_first_chunk()?;
                let (weight, rest) = rest.split_first()?;
                let (length, rest) = rest.split_first_chunk()?;
                let (name, body) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
                let entry = Entry {
                    session: std::str::from_utf8(name).ok()?.into(),
                    weight: match weight {
                        0 => Weight::Interim,
                        _ => Weight::Lasting,
                    },
                    at: u64::from_be_bytes(*at),
                    body: body.into(),
                };
                Some(Self::Record(number, entry))
            }
            DONE => rest.is_empty().then_some(Self::Done(number)),
            _ => None,
        }
    }
}

fn digest(payload: &[u8]) -> [u8; DIGEST] {
    let digest = Sha256::digest(payload);
    let mut first = [0; DIGEST];
    first.copy_from_slice(&digest[..DIGEST]);
    first
}
