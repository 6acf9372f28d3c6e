use adit_engine::CallCounters;
use adit_net::gre::PathErrorCause;
use adit_ppp::link::{CloseReason, Farewell, NoEncryption, Resets, Summary};
use adit_pptp::control_connection::CloseReason as Closed;
use adit_pptp::session::Stats;
use adit_wire::control::{CauseCode, DisconnectResult, OutgoingCallResult, StopReason};

use super::*;

fn report(received_packets: u64) -> Box<CallReport> {
    Box::new(CallReport {
        link: Summary {
            resets: Resets::default(),
            peer_authentication: None,
            our_authentication: None,
            peer_name: Vec::new(),
            encryption: None,
            mtu: 1400,
        },
        session: Stats {
            received_packets,
            ..Stats::default()
        },
        packets: CallCounters::default(),
    })
}

/// A call that ended after so many seconds, in which so many GRE packets came.
fn ended(why: impl Into<CallEnd>, seconds: u64, received: u64) -> Story {
    let up = Instant::now();
    Story {
        control_up: true,
        call_up: Some(up),
        call_end: Some(CallStory {
            why: why.into(),
            report: report(received),
            at: up + Duration::from_secs(seconds),
        }),
        ..Story::default()
    }
}

fn up(story: Story) -> Story {
    Story {
        network_up: true,
        ..story
    }
}

fn disconnected() -> CallDownReason {
    CallDownReason::PeerDisconnected {
        result: DisconnectResult::AdminShutdown,
        error: ErrorCode::None,
        cause: CauseCode(0),
    }
}

fn farewell(data: &[u8]) -> CloseReason {
    CloseReason::PeerTerminated(Farewell {
        data: data.to_vec(),
    })
}

fn ras(code: u8) -> CloseReason {
    farewell(&[1, 2, 3, 4, 0, 0x3C, 0xCD, 0x74, 0, 0, 2, code])
}

fn failure(error: u32) -> CloseReason {
    CloseReason::AuthenticationRefused(FailureMessage {
        error,
        ..FailureMessage::default()
    })
}

#[test]
fn silence_on_gre_is_told_from_an_end_that_the_server_wants() {
    let silent = ended(CloseReason::NoAnswer, 15, 0);
    assert_eq!(silent.cause(), Cause::GreFiltered(String::new()));
    let given_up_by_server = ended(disconnected(), 15, 0);
    assert_eq!(given_up_by_server.cause().kind(), Kind::GreFiltered);
    let at_once = ended(disconnected(), 1, 0);
    assert_eq!(at_once.cause().kind(), Kind::Refused);
    let mut without_a_word = ended(CallDownReason::ConnectionClosed(Closed::StreamClosed), 1, 0);
    without_a_word.connection_end = Some(Closed::StreamClosed);
    assert_eq!(without_a_word.cause(), Cause::ClosedBeforeGre);
    without_a_word.connection_end = Some(Closed::Peer(StopReason::None));
    assert_eq!(without_a_word.cause().kind(), Kind::Refused);
    let one_way = ended(CloseReason::NoAnswer, 15, 3);
    assert_eq!(one_way.cause(), Cause::GreOneWay(String::new()));
    let after_login = ended(disconnected(), 15, 9);
    assert_eq!(after_login.cause().kind(), Kind::Refused);
}

#[test]
fn what_the_network_said_is_a_hint() {
    let mut story = ended(CloseReason::NoAnswer, 15, 0);
    story.foreign_packets = 2;
    assert!(story.cause().to_string().contains("another address"));
    story.path_error = Some(PathError {
        destination: [192, 0, 2, 1].into(),
        reporter: Some([192, 0, 2, 254].into()),
        cause: PathErrorCause::Prohibited,
    });
    let sentence = story.cause().to_string();
    assert!(
        sentence.ends_with(
            "drops it (GRE to 192.0.2.1: a firewall forbids it (reported by 192.0.2.254))"
        ),
        "{sentence}"
    );
}

#[test]
fn each_end_of_a_link_in_set_up_has_its_kind() {
    let windows_text = FailureMessage {
        error: 649,
        text: "no\x1b[2J".to_owned(),
        ..FailureMessage::default()
    };
    let cases = [
        (failure(691), Kind::WrongPassword),
        (failure(648), Kind::WrongPassword),
        (failure(709), Kind::WrongPassword),
        (failure(0), Kind::WrongPassword),
        (failure(646), Kind::AccountRefused),
        (failure(647), Kind::AccountRefused),
        (
            CloseReason::AuthenticationRefused(windows_text),
            Kind::AccountRefused,
        ),
        (CloseReason::AuthenticationProtocol, Kind::AccountRefused),
        (CloseReason::ServerNotProven, Kind::AccountRefused),
        (
            CloseReason::NoEncryption(NoEncryption::PeerRefuses),
            Kind::NoEncryption,
        ),
        (ras(0xE6), Kind::NoEncryption),
        (ras(0xE5), Kind::NoEncryption),
        (ras(0xB3), Kind::WrongPassword),
        (ras(0x87), Kind::AccountRefused),
        (ras(0xD0), Kind::Refused),
        (
            farewell(b"MPPE required but peer negotiation failed"),
            Kind::NoEncryption,
        ),
        (farewell(b"Authentication failed"), Kind::AccountRefused),
        (
            farewell(b"no authentication protocol"),
            Kind::AccountRefused,
        ),
        (farewell(b""), Kind::Refused),
        (CloseReason::PeerSilent, Kind::Lost),
        (CloseReason::AuthenticationTimeout, Kind::Lost),
        (CloseReason::NoNetwork, Kind::Failed),
        (CloseReason::Loop, Kind::Failed),
    ];
    for (why, kind) in cases {
        let cause = ended(why.clone(), 1, 9).cause();
        assert_eq!(cause.kind(), kind, "{why:?} became {cause}");
        assert!(!cause.to_string().contains('\x1b'), "{cause:?}");
    }
}

#[test]
fn an_end_after_the_tunnel_was_up_is_a_loss() {
    let mut broken = up(ended(
        CallDownReason::ConnectionClosed(Closed::StreamClosed),
        60,
        9,
    ));
    broken.connection_end = Some(Closed::StreamClosed);
    assert_eq!(
        broken.cause(),
        Cause::Lost("the peer closed the TCP connection".to_owned())
    );
    broken.connection_end = Some(Closed::Peer(StopReason::StopLocalShutdown));
    assert!(matches!(broken.cause(), Cause::ServerEnded(_)));
    for why in [
        CallEnd::from(CloseReason::PeerSilent),
        CallEnd::from(farewell(b"")),
        CallEnd::from(farewell(b"MPPE is over")),
        CallEnd::from(ras(0)),
        CallEnd::from(disconnected()),
    ] {
        let cause = up(ended(why.clone(), 60, 9)).cause();
        assert_eq!(cause.kind(), Kind::Lost, "{why:?} became {cause}");
    }
}

#[test]
fn each_end_before_a_call_has_its_kind() {
    let refused = Closed::Refused {
        result: StartResult::NotAuthorized,
        error: ErrorCode::None,
    };
    for (end, kind) in [
        (refused, Kind::Refused),
        (Closed::NoReply, Kind::Unreachable),
        (Closed::NoCallReply, Kind::Refused),
        (Closed::StreamClosed, Kind::Refused),
        (Closed::Peer(StopReason::None), Kind::Refused),
    ] {
        let story = Story {
            connection_end: Some(end),
            ..Story::default()
        };
        assert_eq!(story.cause().kind(), kind, "{end:?}");
    }
}

#[test]
fn a_refused_call_says_why_and_no_more() {
    let story = |error| Story {
        control_up: true,
        call_refused: Some(CallDownReason::OutgoingRefused {
            result: OutgoingCallResult::Busy,
            error,
            cause: CauseCode(0),
        }),
        connection_end: Some(Closed::Local(StopReason::None)),
        ..Story::default()
    };
    assert_eq!(
        story(ErrorCode::None).cause().to_string(),
        "the server refused the call: the called party is busy"
    );
    assert_eq!(
        story(ErrorCode::NoResource).cause().to_string(),
        "the server refused the call: the called party is busy; there are not enough resources \
         for this command now"
    );
}
