//! One run of packets on its way to become one long packet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU16;
use std::ops::Range;

use crate::checksum::Sum;
use crate::header::Version;
use crate::offload::{HEADER_LENGTH, Offload, PartialChecksum, SegmentKind, Segmentation};
use crate::transport::{
    CWR, FIN, FLAGS, PSH, TCP, TCP_CHECKSUM, UDP_CHECKSUM, field, pseudo_header, set_field,
};

use super::PLAIN;
use super::candidate::{Candidate, Key};

/// Octets of the longest packet.
const LONGEST: usize = 65535;
/// Packets in a run; Linux takes no more datagrams in one before version 6.8.
const MOST: usize = 64;

const DONT_FRAGMENT: u16 = 0x4000;

/// A run, and the buffer it is gathered in.
#[derive(Debug, Default)]
pub(super) struct Flow {
    /// None before the first run.
    key: Option<Key>,
    /// The first packet and the payloads of the others.
    buffer: Vec<u8>,
    /// Octets of the IP header.
    start: usize,
    /// Octets of both headers.
    headers: usize,
    /// Octets of payload in each packet but the last.
    size: u16,
    packets: usize,
    /// A packet has come after which there can be none.
    ended: bool,
}

impl Flow {
    pub(super) fn is_of(&self, key: &Key) -> bool {
        self.key.as_ref() == Some(key)
    }

    pub(super) fn is_between(&self, source: Option<IpAddr>, destination: Option<IpAddr>) -> bool {
        let addresses = self.key.map(|key| {
            key.addresses.map(|address| match key.version {
                Version::V4 => IpAddr::from(Ipv4Addr::from(address as u32)),
                Version::V6 => IpAddr::from(Ipv6Addr::from(address)),
            })
        });
        addresses.map(|addresses| addresses.map(Some)) == Some([source, destination])
    }

    /// Begins a run with a packet.
    pub(super) fn begin(&mut self, candidate: &Candidate, packet: &[u8]) {
        self.key = Some(candidate.key);
        self.buffer.clear();
        self.buffer.reserve(LONGEST);
        self.buffer.extend_from_slice(packet);
        self.start = candidate.start;
        self.headers = candidate.headers;
        self.size = (packet.len() - candidate.headers) as u16;
        self.packets = 1;
        self.ended = candidate.ends_run;
    }

    /// Whether a sound packet of the same flow continues the run.
    pub(super) fn accepts(&self, candidate: &Candidate, packet: &[u8]) -> bool {
        let (Some((network, upper)), Some((their_network, their_upper))) = (
            self.buffer.split_at_checked(self.start),
            packet.split_at_checked(candidate.start),
        ) else {
            return false;
        };
        let payload = packet.len() - candidate.headers;
        payload <= usize::from(self.size)
            && self.buffer.len() + payload <= LONGEST
            && self.follows_network(candidate.key.version, network, their_network)
            && (candidate.key.protocol != TCP || self.follows_tcp(upper, their_upper))
    }

    /// IP headers alike, the identification of IPv4 the next one. Addresses are known to be alike.
    fn follows_network(&self, version: Version, mine: &[u8], their: &[u8]) -> bool {
        let alike = |range: Range<usize>| mine.get(range.clone()) == their.get(range);
        match version {
            Version::V4 => {
                let next = field(mine, 4).wrapping_add(self.packets as u16);
                let counts_up = field(their, 4) == next;
                // Identification means nothing where no fragments can be (RFC 6864 §4.1).
                let must_count = field(their, 6) & DONT_FRAGMENT == 0;
                alike(0..2) && alike(6..9) && (counts_up || !must_count)
            }
            Version::V6 => alike(0..4) && alike(7..8),
        }
    }

    /// TCP headers alike, the sequence number the next one.
    fn follows_tcp(&self, mine: &[u8], their: &[u8]) -> bool {
        let gathered = (self.buffer.len() - self.headers) as u32;
        let next = sequence(mine).wrapping_add(gathered);
        let alike = |range: Range<usize>| mine.get(range.clone()) == their.get(range);
        // With the length of the header, which stands before the flags.
        let [my_flags, their_flags] = [mine, their].map(|header| field(header, FLAGS - 1));
        sequence(their) == next
            && (my_flags ^ their_flags) & !u16::from(FIN | PSH | CWR) == 0
            && their_flags & u16::from(CWR) == 0
            && alike(8..12)
            && alike(14..TCP_CHECKSUM)
            && alike(TCP_CHECKSUM + 2..self.headers - self.start)
    }

    /// Continues the run with a packet that was accepted.
    pub(super) fn append(&mut self, candidate: &Candidate, packet: &[u8]) {
        let (headers, payload) = packet.split_at_checked(self.headers).unwrap_or_default();
        self.buffer.extend_from_slice(payload);
        self.packets += 1;
        self.ended = candidate.ends_run || payload.len() < usize::from(self.size);
        if candidate.key.protocol == TCP
            && let Some(flags) = self.buffer.get_mut(self.start + FLAGS)
            && let Some(their) = headers.get(self.start + FLAGS)
        {
            *flags |= their & (FIN | PSH);
        }
    }

    /// Whether no packet can follow.
    pub(super) fn is_complete(&self) -> bool {
        self.ended || self.packets >= MOST
    }

    /// Ends the run and hands it out.
    pub(super) fn close(&mut self, emit: &mut impl FnMut(&[u8; HEADER_LENGTH], &[u8])) {
        let header = match self.key {
            Some(key) if self.packets > 1 => {
                self.finish(key).map_or(PLAIN, |offload| offload.encode())
            }
            _ => PLAIN,
        };
        emit(&header, &self.buffer);
        self.packets = 0;
    }

    /// Makes the headers those of the long packet.
    fn finish(&mut self, key: Key) -> Option<Offload> {
        let upper = (self.buffer.len() - self.start) as u16;
        let (network, transport) = self.buffer.split_at_mut_checked(self.start)?;
        match key.version {
            Version::V4 => {
                set_field(network, 2, upper + self.start as u16);
                set_field(network, 10, 0);
                let checksum = Sum::default().add(network).checksum();
                set_field(network, 10, checksum);
            }
            Version::V6 => set_field(network, 4, upper),
        }
        let pseudo = pseudo_header(network, key.version, key.protocol).add_word(upper);
        let offset = if key.protocol == TCP {
            TCP_CHECKSUM
        } else {
            set_field(transport, 4, upper);
            UDP_CHECKSUM
        };
        set_field(transport, offset, pseudo.folded());
        Some(Offload {
            checksum: Some(PartialChecksum {
                start: self.start as u16,
                offset: offset as u16,
            }),
            segmentation: Some(Segmentation {
                kind: kind(key, transport),
                size: NonZeroU16::new(self.size)?,
                headers: self.headers as u16,
            }),
        })
    }
}

fn kind(key: Key, transport: &[u8]) -> SegmentKind {
    let ecn = transport.get(FLAGS).is_some_and(|flags| flags & CWR != 0);
    match (key.protocol, key.version) {
        (TCP, Version::V4) => SegmentKind::TcpV4 { ecn },
        (TCP, Version::V6) => SegmentKind::TcpV6 { ecn },
        _ => SegmentKind::Udp,
    }
}

fn sequence(segment: &[u8]) -> u32 {
    u32::from(field(segment, 4)) << 16 | u32::from(field(segment, 6))
}
