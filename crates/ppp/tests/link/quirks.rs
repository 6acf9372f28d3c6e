//! What does not belong to one peer: loops, ends, repetitions, and the order of things.

use std::time::Duration;

use adit_ppp::MppeConfig;
use adit_ppp::auth::Method;
use adit_ppp::link::{CloseReason, Output, Phase};
use adit_wire::cp::{Body, Magic};
use adit_wire::ipcp::Ipcp;
use adit_wire::ipv6cp::{InterfaceId, Ipv6cp, Ipv6cpOption};
use adit_wire::lcp::{Lcp, LcpOption};

use crate::common::{MAGIC, Script, Stage, client, server, windows_ends};

/// Everything that the link sends comes back to it.
fn loop_back(script: &mut Script) -> CloseReason {
    for _ in 0..1000 {
        while let Some(frame) = script.frames.pop_front() {
            let _ = script.frame(frame);
        }
        match script.closed() {
            Some(reason) => return reason,
            None => script.wait_for_deadline(),
        };
    }
    panic!("the loop was not noticed")
}

#[test]
fn a_loop_is_told_from_a_peer_by_the_magic_number() {
    let methods = [Method::MsChapV2];
    let mut script = Script::open(server(&methods, MppeConfig::default()));
    assert_eq!(loop_back(&mut script), CloseReason::Loop);
    let mut script = Script::open(client(&methods, MppeConfig::default()));
    assert_eq!(loop_back(&mut script), CloseReason::Loop);
}

#[test]
fn an_echo_request_with_our_own_magic_number_shows_a_loop() {
    let mut script = Script::server_at(Stage::Up);
    let other = Magic {
        magic: MAGIC,
        data: Vec::new(),
    };
    script.say::<Lcp>(1, Body::EchoRequest(other));
    let Body::EchoReply(ours) = script.hear::<Lcp>().body else {
        panic!("no Echo-Reply")
    };
    script.say::<Lcp>(2, Body::EchoRequest(ours));
    assert_eq!(script.hang_up(), CloseReason::Loop);
}

#[test]
fn a_magic_number_of_zero_is_naked() {
    let mut script = Script::server_at(Stage::Establish);
    let Body::ConfigureNak(wanted) = script.request::<Lcp>(&[LcpOption::MagicNumber(0)]) else {
        panic!("no Nak")
    };
    assert!(matches!(wanted[..], [LcpOption::MagicNumber(number)] if number != 0));
}

#[test]
fn after_the_end_nothing_is_said_and_nothing_is_due() {
    for stage in Stage::ALL {
        let mut ends: Vec<Script> = Vec::new();
        let mut abandoned = Script::server_at(stage);
        abandoned.link.abandon();
        abandoned.collect();
        ends.push(abandoned);
        let mut left = Script::server_at(stage);
        left.say::<Lcp>(1, Body::TerminateRequest(Vec::new()));
        ends.push(left);
        let mut silent = Script::server_at(stage);
        silent.wait(Duration::from_secs(1000));
        ends.push(silent);
        let mut closed = Script::client_at(stage);
        closed.link.close(closed.now);
        closed.collect();
        closed.wait(Duration::from_secs(10));
        ends.push(closed);
        for mut script in ends {
            assert!(
                matches!(script.events.back(), Some(Output::Closed(_))),
                "{stage:?}"
            );
            script.frames.clear();
            script.events.clear();
            assert_eq!(script.link.deadline(), None, "{stage:?}");
            assert_eq!(script.link.phase(), Phase::Dead);
            for packet in [
                Body::ConfigureRequest(vec![LcpOption::MagicNumber(MAGIC)]),
                Body::TerminateRequest(Vec::new()),
                Body::EchoRequest(Magic {
                    magic: MAGIC,
                    data: Vec::new(),
                }),
            ] {
                script.say::<Lcp>(1, packet);
            }
            script.link.close(script.now);
            script.supply_password(Some("late"));
            script.wait(Duration::from_secs(1000));
            script.link.handle_timeout(script.now);
            script.collect();
            script.assert_silent();
            assert!(script.events.is_empty(), "{stage:?}");
            assert_eq!(script.link.deadline(), None, "{stage:?}");
        }
    }
}

#[test]
fn what_was_up_goes_down_before_the_end() {
    let ends: [fn(&mut Script); 4] = [
        |script| script.say::<Lcp>(1, Body::TerminateRequest(Vec::new())),
        // Windows gives its reason in IPCP, before LCP ends.
        |script| script.say::<Ipcp>(1, Body::TerminateRequest(windows_ends(738))),
        |script| script.say::<Lcp>(1, Body::CodeReject(vec![1, 1, 0, 4])),
        |script| script.link.abandon(),
    ];
    for end in ends {
        let mut script = Script::server_at(Stage::Up);
        end(&mut script);
        script.collect();
        script.wait(Duration::from_secs(10));
        let position = |wanted: fn(&Output) -> bool| script.events.iter().position(wanted);
        let closed = position(|event| matches!(event, Output::Closed(_)));
        assert!(position(|event| matches!(event, Output::Ipv4Down)) < closed);
        assert!(position(|event| matches!(event, Output::Ipv6Down)) < closed);
        assert_eq!(script.events.len(), 3);
    }
}

#[test]
fn a_link_that_was_not_opened_hears_nothing() {
    let config = server(&[Method::MsChapV2], MppeConfig::default());
    let mut script = Script::unopened(config);
    script.say::<Lcp>(1, Body::ConfigureRequest(Vec::new()));
    script.wait(Duration::from_secs(100));
    script.assert_silent();
    assert!(script.events.is_empty());
}

#[test]
fn an_interface_identifier_of_zero_or_of_ours_is_naked_with_another() {
    let mut script = Script::server_at(Stage::Network);
    let ours = script.accept::<Ipv6cp>();
    for refused in [
        ours[0].clone(),
        Ipv6cpOption::InterfaceId(InterfaceId::ZERO),
    ] {
        let Body::ConfigureNak(wanted) = script.request::<Ipv6cp>(std::slice::from_ref(&refused))
        else {
            panic!("no Nak")
        };
        assert_ne!(wanted, ours);
        assert_ne!(wanted, [refused]);
    }
}

#[test]
fn a_nak_with_the_peers_own_interface_identifier_is_not_followed() {
    let mut script = Script::server_at(Stage::Network);
    let request = script.hear::<Ipv6cp>();
    let theirs = [Ipv6cpOption::InterfaceId(InterfaceId([8; 8]))];
    script.agree::<Ipv6cp>(&theirs);
    script.say::<Ipv6cp>(request.identifier, Body::ConfigureNak(theirs.to_vec()));
    assert_ne!(script.accept::<Ipv6cp>(), theirs);
}

#[test]
fn padding_behind_a_packet_is_passed_over() {
    let mut script = Script::server_at(Stage::Establish);
    script.frames.clear();
    let padded = [1, 5, 0, 10, 5, 6, 1, 2, 3, 4, 0, 0, 0, 0];
    script
        .octets(adit_wire::ppp::Protocol::LCP, &padded)
        .unwrap();
    assert_eq!(script.frames[0][4..], [2, 5, 0, 10, 5, 6, 1, 2, 3, 4]);
}
