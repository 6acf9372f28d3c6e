use std::fmt;

use super::codes::{ErrorCode, StartResult};
use super::values::{Bearer, Framing, ProtocolVersion, Reserved};
use crate::text::Text;
use crate::{ParseError, Reader, Writer};

/// Start-Control-Connection-Request (RFC 2637 §2.1). Asks to open the control connection; the first message on it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StartControlConnectionRequest {
    /// Reserved0: zero from a correct peer.
    pub reserved0: u16,
    /// Protocol Version that the sender wishes to use.
    pub version: ProtocolVersion,
    /// Reserved1: zero from a correct peer.
    pub reserved1: u16,
    /// Framing Capabilities.
    pub framing: Framing,
    /// Bearer Capabilities.
    pub bearer: Bearer,
    /// Maximum Channels: PPP sessions that a PAC can carry; zero from a PNS.
    pub maximum_channels: u16,
    /// Firmware Revision of a PAC, or version of a PNS driver.
    pub firmware_revision: u16,
    /// Host Name: the DNS name of the sender.
    pub host_name: Text<64>,
    /// Vendor Name: what kind of PAC or PNS the sender is.
    pub vendor: Text<64>,
}

impl StartControlConnectionRequest {
    /// Reads what follows the Control Message Type.
    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            reserved0: r.u16("Reserved0")?,
            version: ProtocolVersion(r.u16("Protocol Version")?),
            reserved1: r.u16("Reserved1")?,
            framing: Framing(r.u32("Framing")?),
            bearer: Bearer(r.u32("Bearer")?),
            maximum_channels: r.u16("Maximum Channels")?,
            firmware_revision: r.u16("Firmware Revision")?,
            host_name: Text::from_octets(r.array("Host Name")?),
            vendor: Text::from_octets(r.array("Vendor Name")?),
        })
    }

    /// Writes what follows the Control Message Type.
    pub(super) fn write(&self, w: &mut Writer<'_>) {
        w.u16(self.reserved0)
            .u16(self.version.0)
            .u16(self.reserved1)
            .u32(self.framing.0)
            .u32(self.bearer.0)
            .u16(self.maximum_channels)
            .u16(self.firmware_revision)
            .bytes(self.host_name.octets())
            .bytes(self.vendor.octets());
    }
}

impl fmt::Display for StartControlConnectionRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Start-Control-Connection-Request version={} framing={} bearer={} max-channels={} firmware={} host=\"{}\" vendor=\"{}\"{}{}",
            self.version,
            self.framing,
            self.bearer,
            self.maximum_channels,
            self.firmware_revision,
            self.host_name,
            self.vendor,
            Reserved("reserved0", self.reserved0),
            Reserved("reserved1", self.reserved1)
        )
    }
}

/// Start-Control-Connection-Reply (RFC 2637 §2.2). Answers a Start-Control-Connection-Request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StartControlConnectionReply {
    /// Reserved0: zero from a correct peer.
    pub reserved0: u16,
    /// Protocol Version that the sender wishes to use.
    pub version: ProtocolVersion,
    /// Result Code.
    pub result: StartResult,
    /// Error Code; meaningful with a general error.
    pub error: ErrorCode,
    /// Framing Capabilities.
    pub framing: Framing,
    /// Bearer Capabilities.
    pub bearer: Bearer,
    /// Maximum Channels: PPP sessions that a PAC can carry; zero from a PNS.
    pub maximum_channels: u16,
    /// Firmware Revision of a PAC, or version of a PNS driver.
    pub firmware_revision: u16,
    /// Host Name: the DNS name of the sender.
    pub host_name: Text<64>,
    /// Vendor Name: what kind of PAC or PNS the sender is.
    pub vendor: Text<64>,
}

impl StartControlConnectionReply {
    /// Reads what follows the Control Message Type.
    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            reserved0: r.u16("Reserved0")?,
            version: ProtocolVersion(r.u16("Protocol Version")?),
            result: r.u8("Result Code")?.into(),
            error: r.u8("Error Code")?.into(),
            framing: Framing(r.u32("Framing")?),
            bearer: Bearer(r.u32("Bearer")?),
            maximum_channels: r.u16("Maximum Channels")?,
            firmware_revision: r.u16("Firmware Revision")?,
            host_name: Text::from_octets(r.array("Host Name")?),
            vendor: Text::from_octets(r.array("Vendor Name")?),
        })
    }

    /// Writes what follows the Control Message Type.
    pub(super) fn write(&self, w: &mut Writer<'_>) {
        w.u16(self.reserved0)
            .u16(self.version.0)
            .u8(self.result.code())
            .u8(self.error.code())
            .u32(self.framing.0)
            .u32(self.bearer.0)
            .u16(self.maximum_channels)
            .u16(self.firmware_revision)
            .bytes(self.host_name.octets())
            .bytes(self.vendor.octets());
    }
}

impl fmt::Display for StartControlConnectionReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Start-Control-Connection-Reply version={} result={:#} error={:#} framing={} bearer={} max-channels={} firmware={} host=\"{}\" vendor=\"{}\"{}",
            self.version,
            self.result,
            self.error,
            self.framing,
            self.bearer,
            self.maximum_channels,
            self.firmware_revision,
            self.host_name,
            self.vendor,
            Reserved("reserved0", self.reserved0)
        )
    }
}
