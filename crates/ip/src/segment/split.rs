//! The headers of the segments of one packet.

use crate::checksum::Sum;
use crate::header::{Version, version};
use crate::offload::{PartialChecksum, SegmentKind, Segmentation};
use crate::transport::{
    CWR, FIN, FLAGS, PSH, TCP, TCP_CHECKSUM, TCP_HEADER, UDP, UDP_CHECKSUM, UDP_HEADER, field,
    pseudo_header, set_field,
};
use crate::upper::{Upper, find};

use super::{SegmentError, room};

/// A packet that is being cut up.
#[derive(Debug)]
pub(super) struct Split<'a> {
    /// The headers of IP and transport. They are whole, which the constructor checked.
    header: &'a [u8],
    /// What is not handed out yet.
    payload: &'a [u8],
    /// Octets of payload in a segment.
    size: usize,
    network: Network,
    transport: Transport,
    /// Octets before the transport header.
    start: usize,
    /// The sum under the transport's checksum, as far as it is the same in all segments.
    sum: Sum,
}

#[derive(Debug)]
enum Network {
    V4 {
        /// Identification of the next segment.
        identification: u16,
        /// The sum of the header as far as it is the same in all segments.
        sum: Sum,
    },
    V6,
}

#[derive(Debug)]
enum Transport {
    Tcp {
        /// Sequence number of the next segment.
        sequence: u32,
        /// Flags of the next segment if it is the last.
        flags: u8,
    },
    Udp,
}

impl<'a> Split<'a> {
    pub(super) fn new(
        segmentation: Segmentation,
        checksum: Option<PartialChecksum>,
        packet: &'a [u8],
    ) -> Result<Self, SegmentError> {
        let (version, protocol, start) = place(segmentation.kind, packet)?;
        if let Some(given) = checksum
            && usize::from(given.start) != start
        {
            return Err(SegmentError::Start {
                start: usize::from(given.start),
                found: start,
            });
        }
        let (header, payload) = transport_header_length(packet, protocol, start)
            .and_then(|length| packet.split_at_checked(start + length))
            .ok_or(SegmentError::Transport {
                start,
                length: packet.len(),
            })?;
        let pseudo = match checksum {
            // The address in the pseudo-header may be the last one of a routing header or source route;
            // the kernel has summed the right one already.
            Some(_) if has_options(version, start) => partial_sum(packet, protocol, start),
            _ => pseudo_header(packet, version, protocol),
        };
        let upper = &header[start..];
        let (transport, sum) = if protocol == TCP {
            Transport::tcp(upper, pseudo)
        } else {
            (Transport::Udp, pseudo.add(&upper[..4]))
        };
        Ok(Self {
            header,
            payload,
            size: usize::from(segmentation.size.get()),
            network: Network::new(version, &header[..start]),
            transport,
            start,
            sum,
        })
    }

    /// How many segments are left; there is one even without payload.
    pub(super) fn remaining(&self) -> usize {
        self.payload.len().div_ceil(self.size).max(1)
    }

    /// Whether the last segment has been written.
    pub(super) fn is_done(&self) -> bool {
        self.payload.is_empty()
    }

    /// Writes the next segment and goes on to the one after it.
    pub(super) fn write(&mut self, out: &mut [u8]) -> Result<usize, SegmentError> {
        let (payload, rest) = self
            .payload
            .split_at_checked(self.size)
            .unwrap_or((self.payload, &[]));
        self.payload = rest;
        let total = self.header.len() + payload.len();
        let written = room(out, total).map(|out| {
            let (header, body) = out.split_at_mut(self.header.len());
            header.copy_from_slice(self.header);
            body.copy_from_slice(payload);
            let (network, upper) = header.split_at_mut(self.start);
            self.network.fill(network, total);
            let sum = self.sum.add_word((total - self.start) as u16);
            self.transport
                .fill(upper, body, sum, self.payload.is_empty());
            total
        });
        self.network.advance();
        self.transport.advance(payload.len());
        written
    }
}

/// Version, protocol and place of the transport header, if they are what `kind` says.
fn place(kind: SegmentKind, packet: &[u8]) -> Result<(Version, u8, usize), SegmentError> {
    let (of, expected) = match kind {
        SegmentKind::TcpV4 { .. } => (Some(Version::V4), TCP),
        SegmentKind::TcpV6 { .. } => (Some(Version::V6), TCP),
        SegmentKind::Udp => (None, UDP),
    };
    match (version(packet), find(packet)) {
        (Some(version), Some(Upper::Header { protocol, offset }))
            if protocol == expected && of.is_none_or(|of| of == version) =>
        {
            Ok((version, protocol, offset))
        }
        _ => Err(SegmentError::Kind { kind }),
    }
}

/// Octets of the transport header; none if it is impossible.
fn transport_header_length(packet: &[u8], protocol: u8, start: usize) -> Option<usize> {
    if protocol == UDP {
        return Some(UDP_HEADER);
    }
    let length = usize::from(packet.get(start + 12)? >> 4) * 4;
    (length >= TCP_HEADER).then_some(length)
}

/// Whether there is more before the transport header than the fixed IP header.
fn has_options(version: Version, start: usize) -> bool {
    match version {
        Version::V4 => start != 20,
        Version::V6 => start != 40,
    }
}

/// The sum of the pseudo-header that the checksum field holds, without the length.
fn partial_sum(packet: &[u8], protocol: u8, start: usize) -> Sum {
    let offset = if protocol == TCP {
        TCP_CHECKSUM
    } else {
        UDP_CHECKSUM
    };
    let length = (packet.len() - start) as u16;
    Sum::default()
        .add_word(field(packet, start + offset))
        .add_word(!length)
}

impl Network {
    /// From a header that is at least as long as the fixed one.
    fn new(version: Version, header: &[u8]) -> Self {
        match version {
            Version::V4 => Self::V4 {
                identification: field(header, 4),
                sum: Sum::default()
                    .add(&header[..2])
                    .add(&header[6..10])
                    .add(&header[12..]),
            },
            Version::V6 => Self::V6,
        }
    }

    /// Fills in what is this segment's own in the header of a packet of `total` octets.
    fn fill(&self, header: &mut [u8], total: usize) {
        match self {
            Self::V4 {
                identification,
                sum,
            } => {
                let total = total as u16;
                let sum = sum.add_word(total).add_word(*identification);
                set_field(header, 2, total);
                set_field(header, 4, *identification);
                set_field(header, 10, sum.checksum());
            }
            Self::V6 => set_field(header, 4, (total - 40) as u16),
        }
    }

    fn advance(&mut self) {
        if let Self::V4 { identification, .. } = self {
            *identification = identification.wrapping_add(1);
        }
    }
}

impl Transport {
    /// From a whole header of TCP, and the sum with what is the same in all segments.
    fn tcp(header: &[u8], pseudo: Sum) -> (Self, Sum) {
        let sum = pseudo
            .add(&header[..4])
            .add(&header[8..12])
            .add(&header[14..TCP_CHECKSUM])
            .add(&header[TCP_CHECKSUM + 2..]);
        let sequence = u32::from(field(header, 4)) << 16 | u32::from(field(header, 6));
        let flags = header[FLAGS];
        (Self::Tcp { sequence, flags }, sum)
    }

    /// Fills in what is this segment's own in the transport header; `sum` is that of the rest.
    fn fill(&self, header: &mut [u8], body: &[u8], sum: Sum, last: bool) {
        match self {
            Self::Tcp { sequence, flags } => {
                let flags = if last { *flags } else { flags & !(FIN | PSH) };
                header[FLAGS] = flags;
                set_field(header, 4, (sequence >> 16) as u16);
                set_field(header, 6, *sequence as u16);
                let sum = sum.add(&header[4..8]).add_word(field(header, FLAGS - 1));
                set_field(header, TCP_CHECKSUM, sum.add(body).checksum());
            }
            Self::Udp => {
                let length = (header.len() + body.len()) as u16;
                set_field(header, 4, length);
                let checksum = match sum.add_word(length).add(body).checksum() {
                    // No checksum at all (RFC 768).
                    0 => 0xffff,
                    checksum => checksum,
                };
                set_field(header, UDP_CHECKSUM, checksum);
            }
        }
    }

    /// Goes on by a segment with so many octets of payload.
    fn advance(&mut self, payload: usize) {
        if let Self::Tcp { sequence, flags } = self {
            *sequence = sequence.wrapping_add(payload as u32);
            *flags &= !CWR;
        }
    }
}
