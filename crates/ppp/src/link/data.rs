//! Network-layer packets through the link. Nothing here allocates for a packet.

use std::time::Instant;

use adit_crypto::rc4::Rc4;
use adit_wire::ParseError;
use adit_wire::ppp::{Encapsulation, Protocol, split_protocol};

use super::Link;
use crate::mppe;
use crate::negotiator::Negotiator;

/// Which network-layer protocol a packet is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IpVersion {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl IpVersion {
    /// The version that a packet's first four bits name.
    pub fn of(packet: &[u8]) -> Option<Self> {
        match packet.first()? >> 4 {
            4 => Some(Self::V4),
            6 => Some(Self::V6),
            _ => None,
        }
    }

    const fn protocol(self) -> Protocol {
        match self {
            Self::V4 => Protocol::IPV4,
            Self::V6 => Protocol::IPV6,
        }
    }
}

/// What a received frame was.
#[derive(Debug, PartialEq, Eq)]
pub enum Received<'a> {
    /// A network-layer packet, decrypted where it was encrypted.
    Packet(IpVersion, &'a mut [u8]),
    /// A control packet; it has been dealt with.
    Control,
}

/// What a frame was that may be decrypted in part only.
#[derive(Debug, PartialEq, Eq)]
pub enum Opened<'a> {
    /// A network-layer packet.
    Packet(OpenedPacket<'a>),
    /// A control packet; it has been dealt with.
    Control,
}

/// A network-layer packet that was accepted.
#[derive(Debug, PartialEq, Eq)]
pub struct OpenedPacket<'a> {
    /// Its network-layer protocol.
    pub version: IpVersion,
    /// The packet.
    pub octets: &'a mut [u8],
    /// How many of its octets are readable; the cipher given to [`Link::open_frame`] decrypts the rest.
    pub readable: usize,
}

/// A packet whose headers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sealed {
    /// Where the frame begins.
    pub start: usize,
    /// From where on it is still to be encrypted with the cipher given, if it is.
    pub clear_from: Option<usize>,
}

/// Octets that a link puts before a packet at most: address, control and protocol (RFC 1661 §2,
/// RFC 1662 §3.1), the coherency count of MPPE and the inner protocol (RFC 3078 §3.1).
pub const SEAL_ROOM: usize = 8;

/// Why a received frame was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Discard {
    /// Its fields do not have their form.
    #[error(transparent)]
    Malformed(#[from] ParseError),
    /// Its protocol has no place in the link's phase.
    #[error("a frame out of its time")]
    Unexpected,
    /// Its protocol is not spoken here.
    #[error("a protocol that is not spoken here")]
    UnknownProtocol,
    /// It came in the clear where encryption is required or in use.
    #[error("a packet in the clear")]
    ClearText,
    /// It could not be decrypted.
    #[error("undecryptable: {0}")]
    Undecryptable(mppe::Reject),
}

/// Why a packet cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Its network-layer protocol is not up.
    #[error("the network-layer protocol is not up")]
    NotUp,
    /// It is longer than the link's MTU.
    #[error("the packet is longer than {mtu} octets")]
    TooBig {
        /// What would pass.
        mtu: u16,
    },
    /// Encryption is required and not up.
    #[error("encryption is not up")]
    NoEncryption,
}

impl Link {
    /// A frame from the peer, decrypted in place.
    ///
    /// # Errors
    /// [`Discard`] says why it was dropped; that is for counters, the link goes on.
    pub fn receive<'f>(
        &mut self,
        now: Instant,
        frame: &'f mut [u8],
    ) -> Result<Received<'f>, Discard> {
        let mut cipher = Rc4::new(&[]);
        match self.open_frame(now, frame, &mut cipher)? {
            Opened::Packet(packet) => {
                if let Some(rest) = packet.octets.get_mut(packet.readable..) {
                    cipher.apply(rest);
                }
                Ok(Received::Packet(packet.version, packet.octets))
            }
            Opened::Control => Ok(Received::Control),
        }
    }

    /// As [`receive`](Self::receive), but most of an encrypted packet may be left to be decrypted with
    /// `cipher`: several at a time are faster than one after the other.
    ///
    /// # Errors
    /// As [`receive`](Self::receive).
    pub fn open_frame<'f>(
        &mut self,
        now: Instant,
        frame: &'f mut [u8],
        cipher: &mut Rc4,
    ) -> Result<Opened<'f>, Discard> {
        self.keepalive.heard();
        let (_, protocol, information) = Encapsulation::split(frame)?;
        let start = frame.len() - information.len();
        let version = match protocol {
            Protocol::IPV4 => IpVersion::V4,
            Protocol::IPV6 => IpVersion::V6,
            Protocol::COMPRESSED_DATAGRAM => return self.decrypt(now, &mut frame[start..], cipher),
            _ => {
                self.handle_control(now, protocol, information)?;
                return Ok(Opened::Control);
            }
        };
        if !self.encryption.allows_clear() {
            return Err(Discard::ClearText);
        }
        let readable = information.len();
        self.deliver(version, &mut frame[start..], readable)
    }

    fn decrypt<'f>(
        &mut self,
        now: Instant,
        octets: &'f mut [u8],
        cipher: &mut Rc4,
    ) -> Result<Opened<'f>, Discard> {
        let Some(receiver) = &mut self.encryption.receiver else {
            return Err(Discard::Unexpected);
        };
        let opening = match receiver.begin(octets, cipher) {
            Ok(opening) => opening,
            Err(reject) => {
                self.request_reset(now);
                return Err(Discard::Undecryptable(reject));
            }
        };
        let (_, protocol, packet) = split_protocol(opening.octets)?;
        let start = opening.octets.len() - packet.len();
        let readable = opening.decrypted.saturating_sub(start);
        let version = match protocol {
            Protocol::IPV4 => IpVersion::V4,
            Protocol::IPV6 => IpVersion::V6,
            _ => return Err(Discard::UnknownProtocol),
        };
        self.deliver(version, &mut opening.octets[start..], readable)
    }

    fn deliver<'f>(
        &self,
        version: IpVersion,
        octets: &'f mut [u8],
        readable: usize,
    ) -> Result<Opened<'f>, Discard> {
        if self.is_up(version) {
            Ok(Opened::Packet(OpenedPacket {
                version,
                octets,
                readable,
            }))
        } else {
            Err(Discard::Unexpected)
        }
    }

    /// Whether packets of this version may pass.
    pub fn is_up(&self, version: IpVersion) -> bool {
        match version {
            IpVersion::V4 => self.ipcp.as_ref().is_some_and(Negotiator::is_opened),
            IpVersion::V6 => self.ipv6cp.as_ref().is_some_and(Negotiator::is_opened),
        }
    }

    /// Appends the frame for a network-layer packet to `out`, encrypted where the link is.
    ///
    /// # Errors
    /// [`SealError`] where the packet cannot be sent; `out` is as it was.
    pub fn seal(
        &mut self,
        version: IpVersion,
        packet: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        let mut cipher = Rc4::new(&[]);
        let mut octets = [&[0; SEAL_ROOM], packet].concat();
        let sealed = self.seal_in_place(version, &mut octets, SEAL_ROOM, &mut cipher)?;
        if let Some(clear_from) = sealed.clear_from {
            cipher.apply(&mut octets[clear_from..]);
        }
        out.extend_from_slice(&octets[sealed.start..]);
        Ok(())
    }

    /// Makes a frame of the network-layer packet `octets[start..]`, in the at least [`SEAL_ROOM`] octets
    /// before it. Where the link is encrypted, it may be left to the caller to encrypt the packet with
    /// `cipher`: several at a time are faster than one after the other. Frames have to be sent in the
    /// order in which they were made.
    ///
    /// # Errors
    /// [`SealError`] where the packet cannot be sent; it is as it was.
    ///
    /// # Panics
    /// Where there is less room.
    pub fn seal_in_place(
        &mut self,
        version: IpVersion,
        octets: &mut [u8],
        start: usize,
        cipher: &mut Rc4,
    ) -> Result<Sealed, SealError> {
        if !self.is_up(version) {
            return Err(SealError::NotUp);
        }
        let mtu = self.mtu();
        if octets.len() - start > usize::from(mtu) {
            return Err(SealError::TooBig { mtu });
        }
        let Some(sender) = &mut self.encryption.sender else {
            if !self.encryption.allows_clear() {
                return Err(SealError::NoEncryption);
            }
            let header = self.agreed.send.header(version.protocol());
            return Ok(Sealed {
                start: put_before(octets, start, header.as_ref()),
                clear_from: None,
            });
        };
        // The inner protocol field is written in full: some peers do not decompress it there.
        let inner = put_before(octets, start, &version.protocol().0.to_be_bytes());
        let begun = sender.begin(&mut octets[inner..], cipher);
        let header = self.agreed.send.header(Protocol::COMPRESSED_DATAGRAM);
        let start = put_before(octets, inner, &begun.header.to_be_bytes());
        Ok(Sealed {
            start: put_before(octets, start, header.as_ref()),
            clear_from: begun.pending.then_some(inner),
        })
    }
}

/// Writes a header that ends at `end`, and gives its start.
fn put_before(octets: &mut [u8], end: usize, header: &[u8]) -> usize {
    let start = end - header.len();
    octets[start..end].copy_from_slice(header);
    start
}
