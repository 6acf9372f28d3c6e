//! PAC of an outgoing call (RFC 2637 §3.2.4.1).

use super::{Action, Input, State, Step};

pub(super) const fn step(state: State, input: Input) -> Option<Step> {
    use Action::{Down, SendAcceptance, SendDisconnectNotify, SendRefusal, Up};
    use State::{Established, Idle, WaitCsAns};
    let step: Step = match (state, input) {
        (WaitCsAns, Input::Accept) => (Established, &[SendAcceptance, Up]),
        (WaitCsAns, Input::Refuse) => (Idle, &[SendRefusal]),
        (WaitCsAns, Input::Disconnect | Input::TimeOut) => (Idle, &[SendRefusal, Down]),
        (WaitCsAns, Input::ClearRequest) => (Idle, &[SendDisconnectNotify, Down]),
        (Established, Input::ClearRequest | Input::Disconnect) => {
            (Idle, &[SendDisconnectNotify, Down])
        }
        // Not in RFC 2637, where only a PAC notifies; a PNS that does has ended the call.
        (WaitCsAns | Established, Input::DisconnectNotify) => (Idle, &[Down]),
        _ => return None,
    };
    Some(step)
}
