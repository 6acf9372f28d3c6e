use adit_wire::control::{
    CallClearRequest, CallDisconnectNotify, IncomingCallConnected, IncomingCallReply,
    IncomingCallResult, OutgoingCallReply, OutgoingCallResult, SetLinkInfo, WanErrorNotify,
};

use super::*;

fn outgoing(call_id: u16) -> OutgoingCallRequest {
    OutgoingCallRequest {
        call_id,
        serial: 5,
        window: 64,
        delay: 1,
        ..Default::default()
    }
}

fn outgoing_reply(call_id: u16, peer_call_id: u16, result: u8) -> OutgoingCallReply {
    let result = OutgoingCallResult::from(result);
    OutgoingCallReply {
        call_id,
        peer_call_id,
        result,
        window: 3,
        ..Default::default()
    }
}

fn incoming_reply(call_id: u16, peer_call_id: u16) -> IncomingCallReply {
    let result = IncomingCallResult::Connect;
    IncomingCallReply {
        call_id,
        peer_call_id,
        result,
        ..Default::default()
    }
}

fn clear(call_id: u16) -> CallClearRequest {
    CallClearRequest {
        call_id,
        ..Default::default()
    }
}

fn notify(call_id: u16) -> CallDisconnectNotify {
    CallDisconnectNotify {
        call_id,
        ..Default::default()
    }
}

/// A server with one call up, whose Call ID is 1000 here and 2961 at the client.
fn server_with_call() -> (Bench, CallHandle) {
    let mut bench = Bench::established_receiver();
    let outputs = bench.give(outgoing(2961));
    let [Output::Event(Event::OutgoingCallRequested { call, .. })] = outputs.as_slice() else {
        panic!("{outputs:?}")
    };
    let call = *call;
    let reply = "Outgoing-Call-Reply call-id=1000 peer-call-id=2961 result=connected error=none cause=0 speed=100000000 window=64 delay=0 channel=0";
    assert_eq!(lines(&bench.accept(call, 1000)), [reply, "up 0 1000->2961"]);
    (bench, call)
}

/// A client with one call up, whose Call ID is 7 here and 8 at the server.
fn client_with_call() -> (Bench, CallHandle) {
    let mut bench = Bench::established_originator();
    let call = bench.request_outgoing(7);
    assert_eq!(lines(&bench.give(outgoing_reply(8, 7, 1))), ["up 0 7->8"]);
    (bench, call)
}

#[test]
fn a_server_hears_what_the_client_tells_of_its_call() {
    let mut bench = Bench::established_receiver();
    bench.give(outgoing(0));
    let outputs = bench.accept(CallHandle(0), 0);
    let Some(Output::Event(Event::CallUp(up))) = outputs.last() else {
        panic!("{outputs:?}")
    };
    let expected = CallUp {
        call: CallHandle(0),
        role: CallRole::PacOutgoing,
        local_call_id: 0,
        peer_call_id: 0,
        serial: 5,
        peer_window: 64,
        peer_delay: 1,
        connect_speed: 100_000_000,
    };
    assert_eq!(*up, expected, "Call ID 0 is legal on both sides");
}

#[test]
fn a_client_accepts_result_0_as_success() {
    let mut bench = Bench::established_originator();
    bench.request_outgoing(7);
    assert_eq!(lines(&bench.give(outgoing_reply(0, 7, 0))), ["up 0 7->0"]);
}

#[test]
fn a_refused_call_is_down_with_the_reason() {
    let mut bench = Bench::established_originator();
    bench.request_outgoing(7);
    let outputs = bench.give(outgoing_reply(0, 7, 4));
    let why =
        "down 0: the peer refused the call: the called party is busy; no general error; no cause";
    assert_eq!(lines(&outputs), [why]);
    assert_eq!(bench.connection.calls(), 0);
}

#[test]
fn a_server_can_refuse_a_call() {
    for (refusal, result) in [
        (Refusal::DoNotAccept, "result=do-not-accept error=none"),
        (Refusal::Busy, "result=busy error=none"),
        (Refusal::TimeOut, "result=time-out error=none"),
        (
            Refusal::Error(ErrorCode::NoResource),
            "result=general-error error=no-resource",
        ),
    ] {
        let mut bench = Bench::established_receiver();
        bench.give(outgoing(3));
        bench
            .connection
            .refuse_call(bench.now, CallHandle(0), refusal)
            .unwrap();
        let outputs = bench.drain();
        assert_eq!(outputs.len(), 1);
        assert!(line(&outputs[0]).starts_with(&format!(
            "Outgoing-Call-Reply call-id=0 peer-call-id=3 {result}"
        )));
    }
}

#[test]
fn a_clear_request_is_answered_with_a_notification() {
    let (mut bench, _) = server_with_call();
    let outputs = bench.give(clear(2961));
    assert_eq!(
        lines(&outputs),
        [
            r#"Call-Disconnect-Notify call-id=1000 result=request error=none cause=0 statistics="""#,
            "down 0: the peer cleared the call"
        ]
    );
}

#[test]
fn a_server_tells_why_it_disconnects() {
    let (mut bench, call) = server_with_call();
    let outputs = bench.disconnect(call);
    assert_eq!(
        lines(&outputs),
        [
            r#"Call-Disconnect-Notify call-id=1000 result=admin-shutdown error=none cause=0 statistics="""#,
            "down 0: the call was disconnected locally"
        ]
    );
}

#[test]
fn a_client_clears_its_call_and_waits_for_the_notification() {
    let (mut bench, call) = client_with_call();
    assert_eq!(
        lines(&bench.disconnect(call)),
        ["Call-Clear-Request call-id=7"]
    );
    assert_eq!(
        lines(&bench.give(notify(8))),
        ["down 0: the call was disconnected locally"]
    );
}

#[test]
fn a_call_cleared_before_its_reply_is_notified_with_an_unknown_call_id() {
    let mut bench = Bench::established_originator();
    let call = bench.request_outgoing(7);
    bench.disconnect(call);
    assert_eq!(
        lines(&bench.give(notify(4711))),
        ["down 0: the call was disconnected locally"]
    );
}

#[test]
fn a_reply_that_crosses_the_clear_request_brings_no_call_up() {
    let mut bench = Bench::established_originator();
    let call = bench.request_outgoing(7);
    bench.disconnect(call);
    assert_eq!(bench.give(outgoing_reply(8, 7, 1)), []);
    assert_eq!(
        lines(&bench.give(notify(8))),
        ["down 0: the call was disconnected locally"]
    );
}

#[test]
fn a_notification_with_result_0_as_windows_sends_it_ends_the_call() {
    let (mut bench, _) = client_with_call();
    let why = "down 0: the peer disconnected the call: code 0, which RFC 2637 does not define; no general error; no cause";
    assert_eq!(lines(&bench.give(notify(8))), [why]);
    let (mut bench, _) = server_with_call();
    assert_eq!(lines(&bench.give(notify(2961))), [why]);
}

#[test]
fn a_notification_with_the_call_id_of_the_other_side_ends_the_call() {
    let (mut bench, _) = client_with_call();
    assert!(line(&bench.give(notify(7))[0]).starts_with("down 0:"));
}

#[test]
fn a_server_that_clears_the_call_like_a_pns_is_obeyed() {
    let (mut bench, _) = client_with_call();
    let outputs = bench.give(clear(8));
    assert_eq!(
        lines(&outputs),
        [
            r#"Call-Disconnect-Notify call-id=7 result=request error=none cause=0 statistics="""#,
            "down 0: the peer cleared the call"
        ]
    );
}

#[test]
fn set_link_info_is_welcome_at_any_time() {
    let mut bench = Bench::established_receiver();
    let info = SetLinkInfo {
        peer_call_id: 1000,
        receive_accm: u32::MAX,
        ..Default::default()
    };
    assert_eq!(lines(&bench.give(info.clone())), ["link info None"]);
    let (mut bench, call) = server_with_call();
    for _ in 0..3 {
        assert_eq!(
            lines(&bench.give(info.clone())),
            ["link info Some(CallHandle(0))"]
        );
    }
    bench.disconnect(call);
    assert_eq!(lines(&bench.give(info)), ["link info None"]);
    assert_eq!(bench.connection.stats().violations, 0);
}

#[test]
fn a_pac_never_sends_set_link_info() {
    let (mut bench, call) = server_with_call();
    let result = bench.connection.set_link_info(call, 0, u32::MAX);
    assert_eq!(
        (result, bench.drain()),
        (Err(CommandError::WrongState), vec![])
    );
    let (mut bench, call) = client_with_call();
    bench.connection.set_link_info(call, 0, u32::MAX).unwrap();
    let expected = "Set-Link-Info peer-call-id=8 send-accm=0x00000000 receive-accm=0xffffffff";
    assert_eq!(lines(&bench.drain()), [expected]);
}

#[test]
fn line_errors_are_reported_by_a_pac_once_a_minute() {
    let (mut bench, call) = server_with_call();
    let errors = WanErrorNotify {
        crc_errors: 2,
        ..Default::default()
    };
    bench
        .connection
        .report_wan_errors(bench.now, call, errors.clone())
        .unwrap();
    assert!(line(&bench.drain()[0]).starts_with("WAN-Error-Notify peer-call-id=2961 crc=2"));
    let again = bench
        .connection
        .report_wan_errors(bench.now + SECOND * 59, call, errors.clone());
    assert_eq!(again, Err(CommandError::TooSoon));
    bench
        .connection
        .report_wan_errors(bench.now + SECOND * 60, call, errors.clone())
        .unwrap();
    let (mut bench, call) = client_with_call();
    let result = bench.connection.report_wan_errors(bench.now, call, errors);
    assert_eq!(result, Err(CommandError::WrongState));
    let errors = WanErrorNotify {
        peer_call_id: 7,
        ..Default::default()
    };
    assert_eq!(
        lines(&bench.give(errors)),
        ["wan error Some(CallHandle(0))"]
    );
}

#[test]
fn an_incoming_call_comes_up_in_three_steps() {
    let mut pac = Bench::established_originator();
    pac.request_incoming(5);
    let outputs = pac.give(incoming_reply(6, 5));
    let connected = "Incoming-Call-Connected peer-call-id=6 speed=100000000 window=64 delay=0";
    assert_eq!(lines(&outputs), [connected, "up 0 5->6"]);

    let mut pns = Bench::established_receiver();
    let request = IncomingCallRequest {
        call_id: 5,
        ..Default::default()
    };
    assert_eq!(lines(&pns.give(request)), ["incoming 0"]);
    let reply =
        "Incoming-Call-Reply call-id=6 peer-call-id=5 result=connect error=none window=64 delay=0";
    assert_eq!(lines(&pns.accept(CallHandle(0), 6)), [reply]);
    let connected = IncomingCallConnected {
        peer_call_id: 6,
        ..Default::default()
    };
    assert_eq!(lines(&pns.give(connected)), ["up 0 6->5"]);
    assert_eq!(
        lines(&pns.disconnect(CallHandle(0))),
        ["Call-Clear-Request call-id=6"]
    );
    assert_eq!(
        lines(&pns.give(notify(5))),
        ["down 0: the call was disconnected locally"]
    );
}

#[test]
fn an_incoming_call_can_be_refused() {
    let mut pac = Bench::established_originator();
    pac.request_incoming(5);
    let result = IncomingCallResult::DoNotAccept;
    let reply = IncomingCallReply {
        peer_call_id: 5,
        result,
        ..Default::default()
    };
    let why = "down 0: the peer refused the call: the call is not to be accepted; no general error";
    assert_eq!(lines(&pac.give(reply)), [why]);

    let mut pns = Bench::established_originator();
    pns.give(IncomingCallRequest {
        call_id: 5,
        ..Default::default()
    });
    pns.connection
        .refuse_call(pns.now, CallHandle(0), Refusal::DoNotAccept)
        .unwrap();
    let reply = "Incoming-Call-Reply call-id=0 peer-call-id=5 result=do-not-accept error=none window=0 delay=0";
    assert_eq!(lines(&pns.drain()), [reply]);
}

#[test]
fn several_calls_live_side_by_side() {
    let mut bench = Bench::established_receiver();
    for call in 0..16 {
        bench.give(outgoing(call));
        bench.accept(CallHandle(call.into()), 100 + call);
    }
    let outputs = bench.give(outgoing(16));
    assert_eq!(line(&outputs[0]), "violation: too many calls");
    assert!(line(&outputs[1]).contains("peer-call-id=16 result=general-error error=no-resource"));
    let outputs = bench.give(clear(9));
    assert_eq!(line(&outputs[1]), "down 9: the peer cleared the call");
    assert_eq!(bench.connection.calls(), 15);
}

#[test]
fn a_call_id_in_use_is_refused() {
    let (mut bench, _) = server_with_call();
    let outputs = bench.give(outgoing(2961));
    assert_eq!(
        line(&outputs[0]),
        "violation: Call ID 2961 is in use by another call"
    );
    assert!(line(&outputs[1]).contains("result=general-error error=bad-call-id"));
    bench.give(outgoing(2962));
    let result = bench
        .connection
        .accept_call(bench.now, CallHandle(1), 1000, Answer::default());
    assert_eq!(result, Err(CommandError::CallIdInUse));
    bench.accept(CallHandle(1), 1001);
}

#[test]
fn a_second_reply_does_not_move_a_call() {
    let (mut bench, call) = client_with_call();
    let outputs = bench.give(outgoing_reply(66, 7, 1));
    assert_eq!(
        lines(&outputs),
        ["violation: unexpected Outgoing-Call-Reply while established"]
    );
    bench.connection.set_link_info(call, 0, 0).unwrap();
    assert!(line(&bench.drain()[0]).starts_with("Set-Link-Info peer-call-id=8"));
}

#[test]
fn replies_of_the_wrong_kind_do_not_bring_a_call_up() {
    let mut bench = Bench::established_originator();
    bench.request_outgoing(7);
    bench.request_incoming(8);
    let outputs = bench.give(incoming_reply(1, 7));
    assert_eq!(
        lines(&outputs),
        ["violation: Incoming-Call-Reply for unknown Call ID 7"]
    );
    let outputs = bench.give(outgoing_reply(1, 8, 1));
    assert_eq!(
        lines(&outputs),
        ["violation: Outgoing-Call-Reply for unknown Call ID 8"]
    );
}

#[test]
fn commands_need_a_connection_and_a_fitting_call() {
    let mut bench = Bench::receiver();
    let result = bench
        .connection
        .request_outgoing_call(bench.now, outgoing(1));
    assert_eq!(result, Err(CommandError::NotEstablished));
    let (mut bench, call) = client_with_call();
    let result = bench
        .connection
        .request_outgoing_call(bench.now, outgoing(7));
    assert_eq!(result, Err(CommandError::CallIdInUse));
    let result = bench
        .connection
        .accept_call(bench.now, call, 9, Answer::default());
    assert_eq!(result, Err(CommandError::WrongState));
    let result = bench
        .connection
        .refuse_call(bench.now, CallHandle(4), Refusal::Busy);
    assert_eq!(result, Err(CommandError::UnknownCall));
    bench.disconnect(call);
    let result = bench
        .connection
        .disconnect_call(bench.now, call, DisconnectResult::Request);
    assert_eq!(result, Err(CommandError::WrongState));
    for call_id in 10..25 {
        bench.request_outgoing(call_id);
    }
    let result = bench
        .connection
        .request_outgoing_call(bench.now, outgoing(99));
    assert_eq!(result, Err(CommandError::TooManyCalls));
}

#[test]
fn a_call_that_is_not_answered_here_is_refused_in_time() {
    let mut bench = Bench::established_receiver();
    bench.give(outgoing(3));
    bench.now += SECOND * 59;
    bench.give(EchoRequest::default());
    let outputs = bench.wait(SECOND);
    assert!(line(&outputs[0]).contains("peer-call-id=3 result=time-out error=none"));
    assert_eq!(
        line(&outputs[1]),
        "down 0: the call was not answered in time"
    );
}

#[test]
fn a_call_that_the_peer_does_not_answer_closes_the_whole_connection() {
    let mut bench = Bench::established_originator();
    bench.request_outgoing(7);
    bench.now += SECOND * 59;
    bench.give(EchoRequest::default());
    assert_eq!(
        lines(&bench.wait(SECOND)),
        [
            "Stop-Control-Connection-Request reason=none",
            "down 0: the control connection ended: the peer did not answer for a call in time",
            "closed: the peer did not answer for a call in time",
            "close"
        ]
    );
}

#[test]
fn the_time_without_a_call_begins_again_after_the_last_one() {
    let (mut bench, call) = server_with_call();
    for _ in 0..5 {
        bench.now += SECOND * 50;
        bench.give(EchoRequest::default());
        assert_eq!(bench.wait(Duration::ZERO), []);
    }
    bench.disconnect(call);
    assert_eq!(bench.wait(SECOND * 29), []);
    let outputs = bench.wait(SECOND);
    assert_eq!(
        lines(&outputs),
        ["Stop-Control-Connection-Request reason=none"]
    );
}
