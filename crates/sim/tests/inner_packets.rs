//! What the endpoints do to inner packets: their size, their MSS, their source, and IPv6 routing.

#![allow(
    clippy::unwrap_used,
    reason = "a failed expectation of a test is a panic"
)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use adit_sim::netem::Impairment;
use adit_sim::probe::{Direction, Version, ipv4_header, ipv6_header};
use adit_sim::{Party, Routing, SERVER_INNER, World, WorldConfig};
use etherparse::{
    Icmpv4Type, Icmpv6Type, NetSlice, PacketBuilder, SlicedPacket, TcpOptionElement,
    TransportSlice, icmpv4,
};

const SECOND: Duration = Duration::from_secs(1);
const DIRECTIONS: [Direction; 2] = [Direction::ToServer, Direction::ToClient];
const BEYOND: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 99);

fn tunnel(seed: u64) -> World {
    up(WorldConfig::new(seed, 1))
}

fn up(config: WorldConfig) -> World {
    let mut world = World::new(config);
    assert!(world.bring_up(0));
    world.run_for(SECOND);
    for party in [Party::Server, Party::Client(0)] {
        world.take_inbox(party);
    }
    world
}

fn sender(direction: Direction) -> Party {
    match direction {
        Direction::ToServer => Party::Client(0),
        Direction::ToClient => Party::Server,
    }
}

fn receiver(direction: Direction) -> Party {
    match direction {
        Direction::ToServer => Party::Server,
        Direction::ToClient => Party::Client(0),
    }
}

fn v4(world: &World, direction: Direction) -> (Ipv4Addr, Ipv4Addr) {
    match world.inner_addresses(0, direction, Version::V4) {
        Some((IpAddr::V4(from), IpAddr::V4(to))) => (from, to),
        other => panic!("{other:?}"),
    }
}

fn v6(world: &World, direction: Direction) -> (Ipv6Addr, Ipv6Addr) {
    match world.inner_addresses(0, direction, Version::V6) {
        Some((IpAddr::V6(from), IpAddr::V6(to))) => (from, to),
        other => panic!("{other:?}"),
    }
}

/// The link's MTU as one end has it.
fn mtu(world: &World, party: Party) -> usize {
    let call = world.call(party, 0).unwrap();
    let endpoint = match party {
        Party::Server => world.server(),
        Party::Client(index) => world.client(index),
    };
    endpoint.unwrap().report(call).unwrap().link.mtu.into()
}

fn inbox(world: &mut World, party: Party) -> Vec<Vec<u8>> {
    let inbox = world.take_inbox(party);
    inbox.into_iter().map(|(_, packet)| packet).collect()
}

/// What arrives of an inner packet, and what comes back to its sender.
fn pass(world: &mut World, direction: Direction, packet: Vec<u8>) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    world.send_packet(0, direction, packet);
    world.run_for(SECOND);
    (
        inbox(world, receiver(direction)),
        inbox(world, sender(direction)),
    )
}

fn echo_v4(from: Ipv4Addr, to: Ipv4Addr, length: usize) -> Vec<u8> {
    let builder = PacketBuilder::ipv4(from.octets(), to.octets(), 64).icmpv4_echo_request(1, 1);
    let mut packet = Vec::new();
    let payload: Vec<u8> = (0..length - 28).map(|at| at as u8).collect();
    builder.write(&mut packet, &payload).unwrap();
    packet
}

fn echo_v6(from: Ipv6Addr, to: Ipv6Addr, length: usize) -> Vec<u8> {
    let builder = PacketBuilder::ipv6(from.octets(), to.octets(), 64).icmpv6_echo_request(1, 1);
    let mut packet = Vec::new();
    builder.write(&mut packet, &vec![7; length - 48]).unwrap();
    packet
}

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

/// The MSS of a SYN, after its checksums were checked.
fn mss(packet: &[u8]) -> u16 {
    let sliced = SlicedPacket::from_ip(packet).unwrap();
    let Some(TransportSlice::Tcp(tcp)) = sliced.transport else {
        panic!("it is TCP");
    };
    let checksum = match sliced.net.unwrap() {
        NetSlice::Ipv4(ip) => {
            tcp.calc_checksum_ipv4(ip.header().source(), ip.header().destination())
        }
        NetSlice::Ipv6(ip) => {
            tcp.calc_checksum_ipv6(ip.header().source(), ip.header().destination())
        }
        NetSlice::Arp(_) => panic!("it is IP"),
    };
    assert_eq!(checksum.unwrap(), tcp.checksum());
    let mss = tcp.options_iterator().find_map(|option| match option {
        Ok(TcpOptionElement::MaximumSegmentSize(mss)) => Some(mss),
        _ => None,
    });
    mss.unwrap()
}

fn syn(from: IpAddr, to: IpAddr, mss: u16) -> Vec<u8> {
    let builder = match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => PacketBuilder::ipv4(from.octets(), to.octets(), 64),
        (IpAddr::V6(from), IpAddr::V6(to)) => PacketBuilder::ipv6(from.octets(), to.octets(), 64),
        _ => panic!("the addresses differ in family"),
    };
    let builder = builder
        .tcp(50_000, 443, 1, 65_535)
        .syn()
        .options(&[TcpOptionElement::MaximumSegmentSize(mss)])
        .unwrap();
    let mut packet = Vec::new();
    builder.write(&mut packet, &[]).unwrap();
    packet
}

#[test]
fn the_mss_of_a_syn_is_lowered_to_the_tunnel_in_both_directions() {
    let mut world = tunnel(60_400);
    for direction in DIRECTIONS {
        for (version, headers) in [(Version::V4, 40), (Version::V6, 60)] {
            let (from, to) = world.inner_addresses(0, direction, version).unwrap();
            let fits = mtu(&world, sender(direction)) as u16 - headers;
            for (sent, expected) in [(1460, fits), (fits, fits), (500, 500)] {
                let (arrived, _) = pass(&mut world, direction, syn(from, to, sent));
                assert_eq!(arrived.len(), 1);
                assert_eq!(mss(&arrived[0]), expected);
            }
        }
    }
}

#[test]
fn one_end_alone_lowers_the_mss_in_both_directions() {
    for clamping in [Party::Server, Party::Client(0)] {
        let mut config = WorldConfig::new(60_500, 1);
        config.server.clamp_mss = clamping == Party::Server;
        config.clients[0].endpoint.clamp_mss = clamping != Party::Server;
        let mut world = up(config);
        for direction in DIRECTIONS {
            let (from, to) = v4(&world, direction);
            let (arrived, _) = pass(&mut world, direction, syn(from.into(), to.into(), 1460));
            assert_eq!(mss(&arrived[0]), 1416);
        }
    }
}

#[test]
fn a_source_that_is_not_the_clients_is_dropped_and_counted() {
    let mut world = tunnel(60_600);
    let (own, _) = v4(&world, Direction::ToServer);
    let (own6, peer6) = v6(&world, Direction::ToServer);
    let foreign6 = Ipv6Addr::new(0xfd00, 0x64, 0, 0x77, 0, 0, 0, 1);
    let forged = [
        echo_v4(BEYOND, SERVER_INNER, 100),
        echo_v4(SERVER_INNER, own, 100),
        echo_v6(foreign6, peer6, 100),
        echo_v6(peer6, own6, 100),
    ];
    let count = forged.len() as u64;
    for packet in forged {
        let (arrived, _) = pass(&mut world, Direction::ToServer, packet);
        assert_eq!(arrived, Vec::<Vec<u8>>::new());
    }
    let call = world.call(Party::Server, 0).unwrap();
    let report = world.server().unwrap().report(call).unwrap();
    assert_eq!(report.packets.foreign_source, count);
    let honest = echo_v4(own, BEYOND, 100);
    let (arrived, _) = pass(&mut world, Direction::ToServer, honest.clone());
    assert_eq!(arrived, [honest]);
}

#[test]
fn a_client_takes_packets_from_anywhere_behind_its_server() {
    let mut world = tunnel(60_700);
    let (own, _) = v4(&world, Direction::ToServer);
    let packet = echo_v4(BEYOND, own, 100);
    let (arrived, _) = pass(&mut world, Direction::ToClient, packet.clone());
    assert_eq!(arrived, [packet]);
}

#[test]
fn packets_to_nobodys_address_go_nowhere() {
    let mut world = tunnel(60_800);
    let packet = echo_v4(SERVER_INNER, BEYOND, 100);
    let (arrived, returned) = pass(&mut world, Direction::ToClient, packet);
    assert_eq!((arrived.len(), returned.len()), (0, 0));
}

/// Whether a packet is a router advertisement, and for which prefix.
fn advertised(packet: &[u8]) -> Option<[u8; 8]> {
    let sliced = SlicedPacket::from_ip(packet).ok()?;
    let Some(TransportSlice::Icmpv6(icmp)) = sliced.transport else {
        return None;
    };
    let Some(NetSlice::Ipv6(ip)) = sliced.net else {
        return None;
    };
    let (source, destination) = (ip.header().source(), ip.header().destination());
    assert!(icmp.is_checksum_valid(source, destination));
    if icmp.type_u8() != 134 {
        return None;
    }
    assert_eq!(ip.header().hop_limit(), 255);
    // Behind 16 octets of ICMPv6 the options: type, length in units of 8 octets, value.
    let mut options = &ip.payload().payload[16..];
    while let [kind, length, ..] = *options {
        let (option, rest) = options.split_at(usize::from(length) * 8);
        if kind == 3 {
            return option[16..24].try_into().ok();
        }
        options = rest;
    }
    None
}

fn advertisements(world: &mut World) -> usize {
    let arrived = inbox(world, Party::Client(0));
    let prefixes = arrived.iter().filter_map(|packet| advertised(packet));
    prefixes
        .inspect(|prefix| assert_eq!(*prefix, [0xfd, 0, 0, 0x64, 0, 0, 0, 2]))
        .count()
}

fn solicitation(from: Ipv6Addr) -> Vec<u8> {
    let all_routers = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
    let builder = PacketBuilder::ipv6(from.octets(), all_routers.octets(), 255);
    let mut packet = Vec::new();
    builder
        .icmpv6_raw(133, 0, [0; 4])
        .write(&mut packet, &[])
        .unwrap();
    packet
}

fn routed(seed: u64) -> WorldConfig {
    WorldConfig {
        routing: Routing::Advertised,
        ..WorldConfig::new(seed, 1)
    }
}

#[test]
fn a_router_is_advertised_when_ipv6_comes_up_and_when_it_is_asked_for() {
    let mut world = World::new(routed(60_900));
    assert!(world.bring_up(0));
    world.run_for(SECOND);
    assert_eq!(advertisements(&mut world), 1);
    let (own, _) = v6(&world, Direction::ToServer);
    for from in [own, Ipv6Addr::UNSPECIFIED] {
        world.send_packet(0, Direction::ToServer, solicitation(from));
        world.run_for(SECOND);
        assert_eq!(advertisements(&mut world), 1, "{from}");
        assert_eq!(inbox(&mut world, Party::Server), Vec::<Vec<u8>>::new());
    }
    world.run_for(SECOND * 3_600);
    let unasked = advertisements(&mut world);
    assert!((2..=20).contains(&unasked), "{unasked}");
}

#[test]
fn a_solicitation_that_waited_for_an_earlier_packet_is_answered_too() {
    for seed in 61_000..61_050 {
        let mut world = up(routed(seed));
        let (own, _) = v6(&world, Direction::ToServer);
        // The one before it is lost: the solicitation waits for as long as it may be missing.
        world.block_gre(0);
        world.send_probe(0, Direction::ToServer, Version::V4, 100);
        world.impair(0, Impairment::NONE);
        world.send_packet(0, Direction::ToServer, solicitation(own));
        world.run_for(SECOND);
        assert_eq!(advertisements(&mut world), 1, "seed {seed}");
    }
}

#[test]
fn no_router_is_advertised_where_there_is_none() {
    let mut world = World::new(WorldConfig::new(61_100, 1));
    assert!(world.bring_up(0));
    world.run_for(SECOND * 3_600);
    assert_eq!(advertisements(&mut world), 0);
    assert!(world.is_up(0));
}

#[test]
fn addresses_of_the_advertised_prefix_are_routed_both_ways() {
    let mut world = up(routed(61_200));
    let own = Ipv6Addr::new(0xfd00, 0x64, 0, 2, 1, 2, 3, 4);
    let beyond = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 9);
    for (direction, from, to) in [
        (Direction::ToServer, own, beyond),
        (Direction::ToClient, beyond, own),
    ] {
        let packet = echo_v6(from, to, 200);
        let (arrived, _) = pass(&mut world, direction, packet.clone());
        assert_eq!(arrived, [packet]);
    }
}

#[test]
fn octets_behind_an_inner_packet_do_no_harm() {
    let mut world = tunnel(61_300);
    let (from, to) = v4(&world, Direction::ToServer);
    let mut packet = ipv4_header(from, to, 40, 253).to_vec();
    packet.resize(60, 9);
    let (arrived, _) = pass(&mut world, Direction::ToServer, packet.clone());
    assert!(arrived[0].starts_with(&packet[..40]));
    let (from, to) = v6(&world, Direction::ToServer);
    let mut packet = ipv6_header(from, to, 60, 59).to_vec();
    packet.resize(80, 9);
    let (arrived, _) = pass(&mut world, Direction::ToServer, packet.clone());
    assert!(arrived[0].starts_with(&packet[..60]));
}
