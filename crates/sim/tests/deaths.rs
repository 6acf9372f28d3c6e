//! Hosts that die, and paths of which one half does.

#![allow(
    clippy::unwrap_used,
    reason = "a failed expectation of a test is a panic"
)]

use std::time::Duration;

use adit_engine::CallEnd;
use adit_ppp::link;
use adit_pptp::CallDownReason;
use adit_pptp::control_connection::CloseReason;
use adit_sim::netem::Impairment;
use adit_sim::probe::{Direction, FlowId, Version};
use adit_sim::{Death, Party, World, WorldConfig};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const SEEDS: std::ops::Range<u64> = 20_000..20_020;

/// The keep-alives of one end; the other end's is switched off where a test times one of them.
#[derive(Clone, Copy)]
struct Keepalives {
    control: Option<Duration>,
    link: Option<Duration>,
}

const BOTH: Keepalives = Keepalives {
    control: Some(Duration::from_secs(60)),
    link: Some(Duration::from_secs(30)),
};

const NEITHER: Keepalives = Keepalives {
    control: None,
    link: None,
};

const DAY: Duration = Duration::from_secs(86_400);

fn configure(config: &mut adit_engine::EndpointConfig, keepalives: Keepalives) {
    config.control.echo_interval = keepalives.control.unwrap_or(DAY);
    config.link.echo.interval = keepalives.link.unwrap_or(Duration::ZERO);
}

fn connected(seed: u64, server: Keepalives, client: Keepalives) -> World {
    let mut config = WorldConfig::new(seed, 1);
    configure(&mut config.server, server);
    configure(&mut config.clients[0].endpoint, client);
    let mut world = World::new(config);
    assert!(world.bring_up(0));
    world.run_for(SECOND);
    world
}

fn counts(world: &World, party: Party) -> (usize, usize) {
    let endpoint = match party {
        Party::Server => world.server(),
        Party::Client(index) => world.client(index),
    };
    let endpoint = endpoint.unwrap();
    (endpoint.call_count(), endpoint.connection_count())
}

/// Runs until a host has nothing left, and tells how long that took.
fn time_until_over(world: &mut World, party: Party) -> Duration {
    let start = world.elapsed();
    let limit = SECOND * 1_000;
    assert!(world.run_until(limit, |world| counts(world, party) == (0, 0)));
    world.elapsed() - start
}

fn why(world: &World, party: Party) -> CallEnd {
    world.ledger(party).finished()[0].why.clone()
}

fn close_reason(world: &World, party: Party) -> CloseReason {
    world.ledger(party).closed()[0].1
}

const PARTIES: [(Party, Party); 2] = [
    (Party::Server, Party::Client(0)),
    (Party::Client(0), Party::Server),
];

#[test]
fn a_killed_process_is_noticed_at_once() {
    for seed in SEEDS {
        for (dying, other) in PARTIES {
            let mut world = connected(seed, BOTH, BOTH);
            world.kill(dying, Death::Process);
            assert!(time_until_over(&mut world, other) < SECOND / 10);
            assert_eq!(close_reason(&world, other), CloseReason::StreamClosed);
            let expected =
                CallEnd::Control(CallDownReason::ConnectionClosed(CloseReason::StreamClosed));
            assert_eq!(why(&world, other), expected);
        }
    }
}

#[test]
fn a_powerless_host_is_given_up_in_the_configured_time() {
    let link = Keepalives {
        link: Some(SECOND * 30),
        ..NEITHER
    };
    let control = Keepalives {
        control: Some(SECOND * 60),
        ..NEITHER
    };
    for seed in SEEDS {
        for (dying, other) in PARTIES {
            // Four requests go unanswered, then the peer gets a last word that nobody hears.
            let mut world = connected(seed, link, link);
            world.kill(dying, Death::Power);
            let took = time_until_over(&mut world, other);
            let is_silent = why(&world, other) == CallEnd::Link(link::CloseReason::PeerSilent);
            assert!(is_silent, "{}", why(&world, other));
            let told = SECOND * (30 * 5)..=SECOND * (30 * 6 + 3 * 3 + 60 + 5);
            assert!(told.contains(&took), "{took:?}");

            let mut world = connected(seed, control, control);
            world.kill(dying, Death::Power);
            let took = time_until_over(&mut world, other);
            assert_eq!(close_reason(&world, other), CloseReason::NoEchoReply);
            let told = SECOND * 118..=SECOND * 121;
            assert!(told.contains(&took), "{took:?}");
        }
    }
}

#[test]
fn a_restarted_server_takes_its_clients_back() {
    for seed in SEEDS {
        for death in [Death::Process, Death::Power] {
            let mut world = connected(seed, BOTH, BOTH);
            world.kill(Party::Server, death);
            world.run_for(SECOND * 2);
            world.start(Party::Server);
            // What still comes to the old call finds nothing and harms nothing.
            world.send_probe(0, Direction::ToServer, Version::V4, 100);
            world.run_for(SECOND);
            assert_eq!(counts(&world, Party::Server), (0, 0));
            time_until_over(&mut world, Party::Client(0));
            assert!(world.bring_up(0));
            assert_traffic(&mut world);
        }
    }
}

#[test]
fn a_restarted_client_gets_in_while_its_old_call_still_stands() {
    for seed in SEEDS {
        let mut world = connected(seed, BOTH, BOTH);
        world.kill(Party::Client(0), Death::Power);
        world.start(Party::Client(0));
        assert!(world.bring_up(0));
        assert_eq!(counts(&world, Party::Server), (2, 2));
        assert_traffic(&mut world);
        let limit = SECOND * 400;
        assert!(world.run_until(limit, |world| counts(world, Party::Server) == (1, 1)));
        assert!(world.is_up(0));
        assert_traffic(&mut world);
    }
}

#[test]
fn a_dead_tcp_connection_ends_the_tunnel_though_packets_pass() {
    for seed in SEEDS {
        let mut world = connected(seed, BOTH, BOTH);
        world.block_tcp(0);
        assert_traffic(&mut world);
        for party in [Party::Server, Party::Client(0)] {
            assert!(time_until_over(&mut world, party) <= SECOND * 120);
            assert_eq!(close_reason(&world, party), CloseReason::NoEchoReply);
        }
    }
}

#[test]
fn a_dead_data_path_ends_the_tunnel_though_tcp_lives() {
    for seed in SEEDS {
        let mut world = connected(seed, BOTH, BOTH);
        world.block_gre(0);
        let took = time_until_over(&mut world, Party::Client(0));
        assert!(took <= SECOND * 195, "{took:?}");
        time_until_over(&mut world, Party::Server);
        // The first one to notice tells the other one, over TCP.
        let ends = [Party::Server, Party::Client(0)].map(|party| why(&world, party));
        let silent = CallEnd::Link(link::CloseReason::PeerSilent);
        assert!(ends.contains(&silent), "{ends:?}");
        assert_eq!(world.directory().leases(), 0);
    }
}

#[test]
fn a_short_outage_of_everything_does_not_end_a_tunnel() {
    for seed in SEEDS {
        let mut world = connected(seed, BOTH, BOTH);
        world.block_gre(0);
        world.block_tcp(0);
        world.run_for(SECOND * 45);
        world.impair(0, Impairment::NONE);
        world.unblock_tcp(0);
        world.run_for(SECOND);
        assert!(world.is_up(0));
        assert_traffic(&mut world);
        world.run_for(SECOND * 1_000);
        assert!(world.is_up(0));
    }
}

#[test]
fn an_idle_tunnel_lives_for_ever() {
    let mut world = connected(20_100, BOTH, BOTH);
    world.run_for(SECOND * 50_000);
    assert!(world.is_up(0));
    assert_traffic(&mut world);
}

#[test]
fn a_path_without_gre_is_given_up_with_a_reason() {
    for seed in SEEDS {
        let mut world = World::new(WorldConfig::new(seed, 1));
        world.block_gre(0);
        world.connect(0);
        world.run_for(SECOND * 200);
        for party in [Party::Server, Party::Client(0)] {
            assert_eq!(counts(&world, party), (0, 0));
        }
        // Both ask as often; the first to give up tells the other.
        let ends = [Party::Server, Party::Client(0)].map(|party| why(&world, party));
        let no_answer = CallEnd::Link(link::CloseReason::NoAnswer);
        assert!(ends.contains(&no_answer), "{ends:?}");
    }
}

/// All of what is sent both ways arrives.
fn assert_traffic(world: &mut World) {
    for direction in [Direction::ToServer, Direction::ToClient] {
        let flow = FlowId {
            client: 0,
            direction,
            version: Version::V4,
        };
        let arrived = |world: &World| {
            let flow = world.traffic().flow(flow);
            flow.map_or(0, |flow| flow.arrived().len())
        };
        let before = arrived(world);
        for _ in 0..20 {
            assert!(world.send_probe(0, direction, Version::V4, 200));
            world.run_for(MS * 10);
        }
        world.run_for(SECOND);
        assert_eq!(arrived(world) - before, 20, "{direction:?}");
    }
}
