//! IPv6 addresses beyond the link-local one.

use adit_engine::Destination;
use adit_ppp::link::Role;
use adit_sim::Routing;
use adit_sim::netem::Impairment;
use etherparse::{NetSlice, PacketBuilder, SlicedPacket, TransportSlice};

use super::*;

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
fn a_prefix_leads_nowhere_once_its_peer_is_refused_when_challenged_again() {
    let mut config = routed(60_903);
    let Role::Server(authenticator) = &mut config.server.link.role else {
        panic!("a server authenticates");
    };
    authenticator.rechallenge = Some(SECOND * 60);
    let mut world = World::new(config);
    assert!(world.bring_up(0));
    let inside = Ipv6Addr::new(0xfd00, 0x64, 0, 2, 0, 0, 0, 9);
    let packet = echo_v6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), inside, 64);
    let route = |world: &World| world.server().unwrap().route(&packet);
    assert_ne!(route(&world), Destination::Unknown);
    let changed = format!("not {}", adit_sim::password(0));
    world
        .directory()
        .set_password(&adit_sim::user_name(0), &changed);
    world.run_for(SECOND * 120);
    assert_eq!(world.call(Party::Server, 0), None);
    assert_eq!(route(&world), Destination::Unknown);
}
