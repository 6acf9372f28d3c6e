//! Network-layer packets through the link. Nothing here allocates for a packet.

use std::time::Instant;

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
        self.keepalive.heard();
        let (_, protocol, information) = Encapsulation::split(frame)?;
        let start = frame.len() - information.len();
        let version = match protocol {
            Protocol::IPV4 => IpVersion::V4,
            Protocol::IPV6 => IpVersion::V6,
            Protocol::COMPRESSED_DATAGRAM => return self.decrypt(now, &mut frame[start..]),
            _ => {
                self.handle_control(now, protocol, information)?;
                return Ok(Received::Control);
            }
        };
        if !self.encryption.allows_clear() {
            return Err(Discard::ClearText);
        }
        self.deliver(version, &mut frame[start..])
    }

    fn decrypt<'f>(&mut self, now: Instant, octets: &'f mut [u8]) -> Result<Received<'f>, Discard> {
        let Some(receiver) = &mut self.encryption.receiver else {
            return Err(Discard::Unexpected);
        };
        let plain = match receiver.decrypt(octets) {
            Ok(plain) => plain,
            Err(reject) => {
                self.request_reset(now);
                return Err(Discard::Undecryptable(reject));
            }
        };
        let (_, protocol, packet) = split_protocol(plain)?;
        let start = plain.len() - packet.len();
        match protocol {
            Protocol::IPV4 => self.deliver(IpVersion::V4, &mut plain[start..]),
            Protocol::IPV6 => self.deliver(IpVersion::V6, &mut plain[start..]),
            _ => Err(Discard::UnknownProtocol),
        }
    }

    fn deliver<'f>(
        &self,
        version: IpVersion,
        packet: &'f mut [u8],
    ) -> Result<Received<'f>, Discard> {
        if self.is_up(version) {
            Ok(Received::Packet(version, packet))
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
        if !self.is_up(version) {
            return Err(SealError::NotUp);
        }
        let mtu = self.mtu();
        if packet.len() > usize::from(mtu) {
            return Err(SealError::TooBig { mtu });
        }
        let Some(sender) = &mut self.encryption.sender else {
            if !self.encryption.allows_clear() {
                return Err(SealError::NoEncryption);
            }
            out.extend_from_slice(self.agreed.send.header(version.protocol()).as_ref());
            out.extend_from_slice(packet);
            return Ok(());
        };
        out.extend_from_slice(
            self.agreed
                .send
                .header(Protocol::COMPRESSED_DATAGRAM)
                .as_ref(),
        );
        let header = out.len();
        // The inner protocol field is written in full: some peers do not decompress it there.
        let [high, low] = version.protocol().0.to_be_bytes();
        out.extend_from_slice(&[0, 0, high, low]);
        out.extend_from_slice(packet);
        let coherency = sender.encrypt(&mut out[header + 2..]);
        out[header..header + 2].copy_from_slice(&coherency.to_be_bytes());
        Ok(())
    }
}
