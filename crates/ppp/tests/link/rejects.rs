//! Code-Reject and Protocol-Reject, sent and received (RFC 1661 §5.6, §5.7), within the peer's MRU.

use adit_ppp::MppeConfig;
use adit_ppp::auth::Method;
use adit_ppp::link::{CloseReason, Discard, IpVersion, NoEncryption, Phase};
use adit_wire::ccp::Ccp;
use adit_wire::cp::{Body, Magic, code};
use adit_wire::ipcp::{Ipcp, IpcpOption};
use adit_wire::lcp::{Lcp, LcpOption};
use adit_wire::ppp::Protocol;

use crate::common::{CLIENT, MAGIC, STATELESS_128, Script, Stage, server};

/// All control protocols are up, and the peer's MRU is the smallest that is taken.
fn with_smallest_mru() -> Script {
    let mut script = Script::open(server(&[Method::MsChapV2], MppeConfig::default()));
    script.converge::<Lcp>(&[LcpOption::Mru(128), LcpOption::MagicNumber(MAGIC)]);
    script.peer_authenticates();
    script.converge::<Ccp>(&[STATELESS_128]);
    script.opens_ipcp(CLIENT);
    script.frames.clear();
    script
}

/// Octets of the information field of the only frame.
fn only_length(script: &Script) -> usize {
    assert_eq!(script.frames.len(), 1);
    script.frames[0].len() - 4
}

#[test]
fn an_unknown_code_is_rejected_with_what_fits_of_the_packet() {
    for protocol in [Protocol::LCP, Protocol::CCP, Protocol::IPCP] {
        for length in [4, 50, 128, 129, 1400] {
            let mut script = with_smallest_mru();
            let mut packet = vec![0x5a; length];
            packet[..2].copy_from_slice(&[200, 33]);
            packet[2..4].copy_from_slice(&(length as u16).to_be_bytes());
            script.octets(protocol, &packet).unwrap();
            assert!(only_length(&script) <= 128, "{}", only_length(&script));
            let sent = &script.frames[0][4..];
            assert_eq!(sent[0], code::CODE_REJECT);
            assert_eq!(sent[4..], packet[..sent.len() - 4]);
            assert!(sent.len() == 4 + length || sent.len() > 100);
        }
    }
}

#[test]
fn an_unknown_protocol_is_rejected_with_what_fits_of_the_packet() {
    for length in [0, 1, 122, 123, 1400] {
        let mut script = with_smallest_mru();
        let information = vec![0x5a; length];
        let result = script.octets(Protocol::CBCP, &information);
        assert_eq!(result, Err(Discard::UnknownProtocol));
        assert!(only_length(&script) <= 128);
        let Body::ProtocolReject {
            protocol,
            information: returned,
        } = script.hear::<Lcp>().body
        else {
            panic!("no Protocol-Reject")
        };
        assert_eq!(protocol, Protocol::CBCP);
        assert_eq!(returned, information[..length.min(122)]);
    }
}

#[test]
fn an_echo_is_answered_with_what_fits_of_its_data() {
    for length in [0, 120, 121, 1400] {
        let mut script = with_smallest_mru();
        let data: Vec<u8> = (0..length).map(|i| i as u8).collect();
        let request = Magic {
            magic: MAGIC,
            data: data.clone(),
        };
        script.say::<Lcp>(1, Body::EchoRequest(request));
        assert!(only_length(&script) <= 128);
        let Body::EchoReply(reply) = script.hear::<Lcp>().body else {
            panic!("no Echo-Reply")
        };
        assert_eq!(reply.data, data[..length.min(120)]);
    }
}

#[test]
fn nothing_is_rejected_before_lcp_is_up() {
    let mut script = Script::server_at(Stage::Establish);
    script.frames.clear();
    for protocol in [
        Protocol::CBCP,
        Protocol::CCP,
        Protocol::IPCP,
        Protocol::CHAP,
    ] {
        let result = script.octets(protocol, &[1, 1, 0, 4]);
        assert_eq!(result, Err(Discard::Unexpected));
    }
    script.assert_silent();
}

#[test]
fn a_code_reject_of_a_code_that_is_needed_ends_the_link() {
    for needed in code::CONFIGURE_REQUEST..=code::CODE_REJECT {
        let mut script = Script::server_at(Stage::Up);
        script.say::<Lcp>(1, Body::CodeReject(vec![needed, 1, 0, 4]));
        assert_eq!(script.hang_up(), CloseReason::NoAgreement, "{needed}");

        let mut script = Script::server_at(Stage::Establish);
        script.say::<Lcp>(1, Body::CodeReject(vec![needed, 1, 0, 4]));
        assert_eq!(script.closed(), Some(CloseReason::NoAgreement));
    }
}

#[test]
fn a_code_reject_of_a_code_that_is_not_needed_changes_nothing() {
    let not_needed = [
        code::PROTOCOL_REJECT,
        code::ECHO_REQUEST,
        code::IDENTIFICATION,
        code::RESET_REQUEST,
        code::RESET_ACK,
        255,
    ];
    for other in not_needed {
        let mut script = Script::server_at(Stage::Up);
        script.say::<Lcp>(1, Body::CodeReject(vec![other, 1, 0, 4]));
        script.say::<Ccp>(1, Body::CodeReject(vec![other, 1, 0, 4]));
        script.say::<Ipcp>(1, Body::CodeReject(vec![other, 1, 0, 4]));
        script.say::<Lcp>(1, Body::CodeReject(Vec::new()));
        script.assert_silent();
        assert!(script.link.is_up(IpVersion::V4));
        assert!(script.link.summary().encryption.is_some());
    }
}

#[test]
fn a_protocol_reject_ends_what_cannot_do_without_the_protocol() {
    let reject = |protocol| Body::ProtocolReject {
        protocol,
        information: Vec::new(),
    };
    for (stage, protocol, reason) in [
        (Stage::Up, Protocol::LCP, CloseReason::NoAgreement),
        (
            Stage::Authenticate,
            Protocol::CHAP,
            CloseReason::AuthenticationProtocol,
        ),
        (Stage::Network, Protocol::IPCP, CloseReason::NoNetwork),
        (
            Stage::Encryption,
            Protocol::CCP,
            CloseReason::NoEncryption(NoEncryption::PeerRefuses),
        ),
    ] {
        let mut script = Script::server_at(stage);
        script.say::<Lcp>(1, reject(protocol));
        assert_eq!(script.hang_up(), reason);
    }
    // And leaves alone what never was there.
    let mut script = Script::server_at(Stage::Up);
    for protocol in [Protocol::BCP, Protocol::EAP, Protocol::CHAP, Protocol::PAP] {
        script.say::<Lcp>(1, reject(protocol));
    }
    assert_eq!(script.link.phase(), Phase::Network);
    assert!(script.link.is_up(IpVersion::V4));
}

#[test]
fn a_reject_of_options_that_were_not_asked_for_is_passed_over() {
    let mut script = Script::client_at(Stage::Establish);
    let request = script.hear::<Lcp>();
    let foreign = vec![
        LcpOption::Authentication(adit_wire::lcp::Authentication::Pap),
        LcpOption::Callback(vec![6]),
    ];
    script.say::<Lcp>(request.identifier, Body::ConfigureReject(foreign));
    assert_eq!(script.closed(), None);
    let Body::ConfigureRequest(options) = request.body else {
        panic!("no request")
    };
    script.say::<Lcp>(request.identifier, Body::ConfigureAck(options));
    script.agree::<Lcp>(&[LcpOption::MagicNumber(MAGIC)]);
    assert_ne!(script.link.phase(), Phase::Establish);
}

#[test]
fn an_option_that_comes_twice_is_rejected() {
    let mut script = Script::server_at(Stage::Network);
    script.accept::<Ipcp>();
    let twice = [
        IpcpOption::Address(CLIENT),
        IpcpOption::PrimaryDns(CLIENT),
        IpcpOption::Address(CLIENT),
    ];
    assert_eq!(
        script.request::<Ipcp>(&twice),
        Body::ConfigureReject(vec![IpcpOption::Address(CLIENT)])
    );
}

#[test]
fn options_of_impossible_lengths_are_rejected_octet_for_octet() {
    let odd = [
        vec![1, 3, 5],
        vec![5, 2],
        vec![7, 5, 1, 2, 3],
        vec![3, 3, 0xc2],
        vec![255; 255],
    ];
    for option in odd {
        let mut script = Script::server_at(Stage::Establish);
        script.frames.clear();
        let length = (option.len() + 4) as u8;
        let high = u8::from(option.len() + 4 > 255);
        let mut packet = vec![1, 9, high, length];
        packet.extend_from_slice(&option);
        script.octets(Protocol::LCP, &packet).unwrap();
        packet[0] = code::CONFIGURE_REJECT;
        assert_eq!(script.frames[0][4..], packet);
    }
}
