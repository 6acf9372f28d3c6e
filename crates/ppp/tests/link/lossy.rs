//! A server and a client over paths that lose, repeat, delay and reorder frames: by seed, so that a
//! failure comes again.

use std::time::Duration;

use adit_crypto::mppe_keys::Strength;
use adit_ppp::MppeConfig;
use adit_ppp::auth::Method;
use adit_ppp::link::Phase;
use adit_ppp::mppe::Mode;

use crate::common::{Impairment, Pair, client, mppe, off, server, splitmix};

/// Long enough for every timer of the defaults to come to its end, keep-alive included.
const ALL_TIMERS: Duration = Duration::from_secs(600);

fn path(seed: u64, loss: u64, duplicates: u64, jitter: u64) -> Impairment {
    Impairment {
        seed,
        loss,
        duplicates,
        jitter,
    }
}

/// Both ends carry the same protocols, or both are over with a reason.
fn assert_honest(pair: &Pair, seed: u64) {
    let (server, client) = (&pair.server, &pair.client);
    let carries = (server.ipv4, server.ipv6);
    let alike = carries == (client.ipv4, client.ipv6) && carries != (false, false);
    assert!(
        alike || pair.is_closed(),
        "seed {seed}: server {:?} {:?} {:?}, client {:?} {:?} {:?}",
        pair.server.link.phase(),
        (pair.server.ipv4, pair.server.ipv6),
        pair.server.closed,
        pair.client.link.phase(),
        (pair.client.ipv4, pair.client.ipv6),
        pair.client.closed,
    );
}

impl Pair {
    /// Lets all timers run out; where one end is over after that, the other has to notice.
    fn settle(&mut self) {
        self.run(ALL_TIMERS);
        if self.server.closed.is_some() != self.client.closed.is_some() {
            self.run(ALL_TIMERS);
        }
    }
}

/// Connects so many pairs; gives how many came up.
fn connect(count: u64, make: impl Fn(u64) -> Pair) -> u64 {
    let mut up = 0;
    for seed in 0..count {
        let mut pair = make(seed);
        pair.connect();
        pair.settle();
        assert_honest(&pair, seed);
        if pair.is_up() {
            up += 1;
            pair.assert_traffic_once();
        }
    }
    up
}

fn encrypted(path: Impairment) -> Pair {
    let methods = [Method::MsChapV2];
    let config = MppeConfig::default();
    Pair::over(
        path,
        server(&methods, config.clone()),
        client(&methods, config),
    )
}

#[test]
fn a_path_without_loss_connects_always() {
    let up = connect(100, |seed| encrypted(path(seed, 0, 0, 300)));
    assert_eq!(up, 100);
}

#[test]
fn a_path_that_repeats_and_reorders_connects_always() {
    let up = connect(300, |seed| encrypted(path(seed, 0, 200, 100)));
    assert_eq!(up, 300);
}

#[test]
fn a_loss_of_5_percent_delays_a_connection_and_no_more() {
    let up = connect(500, |seed| encrypted(path(seed, 50, 0, 50)));
    assert_eq!(up, 500);
}

#[test]
fn a_loss_of_20_percent_with_repetition_and_reordering_ends_up_or_over_on_both_sides() {
    let up = connect(1000, |seed| encrypted(path(seed, 200, 100, 400)));
    assert!(up >= 950, "{up} of 1000");
}

#[test]
fn methods_without_keys_and_both_modes_converge_too() {
    for method in [Method::Pap, Method::ChapMd5, Method::MsChapV1] {
        let up = connect(150, |seed| {
            let path = path(seed, 150, 100, 200);
            Pair::over(path, server(&[method], off()), client(&[method], off()))
        });
        assert!(up >= 140, "{method}: {up} of 150");
    }
    for strength in [Strength::Bits40, Strength::Bits56] {
        let up = connect(100, |seed| {
            let config = mppe(strength, Mode::Stateful);
            let methods = [Method::MsChapV2];
            let path = path(seed, 150, 100, 200);
            Pair::over(
                path,
                server(&methods, config.clone()),
                client(&methods, config),
            )
        });
        assert!(up >= 90, "{strength:?}: {up} of 100");
    }
}

#[test]
fn a_wrong_password_over_a_bad_path_ends_on_both_sides() {
    for seed in 0..200 {
        let mut pair = encrypted(path(seed, 200, 100, 200));
        pair.password = "another".into();
        pair.passwords_to_try = ["wrong".to_owned(), "too".to_owned()].into();
        pair.connect();
        pair.settle();
        assert!(pair.is_closed(), "seed {seed}");
    }
}

#[test]
fn a_hang_up_over_a_bad_path_is_noticed_by_both_sides() {
    for seed in 0..300 {
        let mut pair = encrypted(path(seed, 200, 0, 100));
        pair.connect();
        let (now, mut state) = (pair.now, seed);
        let link = if splitmix(&mut state) & 1 == 0 {
            &mut pair.client.link
        } else {
            &mut pair.server.link
        };
        link.close(now);
        pair.settle();
        assert!(pair.is_closed(), "seed {seed}");
    }
}

#[test]
fn a_renegotiation_over_a_bad_path_comes_up_again_or_ends() {
    for seed in 0..300 {
        let mut pair = encrypted(path(seed, 150, 50, 100));
        pair.connect();
        if pair.server.link.phase() == Phase::Network {
            pair.renegotiate();
        }
        pair.settle();
        assert_honest(&pair, seed);
    }
}
