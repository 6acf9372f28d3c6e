//! Every message in every state.

use adit_wire::control::{
    CallClearRequest, CallDisconnectNotify, EchoReply, IncomingCallConnected, IncomingCallReply,
    IncomingCallResult, OutgoingCallReply, OutgoingCallResult, SetLinkInfo,
    StopControlConnectionReply, StopControlConnectionRequest, WanErrorNotify,
};

use super::*;

/// One row per state, one letter per message type from 1 to 15: `.` ignored, `v` violation, `r`
/// reply, `x` violation and reply, `e` event only, `d` reply and call down, `D` call down only, `u`
/// call up, `U` reply and call up, `c` closed, `C` reply and closed, `s` reply and established.
/// Messages about calls name the call of the row where there is one.
const TABLE: &[(&str, &str)] = &[
    // state                          SCCRQ, SCCRP, StopRQ, StopRP, EchoRQ, EchoRP, OCRQ, OCRP, ICRQ,
    //                                ICRP, ICCN, CCRQ, CDN, WEN, SLI
    ("receiver idle", "svCvxvxvxvvvvvv"),
    ("receiver established", "xvCvrvevevvvvee"),
    ("receiver wait_cs_ans", "xvCvrvxvxvvdDee"),
    ("receiver pac outgoing established", "xvCvrvxvxvvdDee"),
    ("receiver wait_answer", "xvCvrvxvxvvdDee"),
    ("receiver wait_connect", "xvCvrvxvxvudDee"),
    ("receiver pns incoming established", "xvCvrvxvxvvdDee"),
    ("receiver pns incoming wait_disconnect", "xvCvrvxvxv.dDee"),
    ("receiver wait_stop_reply", "..Cc..........."),
    ("receiver wait_close", "..............."),
    ("originator wait_ctl_reply", "veCvxvvvvvvvvvv"),
    ("originator established", "xvCvrvevevvvvee"),
    ("originator pns outgoing wait_reply", "xvCvrveuevvvvee"),
    ("originator pns outgoing established", "xvCvrvxvxvvdDee"),
    ("originator pns outgoing wait_disconnect", "xvCvrve.evvvDee"),
    ("originator pac incoming wait_reply", "xvCvrveveUvvvee"),
    ("originator pac incoming established", "xvCvrvxvxvvdDee"),
    ("originator closed", "..............."),
];

const LOCAL: u16 = 100;
const PEER: u16 = 200;

fn bench(state: &str) -> Bench {
    let mut bench = match state.split_once(' ') {
        Some(("receiver", "idle" | "wait_close")) => Bench::receiver(),
        Some(("receiver", _)) => Bench::established_receiver(),
        Some(("originator", "wait_ctl_reply")) => Bench::originator(),
        _ => Bench::established_originator(),
    };
    match state.split_once(' ').map(|(_, state)| state) {
        Some("wait_stop_reply") => bench.connection.stop(bench.now, StopReason::None),
        Some("wait_close") => bench.connection.collide(bench.now, Winner::Local),
        Some("closed") => bench.connection.handle_stream_closed(bench.now),
        Some("wait_cs_ans") => drop(bench.give(outgoing_request())),
        Some("pac outgoing established") => {
            bench.give(outgoing_request());
            bench.accept(CallHandle(0), LOCAL);
        }
        Some("wait_answer") => drop(bench.give(incoming_request())),
        Some("wait_connect") => {
            bench.give(incoming_request());
            bench.accept(CallHandle(0), LOCAL);
        }
        Some("pns incoming established") => {
            bench.give(incoming_request());
            bench.accept(CallHandle(0), LOCAL);
            bench.give(messages()[10].clone());
        }
        Some("pns incoming wait_disconnect") => {
            bench.give(incoming_request());
            bench.accept(CallHandle(0), LOCAL);
            bench.disconnect(CallHandle(0));
        }
        Some("pns outgoing wait_reply") => drop(bench.request_outgoing(LOCAL)),
        Some("pns outgoing established") => {
            bench.request_outgoing(LOCAL);
            bench.give(messages()[7].clone());
        }
        Some("pns outgoing wait_disconnect") => {
            let call = bench.request_outgoing(LOCAL);
            bench.disconnect(call);
        }
        Some("pac incoming wait_reply") => drop(bench.request_incoming(LOCAL)),
        Some("pac incoming established") => {
            bench.request_incoming(LOCAL);
            bench.give(messages()[9].clone());
        }
        _ => {}
    }
    bench.drain();
    bench
}

fn outgoing_request() -> OutgoingCallRequest {
    OutgoingCallRequest {
        call_id: PEER,
        ..Default::default()
    }
}

fn incoming_request() -> IncomingCallRequest {
    IncomingCallRequest {
        call_id: PEER,
        ..Default::default()
    }
}

/// A message of each type, in the order of the types, about the call of the row.
fn messages() -> [Message; 15] {
    let connected = OutgoingCallResult::Connected;
    let connect = IncomingCallResult::Connect;
    [
        start_request().into(),
        start_reply(1).into(),
        StopControlConnectionRequest::default().into(),
        StopControlConnectionReply::default().into(),
        EchoRequest::default().into(),
        EchoReply::default().into(),
        outgoing_request().into(),
        OutgoingCallReply {
            call_id: PEER,
            peer_call_id: LOCAL,
            result: connected,
            ..Default::default()
        }
        .into(),
        incoming_request().into(),
        IncomingCallReply {
            call_id: PEER,
            peer_call_id: LOCAL,
            result: connect,
            ..Default::default()
        }
        .into(),
        IncomingCallConnected {
            peer_call_id: LOCAL,
            ..Default::default()
        }
        .into(),
        CallClearRequest {
            call_id: PEER,
            ..Default::default()
        }
        .into(),
        CallDisconnectNotify {
            call_id: PEER,
            ..Default::default()
        }
        .into(),
        WanErrorNotify {
            peer_call_id: LOCAL,
            ..Default::default()
        }
        .into(),
        SetLinkInfo {
            peer_call_id: LOCAL,
            ..Default::default()
        }
        .into(),
    ]
}

fn letter(outputs: &[Output]) -> char {
    let any = |matches: fn(&Output) -> bool| outputs.iter().any(matches);
    let reply = any(|output| matches!(output, Output::Send(_)));
    let violation = any(|output| matches!(output, Output::Event(Event::Violation(_))));
    let closed = any(|output| matches!(output, Output::Close));
    let up = any(|output| matches!(output, Output::Event(Event::CallUp(_))));
    let down = any(|output| matches!(output, Output::Event(Event::CallDown { .. })));
    let established = any(|output| matches!(output, Output::Event(Event::Established(_))));
    match (reply, violation) {
        (true, false) if closed => 'C',
        (false, false) if closed => 'c',
        (true, false) if down => 'd',
        (false, false) if down => 'D',
        (true, false) if up => 'U',
        (false, false) if up => 'u',
        (true, false) if established => 's',
        (true, false) => 'r',
        (true, true) => 'x',
        (false, true) => 'v',
        (false, false) if outputs.is_empty() => '.',
        (false, false) => 'e',
    }
}

#[test]
fn every_message_in_every_state_has_its_outcome() {
    for (state, expected) in TABLE {
        let row: String = messages()
            .map(|message| letter(&bench(state).give(message)))
            .into_iter()
            .collect();
        assert_eq!(row, *expected, "{state}");
    }
}

#[test]
fn pairs_of_messages_in_every_state_keep_the_order_of_events() {
    for (state, _) in TABLE {
        for first in messages() {
            for second in messages() {
                let mut bench = bench(state);
                let mut outputs = bench.give(first.clone());
                outputs.extend(bench.give(second));
                let close = outputs.iter().position(|output| *output == Output::Close);
                assert!(
                    close.is_none_or(|at| at + 1 == outputs.len()),
                    "{state}: {outputs:?}"
                );
                assert_eq!(
                    bench.connection.is_closed(),
                    bench.connection.deadline().is_none()
                );
            }
        }
    }
}
