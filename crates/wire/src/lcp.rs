//! The Link Control Protocol's options: RFC 1661 §6, RFC 1570 §2, RFC 1990 §5.1 and those that
//! Windows and multilink peers send.

use std::fmt;
use std::ops::RangeInclusive;

use crate::cp::{self, ConfigOption, ControlProtocol, code};
use crate::ppp::Protocol;
use crate::{Reader, Writer, escaped};

/// The protocol itself.
#[derive(Debug, Clone, Copy)]
pub struct Lcp;

impl ControlProtocol for Lcp {
    type Option = LcpOption;
    const PROTOCOL: Protocol = Protocol::LCP;
    const EXTRA_CODES: RangeInclusive<u8> = code::PROTOCOL_REJECT..=code::TIME_REMAINING;
}

/// An LCP packet.
pub type Packet = cp::Packet<LcpOption>;

/// An authentication protocol as LCP option 3 names it (RFC 1661 §6.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authentication {
    /// PAP (RFC 1334).
    Pap,
    /// CHAP with MD5 (RFC 1994 §3), algorithm 5.
    ChapMd5,
    /// MS-CHAP version 1 (RFC 2433 §3), algorithm 0x80.
    MsChapV1,
    /// MS-CHAP version 2 (RFC 2759 §3), algorithm 0x81.
    MsChapV2,
    /// EAP (RFC 3748).
    Eap,
    /// Any other protocol with its data.
    Other {
        /// The protocol's number.
        protocol: Protocol,
        /// The data behind it, an algorithm for CHAP.
        data: Vec<u8>,
    },
}

impl Authentication {
    fn decode(data: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(data);
        let protocol = Protocol(reader.u16("Authentication-Protocol").ok()?);
        Some(match (protocol, reader.rest()) {
            (Protocol::PAP, []) => Self::Pap,
            (Protocol::CHAP, [0x05]) => Self::ChapMd5,
            (Protocol::CHAP, [0x80]) => Self::MsChapV1,
            (Protocol::CHAP, [0x81]) => Self::MsChapV2,
            (Protocol::EAP, []) => Self::Eap,
            (protocol, data) => Self::Other {
                protocol,
                data: data.to_vec(),
            },
        })
    }

    fn encode(&self, out: &mut Writer<'_>) {
        match self {
            Self::Pap => out.u16(Protocol::PAP.0),
            Self::ChapMd5 => out.u16(Protocol::CHAP.0).u8(0x05),
            Self::MsChapV1 => out.u16(Protocol::CHAP.0).u8(0x80),
            Self::MsChapV2 => out.u16(Protocol::CHAP.0).u8(0x81),
            Self::Eap => out.u16(Protocol::EAP.0),
            Self::Other { protocol, data } => out.u16(protocol.0).bytes(data),
        };
    }
}

impl fmt::Display for Authentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pap => f.write_str("PAP"),
            Self::ChapMd5 => f.write_str("CHAP-MD5"),
            Self::MsChapV1 => f.write_str("MS-CHAPv1"),
            Self::MsChapV2 => f.write_str("MS-CHAPv2"),
            Self::Eap => f.write_str("EAP"),
            Self::Other { protocol, data } if data.is_empty() => write!(f, "{protocol}"),
            Self::Other { protocol, data } => write!(f, "{protocol} {data:02x?}"),
        }
    }
}

/// An LCP option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LcpOption {
    /// Maximum-Receive-Unit in octets (RFC 1661 §6.1).
    Mru(u16),
    /// Async-Control-Character-Map (RFC 1662 §7.1); without meaning in a PPTP tunnel.
    Accm(u32),
    /// Authentication-Protocol (RFC 1661 §6.2).
    Authentication(Authentication),
    /// Quality-Protocol (RFC 1661 §6.3).
    Quality(Vec<u8>),
    /// Magic-Number (RFC 1661 §6.4).
    MagicNumber(u32),
    /// Protocol-Field-Compression (RFC 1661 §6.5).
    Pfc,
    /// Address-and-Control-Field-Compression (RFC 1661 §6.6).
    Acfc,
    /// Callback (RFC 1570 §2.3): operation and message.
    Callback(Vec<u8>),
    /// Multilink Maximum-Received-Reconstructed-Unit (RFC 1990 §5.1.1).
    Mrru(u16),
    /// Multilink short sequence numbers (RFC 1990 §5.1.2).
    ShortSequence,
    /// Multilink Endpoint-Discriminator (RFC 1990 §5.1.3): class and address.
    EndpointDiscriminator(Vec<u8>),
    /// Link-Discriminator (RFC 2125 §5.1), sent by Windows servers.
    LinkDiscriminator(u16),
    /// Any other option, or one whose length does not fit its type.
    Other {
        /// The option's type.
        kind: u8,
        /// Its data.
        data: Vec<u8>,
    },
}

impl ConfigOption for LcpOption {
    fn decode(kind: u8, data: &[u8]) -> Self {
        let other = || Self::Other {
            kind,
            data: data.to_vec(),
        };
        let short = || <[u8; 2]>::try_from(data).map(u16::from_be_bytes);
        let long = || <[u8; 4]>::try_from(data).map(u32::from_be_bytes);
        match kind {
            1 => short().map_or_else(|_| other(), Self::Mru),
            2 => long().map_or_else(|_| other(), Self::Accm),
            3 => Authentication::decode(data).map_or_else(other, Self::Authentication),
            4 => Self::Quality(data.to_vec()),
            5 => long().map_or_else(|_| other(), Self::MagicNumber),
            7 if data.is_empty() => Self::Pfc,
            8 if data.is_empty() => Self::Acfc,
            13 => Self::Callback(data.to_vec()),
            17 => short().map_or_else(|_| other(), Self::Mrru),
            18 if data.is_empty() => Self::ShortSequence,
            19 => Self::EndpointDiscriminator(data.to_vec()),
            23 => short().map_or_else(|_| other(), Self::LinkDiscriminator),
            _ => other(),
        }
    }

    fn kind(&self) -> u8 {
        match self {
            Self::Mru(_) => 1,
            Self::Accm(_) => 2,
            Self::Authentication(_) => 3,
            Self::Quality(_) => 4,
            Self::MagicNumber(_) => 5,
            Self::Pfc => 7,
            Self::Acfc => 8,
            Self::Callback(_) => 13,
            Self::Mrru(_) => 17,
            Self::ShortSequence => 18,
            Self::EndpointDiscriminator(_) => 19,
            Self::LinkDiscriminator(_) => 23,
            Self::Other { kind, .. } => *kind,
        }
    }

    fn encode_data(&self, out: &mut Writer<'_>) {
        match self {
            Self::Mru(value) | Self::Mrru(value) | Self::LinkDiscriminator(value) => {
                out.u16(*value);
            }
            Self::Accm(value) | Self::MagicNumber(value) => {
                out.u32(*value);
            }
            Self::Authentication(authentication) => authentication.encode(out),
            Self::Pfc | Self::Acfc | Self::ShortSequence => {}
            Self::Quality(data)
            | Self::Callback(data)
            | Self::EndpointDiscriminator(data)
            | Self::Other { data, .. } => {
                out.bytes(data);
            }
        }
    }
}

impl fmt::Display for LcpOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mru(mru) => write!(f, "mru {mru}"),
            Self::Accm(map) => write!(f, "accm {map:#010x}"),
            Self::Authentication(authentication) => write!(f, "auth {authentication}"),
            Self::Quality(data) => write!(f, "quality {data:02x?}"),
            Self::MagicNumber(magic) => write!(f, "magic {magic:#010x}"),
            Self::Pfc => f.write_str("pfc"),
            Self::Acfc => f.write_str("acfc"),
            Self::Callback(data) => match data.as_slice() {
                [6] => f.write_str("callback CBCP"),
                data => write!(f, "callback {data:02x?}"),
            },
            Self::Mrru(mrru) => write!(f, "mrru {mrru}"),
            Self::ShortSequence => f.write_str("short-sequence"),
            Self::EndpointDiscriminator(data) => write!(f, "endpoint \"{}\"", escaped(data)),
            Self::LinkDiscriminator(number) => write!(f, "link-discriminator {number}"),
            Self::Other { kind, data } => write!(f, "option {kind} {data:02x?}"),
        }
    }
}
