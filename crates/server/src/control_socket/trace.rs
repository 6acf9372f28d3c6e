//! What is told of a trace.

use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

/// What a trace is to show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceQuery {
    /// Whose packets.
    pub of: TraceTarget,
    /// Octets of each inner packet that are shown, from its beginning. Frames of control protocols are shown
    /// whole.
    #[serde(default = "TraceQuery::head")]
    pub octets: u16,
}

impl TraceQuery {
    /// As much of an inner packet as its headers take.
    pub const fn head() -> u16 {
        96
    }
}

/// Whose packets are traced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TraceTarget {
    /// A user's: of the sessions that there are, and of later ones from the moment on in which they give this
    /// name.
    User(String),
    /// Those of the session with this number.
    Session(u64),
    /// Those of the session with this address in the tunnel.
    Address(IpAddr),
    /// Those of all sessions from this address, of later ones from their first packet on.
    Peer(Ipv4Addr),
}

/// Something that a trace shows. Passwords and what is made of them are zeroed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Traced {
    /// When, in seconds since 1970.
    pub time: f64,
    /// The control connection, by a number of its own.
    pub connection: u64,
    /// The session; none for messages of a control connection.
    pub session: Option<u64>,
    /// Who sent it.
    pub direction: Direction,
    /// What it is.
    pub what: What,
    /// What the trace had no time for since the one before.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: u64,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Who sent something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// The client.
    Received,
    /// The server.
    Sent,
}

/// What passed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// A message of the control connection, in words.
    Message(String),
    /// A PPP frame as it was before encryption, from its protocol field on, in hexadecimal digits.
    Frame {
        /// The octets, as many as were asked for.
        octets: String,
        /// How many there were.
        length: usize,
    },
    /// A packet was dropped, for this reason.
    Dropped(String),
    /// The session or connection ended, for this reason.
    Ended(String),
}
