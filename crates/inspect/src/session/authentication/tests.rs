use adit_crypto::change_password::NewPassword;
use adit_wire::chap::{Body, Packet, Value};

use super::*;

const CHALLENGE: [u8; 16] = [0x5b; 16];
const PEER_CHALLENGE: [u8; 16] = [0x21; 16];
const USER: &[u8] = b"EXAMPLE\\alice";

fn known(password: &str) -> Credentials {
    Credentials::new("alice", password.to_owned().into())
}

fn packet(body: Body) -> Packet {
    Packet {
        identifier: 9,
        body,
    }
}

fn challenge(value: &[u8]) -> Packet {
    packet(Body::Challenge(Value {
        value: value.to_vec(),
        name: Vec::new(),
    }))
}

fn response(value: Vec<u8>) -> Packet {
    packet(Body::Response(Value {
        value,
        name: USER.to_vec(),
    }))
}

fn exchange(challenge: &[u8; 16]) -> Exchange<'_> {
    Exchange {
        authenticator_challenge: challenge,
        peer_challenge: &PEER_CHALLENGE,
        user_name: b"alice",
    }
}

fn v2_response(challenge: &[u8; 16], password: &str) -> (Packet, AuthenticatorResponse) {
    let nt_hash = NtHash::of_password(password);
    let nt_response = exchange(challenge).nt_response(&nt_hash);
    let value = ResponseV2 {
        peer_challenge: PEER_CHALLENGE,
        reserved: [0; 8],
        nt_response,
        flags: 0,
    };
    let proof = exchange(challenge).authenticator_response(&nt_hash, &nt_response);
    (response(value.encode()), proof)
}

fn summary(authenticator: &Authenticator) -> AuthenticationSummary {
    authenticator.summary("server".to_owned()).unwrap()
}

#[test]
fn both_proofs_of_mschap_v2_are_checked() {
    let (response, proof) = v2_response(&CHALLENGE, "secret");
    let right = format!("{proof} M=Welcome");
    let wrong = format!("S={} M=Welcome", "0".repeat(40));
    for (message, expected) in [(right, Check::Right), (wrong, Check::Wrong)] {
        let mut authenticator = Authenticator::default();
        authenticator.authenticator_sent(&challenge(&CHALLENGE));
        authenticator.peer_sent(&response, None, Some(&known("secret")));
        assert_eq!(summary(&authenticator).verdict, Verdict::Unanswered);
        authenticator.authenticator_sent(&packet(Body::Success(message.into_bytes())));
        let summary = summary(&authenticator);
        assert_eq!(
            (summary.verdict, summary.password),
            (Verdict::Accepted, Check::Right)
        );
        assert_eq!(summary.authenticator_response, expected);
        assert_eq!(summary.method.as_deref(), Some("MS-CHAPv2"));
        assert!(authenticator.keys().is_some());
    }
}

#[test]
fn credentials_of_another_user_check_nothing() {
    let (response, _) = v2_response(&CHALLENGE, "secret");
    let mut authenticator = Authenticator::default();
    authenticator.authenticator_sent(&challenge(&CHALLENGE));
    let other = Credentials::new("bob", "secret".to_owned().into());
    authenticator.peer_sent(&response, None, Some(&other));
    assert_eq!(summary(&authenticator).password, Check::NotDone);
    assert!(authenticator.keys().is_none());
}

#[test]
fn a_new_try_answers_the_challenge_of_the_failure() {
    let mut authenticator = Authenticator::default();
    authenticator.authenticator_sent(&challenge(&CHALLENGE));
    authenticator.peer_sent(
        &v2_response(&CHALLENGE, "typo").0,
        None,
        Some(&known("secret")),
    );
    assert_eq!(summary(&authenticator).password, Check::Wrong);
    let message = format!("E=691 R=1 C={} V=3", "7C".repeat(16));
    authenticator.authenticator_sent(&packet(Body::Failure(message.into_bytes())));
    let refused = summary(&authenticator);
    assert_eq!(refused.verdict, Verdict::Refused);
    let reason = refused.refusal.unwrap();
    assert_eq!(reason, "error 691, the user name or the password is wrong");
    let (second, _) = v2_response(&[0x7c; 16], "secret");
    authenticator.peer_sent(&second, None, Some(&known("secret")));
    assert_eq!(summary(&authenticator).password, Check::Right);
}

#[test]
fn a_changed_password_is_followed_from_the_old_or_the_new_one() {
    let old = NtHash::of_password("old");
    let new = NewPassword::new("new").unwrap();
    let sealed = new.seal(&old, [0x33; 516]);
    let change = ChangePasswordV2 {
        encrypted_password: Box::new(sealed.encrypted_password),
        encrypted_hash: sealed.encrypted_hash,
        peer_challenge: PEER_CHALLENGE,
        reserved: [0; 8],
        nt_response: exchange(&CHALLENGE).nt_response(new.nt_hash()),
        flags: 0,
    };
    let change = packet(Body::ChangePassword {
        code: ChangePasswordV2::CODE,
        data: change.encode(),
    });
    for (password, expected) in [
        ("old", Check::Right),
        ("new", Check::Right),
        ("other", Check::Wrong),
    ] {
        let mut authenticator = Authenticator::default();
        authenticator.authenticator_sent(&challenge(&CHALLENGE));
        authenticator.peer_sent(&v2_response(&CHALLENGE, "old").0, None, None);
        authenticator.authenticator_sent(&packet(Body::Failure(b"E=648 R=0 V=3".to_vec())));
        authenticator.peer_sent(&change, None, Some(&known(password)));
        assert_eq!(summary(&authenticator).password, expected, "{password}");
        assert_eq!(authenticator.keys().is_some(), expected == Check::Right);
    }
}

#[test]
fn mschap_v1_gives_keys_only_from_its_nt_response() {
    let nt_hash = NtHash::of_password("secret");
    let nt_response = mschap_v1::nt_response(&nt_hash, &[4; 8]);
    for (flags, expected) in [(1, Check::Right), (0, Check::NotDone)] {
        let value = ResponseV1 {
            lm_response: [0; 24],
            nt_response,
            flags,
        };
        let mut authenticator = Authenticator::default();
        authenticator.authenticator_sent(&challenge(&[4; 8]));
        authenticator.peer_sent(&response(value.encode()), None, Some(&known("secret")));
        assert_eq!(summary(&authenticator).password, expected);
        assert_eq!(authenticator.keys().is_some(), flags == 1);
    }
}

#[test]
fn chap_md5_and_pap_are_checked() {
    let value = chap_md5::response(9, b"secret", b"any challenge").to_vec();
    for (password, expected) in [("secret", Check::Right), ("Secret", Check::Wrong)] {
        let mut authenticator = Authenticator::default();
        authenticator.authenticator_sent(&challenge(b"any challenge"));
        authenticator.peer_sent(&response(value.clone()), None, Some(&known(password)));
        assert_eq!(summary(&authenticator).password, expected);
        let request = pap::Packet {
            identifier: 1,
            body: pap::Body::AuthenticateRequest {
                peer_id: b"alice".to_vec(),
                password: b"secret".to_vec(),
                trailing: Vec::new(),
            },
        };
        let mut authenticator = Authenticator::default();
        authenticator.pap(&request, Some(&known(password)));
        assert_eq!(summary(&authenticator).password, expected);
        assert_eq!(summary(&authenticator).method.as_deref(), Some("PAP"));
    }
}

#[test]
fn a_response_of_another_length_than_its_method_is_wrong() {
    let mut authenticator = Authenticator::default();
    authenticator.authenticator_sent(&challenge(&CHALLENGE));
    let agreed = Authentication::MsChapV2;
    authenticator.peer_sent(
        &response(vec![0; 48]),
        Some(&agreed),
        Some(&known("secret")),
    );
    assert_eq!(summary(&authenticator).password, Check::Wrong);
}
