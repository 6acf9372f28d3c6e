//! Server and client agree on everything that both can, and part with a reason where they cannot.

use std::time::Duration;

use adit_crypto::mppe_keys::Strength;
use adit_ppp::MppeConfig;
use adit_ppp::auth::{Method, Refusal};
use adit_ppp::link::{CloseReason, NoEncryption, Output, Role};
use adit_ppp::mppe::Mode;

use crate::common::{Pair, client, mppe, off, server};

#[test]
fn every_key_length_and_mode_carries_packets_under_both_ms_chaps() {
    for method in [Method::MsChapV1, Method::MsChapV2] {
        for strength in [Strength::Bits40, Strength::Bits56, Strength::Bits128] {
            for mode in [Mode::Stateless, Mode::Stateful] {
                let mppe = mppe(strength, mode);
                let mut pair = Pair::new(server(&[method], mppe.clone()), client(&[method], mppe));
                pair.connect();
                assert!(
                    pair.server.ipv4 && pair.client.ipv4,
                    "{method} {strength:?} {mode:?}"
                );
                assert!(
                    pair.server.ipv6 && pair.client.ipv6,
                    "{method} {strength:?} {mode:?}"
                );
                let summary = pair.server.link.summary();
                assert_eq!(summary.peer_name, crate::common::NAME.as_bytes());
                let (send, receive) = summary.encryption.unwrap();
                assert_eq!((send.strength, receive.mode), (strength, mode));
                pair.assert_traffic();
            }
        }
    }
}

#[test]
fn methods_without_keys_carry_packets_in_the_clear_where_that_is_allowed() {
    for method in [Method::Pap, Method::ChapMd5] {
        let mut pair = Pair::new(server(&[method], off()), client(&[method], off()));
        pair.connect();
        assert!(pair.server.ipv4 && pair.client.ipv4, "{method}");
        assert_eq!(pair.client.link.summary().encryption, None);
        pair.assert_traffic();
    }
}

#[test]
fn methods_without_keys_are_refused_where_encryption_is_required() {
    for method in [Method::Pap, Method::ChapMd5] {
        let mppe = MppeConfig::default();
        let mut pair = Pair::new(server(&[method], mppe), client(&[method], off()));
        pair.connect();
        let reason = CloseReason::NoEncryption(NoEncryption::NoKeys);
        assert_eq!(pair.server.closed, Some(reason), "{method}");
        assert!(!pair.server.ipv4 && !pair.client.ipv4);
    }
}

#[test]
fn the_default_policies_agree_on_ms_chap_v2_only() {
    let weaker = [Method::Pap, Method::ChapMd5, Method::MsChapV1];
    let mut pair = Pair::new(
        server(&[Method::MsChapV2], MppeConfig::default()),
        client(&weaker, MppeConfig::default()),
    );
    pair.connect();
    assert_eq!(
        pair.server.closed,
        Some(CloseReason::AuthenticationProtocol)
    );
    assert!(pair.client.closed.is_some());
}

#[test]
fn a_method_that_both_allow_is_found_whatever_comes_first() {
    let all = [
        Method::MsChapV2,
        Method::MsChapV1,
        Method::ChapMd5,
        Method::Pap,
    ];
    for method in all {
        let mut pair = Pair::new(server(&all, off()), client(&[method], off()));
        pair.connect();
        assert_eq!(pair.server.link.summary().peer_authentication, Some(method));
        assert!(pair.client.ipv4);
    }
}

#[test]
fn a_wrong_password_is_told_to_both_sides() {
    for method in [
        Method::Pap,
        Method::ChapMd5,
        Method::MsChapV1,
        Method::MsChapV2,
    ] {
        let mut pair = Pair::new(server(&[method], off()), client(&[method], off()));
        pair.password = "another".into();
        pair.connect();
        match &pair.server.closed {
            // The peer could have tried again and hung up instead.
            Some(CloseReason::PeerTerminated(_)) if method.makes_keys() => {}
            Some(CloseReason::PeerRefused(Refusal::WrongPassword)) if !method.makes_keys() => {}
            other => panic!("{method}: {other:?}"),
        }
        assert!(
            matches!(&pair.client.closed, Some(CloseReason::AuthenticationRefused(why)) if why.error == 691),
            "{method}: {:?}",
            pair.client.closed
        );
    }
}

#[test]
fn another_password_may_be_tried_on_the_same_link() {
    for method in [Method::MsChapV1, Method::MsChapV2] {
        let mppe = MppeConfig::default();
        let mut pair = Pair::new(server(&[method], mppe.clone()), client(&[method], mppe));
        pair.password = "third time lucky".into();
        pair.passwords_to_try = ["wrong".to_owned(), "third time lucky".to_owned()].into();
        pair.connect();
        assert!(
            pair.server.ipv4 && pair.client.ipv4,
            "{method}: {:?}",
            pair.client.closed
        );
        pair.assert_traffic();
    }
}

#[test]
fn three_wrong_passwords_end_the_link() {
    let mppe = MppeConfig::default();
    let methods = [Method::MsChapV2];
    let mut pair = Pair::new(server(&methods, mppe.clone()), client(&methods, mppe));
    pair.password = "never".into();
    pair.passwords_to_try = std::iter::repeat_n("wrong".to_owned(), 9).collect();
    pair.connect();
    assert_eq!(
        pair.server.closed,
        Some(CloseReason::PeerRefused(Refusal::WrongPassword))
    );
    assert_eq!(pair.passwords_to_try.len(), 7);
}

#[test]
fn an_expired_password_is_changed_on_the_way_in() {
    for method in [Method::MsChapV1, Method::MsChapV2] {
        let mppe = MppeConfig::default();
        let mut config = client(&[method], mppe.clone());
        if let Role::Client { credentials, .. } = &mut config.role {
            credentials.new_password = Some(String::from("Ünïcode 2").into());
        }
        let mut pair = Pair::new(server(&[method], mppe), config);
        pair.expired = true;
        pair.connect();
        assert_eq!(pair.changed_to.as_deref(), Some("Ünïcode 2"), "{method}");
        assert!(pair.server.ipv4 && pair.client.ipv4);
        pair.assert_traffic();
    }
}

#[test]
fn a_running_session_is_challenged_again_and_goes_on() {
    let methods = [Method::MsChapV2];
    let mut config = server(&methods, MppeConfig::default());
    if let Role::Server(authenticator) = &mut config.role {
        authenticator.rechallenge = Some(Duration::from_secs(600));
    }
    let mut pair = Pair::new(config, client(&methods, MppeConfig::default()));
    pair.connect();
    pair.assert_traffic();
    pair.run(Duration::from_secs(3000));
    assert!(pair.server.ipv4 && pair.client.ipv4);
    pair.assert_traffic();
    pair.password = "changed meanwhile".into();
    pair.run(Duration::from_secs(700));
    assert_eq!(
        pair.server.closed,
        Some(CloseReason::PeerRefused(Refusal::WrongPassword))
    );
}

#[test]
fn a_peer_that_will_not_encrypt_is_refused_with_a_reason_on_both_ends() {
    let methods = [Method::MsChapV2];
    let mut pair = Pair::new(
        server(&methods, MppeConfig::default()),
        client(&methods, off()),
    );
    pair.connect();
    let reason = CloseReason::NoEncryption(NoEncryption::PeerRefuses);
    assert_eq!(pair.server.closed, Some(reason));
    let told = pair.client.closed.unwrap().to_string();
    assert!(told.contains("encryption is required"), "{told}");
    assert!(!pair.client.ipv4);
}

#[test]
fn key_lengths_that_do_not_meet_are_refused() {
    let methods = [Method::MsChapV2];
    let mut pair = Pair::new(
        server(&methods, MppeConfig::default()),
        client(&methods, mppe(Strength::Bits40, Mode::Stateless)),
    );
    pair.connect();
    assert!(pair.server.closed.is_some() && pair.client.closed.is_some());
    assert!(!pair.server.ipv4 && !pair.client.ipv4);
}

#[test]
fn a_silent_peer_is_given_up() {
    let methods = [Method::MsChapV2];
    let mppe = MppeConfig::default();
    let mut pair = Pair::new(server(&methods, mppe.clone()), client(&methods, mppe));
    pair.server.link.open(pair.now);
    for _ in 0..40 {
        while let Some(output) = pair.server.link.poll_output() {
            if let Output::Closed(reason) = output {
                pair.server.closed = Some(reason);
            }
        }
        let Some(deadline) = pair.server.link.deadline() else {
            break;
        };
        pair.server.link.handle_timeout(deadline);
    }
    assert_eq!(pair.server.closed, Some(CloseReason::NoAnswer));
}

#[test]
fn hanging_up_is_orderly_from_either_side() {
    for from_client in [true, false] {
        let methods = [Method::MsChapV2];
        let mppe = MppeConfig::default();
        let mut pair = Pair::new(server(&methods, mppe.clone()), client(&methods, mppe));
        pair.connect();
        let link = if from_client {
            &mut pair.client.link
        } else {
            &mut pair.server.link
        };
        link.close(pair.now);
        pair.drain();
        let (ours, theirs) = if from_client {
            (&pair.client.closed, &pair.server.closed)
        } else {
            (&pair.server.closed, &pair.client.closed)
        };
        assert_eq!(*ours, Some(CloseReason::Requested));
        assert!(matches!(theirs, Some(CloseReason::PeerTerminated(_))));
        assert!(!pair.client.ipv4 && !pair.server.ipv4);
    }
}
