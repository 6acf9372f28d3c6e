use std::fmt;

use super::values::Reserved;
use crate::{ParseError, Reader, Writer};

/// Set-Link-Info (RFC 2637 §2.15). Tells the PAC which control characters PPP has agreed to escape.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SetLinkInfo {
    /// Reserved0: zero from a correct peer.
    pub reserved0: u16,
    /// Peer's Call ID: that which the PAC gave to the call.
    pub peer_call_id: u16,
    /// Reserved1: zero from a correct peer.
    pub reserved1: u16,
    /// Send ACCM: the map for frames that go to the client.
    pub send_accm: u32,
    /// Receive ACCM: the map for frames from the client.
    pub receive_accm: u32,
}

impl SetLinkInfo {
    /// Reads what follows the Control Message Type.
    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            reserved0: r.u16("Reserved0")?,
            peer_call_id: r.u16("Peer's Call ID")?,
            reserved1: r.u16("Reserved1")?,
            send_accm: r.u32("Send ACCM")?,
            receive_accm: r.u32("Receive ACCM")?,
        })
    }

    /// Writes what follows the Control Message Type.
    pub(super) fn write(&self, w: &mut Writer<'_>) {
        w.u16(self.reserved0)
            .u16(self.peer_call_id)
            .u16(self.reserved1)
            .u32(self.send_accm)
            .u32(self.receive_accm);
    }
}

impl fmt::Display for SetLinkInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Set-Link-Info peer-call-id={} send-accm={:#010x} receive-accm={:#010x}{}{}",
            self.peer_call_id,
            self.send_accm,
            self.receive_accm,
            Reserved("reserved0", self.reserved0),
            Reserved("reserved1", self.reserved1)
        )
    }
}
