//! Packets longer than the tunnel carries.

use adit_sim::netem::Impairment;
use etherparse::{Icmpv4Type, Icmpv6Type, NetSlice, SlicedPacket, TransportSlice, icmpv4};

use super::*;

fn allow_fragments(packet: &mut [u8]) {
    packet[6] &= !0x40;
    packet[10..12].fill(0);
    let sum: u32 = packet[..20]
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]))
        .sum();
    let checksum = !((sum & 0xffff) + (sum >> 16)) as u16;
    packet[10..12].copy_from_slice(&checksum.to_be_bytes());
}

#[test]
fn the_mtu_of_a_tunnel_is_what_its_path_leaves() {
    for (path_mtu, expected) in [(1500, 1456), (1492, 1448), (1400, 1356), (9_000, 1496)] {
        let mut config = WorldConfig::new(60_000, 1).impaired(Impairment {
            mtu: usize::from(path_mtu) - 20,
            ..Impairment::NONE
        });
        config.clients[0].path_mtu = path_mtu;
        let mut world = up(config);
        for direction in DIRECTIONS {
            assert_eq!(mtu(&world, sender(direction)), expected, "{path_mtu}");
            let (from, to) = v4(&world, direction);
            let whole = echo_v4(from, to, expected);
            assert_eq!(
                pass(&mut world, direction, whole.clone()),
                (vec![whole], vec![])
            );
        }
    }
}

#[test]
fn a_packet_too_big_is_answered_where_it_must_not_be_fragmented() {
    let mut world = tunnel(60_100);
    for direction in DIRECTIONS {
        let mtu = mtu(&world, sender(direction));
        let (from, to) = v4(&world, direction);
        let packet = echo_v4(from, to, mtu + 1);
        let (arrived, returned) = pass(&mut world, direction, packet.clone());
        assert_eq!(arrived, Vec::<Vec<u8>>::new());
        let [answer] = &returned[..] else {
            panic!("there is one answer");
        };
        let sliced = SlicedPacket::from_ip(answer).unwrap();
        let (Some(NetSlice::Ipv4(ip)), Some(TransportSlice::Icmpv4(icmp))) =
            (sliced.net, sliced.transport)
        else {
            panic!("the answer is ICMP");
        };
        assert_eq!(ip.header().destination_addr(), from);
        let header = icmpv4::DestUnreachableHeader::FragmentationNeeded {
            next_hop_mtu: mtu as u16,
        };
        assert_eq!(icmp.icmp_type(), Icmpv4Type::DestinationUnreachable(header));
        assert!(packet.starts_with(icmp.payload()));
    }
}

#[test]
fn a_packet_too_big_of_ipv6_is_answered() {
    let mut world = tunnel(60_200);
    for direction in DIRECTIONS {
        let mtu = mtu(&world, sender(direction));
        let (from, to) = v6(&world, direction);
        let (arrived, returned) = pass(&mut world, direction, echo_v6(from, to, mtu + 1));
        assert_eq!(arrived, Vec::<Vec<u8>>::new());
        let [answer] = &returned[..] else {
            panic!("there is one answer");
        };
        let sliced = SlicedPacket::from_ip(answer).unwrap();
        let Some(TransportSlice::Icmpv6(icmp)) = sliced.transport else {
            panic!("the answer is ICMPv6");
        };
        let expected = Icmpv6Type::PacketTooBig { mtu: mtu as u32 };
        assert_eq!(icmp.icmp_type(), expected);
    }
}

#[test]
fn a_packet_too_big_that_may_be_fragmented_arrives_in_fragments() {
    let mut world = tunnel(60_300);
    for direction in DIRECTIONS {
        let mtu = mtu(&world, sender(direction));
        let (from, to) = v4(&world, direction);
        let mut packet = echo_v4(from, to, 4_000);
        allow_fragments(&mut packet);
        let (arrived, returned) = pass(&mut world, direction, packet.clone());
        assert_eq!(returned, Vec::<Vec<u8>>::new());
        assert_eq!(arrived.len(), 3);
        let mut payload: Vec<u8> = Vec::new();
        for (number, fragment) in arrived.iter().enumerate() {
            assert!(fragment.len() <= mtu);
            let sliced = SlicedPacket::from_ip(fragment).unwrap();
            let Some(NetSlice::Ipv4(ip)) = sliced.net else {
                panic!("it is IPv4");
            };
            let header = ip.header();
            assert_eq!(
                header.header_checksum(),
                header.to_header().calc_header_checksum()
            );
            assert_eq!(
                usize::from(header.fragments_offset().value()) * 8,
                payload.len()
            );
            assert_eq!(header.more_fragments(), number < 2);
            payload.extend(&fragment[20..]);
        }
        assert_eq!(payload, packet[20..]);
    }
}
