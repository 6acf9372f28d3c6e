//! Tunnels between a server and a client: every cipher over every kind of path, and hang-up from
//! either side.

#![allow(
    clippy::unwrap_used,
    reason = "a failed expectation of a test is a panic"
)]

use std::time::Duration;

use adit_crypto::mppe_keys::Strength;
use adit_engine::CallEnd;
use adit_ppp::MppeConfig;
use adit_ppp::auth::Method;
use adit_ppp::link::CloseReason;
use adit_ppp::mppe::Mode;
use adit_sim::netem::Impairment;
use adit_sim::probe::{Direction, FlowId, Version};
use adit_sim::{Chance, Party, World, WorldConfig, required, unencrypted};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// All that a tunnel can be secured with.
fn securities() -> Vec<(Method, MppeConfig)> {
    let mut all = Vec::new();
    for strength in [Strength::Bits40, Strength::Bits56, Strength::Bits128] {
        for mode in [Mode::Stateless, Mode::Stateful] {
            for method in [Method::MsChapV1, Method::MsChapV2] {
                all.push((method, required(strength, mode)));
            }
        }
    }
    let methods = [
        Method::Pap,
        Method::ChapMd5,
        Method::MsChapV1,
        Method::MsChapV2,
    ];
    all.extend(methods.map(|method| (method, unencrypted())));
    all
}

/// Paths that lose, duplicate, reorder and delay, but damage nothing.
fn paths() -> Vec<Impairment> {
    let lossy = |percent| Impairment {
        loss: Chance::percent(percent),
        ..Impairment::NONE
    };
    let duplicating = Impairment {
        duplication: Chance::percent(20),
        ..Impairment::NONE
    };
    let reordering = Impairment {
        reordering: Chance::percent(20),
        reorder_by: MS * 15,
        ..Impairment::NONE
    };
    let jittery = Impairment {
        latency: MS * 60,
        jitter: MS * 30,
        ..Impairment::NONE
    };
    let slow = Impairment {
        rate: Some(20_000),
        queue: 20,
        ..Impairment::NONE
    };
    let all_of_it = Impairment {
        loss: Chance::percent(10),
        duplication: Chance::percent(10),
        jitter: MS * 20,
        ..reordering
    };
    vec![
        Impairment::NONE,
        lossy(1),
        lossy(5),
        lossy(20),
        duplicating,
        reordering,
        jittery,
        slow,
        all_of_it,
    ]
}

const DIRECTIONS: [Direction; 2] = [Direction::ToServer, Direction::ToClient];
const VERSIONS: [Version; 2] = [Version::V4, Version::V6];

fn exchange(world: &mut World, packets: usize, interval: Duration) {
    for number in 0..packets {
        for direction in DIRECTIONS {
            for version in VERSIONS {
                assert!(world.send_probe(0, direction, version, 100 + number));
            }
        }
        world.run_for(interval);
    }
    world.run_for(SECOND);
}

fn arrived(world: &World, direction: Direction, version: Version) -> usize {
    let flow = FlowId {
        client: 0,
        direction,
        version,
    };
    let flow = world.traffic().flow(flow);
    flow.map_or(0, |flow| flow.arrived().len())
}

fn each_flow(world: &World, mut check: impl FnMut(usize)) {
    for direction in DIRECTIONS {
        for version in VERSIONS {
            check(arrived(world, direction, version));
        }
    }
}

/// Nothing is left of a tunnel, and both ends said so once.
fn assert_over(world: &mut World) {
    for party in [Party::Server, Party::Client(0)] {
        let ledger = world.ledger(party);
        assert!(ledger.calls().is_empty(), "{party:?}");
        assert!(!ledger.finished().is_empty(), "{party:?}");
        assert_eq!(ledger.finished().len(), ledger.closed().len(), "{party:?}");
    }
    let (server, client) = (world.server().unwrap(), world.client(0).unwrap());
    assert_eq!((server.call_count(), server.connection_count()), (0, 0));
    assert_eq!((client.call_count(), client.connection_count()), (0, 0));
    assert_eq!(world.directory().leases(), 0);
}

#[test]
fn every_cipher_carries_packets_over_every_path() {
    let mut seed = 0;
    for (method, mppe) in securities() {
        for path in paths() {
            for _ in 0..4 {
                seed += 1;
                let config = WorldConfig::new(seed, 1).impaired(path);
                let mut world = World::new(config.secured(&[method], &mppe));
                assert!(world.bring_up(0));
                exchange(&mut world, 40, SECOND);
                // Where CCP's packets are lost, it may be negotiating again for some seconds.
                let least = if path.loss > Chance::NEVER { 10 } else { 40 };
                each_flow(&world, |arrived| {
                    assert!(arrived >= least, "seed {seed}, {path:?}: {arrived}");
                });
                let from = [Party::Server, Party::Client(0)][seed as usize % 2];
                assert!(world.hang_up(from, 0));
                world.run_for(SECOND * 150);
                assert_over(&mut world);
            }
        }
    }
}

#[test]
fn an_unimpaired_path_loses_nothing_in_any_cipher() {
    for (seed, (method, mppe)) in (1_000..).zip(securities()) {
        let mut world = World::new(WorldConfig::new(seed, 1).secured(&[method], &mppe));
        assert!(world.bring_up(0));
        assert!(world.elapsed() < SECOND, "{:?}", world.elapsed());
        exchange(&mut world, 300, MS);
        each_flow(&world, |arrived| assert_eq!(arrived, 300, "{method}"));
    }
}

#[test]
fn a_damaging_path_does_not_harm_a_tunnel_for_good() {
    let methods = [Method::MsChapV2];
    let path = Impairment {
        corruption: Chance::percent(3),
        loss: Chance::percent(2),
        duplication: Chance::percent(2),
        jitter: MS * 10,
        ..Impairment::NONE
    };
    let mut damaged = 0;
    for mode in [Mode::Stateless, Mode::Stateful] {
        for seed in 2_000..2_100 {
            let mppe = required(Strength::Bits128, mode);
            let mut config = WorldConfig::new(seed, 1)
                .impaired(path)
                .secured(&methods, &mppe);
            config.clients[0].more_passwords = vec![adit_sim::password(0); 4];
            let mut world = World::new(config);
            assert!(world.bring_up(0));
            for _ in 0..60 {
                for direction in DIRECTIONS {
                    world.send_probe(0, direction, Version::V4, 200);
                }
                world.run_for(MS * 20);
            }
            damaged += world.traffic().damaged();
            // The damage ends: so does its effect.
            world.impair(0, Impairment::NONE);
            world.run_for(SECOND * 5);
            if !world.is_up(0) {
                // A damaged packet can say goodbye; the peers have then parted in order.
                assert!(world.bring_up(0));
            }
            // A wrong sequence number that was believed costs 256 packets at most, a wrong coherency
            // count of stateful mode at most 16 answered Reset-Requests of 100 ms each.
            for _ in 0..512 {
                for direction in DIRECTIONS {
                    assert!(world.send_probe(0, direction, Version::V4, 60));
                }
                world.run_for(MS * 5);
            }
            world.run_for(SECOND);
            let before = DIRECTIONS.map(|direction| arrived(&world, direction, Version::V4));
            for _ in 0..100 {
                for direction in DIRECTIONS {
                    assert!(world.send_probe(0, direction, Version::V4, 200));
                }
                world.run_for(MS * 20);
            }
            world.run_for(SECOND);
            for (direction, before) in DIRECTIONS.into_iter().zip(before) {
                let after = arrived(&world, direction, Version::V4) - before;
                assert_eq!(after, 100, "seed {seed}, {mode:?}");
            }
        }
    }
    assert!(damaged > 100, "{damaged}");
}

#[test]
fn either_side_hangs_up_and_both_know_who_it_was() {
    for seed in 3_000..3_050 {
        for from in [Party::Server, Party::Client(0)] {
            let mut world = World::new(WorldConfig::new(seed, 1));
            assert!(world.bring_up(0));
            world.hang_up(from, 0);
            let start = world.elapsed();
            assert!(world.run_until(SECOND, |world| {
                world
                    .client(0)
                    .is_some_and(|client| client.connection_count() == 0)
                    && world
                        .server()
                        .is_some_and(|server| server.connection_count() == 0)
            }));
            assert!(world.elapsed() - start < SECOND / 2);
            assert_over(&mut world);
            for party in [Party::Server, Party::Client(0)] {
                let why = &world.ledger(party).finished()[0].why;
                let is_own = *why == CallEnd::Link(CloseReason::Requested);
                assert_eq!(is_own, party == from, "{party:?}: {why}");
            }
        }
    }
}

#[test]
fn a_shut_down_of_either_side_leaves_nothing_behind() {
    for seed in 3_100..3_150 {
        for from in [Party::Server, Party::Client(0)] {
            let mut world = World::new(WorldConfig::new(seed, 1));
            assert!(world.bring_up(0));
            world.shut_down(from);
            world.run_for(SECOND);
            assert_over(&mut world);
        }
    }
}

#[test]
fn an_end_at_any_moment_of_the_set_up_leaves_nothing_behind() {
    for seed in 3_200..3_800 {
        let from = [Party::Server, Party::Client(0)][seed as usize % 2];
        let path = paths()[seed as usize % 4];
        let mut world = World::new(WorldConfig::new(seed, 1).impaired(path));
        world.connect(0);
        world.run_for(MS * ((seed as u32 - 3_200) / 2 % 150));
        if seed < 3_500 || !world.hang_up(from, 0) {
            world.shut_down(from);
        }
        world.run_for(SECOND * 200);
        let counts = |party| world.ledger(party).calls().len();
        assert_eq!([counts(Party::Server), counts(Party::Client(0))], [0, 0]);
        let (server, client) = (world.server().unwrap(), world.client(0).unwrap());
        assert_eq!(
            (server.connection_count(), client.connection_count()),
            (0, 0),
            "seed {seed}"
        );
    }
}

#[test]
fn a_run_is_a_pure_function_of_its_seed() {
    let path = paths()[8];
    let run = |seed| {
        let mut world = World::new(WorldConfig::new(seed, 1).impaired(path));
        assert!(world.bring_up(0));
        exchange(&mut world, 50, MS * 20);
        (world.fingerprint(), world.elapsed())
    };
    assert_eq!(run(4_000), run(4_000));
    assert_ne!(run(4_000), run(4_001));
}
