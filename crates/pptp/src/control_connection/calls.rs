//! Messages of the peer about calls (RFC 2637 §3.2).

use std::time::Instant;

use adit_wire::control::{
    CallClearRequest, CallDisconnectNotify, ErrorCode, IncomingCallConnected, IncomingCallReply,
    IncomingCallRequest, IncomingCallResult, Message, MessageType, OutgoingCallReply,
    OutgoingCallRequest,
};

use super::steps::{Details, refusal};
use super::{ControlConnection, Event, Violation};
use crate::call::{Answer, Call, CallDownReason, CallHandle, CallRole, Input, Refusal, State};

impl ControlConnection {
    pub(super) fn call_message(&mut self, now: Instant, message: Message) {
        match message {
            Message::OutgoingCallRequest(request) => self.outgoing_call_request(now, request),
            Message::OutgoingCallReply(reply) => self.outgoing_call_reply(now, &reply),
            Message::IncomingCallRequest(request) => self.incoming_call_request(now, request),
            Message::IncomingCallReply(reply) => self.incoming_call_reply(now, &reply),
            Message::IncomingCallConnected(connected) => {
                self.incoming_call_connected(now, &connected);
            }
            Message::CallClearRequest(request) => self.call_clear_request(now, &request),
            Message::CallDisconnectNotify(notify) => self.call_disconnect_notify(now, &notify),
            Message::WanErrorNotify(errors) => {
                let call = self.by_local(errors.peer_call_id);
                self.event(Event::WanError { call, errors });
            }
            Message::SetLinkInfo(info) => {
                let call = self.by_local(info.peer_call_id);
                self.event(Event::LinkInfo { call, info });
            }
            Message::StartControlConnectionRequest(_)
            | Message::StartControlConnectionReply(_)
            | Message::StopControlConnectionRequest(_)
            | Message::StopControlConnectionReply(_)
            | Message::EchoRequest(_)
            | Message::EchoReply(_) => self.unexpected(message.message_type()),
        }
    }

    fn outgoing_call_request(&mut self, now: Instant, request: OutgoingCallRequest) {
        let mut call = Call::new(CallRole::PacOutgoing, State::WaitCsAns, Answer::default());
        call.peer_call_id = Some(request.call_id);
        call.serial = request.serial;
        call.peer_window = request.window;
        call.peer_delay = request.delay;
        if let Some(error) = self.objection(request.call_id) {
            return self.send(refusal(&call, Refusal::Error(error)));
        }
        let call = self.add_call(now, call);
        self.event(Event::OutgoingCallRequested { call, request });
    }

    fn incoming_call_request(&mut self, now: Instant, request: IncomingCallRequest) {
        let mut call = Call::new(CallRole::PnsIncoming, State::WaitAnswer, Answer::default());
        call.peer_call_id = Some(request.call_id);
        call.serial = request.serial;
        if let Some(error) = self.objection(request.call_id) {
            return self.send(refusal(&call, Refusal::Error(error)));
        }
        let call = self.add_call(now, call);
        self.event(Event::IncomingCallRequested { call, request });
    }

    /// Why a request of the peer cannot even be considered.
    fn objection(&mut self, peer_call_id: u16) -> Option<ErrorCode> {
        if self
            .calls
            .values()
            .any(|call| call.peer_call_id == Some(peer_call_id))
        {
            self.violation(Violation::CallIdInUse(peer_call_id));
            return Some(ErrorCode::BadCallId);
        }
        if self.calls.len() >= self.config.maximum_calls {
            self.violation(Violation::TooManyCalls);
            return Some(ErrorCode::NoResource);
        }
        None
    }

    fn outgoing_call_reply(&mut self, now: Instant, reply: &OutgoingCallReply) {
        let found = self.by_local(reply.peer_call_id);
        let Some(handle) = found.filter(|call| self.has_role(*call, CallRole::PnsOutgoing)) else {
            return self.unknown_call(MessageType::OutgoingCallReply, reply.peer_call_id);
        };
        let OutgoingCallReply {
            result,
            error,
            cause,
            ..
        } = *reply;
        // Deviation (RFC 2637 §2.8): some ADSL modems answer 0 where they mean success.
        let input = if matches!(result.code(), 0 | 1) {
            self.learn(handle, reply.call_id);
            Input::ReplyAccepted
        } else {
            Input::ReplyRefused
        };
        if let Some(call) = self.awaiting_reply(handle) {
            call.peer_window = reply.window;
            call.peer_delay = reply.delay;
            call.connect_speed = reply.connect_speed;
        }
        let why = CallDownReason::OutgoingRefused {
            result,
            error,
            cause,
        };
        self.peer_input(now, handle, MessageType::OutgoingCallReply, (input, why));
    }

    fn incoming_call_reply(&mut self, now: Instant, reply: &IncomingCallReply) {
        let found = self.by_local(reply.peer_call_id);
        let Some(handle) = found.filter(|call| self.has_role(*call, CallRole::PacIncoming)) else {
            return self.unknown_call(MessageType::IncomingCallReply, reply.peer_call_id);
        };
        let IncomingCallReply { result, error, .. } = *reply;
        let input = if result == IncomingCallResult::Connect {
            self.learn(handle, reply.call_id);
            Input::ReplyAccepted
        } else {
            Input::ReplyRefused
        };
        if let Some(call) = self.awaiting_reply(handle) {
            call.peer_window = reply.window;
            call.peer_delay = reply.delay;
        }
        let why = CallDownReason::IncomingRefused { result, error };
        self.peer_input(now, handle, MessageType::IncomingCallReply, (input, why));
    }

    fn incoming_call_connected(&mut self, now: Instant, connected: &IncomingCallConnected) {
        let found = self.by_local(connected.peer_call_id);
        let Some(handle) = found.filter(|call| self.has_role(*call, CallRole::PnsIncoming)) else {
            return self.unknown_call(MessageType::IncomingCallConnected, connected.peer_call_id);
        };
        if let Some(call) = self.calls.get_mut(&handle)
            && call.state == State::WaitConnect
        {
            call.peer_window = connected.window;
            call.peer_delay = connected.delay;
            call.connect_speed = connected.connect_speed;
        }
        let with = (Input::Connected, CallDownReason::LocalRequest);
        self.peer_input(now, handle, MessageType::IncomingCallConnected, with);
    }

    fn call_clear_request(&mut self, now: Instant, request: &CallClearRequest) {
        let call_id = request.call_id;
        let Some(handle) = self.by_peer(call_id).or_else(|| self.by_local(call_id)) else {
            return self.unknown_call(MessageType::CallClearRequest, request.call_id);
        };
        let with = (Input::ClearRequest, CallDownReason::PeerCleared);
        self.peer_input(now, handle, MessageType::CallClearRequest, with);
    }

    fn call_disconnect_notify(&mut self, now: Instant, notify: &CallDisconnectNotify) {
        let found = self
            .by_peer(notify.call_id)
            .or_else(|| self.cleared_early());
        let Some(handle) = found else {
            return self.unknown_call(MessageType::CallDisconnectNotify, notify.call_id);
        };
        let CallDisconnectNotify {
            result,
            error,
            cause,
            ..
        } = *notify;
        let why = CallDownReason::PeerDisconnected {
            result,
            error,
            cause,
        };
        let with = (Input::DisconnectNotify, why);
        self.peer_input(now, handle, MessageType::CallDisconnectNotify, with);
    }

    /// Makes the step that a message of the peer causes, or reports that it has no place.
    fn peer_input(
        &mut self,
        now: Instant,
        handle: CallHandle,
        message_type: MessageType,
        (input, why): (Input, CallDownReason),
    ) {
        let state = self
            .calls
            .get(&handle)
            .map_or("no call", |call| call.state.name());
        if !self.drive(now, handle, input, Details::new(why)) {
            self.violation(Violation::Unexpected {
                message_type,
                state,
            });
        }
    }

    fn unknown_call(&mut self, message_type: MessageType, call_id: u16) {
        self.violation(Violation::UnknownCall {
            message_type,
            call_id,
        });
    }

    /// Keeps the peer's Call ID where it is new; a repeated reply must not change it.
    fn learn(&mut self, handle: CallHandle, peer_call_id: u16) {
        let in_use = self
            .calls
            .values()
            .any(|call| call.peer_call_id == Some(peer_call_id));
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        if call.peer_call_id.is_none() {
            call.peer_call_id = Some(peer_call_id);
            if in_use {
                self.violation(Violation::CallIdInUse(peer_call_id));
            }
        }
    }

    fn awaiting_reply(&mut self, handle: CallHandle) -> Option<&mut Call> {
        self.calls
            .get_mut(&handle)
            .filter(|call| call.state == State::WaitReply)
    }

    fn has_role(&self, handle: CallHandle, role: CallRole) -> bool {
        self.calls
            .get(&handle)
            .is_some_and(|call| call.role == role)
    }

    /// The call with a Call ID that this side has given.
    pub(super) fn by_local(&self, call_id: u16) -> Option<CallHandle> {
        self.find(|call| call.local_call_id == Some(call_id))
    }

    /// The call with a Call ID that the peer has given; some peers name the other one.
    fn by_peer(&self, call_id: u16) -> Option<CallHandle> {
        self.find(|call| call.peer_call_id == Some(call_id))
            .or_else(|| self.by_local(call_id))
    }

    /// The oldest call that was cleared before its peer's Call ID was known, which a
    /// Call-Disconnect-Notify with an unknown one must mean (RFC 2637 §2.13).
    fn cleared_early(&self) -> Option<CallHandle> {
        self.find(|call| call.state == State::WaitDisconnect && call.peer_call_id.is_none())
    }

    fn find(&self, matches: impl Fn(&Call) -> bool) -> Option<CallHandle> {
        self.calls
            .iter()
            .find(|(_, call)| matches(call))
            .map(|(handle, _)| *handle)
    }
}
