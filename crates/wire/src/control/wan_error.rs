use std::fmt;

use super::values::Reserved;
use crate::{ParseError, Reader, Writer};

/// WAN-Error-Notify (RFC 2637 §2.14). Reports errors on the interface below PPP, counted since the call was set up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WanErrorNotify {
    /// Reserved0: zero from a correct peer.
    pub reserved0: u16,
    /// Peer's Call ID: that which the PNS gave to the call.
    pub peer_call_id: u16,
    /// Reserved1: zero from a correct peer.
    pub reserved1: u16,
    /// CRC Errors: frames with a bad checksum.
    pub crc_errors: u32,
    /// Framing Errors: frames not framed properly.
    pub framing_errors: u32,
    /// Hardware Overruns of the receive buffer.
    pub hardware_overruns: u32,
    /// Buffer Overruns.
    pub buffer_overruns: u32,
    /// Time-out Errors.
    pub timeout_errors: u32,
    /// Alignment Errors.
    pub alignment_errors: u32,
}

impl WanErrorNotify {
    /// Reads what follows the Control Message Type.
    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            reserved0: r.u16("Reserved0")?,
            peer_call_id: r.u16("Peer's Call ID")?,
            reserved1: r.u16("Reserved1")?,
            crc_errors: r.u32("CRC Errors")?,
            framing_errors: r.u32("Framing Errors")?,
            hardware_overruns: r.u32("Hardware Overruns")?,
            buffer_overruns: r.u32("Buffer Overruns")?,
            timeout_errors: r.u32("Time-out Errors")?,
            alignment_errors: r.u32("Alignment Errors")?,
        })
    }

    /// Writes what follows the Control Message Type.
    pub(super) fn write(&self, w: &mut Writer<'_>) {
        w.u16(self.reserved0)
            .u16(self.peer_call_id)
            .u16(self.reserved1)
            .u32(self.crc_errors)
            .u32(self.framing_errors)
            .u32(self.hardware_overruns)
            .u32(self.buffer_overruns)
            .u32(self.timeout_errors)
            .u32(self.alignment_errors);
    }
}

impl fmt::Display for WanErrorNotify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "WAN-Error-Notify peer-call-id={} crc={} framing={} hardware={} buffer={} timeout={} alignment={}{}{}",
            self.peer_call_id,
            self.crc_errors,
            self.framing_errors,
            self.hardware_overruns,
            self.buffer_overruns,
            self.timeout_errors,
            self.alignment_errors,
            Reserved("reserved0", self.reserved0),
            Reserved("reserved1", self.reserved1)
        )
    }
}
