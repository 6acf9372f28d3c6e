//! Peers that mean harm: whatever they send, the server's memory stays bounded, nothing of theirs is
//! left behind in the end, and other sessions are unharmed.

#![allow(
    clippy::unwrap_used,
    reason = "a failed expectation of a test is a panic"
)]

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use adit_sim::probe::{Direction, FlowId, Version};
use adit_sim::{Party, World, WorldConfig};
use adit_wire::gre::Header;

mod control;
mod outsiders;
mod peers;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const HOSTILE: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 66));

/// A world with an honest client whose tunnel is up.
fn world(seed: u64) -> World {
    up(WorldConfig::new(seed, 1))
}

fn up(config: WorldConfig) -> World {
    let mut world = World::new(config);
    assert!(world.bring_up(0));
    world.run_for(SECOND);
    world
}

fn arrived(world: &World, direction: Direction) -> usize {
    let flow = FlowId {
        client: 0,
        direction,
        version: Version::V4,
    };
    world
        .traffic()
        .flow(flow)
        .map_or(0, |flow| flow.arrived().len())
}

/// Some of the honest client's traffic, both ways, of which nothing may be lost.
fn assert_unharmed(world: &mut World, packets: usize) {
    for direction in [Direction::ToServer, Direction::ToClient] {
        let before = arrived(world, direction);
        for _ in 0..packets {
            assert!(world.send_probe(0, direction, Version::V4, 100));
            world.run_for(MS);
        }
        world.run_for(SECOND / 5);
        assert_eq!(arrived(world, direction) - before, packets, "{direction:?}");
    }
}

/// Runs until the server has given up on all but the honest client.
fn assert_nothing_is_left(world: &mut World) {
    world.run_for(SECOND * 400);
    let server = world.server().unwrap();
    assert_eq!((server.call_count(), server.connection_count()), (1, 1));
    assert_eq!(world.directory().leases(), 1);
    assert!(world.is_up(0));
    assert_unharmed(world, 5);
}

/// A packet of enhanced GRE with any payload.
fn gre(call_id: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let header = Header {
        call_id,
        payload_length: u16::try_from(payload.len()).unwrap(),
        sequence: Some(sequence),
        acknowledgment: None,
    };
    let mut packet = Vec::new();
    header.append_to(&mut packet);
    packet.extend_from_slice(payload);
    packet
}

fn client_address(world: &World) -> (IpAddr, u16) {
    let call = world.call(Party::Server, 0).unwrap();
    let index_0 = IpAddr::V4(Ipv4Addr::new(198, 18, 0, 1));
    (index_0, call.local_call_id())
}
