//! LCP's keep-alive (RFC 1661 §5.8): a silent peer is asked, and given up after so many questions.

use std::time::Duration;

use adit_ppp::auth::Method;
use adit_ppp::link::{CloseReason, EchoConfig, Output};
use adit_ppp::{LinkConfig, MppeConfig};
use adit_wire::cp::{Body, Magic};
use adit_wire::lcp::Lcp;

use crate::common::{MAGIC, Script, Stage, encrypt, server};

fn up(interval: u64, failures: u32) -> Script {
    let mut script = Script::open(LinkConfig {
        echo: EchoConfig {
            interval: Duration::from_secs(interval),
            failures,
        },
        ..server(&[Method::MsChapV2], MppeConfig::default())
    });
    script.lead_to(Stage::Up);
    // What came in so far was a sign of life for the first interval.
    script.wait(Duration::from_secs(interval));
    script.assert_silent();
    script
}

fn hear_echo(script: &mut Script) -> u8 {
    let packet = script.hear::<Lcp>();
    let Body::EchoRequest(magic) = packet.body else {
        panic!("no Echo-Request")
    };
    assert_ne!(magic.magic, 0);
    packet.identifier
}

#[test]
fn as_many_echo_requests_as_configured_go_unanswered_before_the_peer_is_given_up() {
    let mut script = up(10, 3);
    let mut identifiers = Vec::new();
    for _ in 0..3 {
        assert_eq!(script.wait_for_deadline(), Duration::from_secs(10));
        identifiers.push(hear_echo(&mut script));
    }
    identifiers.dedup();
    assert_eq!(identifiers.len(), 3);
    assert_eq!(script.wait_for_deadline(), Duration::from_secs(10));
    assert!(script.has(|event| matches!(event, Output::Ipv4Down)));
    assert_eq!(script.hang_up(), CloseReason::PeerSilent);
}

#[test]
fn an_answer_starts_the_count_anew() {
    let mut script = up(10, 2);
    for _ in 0..50 {
        script.wait(Duration::from_secs(10));
        while let Some(packet) = script.try_hear::<Lcp>() {
            let Body::EchoRequest(_) = packet.body else {
                panic!("{packet}")
            };
            let reply = Magic {
                magic: MAGIC,
                data: Vec::new(),
            };
            script.say::<Lcp>(packet.identifier, Body::EchoReply(reply));
        }
    }
    assert_eq!(script.closed(), None);
}

#[test]
fn every_frame_is_a_sign_of_life() {
    let mut script = Script::open(LinkConfig {
        echo: EchoConfig {
            interval: Duration::from_secs(10),
            failures: 1,
        },
        ..server(&[Method::MsChapV2], MppeConfig::default())
    });
    script.lead_to(Stage::Authenticate);
    let keys = script.peer_authenticates();
    let packet = [&[0x45, 0, 0, 20][..], &[0; 16]].concat();
    let frame = encrypt(&keys, &packet);
    script.lead_on_from_encryption();
    for _ in 0..20 {
        script.wait(Duration::from_secs(9));
        let _ = script.frame(frame.clone());
    }
    script.assert_silent();
    assert_eq!(script.closed(), None);
}

impl Script {
    fn lead_on_from_encryption(&mut self) {
        self.converge::<adit_wire::ccp::Ccp>(&[crate::common::STATELESS_128]);
        self.opens_ipcp(crate::common::CLIENT);
        self.frames.clear();
        self.say::<Lcp>(
            1,
            Body::ProtocolReject {
                protocol: adit_wire::ppp::Protocol::IPV6CP,
                information: Vec::new(),
            },
        );
    }
}

#[test]
fn an_interval_of_zero_asks_nothing() {
    let mut script = Script::open(LinkConfig {
        echo: EchoConfig {
            interval: Duration::ZERO,
            failures: 3,
        },
        ..server(&[Method::MsChapV2], MppeConfig::default())
    });
    script.lead_to(Stage::Up);
    assert_eq!(script.link.deadline(), None);
}
