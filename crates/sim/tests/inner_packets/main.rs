//! What the endpoints do to inner packets: their size, their MSS, their source, and IPv6 routing.

#![allow(
    clippy::unwrap_used,
    reason = "a failed expectation of a test is a panic"
)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use adit_sim::probe::{Direction, Version};
use adit_sim::{Party, SERVER_INNER, World, WorldConfig};
use etherparse::PacketBuilder;

mod addresses;
mod mss;
mod router;
mod size;

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
