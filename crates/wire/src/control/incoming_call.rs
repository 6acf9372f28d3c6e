use std::fmt;

use super::codes::{ErrorCode, IncomingCallResult};
use super::values::{Bearer, Framing, Reserved};
use crate::text::Text;
use crate::{ParseError, Reader, Writer};

/// Incoming-Call-Request (RFC 2637 §2.9). Tells the PNS of a call that has come in at the PAC.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IncomingCallRequest {
    /// Reserved0: zero from a correct peer.
    pub reserved0: u16,
    /// Call ID that the PAC gives to the call.
    pub call_id: u16,
    /// Call Serial Number, for logs.
    pub serial: u16,
    /// Bearer Type.
    pub bearer: Bearer,
    /// Physical Channel ID, for logs.
    pub physical_channel_id: u32,
    /// Dialed Number Length: valid digits in the Dialed Number.
    pub dialed_number_length: u16,
    /// Dialing Number Length: valid digits in the Dialing Number.
    pub dialing_number_length: u16,
    /// Dialed Number: what the caller dialed.
    pub dialed_number: Text<64>,
    /// Dialing Number: the caller's own.
    pub dialing_number: Text<64>,
    /// Subaddress: additional dialing information.
    pub subaddress: Text<64>,
}

impl IncomingCallRequest {
    /// Reads what follows the Control Message Type.
    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            reserved0: r.u16("Reserved0")?,
            call_id: r.u16("Call ID")?,
            serial: r.u16("Call Serial Number")?,
            bearer: Bearer(r.u32("Bearer")?),
            physical_channel_id: r.u32("Physical Channel ID")?,
            dialed_number_length: r.u16("Dialed Number Length")?,
            dialing_number_length: r.u16("Dialing Number Length")?,
            dialed_number: Text::from_octets(r.array("Dialed Number")?),
            dialing_number: Text::from_octets(r.array("Dialing Number")?),
            subaddress: Text::from_octets(r.array("Subaddress")?),
        })
    }

    /// Writes what follows the Control Message Type.
    pub(super) fn write(&self, w: &mut Writer<'_>) {
        w.u16(self.reserved0)
            .u16(self.call_id)
            .u16(self.serial)
            .u32(self.bearer.0)
            .u32(self.physical_channel_id)
            .u16(self.dialed_number_length)
            .u16(self.dialing_number_length)
            .bytes(self.dialed_number.octets())
            .bytes(self.dialing_number.octets())
            .bytes(self.subaddress.octets());
    }
}

impl fmt::Display for IncomingCallRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Incoming-Call-Request call-id={} serial={} bearer={} channel={} dialed=\"{}\" dialing=\"{}\" subaddress=\"{}\"{}",
            self.call_id,
            self.serial,
            self.bearer,
            self.physical_channel_id,
            self.dialed_number,
            self.dialing_number,
            self.subaddress,
            Reserved("reserved0", self.reserved0)
        )
    }
}

/// Incoming-Call-Reply (RFC 2637 §2.10). Answers an Incoming-Call-Request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IncomingCallReply {
    /// Reserved0: zero from a correct peer.
    pub reserved0: u16,
    /// Call ID that the PNS gives to the call.
    pub call_id: u16,
    /// Peer's Call ID: that of the Incoming-Call-Request.
    pub peer_call_id: u16,
    /// Result Code.
    pub result: IncomingCallResult,
    /// Error Code; meaningful with a general error.
    pub error: ErrorCode,
    /// Packet Recv. Window Size of the PNS, in packets.
    pub window: u16,
    /// Packet Transmit Delay of the PNS, in 1/10 s.
    pub delay: u16,
    /// Reserved1: zero from a correct peer.
    pub reserved1: u16,
}

impl IncomingCallReply {
    /// Reads what follows the Control Message Type.
    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            reserved0: r.u16("Reserved0")?,
            call_id: r.u16("Call ID")?,
            peer_call_id: r.u16("Peer's Call ID")?,
            result: r.u8("Result Code")?.into(),
            error: r.u8("Error Code")?.into(),
            window: r.u16("Packet Recv. Window Size")?,
            delay: r.u16("Packet Processing Delay")?,
            reserved1: r.u16("Reserved1")?,
        })
    }

    /// Writes what follows the Control Message Type.
    pub(super) fn write(&self, w: &mut Writer<'_>) {
        w.u16(self.reserved0)
            .u16(self.call_id)
            .u16(self.peer_call_id)
            .u8(self.result.code())
            .u8(self.error.code())
            .u16(self.window)
            .u16(self.delay)
            .u16(self.reserved1);
    }
}

impl fmt::Display for IncomingCallReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Incoming-Call-Reply call-id={} peer-call-id={} result={:#} error={:#} window={} delay={}{}{}",
            self.call_id,
            self.peer_call_id,
            self.result,
            self.error,
            self.window,
            self.delay,
            Reserved("reserved0", self.reserved0),
            Reserved("reserved1", self.reserved1)
        )
    }
}

/// Incoming-Call-Connected (RFC 2637 §2.11). Tells the PNS that the PAC has answered the call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IncomingCallConnected {
    /// Reserved0: zero from a correct peer.
    pub reserved0: u16,
    /// Peer's Call ID: that of the Incoming-Call-Reply.
    pub peer_call_id: u16,
    /// Reserved1: zero from a correct peer.
    pub reserved1: u16,
    /// Connect Speed, in bit/s.
    pub connect_speed: u32,
    /// Packet Recv. Window Size of the PAC, in packets.
    pub window: u16,
    /// Packet Transmit Delay of the PAC, in 1/10 s.
    pub delay: u16,
    /// Framing Type.
    pub framing: Framing,
}

impl IncomingCallConnected {
    /// Reads what follows the Control Message Type.
    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            reserved0: r.u16("Reserved0")?,
            peer_call_id: r.u16("Peer's Call ID")?,
            reserved1: r.u16("Reserved1")?,
            connect_speed: r.u32("Connect Speed")?,
            window: r.u16("Packet Recv. Window Size")?,
            delay: r.u16("Packet Processing Delay")?,
            framing: Framing(r.u32("Framing")?),
        })
    }

    /// Writes what follows the Control Message Type.
    pub(super) fn write(&self, w: &mut Writer<'_>) {
        w.u16(self.reserved0)
            .u16(self.peer_call_id)
            .u16(self.reserved1)
            .u32(self.connect_speed)
            .u16(self.window)
            .u16(self.delay)
            .u32(self.framing.0);
    }
}

impl fmt::Display for IncomingCallConnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Incoming-Call-Connected peer-call-id={} speed={} window={} delay={} framing={}{}{}",
            self.peer_call_id,
            self.connect_speed,
            self.window,
            self.delay,
            self.framing,
            Reserved("reserved0", self.reserved0),
            Reserved("reserved1", self.reserved1)
        )
    }
}
