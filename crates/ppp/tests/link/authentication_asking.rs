//! The authenticator: what it asks its owner, what it answers, and whom it never lets in.

use std::time::Duration;

use adit_crypto::nt::NtHash;
use adit_ppp::auth::{Credentials, Method, Proof, Proven, Refusal, Secret};
use adit_ppp::link::{CloseReason, NoEncryption, Output, Phase};
use adit_ppp::{EncryptionPolicy, MppeConfig};
use adit_wire::chap::{Body as ChapBody, Value};
use adit_wire::cp::Body;
use adit_wire::lcp::{Lcp, LcpOption};
use adit_wire::pap;
use adit_wire::ppp::Protocol;

use crate::common::{
    Challenged, MAGIC, NAME, PASSWORD, Pair, Script, Stage, client, off, response_v2, server,
    server_with,
};

const ALL: [Method; 4] = [
    Method::Pap,
    Method::ChapMd5,
    Method::MsChapV1,
    Method::MsChapV2,
];

fn asked(script: &Script) -> bool {
    script.has(|event| matches!(event, Output::Authenticate(..)))
}

fn pap_request(name: &[u8], password: &[u8], trailing: &[u8]) -> pap::Body {
    pap::Body::AuthenticateRequest {
        peer_id: name.to_vec(),
        password: password.to_vec(),
        trailing: trailing.to_vec(),
    }
}

/// What becomes of a peer who has to encrypt but has made no keys.
fn end_of_one_who_must_encrypt(policy: EncryptionPolicy) -> CloseReason {
    let config = MppeConfig { policy, ..off() };
    let mut script = Script::open(server(&[Method::Pap], config));
    script.lead_to(Stage::Authenticate);
    answer(&mut script, Method::Pap, NAME.as_bytes(), PASSWORD);
    let (ticket, _) = script.question();
    let proven = Proven {
        requires_encryption: true,
        ..Proven::default()
    };
    script.accept_peer(ticket, proven, None);
    assert_ne!(script.link.phase(), Phase::Network);
    script.hang_up()
}

#[test]
fn one_peer_alone_can_be_made_to_encrypt() {
    for (policy, why) in [
        (EncryptionPolicy::Optional, NoEncryption::NoKeys),
        (EncryptionPolicy::Off, NoEncryption::TurnedOff),
    ] {
        let end = end_of_one_who_must_encrypt(policy);
        assert_eq!(end, CloseReason::NoEncryption(why));
    }
}

/// A server's link that asks for `method`, with LCP up.
fn asking(method: Method) -> Script {
    let mut script = Script::open(server(&[method], off()));
    script.lead_to(Stage::Authenticate);
    script
}

/// A right answer to the challenge, or the PAP request.
fn answer(script: &mut Script, method: Method, name: &[u8], password: &str) {
    match method {
        Method::Pap => script.say_pap(9, pap_request(name, password.as_bytes(), &[])),
        Method::ChapMd5 => {
            let challenged = script.challenge();
            let identifier = challenged.identifier;
            let digest =
                adit_crypto::chap_md5::response(identifier, password.as_bytes(), &challenged.value);
            script.responds(identifier, digest.to_vec(), name);
        }
        Method::MsChapV1 => {
            let challenged = script.challenge();
            script.responds_v1(&challenged, name, password);
        }
        Method::MsChapV2 => {
            let challenged = script.challenge();
            script.responds_v2(&challenged, name, password);
        }
    }
}

fn credentials(method: Method, password: &str) -> Credentials {
    let mut script = asking(method);
    answer(&mut script, method, NAME.as_bytes(), password);
    script.question().1
}

#[test]
fn a_response_with_another_identifier_is_passed_over() {
    let mut script = Script::server_at(Stage::Authenticate);
    let challenged = script.challenge();
    let (response, _) = response_v2(&challenged, NAME.as_bytes(), PASSWORD);
    for identifier in 0..=255u8 {
        if identifier != challenged.identifier {
            script.responds(identifier, response.encode(), NAME.as_bytes());
        }
    }
    assert!(!asked(&script));
    script.responds(challenged.identifier, response.encode(), NAME.as_bytes());
    script.grant();
}

#[test]
fn a_response_of_another_length_is_passed_over() {
    for method in [Method::MsChapV1, Method::MsChapV2] {
        let mut script = asking(method);
        let identifier = script.challenge().identifier;
        for length in [0, 1, 24, 48, 50, 255] {
            script.responds(identifier, vec![0; length], NAME.as_bytes());
        }
        assert!(!asked(&script), "{method}");
        script.assert_silent();
    }
}

#[test]
fn an_unanswered_challenge_is_sent_again_as_it_was_and_then_given_up() {
    let mut script = Script::open(server_with(MppeConfig::default(), |authenticator| {
        authenticator.retransmit = Duration::from_secs(2);
        authenticator.transmissions = 4;
    }));
    script.lead_to(Stage::Authenticate);
    let first = script.frames[0].clone();
    for _ in 1..4 {
        script.frames.clear();
        assert_eq!(script.wait_for_deadline(), Duration::from_secs(2));
        assert_eq!(script.frames, std::slice::from_ref(&first));
    }
    assert_eq!(script.wait_for_deadline(), Duration::from_secs(2));
    assert_eq!(script.hang_up(), CloseReason::AuthenticationTimeout);
}

#[test]
fn a_repeated_response_gets_the_same_answer_without_another_question() {
    for method in ALL {
        let mut script = asking(method);
        let again = script.frames.clone();
        answer(&mut script, method, NAME.as_bytes(), PASSWORD);
        script.frames = again.clone();
        answer(&mut script, method, NAME.as_bytes(), PASSWORD);
        script.grant();
        let first = script.frames[0].clone();
        script.frames = again;
        answer(&mut script, method, NAME.as_bytes(), PASSWORD);
        assert_eq!(script.frames.back(), Some(&first), "{method}");
        assert!(!asked(&script), "{method}");
    }
}

#[test]
fn a_pap_request_repeated_under_another_identifier_gets_the_same_answer() {
    for right in [true, false] {
        let mut script = asking(Method::Pap);
        let password = if right { PASSWORD } else { "wrong" };
        script.say_pap(1, pap_request(b"alice", password.as_bytes(), &[]));
        script.say_pap(2, pap_request(b"alice", password.as_bytes(), &[]));
        let result = script.check_against(PASSWORD);
        assert_eq!(result.is_ok(), right);
        assert!(!asked(&script));
        assert_eq!(script.hear_pap().identifier, 2);
        if right {
            script.say_pap(3, pap_request(b"alice", password.as_bytes(), &[]));
            let answer = script.hear_pap();
            assert_eq!(answer.identifier, 3);
            assert!(matches!(answer.body, pap::Body::AuthenticateAck(_)));
        }
    }
}

#[test]
fn another_pap_request_after_the_first_was_accepted_changes_nothing() {
    let mut script = asking(Method::Pap);
    script.say_pap(1, pap_request(b"alice", PASSWORD.as_bytes(), &[]));
    script.grant();
    script.hear_pap();
    script.say_pap(2, pap_request(b"alice", b"another", &[]));
    script.say_pap(2, pap_request(b"mallory", PASSWORD.as_bytes(), &[]));
    assert!(!asked(&script));
    assert_eq!(script.link.summary().peer_name, b"alice");
}

#[test]
fn octets_behind_a_pap_password_are_passed_over_and_missing_ones_are_an_error() {
    let mut script = asking(Method::Pap);
    script.say_pap(1, pap_request(b"alice", PASSWORD.as_bytes(), b"\0\0"));
    script.grant();

    let mut whole = Vec::new();
    pap::Packet {
        identifier: 1,
        body: pap_request(b"alice", PASSWORD.as_bytes(), &[]),
    }
    .encode(&mut whole);
    let mut script = asking(Method::Pap);
    for length in 0..whole.len() {
        let mut short = whole[..length].to_vec();
        if let Some(field) = short.get_mut(3) {
            *field = length as u8;
        }
        assert!(script.octets(Protocol::PAP, &short).is_err(), "{length}");
    }
    assert!(!asked(&script));
}

#[test]
fn an_answer_in_another_protocol_than_agreed_is_passed_over() {
    let mut script = Script::server_at(Stage::Authenticate);
    script.say_pap(1, pap_request(b"alice", PASSWORD.as_bytes(), &[]));
    assert!(!asked(&script));

    let mut script = asking(Method::Pap);
    for identifier in 0..=255 {
        script.responds(identifier, vec![0; 49], b"alice");
    }
    assert!(!asked(&script));
}

#[test]
fn what_only_an_authenticator_says_means_nothing_to_one() {
    let mut script = Script::server_at(Stage::Authenticate);
    let identifier = script.challenge().identifier;
    let value = Value {
        value: vec![1; 16],
        name: Vec::new(),
    };
    script.say_chap(identifier, ChapBody::Challenge(value));
    script.say_chap(identifier, ChapBody::Success(b"S=".to_vec()));
    script.say_chap(identifier, ChapBody::Failure(b"E=691".to_vec()));
    script.say_pap(
        identifier,
        pap::Body::AuthenticateAck(pap::Message::Text(Vec::new())),
    );
    script.assert_silent();
    assert!(script.events.is_empty());
}

#[test]
fn right_and_wrong_passwords_are_told_apart_in_every_method() {
    for method in ALL {
        let right = credentials(method, PASSWORD);
        assert!(right.verify(&Secret::clear(PASSWORD)).is_ok(), "{method}");
        for other in ["", "correct hors", "correct horse ", "Correct horse"] {
            assert_eq!(
                right.verify(&Secret::clear(other)).err(),
                Some(Refusal::WrongPassword),
                "{method} {other:?}"
            );
        }
    }
}

#[test]
fn an_nt_hash_is_enough_for_all_but_chap_md5() {
    for method in ALL {
        let secret = Secret::NtHash(NtHash::of_password(PASSWORD));
        let result = credentials(method, PASSWORD).verify(&secret);
        assert_eq!(result.is_ok(), method != Method::ChapMd5, "{method}");
        let other = Secret::NtHash(NtHash::of_password("another"));
        assert!(credentials(method, PASSWORD).verify(&other).is_err());
    }
}

#[test]
fn names_and_passwords_may_have_any_letters_and_up_to_255_octets() {
    let long = "ü".repeat(127);
    for (name, password) in [
        ("Jürgen", "Zwölf Boxkämpfer"),
        ("ПОЛЬЗОВАТЕЛЬ", "пароль 🔑"),
        (long.as_str(), long.as_str()),
        ("", "an empty name"),
        ("alice", ""),
    ] {
        for method in ALL {
            let mut script = asking(method);
            answer(&mut script, method, name.as_bytes(), password);
            let (_, credentials) = script.question();
            assert_eq!(credentials.name, name.as_bytes());
            assert_eq!(credentials.proof.method(), method);
            let verdict = credentials.verify(&Secret::clear(password));
            assert!(verdict.is_ok(), "{method} {name} {password}");
        }
    }
}

#[test]
fn a_lan_manager_response_alone_is_never_enough() {
    let mut script = asking(Method::MsChapV1);
    let challenged = script.challenge();
    script.responds_v1(&challenged, NAME.as_bytes(), PASSWORD);
    let (_, mut credentials) = script.question();
    let Proof::MsChapV1 { response, .. } = &mut credentials.proof else {
        panic!("another proof")
    };
    response.flags = 0;
    assert!(credentials.verify(&Secret::clear(PASSWORD)).is_err());
}

#[test]
fn a_retry_uses_the_challenge_of_the_failure_under_either_identifier() {
    for step in [0, 1] {
        let mut script = Script::server_at(Stage::Authenticate);
        let retry = wrong_password(&mut script);
        let identifier = retry.identifier.wrapping_add(step);
        let retry = Challenged {
            identifier,
            ..retry
        };
        script.responds_v2(&retry, NAME.as_bytes(), PASSWORD);
        script.grant();
        let answer = script.hear_chap();
        assert_eq!(answer.identifier, identifier);
        assert!(matches!(answer.body, ChapBody::Success(_)));
    }
}

/// Answers wrong; gives the challenge of the Failure under the identifier of it.
fn wrong_password(script: &mut Script) -> Challenged {
    let challenged = script.challenge();
    wrong_answer(script, &challenged)
}

fn wrong_answer(script: &mut Script, challenged: &Challenged) -> Challenged {
    script.responds_v2(challenged, NAME.as_bytes(), "wrong");
    script.check_against(PASSWORD).unwrap_err();
    let packet = script.hear_chap();
    let ChapBody::Failure(message) = packet.body else {
        panic!("no Failure")
    };
    let value = adit_wire::mschap::FailureMessage::decode(&message).challenge;
    Challenged {
        identifier: packet.identifier,
        value: value.unwrap(),
    }
}

#[test]
fn a_retry_with_the_old_challenge_does_not_pass() {
    let mut script = Script::server_at(Stage::Authenticate);
    let first = script.challenge();
    wrong_answer(&mut script, &first);
    script.responds_v2(&first, NAME.as_bytes(), PASSWORD);
    assert_eq!(script.check_against(PASSWORD), Err(Refusal::WrongPassword));
}

#[test]
fn a_retry_that_never_comes_ends_the_link() {
    let mut script = Script::server_at(Stage::Authenticate);
    wrong_password(&mut script);
    script.wait(Duration::from_secs(60));
    assert_eq!(
        script.hang_up(),
        CloseReason::PeerRefused(Refusal::WrongPassword)
    );
}

#[test]
fn renegotiating_lcp_buys_no_further_tries() {
    let mut script = Script::server_at(Stage::Authenticate);
    let mut tries = 0;
    while script.closed().is_none() {
        tries += 1;
        assert!(tries <= 3, "more tries than configured");
        let challenged = script.challenge();
        script.responds_v2(&challenged, NAME.as_bytes(), "wrong");
        script.check_against(PASSWORD).unwrap_err();
        script.frames.clear();
        script.say::<Lcp>(
            tries,
            Body::ConfigureRequest(vec![LcpOption::MagicNumber(MAGIC)]),
        );
        if script.try_hear_request() {
            continue;
        }
        break;
    }
    assert_eq!(tries, 3);
    assert_eq!(
        script.hang_up_quietly(),
        CloseReason::PeerRefused(Refusal::WrongPassword)
    );
}

impl Script {
    /// Whether the link negotiates LCP again; acknowledges its request.
    fn try_hear_request(&mut self) -> bool {
        match self.try_hear::<Lcp>() {
            Some(packet) => match packet.body {
                Body::ConfigureRequest(options) => {
                    let acknowledge = Body::ConfigureAck(options);
                    self.say::<Lcp>(packet.identifier, acknowledge);
                    self.hear::<Lcp>();
                    true
                }
                _ => false,
            },
            None => false,
        }
    }

    /// Lets the link's Terminate-Requests go unanswered.
    fn hang_up_quietly(&mut self) -> CloseReason {
        self.wait(Duration::from_secs(10));
        self.closed().unwrap()
    }
}

#[test]
fn a_late_answer_to_a_question_of_an_earlier_negotiation_opens_nothing() {
    let mut script = Script::server_at(Stage::Authenticate);
    let challenged = script.challenge();
    script.responds_v2(&challenged, NAME.as_bytes(), PASSWORD);
    let (old, old_credentials) = script.question();

    script.say::<Lcp>(
        50,
        Body::ConfigureRequest(vec![LcpOption::MagicNumber(MAGIC)]),
    );
    script.accept::<Lcp>();
    let challenged = script.challenge();
    script.responds_v2(&challenged, b"mallory", "guessed");
    let (new, _) = script.question();
    assert_ne!(old, new);

    script.frames.clear();
    let proven = old_credentials.verify(&Secret::clear(PASSWORD)).unwrap();
    script.accept_peer(old, proven, None);
    script.assert_silent();
}

#[test]
fn a_running_session_cannot_become_another_users() {
    let mut script = rechallenged();
    let challenged = script.challenge();
    script.responds_v2(&challenged, b"mallory", PASSWORD);
    assert!(!asked(&script));
    assert_eq!(
        script.hang_up(),
        CloseReason::PeerRefused(Refusal::WrongPassword)
    );
}

#[test]
fn a_running_session_that_answers_its_challenge_goes_on_with_its_keys() {
    let mut script = rechallenged();
    let challenged = script.challenge();
    script.responds_v2(&challenged, NAME.as_bytes(), PASSWORD);
    script.grant();
    assert!(matches!(script.hear_chap().body, ChapBody::Success(_)));
    script.assert_silent();
    assert!(script.events.is_empty());
}

/// A session that is up and was just challenged again.
fn rechallenged() -> Script {
    let mut script = Script::open(server_with(MppeConfig::default(), |authenticator| {
        authenticator.rechallenge = Some(Duration::from_secs(20));
    }));
    script.lead_to(Stage::Up);
    script.wait(Duration::from_secs(20));
    script
}

#[test]
fn a_refusal_ends_the_link_with_the_error_that_stands_for_it() {
    for (refusal, error) in [
        (Refusal::AccountDisabled, 647),
        (Refusal::RestrictedLogonHours, 646),
        (Refusal::NoDialInPermission, 649),
        (Refusal::Unavailable, 649),
        (Refusal::PasswordExpired, 648),
    ] {
        let mut script = Script::open(server_with(MppeConfig::default(), |authenticator| {
            authenticator.password_change = false;
        }));
        script.lead_to(Stage::Authenticate);
        let challenged = script.challenge();
        script.responds_v2(&challenged, NAME.as_bytes(), PASSWORD);
        script.refuse(refusal);
        let ChapBody::Failure(message) = script.hear_chap().body else {
            panic!("no Failure")
        };
        assert!(message.starts_with(format!("E={error} R=0").as_bytes()));
        assert_eq!(script.hang_up(), CloseReason::PeerRefused(refusal));
    }
}

#[test]
fn every_method_carries_every_name_and_password_from_one_end_to_the_other() {
    for method in ALL {
        for (name, password) in [("PLANT\\Jürgen", "Zwölf 🥊"), ("x", "y")] {
            let mut config = client(&[method], off());
            if let adit_ppp::link::Role::Client { credentials, .. } = &mut config.role {
                credentials.name = name.into();
                credentials.password = String::from(password).into();
            }
            let mut pair = Pair::new(server(&[method], off()), config);
            pair.password = password.into();
            pair.connect();
            assert!(pair.is_up(), "{method}");
            assert_eq!(pair.server.link.summary().peer_name, name.as_bytes());
        }
    }
}
