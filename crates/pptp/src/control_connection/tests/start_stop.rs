use adit_wire::control::{
    Bearer, EchoReply, FramingError, StopControlConnectionReply, StopControlConnectionRequest,
};
use adit_wire::text::Text;

use super::*;

const STOP_REPLY: &str = "Stop-Control-Connection-Reply result=ok error=none";

#[test]
fn a_receiver_tells_what_the_peer_says_of_itself() {
    // What Windows XP sends.
    let request = StartControlConnectionRequest {
        framing: adit_wire::control::Framing::ASYNCHRONOUS,
        bearer: Bearer::ANALOG,
        firmware_revision: 2600,
        vendor: Text::new("Microsoft Windows NT"),
        ..start_request()
    };
    let outputs = Bench::receiver().give(request);
    let Some(Output::Event(Event::Established(peer))) = outputs.last() else {
        panic!("{outputs:?}")
    };
    assert_eq!(
        (peer.firmware_revision, peer.bearer),
        (2600, Bearer::ANALOG)
    );
    assert_eq!(peer.vendor.to_string(), "Microsoft Windows NT");
}

#[test]
fn an_originator_accepts_result_0_as_success() {
    for result in [0, 1] {
        let outputs = Bench::originator().give(start_reply(result));
        assert_eq!(lines(&outputs), ["established 1.0"]);
    }
}

#[test]
fn an_originator_closes_when_refused() {
    let outputs = Bench::originator().give(start_reply(4));
    let why = "closed: refused by the peer: the requester may not open a control connection; no general error";
    assert_eq!(lines(&outputs), [why, "close"]);
}

#[test]
fn reserved_fields_may_be_anything() {
    let request = StartControlConnectionRequest {
        reserved0: 0xffff,
        reserved1: 0xffff,
        ..start_request()
    };
    let outputs = Bench::receiver().give(request);
    assert_eq!(lines(&outputs)[1], "established 1.0");
}

#[test]
fn a_receiver_answers_a_newer_version_with_its_own() {
    let request = StartControlConnectionRequest {
        version: ProtocolVersion(0x0203),
        ..start_request()
    };
    let outputs = Bench::receiver().give(request);
    assert_eq!(
        lines(&outputs),
        [
            "Start-Control-Connection-Reply version=1.0 result=successful error=none",
            "established 2.3"
        ]
    );
}

#[test]
fn a_receiver_refuses_an_older_version() {
    let request = StartControlConnectionRequest {
        version: ProtocolVersion(0x0001),
        ..start_request()
    };
    let outputs = Bench::receiver().give(request);
    assert_eq!(
        lines(&outputs),
        [
            "Start-Control-Connection-Reply version=1.0 result=version-not-supported error=none",
            "closed: protocol version 0.1 of the peer is not supported",
            "close"
        ]
    );
}

#[test]
fn an_originator_stops_for_an_older_version() {
    let mut bench = Bench::originator();
    let reply = StartControlConnectionReply {
        version: ProtocolVersion(0x0001),
        ..start_reply(1)
    };
    assert_eq!(
        lines(&bench.give(reply)),
        ["Stop-Control-Connection-Request reason=stop-protocol"]
    );
    let outputs = bench.give(StopControlConnectionReply::default());
    let why = "closed: protocol version 0.1 of the peer is not supported";
    assert_eq!(lines(&outputs), [why, "close"]);
}

#[test]
fn a_stop_request_is_answered_and_clears_the_calls() {
    let mut bench = Bench::established_receiver();
    bench.give(OutgoingCallRequest::default());
    let outputs = bench.give(StopControlConnectionRequest::default());
    assert_eq!(
        lines(&outputs),
        [
            STOP_REPLY,
            "down 0: the control connection ended: closed by the peer: code 0, which RFC 2637 does not define",
            "closed: closed by the peer: code 0, which RFC 2637 does not define",
            "close"
        ]
    );
    assert_eq!(bench.connection.deadline(), None);
    assert_eq!(bench.give(EchoRequest::default()), []);
}

#[test]
fn stopping_waits_for_the_reply_and_not_for_ever() {
    for answered in [
        StopAnswer::Reply,
        StopAnswer::CrossedRequest,
        StopAnswer::Nothing,
    ] {
        let mut bench = Bench::established_originator();
        let call = bench.request_outgoing(7);
        bench
            .connection
            .stop(bench.now, StopReason::StopLocalShutdown);
        let outputs = bench.drain();
        assert_eq!(
            lines(&outputs),
            [
                "Stop-Control-Connection-Request reason=stop-local-shutdown".to_owned(),
                format!(
                    "down {call}: the control connection ended: closed locally: the requester is being shut down"
                )
            ]
        );
        assert_eq!(bench.give(EchoRequest::default()), []);
        let outputs = match answered {
            StopAnswer::Reply => bench.give(StopControlConnectionReply::default()),
            StopAnswer::CrossedRequest => {
                let mut outputs = bench.give(StopControlConnectionRequest::default());
                assert_eq!(line(&outputs.remove(0)), STOP_REPLY);
                outputs
            }
            StopAnswer::Nothing => bench.wait_for_deadline(),
        };
        assert_eq!(
            lines(&outputs),
            [
                "closed: closed locally: the requester is being shut down",
                "close"
            ]
        );
    }
}

enum StopAnswer {
    Reply,
    CrossedRequest,
    Nothing,
}

#[test]
fn a_half_open_client_is_closed_after_the_start_timeout() {
    let mut bench = Bench::receiver();
    assert_eq!(bench.wait(SECOND * 29), []);
    let outputs = bench.wait(SECOND);
    assert_eq!(
        lines(&outputs),
        [
            "closed: the peer did not start the control connection in time",
            "close"
        ]
    );
}

#[test]
fn an_originator_waits_60_s_for_the_reply() {
    let mut bench = Bench::originator();
    assert_eq!(bench.wait(SECOND * 59), []);
    assert_eq!(
        lines(&bench.wait(SECOND)),
        ["closed: the peer did not answer in time", "close"]
    );
}

#[test]
fn a_receiver_without_a_call_is_stopped() {
    let mut bench = Bench::established_receiver();
    bench.wait(SECOND * 29);
    bench.give(EchoRequest::default());
    let outputs = bench.wait(SECOND);
    assert_eq!(
        lines(&outputs),
        ["Stop-Control-Connection-Request reason=none"]
    );
    let outputs = bench.give(StopControlConnectionReply::default());
    assert_eq!(
        lines(&outputs),
        [
            "closed: there was no call on the control connection",
            "close"
        ]
    );
}

#[test]
fn silence_brings_an_echo_request_and_then_the_end() {
    let mut bench = Bench::established_originator();
    bench.wait(SECOND * 30);
    bench.give(EchoRequest {
        identifier: 9,
        ..Default::default()
    });
    assert_eq!(bench.wait(SECOND * 59), [], "the peer was heard 59 s ago");
    assert_eq!(lines(&bench.wait(SECOND)), ["Echo-Request id=1"]);
    assert_eq!(bench.wait(SECOND * 59), []);
    assert_eq!(
        lines(&bench.wait(SECOND)),
        [
            "Stop-Control-Connection-Request reason=none",
            "closed: the peer is silent",
            "close"
        ]
    );
}

#[test]
fn an_echo_reply_keeps_the_connection() {
    let mut bench = Bench::established_originator();
    for identifier in 1..100 {
        let outputs = bench.wait_for_deadline();
        assert_eq!(lines(&outputs), [format!("Echo-Request id={identifier}")]);
        let result = EchoResult::Ok;
        assert_eq!(
            bench.give(EchoReply {
                identifier,
                result,
                ..Default::default()
            }),
            []
        );
    }
}

#[test]
fn an_echo_reply_with_another_identifier_is_counted_but_a_sign_of_life() {
    let mut bench = Bench::established_originator();
    bench.wait_for_deadline();
    let violation = "violation: Echo-Reply with the identifier 77, which was not asked";
    let reply = EchoReply {
        identifier: 77,
        ..Default::default()
    };
    assert_eq!(lines(&bench.give(reply.clone())), [violation]);
    assert_eq!(lines(&bench.wait_for_deadline()), ["Echo-Request id=2"]);
    bench.give(EchoReply {
        identifier: 2,
        ..Default::default()
    });
    assert_eq!(
        lines(&bench.give(reply)),
        [violation],
        "and fatal neither without a request"
    );
    assert_eq!(bench.connection.stats().violations, 2);
}

#[test]
fn an_echo_request_is_answered_with_its_identifier() {
    let mut bench = Bench::established_receiver();
    let outputs = bench.give(EchoRequest {
        identifier: 0xdead_beef,
        ..Default::default()
    });
    assert_eq!(
        lines(&outputs),
        ["Echo-Reply id=3735928559 result=ok error=none"]
    );
}

#[test]
fn a_server_that_sends_an_echo_request_first_is_no_reason_to_give_up() {
    // The banner that nmap's service probes know: an Echo-Request with the identifier 1.
    let mut bench = Bench::originator();
    let outputs = bench.give(EchoRequest {
        identifier: 1,
        ..Default::default()
    });
    assert_eq!(
        lines(&outputs)[1],
        "Echo-Reply id=1 result=general-error error=not-connected"
    );
    assert_eq!(lines(&bench.give(start_reply(1))), ["established 1.0"]);
}

#[test]
fn a_second_start_request_is_refused_and_changes_nothing() {
    let mut bench = Bench::established_receiver();
    bench.give(OutgoingCallRequest::default());
    let outputs = bench.give(start_request());
    assert_eq!(
        lines(&outputs),
        [
            "violation: unexpected Start-Control-Connection-Request while established",
            "Start-Control-Connection-Reply version=1.0 result=already-exists error=none"
        ]
    );
    assert_eq!(bench.connection.calls(), 1);
}

#[test]
fn a_broken_stream_closes_the_connection() {
    let mut bench = Bench::receiver();
    bench
        .connection
        .handle_stream(bench.now, b"GET / HTTP/1.1\r\n\r\n");
    let outputs = bench.drain();
    let error = FramingError::MagicCookie(0x2f20_4854);
    assert_eq!(
        outputs,
        [
            Output::Event(Event::Closed(CloseReason::Framing(error))),
            Output::Close
        ]
    );
}

#[test]
fn an_unknown_message_is_skipped() {
    let mut bench = Bench::receiver();
    bench.connection.handle_stream(
        bench.now,
        &[0, 14, 0, 1, 0x1a, 0x2b, 0x3c, 0x4d, 0, 99, 0, 0, 0xde, 0xad],
    );
    assert_eq!(
        lines(&bench.drain()),
        ["violation: message of unknown type 99 and 14 octets"]
    );
    assert_eq!(lines(&bench.give(start_request()))[1], "established 1.0");
}

#[test]
fn a_closed_stream_ends_everything() {
    let mut bench = Bench::established_receiver();
    bench.give(OutgoingCallRequest::default());
    bench.connection.handle_stream_closed(bench.now);
    assert_eq!(
        lines(&bench.drain()),
        [
            "down 0: the control connection ended: the peer closed the TCP connection",
            "closed: the peer closed the TCP connection",
            "close"
        ]
    );
    bench.connection.handle_stream_closed(bench.now);
    assert_eq!(bench.drain(), []);
}

#[test]
fn the_loser_of_a_collision_closes_its_connection_without_a_word() {
    let mut bench = Bench::originator();
    bench.connection.collide(bench.now, Winner::Peer);
    let why = "closed: the connection gave way to the peer's own";
    assert_eq!(lines(&bench.drain()), [why, "close"]);
    let mut bench = Bench::receiver();
    bench.connection.collide(bench.now, Winner::Peer);
    assert_eq!(lines(&bench.give(start_request()))[1], "established 1.0");
}

#[test]
fn the_winner_of_a_collision_sends_nothing_on_the_losers_connection() {
    let mut bench = Bench::receiver();
    bench.connection.collide(bench.now, Winner::Local);
    assert_eq!(bench.give(start_request()), []);
    let why = "closed: the connection gave way to the peer's own";
    assert_eq!(lines(&bench.wait_for_deadline()), [why, "close"]);
    let mut bench = Bench::originator();
    bench.connection.collide(bench.now, Winner::Local);
    assert_eq!(lines(&bench.give(start_reply(1))), ["established 1.0"]);
}
