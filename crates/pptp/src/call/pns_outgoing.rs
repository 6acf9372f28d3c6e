//! PNS of an outgoing call (RFC 2637 §3.2.4.2).

use super::{Action, Input, State, Step};

pub(super) const fn step(state: State, input: Input) -> Option<Step> {
    use Action::{CloseConnection, Down, SendClearRequest, SendDisconnectNotify, Up};
    use State::{Established, Idle, WaitDisconnect, WaitReply};
    let step: Step = match (state, input) {
        (WaitReply, Input::ReplyAccepted) => (Established, &[Up]),
        (WaitReply | WaitDisconnect, Input::ReplyRefused) => (Idle, &[Down]),
        // The reply crossed the request to clear the call.
        (WaitDisconnect, Input::ReplyAccepted) => (WaitDisconnect, &[]),
        (WaitReply | Established, Input::Disconnect) => (WaitDisconnect, &[SendClearRequest]),
        (WaitReply | Established | WaitDisconnect, Input::DisconnectNotify) => (Idle, &[Down]),
        // Not in RFC 2637: some servers act as a PNS in every call, and clear it like one.
        (WaitReply | Established | WaitDisconnect, Input::ClearRequest) => {
            (Idle, &[SendDisconnectNotify, Down])
        }
        (WaitReply | WaitDisconnect, Input::TimeOut) => (Idle, &[CloseConnection]),
        _ => return None,
    };
    Some(step)
}
