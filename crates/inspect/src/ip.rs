//! IPv4 and IPv6 headers, through tunnels of one in the other, and one line about a packet.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use adit_wire::{ParseError, Reader};

pub(crate) const TCP: u8 = 6;
pub(crate) const GRE: u8 = 47;
const ICMP: u8 = 1;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;
/// IP packets within one another that are opened.
const MOST_NESTED: usize = 4;
/// IPv6 extension headers that are passed.
const MOST_EXTENSIONS: usize = 8;

/// An IP packet's header and payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Packet<'a> {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    /// The protocol of the payload.
    pub(crate) protocol: u8,
    /// As much of the payload as there is.
    pub(crate) payload: &'a [u8],
    /// Octets of the payload that were not captured.
    pub(crate) missing: usize,
    /// Which part of a fragmented packet this is.
    pub(crate) part: Part,
    /// Whether an IPv4 header's checksum is right; IPv6 has none.
    pub(crate) header_is_sound: bool,
}

/// Whether a packet is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Whole,
    FirstFragment,
    LaterFragment,
}

/// Reads the innermost IP packet.
///
/// # Errors
/// Where the outermost header is not there; what a tunnel carries may be unreadable.
pub(crate) fn innermost(octets: &[u8]) -> Result<Packet<'_>, ParseError> {
    let mut packet = read(octets)?;
    for _ in 0..MOST_NESTED {
        if !matches!(packet.protocol, 4 | 41) || packet.part != Part::Whole {
            break;
        }
        match read(packet.payload) {
            Ok(inner) => packet = inner,
            Err(_) => break,
        }
    }
    Ok(packet)
}

/// Reads one IP packet.
///
/// # Errors
/// Where its header is not there or not that of IPv4 or IPv6.
pub(crate) fn read(octets: &[u8]) -> Result<Packet<'_>, ParseError> {
    match octets.first().map(|first| first >> 4) {
        Some(4) => read_v4(octets),
        Some(6) => read_v6(octets),
        version => Err(ParseError::Value {
            field: "IP version",
            value: version.unwrap_or(0).into(),
        }),
    }
}

fn read_v4(octets: &[u8]) -> Result<Packet<'_>, ParseError> {
    let mut r = Reader::new(octets);
    let header_length = usize::from(r.u8("Version")? & 0x0f) * 4;
    r.u8("Type of Service")?;
    let total_length = usize::from(r.u16("Total Length")?);
    r.u16("Identification")?;
    let fragment = r.u16("Fragment Offset")?;
    r.u8("Time to Live")?;
    let protocol = r.u8("Protocol")?;
    r.u16("Header Checksum")?;
    let source = IpAddr::from(Ipv4Addr::from(r.array::<4>("Source Address")?));
    let destination = IpAddr::from(Ipv4Addr::from(r.array::<4>("Destination Address")?));
    let options = header_length.checked_sub(20).ok_or(ParseError::Length {
        field: "IHL",
        value: header_length,
    })?;
    r.bytes("Options", options)?;
    // A length of 0 is left by segmentation in the network card: all octets belong to the packet.
    let length = match total_length {
        0 => r.remaining(),
        total => total.checked_sub(header_length).ok_or(ParseError::Length {
            field: "Total Length",
            value: total,
        })?,
    };
    let rest = r.rest();
    Ok(Packet {
        source,
        destination,
        protocol,
        payload: rest.get(..length).unwrap_or(rest),
        missing: length.saturating_sub(rest.len()),
        part: match (fragment & 0x1fff, fragment & 0x2000) {
            (0, 0) => Part::Whole,
            (0, _) => Part::FirstFragment,
            _ => Part::LaterFragment,
        },
        header_is_sound: octets.get(..header_length).is_some_and(checksum_is_right),
    })
}

fn read_v6(octets: &[u8]) -> Result<Packet<'_>, ParseError> {
    let mut r = Reader::new(octets);
    r.u32("Version, Traffic Class, Flow Label")?;
    let length = usize::from(r.u16("Payload Length")?);
    let next_header = r.u8("Next Header")?;
    r.u8("Hop Limit")?;
    let source = IpAddr::from(Ipv6Addr::from(r.array::<16>("Source Address")?));
    let destination = IpAddr::from(Ipv6Addr::from(r.array::<16>("Destination Address")?));
    let rest = r.rest();
    let length = if length == 0 { rest.len() } else { length };
    let mut packet = Packet {
        source,
        destination,
        protocol: next_header,
        payload: rest.get(..length).unwrap_or(rest),
        missing: length.saturating_sub(rest.len()),
        part: Part::Whole,
        header_is_sound: true,
    };
    for _ in 0..MOST_EXTENSIONS {
        if !pass_extension(&mut packet)? {
            break;
        }
    }
    Ok(packet)
}

/// Passes one extension header (RFC 8200 §4), and tells whether there was one.
fn pass_extension(packet: &mut Packet<'_>) -> Result<bool, ParseError> {
    let mut r = Reader::new(packet.payload);
    match packet.protocol {
        0 | 43 | 60 => {
            packet.protocol = r.u8("Next Header")?;
            let length = usize::from(r.u8("Hdr Ext Len")?) * 8 + 6;
            r.bytes("extension header", length)?;
        }
        44 => {
            packet.protocol = r.u8("Next Header")?;
            r.u8("Reserved")?;
            let offset = r.u16("Fragment Offset")?;
            r.u32("Identification")?;
            packet.part = match (offset & 0xfff8, offset & 1) {
                (0, 0) => Part::Whole,
                (0, _) => Part::FirstFragment,
                _ => Part::LaterFragment,
            };
        }
        _ => return Ok(false),
    }
    packet.payload = r.rest();
    Ok(packet.part != Part::LaterFragment)
}

fn checksum_is_right(header: &[u8]) -> bool {
    let (words, _) = header.as_chunks::<2>();
    let sum: u32 = words
        .iter()
        .map(|word| u32::from(u16::from_be_bytes(*word)))
        .sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    (folded & 0xffff) + (folded >> 16) == 0xffff
}

/// One line about an IP packet, and whether it is whole and its header sound.
pub(crate) fn describe(octets: &[u8]) -> (String, bool) {
    let packet = match read(octets) {
        Ok(packet) => packet,
        Err(error) => return (format!("not an IP packet: {error}"), false),
    };
    let version = if packet.source.is_ipv4() { 4 } else { 6 };
    let mut line = format!("IPv{version} {} > {} ", packet.source, packet.destination);
    match packet.part {
        Part::LaterFragment => line.push_str("fragment"),
        Part::Whole | Part::FirstFragment => transport(&packet, &mut line),
    }
    if packet.part == Part::FirstFragment {
        line.push_str(" first fragment");
    }
    // Writing to a String cannot fail.
    let _ = write!(line, " ({} octets)", octets.len());
    if !packet.header_is_sound {
        line.push_str(" bad header checksum");
    }
    let valid = packet.header_is_sound && packet.missing == 0;
    (line, valid)
}

fn transport(packet: &Packet<'_>, line: &mut String) {
    let name = match packet.protocol {
        ICMP => "ICMP",
        TCP => "TCP",
        UDP => "UDP",
        ICMPV6 => "ICMPv6",
        2 => "IGMP",
        GRE => "GRE",
        50 => "ESP",
        other => {
            let _ = write!(line, "protocol {other}");
            return;
        }
    };
    line.push_str(name);
    let detail = match (packet.protocol, packet.payload) {
        (TCP | UDP, [s0, s1, d0, d1, ..]) => {
            let port = |high: &u8, low: &u8| u16::from_be_bytes([*high, *low]);
            format!(" {} > {}", port(s0, s1), port(d0, d1))
        }
        (ICMP | ICMPV6, [kind, code, ..]) => match icmp_name(packet.protocol, *kind) {
            Some(name) => format!(" {name}"),
            None => format!(" type {kind} code {code}"),
        },
        _ => String::new(),
    };
    line.push_str(&detail);
}

const fn icmp_name(protocol: u8, kind: u8) -> Option<&'static str> {
    Some(match (protocol, kind) {
        (ICMP, 8) | (ICMPV6, 128) => "echo request",
        (ICMP, 0) | (ICMPV6, 129) => "echo reply",
        (ICMP, 3) | (ICMPV6, 1) => "destination unreachable",
        (ICMP, 11) | (ICMPV6, 3) => "time exceeded",
        (ICMPV6, 2) => "packet too big",
        (ICMPV6, 133) => "router solicitation",
        (ICMPV6, 134) => "router advertisement",
        (ICMPV6, 135) => "neighbor solicitation",
        (ICMPV6, 136) => "neighbor advertisement",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An IGMP report with a Router Alert option, with the octets of a published capture.
    const IGMP: [u8; 40] = [
        0x46, 0x00, 0x00, 0x28, 0x00, 0x00, 0x00, 0x00, 0x01, 0x02, 0x81, 0x27, 0xc0, 0xa8, 0x02,
        0xea, 0xe0, 0x00, 0x00, 0x16, 0x94, 0x04, 0x00, 0x00, 0x22, 0x00, 0xea, 0x03, 0x00, 0x00,
        0x00, 0x01, 0x04, 0x00, 0x00, 0x00, 0xef, 0xff, 0xff, 0xfa,
    ];

    fn in_ipv6(next_header: u8, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x60, 0, 0, 0, 0, 0, next_header, 64];
        packet[4..6].copy_from_slice(&u16::try_from(payload.len()).unwrap().to_be_bytes());
        packet.extend([0xfd; 32]);
        packet.extend(payload);
        packet
    }

    #[test]
    fn a_packet_is_described_and_its_checksum_checked() {
        let line = "IPv4 192.168.2.234 > 224.0.0.22 IGMP (40 octets)";
        assert_eq!(describe(&IGMP), (line.to_owned(), true));
        let mut damaged = IGMP;
        damaged[8] = 9;
        assert_eq!(
            describe(&damaged),
            (format!("{line} bad header checksum"), false)
        );
        assert!(!describe(&IGMP[..30]).1);
    }

    #[test]
    fn padding_behind_a_packet_is_left_out() {
        let padded = [&IGMP[..], &[0; 6]].concat();
        assert_eq!(read(&padded).unwrap().payload.len(), 16);
    }

    #[test]
    fn ipv4_in_ipv6_behind_extension_headers_is_found() {
        let options = [4, 0, 0, 0, 0, 0, 0, 0];
        let packet = in_ipv6(60, &[&options[..], &IGMP].concat());
        let inner = innermost(&packet).unwrap();
        assert_eq!((inner.protocol, inner.payload.len()), (2, 16));
        assert_eq!(inner.source, IpAddr::from([192, 168, 2, 234]));
    }

    #[test]
    fn fragments_are_told_apart() {
        let mut packet = IGMP;
        packet[6] = 0x20;
        assert_eq!(read(&packet).unwrap().part, Part::FirstFragment);
        packet[7] = 5;
        assert_eq!(read(&packet).unwrap().part, Part::LaterFragment);
        let fragment = in_ipv6(44, &[47, 0, 0, 8, 0, 0, 0, 1, 0xaa]);
        assert_eq!(innermost(&fragment).unwrap().part, Part::LaterFragment);
    }

    proptest! {
        #[test]
        fn any_octets_are_read_or_refused(octets in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = innermost(&octets);
            prop_assert!(!describe(&octets).0.is_empty());
        }

        #[test]
        fn any_octets_behind_a_version_are_read_or_refused(
            version in prop_oneof![Just(0x45u8), Just(0x46), Just(0x60)],
            octets in proptest::collection::vec(any::<u8>(), 0..120),
        ) {
            let packet = [&[version][..], &octets].concat();
            if let Ok(read) = innermost(&packet) {
                prop_assert!(read.payload.len() < packet.len());
            }
        }
    }
}
