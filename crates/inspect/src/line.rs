//! One line about one packet.

use std::fmt;
use std::time::Duration;

use adit_wire::ppp::Protocol;
use serde::{Serialize, Serializer};

/// What kind of packet a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A control connection message.
    Control,
    /// A GRE packet without payload.
    Acknowledgment,
    /// A PPP frame of this protocol.
    Ppp(Protocol),
    /// Something that could not be decoded.
    Undecodable,
    /// Something about the capture, such as a hole.
    Note,
}

impl Kind {
    /// A short name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Control => "PPTP",
            Self::Acknowledgment => "GRE-ack",
            Self::Ppp(Protocol::COMPRESSED_DATAGRAM) => "MPPE",
            Self::Ppp(protocol) => match protocol.name() {
                Some(name) => name,
                None => "another PPP protocol",
            },
            Self::Undecodable => "undecodable",
            Self::Note => "note",
        }
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// One line about one packet; a frame may hold several, or none.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// The frame that the packet was in, or in which its last octet was.
    pub frame: u64,
    /// Time since the first frame.
    #[serde(serialize_with = "seconds")]
    pub time: Duration,
    /// Who sent it: an address, with a port for TCP.
    pub source: String,
    /// To whom.
    pub destination: String,
    /// What kind of packet it is.
    pub kind: Kind,
    /// The line.
    pub text: String,
    /// Protocol field and information of a packet that was encrypted.
    #[serde(skip)]
    pub decrypted: Option<Vec<u8>>,
}

fn seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.time.as_secs_f64();
        let Self {
            frame,
            source,
            destination,
            text,
            ..
        } = self;
        write!(
            f,
            "{frame:>5} {time:>11.6} {source} > {destination}  {text}"
        )
    }
}
