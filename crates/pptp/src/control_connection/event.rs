use adit_wire::control::{
    Bearer, ErrorCode, Framing, FramingError, IncomingCallRequest, Message, MessageType,
    OutgoingCallRequest, ProtocolVersion, SetLinkInfo, StartResult, StopReason, WanErrorNotify,
};
use adit_wire::text::Text;

use crate::call::{CallDownReason, CallHandle, CallRole};

/// What a control connection wants done, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send the message to the peer.
    Send(Message),
    /// Take note.
    Event(Event),
    /// Close the TCP connection once everything is sent; nothing follows.
    Close,
}

/// What has happened on a control connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The control connection is established; calls can be requested.
    Established(PeerInformation),
    /// The peer asks for an outgoing call: to be accepted or refused.
    OutgoingCallRequested {
        /// The new call.
        call: CallHandle,
        /// The peer's request.
        request: OutgoingCallRequest,
    },
    /// The peer announces an incoming call: to be accepted or refused.
    IncomingCallRequested {
        /// The new call.
        call: CallHandle,
        /// The peer's request.
        request: IncomingCallRequest,
    },
    /// A call is up: its data session can start.
    CallUp(CallUp),
    /// A call that was requested by either side is over, unless this side has refused it.
    CallDown {
        /// The call, which is forgotten.
        call: CallHandle,
        /// Why it is over.
        why: CallDownReason,
    },
    /// The peer tells its ACCMs, which mean nothing in a tunnel.
    LinkInfo {
        /// The call, if it is one; Windows tells of calls that are not there yet.
        call: Option<CallHandle>,
        /// The message.
        info: SetLinkInfo,
    },
    /// The peer reports errors on the line below PPP.
    WanError {
        /// The call, if it is one.
        call: Option<CallHandle>,
        /// The counters.
        errors: WanErrorNotify,
    },
    /// The peer did what it should not; that was ignored or answered with an error.
    Violation(Violation),
    /// The control connection is closed.
    Closed(CloseReason),
}

/// What a peer tells of itself when a control connection is established (RFC 2637 §2.1, §2.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerInformation {
    /// Protocol Version.
    pub version: ProtocolVersion,
    /// Framing Capabilities.
    pub framing: Framing,
    /// Bearer Capabilities.
    pub bearer: Bearer,
    /// Maximum Channels.
    pub maximum_channels: u16,
    /// Firmware Revision.
    pub firmware_revision: u16,
    /// Host Name.
    pub host_name: Text<64>,
    /// Vendor Name.
    pub vendor: Text<64>,
}

/// A call that is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallUp {
    /// The call.
    pub call: CallHandle,
    /// What this side is in it.
    pub role: CallRole,
    /// Call ID of packets to this side.
    pub local_call_id: u16,
    /// Call ID of packets to the peer.
    pub peer_call_id: u16,
    /// Call Serial Number, for logs.
    pub serial: u16,
    /// Packet Recv. Window Size of the peer, in packets.
    pub peer_window: u16,
    /// Packet Processing Delay of the peer, in 1/10 s.
    pub peer_delay: u16,
    /// Connect Speed that the PAC tells, in bit/s.
    pub connect_speed: u32,
}

/// What a peer did against the protocol without breaking the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A message that has no place in the state of the connection or the call.
    #[error("unexpected {message_type} while {state}")]
    Unexpected {
        /// What came.
        message_type: MessageType,
        /// The state of the connection or the call.
        state: &'static str,
    },
    /// A message of a type that RFC 2637 does not define; it is skipped.
    #[error("message of unknown type {message_type} and {length} octets")]
    UnknownType {
        /// Its Control Message Type.
        message_type: u16,
        /// Its Length in octets.
        length: u16,
    },
    /// A message about a call that is not there.
    #[error("{message_type} for unknown Call ID {call_id}")]
    UnknownCall {
        /// What came.
        message_type: MessageType,
        /// The Call ID in it.
        call_id: u16,
    },
    /// A Call ID that the peer uses for another call of this connection (RFC 2637 §3.2.2).
    #[error("Call ID {0} is in use by another call")]
    CallIdInUse(u16),
    /// A request for more calls than there may be.
    #[error("too many calls")]
    TooManyCalls,
    /// An Echo-Reply that answers nothing.
    #[error("Echo-Reply with the identifier {0}, which was not asked")]
    EchoIdentifier(u32),
    /// An Echo-Reply that reports an error.
    #[error("Echo-Reply with an error: {0}")]
    EchoRefused(ErrorCode),
}

/// Why a control connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    /// This side asked for it.
    #[error("closed locally: {0}")]
    Local(StopReason),
    /// The peer sent a Stop-Control-Connection-Request.
    #[error("closed by the peer: {0}")]
    Peer(StopReason),
    /// The peer does not want the connection.
    #[error("refused by the peer: {result}; {error}")]
    Refused {
        /// Result Code of its reply.
        result: StartResult,
        /// Error Code of its reply.
        error: ErrorCode,
    },
    /// The peer has a version that is not supported.
    #[error("protocol version {0} of the peer is not supported")]
    Version(ProtocolVersion),
    /// The peer sent no Start-Control-Connection-Request in time.
    #[error("the peer did not start the control connection in time")]
    NotStarted,
    /// There was no call for too long.
    #[error("there was no call on the control connection")]
    NoCall,
    /// The peer did not answer the Start-Control-Connection-Request in time.
    #[error("the peer did not answer in time")]
    NoReply,
    /// A call did not change its state in time (RFC 2637 §3.2.1).
    #[error("the peer did not answer for a call in time")]
    NoCallReply,
    /// The peer did not answer an Echo-Request in time.
    #[error("the peer is silent")]
    NoEchoReply,
    /// The stream cannot be read further.
    #[error("the stream is broken: {0}")]
    Framing(#[from] FramingError),
    /// The peer closed the TCP connection.
    #[error("the peer closed the TCP connection")]
    StreamClosed,
    /// Both peers opened a connection, and the other one is kept (RFC 2637 §3.1.3).
    #[error("the connection gave way to the peer's own")]
    Collision,
}

/// Why a command cannot be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The control connection is not established.
    #[error("the control connection is not established")]
    NotEstablished,
    /// There is no such call.
    #[error("there is no such call")]
    UnknownCall,
    /// The call is in a state, or this side in a role, for which the command is not meant.
    #[error("the call cannot do that now")]
    WrongState,
    /// There are as many calls as there may be.
    #[error("too many calls")]
    TooManyCalls,
    /// The Call ID is in use by another call of this connection.
    #[error("the Call ID is in use")]
    CallIdInUse,
    /// RFC 2637 §2.14: errors are reported at most once a minute.
    #[error("errors were reported less than a minute ago")]
    TooSoon,
}
