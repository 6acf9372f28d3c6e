//! Packets: checked reading, verification and writing (RFC 2865 §3).

mod read;
mod write;

pub use read::{Datagram, Packet, ParseError};
pub use write::{Contents, Delay, reply, request};

/// Octets before the attributes.
pub const HEADER_LENGTH: usize = 20;
/// Most octets of a packet (RFC 2865 §3).
pub const MAX_LENGTH: usize = 4096;

/// What a packet is (RFC 2865 §4, RFC 2866 §4, RFC 5176 §2, RFC 5997).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// A user wants to log in.
    AccessRequest,
    /// The user may.
    AccessAccept,
    /// The user may not.
    AccessReject,
    /// What happens to a session.
    AccountingRequest,
    /// It is recorded.
    AccountingResponse,
    /// The user is to answer something first.
    AccessChallenge,
    /// Whether the server is there.
    StatusServer,
    /// To end sessions.
    DisconnectRequest,
    /// They were ended.
    DisconnectAck,
    /// They were not.
    DisconnectNak,
    /// To change sessions.
    CoaRequest,
    /// They were changed.
    CoaAck,
    /// They were not.
    CoaNak,
    /// Another one.
    Other(u8),
}

impl Code {
    /// From the number on the wire.
    pub const fn from_wire(code: u8) -> Self {
        match code {
            1 => Self::AccessRequest,
            2 => Self::AccessAccept,
            3 => Self::AccessReject,
            4 => Self::AccountingRequest,
            5 => Self::AccountingResponse,
            11 => Self::AccessChallenge,
            12 => Self::StatusServer,
            40 => Self::DisconnectRequest,
            41 => Self::DisconnectAck,
            42 => Self::DisconnectNak,
            43 => Self::CoaRequest,
            44 => Self::CoaAck,
            45 => Self::CoaNak,
            other => Self::Other(other),
        }
    }

    /// The number on the wire.
    pub const fn to_wire(self) -> u8 {
        match self {
            Self::AccessRequest => 1,
            Self::AccessAccept => 2,
            Self::AccessReject => 3,
            Self::AccountingRequest => 4,
            Self::AccountingResponse => 5,
            Self::AccessChallenge => 11,
            Self::StatusServer => 12,
            Self::DisconnectRequest => 40,
            Self::DisconnectAck => 41,
            Self::DisconnectNak => 42,
            Self::CoaRequest => 43,
            Self::CoaAck => 44,
            Self::CoaNak => 45,
            Self::Other(code) => code,
        }
    }

    /// Whether its Authenticator field is random rather than a digest.
    pub const fn has_random_authenticator(self) -> bool {
        matches!(self, Self::AccessRequest | Self::StatusServer)
    }

    /// Whether a packet of this code answers one of `request`.
    pub const fn answers(self, request: Self) -> bool {
        match request {
            Self::AccessRequest => matches!(
                self,
                Self::AccessAccept | Self::AccessReject | Self::AccessChallenge
            ),
            Self::AccountingRequest => matches!(self, Self::AccountingResponse),
            Self::StatusServer => matches!(self, Self::AccessAccept | Self::AccountingResponse),
            Self::DisconnectRequest => matches!(self, Self::DisconnectAck | Self::DisconnectNak),
            Self::CoaRequest => matches!(self, Self::CoaAck | Self::CoaNak),
            _ => false,
        }
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::AccessRequest => "Access-Request",
            Self::AccessAccept => "Access-Accept",
            Self::AccessReject => "Access-Reject",
            Self::AccountingRequest => "Accounting-Request",
            Self::AccountingResponse => "Accounting-Response",
            Self::AccessChallenge => "Access-Challenge",
            Self::StatusServer => "Status-Server",
            Self::DisconnectRequest => "Disconnect-Request",
            Self::DisconnectAck => "Disconnect-ACK",
            Self::DisconnectNak => "Disconnect-NAK",
            Self::CoaRequest => "CoA-Request",
            Self::CoaAck => "CoA-ACK",
            Self::CoaNak => "CoA-NAK",
            Self::Other(code) => return write!(f, "code {code}"),
        })
    }
}

#[cfg(test)]
mod tests;
