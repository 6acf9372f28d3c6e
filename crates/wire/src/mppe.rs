//! The two octets between the protocol field and encrypted data: RFC 3078 §3.1.

use std::fmt;

use crate::{ParseError, Reader};

/// The flag bits and the coherency count.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Header(pub u16);

impl Header {
    /// Bit A: the tables were initialized before this packet was encrypted.
    pub const FLUSHED: u16 = 0x8000;
    /// Bit D: the packet is encrypted.
    pub const ENCRYPTED: u16 = 0x1000;
    /// The coherency count's bits.
    pub const COUNT: u16 = 0x0fff;

    /// Splits the header from the octets that follow it.
    ///
    /// # Errors
    /// [`ParseError::Truncated`] below two octets.
    pub fn split(octets: &[u8]) -> Result<(Self, &[u8]), ParseError> {
        let mut reader = Reader::new(octets);
        let header = Self(reader.u16("MPPE header")?);
        Ok((header, reader.rest()))
    }

    /// The coherency count, 0 to 4095.
    pub const fn coherency_count(self) -> u16 {
        self.0 & Self::COUNT
    }

    /// Whether bit A is set.
    pub const fn is_flushed(self) -> bool {
        self.0 & Self::FLUSHED != 0
    }

    /// Whether bit D is set.
    pub const fn is_encrypted(self) -> bool {
        self.0 & Self::ENCRYPTED != 0
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "coherency={}", self.coherency_count())?;
        if self.is_flushed() {
            f.write_str(" flushed")?;
        }
        f.write_str(if self.is_encrypted() {
            " encrypted"
        } else {
            " not-encrypted"
        })
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mppe::Header({self})")
    }
}
