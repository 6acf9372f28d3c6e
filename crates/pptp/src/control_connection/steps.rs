//! The steps of a call, and the messages that they send (RFC 2637 §3.2).

use std::time::Instant;

use adit_wire::control::{
    CallClearRequest, CallDisconnectNotify, DisconnectResult, ErrorCode, IncomingCallConnected,
    IncomingCallReply, IncomingCallResult, Message, OutgoingCallReply, OutgoingCallResult,
    StopReason,
};

use super::establish::stop_request;
use super::{CallUp, CloseReason, ControlConnection, Event};
use crate::call::{
    Action, Answer, Call, CallDownReason, CallHandle, CallRole, Input, Refusal, State, step,
};

/// What goes with an input, for the actions that it causes.
pub(super) struct Details {
    pub(super) why: CallDownReason,
    pub(super) refusal: Refusal,
    pub(super) result: DisconnectResult,
}

impl Details {
    pub(super) const fn new(why: CallDownReason) -> Self {
        let refusal = Refusal::Error(ErrorCode::PacError);
        Self {
            why,
            refusal,
            result: DisconnectResult::Request,
        }
    }
}

impl ControlConnection {
    /// Gives each call whose state has lasted for too long its time-out.
    pub(super) fn call_timeouts(&mut self, now: Instant) {
        let due = |call: &Call| call.until.is_some_and(|until| until <= now);
        let late: Vec<_> = self
            .calls
            .iter()
            .filter(|(_, call)| due(call))
            .map(|(handle, _)| *handle)
            .collect();
        for handle in late {
            let details = Details {
                refusal: Refusal::TimeOut,
                ..Details::new(CallDownReason::NotAnswered)
            };
            self.drive(now, handle, Input::TimeOut, details);
        }
    }

    /// Adds a call in its first state.
    pub(super) fn add_call(&mut self, now: Instant, mut call: Call) -> CallHandle {
        let handle = CallHandle(self.next_handle);
        self.next_handle = self.next_handle.wrapping_add(1);
        call.until = Some(now + self.config.reply_timeout);
        self.calls.insert(handle, call);
        self.note_calls(now);
        handle
    }

    /// Makes one step of a call, and tells whether the input was possible.
    pub(super) fn drive(
        &mut self,
        now: Instant,
        handle: CallHandle,
        input: Input,
        details: Details,
    ) -> bool {
        let Some(call) = self.calls.get_mut(&handle) else {
            return false;
        };
        let Some((next, actions)) = step(call.role, call.state, input) else {
            return false;
        };
        let before = std::mem::replace(&mut call.state, next);
        if next != before {
            let waits = !matches!(next, State::Idle | State::Established);
            call.until = waits.then(|| now + self.config.reply_timeout);
        }
        let why = if before == State::WaitDisconnect {
            CallDownReason::LocalRequest
        } else {
            details.why.clone()
        };
        let details = Details { why, ..details };
        for action in actions {
            self.act(handle, *action, &details);
        }
        if next == State::Idle {
            self.calls.remove(&handle);
            self.note_calls(now);
        }
        true
    }

    fn act(&mut self, handle: CallHandle, action: Action, details: &Details) {
        let Some(call) = self.calls.get(&handle) else {
            return;
        };
        let message = match action {
            Action::SendAcceptance => acceptance(call),
            Action::SendRefusal => refusal(call, details.refusal),
            Action::SendConnected => connected(call),
            Action::SendClearRequest => CallClearRequest {
                call_id: call.local_call_id.unwrap_or_default(),
                ..CallClearRequest::default()
            }
            .into(),
            Action::SendDisconnectNotify => CallDisconnectNotify {
                call_id: call.local_call_id.unwrap_or_default(),
                result: details.result,
                ..CallDisconnectNotify::default()
            }
            .into(),
            Action::Up => return self.event(Event::CallUp(up(handle, call))),
            Action::Down => {
                let why = details.why.clone();
                return self.event(Event::CallDown { call: handle, why });
            }
            Action::CloseConnection => {
                self.send(stop_request(StopReason::None));
                return self.close(CloseReason::NoCallReply);
            }
        };
        self.send(message);
    }
}

fn up(call: CallHandle, state: &Call) -> CallUp {
    let connect_speed = if state.role.is_pac() {
        state.answer.connect_speed
    } else {
        state.connect_speed
    };
    CallUp {
        call,
        role: state.role,
        local_call_id: state.local_call_id.unwrap_or_default(),
        peer_call_id: state.peer_call_id.unwrap_or_default(),
        serial: state.serial,
        peer_window: state.peer_window,
        peer_delay: state.peer_delay,
        connect_speed,
    }
}

/// The reply that lets a call come up.
fn acceptance(call: &Call) -> Message {
    let call_id = call.local_call_id.unwrap_or_default();
    let peer_call_id = call.peer_call_id.unwrap_or_default();
    let Answer {
        window,
        delay,
        connect_speed,
        physical_channel_id,
        ..
    } = call.answer;
    if call.role == CallRole::PnsIncoming {
        let result = IncomingCallResult::Connect;
        let reply = IncomingCallReply {
            call_id,
            peer_call_id,
            result,
            window,
            delay,
            ..Default::default()
        };
        return reply.into();
    }
    OutgoingCallReply {
        call_id,
        peer_call_id,
        result: OutgoingCallResult::Connected,
        connect_speed,
        window,
        delay,
        physical_channel_id,
        ..OutgoingCallReply::default()
    }
    .into()
}

/// The reply that does not.
pub(super) fn refusal(call: &Call, refusal: Refusal) -> Message {
    let peer_call_id = call.peer_call_id.unwrap_or_default();
    if call.role == CallRole::PnsIncoming {
        let (result, error) = refusal.incoming();
        return IncomingCallReply {
            peer_call_id,
            result,
            error,
            ..Default::default()
        }
        .into();
    }
    let (result, error) = refusal.outgoing();
    OutgoingCallReply {
        peer_call_id,
        result,
        error,
        ..Default::default()
    }
    .into()
}

fn connected(call: &Call) -> Message {
    let Answer {
        window,
        delay,
        connect_speed,
        framing,
        ..
    } = call.answer;
    IncomingCallConnected {
        peer_call_id: call.peer_call_id.unwrap_or_default(),
        connect_speed,
        window,
        delay,
        framing,
        ..IncomingCallConnected::default()
    }
    .into()
}
