//! What a TUN device with offloads says of each packet: the header of virtio-net (virtio 1.2 §5.1.6) in
//! its form of ten octets, little-endian (`TUNSETVNETLE`).
//!
//! ```text
//! 0        1          2                4                6                8
//! | flags  | gso_type |    hdr_len     |    gso_size    |   csum_start   |  csum_offset   |
//! ```

use std::num::NonZeroU16;

use crate::checksum::Sum;
use crate::transport::{UDP_CHECKSUM, set_field};

/// Octets of the header.
pub const HEADER_LENGTH: usize = 10;

/// Flag: a checksum is to be completed. The other flags only tell what was checked already.
const NEEDS_CHECKSUM: u8 = 0x01;

/// A whole packet.
const GSO_NONE: u8 = 0;
const GSO_TCP_V4: u8 = 1;
const GSO_TCP_V6: u8 = 4;
/// UDP datagrams of equal size, since Linux 6.2; not the older `VIRTIO_NET_HDR_GSO_UDP` of one datagram
/// to be fragmented.
const GSO_UDP_L4: u8 = 5;
/// Bit beside TCP: the first segment has CWR set, the others must not.
const GSO_ECN: u8 = 0x80;

/// What is left to do to a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Offload {
    /// The checksum to be completed, if any.
    pub checksum: Option<PartialChecksum>,
    /// How the packet is to be segmented, if it is longer than what goes on the wire.
    pub segmentation: Option<Segmentation>,
}

/// A checksum field that holds only the sum of the pseudo-header, not complemented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartialChecksum {
    /// Octets before the part that the checksum covers, which is the rest of the packet.
    pub start: u16,
    /// Place of the field in that part, in octets.
    pub offset: u16,
}

/// How a packet is to be segmented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segmentation {
    /// What it is made of.
    pub kind: SegmentKind,
    /// Octets of payload in each segment; the last may have fewer.
    pub size: NonZeroU16,
    /// Octets of all headers. A hint for whoever writes it; of a packet that was read it may be anything.
    pub headers: u16,
}

/// What a packet that is to be segmented is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentKind {
    /// TCP over IPv4.
    TcpV4 {
        /// The first segment has CWR set (RFC 3168 §6.1.2).
        ecn: bool,
    },
    /// TCP over IPv6.
    TcpV6 {
        /// The first segment has CWR set (RFC 3168 §6.1.2).
        ecn: bool,
    },
    /// UDP datagrams over either.
    Udp,
}

/// Why a header is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OffloadError {
    /// A kind that was not asked for.
    #[error("segmentation of the unknown kind {kind:#04x}")]
    Kind {
        /// The field `gso_type`.
        kind: u8,
    },
    /// Segments without payload.
    #[error("segmentation into segments of no octets")]
    Size,
}

/// A checksum is to be completed that is not in the packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a checksum at {offset} behind {start} is outside the packet of {length} octets")]
pub struct ChecksumError {
    /// [`PartialChecksum::start`].
    pub start: u16,
    /// [`PartialChecksum::offset`].
    pub offset: u16,
    /// Octets of the packet.
    pub length: usize,
}

impl Offload {
    /// Reads a header.
    ///
    /// # Errors
    /// [`OffloadError`] if it is of a kind of segmentation that is not known here.
    pub fn decode(header: &[u8; HEADER_LENGTH]) -> Result<Self, OffloadError> {
        let [flags, kind, h0, h1, s0, s1, c0, c1, o0, o1] = *header;
        let checksum = (flags & NEEDS_CHECKSUM != 0).then_some(PartialChecksum {
            start: u16::from_le_bytes([c0, c1]),
            offset: u16::from_le_bytes([o0, o1]),
        });
        let segmentation = match kind {
            GSO_NONE => None,
            kind => Some(Segmentation {
                kind: SegmentKind::decode(kind)?,
                size: NonZeroU16::new(u16::from_le_bytes([s0, s1])).ok_or(OffloadError::Size)?,
                headers: u16::from_le_bytes([h0, h1]),
            }),
        };
        Ok(Self {
            checksum,
            segmentation,
        })
    }

    /// Writes the header.
    pub fn encode(&self) -> [u8; HEADER_LENGTH] {
        let mut header = [0; HEADER_LENGTH];
        let mut set =
            |at: usize, value: u16| header[at..at + 2].copy_from_slice(&value.to_le_bytes());
        if let Some(segmentation) = self.segmentation {
            set(2, segmentation.headers);
            set(4, segmentation.size.get());
        }
        if let Some(checksum) = self.checksum {
            set(6, checksum.start);
            set(8, checksum.offset);
            header[0] = NEEDS_CHECKSUM;
        }
        header[1] = self
            .segmentation
            .map_or(GSO_NONE, |segmentation| segmentation.kind.encode());
        header
    }

    /// Whether the packet is whole as it is.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

impl SegmentKind {
    fn decode(kind: u8) -> Result<Self, OffloadError> {
        let ecn = kind & GSO_ECN != 0;
        match kind & !GSO_ECN {
            GSO_TCP_V4 => Ok(Self::TcpV4 { ecn }),
            GSO_TCP_V6 => Ok(Self::TcpV6 { ecn }),
            GSO_UDP_L4 if !ecn => Ok(Self::Udp),
            _ => Err(OffloadError::Kind { kind }),
        }
    }

    fn encode(self) -> u8 {
        let (kind, ecn) = match self {
            Self::TcpV4 { ecn } => (GSO_TCP_V4, ecn),
            Self::TcpV6 { ecn } => (GSO_TCP_V6, ecn),
            Self::Udp => (GSO_UDP_L4, false),
        };
        if ecn { kind | GSO_ECN } else { kind }
    }
}

impl PartialChecksum {
    /// Completes the checksum of a packet that is not to be segmented, in place.
    ///
    /// # Errors
    /// [`ChecksumError`] if the packet does not hold the field; it is then unchanged.
    pub fn complete(self, packet: &mut [u8]) -> Result<(), ChecksumError> {
        self.check(packet)?;
        let Some(covered) = packet.get_mut(usize::from(self.start)..) else {
            return Ok(());
        };
        let checksum = match Sum::default().add(covered).checksum() {
            // No checksum at all, in UDP (RFC 768).
            0 if usize::from(self.offset) == UDP_CHECKSUM => 0xffff,
            checksum => checksum,
        };
        set_field(covered, usize::from(self.offset), checksum);
        Ok(())
    }

    /// Whether the packet holds the field.
    pub(crate) fn check(self, packet: &[u8]) -> Result<(), ChecksumError> {
        let Self { start, offset } = self;
        let length = packet.len();
        if usize::from(start) + usize::from(offset) + 2 > length {
            return Err(ChecksumError {
                start,
                offset,
                length,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use etherparse::{PacketBuilder, SlicedPacket, TransportSlice};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_and_writes_each_field_where_virtio_has_it() {
        let header = [1, 0x81, 54, 0, 0x78, 0x05, 20, 0, 16, 0];
        let offload = Offload {
            checksum: Some(PartialChecksum {
                start: 20,
                offset: 16,
            }),
            segmentation: Some(Segmentation {
                kind: SegmentKind::TcpV4 { ecn: true },
                size: NonZeroU16::new(1400).unwrap(),
                headers: 54,
            }),
        };
        assert_eq!(Offload::decode(&header), Ok(offload));
        assert_eq!(offload.encode(), header);
        assert!(!offload.is_plain());
    }

    #[test]
    fn a_header_that_only_says_what_was_checked_is_plain() {
        assert_eq!(
            Offload::decode(&[2, 0, 9, 9, 9, 9, 9, 9, 9, 9]),
            Ok(Offload::default())
        );
        assert_eq!(Offload::default().encode(), [0; HEADER_LENGTH]);
        assert!(Offload::default().is_plain());
    }

    #[test]
    fn refuses_unknown_kinds_and_empty_segments() {
        for kind in [2, 3, 6, 0x20, 0x80, 0x85] {
            assert_eq!(
                Offload::decode(&[1, kind, 0, 0, 9, 9, 0, 0, 0, 0]),
                Err(OffloadError::Kind { kind })
            );
        }
        assert_eq!(
            Offload::decode(&[1, GSO_TCP_V6, 0, 0, 0, 0, 0, 0, 0, 0]),
            Err(OffloadError::Size)
        );
    }

    #[test]
    fn completes_a_checksum() {
        let mut packet = Vec::new();
        PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
            .udp(1, 2)
            .write(&mut packet, &[7; 9])
            .unwrap();
        let whole = packet.clone();
        // 10.0.0.1, 10.0.0.2, protocol 17, 17 octets
        packet[26..28].copy_from_slice(&(0x1400u16 + 3 + 17 + 17).to_be_bytes());
        let checksum = PartialChecksum {
            start: 20,
            offset: 6,
        };
        checksum.complete(&mut packet).unwrap();
        assert_eq!(packet, whole);
    }

    #[test]
    fn a_udp_checksum_of_zero_becomes_all_ones() {
        let mut datagram = [0xff, 0xff, 0, 0, 0, 0, 0, 0];
        let udp = PartialChecksum {
            start: 0,
            offset: 6,
        };
        udp.complete(&mut datagram).unwrap();
        assert_eq!(datagram, [0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff]);
        let mut other = [0xff, 0xff, 0, 0, 0, 0];
        let checksum = PartialChecksum {
            start: 0,
            offset: 4,
        };
        checksum.complete(&mut other).unwrap();
        assert_eq!(other, [0xff, 0xff, 0, 0, 0, 0]);
    }

    #[test]
    fn refuses_a_checksum_outside_the_packet() {
        let mut packet = [1; 28];
        for (start, offset) in [(20, 7), (29, 0), (u16::MAX, u16::MAX), (0, 27)] {
            assert_eq!(
                PartialChecksum { start, offset }.complete(&mut packet),
                Err(ChecksumError {
                    start,
                    offset,
                    length: 28
                })
            );
        }
        assert_eq!(packet, [1; 28]);
    }

    proptest! {
        #[test]
        fn what_is_understood_is_written_alike(header: [u8; HEADER_LENGTH]) {
            if let Ok(offload) = Offload::decode(&header) {
                prop_assert_eq!(Offload::decode(&offload.encode()), Ok(offload));
            }
        }

        #[test]
        fn completes_what_etherparse_computes(payload in prop::collection::vec(any::<u8>(), 0..1500)) {
            let mut packet = Vec::new();
            PacketBuilder::ipv6([1; 16], [2; 16], 64)
                .tcp(1, 2, 3, 4)
                .write(&mut packet, &payload)
                .unwrap();
            let whole = packet.clone();
            let length = (packet.len() - 40) as u32;
            let pseudo = Sum::default()
                .add_pseudo_header([1; 16].into(), [2; 16].into(), length, 6)
                .folded();
            packet[56..58].copy_from_slice(&pseudo.to_be_bytes());
            PartialChecksum { start: 40, offset: 16 }.complete(&mut packet).unwrap();
            prop_assert_eq!(&packet, &whole);
            let sliced = SlicedPacket::from_ip(&packet).unwrap();
            prop_assert!(matches!(sliced.transport, Some(TransportSlice::Tcp(_))));
        }
    }
}
