//! Calls of a control connection: their states and the four machines of RFC 2637 §3.2.
//!
//! The machines are tables: a state and an input give the next state and what to do. What is done,
//! with which fields, is the control connection's part.

mod pac_incoming;
mod pac_outgoing;
mod pns_incoming;
mod pns_outgoing;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Instant;

use crate::control_connection::CloseReason;
use adit_wire::control::{
    CauseCode, DisconnectResult, ErrorCode, Framing, IncomingCallResult, OutgoingCallResult,
};

/// Names a call of one control connection; never used again for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallHandle(pub u32);

impl fmt::Display for CallHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What this side is in a call, and who asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallRole {
    /// The peer asked for the call: a VPN server (RFC 2637 §3.2.4.1).
    PacOutgoing,
    /// This side asked for the call: a VPN client (RFC 2637 §3.2.4.2).
    PnsOutgoing,
    /// This side announced the call (RFC 2637 §3.2.3.1).
    PacIncoming,
    /// The peer announced the call (RFC 2637 §3.2.3.2).
    PnsIncoming,
}

impl CallRole {
    /// Whether this side is the PAC.
    pub const fn is_pac(self) -> bool {
        matches!(self, Self::PacOutgoing | Self::PacIncoming)
    }
}

/// What this side tells of a call that it lets come up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Packet Recv. Window Size, in packets.
    pub window: u16,
    /// Packet Processing Delay, in 1/10 s.
    pub delay: u16,
    /// Connect Speed, in bit/s; a PAC tells it.
    pub connect_speed: u32,
    /// Framing Type; a PAC tells it of an incoming call.
    pub framing: Framing,
    /// Physical Channel ID; a PAC tells it of an outgoing call.
    pub physical_channel_id: u32,
}

impl Default for Answer {
    fn default() -> Self {
        Self {
            window: 64,
            delay: 0,
            connect_speed: 100_000_000,
            framing: Framing::ASYNCHRONOUS,
            physical_channel_id: 0,
        }
    }
}

/// Why this side does not let a call come up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The call is prohibited.
    DoNotAccept,
    /// The called party is busy.
    Busy,
    /// The call was not established in time.
    TimeOut,
    /// A general error.
    Error(ErrorCode),
}

impl Refusal {
    pub(crate) const fn outgoing(self) -> (OutgoingCallResult, ErrorCode) {
        match self {
            Self::DoNotAccept => (OutgoingCallResult::DoNotAccept, ErrorCode::None),
            Self::Busy => (OutgoingCallResult::Busy, ErrorCode::None),
            Self::TimeOut => (OutgoingCallResult::TimeOut, ErrorCode::None),
            Self::Error(error) => (OutgoingCallResult::GeneralError, error),
        }
    }

    pub(crate) const fn incoming(self) -> (IncomingCallResult, ErrorCode) {
        match self {
            Self::DoNotAccept | Self::Busy | Self::TimeOut => {
                (IncomingCallResult::DoNotAccept, ErrorCode::None)
            }
            Self::Error(error) => (IncomingCallResult::GeneralError, error),
        }
    }
}

/// Why a call is down, or never came up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallDownReason {
    /// The PAC refused the call.
    #[error("the peer refused the call: {result}; {error}; {cause}")]
    OutgoingRefused {
        /// Result Code of its reply.
        result: OutgoingCallResult,
        /// Error Code of its reply.
        error: ErrorCode,
        /// Cause Code of its reply.
        cause: CauseCode,
    },
    /// The PNS refused the call.
    #[error("the peer refused the call: {result}; {error}")]
    IncomingRefused {
        /// Result Code of its reply.
        result: IncomingCallResult,
        /// Error Code of its reply.
        error: ErrorCode,
    },
    /// The peer sent a Call-Disconnect-Notify.
    #[error("the peer disconnected the call: {result}; {error}; {cause}")]
    PeerDisconnected {
        /// Result Code of the notification; Windows sends 0.
        result: DisconnectResult,
        /// Error Code of the notification.
        error: ErrorCode,
        /// Cause Code of the notification.
        cause: CauseCode,
    },
    /// The peer sent a Call-Clear-Request.
    #[error("the peer cleared the call")]
    PeerCleared,
    /// This side disconnected the call.
    #[error("the call was disconnected locally")]
    LocalRequest,
    /// This side neither accepted nor refused the call in time.
    #[error("the call was not answered in time")]
    NotAnswered,
    /// The control connection is closed or being closed, which clears its calls (RFC 2637 §2.3).
    #[error("the control connection ended: {0}")]
    ConnectionClosed(CloseReason),
}

/// States of all four machines, by their names in RFC 2637 §3.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// There is no call.
    Idle,
    /// A PNS has not yet decided on an incoming call, which takes no time in RFC 2637.
    WaitAnswer,
    /// A request is sent.
    WaitReply,
    /// A PAC places an outgoing call.
    WaitCsAns,
    /// A PNS has accepted an incoming call.
    WaitConnect,
    /// The call is up.
    Established,
    /// A PNS has cleared the call.
    WaitDisconnect,
}

impl State {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::WaitAnswer => "wait_answer",
            Self::WaitReply => "wait_reply",
            Self::WaitCsAns => "wait_cs_ans",
            Self::WaitConnect => "wait_connect",
            Self::Established => "established",
            Self::WaitDisconnect => "wait_disconnect",
        }
    }
}

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    /// This side lets the call come up.
    Accept,
    /// This side does not.
    Refuse,
    /// This side ends the call.
    Disconnect,
    /// Outgoing-Call-Reply or Incoming-Call-Reply with success.
    ReplyAccepted,
    /// Outgoing-Call-Reply or Incoming-Call-Reply without.
    ReplyRefused,
    /// Incoming-Call-Connected.
    Connected,
    /// Call-Clear-Request.
    ClearRequest,
    /// Call-Disconnect-Notify.
    DisconnectNotify,
    /// The state has lasted for too long.
    TimeOut,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Send the reply with success.
    SendAcceptance,
    /// Send the reply without.
    SendRefusal,
    /// Send Incoming-Call-Connected.
    SendConnected,
    /// Send Call-Clear-Request.
    SendClearRequest,
    /// Send Call-Disconnect-Notify.
    SendDisconnectNotify,
    /// Tell that the call is up.
    Up,
    /// Tell that the call is down.
    Down,
    /// RFC 2637 §3.2.1: close the entire control connection.
    CloseConnection,
}

/// The next state and what to do on the way.
pub(crate) type Step = (State, &'static [Action]);

/// One step of the machine for `role`; none where the input is not possible in the state.
pub(crate) const fn step(role: CallRole, state: State, input: Input) -> Option<Step> {
    match role {
        CallRole::PacOutgoing => pac_outgoing::step(state, input),
        CallRole::PnsOutgoing => pns_outgoing::step(state, input),
        CallRole::PacIncoming => pac_incoming::step(state, input),
        CallRole::PnsIncoming => pns_incoming::step(state, input),
    }
}

/// One call of a control connection.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) role: CallRole,
    pub(crate) state: State,
    /// When the state has lasted for too long.
    pub(crate) until: Option<Instant>,
    /// Given when this side asks for a call or accepts one.
    pub(crate) local_call_id: Option<u16>,
    /// Known from the peer's first message about the call.
    pub(crate) peer_call_id: Option<u16>,
    pub(crate) serial: u16,
    /// What this side tells of the call.
    pub(crate) answer: Answer,
    pub(crate) peer_window: u16,
    pub(crate) peer_delay: u16,
    pub(crate) connect_speed: u32,
    pub(crate) wan_errors_sent: Option<Instant>,
}

impl Call {
    pub(crate) const fn new(role: CallRole, state: State, answer: Answer) -> Self {
        Self {
            role,
            state,
            until: None,
            local_call_id: None,
            peer_call_id: None,
            serial: 0,
            answer,
            peer_window: 0,
            peer_delay: 0,
            connect_speed: 0,
            wan_errors_sent: None,
        }
    }
}
