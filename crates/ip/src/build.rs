//! Whole IP packets around an ICMP message.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::checksum::Sum;

pub(crate) const ICMP: u8 = 1;
pub(crate) const ICMPV6: u8 = 58;

/// Hop limit of packets that may cross routers.
pub(crate) const HOPS: u8 = 64;

/// An IPv4 packet that carries an ICMP message, whose checksum field (octets 2 and 3) is filled in.
/// None if it would be too long.
pub(crate) fn icmp(source: Ipv4Addr, destination: Ipv4Addr, message: &[u8]) -> Option<Vec<u8>> {
    let total = u16::try_from(20 + message.len()).ok()?.to_be_bytes();
    let mut header = [0; 20];
    header[0] = 0x45;
    header[2..4].copy_from_slice(&total);
    // A packet that is never fragmented needs no identification (RFC 6864 §4.1).
    header[6] = 0x40;
    header[8] = HOPS;
    header[9] = ICMP;
    header[12..16].copy_from_slice(&source.octets());
    header[16..20].copy_from_slice(&destination.octets());
    let checksum = Sum::default().add(&header).checksum();
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
    Some(with_checksum(&header, message, Sum::default()))
}

/// An IPv6 packet that carries an ICMPv6 message, whose checksum field is filled in. None if it would
/// be too long.
pub(crate) fn icmpv6(
    source: Ipv6Addr,
    destination: Ipv6Addr,
    hop_limit: u8,
    message: &[u8],
) -> Option<Vec<u8>> {
    let length = u16::try_from(message.len()).ok()?;
    let mut header = [0; 40];
    header[0] = 0x60;
    header[4..6].copy_from_slice(&length.to_be_bytes());
    header[6] = ICMPV6;
    header[7] = hop_limit;
    header[8..24].copy_from_slice(&source.octets());
    header[24..40].copy_from_slice(&destination.octets());
    let pseudo = Sum::default().add_pseudo_header(source, destination, u32::from(length), ICMPV6);
    Some(with_checksum(&header, message, pseudo))
}

/// Either of the two, by the family of the addresses. None also if they differ in family.
pub(crate) fn icmp_any(source: IpAddr, destination: IpAddr, message: &[u8]) -> Option<Vec<u8>> {
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => icmp(source, destination, message),
        (IpAddr::V6(source), IpAddr::V6(destination)) => icmpv6(source, destination, HOPS, message),
        _ => None,
    }
}

fn with_checksum(header: &[u8], message: &[u8], sum: Sum) -> Vec<u8> {
    let checksum = sum.add(message).checksum();
    let mut packet = Vec::with_capacity(header.len() + message.len());
    packet.extend_from_slice(header);
    packet.extend_from_slice(message);
    if let Some(field) = packet.get_mut(header.len() + 2..header.len() + 4) {
        field.copy_from_slice(&checksum.to_be_bytes());
    }
    packet
}
