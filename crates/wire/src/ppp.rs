//! The fields in front of every PPP packet: RFC 1661 §2, with the address and control octets of
//! RFC 1662 §3.1. In a PPTP tunnel there is neither a frame check sequence nor escaping.

use std::fmt;

use crate::ParseError;

/// The octets `FF 03` that stand before the protocol field unless ACFC was negotiated.
pub const ADDRESS_AND_CONTROL: [u8; 2] = [0xff, 0x03];

/// A PPP protocol number (RFC 1661 §2): what the information field holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Protocol(pub u16);

macro_rules! protocols {
    ($($(#[$doc:meta])* $name:ident = $value:literal, $text:literal;)+) => {
        impl Protocol {
            $($(#[$doc])* pub const $name: Self = Self($value);)+

            /// The usual name, where this number is one that a PPTP peer may send.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some($text),)+
                    _ => None,
                }
            }
        }
    };
}

protocols! {
    /// Internet Protocol version 4.
    IPV4 = 0x0021, "IPv4";
    /// Internet Protocol version 6.
    IPV6 = 0x0057, "IPv6";
    /// Van Jacobson compressed TCP/IP (RFC 1144).
    VJ_COMPRESSED = 0x002d, "VJ-compressed TCP/IP";
    /// Van Jacobson uncompressed TCP/IP.
    VJ_UNCOMPRESSED = 0x002f, "VJ-uncompressed TCP/IP";
    /// Multilink fragment (RFC 1990).
    MULTILINK = 0x003d, "Multilink";
    /// One datagram of compressed or encrypted data (RFC 1962 §1.1); MPPE's.
    COMPRESSED_DATAGRAM = 0x00fd, "Compressed datagram";
    /// Internet Protocol Control Protocol (RFC 1332).
    IPCP = 0x8021, "IPCP";
    /// IPv6 Control Protocol (RFC 5072).
    IPV6CP = 0x8057, "IPV6CP";
    /// Bridging Control Protocol.
    BCP = 0x8031, "BCP";
    /// Compression Control Protocol (RFC 1962).
    CCP = 0x80fd, "CCP";
    /// Encryption Control Protocol (RFC 1968).
    ECP = 0x8053, "ECP";
    /// IPX Control Protocol.
    IPXCP = 0x802b, "IPXCP";
    /// NetBIOS Frames Control Protocol.
    NBFCP = 0x803f, "NBFCP";
    /// MPLS Control Protocol.
    MPLSCP = 0x8281, "MPLSCP";
    /// Cisco Discovery Protocol's control protocol.
    CDPCP = 0x8207, "CDPCP";
    /// Cisco Discovery Protocol.
    CDP = 0x0207, "CDP";
    /// Link Control Protocol (RFC 1661 §5).
    LCP = 0xc021, "LCP";
    /// Password Authentication Protocol (RFC 1334).
    PAP = 0xc023, "PAP";
    /// Link Quality Report (RFC 1989).
    LQR = 0xc025, "LQR";
    /// Callback Control Protocol.
    CBCP = 0xc029, "CBCP";
    /// Challenge Handshake Authentication Protocol (RFC 1994).
    CHAP = 0xc223, "CHAP";
    /// Extensible Authentication Protocol (RFC 3748).
    EAP = 0xc227, "EAP";
}

impl Protocol {
    /// Whether this is a network-layer protocol (RFC 1661 §2: `0xxx` to `3xxx`).
    pub const fn is_network_layer(self) -> bool {
        self.0 < 0x4000
    }

    /// Whether the number obeys RFC 1661 §2: an odd low octet and an even high octet.
    pub const fn is_well_formed(self) -> bool {
        self.0 & 0x0101 == 0x0001
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "protocol {:#06x}", self.0),
        }
    }
}

impl fmt::Debug for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How the fields before the information field are, or are to be, written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Encapsulation {
    /// Address and control octets are left out (ACFC, RFC 1661 §6.6).
    pub acfc: bool,
    /// Protocol numbers below 0x100 take one octet (PFC, RFC 1661 §6.5).
    pub pfc: bool,
}

impl Encapsulation {
    /// What an LCP packet always uses (RFC 1661 §6.5, §6.6).
    pub const PLAIN: Self = Self {
        acfc: false,
        pfc: false,
    };

    /// Splits a frame into how it was written, its protocol and its information field.
    ///
    /// Compressed fields are accepted whether or not they were negotiated: a peer may already use
    /// them while our Configure-Ack is on its way.
    ///
    /// # Errors
    /// [`ParseError`] where the frame ends early or the protocol number is not a legal one.
    pub fn split(frame: &[u8]) -> Result<(Self, Protocol, &[u8]), ParseError> {
        let (acfc, rest) = match frame.strip_prefix(&ADDRESS_AND_CONTROL) {
            Some(rest) => (false, rest),
            None => (true, frame),
        };
        let (pfc, protocol, information) = split_protocol(rest)?;
        Ok((Self { acfc, pfc }, protocol, information))
    }

    /// Writes the fields for `protocol` into the end of a small array.
    pub fn header(self, protocol: Protocol) -> FrameHeader {
        let mut header = FrameHeader::default();
        if !self.acfc {
            header.push(ADDRESS_AND_CONTROL[0]);
            header.push(ADDRESS_AND_CONTROL[1]);
        }
        let [high, low] = protocol.0.to_be_bytes();
        if !self.pfc || high != 0 {
            header.push(high);
        }
        header.push(low);
        header
    }
}

/// The one to four octets that [`Encapsulation::header`] makes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FrameHeader {
    octets: [u8; 4],
    length: usize,
}

impl FrameHeader {
    fn push(&mut self, octet: u8) {
        self.octets[self.length] = octet;
        self.length += 1;
    }
}

impl AsRef<[u8]> for FrameHeader {
    fn as_ref(&self) -> &[u8] {
        &self.octets[..self.length]
    }
}

/// Splits a protocol field of one or two octets from what follows: whether it was compressed, the
/// number, the rest.
///
/// # Errors
/// [`ParseError`] where the octets end early or the number breaks RFC 1661 §2.
pub fn split_protocol(octets: &[u8]) -> Result<(bool, Protocol, &[u8]), ParseError> {
    const FIELD: &str = "PPP protocol";
    match octets {
        [low, rest @ ..] if low & 1 == 1 => Ok((true, Protocol(u16::from(*low)), rest)),
        [high, low, rest @ ..] => {
            let protocol = Protocol(u16::from_be_bytes([*high, *low]));
            if !protocol.is_well_formed() {
                return Err(ParseError::Value {
                    field: FIELD,
                    value: u32::from(protocol.0),
                });
            }
            Ok((false, protocol, rest))
        }
        short => Err(ParseError::Truncated {
            field: FIELD,
            have: short.len(),
            need: 2,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn all_four_encapsulations_are_read_and_written_alike() {
        for (octets, acfc, pfc) in [
            (&[0xff, 0x03, 0x00, 0x21, 9][..], false, false),
            (&[0xff, 0x03, 0x21, 9], false, true),
            (&[0x00, 0x21, 9], true, false),
            (&[0x21, 9], true, true),
        ] {
            let (encapsulation, protocol, information) = Encapsulation::split(octets).unwrap();
            assert_eq!(encapsulation, Encapsulation { acfc, pfc });
            assert_eq!((protocol, information), (Protocol::IPV4, &[9][..]));
            assert_eq!(
                [encapsulation.header(protocol).as_ref(), information].concat(),
                octets
            );
        }
    }

    #[test]
    fn control_protocols_are_never_shortened() {
        let header = Encapsulation {
            acfc: true,
            pfc: true,
        }
        .header(Protocol::LCP);
        assert_eq!(header.as_ref(), [0xc0, 0x21]);
    }

    #[test]
    fn an_even_low_octet_is_refused() {
        assert!(matches!(
            Encapsulation::split(&[0xff, 0x03, 0x00, 0x22]),
            Err(ParseError::Value { value: 0x22, .. })
        ));
    }

    proptest! {
        #[test]
        fn any_frame_that_splits_is_rebuilt(octets in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok((encapsulation, protocol, information)) = Encapsulation::split(&octets) {
                let rebuilt = [encapsulation.header(protocol).as_ref(), information].concat();
                prop_assert_eq!(rebuilt, octets);
            }
        }
    }
}
