use std::fmt;

use super::codes::{CauseCode, DisconnectResult, ErrorCode};
use super::values::Reserved;
use crate::text::Text;
use crate::{ParseError, Reader, Writer};

/// Call-Clear-Request (RFC 2637 §2.12). Asks the PAC to disconnect a call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CallClearRequest {
    /// Reserved0: zero from a correct peer.
    pub reserved0: u16,
    /// Call ID that the PNS, the sender, gave to the call.
    pub call_id: u16,
    /// Reserved1: zero from a correct peer.
    pub reserved1: u16,
}

impl CallClearRequest {
    /// Reads what follows the Control Message Type.
    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            reserved0: r.u16("Reserved0")?,
            call_id: r.u16("Call ID")?,
            reserved1: r.u16("Reserved1")?,
        })
    }

    /// Writes what follows the Control Message Type.
    pub(super) fn write(&self, w: &mut Writer<'_>) {
        w.u16(self.reserved0).u16(self.call_id).u16(self.reserved1);
    }
}

impl fmt::Display for CallClearRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Call-Clear-Request call-id={}{}{}",
            self.call_id,
            Reserved("reserved0", self.reserved0),
            Reserved("reserved1", self.reserved1)
        )
    }
}

/// Call-Disconnect-Notify (RFC 2637 §2.13). Tells the PNS that a call is disconnected.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CallDisconnectNotify {
    /// Reserved0: zero from a correct peer.
    pub reserved0: u16,
    /// Call ID that the PAC, the sender, gave to the call.
    pub call_id: u16,
    /// Result Code.
    pub result: DisconnectResult,
    /// Error Code; meaningful with a general error.
    pub error: ErrorCode,
    /// Cause Code.
    pub cause: CauseCode,
    /// Reserved1: zero from a correct peer.
    pub reserved1: u16,
    /// Call Statistics: vendor-specific text for logs.
    pub statistics: Text<128>,
}

impl CallDisconnectNotify {
    /// Reads what follows the Control Message Type.
    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            reserved0: r.u16("Reserved0")?,
            call_id: r.u16("Call ID")?,
            result: r.u8("Result Code")?.into(),
            error: r.u8("Error Code")?.into(),
            cause: CauseCode(r.u16("Cause Code")?),
            reserved1: r.u16("Reserved1")?,
            statistics: Text::from_octets(r.array("Call Statistics")?),
        })
    }

    /// Writes what follows the Control Message Type.
    pub(super) fn write(&self, w: &mut Writer<'_>) {
        w.u16(self.reserved0)
            .u16(self.call_id)
            .u8(self.result.code())
            .u8(self.error.code())
            .u16(self.cause.0)
            .u16(self.reserved1)
            .bytes(self.statistics.octets());
    }
}

impl fmt::Display for CallDisconnectNotify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Call-Disconnect-Notify call-id={} result={:#} error={:#} cause={:#} statistics=\"{}\"{}{}",
            self.call_id,
            self.result,
            self.error,
            self.cause,
            self.statistics,
            Reserved("reserved0", self.reserved0),
            Reserved("reserved1", self.reserved1)
        )
    }
}
