//! Attributes to send.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{MAX_VALUE, MAX_VENDOR_VALUE, Type, VENDOR_SPECIFIC};
use crate::packet::MAX_LENGTH;

/// Octets that a packet has beside its list: the header, a Message-Authenticator, the longest User-Password
/// and an Acct-Delay-Time.
const RESERVED: usize = 20 + 18 + 130 + 6;

/// Why an attribute cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AttributeError {
    /// The value does not fit into an attribute.
    #[error("attribute {kind} would have a value of {length} octets, more than it can hold")]
    TooLong {
        /// What it was to be.
        kind: Type,
        /// Octets of the value.
        length: usize,
    },
    /// The packet would be longer than RFC 2865 §3 allows.
    #[error("no room for attribute {kind} in a packet of {MAX_LENGTH} octets")]
    Full {
        /// What it was to be.
        kind: Type,
    },
}

/// Attributes in the order in which they are sent; always few enough for one packet.
///
/// Authenticators and hidden values depend on the server and the try, so they are not put here: the packet
/// brings its own Message-Authenticator.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct AttributeList {
    octets: Vec<u8>,
}

impl AttributeList {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// The list that [`as_octets`](Self::as_octets) gave these octets of; none where there can be no such
    /// list.
    pub fn from_octets(octets: &[u8]) -> Option<Self> {
        let is_list = super::check(octets).is_ok() && octets.len() <= MAX_LENGTH - RESERVED;
        is_list.then(|| Self {
            octets: octets.to_vec(),
        })
    }

    /// Appends an attribute, a vendor's one within its own Vendor-Specific attribute.
    ///
    /// # Errors
    /// [`AttributeError`] where it has no room; the list is then as it was.
    pub fn octets(&mut self, kind: Type, value: &[u8]) -> Result<&mut Self, AttributeError> {
        self.parts(kind, &[value])
    }

    /// Appends text.
    ///
    /// # Errors
    /// As [`octets`](Self::octets).
    pub fn text(&mut self, kind: Type, value: &str) -> Result<&mut Self, AttributeError> {
        self.octets(kind, value.as_bytes())
    }

    /// Appends a number.
    ///
    /// # Errors
    /// As [`octets`](Self::octets).
    pub fn u32(&mut self, kind: Type, value: u32) -> Result<&mut Self, AttributeError> {
        self.octets(kind, &value.to_be_bytes())
    }

    /// Appends an IPv4 address.
    ///
    /// # Errors
    /// As [`octets`](Self::octets).
    pub fn ipv4(&mut self, kind: Type, value: Ipv4Addr) -> Result<&mut Self, AttributeError> {
        self.octets(kind, &value.octets())
    }

    /// Appends an IPv6 address.
    ///
    /// # Errors
    /// As [`octets`](Self::octets).
    pub fn ipv6(&mut self, kind: Type, value: Ipv6Addr) -> Result<&mut Self, AttributeError> {
        self.octets(kind, &value.octets())
    }

    /// Appends text behind a tag of 0 to 31 (RFC 2868 §3); 0 stands for no tag.
    ///
    /// # Errors
    /// As [`octets`](Self::octets).
    pub fn tagged_text(
        &mut self,
        kind: Type,
        tag: u8,
        value: &str,
    ) -> Result<&mut Self, AttributeError> {
        self.parts(kind, &[&[tag & 0x1f], value.as_bytes()])
    }

    /// Appends a number of 24 bits behind a tag of 0 to 31 (RFC 2868 §3.1).
    ///
    /// # Errors
    /// As [`octets`](Self::octets).
    pub fn tagged_u24(
        &mut self,
        kind: Type,
        tag: u8,
        value: u32,
    ) -> Result<&mut Self, AttributeError> {
        let tag = u32::from(tag & 0x1f) << 24;
        self.u32(kind, tag | value & 0x00ff_ffff)
    }

    /// Appends an attribute whose value comes in parts.
    ///
    /// # Errors
    /// As [`octets`](Self::octets).
    pub fn parts(&mut self, kind: Type, value: &[&[u8]]) -> Result<&mut Self, AttributeError> {
        let length = value.iter().map(|part| part.len()).sum();
        let (most, header) = match kind.vendor {
            0 => (MAX_VALUE, 2),
            _ => (MAX_VENDOR_VALUE, 8),
        };
        if length > most {
            return Err(AttributeError::TooLong { kind, length });
        }
        if self.octets.len() + header + length > MAX_LENGTH - RESERVED {
            return Err(AttributeError::Full { kind });
        }
        // Both lengths are at most 255: checked above.
        if kind.vendor != 0 {
            self.octets
                .extend([VENDOR_SPECIFIC.code, (length + 8) as u8]);
            self.octets.extend(kind.vendor.to_be_bytes());
        }
        self.octets.extend([kind.code, (length + 2) as u8]);
        for part in value {
            self.octets.extend(*part);
        }
        Ok(self)
    }

    /// Appends what another list holds.
    ///
    /// # Errors
    /// [`AttributeError::Full`] with the first type of the other one; the list is then as it was.
    pub fn append(&mut self, other: &Self) -> Result<&mut Self, AttributeError> {
        if self.octets.len() + other.octets.len() > MAX_LENGTH - RESERVED {
            let kind = Type::standard(other.octets.first().copied().unwrap_or(0));
            return Err(AttributeError::Full { kind });
        }
        self.octets.extend(&other.octets);
        Ok(self)
    }

    /// The attributes, one by one.
    pub fn attributes(&self) -> super::Attributes<'_> {
        super::Attributes::new(&self.octets)
    }

    /// As they are sent.
    pub fn as_octets(&self) -> &[u8] {
        &self.octets
    }
}

impl std::fmt::Debug for AttributeList {
    /// Types only: values can be passwords' responses.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let types = self.attributes().map(|attribute| attribute.kind);
        f.debug_list().entries(types).finish()
    }
}
