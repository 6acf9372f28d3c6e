//! PAC of an incoming call (RFC 2637 §3.2.3.1).

use super::{Action, Input, State, Step};

pub(super) const fn step(state: State, input: Input) -> Option<Step> {
    use Action::{CloseConnection, Down, SendConnected, SendDisconnectNotify, Up};
    use State::{Established, Idle, WaitReply};
    let step: Step = match (state, input) {
        (WaitReply, Input::ReplyAccepted) => (Established, &[SendConnected, Up]),
        (WaitReply, Input::ReplyRefused) => (Idle, &[Down]),
        (WaitReply | Established, Input::ClearRequest | Input::Disconnect) => {
            (Idle, &[SendDisconnectNotify, Down])
        }
        // Not in RFC 2637, where only a PAC notifies; a PNS that does has ended the call.
        (WaitReply | Established, Input::DisconnectNotify) => (Idle, &[Down]),
        (WaitReply, Input::TimeOut) => (Idle, &[CloseConnection]),
        _ => return None,
    };
    Some(step)
}
