//! Calls that are refused: for the password, the encryption, the authentication, for lack of room.

#![allow(
    clippy::unwrap_used,
    reason = "a failed expectation of a test is a panic"
)]

use std::time::Duration;

use adit_engine::{CallEnd, CallLimit};
use adit_ppp::auth::{Method, Refusal};
use adit_ppp::link::{CloseReason, NoEncryption, Role};
use adit_ppp::mppe::Mode;
use adit_ppp::{EncryptionPolicy, MppeConfig};
use adit_pptp::CallDownReason;
use adit_sim::probe::{Direction, Version};
use adit_sim::{Death, Party, World, WorldConfig, password, required, unencrypted};
use adit_wire::control::OutgoingCallResult;

const SECOND: Duration = Duration::from_secs(1);
const SEEDS: std::ops::Range<u64> = 30_000..30_020;

/// Has client 0 connect and runs until both ends have parted.
fn try_to_connect(world: &mut World) {
    world.connect(0);
    let parted = world.run_until(SECOND * 200, |world| {
        let server = world.server().unwrap().connection_count();
        (server, world.client(0).unwrap().connection_count()) == (0, 0)
    });
    assert!(parted);
    assert_eq!(world.directory().leases(), 0);
}

fn why(world: &World, party: Party) -> &CallEnd {
    &world.ledger(party).finished()[0].why
}

fn link_reason(world: &World, party: Party) -> &CloseReason {
    match why(world, party) {
        CallEnd::Link(reason) => reason,
        CallEnd::Control(reason) => panic!("{reason}"),
    }
}

#[test]
fn a_wrong_password_is_refused_and_no_packet_passes() {
    for seed in SEEDS {
        for method in [
            Method::Pap,
            Method::ChapMd5,
            Method::MsChapV1,
            Method::MsChapV2,
        ] {
            let mut config = WorldConfig::new(seed, 1).secured(&[method], &unencrypted());
            if let Role::Server(authenticator) = &mut config.server.link.role {
                authenticator.attempts = 1;
            }
            let mut world = World::new(config);
            world.directory().set_password("user0", "another one");
            try_to_connect(&mut world);
            let refused = CloseReason::PeerRefused(Refusal::WrongPassword);
            assert_eq!(link_reason(&world, Party::Server), &refused, "{method}");
            let told = link_reason(&world, Party::Client(0));
            let is_told = matches!(told, CloseReason::AuthenticationRefused(_));
            assert!(is_told, "{method}: {told}");
            assert_eq!(world.traffic().flows().count(), 0);
        }
    }
}

#[test]
fn a_user_may_type_the_password_again() {
    for seed in SEEDS {
        let mut config = WorldConfig::new(seed, 1);
        config.clients[0].more_passwords = vec!["wrong too".into(), "right".into()];
        let mut world = World::new(config);
        world.directory().set_password("user0", "right");
        world.connect(0);
        assert!(world.run_until(SECOND * 5, |world| world.is_up(0)));
        assert!(world.send_probe(0, Direction::ToServer, Version::V4, 100));
        world.run_for(SECOND);
        let (_, flow) = world.traffic().flows().next().unwrap();
        assert_eq!(flow.arrived().len(), 1);
    }
}

#[test]
fn passwords_cannot_be_guessed_without_end() {
    for seed in SEEDS {
        let mut config = WorldConfig::new(seed, 1);
        config.clients[0].more_passwords = (0..50).map(password).collect();
        let mut world = World::new(config);
        world.directory().set_password("user0", "another one");
        try_to_connect(&mut world);
        let refused = CloseReason::PeerRefused(Refusal::WrongPassword);
        assert_eq!(link_reason(&world, Party::Server), &refused);
    }
}

#[test]
fn a_client_without_encryption_is_refused_where_it_is_required() {
    for seed in SEEDS {
        for (server, client) in [
            (MppeConfig::default(), unencrypted()),
            (unencrypted(), MppeConfig::default()),
        ] {
            let mut config = WorldConfig::new(seed, 1);
            config.server.link.mppe = server.clone();
            config.clients[0].endpoint.link.mppe = client;
            let mut world = World::new(config);
            try_to_connect(&mut world);
            let demanding = match server.policy {
                EncryptionPolicy::Required => Party::Server,
                EncryptionPolicy::Optional | EncryptionPolicy::Off => Party::Client(0),
            };
            let reason = CloseReason::NoEncryption(NoEncryption::PeerRefuses);
            assert_eq!(link_reason(&world, demanding), &reason, "seed {seed}");
        }
    }
}

#[test]
fn ends_without_a_common_key_length_part() {
    use adit_crypto::mppe_keys::Strength;
    for seed in SEEDS {
        let mut config = WorldConfig::new(seed, 1);
        config.server.link.mppe = required(Strength::Bits128, Mode::Stateless);
        config.clients[0].endpoint.link.mppe = required(Strength::Bits40, Mode::Stateless);
        let mut world = World::new(config);
        try_to_connect(&mut world);
        let reason = CloseReason::NoEncryption(NoEncryption::PeerRefuses);
        let ends = [Party::Server, Party::Client(0)].map(|party| link_reason(&world, party));
        assert!(ends.contains(&&reason), "{ends:?}");
    }
}

#[test]
fn ends_without_a_common_authentication_protocol_part() {
    for seed in SEEDS {
        let mut config = WorldConfig::new(seed, 1);
        if let Role::Client { credentials, .. } = &mut config.clients[0].endpoint.link.role {
            credentials.methods = vec![Method::Pap];
        }
        let mut world = World::new(config);
        try_to_connect(&mut world);
        let reason = CallEnd::Link(CloseReason::AuthenticationProtocol);
        let ends = [Party::Server, Party::Client(0)].map(|party| why(&world, party));
        assert!(ends.contains(&&reason), "{ends:?}");
    }
}

#[test]
fn a_full_server_says_that_it_is_busy_until_there_is_room() {
    for seed in SEEDS {
        let mut config = WorldConfig::new(seed, 4);
        config.server.maximum_calls = CallLimit::new(2);
        let mut world = World::new(config);
        for index in [0, 1] {
            assert!(world.bring_up(index));
        }
        for index in [2, 3] {
            world.connect(index);
            world.run_for(SECOND);
            let party = Party::Client(index);
            let [(_, why)] = world.ledger(party).refused() else {
                panic!("the call is refused once");
            };
            let is_busy = matches!(
                why,
                CallDownReason::OutgoingRefused {
                    result: OutgoingCallResult::Busy,
                    ..
                }
            );
            assert!(is_busy, "{why}");
            assert_eq!(world.client(index).unwrap().connection_count(), 0);
        }
        assert_eq!(world.server().unwrap().call_count(), 2);
        assert!(world.hang_up(Party::Server, 0));
        world.run_for(SECOND);
        assert!(world.bring_up(2));
        assert!(world.is_up(1));
    }
}

#[test]
fn many_clients_at_the_same_moment_do_not_exceed_the_limit() {
    const CLIENTS: usize = 30;
    let mut config = WorldConfig::new(30_100, CLIENTS);
    config.server.maximum_calls = CallLimit::new(10);
    let mut world = World::new(config);
    for index in 0..CLIENTS {
        world.connect(index);
    }
    let mut most = 0;
    world.run_until(SECOND * 5, |world| {
        most = most.max(world.server().unwrap().call_count());
        false
    });
    assert_eq!(most, 10);
    let refused = (0..CLIENTS).filter(|index| {
        let ledger = world.ledger(Party::Client(*index));
        !ledger.refused().is_empty()
    });
    assert_eq!(refused.count(), 20);
}

#[test]
fn an_answer_that_comes_after_the_call_is_gone_changes_nothing() {
    for seed in SEEDS {
        let mut config = WorldConfig::new(seed, 1);
        config.answer_delay = SECOND * 20;
        let mut world = World::new(config);
        world.connect(0);
        world.run_for(SECOND);
        world.kill(Party::Client(0), Death::Process);
        world.run_for(SECOND);
        assert_eq!(world.server().unwrap().call_count(), 0);
        world.start(Party::Client(0));
        world.run_for(SECOND * 30);
        assert_eq!(world.directory().leases(), 0);
        assert!(world.bring_up(0));
    }
}

#[test]
fn a_server_that_never_answers_about_credentials_is_given_up() {
    let mut config = WorldConfig::new(30_200, 1);
    config.answer_delay = SECOND * 10_000;
    let mut world = World::new(config);
    try_to_connect(&mut world);
    // Neither end waits for longer than a set-up may take.
    assert!(world.elapsed() <= SECOND * 95, "{:?}", world.elapsed());
}
