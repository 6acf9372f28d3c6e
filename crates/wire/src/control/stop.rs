use std::fmt;

use super::codes::{ErrorCode, StopReason, StopResult};
use super::values::Reserved;
use crate::{ParseError, Reader, Writer};

/// Stop-Control-Connection-Request (RFC 2637 §2.3). Asks to close the control connection, which clears all its calls.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StopControlConnectionRequest {
    /// Reserved0: zero from a correct peer.
    pub reserved0: u16,
    /// Reason for closing.
    pub reason: StopReason,
    /// Reserved1: zero from a correct peer.
    pub reserved1: u8,
    /// Reserved2: zero from a correct peer.
    pub reserved2: u16,
}

impl StopControlConnectionRequest {
    /// Reads what follows the Control Message Type.
    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            reserved0: r.u16("Reserved0")?,
            reason: r.u8("Reason")?.into(),
            reserved1: r.u8("Reserved1")?,
            reserved2: r.u16("Reserved2")?,
        })
    }

    /// Writes what follows the Control Message Type.
    pub(super) fn write(&self, w: &mut Writer<'_>) {
        w.u16(self.reserved0)
            .u8(self.reason.code())
            .u8(self.reserved1)
            .u16(self.reserved2);
    }
}

impl fmt::Display for StopControlConnectionRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Stop-Control-Connection-Request reason={:#}{}{}{}",
            self.reason,
            Reserved("reserved0", self.reserved0),
            Reserved("reserved1", self.reserved1.into()),
            Reserved("reserved2", self.reserved2)
        )
    }
}

/// Stop-Control-Connection-Reply (RFC 2637 §2.4). Answers a Stop-Control-Connection-Request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StopControlConnectionReply {
    /// Reserved0: zero from a correct peer.
    pub reserved0: u16,
    /// Result Code.
    pub result: StopResult,
    /// Error Code; meaningful with a general error.
    pub error: ErrorCode,
    /// Reserved1: zero from a correct peer.
    pub reserved1: u16,
}

impl StopControlConnectionReply {
    /// Reads what follows the Control Message Type.
    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            reserved0: r.u16("Reserved0")?,
            result: r.u8("Result Code")?.into(),
            error: r.u8("Error Code")?.into(),
            reserved1: r.u16("Reserved1")?,
        })
    }

    /// Writes what follows the Control Message Type.
    pub(super) fn write(&self, w: &mut Writer<'_>) {
        w.u16(self.reserved0)
            .u8(self.result.code())
            .u8(self.error.code())
            .u16(self.reserved1);
    }
}

impl fmt::Display for StopControlConnectionReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Stop-Control-Connection-Reply result={:#} error={:#}{}{}",
            self.result,
            self.error,
            Reserved("reserved0", self.reserved0),
            Reserved("reserved1", self.reserved1)
        )
    }
}
