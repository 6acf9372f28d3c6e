//! Windows as a client, from 98 to 11: everything in its own order and with its own ideas.

use std::net::Ipv4Addr;
use std::time::Duration;

use adit_ppp::auth::Method;
use adit_ppp::link::{CloseReason, Discard, IpVersion, NoEncryption, Output, Phase};
use adit_ppp::{Ipv4Config, MppeConfig, NameServers};
use adit_wire::ccp::{Ccp, CcpOption, MppeBits};
use adit_wire::chap;
use adit_wire::cp::{Body, Magic};
use adit_wire::ipcp::{Ipcp, IpcpOption};
use adit_wire::ipv6cp::{InterfaceId, Ipv6cp, Ipv6cpOption};
use adit_wire::lcp::{Authentication, Lcp, LcpOption};
use adit_wire::ppp::Protocol;

use crate::common::{
    CIPHER, CLIENT, MAGIC, NAME, PASSWORD, SERVER, STATELESS_128, Script, Stage, encrypt, optional,
    server, windows_ends,
};

const NONE: Ipv4Addr = Ipv4Addr::UNSPECIFIED;

fn first_request() -> Vec<LcpOption> {
    vec![
        LcpOption::Mru(1400),
        LcpOption::MagicNumber(MAGIC),
        LcpOption::Pfc,
        LcpOption::Acfc,
        LcpOption::Callback(vec![6]),
    ]
}

fn identification(text: &[u8]) -> Body<LcpOption> {
    Body::Identification(Magic {
        magic: MAGIC,
        data: text.to_vec(),
    })
}

#[test]
fn a_session_of_windows_10_from_lcp_to_the_first_packet() {
    let mut script = Script::open(server(&[Method::MsChapV2], MppeConfig::default()));
    let mut request = first_request();
    let callback = request.split_off(4);
    assert_eq!(
        script.request::<Lcp>(&[request.clone(), callback.clone()].concat()),
        Body::ConfigureReject(callback)
    );
    script.converge::<Lcp>(&request);
    for text in [&b"MSRASV5.20"[..], b"MSRAS-0-HOST", &[0x42; 16]] {
        script.say::<Lcp>(9, identification(text));
    }
    let keys = script.peer_authenticates();

    // Windows is ahead: IPV6CP and IPCP come before CCP is agreed on.
    script.say::<Ipv6cp>(
        5,
        Body::ConfigureRequest(vec![Ipv6cpOption::InterfaceId(InterfaceId([3; 8]))]),
    );
    let asks = vec![
        IpcpOption::Address(NONE),
        IpcpOption::PrimaryDns(NONE),
        IpcpOption::PrimaryNbns(NONE),
        IpcpOption::SecondaryDns(NONE),
        IpcpOption::SecondaryNbns(NONE),
    ];
    script.say::<Ipcp>(6, Body::ConfigureRequest(asks.clone()));
    let stateless = [CcpOption::Mppe(MppeBits(0x0100_0000))];
    assert_eq!(
        script.request::<Ccp>(&stateless),
        Body::ConfigureNak(vec![STATELESS_128])
    );
    assert_eq!(script.converge::<Ccp>(&[STATELESS_128]), [STATELESS_128]);

    assert_eq!(script.accept::<Ipv6cp>().len(), 1);
    assert!(matches!(
        script.hear::<Ipv6cp>().body,
        Body::ConfigureAck(_)
    ));
    assert_eq!(script.accept::<Ipcp>(), [IpcpOption::Address(SERVER)]);
    let reject = script.hear::<Ipcp>();
    assert_eq!(reject.identifier, 6);
    assert_eq!(
        reject.body,
        Body::ConfigureReject(vec![asks[2].clone(), asks[3].clone(), asks[4].clone()])
    );
    let given = vec![IpcpOption::Address(CLIENT), IpcpOption::PrimaryDns(SERVER)];
    assert_eq!(
        script.request::<Ipcp>(&asks[..2]),
        Body::ConfigureNak(given.clone())
    );
    script.agree::<Ipcp>(&given);
    script.assert_silent();

    assert_eq!(script.ipv4().local, SERVER);
    assert_eq!(script.link.summary().encryption, Some((CIPHER, CIPHER)));
    assert_eq!(script.link.mtu(), 1396);
    let packet = [&[0x45, 0, 0, 40][..], &[0; 36]].concat();
    let received = script.frame(encrypt(&keys, &packet)).unwrap();
    assert_eq!(received, Some(packet));
}

#[test]
fn the_first_request_is_repeated_after_400_ms_and_then_every_3_s() {
    let mut script = Script::server_at(Stage::Establish);
    script.frames.clear();
    for wait in [400, 3000, 3000] {
        assert_eq!(script.wait_for_deadline(), Duration::from_millis(wait));
        assert!(matches!(
            script.hear::<Lcp>().body,
            Body::ConfigureRequest(_)
        ));
        script.assert_silent();
    }
    script.peer_opens_lcp_after_a_lost_request();
    assert_eq!(script.link.phase(), Phase::Authenticate);
}

impl Script {
    /// The client slept through the requests so far; the next one reaches it.
    fn peer_opens_lcp_after_a_lost_request(&mut self) {
        self.wait_for_deadline();
        self.peer_opens_lcp();
    }
}

#[test]
fn a_nak_of_the_method_for_ms_chap_v2_leads_straight_there() {
    let methods = [
        Method::Pap,
        Method::ChapMd5,
        Method::MsChapV1,
        Method::MsChapV2,
    ];
    let mut script = Script::open(server(&methods, MppeConfig::default()));
    let request = script.hear::<Lcp>();
    let v2 = LcpOption::Authentication(Authentication::MsChapV2);
    script.say::<Lcp>(request.identifier, Body::ConfigureNak(vec![v2.clone()]));
    assert!(script.peer_opens_lcp().contains(&v2));
    assert_eq!(script.challenge().value.len(), 16);
}

#[test]
fn methods_are_naked_one_by_one_until_none_is_left() {
    let methods = [Method::Pap, Method::ChapMd5, Method::MsChapV1];
    let mut script = Script::open(server(&methods, MppeConfig::default()));
    let wanted = vec![LcpOption::Authentication(Authentication::MsChapV2)];
    let mut offered = Vec::new();
    for _ in 0..3 {
        let packet = script.hear::<Lcp>();
        script.say::<Lcp>(packet.identifier, Body::ConfigureNak(wanted.clone()));
        let Body::ConfigureRequest(options) = packet.body else {
            panic!("no request")
        };
        offered.extend(options.into_iter().filter_map(|option| match option {
            LcpOption::Authentication(method) => Some(method),
            _ => None,
        }));
    }
    assert_eq!(
        offered,
        [
            Authentication::Pap,
            Authentication::ChapMd5,
            Authentication::MsChapV1
        ]
    );
    assert_eq!(script.hang_up(), CloseReason::AuthenticationProtocol);
}

#[test]
fn a_client_that_prefers_eap_gets_the_next_method() {
    let methods = [Method::MsChapV2, Method::MsChapV1];
    let mut script = Script::open(server(&methods, MppeConfig::default()));
    let request = script.hear::<Lcp>();
    let eap = LcpOption::Authentication(Authentication::Eap);
    script.say::<Lcp>(request.identifier, Body::ConfigureNak(vec![eap]));
    let v1 = LcpOption::Authentication(Authentication::MsChapV1);
    assert!(script.peer_opens_lcp().contains(&v1));
}

#[test]
fn identifications_are_taken_in_every_stage_without_an_answer() {
    for stage in Stage::ALL {
        let mut script = Script::server_at(stage);
        script.frames.clear();
        for text in [&b"MSRASV5.20"[..], b"MSRAS-0-HOST", &[0x42; 16], b""] {
            script.say::<Lcp>(1, identification(text));
        }
        script.say::<Lcp>(
            2,
            Body::TimeRemaining {
                magic: MAGIC,
                seconds: 60,
                message: b"soon".to_vec(),
            },
        );
        script.assert_silent();
        assert_eq!(script.closed(), None);
    }
}

#[test]
fn the_hash_is_over_the_name_without_its_domain() {
    for name in [&b"alice"[..], b"PLANT\\alice", b"A\\B\\alice"] {
        let mut script = Script::server_at(Stage::Authenticate);
        let challenged = script.challenge();
        script.responds_v2(&challenged, name, PASSWORD);
        script.grant();
        assert!(matches!(script.hear_chap().body, chap::Body::Success(_)));
        assert_eq!(script.link.summary().peer_name, name);
    }
}

#[test]
fn a_response_of_windows_98_with_flag_4_is_as_good_as_any() {
    let mut script = Script::server_at(Stage::Authenticate);
    let challenged = script.challenge();
    let (mut response, _) = crate::common::response_v2(&challenged, NAME.as_bytes(), PASSWORD);
    response.flags = 4;
    script.responds(challenged.identifier, response.encode(), NAME.as_bytes());
    script.grant();
    assert!(matches!(script.hear_chap().body, chap::Body::Success(_)));
}

#[test]
fn a_failure_has_no_text_for_windows_98_to_stumble_over() {
    let mut script = Script::server_at(Stage::Authenticate);
    let challenged = script.challenge();
    script.responds_v2(&challenged, NAME.as_bytes(), "wrong");
    script.check_against(PASSWORD).unwrap_err();
    let chap::Body::Failure(message) = script.hear_chap().body else {
        panic!("no Failure")
    };
    let text = String::from_utf8(message).unwrap();
    let (start, challenge) = text.split_at("E=691 R=1 C=".len());
    assert_eq!(start, "E=691 R=1 C=");
    assert_eq!(challenge.len(), 32 + " V=3".len());
    assert!(challenge.ends_with(" V=3"));
}

#[test]
fn a_client_without_encryption_in_its_profile_is_refused_where_it_is_required() {
    let mut script = Script::server_at(Stage::Encryption);
    let mut request = vec![];
    request.extend_from_slice(&Protocol::CCP.0.to_be_bytes());
    script.say::<Lcp>(
        1,
        Body::ProtocolReject {
            protocol: Protocol::CCP,
            information: request,
        },
    );
    let reason = CloseReason::NoEncryption(NoEncryption::PeerRefuses);
    assert_eq!(script.hang_up(), reason);
}

#[test]
fn a_client_without_encryption_in_its_profile_is_served_where_it_is_optional() {
    let mut script = Script::open(server(&[Method::MsChapV2], optional()));
    script.lead_to(Stage::Encryption);
    script.say::<Lcp>(
        1,
        Body::ProtocolReject {
            protocol: Protocol::CCP,
            information: Vec::new(),
        },
    );
    script.opens_ipcp(CLIENT);
    script.ipv4();
    assert_eq!(script.link.summary().encryption, None);
    let packet = [&[0x45, 0, 0, 20][..], &[0; 16]].concat();
    let frame = [&[0xff, 3, 0, 0x21][..], &packet].concat();
    assert_eq!(script.frame(frame), Ok(Some(packet)));
}

#[test]
fn a_client_without_ipv6_is_served_ipv4() {
    let mut script = Script::server_at(Stage::Network);
    script.say::<Lcp>(
        1,
        Body::ProtocolReject {
            protocol: Protocol::IPV6CP,
            information: Vec::new(),
        },
    );
    script
        .frames
        .retain(|frame| frame[..4] != [0xff, 3, 0x80, 0x57]);
    script.opens_ipcp(CLIENT);
    script.wait(Duration::from_secs(60));
    assert!(script.link.is_up(IpVersion::V4));
    assert!(!script.link.is_up(IpVersion::V6));
    assert_eq!(script.closed(), None);
}

#[test]
fn all_four_name_servers_are_handed_out_where_they_are_known() {
    let servers = |last| NameServers {
        primary: Some(Ipv4Addr::new(10, 77, 0, last)),
        secondary: Some(Ipv4Addr::new(10, 77, 1, last)),
    };
    let (dns, wins) = (servers(53), servers(42));
    let mut script = Script::server_at(Stage::Authenticate);
    let challenged = script.challenge();
    script.responds_v2(&challenged, NAME.as_bytes(), PASSWORD);
    script.grant_with(Ipv4Config::Assign {
        local: SERVER,
        peer: CLIENT,
        dns,
        wins,
    });
    script.converge::<Ccp>(&[STATELESS_128]);
    let options = |address: Ipv4Addr, dns: NameServers, wins: NameServers| {
        vec![
            IpcpOption::Address(address),
            IpcpOption::PrimaryDns(dns.primary.unwrap_or(NONE)),
            IpcpOption::PrimaryNbns(wins.primary.unwrap_or(NONE)),
            IpcpOption::SecondaryDns(dns.secondary.unwrap_or(NONE)),
            IpcpOption::SecondaryNbns(wins.secondary.unwrap_or(NONE)),
        ]
    };
    script.accept::<Ipcp>();
    let nothing = NameServers::default();
    let given = options(CLIENT, dns, wins);
    assert_eq!(
        script.request::<Ipcp>(&options(NONE, nothing, nothing)),
        Body::ConfigureNak(given.clone())
    );
    script.agree::<Ipcp>(&given);
}

#[test]
fn the_reason_in_a_terminate_request_is_told_whichever_layer_it_comes_from() {
    for (error, meaning) in [
        (732, "the PPP negotiation does not converge"),
        (738, "no address was assigned"),
        (691, "access denied: user name or password not accepted"),
    ] {
        let data = windows_ends(error);
        let said = format!("the peer ended the link: RAS error {error} ({meaning})");

        let mut script = Script::server_at(Stage::Encryption);
        script.say::<Lcp>(3, Body::TerminateRequest(data.clone()));
        assert_eq!(script.closed().unwrap().to_string(), said);

        let mut script = Script::server_at(Stage::Encryption);
        script.say::<Ccp>(3, Body::TerminateRequest(data.clone()));
        assert_eq!(script.hang_up().to_string(), said);

        let mut script = Script::server_at(Stage::Network);
        script.say::<Ipcp>(3, Body::TerminateRequest(data));
        assert_eq!(script.hang_up().to_string(), said);
    }
}

#[test]
fn an_ordinary_end_is_acknowledged_and_told_as_such() {
    let mut script = Script::server_at(Stage::Up);
    script.say::<Lcp>(77, Body::TerminateRequest(windows_ends(0)));
    let answer = script.hear::<Lcp>();
    assert_eq!(answer.identifier, 77);
    assert_eq!(answer.body, Body::TerminateAck(Vec::new()));
    script.assert_silent();
    assert!(script.has(|event| matches!(event, Output::Ipv4Down)));
    let Some(CloseReason::PeerTerminated(farewell)) = script.closed() else {
        panic!("{:?}", script.closed())
    };
    assert_eq!(farewell.ras_error().map(|error| error.code), Some(0));
}

#[test]
fn an_echo_is_answered_in_every_stage_after_lcp_is_up() {
    for stage in Stage::ALL {
        let mut script = Script::server_at(stage);
        script.frames.clear();
        let magic = Magic {
            magic: MAGIC,
            data: vec![1, 2, 3],
        };
        script.say::<Lcp>(200, Body::EchoRequest(magic));
        match script.try_hear::<Lcp>() {
            None => assert_eq!(stage, Stage::Establish),
            Some(reply) => {
                assert_eq!(reply.identifier, 200);
                let Body::EchoReply(Magic { magic, data }) = reply.body else {
                    panic!("{reply}")
                };
                assert_eq!(data, [1, 2, 3]);
                assert_ne!(magic, 0);
                assert_ne!(magic, MAGIC);
            }
        }
    }
}

#[test]
fn lcp_keeps_full_headers_where_compression_was_agreed_on_and_all_else_loses_them() {
    let mut script = Script::open(server(&[Method::MsChapV2], MppeConfig::default()));
    script.converge::<Lcp>(&first_request()[..4]);
    assert!(
        script.frames[0].starts_with(&[0xc2, 0x23]),
        "{:02x?}",
        script.frames
    );
    script.peer_authenticates();
    assert!(script.frames[0].starts_with(&[0x80, 0xfd]));
    script.converge::<Ccp>(&[STATELESS_128]);
    script.opens_ipcp(CLIENT);
    script.frames.clear();
    // The peer compresses too, even where nothing obliges it to.
    let echo = [0xc0, 0x21, 9, 4, 0, 8, 0, 0, 0, 5];
    assert_eq!(script.frame(echo.to_vec()), Ok(None));
    assert!(script.frames[0].starts_with(&[0xff, 0x03, 0xc0, 0x21, 10, 4]));
    let mut sealed = Vec::new();
    script
        .link
        .seal(IpVersion::V4, &[0x45; 20], &mut sealed)
        .unwrap();
    assert_eq!(sealed[0], 0xfd);
}

#[test]
fn a_packet_in_the_clear_is_dropped_where_encryption_is_required() {
    for stage in Stage::ALL {
        let mut script = Script::server_at(stage);
        let frame = [&[0xff, 3, 0, 0x21, 0x45][..], &[0; 19]].concat();
        assert_eq!(script.frame(frame), Err(Discard::ClearText), "{stage:?}");
    }
}
