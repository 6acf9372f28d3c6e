//! The IPv6 Control Protocol's options: RFC 5072 §4.

use std::fmt;
use std::net::Ipv6Addr;
use std::ops::RangeInclusive;

use crate::Writer;
use crate::cp::{self, ConfigOption, ControlProtocol};
use crate::ppp::Protocol;

/// The protocol itself.
#[derive(Debug, Clone, Copy)]
pub struct Ipv6cp;

impl ControlProtocol for Ipv6cp {
    type Option = Ipv6cpOption;
    const PROTOCOL: Protocol = Protocol::IPV6CP;
    #[expect(
        clippy::reversed_empty_ranges,
        reason = "IPV6CP knows no further codes"
    )]
    const EXTRA_CODES: RangeInclusive<u8> = 1..=0;
}

/// An IPV6CP packet.
pub type Packet = cp::Packet<Ipv6cpOption>;

/// The 64 bits that make a link-local address of a link's end (RFC 5072 §4.1); 0 is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct InterfaceId(pub [u8; 8]);

impl InterfaceId {
    /// Stands for "not chosen yet".
    pub const ZERO: Self = Self([0; 8]);

    /// The address `fe80::` with this identifier (RFC 5072 §5).
    pub const fn link_local(self) -> Ipv6Addr {
        let [a, b, c, d, e, f, g, h] = self.0;
        Ipv6Addr::from_octets([0xfe, 0x80, 0, 0, 0, 0, 0, 0, a, b, c, d, e, f, g, h])
    }
}

impl fmt::Display for InterfaceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, f0, g, h] = self.0;
        write!(
            f,
            "{a:02x}{b:02x}:{c:02x}{d:02x}:{e:02x}{f0:02x}:{g:02x}{h:02x}"
        )
    }
}

/// An IPV6CP option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ipv6cpOption {
    /// Interface-Identifier (RFC 5072 §4.1).
    InterfaceId(InterfaceId),
    /// IPv6-Compression-Protocol.
    Compression(Vec<u8>),
    /// Any other option, or one whose length does not fit its type.
    Other {
        /// The option's type.
        kind: u8,
        /// Its data.
        data: Vec<u8>,
    },
}

impl ConfigOption for Ipv6cpOption {
    fn decode(kind: u8, data: &[u8]) -> Self {
        match (kind, <[u8; 8]>::try_from(data)) {
            (1, Ok(octets)) => Self::InterfaceId(InterfaceId(octets)),
            (2, _) => Self::Compression(data.to_vec()),
            _ => Self::Other {
                kind,
                data: data.to_vec(),
            },
        }
    }

    fn kind(&self) -> u8 {
        match self {
            Self::InterfaceId(_) => 1,
            Self::Compression(_) => 2,
            Self::Other { kind, .. } => *kind,
        }
    }

    fn encode_data(&self, out: &mut Writer<'_>) {
        match self {
            Self::InterfaceId(id) => out.bytes(&id.0),
            Self::Compression(data) | Self::Other { data, .. } => out.bytes(data),
        };
    }
}

impl fmt::Display for Ipv6cpOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InterfaceId(id) => write!(f, "interface-id {id}"),
            Self::Compression(data) => write!(f, "compression {data:02x?}"),
            Self::Other { kind, data } => write!(f, "option {kind} {data:02x?}"),
        }
    }
}
