use std::fmt;

use super::codes::{CauseCode, ErrorCode, OutgoingCallResult};
use super::values::{Bearer, Framing, Reserved};
use crate::text::Text;
use crate::{ParseError, Reader, Writer};

/// Outgoing-Call-Request (RFC 2637 §2.7). Asks the PAC to place a call; in a VPN, the client opens its tunnel with it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OutgoingCallRequest {
    /// Reserved0: zero from a correct peer.
    pub reserved0: u16,
    /// Call ID that the PNS gives to the call.
    pub call_id: u16,
    /// Call Serial Number, for logs.
    pub serial: u16,
    /// Minimum BPS: lowest acceptable line speed, in bit/s.
    pub minimum_bps: u32,
    /// Maximum BPS: highest acceptable line speed, in bit/s.
    pub maximum_bps: u32,
    /// Bearer Type.
    pub bearer: Bearer,
    /// Framing Type.
    pub framing: Framing,
    /// Packet Recv. Window Size of the PNS, in packets.
    pub window: u16,
    /// Packet Processing Delay of the PNS, in 1/10 s.
    pub delay: u16,
    /// Phone Number Length: valid digits in the Phone Number.
    pub phone_number_length: u16,
    /// Reserved1: zero from a correct peer.
    pub reserved1: u16,
    /// Phone Number.
    pub phone_number: Text<64>,
    /// Subaddress: additional dialing information.
    pub subaddress: Text<64>,
}

impl OutgoingCallRequest {
    /// Reads what follows the Control Message Type.
    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            reserved0: r.u16("Reserved0")?,
            call_id: r.u16("Call ID")?,
            serial: r.u16("Call Serial Number")?,
            minimum_bps: r.u32("Minimum BPS")?,
            maximum_bps: r.u32("Maximum BPS")?,
            bearer: Bearer(r.u32("Bearer")?),
            framing: Framing(r.u32("Framing")?),
            window: r.u16("Packet Recv. Window Size")?,
            delay: r.u16("Packet Processing Delay")?,
            phone_number_length: r.u16("Phone Number Length")?,
            reserved1: r.u16("Reserved1")?,
            phone_number: Text::from_octets(r.array("Phone Number")?),
            subaddress: Text::from_octets(r.array("Subaddress")?),
        })
    }

    /// Writes what follows the Control Message Type.
    pub(super) fn write(&self, w: &mut Writer<'_>) {
        w.u16(self.reserved0)
            .u16(self.call_id)
            .u16(self.serial)
            .u32(self.minimum_bps)
            .u32(self.maximum_bps)
            .u32(self.bearer.0)
            .u32(self.framing.0)
            .u16(self.window)
            .u16(self.delay)
            .u16(self.phone_number_length)
            .u16(self.reserved1)
            .bytes(self.phone_number.octets())
            .bytes(self.subaddress.octets());
    }
}

impl fmt::Display for OutgoingCallRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Outgoing-Call-Request call-id={} serial={} speed={}..{} bearer={} framing={} window={} delay={} phone=\"{}\" subaddress=\"{}\"{}{}",
            self.call_id,
            self.serial,
            self.minimum_bps,
            self.maximum_bps,
            self.bearer,
            self.framing,
            self.window,
            self.delay,
            self.phone_number,
            self.subaddress,
            Reserved("reserved0", self.reserved0),
            Reserved("reserved1", self.reserved1)
        )
    }
}

/// Outgoing-Call-Reply (RFC 2637 §2.8). Answers an Outgoing-Call-Request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OutgoingCallReply {
    /// Reserved0: zero from a correct peer.
    pub reserved0: u16,
    /// Call ID that the PAC gives to the call.
    pub call_id: u16,
    /// Peer's Call ID: that of the Outgoing-Call-Request.
    pub peer_call_id: u16,
    /// Result Code.
    pub result: OutgoingCallResult,
    /// Error Code; meaningful with a general error.
    pub error: ErrorCode,
    /// Cause Code.
    pub cause: CauseCode,
    /// Connect Speed, in bit/s.
    pub connect_speed: u32,
    /// Packet Recv. Window Size of the PAC, in packets.
    pub window: u16,
    /// Packet Processing Delay of the PAC, in 1/10 s.
    pub delay: u16,
    /// Physical Channel ID, for logs.
    pub physical_channel_id: u32,
}

impl OutgoingCallReply {
    /// Reads what follows the Control Message Type.
    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            reserved0: r.u16("Reserved0")?,
            call_id: r.u16("Call ID")?,
            peer_call_id: r.u16("Peer's Call ID")?,
            result: r.u8("Result Code")?.into(),
            error: r.u8("Error Code")?.into(),
            cause: CauseCode(r.u16("Cause Code")?),
            connect_speed: r.u32("Connect Speed")?,
            window: r.u16("Packet Recv. Window Size")?,
            delay: r.u16("Packet Processing Delay")?,
            physical_channel_id: r.u32("Physical Channel ID")?,
        })
    }

    /// Writes what follows the Control Message Type.
    pub(super) fn write(&self, w: &mut Writer<'_>) {
        w.u16(self.reserved0)
            .u16(self.call_id)
            .u16(self.peer_call_id)
            .u8(self.result.code())
            .u8(self.error.code())
            .u16(self.cause.0)
            .u32(self.connect_speed)
            .u16(self.window)
            .u16(self.delay)
            .u32(self.physical_channel_id);
    }
}

impl fmt::Display for OutgoingCallReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Outgoing-Call-Reply call-id={} peer-call-id={} result={:#} error={:#} cause={:#} speed={} window={} delay={} channel={}{}",
            self.call_id,
            self.peer_call_id,
            self.result,
            self.error,
            self.cause,
            self.connect_speed,
            self.window,
            self.delay,
            self.physical_channel_id,
            Reserved("reserved0", self.reserved0)
        )
    }
}
