//! The side that proves who it is: what it answers, and what does not open a link.

use adit_ppp::MppeConfig;
use adit_ppp::auth::Method;
use adit_ppp::link::{CloseReason, Output, Phase};
use adit_wire::ccp::Ccp;
use adit_wire::chap::{Body as ChapBody, Value};
use adit_wire::cp::Body;
use adit_wire::lcp::Authentication;
use adit_wire::pap;

use crate::common::{NAME, PASSWORD, STATELESS_128, Script, Stage, client, off, success_message};

fn asked_by(method: Method) -> Script {
    let mut script = Script::open(client(&[method], off()));
    script.server_opens_lcp(method.to_wire());
    script
}

fn challenge(script: &mut Script, value: &[u8]) {
    let value = Value {
        value: value.to_vec(),
        name: b"server".to_vec(),
    };
    script.say_chap(1, ChapBody::Challenge(value));
}

#[test]
fn a_challenge_of_another_length_is_passed_over() {
    for (method, right) in [(Method::MsChapV1, 8), (Method::MsChapV2, 16)] {
        let mut script = asked_by(method);
        for length in (0..=32).chain([255]).filter(|length| *length != right) {
            challenge(&mut script, &vec![7; length]);
        }
        script.assert_silent();
        challenge(&mut script, &vec![7; right]);
        assert!(matches!(script.hear_chap().body, ChapBody::Response(_)));
    }
    let mut script = asked_by(Method::ChapMd5);
    challenge(&mut script, &[]);
    script.assert_silent();
    challenge(&mut script, &[7; 255]);
    assert!(matches!(script.hear_chap().body, ChapBody::Response(_)));
}

#[test]
fn a_success_out_of_the_blue_opens_nothing() {
    for method in [Method::ChapMd5, Method::MsChapV1, Method::MsChapV2] {
        let mut script = asked_by(method);
        for identifier in 0..=255 {
            script.say_chap(identifier, ChapBody::Success(b"welcome".to_vec()));
        }
        assert_eq!(script.link.phase(), Phase::Authenticate, "{method}");
        challenge(
            &mut script,
            &[7; 16][..if method == Method::MsChapV1 { 8 } else { 16 }],
        );
        script.hear_chap();
        for identifier in (0..=255).filter(|identifier| *identifier != 1) {
            script.say_chap(identifier, ChapBody::Success(b"welcome".to_vec()));
            script.say_chap(identifier, ChapBody::Failure(b"E=691 R=0".to_vec()));
        }
        assert_eq!(script.link.phase(), Phase::Authenticate, "{method}");
        script.assert_silent();
    }
}

#[test]
fn a_pap_answer_to_a_chap_peer_means_nothing() {
    let mut script = asked_by(Method::MsChapV2);
    let text = pap::Message::Text(Vec::new());
    script.say_pap(1, pap::Body::AuthenticateAck(text.clone()));
    script.say_pap(1, pap::Body::AuthenticateNak(text));
    assert_eq!(script.link.phase(), Phase::Authenticate);
    script.assert_silent();
}

#[test]
fn a_chap_challenge_to_a_pap_peer_is_not_answered() {
    let mut script = asked_by(Method::Pap);
    script.hear_pap();
    challenge(&mut script, &[7; 16]);
    script.assert_silent();
}

#[test]
fn what_only_a_peer_says_means_nothing_to_one() {
    let mut script = asked_by(Method::MsChapV2);
    script.responds(1, vec![0; 49], b"alice");
    script.say_chap(
        1,
        ChapBody::ChangePassword {
            code: 7,
            data: vec![0; 582],
        },
    );
    script.say_chap(
        1,
        ChapBody::Unknown {
            code: 99,
            data: vec![],
        },
    );
    script.assert_silent();
    assert!(script.events.is_empty());
}

#[test]
fn a_lost_success_is_asked_for_again_when_the_server_goes_on_without_us() {
    let mut script = Script::client_at(Stage::Authenticate);
    let value = [0x31; 16];
    let response = script.challenges(1, &value);
    // The Success was lost; the server negotiates encryption.
    script.say::<Ccp>(60, Body::ConfigureRequest(vec![STATELESS_128]));
    let again = script.hear_chap();
    assert_eq!(again.identifier, 1);
    assert!(matches!(&again.body, ChapBody::Response(same) if *same == response));
    let (message, _) = success_message(&value, &response, PASSWORD);
    script.say_chap(1, ChapBody::Success(message));
    script.accept::<Ccp>();
    let answer = script.hear::<Ccp>();
    assert_eq!(answer.identifier, 60);
    assert_eq!(answer.body, Body::ConfigureAck(vec![STATELESS_128]));
}

#[test]
fn no_other_password_is_asked_for_where_nobody_can_give_one() {
    let mut config = client(&[Method::MsChapV2], MppeConfig::default());
    if let adit_ppp::link::Role::Client { credentials, .. } = &mut config.role {
        credentials.can_ask_again = false;
    }
    let mut script = Script::open(config);
    script.lead_client_to(Stage::Authenticate);
    script.challenges(1, &[0x31; 16]);
    script.say_chap(1, ChapBody::Failure(b"E=691 R=1 V=3".to_vec()));
    assert!(matches!(
        script.hang_up(),
        CloseReason::AuthenticationRefused(_)
    ));
}

#[test]
fn a_retry_goes_with_the_challenge_at_hand_where_the_failure_has_none_that_fits() {
    for failure in [
        &b"E=691 R=1 V=3"[..],
        b"E=691 R=1 C=0011 V=3",
        b"E=691 R=1 C=xyz V=3",
        b"E=691 R=1 C= V=3",
        b"R=1 E=691",
    ] {
        let mut script = Script::client_at(Stage::Authenticate);
        let value = [0x31; 16];
        script.challenges(1, &value);
        script.say_chap(1, ChapBody::Failure(failure.to_vec()));
        assert!(script.has(|event| matches!(event, Output::AskPassword)));
        script.supply_password(Some("another"));
        let packet = script.hear_chap();
        let ChapBody::Response(response) = packet.body else {
            panic!("no Response")
        };
        let (message, _) = success_message(&value, &response, "another");
        script.say_chap(packet.identifier, ChapBody::Success(message));
        script.accept::<Ccp>();
    }
}

#[test]
fn giving_up_instead_of_another_password_ends_the_link() {
    let mut script = Script::client_at(Stage::Authenticate);
    script.challenges(1, &[0x31; 16]);
    script.say_chap(1, ChapBody::Failure(b"E=691 R=1 V=3".to_vec()));
    script.supply_password(None);
    let reason = script.hang_up();
    assert!(
        matches!(&reason, CloseReason::AuthenticationRefused(why) if why.error == 691),
        "{reason}"
    );
}

#[test]
fn a_password_that_nobody_asked_for_changes_nothing() {
    let mut script = Script::client_at(Stage::Up);
    script.supply_password(Some("another"));
    script.wait(std::time::Duration::from_secs(100));
    assert_eq!(script.closed(), None);
}

#[test]
fn a_session_that_is_challenged_again_may_be_asked_for_another_password_and_lives_on() {
    let mut script = Script::client_at(Stage::Up);
    let value = [0x77; 16];
    script.challenges(2, &value);
    script.say_chap(2, ChapBody::Failure(b"E=691 R=1 V=3".to_vec()));
    script.supply_password(Some("another"));
    let ChapBody::Response(response) = script.hear_chap().body else {
        panic!("no Response")
    };
    let (message, _) = success_message(&value, &response, "another");
    script.say_chap(3, ChapBody::Success(message));
    script.events.clear();
    for _ in 0..10 {
        script.wait(std::time::Duration::from_secs(29));
        let echo = adit_wire::cp::Magic {
            magic: 0,
            data: Vec::new(),
        };
        script.say::<adit_wire::lcp::Lcp>(1, Body::EchoRequest(echo));
    }
    assert_eq!(script.closed(), None);
    assert!(script.events.is_empty());
}

#[test]
fn a_server_that_fails_to_prove_itself_in_a_running_session_is_left() {
    let mut script = Script::client_at(Stage::Up);
    script.challenges(2, &[0x77; 16]);
    script.say_chap(2, ChapBody::Success(b"S=00 M=trust me".to_vec()));
    assert_eq!(script.hang_up(), CloseReason::ServerNotProven);
}

#[test]
fn the_name_goes_out_with_its_domain() {
    let mut script = Script::client_at(Stage::Authenticate);
    assert_eq!(script.challenges(1, &[1; 16]).name, NAME.as_bytes());
}

#[test]
fn methods_that_are_not_allowed_are_naked_with_the_preferred_one() {
    for refused in [
        Authentication::Pap,
        Authentication::ChapMd5,
        Authentication::MsChapV1,
        Authentication::Eap,
        Authentication::Other {
            protocol: adit_wire::ppp::Protocol(0xc227),
            data: vec![9],
        },
    ] {
        let mut script = Script::client_at(Stage::Establish);
        let option = |method| adit_wire::lcp::LcpOption::Authentication(method);
        assert_eq!(
            script.request::<adit_wire::lcp::Lcp>(&[option(refused)]),
            Body::ConfigureNak(vec![option(Authentication::MsChapV2)])
        );
    }
}

#[test]
fn a_password_is_not_given_away_where_no_keys_for_required_encryption_come_of_it() {
    let methods = [Method::MsChapV2, Method::ChapMd5, Method::Pap];
    for (mppe, is_taken) in [(MppeConfig::default(), false), (off(), true)] {
        for method in [Authentication::Pap, Authentication::ChapMd5] {
            let mut script = Script::open(client(&methods, mppe.clone()));
            script.hear::<adit_wire::lcp::Lcp>();
            let option = adit_wire::lcp::LcpOption::Authentication(method);
            let answer = script.request::<adit_wire::lcp::Lcp>(std::slice::from_ref(&option));
            let taken = answer == Body::ConfigureAck(vec![option]);
            assert_eq!(taken, is_taken);
        }
    }
}
