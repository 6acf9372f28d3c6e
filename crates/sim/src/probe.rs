//! Inner packets that can be told from all others, and from themselves with a wrong bit.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use adit_ip::header;
use adit_ppp::link::IpVersion;

use crate::rng::Rng;

/// Which way a packet goes through the tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// From a client to the server.
    ToServer,
    /// From the server to a client.
    ToClient,
}

/// A sequence of packets in one direction of one client's tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FlowId {
    /// Whose tunnel.
    pub client: u16,
    /// Which way.
    pub direction: Direction,
    /// Of which IP version.
    pub version: Version,
}

/// IP versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// One packet of a flow: a UDP packet whose octets follow from what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// Its flow.
    pub flow: FlowId,
    /// Its place in the flow, from 0.
    pub number: u64,
}

/// What an inner packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// A probe in which every octet is right.
    Probe(Probe),
    /// Something that began as a probe.
    Damaged,
    /// Something else.
    Other,
}

const UDP: u8 = 17;
const UDP_HEADER: usize = 8;
/// Marks probes; from the range that is nobody's.
const PORT: u16 = 49_837;
/// Client, direction, number.
const FIELDS: usize = 2 + 1 + 8;
/// Octets behind the fields, at least, that follow from them.
const FILLER: usize = 8;

impl Version {
    /// Length of the IP header, in octets.
    pub const fn header(self) -> usize {
        match self {
            Self::V4 => 20,
            Self::V6 => 40,
        }
    }

    /// Length of the shortest probe, in octets.
    pub const fn shortest(self) -> usize {
        self.header() + UDP_HEADER + FIELDS + FILLER
    }
}

impl From<IpVersion> for Version {
    fn from(version: IpVersion) -> Self {
        match version {
            IpVersion::V4 => Self::V4,
            IpVersion::V6 => Self::V6,
        }
    }
}

impl Probe {
    /// The packet, at least [`Version::shortest`] octets long.
    pub fn build(&self, source: IpAddr, destination: IpAddr, length: usize) -> Vec<u8> {
        let length = length.max(self.flow.version.shortest());
        let mut packet = match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                ipv4_header(source, destination, length, UDP).to_vec()
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                ipv6_header(source, destination, length, UDP).to_vec()
            }
            _ => panic!("the addresses differ in family"),
        };
        let udp = u16::try_from(length - packet.len()).expect("a probe is shorter than 64 KiB");
        packet.extend(PORT.to_be_bytes());
        packet.extend(PORT.to_be_bytes());
        packet.extend(udp.to_be_bytes());
        packet.extend([0, 0]);
        packet.extend(self.flow.client.to_be_bytes());
        packet.push(self.flow.direction as u8);
        packet.extend(self.number.to_be_bytes());
        let flow = u64::from(self.flow.client) << 1 | self.flow.direction as u64;
        let mut filler = Rng::new(self.number).fork(flow);
        packet.extend(filler.octets(length - packet.len()));
        packet
    }

    /// Reads an inner packet; every octet of a probe is compared with what it must be.
    pub fn read(packet: &[u8]) -> Reading {
        let Some((version, source, destination)) = addresses(packet) else {
            return Reading::Other;
        };
        let Some(ports) = packet
            .get(version.header()..)
            .and_then(<[u8]>::first_chunk::<4>)
        else {
            return Reading::Other;
        };
        let [source_port, destination_port] = [[ports[0], ports[1]], [ports[2], ports[3]]];
        if source_port != PORT.to_be_bytes() && destination_port != PORT.to_be_bytes() {
            return Reading::Other;
        }
        let fields = packet
            .get(version.header() + UDP_HEADER..)
            .and_then(<[u8]>::first_chunk::<FIELDS>);
        let Some([c0, c1, direction, number @ ..]) = fields else {
            return Reading::Damaged;
        };
        let probe = Self {
            flow: FlowId {
                client: u16::from_be_bytes([*c0, *c1]),
                direction: if *direction == 0 {
                    Direction::ToServer
                } else {
                    Direction::ToClient
                },
                version,
            },
            number: u64::from_be_bytes(*number),
        };
        if probe.build(source, destination, packet.len()) == packet {
            Reading::Probe(probe)
        } else {
            Reading::Damaged
        }
    }
}

fn addresses(packet: &[u8]) -> Option<(Version, IpAddr, IpAddr)> {
    let version = IpVersion::of(packet)?.into();
    Some((
        version,
        header::source(packet)?,
        header::destination(packet)?,
    ))
}

/// An IPv4 header without options, Don't Fragment set, for a packet of `length` octets.
pub fn ipv4_header(
    source: Ipv4Addr,
    destination: Ipv4Addr,
    length: usize,
    protocol: u8,
) -> [u8; 20] {
    let total = u16::try_from(length).expect("an IPv4 packet is shorter than 64 KiB");
    let mut header = [0; 20];
    header[0] = 0x45;
    header[2..4].copy_from_slice(&total.to_be_bytes());
    header[6] = 0x40;
    header[8] = 64;
    header[9] = protocol;
    header[12..16].copy_from_slice(&source.octets());
    header[16..20].copy_from_slice(&destination.octets());
    let checksum = checksum(&header);
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
    header
}

/// An IPv6 header for a packet of `length` octets.
pub fn ipv6_header(
    source: Ipv6Addr,
    destination: Ipv6Addr,
    length: usize,
    next_header: u8,
) -> [u8; 40] {
    let payload = u16::try_from(length - 40).expect("an IPv6 payload is shorter than 64 KiB");
    let mut header = [0; 40];
    header[0] = 0x60;
    header[4..6].copy_from_slice(&payload.to_be_bytes());
    header[6] = next_header;
    header[7] = 255;
    header[8..24].copy_from_slice(&source.octets());
    header[24..40].copy_from_slice(&destination.octets());
    header
}

/// The Internet checksum (RFC 1071) of an even number of octets.
fn checksum(octets: &[u8]) -> u16 {
    let sum: u32 = octets
        .chunks_exact(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])))
        .sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded + (folded >> 16)) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROBE: Probe = Probe {
        flow: FlowId {
            client: 300,
            direction: Direction::ToClient,
            version: Version::V4,
        },
        number: 1 << 40,
    };

    fn v4() -> Vec<u8> {
        let address = |last| IpAddr::V4(Ipv4Addr::new(10, 0, 0, last));
        PROBE.build(address(1), address(2), 200)
    }

    #[test]
    fn a_probe_reads_as_what_it_is() {
        assert_eq!(v4().len(), 200);
        assert_eq!(Probe::read(&v4()), Reading::Probe(PROBE));
        let mut probe = PROBE;
        probe.flow.version = Version::V6;
        let address = |last| IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, last));
        let packet = probe.build(address(1), address(2), 0);
        assert_eq!(packet.len(), Version::V6.shortest());
        assert_eq!(Probe::read(&packet), Reading::Probe(probe));
    }

    #[test]
    fn no_bit_of_a_probe_can_be_turned_over_unnoticed() {
        for bit in 0..200 * 8 {
            let mut packet = v4();
            packet[bit / 8] ^= 1 << (bit % 8);
            let reading = Probe::read(&packet);
            assert!(!matches!(reading, Reading::Probe(_)), "bit {bit}");
        }
    }

    #[test]
    fn a_header_has_a_right_checksum() {
        assert_eq!(checksum(&v4()[..20]), 0);
    }

    #[test]
    fn other_packets_are_no_probes() {
        assert_eq!(Probe::read(&[]), Reading::Other);
        assert_eq!(Probe::read(&[0x45; 60]), Reading::Other);
    }
}
