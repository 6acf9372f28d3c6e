//! Any PPP frame as one value: what logs and the inspector show, and what re-encodes to the octets
//! that it was decoded from.

use std::fmt;

use crate::cp::{ControlProtocol, RawPacket};
use crate::ppp::{Encapsulation, Protocol};
use crate::{ParseError, ccp, chap, cp, ipcp, ipv6cp, lcp, mppe, pap};

/// A PPP frame as a PPTP tunnel carries it: no frame check sequence, no escaping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// How its header was written.
    pub encapsulation: Encapsulation,
    /// Its protocol.
    pub protocol: Protocol,
    /// Its information field.
    pub body: Body,
    /// Octets behind the packet's own length.
    pub padding: Vec<u8>,
}

/// A PPP frame's information field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// LCP.
    Lcp(lcp::Packet),
    /// IPCP.
    Ipcp(ipcp::Packet),
    /// IPV6CP.
    Ipv6cp(ipv6cp::Packet),
    /// CCP.
    Ccp(ccp::Packet),
    /// PAP.
    Pap(pap::Packet),
    /// CHAP of any kind.
    Chap(chap::Packet),
    /// Encrypted data.
    Mppe {
        /// Flags and coherency count.
        header: mppe::Header,
        /// The encrypted protocol field and information.
        ciphertext: Vec<u8>,
    },
    /// Anything else: network-layer packets and protocols that are not looked into.
    Other(Vec<u8>),
}

impl Frame {
    /// Reads a whole frame.
    ///
    /// # Errors
    /// [`ParseError`] where the header or a known protocol's packet does not have its form.
    pub fn decode(octets: &[u8]) -> Result<Self, ParseError> {
        let (encapsulation, protocol, information) = Encapsulation::split(octets)?;
        let (body, padding) = Body::decode(protocol, information)?;
        Ok(Self {
            encapsulation,
            protocol,
            body,
            padding: padding.to_vec(),
        })
    }

    /// Appends the frame's octets.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.encapsulation.header(self.protocol).as_ref());
        self.body.encode(out);
        out.extend_from_slice(&self.padding);
    }
}

impl Body {
    fn decode(protocol: Protocol, octets: &[u8]) -> Result<(Self, &[u8]), ParseError> {
        fn control<P: ControlProtocol>(
            octets: &[u8],
        ) -> Result<(cp::Packet<P::Option>, &[u8]), ParseError> {
            let (raw, padding) = RawPacket::decode(octets)?;
            Ok((cp::Packet::interpret::<P>(raw)?, padding))
        }
        Ok(match protocol {
            Protocol::LCP => {
                let (packet, padding) = control::<lcp::Lcp>(octets)?;
                (Self::Lcp(packet), padding)
            }
            Protocol::IPCP => {
                let (packet, padding) = control::<ipcp::Ipcp>(octets)?;
                (Self::Ipcp(packet), padding)
            }
            Protocol::IPV6CP => {
                let (packet, padding) = control::<ipv6cp::Ipv6cp>(octets)?;
                (Self::Ipv6cp(packet), padding)
            }
            Protocol::CCP => {
                let (packet, padding) = control::<ccp::Ccp>(octets)?;
                (Self::Ccp(packet), padding)
            }
            Protocol::PAP => {
                let (raw, padding) = RawPacket::decode(octets)?;
                (Self::Pap(pap::Packet::interpret(raw)?), padding)
            }
            Protocol::CHAP => {
                let (raw, padding) = RawPacket::decode(octets)?;
                (Self::Chap(chap::Packet::interpret(raw)?), padding)
            }
            Protocol::COMPRESSED_DATAGRAM => {
                let (header, ciphertext) = mppe::Header::split(octets)?;
                (
                    Self::Mppe {
                        header,
                        ciphertext: ciphertext.to_vec(),
                    },
                    &[][..],
                )
            }
            _ => (Self::Other(octets.to_vec()), &[][..]),
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Lcp(packet) => packet.encode(out),
            Self::Ipcp(packet) => packet.encode(out),
            Self::Ipv6cp(packet) => packet.encode(out),
            Self::Ccp(packet) => packet.encode(out),
            Self::Pap(packet) => packet.encode(out),
            Self::Chap(packet) => packet.encode(out),
            Self::Mppe { header, ciphertext } => {
                out.extend_from_slice(&header.0.to_be_bytes());
                out.extend_from_slice(ciphertext);
            }
            Self::Other(octets) => out.extend_from_slice(octets),
        }
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = self.protocol;
        match &self.body {
            Body::Lcp(packet) => write!(f, "{protocol} {packet}"),
            Body::Ipcp(packet) => write!(f, "{protocol} {packet}"),
            Body::Ipv6cp(packet) => write!(f, "{protocol} {packet}"),
            Body::Ccp(packet) => write!(f, "{protocol} {packet}"),
            Body::Pap(packet) => write!(f, "{protocol} {packet}"),
            Body::Chap(packet) => write!(f, "{protocol} {packet}"),
            Body::Mppe { header, ciphertext } => {
                write!(f, "MPPE {header} ({} octets)", ciphertext.len())
            }
            Body::Other(octets) => write!(f, "{protocol} ({} octets)", octets.len()),
        }
    }
}

/// A frame's one-line description, or why it has none; for logs.
#[derive(Debug, Clone, Copy)]
pub struct Described<'a>(pub &'a [u8]);

impl fmt::Display for Described<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Frame::decode(self.0) {
            Ok(frame) => frame.fmt(f),
            Err(error) => write!(f, "undecodable frame of {} octets: {error}", self.0.len()),
        }
    }
}
