//! A layer that is up and negotiates again: what stands on it goes down, comes up anew, and carries
//! packets under fresh keys.

use std::time::Duration;

use adit_crypto::mppe_keys::Strength;
use adit_ppp::MppeConfig;
use adit_ppp::auth::Method;
use adit_ppp::link::{CloseReason, Discard, IpVersion, NoEncryption, Output, Phase, SealError};
use adit_ppp::mppe::Mode;
use adit_wire::ccp::Ccp;
use adit_wire::cp::Body;
use adit_wire::ipcp::{Ipcp, IpcpOption};
use adit_wire::ipv6cp::Ipv6cp;
use adit_wire::lcp::{Authentication, Lcp, LcpOption};

use crate::common::{
    CLIENT, MAGIC, NAME, PASSWORD, Pair, STATELESS_128, Script, Stage, client, encrypt, mppe, off,
    optional, server,
};

fn packet() -> Vec<u8> {
    [&[0x45, 0, 0, 40][..], &[0; 36]].concat()
}

/// A server whose link is up and encrypts.
fn encrypting(policy: MppeConfig) -> Script {
    let mut script = Script::open(server(&[Method::MsChapV2], policy));
    script.lead_to(Stage::Up);
    assert!(script.link.summary().encryption.is_some());
    script
}

fn asks_again() -> Body<LcpOption> {
    Body::ConfigureRequest(vec![LcpOption::MagicNumber(MAGIC)])
}

#[test]
fn lcp_negotiates_again_and_traffic_passes_under_fresh_keys() {
    let mut script = Script::server_at(Stage::Up);
    script.say::<Lcp>(40, asks_again());
    assert_eq!(script.link.phase(), Phase::Establish);
    assert!(script.has(|event| matches!(event, Output::Ipv4Down)));
    assert!(script.has(|event| matches!(event, Output::Ipv6Down)));
    let mut out = Vec::new();
    let sealed = script.link.seal(IpVersion::V4, &packet(), &mut out);
    assert_eq!(sealed, Err(SealError::NotUp));
    assert!(out.is_empty());
    script.events.clear();

    script.accept::<Lcp>();
    assert_eq!(script.hear::<Lcp>().identifier, 40);
    let keys = script.peer_authenticates();
    script.converge::<Ccp>(&[STATELESS_128]);
    script.opens_ipcp(CLIENT);
    script.ipv4();
    let received = script.frame(encrypt(&keys, &packet()));
    assert_eq!(received, Ok(Some(packet())));
    script
        .link
        .seal(IpVersion::V4, &packet(), &mut out)
        .unwrap();
}

#[test]
fn a_pair_survives_one_renegotiation_after_the_other() {
    for mode in [Mode::Stateless, Mode::Stateful] {
        let config = mppe(Strength::Bits128, mode);
        let methods = [Method::MsChapV2];
        let mut pair = Pair::new(server(&methods, config.clone()), client(&methods, config));
        pair.connect();
        for _ in 0..20 {
            pair.assert_traffic();
            pair.renegotiate();
            assert!(pair.is_up() && pair.server.ipv6 && pair.client.ipv6);
        }
        pair.run(Duration::from_secs(200));
        pair.assert_traffic();
    }
}

#[test]
fn keys_of_an_earlier_authentication_are_not_used_again() {
    let methods = [Method::MsChapV2, Method::ChapMd5];
    let mut script = Script::open(server(&methods, MppeConfig::default()));
    script.lead_to(Stage::Up);
    script.say::<Lcp>(40, asks_again());
    let request = script.hear::<Lcp>();
    assert_eq!(script.hear::<Lcp>().identifier, 40);
    let md5 = LcpOption::Authentication(Authentication::ChapMd5);
    script.say::<Lcp>(request.identifier, Body::ConfigureNak(vec![md5]));
    script.accept::<Lcp>();
    let challenged = script.challenge();
    let digest = adit_crypto::chap_md5::response(
        challenged.identifier,
        PASSWORD.as_bytes(),
        &challenged.value,
    );
    script.responds(challenged.identifier, digest.to_vec(), NAME.as_bytes());
    script
        .events
        .retain(|event| matches!(event, Output::Authenticate(..)));
    script.grant();
    let reason = CloseReason::NoEncryption(NoEncryption::NoKeys);
    assert_eq!(script.hang_up(), reason);
}

#[test]
fn addresses_of_an_earlier_authentication_are_not_used_again() {
    let mut script = Script::open(server(&[Method::MsChapV2], optional()));
    script.lead_to(Stage::Up);
    script.say::<Lcp>(40, asks_again());
    script.events.clear();
    script.accept::<Lcp>();
    let challenged = script.challenge();
    script.responds_v2(&challenged, NAME.as_bytes(), PASSWORD);
    let (ticket, credentials) = script.question();
    let proven = credentials
        .verify(&adit_ppp::auth::Secret::clear(PASSWORD))
        .unwrap();
    script.accept_peer(ticket, proven, None);
    assert!(script.try_hear::<Ccp>().is_some());
    assert!(script.try_hear::<Ipcp>().is_none());
    assert!(script.try_hear::<Ipv6cp>().is_some());
}

#[test]
fn encryption_negotiates_again_and_nothing_passes_in_the_clear_meanwhile() {
    for policy in [MppeConfig::default(), optional()] {
        let mut script = encrypting(policy);
        script.say::<Ccp>(40, Body::ConfigureRequest(vec![STATELESS_128]));
        let mut out = Vec::new();
        let sealed = script.link.seal(IpVersion::V4, &packet(), &mut out);
        assert_eq!(sealed, Err(SealError::NoEncryption));
        let clear = [&[0xff, 3, 0, 0x21][..], &packet()].concat();
        assert_eq!(script.frame(clear), Err(Discard::ClearText));
        script.accept::<Ccp>();
        script
            .link
            .seal(IpVersion::V4, &packet(), &mut out)
            .unwrap();
        assert!(script.link.summary().encryption.is_some());
        assert!(script.events.is_empty());
    }
}

#[test]
fn encryption_that_goes_down_for_good_ends_the_link() {
    for policy in [MppeConfig::default(), optional()] {
        let mut script = encrypting(policy);
        script.say::<Ccp>(40, Body::TerminateRequest(Vec::new()));
        assert_eq!(script.hear::<Ccp>().body, Body::TerminateAck(Vec::new()));
        script.wait(Duration::from_secs(3));
        let reason = CloseReason::NoEncryption(NoEncryption::PeerRefuses);
        assert_eq!(script.hang_up(), reason);
    }
}

#[test]
fn an_address_is_negotiated_again_without_touching_the_rest() {
    let mut script = Script::server_at(Stage::Up);
    let request = vec![IpcpOption::Address(CLIENT)];
    script.say::<Ipcp>(40, Body::ConfigureRequest(request.clone()));
    assert!(script.has(|event| matches!(event, Output::Ipv4Down)));
    assert!(script.link.is_up(IpVersion::V6));
    script.accept::<Ipcp>();
    assert_eq!(script.hear::<Ipcp>().body, Body::ConfigureAck(request));
    script.ipv4();
    assert_eq!(script.events.len(), 2);
}

#[test]
fn a_repeated_configure_ack_does_not_take_a_layer_down() {
    let mut script = Script::server_at(Stage::Establish);
    let request = script.hear::<Lcp>();
    let Body::ConfigureRequest(options) = request.body else {
        panic!("no request")
    };
    let acknowledge = Body::ConfigureAck(options);
    script.say::<Lcp>(request.identifier, acknowledge.clone());
    script.say::<Lcp>(request.identifier, acknowledge.clone());
    script.agree::<Lcp>(&[LcpOption::MagicNumber(MAGIC)]);
    script.say::<Lcp>(request.identifier, acknowledge);
    assert_eq!(script.link.phase(), Phase::Authenticate);
    script.challenge();
    script.assert_silent();
}

#[test]
fn a_late_nak_or_reject_does_not_take_a_layer_down() {
    let mut script = Script::server_at(Stage::Establish);
    let request = script.hear::<Lcp>();
    let Body::ConfigureRequest(options) = request.body else {
        panic!("no request")
    };
    script.say::<Lcp>(request.identifier, Body::ConfigureAck(options.clone()));
    script.agree::<Lcp>(&[LcpOption::MagicNumber(MAGIC)]);
    script.say::<Lcp>(
        request.identifier,
        Body::ConfigureNak(options[..1].to_vec()),
    );
    script.say::<Lcp>(request.identifier, Body::ConfigureReject(options));
    assert_eq!(script.link.phase(), Phase::Authenticate);
}

#[test]
fn a_peer_that_keeps_renegotiating_without_proving_itself_runs_out_of_time() {
    let mut script = Script::open(server(&[Method::MsChapV2], off()));
    script.peer_opens_lcp();
    for round in 0..20 {
        if script.closed().is_some() {
            break;
        }
        script.wait(Duration::from_secs(5));
        script.frames.clear();
        script.say::<Lcp>(round, asks_again());
        if let Some(packet) = script.try_hear::<Lcp>()
            && let Body::ConfigureRequest(options) = packet.body
        {
            script.say::<Lcp>(packet.identifier, Body::ConfigureAck(options));
        }
    }
    assert_eq!(script.closed(), Some(CloseReason::SetupTimeout));
}
