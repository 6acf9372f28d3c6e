use std::fmt;

use super::codes::{EchoResult, ErrorCode};
use super::values::Reserved;
use crate::{ParseError, Reader, Writer};

/// Echo-Request (RFC 2637 §2.5). Asks whether the peer is alive.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EchoRequest {
    /// Reserved0: zero from a correct peer.
    pub reserved0: u16,
    /// Identifier, which the Echo-Reply repeats.
    pub identifier: u32,
}

impl EchoRequest {
    /// Reads what follows the Control Message Type.
    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            reserved0: r.u16("Reserved0")?,
            identifier: r.u32("Identifier")?,
        })
    }

    /// Writes what follows the Control Message Type.
    pub(super) fn write(&self, w: &mut Writer<'_>) {
        w.u16(self.reserved0).u32(self.identifier);
    }
}

impl fmt::Display for EchoRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Echo-Request id={}{}",
            self.identifier,
            Reserved("reserved0", self.reserved0)
        )
    }
}

/// Echo-Reply (RFC 2637 §2.6). Answers an Echo-Request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EchoReply {
    /// Reserved0: zero from a correct peer.
    pub reserved0: u16,
    /// Identifier of the Echo-Request.
    pub identifier: u32,
    /// Result Code.
    pub result: EchoResult,
    /// Error Code; meaningful with a general error.
    pub error: ErrorCode,
    /// Reserved1: zero from a correct peer.
    pub reserved1: u16,
}

impl EchoReply {
    /// Reads what follows the Control Message Type.
    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            reserved0: r.u16("Reserved0")?,
            identifier: r.u32("Identifier")?,
            result: r.u8("Result Code")?.into(),
            error: r.u8("Error Code")?.into(),
            reserved1: r.u16("Reserved1")?,
        })
    }

    /// Writes what follows the Control Message Type.
    pub(super) fn write(&self, w: &mut Writer<'_>) {
        w.u16(self.reserved0)
            .u32(self.identifier)
            .u8(self.result.code())
            .u8(self.error.code())
            .u16(self.reserved1);
    }
}

impl fmt::Display for EchoReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Echo-Reply id={} result={:#} error={:#}{}{}",
            self.identifier,
            self.result,
            self.error,
            Reserved("reserved0", self.reserved0),
            Reserved("reserved1", self.reserved1)
        )
    }
}
