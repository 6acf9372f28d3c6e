//! Packets that overtake each other: put into order within a bound of time, never later.

#![allow(
    clippy::unwrap_used,
    reason = "a failed expectation of a test is a panic"
)]

use std::time::Duration;

use adit_pptp::session::SessionConfig;
use adit_sim::netem::Impairment;
use adit_sim::probe::{Direction, FlowId, Version};
use adit_sim::{Chance, Flow, Party, World, WorldConfig};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
/// How long a packet waits for earlier ones.
const BOUND: Duration = Duration::from_millis(50);

const UP: FlowId = FlowId {
    client: 0,
    direction: Direction::ToServer,
    version: Version::V4,
};

/// A tunnel that came up over a good path, which from then on is another one.
fn tunnel(seed: u64, session: &SessionConfig, path: Impairment) -> World {
    let mut world = World::new(WorldConfig::new(seed, 1).sessions(session));
    assert!(world.bring_up(0));
    world.run_for(SECOND);
    world.impair(0, path);
    world
}

fn send(world: &mut World, packets: usize, interval: Duration) {
    for _ in 0..packets {
        assert!(world.send_probe(0, UP.direction, UP.version, 100));
        world.run_for(interval);
    }
    world.run_for(SECOND);
}

fn flow(world: &World) -> &Flow {
    world.traffic().flow(UP).unwrap()
}

#[test]
fn jitter_within_the_bound_costs_neither_packets_nor_order() {
    let path = Impairment {
        jitter: BOUND,
        ..Impairment::NONE
    };
    for seed in 50_000..50_020 {
        let mut world = tunnel(seed, &SessionConfig::default(), path);
        send(&mut world, 300, MS);
        let arrived: Vec<_> = flow(&world).arrived().collect();
        assert_eq!(arrived, (0..300).collect::<Vec<_>>());
        let longest = flow(&world).transits().max().unwrap();
        assert!(longest <= path.longest() + BOUND, "{longest:?}");
    }
}

#[test]
fn jitter_beyond_the_bound_costs_packets_but_never_order_or_time() {
    let path = Impairment {
        jitter: BOUND * 6,
        ..Impairment::NONE
    };
    for seed in 50_100..50_120 {
        let mut world = tunnel(seed, &SessionConfig::default(), path);
        send(&mut world, 300, MS * 2);
        // The world has seen to the order.
        let arrived = flow(&world).arrived().len();
        assert!((50..300).contains(&arrived), "{arrived}");
        let longest = flow(&world).transits().max().unwrap();
        assert!(longest <= path.longest() + BOUND, "{longest:?}");
    }
}

#[test]
fn a_lost_packet_holds_the_others_up_for_the_bound_at_most() {
    let path = Impairment {
        loss: Chance::percent(20),
        ..Impairment::NONE
    };
    for seed in 50_200..50_220 {
        let mut world = tunnel(seed, &SessionConfig::default(), path);
        send(&mut world, 500, MS * 5);
        let lost = report(&world).lost as usize;
        // A loss at the very end is noticed by nobody.
        let missing = flow(&world).sent() - flow(&world).arrived().len();
        assert!((missing - 10..=missing).contains(&lost), "{lost} {missing}");
        assert!(missing > 50);
        let longest = flow(&world).transits().max().unwrap();
        assert_eq!(longest, path.longest() + BOUND);
    }
}

#[test]
fn without_a_window_nothing_is_held_up() {
    let session = SessionConfig {
        reorder_packets: 0,
        ..SessionConfig::default()
    };
    let path = Impairment {
        loss: Chance::percent(5),
        reordering: Chance::percent(10),
        reorder_by: MS * 7,
        ..Impairment::NONE
    };
    for seed in 50_300..50_320 {
        let mut world = tunnel(seed, &session, path);
        send(&mut world, 500, MS);
        let longest = flow(&world).transits().max().unwrap();
        assert!(longest <= path.longest(), "{longest:?}");
        assert!(report(&world).late > 10);
    }
}

#[test]
fn a_burst_of_loss_longer_than_the_window_does_not_stall_the_rest() {
    for lost in [1, 63, 64, 65, 255, 256, 257, 1_000, 4_096, 5_000] {
        let mut world = tunnel(50_400, &SessionConfig::default(), Impairment::NONE);
        send(&mut world, 10, MS);
        world.block_gre(0);
        send(&mut world, lost, Duration::from_micros(10));
        world.impair(0, Impairment::NONE);
        send(&mut world, 600, MS);
        let first = 10 + lost as u64;
        let after: Vec<_> = flow(&world).arrived().skip(10).collect();
        if lost < 256 {
            assert!(after.iter().copied().eq(first..first + 600), "{lost} lost");
        }
        // A longer gap is not believed at once, and the keys of so many packets take some time.
        assert!(
            after
                .iter()
                .copied()
                .rev()
                .take(200)
                .eq((first + 400..first + 600).rev())
        );
    }
}

#[test]
fn duplicates_are_delivered_once() {
    let path = Impairment {
        duplication: Chance::ALWAYS,
        jitter: MS * 20,
        ..Impairment::NONE
    };
    for seed in 50_500..50_510 {
        let mut world = tunnel(seed, &SessionConfig::default(), path);
        send(&mut world, 300, MS);
        assert_eq!(flow(&world).arrived().len(), 300);
        assert!(report(&world).duplicate >= 300);
    }
}

/// Each end sends from the moment at which its own side is up, while the other end's may still wait
/// for the last word of the negotiation. What comes too early may be lost, but nothing is handed out
/// before the owner knows of the network; the world sees to that.
#[test]
fn packets_that_overtake_the_negotiation_are_not_handed_out_before_it_ends() {
    let path = Impairment {
        jitter: MS * 40,
        duplication: Chance::percent(5),
        ..Impairment::NONE
    };
    let mut early = 0;
    for seed in 50_600..50_750 {
        let mut world = World::new(WorldConfig::new(seed, 1).impaired(path));
        world.connect(0);
        for _ in 0..600 {
            world.run_for(MS);
            for direction in [Direction::ToServer, Direction::ToClient] {
                for version in [Version::V4, Version::V6] {
                    let sent = world.send_probe(0, direction, version, 100);
                    early += usize::from(sent && !world.is_up(0));
                }
            }
            if world.is_up(0) {
                break;
            }
        }
        // The very first packet of a session has nothing to be put in order by, and may be lost.
        let up = world.run_until(SECOND * 30, |world| world.is_up(0));
        assert!(up, "seed {seed}");
    }
    assert!(early > 1_000, "{early}");
}

fn report(world: &World) -> adit_pptp::session::Stats {
    let call = world.call(Party::Server, 0).unwrap();
    world.server().unwrap().report(call).unwrap().session
}
