//! Control connection messages and their framing in the TCP stream (RFC 2637 §2).
//!
//! Each of the fifteen messages is a struct with every field of its format, reserved ones too: they
//! should be zero, but real peers set them, so they are kept and never checked.

mod call_clear;
mod codes;
mod echo;
mod framer;
mod incoming_call;
mod message;
mod outgoing_call;
mod set_link_info;
mod start;
mod stop;
#[cfg(test)]
mod tests;
mod values;
mod wan_error;

pub use call_clear::{CallClearRequest, CallDisconnectNotify};
pub use codes::{
    CauseCode, DisconnectResult, EchoResult, ErrorCode, IncomingCallResult, OutgoingCallResult,
    StartResult, StopReason, StopResult,
};
pub use echo::{EchoReply, EchoRequest};
pub use framer::{Framed, Framer, FramingError, MAX_UNKNOWN_LENGTH};
pub use incoming_call::{IncomingCallConnected, IncomingCallReply, IncomingCallRequest};
pub use message::{MAGIC_COOKIE, MAX_LENGTH, Message, MessageType};
pub use outgoing_call::{OutgoingCallReply, OutgoingCallRequest};
pub use set_link_info::SetLinkInfo;
pub use start::{StartControlConnectionReply, StartControlConnectionRequest};
pub use stop::{StopControlConnectionReply, StopControlConnectionRequest};
pub use values::{Bearer, Framing, ProtocolVersion};
pub use wan_error::WanErrorNotify;
