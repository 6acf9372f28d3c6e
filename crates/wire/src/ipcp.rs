//! The Internet Protocol Control Protocol's options: RFC 1332 §3 and RFC 1877 §1.

use std::fmt;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use crate::Writer;
use crate::cp::{self, ConfigOption, ControlProtocol};
use crate::ppp::Protocol;

/// The protocol itself.
#[derive(Debug, Clone, Copy)]
pub struct Ipcp;

impl ControlProtocol for Ipcp {
    type Option = IpcpOption;
    const PROTOCOL: Protocol = Protocol::IPCP;
    #[expect(clippy::reversed_empty_ranges, reason = "IPCP knows no further codes")]
    const EXTRA_CODES: RangeInclusive<u8> = 1..=0;
}

/// An IPCP packet.
pub type Packet = cp::Packet<IpcpOption>;

/// An IPCP option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IpcpOption {
    /// IP-Addresses (RFC 1332 §3.1), superseded.
    Addresses(Vec<u8>),
    /// IP-Compression-Protocol (RFC 1332 §3.2): the protocol and its data.
    Compression(Vec<u8>),
    /// IP-Address (RFC 1332 §3.3).
    Address(Ipv4Addr),
    /// Primary DNS server (RFC 1877 §1.1).
    PrimaryDns(Ipv4Addr),
    /// Primary NBNS (WINS) server (RFC 1877 §1.2).
    PrimaryNbns(Ipv4Addr),
    /// Secondary DNS server (RFC 1877 §1.3).
    SecondaryDns(Ipv4Addr),
    /// Secondary NBNS (WINS) server (RFC 1877 §1.4).
    SecondaryNbns(Ipv4Addr),
    /// Any other option, or one whose length does not fit its type.
    Other {
        /// The option's type.
        kind: u8,
        /// Its data.
        data: Vec<u8>,
    },
}

impl ConfigOption for IpcpOption {
    fn decode(kind: u8, data: &[u8]) -> Self {
        let other = || Self::Other {
            kind,
            data: data.to_vec(),
        };
        let address = |make: fn(Ipv4Addr) -> Self| {
            <[u8; 4]>::try_from(data).map_or_else(|_| other(), |octets| make(octets.into()))
        };
        match kind {
            1 => Self::Addresses(data.to_vec()),
            2 => Self::Compression(data.to_vec()),
            3 => address(Self::Address),
            129 => address(Self::PrimaryDns),
            130 => address(Self::PrimaryNbns),
            131 => address(Self::SecondaryDns),
            132 => address(Self::SecondaryNbns),
            _ => other(),
        }
    }

    fn kind(&self) -> u8 {
        match self {
            Self::Addresses(_) => 1,
            Self::Compression(_) => 2,
            Self::Address(_) => 3,
            Self::PrimaryDns(_) => 129,
            Self::PrimaryNbns(_) => 130,
            Self::SecondaryDns(_) => 131,
            Self::SecondaryNbns(_) => 132,
            Self::Other { kind, .. } => *kind,
        }
    }

    fn encode_data(&self, out: &mut Writer<'_>) {
        match self {
            Self::Addresses(data) | Self::Compression(data) | Self::Other { data, .. } => {
                out.bytes(data)
            }
            Self::Address(address)
            | Self::PrimaryDns(address)
            | Self::PrimaryNbns(address)
            | Self::SecondaryDns(address)
            | Self::SecondaryNbns(address) => out.bytes(&address.octets()),
        };
    }
}

impl fmt::Display for IpcpOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Addresses(data) => write!(f, "addresses {data:02x?}"),
            Self::Compression(data) => match data.as_slice() {
                [0x00, 0x2d, rest @ ..] => write!(f, "compression VJ {rest:02x?}"),
                data => write!(f, "compression {data:02x?}"),
            },
            Self::Address(address) => write!(f, "address {address}"),
            Self::PrimaryDns(address) => write!(f, "dns1 {address}"),
            Self::PrimaryNbns(address) => write!(f, "wins1 {address}"),
            Self::SecondaryDns(address) => write!(f, "dns2 {address}"),
            Self::SecondaryNbns(address) => write!(f, "wins2 {address}"),
            Self::Other { kind, data } => write!(f, "option {kind} {data:02x?}"),
        }
    }
}
