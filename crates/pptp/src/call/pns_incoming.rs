//! PNS of an incoming call (RFC 2637 §3.2.3.2).

use super::{Action, Input, State, Step};

pub(super) const fn step(state: State, input: Input) -> Option<Step> {
    use Action::{
        CloseConnection, Down, SendAcceptance, SendClearRequest, SendDisconnectNotify, SendRefusal,
        Up,
    };
    use State::{Established, Idle, WaitAnswer, WaitConnect, WaitDisconnect};
    let step: Step = match (state, input) {
        (WaitAnswer, Input::Accept) => (WaitConnect, &[SendAcceptance]),
        (WaitAnswer, Input::Refuse) => (Idle, &[SendRefusal]),
        (WaitAnswer, Input::Disconnect | Input::TimeOut) => (Idle, &[SendRefusal, Down]),
        (WaitConnect, Input::Connected) => (Established, &[Up]),
        // The call was connected while the request to clear it was under way.
        (WaitDisconnect, Input::Connected) => (WaitDisconnect, &[]),
        (WaitConnect | Established, Input::Disconnect) => (WaitDisconnect, &[SendClearRequest]),
        (WaitAnswer | WaitConnect | Established | WaitDisconnect, Input::DisconnectNotify) => {
            (Idle, &[Down])
        }
        // Not in RFC 2637, where only a PNS clears; a PAC that does has ended the call.
        (WaitAnswer | WaitConnect | Established | WaitDisconnect, Input::ClearRequest) => {
            (Idle, &[SendDisconnectNotify, Down])
        }
        (WaitConnect | WaitDisconnect, Input::TimeOut) => (Idle, &[CloseConnection]),
        _ => return None,
    };
    Some(step)
}
