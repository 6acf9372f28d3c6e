//! What the caller can do with calls.

use std::time::{Duration, Instant};

use adit_wire::control::{
    DisconnectResult, IncomingCallRequest, OutgoingCallRequest, SetLinkInfo, WanErrorNotify,
};

use super::steps::Details;
use super::{CommandError, ControlConnection};
use crate::call::{Answer, Call, CallDownReason, CallHandle, CallRole, Input, Refusal, State};

/// Least time between two WAN-Error-Notify messages (RFC 2637 §2.14).
const WAN_ERROR_INTERVAL: Duration = Duration::from_secs(60);

impl ControlConnection {
    /// Asks the peer, the PAC, for an outgoing call. The request holds the local Call ID.
    ///
    /// # Errors
    /// [`CommandError`] where the connection is not established, there are too many calls, or the
    /// Call ID is in use.
    pub fn request_outgoing_call(
        &mut self,
        now: Instant,
        request: OutgoingCallRequest,
    ) -> Result<CallHandle, CommandError> {
        let answer = Answer {
            window: request.window,
            delay: request.delay,
            ..Answer::default()
        };
        let mut call = Call::new(CallRole::PnsOutgoing, State::WaitReply, answer);
        call.serial = request.serial;
        let handle = self.request_call(now, call, request.call_id)?;
        self.send(request);
        Ok(handle)
    }

    /// Announces an incoming call to the peer, the PNS. The request holds the local Call ID; `answer`
    /// is told once the peer has accepted the call.
    ///
    /// # Errors
    /// As [`ControlConnection::request_outgoing_call`].
    pub fn request_incoming_call(
        &mut self,
        now: Instant,
        request: IncomingCallRequest,
        answer: Answer,
    ) -> Result<CallHandle, CommandError> {
        let mut call = Call::new(CallRole::PacIncoming, State::WaitReply, answer);
        call.serial = request.serial;
        let handle = self.request_call(now, call, request.call_id)?;
        self.send(request);
        Ok(handle)
    }

    /// Lets a call that the peer has asked for come up. `local_call_id` should be hard to guess, for
    /// it is all that a forged data packet needs to know; 0 is legal.
    ///
    /// # Errors
    /// [`CommandError`] where there is no such call, it does not wait for this, or the Call ID is in
    /// use.
    pub fn accept_call(
        &mut self,
        now: Instant,
        call: CallHandle,
        local_call_id: u16,
        answer: Answer,
    ) -> Result<(), CommandError> {
        let free = self.by_local(local_call_id).is_none();
        let state = self.calls.get_mut(&call).ok_or(CommandError::UnknownCall)?;
        if !matches!(state.state, State::WaitCsAns | State::WaitAnswer) {
            return Err(CommandError::WrongState);
        }
        if !free {
            return Err(CommandError::CallIdInUse);
        }
        state.local_call_id = Some(local_call_id);
        state.answer = answer;
        self.command(
            now,
            call,
            Input::Accept,
            Details::new(CallDownReason::LocalRequest),
        )
    }

    /// Does not let a call that the peer has asked for come up. The call is forgotten without an
    /// event.
    ///
    /// # Errors
    /// [`CommandError`] where there is no such call, or it does not wait for this.
    pub fn refuse_call(
        &mut self,
        now: Instant,
        call: CallHandle,
        refusal: Refusal,
    ) -> Result<(), CommandError> {
        let details = Details {
            refusal,
            ..Details::new(CallDownReason::LocalRequest)
        };
        self.command(now, call, Input::Refuse, details)
    }

    /// Ends a call in any state. A PAC tells the peer with `result`, and the call is down at once; a
    /// PNS asks the PAC to clear it, and the call is down when the PAC says so.
    ///
    /// # Errors
    /// [`CommandError`] where there is no such call, or it is being cleared already.
    pub fn disconnect_call(
        &mut self,
        now: Instant,
        call: CallHandle,
        result: DisconnectResult,
    ) -> Result<(), CommandError> {
        let details = Details {
            result,
            refusal: Refusal::DoNotAccept,
            ..Details::new(CallDownReason::LocalRequest)
        };
        self.command(now, call, Input::Disconnect, details)
    }

    /// Tells the peer the ACCMs of a call, as a PNS may at any time while the call is up. A PAC never
    /// does: middleboxes cut connections on which one comes from that side.
    ///
    /// # Errors
    /// [`CommandError`] where there is no such call, it is not up, or this side is its PAC.
    pub fn set_link_info(
        &mut self,
        call: CallHandle,
        send_accm: u32,
        receive_accm: u32,
    ) -> Result<(), CommandError> {
        let state = self.calls.get(&call).ok_or(CommandError::UnknownCall)?;
        let (State::Established, Some(peer_call_id), false) =
            (state.state, state.peer_call_id, state.role.is_pac())
        else {
            return Err(CommandError::WrongState);
        };
        let info = SetLinkInfo {
            peer_call_id,
            send_accm,
            receive_accm,
            ..SetLinkInfo::default()
        };
        self.send(info);
        Ok(())
    }

    /// Reports errors on the line below PPP, as a PAC may while the call is up. The Call ID in
    /// `errors` is filled in.
    ///
    /// # Errors
    /// [`CommandError`] where there is no such call, it is not up, this side is its PNS, or it is less
    /// than a minute since the last report.
    pub fn report_wan_errors(
        &mut self,
        now: Instant,
        call: CallHandle,
        errors: WanErrorNotify,
    ) -> Result<(), CommandError> {
        let state = self.calls.get_mut(&call).ok_or(CommandError::UnknownCall)?;
        let (State::Established, Some(peer_call_id), true) =
            (state.state, state.peer_call_id, state.role.is_pac())
        else {
            return Err(CommandError::WrongState);
        };
        if state
            .wan_errors_sent
            .is_some_and(|sent| now < sent + WAN_ERROR_INTERVAL)
        {
            return Err(CommandError::TooSoon);
        }
        state.wan_errors_sent = Some(now);
        self.send(WanErrorNotify {
            peer_call_id,
            ..errors
        });
        Ok(())
    }

    fn request_call(
        &mut self,
        now: Instant,
        mut call: Call,
        call_id: u16,
    ) -> Result<CallHandle, CommandError> {
        if !self.is_established() {
            return Err(CommandError::NotEstablished);
        }
        if self.calls.len() >= self.config.maximum_calls {
            return Err(CommandError::TooManyCalls);
        }
        if self.by_local(call_id).is_some() {
            return Err(CommandError::CallIdInUse);
        }
        call.local_call_id = Some(call_id);
        Ok(self.add_call(now, call))
    }

    fn command(
        &mut self,
        now: Instant,
        call: CallHandle,
        input: Input,
        details: Details,
    ) -> Result<(), CommandError> {
        if !self.calls.contains_key(&call) {
            return Err(CommandError::UnknownCall);
        }
        if self.drive(now, call, input, details) {
            Ok(())
        } else {
            Err(CommandError::WrongState)
        }
    }
}
