//! Passwords that have expired, changed on the way in (RFC 2433 §9, §10, RFC 2759 §7).

use adit_crypto::change_password::NewPassword;
use adit_crypto::mschap_v2::Exchange;
use adit_crypto::nt::NtHash;
use adit_ppp::MppeConfig;
use adit_ppp::auth::{Method, Refusal};
use adit_ppp::link::{CloseReason, Output, Role};
use adit_wire::chap::Body as ChapBody;
use adit_wire::mschap::{ChangePasswordV2, FailureMessage};

use crate::common::{Challenged, NAME, PASSWORD, Pair, Script, Stage, client, server, server_with};

const NEW: &str = "battery staple";

/// A server that has said that the password has expired, and the challenge of its Failure.
fn expired() -> (Script, Challenged) {
    let mut script = Script::server_at(Stage::Authenticate);
    let challenged = script.challenge();
    script.responds_v2(&challenged, NAME.as_bytes(), PASSWORD);
    script.refuse(Refusal::PasswordExpired);
    let packet = script.hear_chap();
    let ChapBody::Failure(message) = packet.body else {
        panic!("no Failure")
    };
    assert!(message.starts_with(b"E=648 R=0 C="), "{message:?}");
    let value = FailureMessage::decode(&message).challenge.unwrap();
    let identifier = packet.identifier;
    (script, Challenged { identifier, value })
}

fn change(challenged: &Challenged, old: &str, new: &str) -> ChangePasswordV2 {
    let new = NewPassword::new(new).unwrap();
    let sealed = new.seal(&NtHash::of_password(old), [0x99; 516]);
    let peer_challenge = [0x44; 16];
    let challenge: [u8; 16] = challenged.value.as_slice().try_into().unwrap();
    let exchange = Exchange {
        authenticator_challenge: &challenge,
        peer_challenge: &peer_challenge,
        user_name: b"alice",
    };
    ChangePasswordV2 {
        encrypted_password: Box::new(sealed.encrypted_password),
        encrypted_hash: sealed.encrypted_hash,
        peer_challenge,
        reserved: [0; 8],
        nt_response: exchange.nt_response(new.nt_hash()),
        flags: 0,
    }
}

fn say(script: &mut Script, identifier: u8, code: u8, data: Vec<u8>) {
    script.say_chap(identifier, ChapBody::ChangePassword { code, data });
}

fn asked(script: &Script) -> bool {
    script.has(|event| matches!(event, Output::Authenticate(..)))
}

#[test]
fn a_change_that_knows_the_old_password_is_accepted() {
    let (mut script, challenged) = expired();
    let change = change(&challenged, PASSWORD, NEW);
    let identifier = challenged.identifier.wrapping_add(1);
    say(&mut script, identifier, 7, change.encode());
    script.grant();
    let packet = script.hear_chap();
    assert_eq!(packet.identifier, identifier);
    assert!(matches!(packet.body, ChapBody::Success(_)));
}

#[test]
fn a_change_that_does_not_know_the_old_password_is_refused() {
    let (mut script, challenged) = expired();
    let mut wrong_hash = change(&challenged, PASSWORD, NEW);
    wrong_hash.encrypted_hash[0] ^= 1;
    let mut wrong_response = change(&challenged, PASSWORD, NEW);
    wrong_response.nt_response[23] ^= 1;
    for (change, refusal) in [
        (
            change(&challenged, "another", NEW),
            Refusal::ChangingPassword,
        ),
        (wrong_hash, Refusal::ChangingPassword),
        (wrong_response, Refusal::WrongPassword),
    ] {
        let (mut script, challenged) = expired();
        say(&mut script, challenged.identifier, 7, change.encode());
        assert_eq!(script.check_against(PASSWORD), Err(refusal));
    }
    say(&mut script, 0, 7, Vec::new());
    assert!(!asked(&script));
}

#[test]
fn a_change_under_another_identifier_or_of_another_form_is_passed_over() {
    let (mut script, challenged) = expired();
    let data = change(&challenged, PASSWORD, NEW).encode();
    for identifier in 0..=255u8 {
        let distance = identifier.wrapping_sub(challenged.identifier);
        if distance > 1 {
            say(&mut script, identifier, 7, data.clone());
        }
    }
    let identifier = challenged.identifier.wrapping_add(1);
    say(&mut script, identifier, 7, data[1..].to_vec());
    say(&mut script, identifier, 7, [&data[..], &[0]].concat());
    say(&mut script, identifier, 6, vec![0; 1114]);
    say(&mut script, identifier, 5, vec![0; 66]);
    assert!(!asked(&script));
    script.assert_silent();
    say(&mut script, identifier, 7, data);
    script.grant();
}

#[test]
fn a_change_that_nobody_asked_for_is_passed_over() {
    let mut script = Script::server_at(Stage::Authenticate);
    let challenged = script.challenge();
    let data = change(&challenged, PASSWORD, NEW).encode();
    say(&mut script, challenged.identifier, 7, data.clone());
    assert!(!asked(&script));

    // Neither after a wrong password, which is no reason to change it.
    script.responds_v2(&challenged, NAME.as_bytes(), "wrong");
    script.check_against(PASSWORD).unwrap_err();
    say(&mut script, challenged.identifier.wrapping_add(1), 7, data);
    assert!(!asked(&script));
}

#[test]
fn an_expired_password_ends_the_link_where_changes_are_not_allowed() {
    let mut script = Script::open(server_with(MppeConfig::default(), |authenticator| {
        authenticator.password_change = false;
    }));
    script.lead_to(Stage::Authenticate);
    let challenged = script.challenge();
    script.responds_v2(&challenged, NAME.as_bytes(), PASSWORD);
    script.refuse(Refusal::PasswordExpired);
    assert_eq!(
        script.hang_up(),
        CloseReason::PeerRefused(Refusal::PasswordExpired)
    );
}

fn client_with_new_password(method: Method, new: Option<&str>) -> adit_ppp::LinkConfig {
    let mut config = client(&[method], MppeConfig::default());
    if let Role::Client { credentials, .. } = &mut config.role {
        credentials.new_password = new.map(|new| String::from(new).into());
    }
    config
}

#[test]
fn a_client_without_a_new_password_or_with_one_too_long_is_told_that_it_expired() {
    let too_long = "x".repeat(257);
    for new in [None, Some(too_long.as_str())] {
        for method in [Method::MsChapV1, Method::MsChapV2] {
            let mut pair = Pair::new(
                server(&[method], MppeConfig::default()),
                client_with_new_password(method, new),
            );
            pair.expired = true;
            pair.connect();
            assert!(
                matches!(&pair.client.closed, Some(CloseReason::AuthenticationRefused(why)) if why.error == 648),
                "{:?}",
                pair.client.closed
            );
            assert_eq!(pair.changed_to, None);
        }
    }
}

#[test]
fn the_longest_password_of_all_can_be_changed_to() {
    let longest = "ß".repeat(256);
    for method in [Method::MsChapV1, Method::MsChapV2] {
        let mut pair = Pair::new(
            server(&[method], MppeConfig::default()),
            client_with_new_password(method, Some(&longest)),
        );
        pair.expired = true;
        pair.connect();
        assert_eq!(pair.changed_to.as_deref(), Some(longest.as_str()));
        assert!(pair.is_up());
    }
}

#[test]
fn a_change_is_tried_once() {
    let mut script = Script::open(client_with_new_password(Method::MsChapV2, Some(NEW)));
    script.lead_client_to(Stage::Authenticate);
    script.challenges(1, &[0x31; 16]);
    let expired = b"E=648 R=0 C=000102030405060708090A0B0C0D0E0F V=3".to_vec();
    script.say_chap(1, ChapBody::Failure(expired.clone()));
    let packet = script.hear_chap();
    assert_eq!(packet.identifier, 2);
    assert!(matches!(
        packet.body,
        ChapBody::ChangePassword { code: 7, .. }
    ));
    script.say_chap(2, ChapBody::Failure(expired));
    assert!(matches!(
        script.hang_up(),
        CloseReason::AuthenticationRefused(why) if why.error == 648
    ));
}

#[test]
fn the_new_password_is_used_from_then_on() {
    let method = Method::MsChapV2;
    let mut config = server(&[method], MppeConfig::default());
    if let Role::Server(authenticator) = &mut config.role {
        authenticator.rechallenge = Some(std::time::Duration::from_secs(600));
    }
    let mut pair = Pair::new(config, client_with_new_password(method, Some(NEW)));
    pair.expired = true;
    pair.connect();
    assert_eq!(pair.password, NEW);
    pair.run(std::time::Duration::from_secs(1300));
    assert!(pair.is_up());
    pair.renegotiate();
    pair.run(std::time::Duration::from_secs(30));
    assert!(pair.is_up(), "{:?}", pair.server.closed);
    pair.assert_traffic();
}
