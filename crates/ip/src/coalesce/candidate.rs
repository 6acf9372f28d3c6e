//! Which packets can be part of a run, and of which.

use crate::header::Version;
use crate::transport::{
    ACK, CWR, ECE, FIN, FLAGS, PSH, TCP, TCP_HEADER, UDP, UDP_CHECKSUM, UDP_HEADER, field,
    pseudo_header,
};

use super::Coalescing;
use crate::checksum::Sum;

const DONT_FRAGMENT: u16 = 0x4000;

/// Flags that a segment of a run may have.
const MERGEABLE: u8 = ACK | PSH | FIN | ECE | CWR;
/// Flags after which a run ends.
const ENDING: u8 = PSH | FIN;

/// What makes packets a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) version: Version,
    /// TCP or UDP.
    pub(super) protocol: u8,
    /// Source and destination.
    pub(super) addresses: [u128; 2],
    /// Source and destination.
    pub(super) ports: [u8; 4],
}

/// A packet that may begin or continue a run.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) key: Key,
    /// Octets of the IP header.
    pub(super) start: usize,
    /// Octets of both headers, fewer than the packet has.
    pub(super) headers: usize,
    /// No further packet may follow it in a run.
    pub(super) ends_run: bool,
}

/// What can be said of a packet.
#[derive(Debug)]
pub(super) enum Sight {
    /// It may be merged.
    Candidate(Candidate),
    /// It is of this flow and passes alone.
    Flow(Key),
    /// It is none of a flow, or not plainly.
    Other,
}

/// Looks at a packet. Extension headers, IPv4 options and fragments are not looked through.
pub(super) fn look(packet: &[u8], coalescing: Coalescing) -> Sight {
    let Some((version, protocol, addresses, upper)) = network(packet) else {
        return Sight::Other;
    };
    let Some(ports) = upper.first_chunk::<4>() else {
        return Sight::Other;
    };
    let key = Key {
        version,
        protocol,
        addresses,
        ports: *ports,
    };
    let mergeable = match protocol {
        TCP => tcp(upper).filter(|_| coalescing.tcp),
        UDP => udp(upper).filter(|_| coalescing.udp),
        _ => return Sight::Other,
    };
    let start = packet.len() - upper.len();
    match mergeable {
        Some((length, ends_run)) => Sight::Candidate(Candidate {
            key,
            start,
            headers: start + length,
            ends_run,
        }),
        None => Sight::Flow(key),
    }
}

/// Version, protocol, addresses, and what follows an IP header without options.
fn network(packet: &[u8]) -> Option<(Version, u8, [u128; 2], &[u8])> {
    match packet.first()? >> 4 {
        4 => {
            let (fixed, upper) = packet.split_first_chunk::<20>()?;
            let plain = fixed[0] == 0x45
                && usize::from(field(fixed, 2)) == packet.len()
                && field(fixed, 6) & !DONT_FRAGMENT == 0;
            let [.., s0, s1, s2, s3, d0, d1, d2, d3] = *fixed;
            let addresses = [[s0, s1, s2, s3], [d0, d1, d2, d3]];
            plain.then_some((
                Version::V4,
                fixed[9],
                addresses.map(|address| u32::from_be_bytes(address).into()),
                upper,
            ))
        }
        6 => {
            let (fixed, upper) = packet.split_first_chunk::<40>()?;
            let (_, addresses) = fixed.split_last_chunk::<32>()?;
            let (source, destination) = addresses.split_first_chunk::<16>()?;
            let addresses = [*source, *destination.first_chunk()?].map(u128::from_be_bytes);
            (usize::from(field(fixed, 4)) == upper.len()).then_some((
                Version::V6,
                fixed[6],
                addresses,
                upper,
            ))
        }
        _ => None,
    }
}

/// Octets of the header, and whether the segment ends a run; none if it must stay alone.
fn tcp(upper: &[u8]) -> Option<(usize, bool)> {
    let fixed = upper.first_chunk::<TCP_HEADER>()?;
    let length = usize::from(fixed[12] >> 4) * 4;
    let flags = fixed[FLAGS];
    let mergeable = flags & !MERGEABLE == 0 && flags & ACK != 0;
    let has_payload = (TCP_HEADER..upper.len()).contains(&length);
    (mergeable && has_payload).then_some((length, flags & ENDING != 0))
}

/// The same of a datagram.
fn udp(upper: &[u8]) -> Option<(usize, bool)> {
    let mergeable = upper.len() > UDP_HEADER
        && usize::from(field(upper, 4)) == upper.len()
        && field(upper, UDP_CHECKSUM) != 0;
    mergeable.then_some((UDP_HEADER, false))
}

impl Candidate {
    /// Whether all checksums of the packet are right.
    pub(super) fn is_sound(&self, packet: &[u8]) -> bool {
        let Some((network, upper)) = packet.split_at_checked(self.start) else {
            return false;
        };
        let header = match self.key.version {
            Version::V4 => network
                .first_chunk::<20>()
                .map_or(0, |header| Sum::default().add(header).checksum()),
            Version::V6 => 0,
        };
        // Less than 64 KiB, as the IP header says so.
        let pseudo = pseudo_header(network, self.key.version, self.key.protocol)
            .add_word(upper.len() as u16);
        header == 0 && pseudo.add(upper).checksum() == 0
    }
}
