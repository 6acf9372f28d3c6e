//! The Compression Control Protocol's options: RFC 1962 §4, with those of MPPE (RFC 3078 §2) and
//! the names of the compressors that real peers offer.

use std::fmt;
use std::ops::{BitOr, RangeInclusive};

use crate::Writer;
use crate::cp::{self, ConfigOption, ControlProtocol, code};
use crate::ppp::Protocol;

/// The protocol itself.
#[derive(Debug, Clone, Copy)]
pub struct Ccp;

impl ControlProtocol for Ccp {
    type Option = CcpOption;
    const PROTOCOL: Protocol = Protocol::CCP;
    const EXTRA_CODES: RangeInclusive<u8> = code::RESET_REQUEST..=code::RESET_ACK;
}

/// A CCP packet.
pub type Packet = cp::Packet<CcpOption>;

/// The supported bits of option 18 (RFC 3078 §2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct MppeBits(pub u32);

impl MppeBits {
    /// MPPC compression (RFC 2118 §4).
    pub const MPPC: Self = Self(0x0000_0001);
    /// An obsolete bit that early peers set.
    pub const OBSOLETE: Self = Self(0x0000_0010);
    /// 40-bit keys.
    pub const BITS_40: Self = Self(0x0000_0020);
    /// 128-bit keys.
    pub const BITS_128: Self = Self(0x0000_0040);
    /// 56-bit keys.
    pub const BITS_56: Self = Self(0x0000_0080);
    /// Stateless mode: a new key for every packet.
    pub const STATELESS: Self = Self(0x0100_0000);

    /// Whether every bit of `other` is set here.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for MppeBits {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Display for MppeBits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [(MppeBits, &str); 6] = [
            (MppeBits::BITS_128, "128-bit"),
            (MppeBits::BITS_56, "56-bit"),
            (MppeBits::BITS_40, "40-bit"),
            (MppeBits::STATELESS, "stateless"),
            (MppeBits::MPPC, "MPPC"),
            (MppeBits::OBSOLETE, "obsolete-D"),
        ];
        let mut rest = self.0;
        let mut separator = "";
        for (bit, name) in NAMES {
            if self.contains(bit) {
                write!(f, "{separator}{name}")?;
                separator = " ";
                rest &= !bit.0;
            }
        }
        match (rest, self.0) {
            (0, 0) => f.write_str("none"),
            (0, _) => Ok(()),
            (rest, _) => write!(f, "{separator}unknown {rest:#010x}"),
        }
    }
}

impl fmt::Debug for MppeBits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MppeBits({:#010x})", self.0)
    }
}

/// A CCP option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CcpOption {
    /// MPPE and MPPC, option 18.
    Mppe(MppeBits),
    /// Any other compressor, or an option 18 of a wrong length.
    Other {
        /// The option's type.
        kind: u8,
        /// Its data.
        data: Vec<u8>,
    },
}

impl ConfigOption for CcpOption {
    fn decode(kind: u8, data: &[u8]) -> Self {
        match (kind, <[u8; 4]>::try_from(data)) {
            (18, Ok(octets)) => Self::Mppe(MppeBits(u32::from_be_bytes(octets))),
            _ => Self::Other {
                kind,
                data: data.to_vec(),
            },
        }
    }

    fn kind(&self) -> u8 {
        match self {
            Self::Mppe(_) => 18,
            Self::Other { kind, .. } => *kind,
        }
    }

    fn encode_data(&self, out: &mut Writer<'_>) {
        match self {
            Self::Mppe(bits) => out.u32(bits.0),
            Self::Other { data, .. } => out.bytes(data),
        };
    }
}

impl fmt::Display for CcpOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, data) = match self {
            Self::Mppe(bits) => return write!(f, "mppe {bits}"),
            Self::Other { kind, data } => (*kind, data),
        };
        let name = match kind {
            0 => "OUI",
            1 => "Predictor-1",
            2 => "Predictor-2",
            16 => "HP-PPC",
            17 => "Stac-LZS",
            18 => "mppe",
            19 => "Gandalf-FZA",
            21 => "BSD-Compress",
            23 => "LZS-DCP",
            24 | 26 => "Deflate",
            _ => return write!(f, "option {kind} {data:02x?}"),
        };
        write!(f, "{name} {data:02x?}")
    }
}
