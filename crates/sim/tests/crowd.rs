//! Many clients at once, some of them behind one address.

#![allow(
    clippy::unwrap_used,
    reason = "a failed expectation of a test is a panic"
)]

use std::collections::BTreeSet;
use std::time::Duration;

use adit_sim::netem::Impairment;
use adit_sim::probe::{Direction, FlowId, Version};
use adit_sim::{Chance, Party, Site, World, WorldConfig};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// Every third client has an address of its own, the others share two.
fn crowd(seed: u64, clients: usize) -> WorldConfig {
    let mut config = WorldConfig::new(seed, clients);
    for (index, client) in config.clients.iter_mut().enumerate() {
        client.site = match index % 3 {
            0 => Site::Public,
            other => Site::Behind(other as u8),
        };
    }
    config
}

fn up(world: &World, clients: usize) -> usize {
    (0..clients).filter(|index| world.is_up(*index)).count()
}

fn connect_all(world: &mut World, clients: usize) {
    for index in 0..clients {
        world.connect(index);
        world.run_for(MS);
    }
    wait_for_all(world, clients);
}

fn wait_for_all(world: &mut World, clients: usize) {
    let limit = world.elapsed() + SECOND * 120;
    while up(world, clients) < clients {
        world.run_for(SECOND / 10);
        assert!(world.elapsed() < limit, "{} are up", up(world, clients));
    }
}

/// Everybody sends to the server and gets from it, all at once.
fn exchange(world: &mut World, clients: usize, rounds: usize) {
    for _ in 0..rounds {
        for index in 0..clients {
            for direction in [Direction::ToServer, Direction::ToClient] {
                for version in [Version::V4, Version::V6] {
                    assert!(world.send_probe(index, direction, version, 300));
                }
            }
        }
        world.run_for(MS * 10);
    }
    world.run_for(SECOND);
}

/// How many packets of each client's worst flow arrived.
fn worst(world: &World) -> usize {
    let flows = world.traffic().flows();
    flows.map(|(_, flow)| flow.arrived().len()).min().unwrap()
}

fn leave(world: &mut World, clients: usize) {
    for index in 0..clients {
        let party = [Party::Server, Party::Client(index)][index % 2];
        assert!(world.hang_up(party, index));
    }
    world.run_for(SECOND * 150);
    let server = world.server().unwrap();
    assert_eq!((server.call_count(), server.connection_count()), (0, 0));
    assert_eq!(world.ledger(Party::Server).finished().len(), clients);
    assert_eq!(world.directory().leases(), 0);
}

#[test]
fn ten_clients_share_a_server_over_bad_paths() {
    let path = Impairment {
        loss: Chance::percent(3),
        duplication: Chance::percent(3),
        jitter: MS * 20,
        ..Impairment::NONE
    };
    for seed in 10_000..10_010 {
        let mut world = World::new(crowd(seed, 10).impaired(path));
        connect_all(&mut world, 10);
        // Lost packets may have CCP negotiate once more.
        world.run_for(SECOND * 20);
        exchange(&mut world, 10, 50);
        assert!(worst(&world) > 35, "{}", worst(&world));
        leave(&mut world, 10);
    }
}

#[test]
fn a_hundred_clients_share_a_server_and_none_gets_what_is_anothers() {
    let mut world = World::new(crowd(10_100, 100));
    connect_all(&mut world, 100);
    let calls = world.ledger(Party::Server).calls();
    let addresses: BTreeSet<_> = calls.values().filter_map(|call| call.ipv4?.peer).collect();
    assert_eq!(addresses.len(), 100);
    exchange(&mut world, 100, 5);
    assert_eq!(world.traffic().flows().count(), 400);
    assert_eq!(worst(&world), 5);
    leave(&mut world, 100);
}

#[test]
fn clients_come_and_go_without_disturbing_the_others() {
    const CLIENTS: usize = 12;
    let mut world = World::new(crowd(10_200, CLIENTS));
    connect_all(&mut world, CLIENTS);
    for round in 0..60 {
        let leaving = 1 + round % (CLIENTS - 1);
        let party = [Party::Server, Party::Client(leaving)][round % 2];
        assert!(world.hang_up(party, leaving), "round {round}");
        for _ in 0..20 {
            assert!(world.send_probe(0, Direction::ToServer, Version::V4, 500));
            assert!(world.send_probe(0, Direction::ToClient, Version::V4, 500));
            world.run_for(MS * 10);
        }
        world.connect(leaving);
        wait_for_all(&mut world, CLIENTS);
    }
    for direction in [Direction::ToServer, Direction::ToClient] {
        let flow = FlowId {
            client: 0,
            direction,
            version: Version::V4,
        };
        let flow = world.traffic().flow(flow).unwrap();
        assert_eq!(flow.arrived().len(), flow.sent());
    }
    assert_eq!(world.ledger(Party::Server).finished().len(), 60);
    assert_eq!(world.directory().leases(), CLIENTS);
}
