//! "Packet too big": the ICMP errors of path MTU discovery (RFC 1191 §4, RFC 4443 §3.2).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::build::{self, ICMP, ICMPV6};
use crate::header::check;
use crate::upper::{Upper, find};

/// Longest ICMPv4 error in octets, IP header included (RFC 1812 §4.3.2.3).
const LONGEST_V4: usize = 576;
/// Longest ICMPv6 error in octets, IP header included (RFC 4443 §2.4 (c)).
const LONGEST_V6: usize = 1280;

/// The error that tells the sender of `packet` that a link takes at most `mtu` octets, sent by the
/// address `from` of the router before that link.
///
/// None where the RFCs forbid an answer: to an ICMP error, to a packet from or to anything but a
/// single host, to a later fragment of IPv4. None also for an IPv4 packet that may be fragmented
/// ([`fragment::split`](crate::fragment::split) does that), for one that is no sound IP packet, and
/// if `from` is of the other family. The caller bounds the rate of errors (RFC 4443 §2.4 (f)).
pub fn too_big(packet: &[u8], mtu: u16, from: IpAddr) -> Option<Vec<u8>> {
    let packet = check(packet).ok()?;
    match from {
        IpAddr::V4(from) => too_big_v4(packet, mtu, from),
        IpAddr::V6(from) => too_big_v6(packet, mtu, from),
    }
}

fn too_big_v4(packet: &[u8], mtu: u16, from: Ipv4Addr) -> Option<Vec<u8>> {
    const DONT_FRAGMENT: u8 = 0x40;
    let addresses = (
        crate::header::source(packet)?,
        crate::header::destination(packet)?,
    );
    let (IpAddr::V4(source), IpAddr::V4(destination)) = addresses else {
        return None;
    };
    let Some(Upper::Header { protocol, offset }) = find(packet) else {
        return None;
    };
    let fragmentable = packet.get(6)? & DONT_FRAGMENT == 0;
    let error = protocol == ICMP && is_icmp_error(packet.get(offset).copied());
    if fragmentable || error || !is_one_host(source) || !is_one_host(destination) {
        return None;
    }
    let [high, low] = mtu.to_be_bytes();
    // Destination unreachable, fragmentation needed.
    let mut message = vec![3, 4, 0, 0, 0, 0, high, low];
    let quote = packet.len().min(LONGEST_V4 - 20 - message.len());
    message.extend_from_slice(packet.get(..quote)?);
    build::icmp(from, source, &message)
}

fn too_big_v6(packet: &[u8], mtu: u16, from: Ipv6Addr) -> Option<Vec<u8>> {
    const REDIRECT: u8 = 137;
    let addresses = (
        crate::header::source(packet)?,
        crate::header::destination(packet)?,
    );
    let (IpAddr::V6(source), IpAddr::V6(destination)) = addresses else {
        return None;
    };
    if let Upper::Header {
        protocol: ICMPV6,
        offset,
    } = find(packet)?
    {
        // Types below 128 are errors (RFC 4443 §2.1).
        let kind = packet.get(offset).copied()?;
        if kind < 128 || kind == REDIRECT {
            return None;
        }
    }
    let one_host = |address: Ipv6Addr| !address.is_multicast() && !address.is_unspecified();
    if !one_host(source) || !one_host(destination) {
        return None;
    }
    let mut message = vec![2, 0, 0, 0];
    message.extend_from_slice(&u32::from(mtu).to_be_bytes());
    let quote = packet.len().min(LONGEST_V6 - 40 - message.len());
    message.extend_from_slice(packet.get(..quote)?);
    build::icmpv6(from, source, build::HOPS, &message)
}

/// Unreachable, source quench, redirect, time exceeded, parameter problem (RFC 1122 §3.2.2); also a
/// message too short to tell.
fn is_icmp_error(kind: Option<u8>) -> bool {
    matches!(kind, None | Some(3 | 4 | 5 | 11 | 12))
}

/// Whether an address can be that of a single host (RFC 1122 §3.2.2).
fn is_one_host(address: Ipv4Addr) -> bool {
    let class_e = address.octets()[0] >= 240;
    !(address.is_unspecified() || address.is_loopback() || address.is_multicast() || class_e)
}

#[cfg(test)]
mod tests {
    use etherparse::{
        Icmpv4Type, Icmpv6Type, PacketBuilder, PacketHeaders, TransportHeader, icmpv4, icmpv6,
    };
    use proptest::prelude::*;

    use super::*;

    const ROUTER4: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 254));
    const ROUTER6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1));

    fn udp4(destination: [u8; 4], length: usize) -> Vec<u8> {
        let mut packet = Vec::new();
        let builder = PacketBuilder::ipv4([10, 0, 0, 1], destination, 64).udp(1, 2);
        builder.write(&mut packet, &vec![7; length]).unwrap();
        packet[6] |= 0x40;
        packet
    }

    fn udp6(destination: [u8; 16], length: usize) -> Vec<u8> {
        let mut packet = Vec::new();
        let builder = PacketBuilder::ipv6([0x20; 16], destination, 64).udp(1, 2);
        builder.write(&mut packet, &vec![7; length]).unwrap();
        packet
    }

    #[test]
    fn tells_the_sender_the_mtu_over_ipv4() {
        let packet = udp4([192, 0, 2, 1], 1472);
        let error = too_big(&packet, 1400, ROUTER4).unwrap();
        assert_eq!(error.len(), LONGEST_V4);
        assert_eq!(crate::header::source(&error), Some(ROUTER4));
        assert_eq!(
            crate::header::destination(&error),
            crate::header::source(&packet)
        );
        let headers = PacketHeaders::from_ip_slice(&error).unwrap();
        let Some(TransportHeader::Icmpv4(icmp)) = headers.transport else {
            panic!("not ICMP")
        };
        let needed = icmpv4::DestUnreachableHeader::FragmentationNeeded { next_hop_mtu: 1400 };
        assert_eq!(icmp.icmp_type, Icmpv4Type::DestinationUnreachable(needed));
        let quote = headers.payload.slice();
        assert_eq!(icmp.checksum, icmp.icmp_type.calc_checksum(quote));
        assert!(packet.starts_with(quote));
        let ip = etherparse::Ipv4HeaderSlice::from_slice(&error).unwrap();
        assert_eq!(ip.header_checksum(), ip.to_header().calc_header_checksum());
    }

    #[test]
    fn tells_the_sender_the_mtu_over_ipv6() {
        let packet = udp6([0x21; 16], 1452);
        let error = too_big(&packet, 1400, ROUTER6).unwrap();
        assert_eq!(error.len(), LONGEST_V6);
        let headers = PacketHeaders::from_ip_slice(&error).unwrap();
        let Some(TransportHeader::Icmpv6(icmp)) = headers.transport else {
            panic!("not ICMPv6")
        };
        assert_eq!(icmp.icmp_type, Icmpv6Type::PacketTooBig { mtu: 1400 });
        let (IpAddr::V6(from), quote) = (ROUTER6, headers.payload.slice()) else {
            panic!()
        };
        let checksum = icmp
            .icmp_type
            .calc_checksum(from.octets(), [0x20; 16], quote);
        assert_eq!(icmp.checksum, checksum.unwrap());
        assert!(packet.starts_with(quote));
    }

    #[test]
    fn stays_silent_where_an_answer_could_echo_for_ever_or_reach_many() {
        assert_eq!(
            too_big(&udp4([224, 0, 0, 1], 9), 1, ROUTER4),
            None,
            "to a group"
        );
        assert_eq!(too_big(&udp4([255; 4], 9), 1, ROUTER4), None, "to all");
        let mut group = [0; 16];
        group[0] = 0xff;
        assert_eq!(too_big(&udp6(group, 9), 1, ROUTER6), None, "to a group");

        let sound = udp4([192, 0, 2, 1], 1000);
        let error = too_big(&sound, 900, ROUTER4).unwrap();
        assert_eq!(too_big(&error, 1, ROUTER4), None, "to an error");
        let error = too_big(&udp6([0x21; 16], 1000), 900, ROUTER6).unwrap();
        assert_eq!(too_big(&error, 1, ROUTER6), None, "to an error");

        let mut fragment = sound.clone();
        fragment[7] = 1;
        assert_eq!(too_big(&fragment, 1, ROUTER4), None, "to a later fragment");
        let mut free = sound.clone();
        free[6] = 0;
        assert_eq!(
            too_big(&free, 1, ROUTER4),
            None,
            "to what may be fragmented"
        );
        assert_eq!(too_big(&sound, 1, ROUTER6), None, "from the other family");
    }

    #[test]
    fn answers_an_echo_request() {
        let mut ping = Vec::new();
        let echo = icmpv6::TYPE_ECHO_REQUEST;
        PacketBuilder::ipv6([0x20; 16], [0x21; 16], 64)
            .icmpv6_raw(echo, 0, [0; 4])
            .write(&mut ping, &[0; 1400])
            .unwrap();
        assert!(too_big(&ping, 1280, ROUTER6).is_some());
    }

    proptest! {
        #[test]
        fn no_octets_make_it_panic(packet in prop::collection::vec(any::<u8>(), 0..90), mtu: u16) {
            for router in [ROUTER4, ROUTER6] {
                let length = too_big(&packet, mtu, router).map_or(0, |error| error.len());
                prop_assert!(length <= packet.len() + 48);
            }
        }
    }
}
