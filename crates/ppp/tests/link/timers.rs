//! The Restart timer, Max-Configure, Max-Terminate and Max-Failure (RFC 1661 §4.6), to the second.

use std::time::Duration;

use adit_ppp::auth::Method;
use adit_ppp::link::{CloseReason, Output, Phase};
use adit_ppp::{LinkConfig, MppeConfig, NegotiationTimers};
use adit_wire::ccp::{Ccp, CcpOption};
use adit_wire::cp::Body;
use adit_wire::ipcp::{Ipcp, IpcpOption};
use adit_wire::ipv6cp::{InterfaceId, Ipv6cp, Ipv6cpOption};
use adit_wire::lcp::{Lcp, LcpOption};

use crate::common::{CLIENT, MAGIC, STATELESS_128, Script, Stage, server};

const TIMERS: NegotiationTimers = NegotiationTimers {
    restart: Duration::from_secs(5),
    first_restart: Duration::from_secs(1),
    max_configure: 4,
    max_terminate: 3,
    max_failure: 2,
};

fn config() -> LinkConfig {
    LinkConfig {
        timers: TIMERS,
        ..server(&[Method::MsChapV2], MppeConfig::default())
    }
}

#[test]
fn as_many_requests_as_configured_are_sent_and_then_the_peer_is_given_up() {
    let mut script = Script::open(config());
    let mut identifiers = Vec::new();
    for wait in [1, 5, 5] {
        identifiers.push(script.hear::<Lcp>().identifier);
        assert_eq!(script.wait_for_deadline(), Duration::from_secs(wait));
    }
    identifiers.push(script.hear::<Lcp>().identifier);
    assert_eq!(script.wait_for_deadline(), Duration::from_secs(5));
    script.assert_silent();
    assert_eq!(script.closed(), Some(CloseReason::NoAnswer));
    assert_eq!(script.link.deadline(), None);
    identifiers.dedup();
    assert_eq!(identifiers.len(), 4);
}

#[test]
fn only_the_very_first_request_is_repeated_early() {
    let mut script = Script::open(config());
    let request = script.hear::<Lcp>();
    let smaller = vec![LcpOption::Mru(1400)];
    script.say::<Lcp>(request.identifier, Body::ConfigureNak(smaller));
    assert_eq!(script.wait_for_deadline(), Duration::from_secs(5));

    script.frames.clear();
    script.wait_for_deadline();
    script.lead_to(Stage::Up);
    script.say::<Lcp>(
        1,
        Body::ConfigureRequest(vec![LcpOption::MagicNumber(MAGIC)]),
    );
    assert_eq!(script.wait_for_deadline(), Duration::from_secs(5));
}

#[test]
fn as_many_terminate_requests_as_configured_are_sent() {
    let mut script = Script::open(config());
    script.lead_to(Stage::Up);
    script.link.close(script.now);
    script.collect();
    for _ in 0..3 {
        assert!(script.closed().is_none());
        assert!(matches!(
            script.hear::<Lcp>().body,
            Body::TerminateRequest(_)
        ));
        script.assert_silent();
        assert_eq!(script.wait_for_deadline(), Duration::from_secs(5));
    }
    assert_eq!(script.closed(), Some(CloseReason::Requested));
    script.assert_silent();
}

#[test]
fn after_as_many_naks_as_configured_come_rejects() {
    let mut script = Script::open(config());
    let tiny = [LcpOption::Mru(4)];
    for _ in 0..2 {
        assert!(matches!(
            script.request::<Lcp>(&tiny),
            Body::ConfigureNak(_)
        ));
    }
    assert_eq!(
        script.request::<Lcp>(&tiny),
        Body::ConfigureReject(tiny.to_vec())
    );
    script.agree::<Lcp>(&[]);
    assert!(matches!(
        script.request::<Lcp>(&tiny),
        Body::ConfigureNak(_)
    ));
}

#[test]
fn more_naks_than_configured_are_taken_for_rejects() {
    let mut script = Script::open(config());
    for mru in [1400, 1300] {
        let packet = script.hear::<Lcp>();
        script.say::<Lcp>(
            packet.identifier,
            Body::ConfigureNak(vec![LcpOption::Mru(mru)]),
        );
    }
    let packet = script.hear::<Lcp>();
    let last = LcpOption::Mru(1200);
    script.say::<Lcp>(packet.identifier, Body::ConfigureNak(vec![last]));
    assert!(
        !script
            .accept::<Lcp>()
            .iter()
            .any(|option| matches!(option, LcpOption::Mru(_)))
    );
}

#[test]
fn a_peer_that_never_names_a_cipher_is_naked_and_then_left() {
    let mut script = Script::open(config());
    script.lead_to(Stage::Encryption);
    script.accept::<Ccp>();
    for _ in 0..2 {
        assert_eq!(
            script.request::<Ccp>(&[]),
            Body::ConfigureNak(vec![STATELESS_128])
        );
    }
    script.say::<Ccp>(1, Body::ConfigureRequest(Vec::<CcpOption>::new()));
    assert!(script.hang_up().to_string().contains("encryption"));
}

#[test]
fn a_peer_that_never_names_an_identifier_goes_without_ipv6() {
    let mut script = Script::open(config());
    script.lead_to(Stage::Network);
    script.accept::<Ipv6cp>();
    for _ in 0..2 {
        assert!(matches!(
            script.request::<Ipv6cp>(&[]),
            Body::ConfigureNak(_)
        ));
    }
    script.say::<Ipv6cp>(1, Body::ConfigureRequest(Vec::new()));
    script.opens_ipcp(CLIENT);
    assert!(!script.has(|event| matches!(event, Output::Ipv6Up(_))));
    script.ipv4();
}

#[test]
fn a_negotiation_that_turns_in_circles_is_given_up() {
    let mut script = Script::open(server(&[Method::MsChapV2], MppeConfig::default()));
    let mut requests = 0;
    loop {
        let packet = script.hear::<Lcp>();
        if matches!(packet.body, Body::TerminateRequest(_)) {
            script.say::<Lcp>(packet.identifier, Body::TerminateAck(Vec::new()));
            break;
        }
        requests += 1;
        assert!(requests <= 100, "no end of requests");
        // A wish that is never granted: the same options come again.
        let wished = vec![LcpOption::Quality(vec![0xc0, 0x25])];
        script.say::<Lcp>(packet.identifier, Body::ConfigureNak(wished));
    }
    assert_eq!(script.closed(), Some(CloseReason::NoAgreement));
}

#[test]
fn a_link_that_is_not_set_up_in_time_is_closed_in_every_stage() {
    for stage in [
        Stage::Establish,
        Stage::Authenticate,
        Stage::Encryption,
        Stage::Network,
    ] {
        let mut config = config();
        config.timers.max_configure = 1000;
        config.setup_time = Duration::from_secs(20);
        let mut script = Script::open(config);
        script.lead_to(stage);
        script.wait(Duration::from_secs(19));
        assert_eq!(script.closed(), None, "{stage:?}");
        script.wait(Duration::from_secs(1));
        assert_eq!(script.link.phase(), Phase::Terminate, "{stage:?}");
        assert_eq!(script.hang_up(), CloseReason::SetupTimeout, "{stage:?}");
    }
}

#[test]
fn an_address_that_is_never_agreed_on_ends_the_link() {
    let mut script = Script::open(config());
    script.lead_to(Stage::Network);
    script.wait(Duration::from_secs(20));
    assert_eq!(script.hang_up(), CloseReason::NoNetwork);
}

#[test]
fn a_peer_that_may_take_a_layer_for_up_is_told_when_it_is_given_up() {
    let mut script = Script::open(config());
    script.lead_to(Stage::Network);
    script.agree::<Ipv6cp>(&[identifier()]);
    script.opens_ipcp(CLIENT);
    script.frames.clear();
    script.wait(Duration::from_secs(15));
    script.frames.clear();
    script.wait(Duration::from_secs(5));
    assert!(matches!(
        script.hear::<Ipv6cp>().body,
        Body::TerminateRequest(_)
    ));
    assert_eq!(script.closed(), None);
}

#[test]
fn a_peer_that_leaves_ipcp_unanswered_is_left_even_where_ipv6_is_up() {
    let mut script = Script::open(config());
    script.lead_to(Stage::Network);
    script.converge::<Ipv6cp>(&[identifier()]);
    script.agree::<Ipcp>(&[IpcpOption::Address(CLIENT)]);
    script.wait(Duration::from_secs(20));
    assert_eq!(script.hang_up(), CloseReason::NoNetwork);
}

#[test]
fn a_peer_that_never_acknowledges_lcp_is_told_that_it_is_given_up() {
    let mut script = Script::open(config());
    script.agree::<Lcp>(&[LcpOption::MagicNumber(MAGIC)]);
    script.wait(Duration::from_secs(16));
    assert_eq!(script.hang_up(), CloseReason::NoAnswer);
}

fn identifier() -> Ipv6cpOption {
    Ipv6cpOption::InterfaceId(InterfaceId([4; 8]))
}

#[test]
fn a_link_lives_on_ipv6_alone_until_that_ends_too() {
    let mut script = Script::open(config());
    script.lead_to(Stage::Network);
    script.converge::<Ipv6cp>(&[identifier()]);
    let request = script.hear::<Ipcp>();
    let Body::ConfigureRequest(options) = request.body else {
        panic!("no request")
    };
    assert!(matches!(options[..], [IpcpOption::Address(_)]));
    script.say::<Ipcp>(request.identifier, Body::ConfigureReject(options));
    assert_eq!(script.link.phase(), Phase::Network);
    script.say::<Lcp>(
        1,
        Body::ProtocolReject {
            protocol: adit_wire::ppp::Protocol::IPV6CP,
            information: Vec::new(),
        },
    );
    script.wait(Duration::from_secs(15));
    assert_eq!(script.hang_up(), CloseReason::NoNetwork);
}

#[test]
fn a_call_that_comes_early_changes_nothing() {
    for stage in Stage::ALL {
        let mut script = Script::server_at(stage);
        script.frames.clear();
        let Some(deadline) = script.link.deadline() else {
            continue;
        };
        for _ in 0..3 {
            script.link.handle_timeout(script.now);
            script.collect();
        }
        assert_eq!(script.link.deadline(), Some(deadline), "{stage:?}");
        script.assert_silent();
        assert!(script.events.is_empty());
    }
}
