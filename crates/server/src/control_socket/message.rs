//! Requests and replies.

use std::net::{Ipv4Addr, SocketAddrV4};

use ipnet::Ipv6Net;
use serde::{Deserialize, Serialize};

use crate::config::Listen;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// List all sessions.
    Sessions,
    /// Tell about the server as a whole.
    Status,
    /// End sessions in order.
    Disconnect {
        /// Which ones.
        target: Target,
    },
}

/// The sessions to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// The session with this number.
    Session(u64),
    /// All sessions of this user.
    User(String),
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "kebab-case")]
pub enum Reply {
    /// To [`Request::Sessions`].
    Sessions {
        /// All sessions, by number.
        sessions: Vec<SessionInfo>,
    },
    /// To [`Request::Status`].
    Status {
        /// The server as a whole.
        status: StatusInfo,
    },
    /// To [`Request::Disconnect`].
    Disconnected {
        /// How many sessions are being ended; zero when none was meant.
        sessions: usize,
    },
    /// To any request that was not carried out.
    Error {
        /// Why, as a sentence.
        message: String,
    },
}

/// The server as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusInfo {
    /// Version of the program.
    pub version: String,
    /// Process number.
    pub pid: u32,
    /// Start of the server in seconds since 1970.
    pub since: u64,
    /// Where control connections are accepted.
    pub listen: Vec<Listen>,
    /// The TUN interface.
    pub interface: String,
    /// Control connections.
    pub connections: usize,
    /// Sessions, logged in or logging in.
    pub sessions: usize,
    /// The threads among which the sessions are shared out.
    pub workers: Vec<WorkerInfo>,
}

/// One of the threads among which the sessions are shared out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerInfo {
    /// Control connections.
    pub connections: usize,
    /// Sessions, logged in or logging in.
    pub sessions: usize,
    /// Packets dropped that belonged to no session.
    pub drops: Drops,
    /// Packets of other threads' sessions.
    pub strays: StrayCounts,
}

/// Packets that a thread dropped before they came to a session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drops {
    /// GRE packets that came while the receive buffer was full.
    pub overflown: u64,
    /// GRE packets for no call.
    pub unknown_calls: u64,
    /// GRE packets from another address than their call's peer.
    pub foreign: u64,
    /// Inner packets of clients that the TUN device did not take.
    pub undelivered: u64,
    /// Inner packets for no client.
    pub unrouted: u64,
    /// Inner packets of the host that contradict what the TUN device says of them.
    pub malformed: u64,
}

/// Inner packets that one thread read from the TUN device and another one has the session of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StrayCounts {
    /// Given to other threads.
    pub passed_on: u64,
    /// Got from other threads.
    pub taken_in: u64,
    /// Dropped because the other thread did not keep up.
    pub dropped: u64,
}

/// One session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionInfo {
    /// Number of the session, never used again while the server runs.
    pub id: u64,
    /// The user, once logged in.
    pub user: Option<String>,
    /// Where the control connection comes from.
    pub peer: SocketAddrV4,
    /// The client's address in the tunnel, once it has one.
    pub address: Option<Ipv4Addr>,
    /// The IPv6 prefix advertised to the client, if any.
    pub ipv6_prefix: Option<Ipv6Net>,
    /// Start of the session in seconds since 1970.
    pub since: u64,
    /// The authentication protocol, once agreed on, as `mschap-v2`.
    pub authentication: Option<String>,
    /// The encryption, as `128-bit stateless`; none means in the clear.
    pub encryption: Option<String>,
    /// From the client.
    pub received: Traffic,
    /// To the client.
    pub sent: Traffic,
    /// What went wrong on the way from the client.
    pub losses: Losses,
    /// The Call ID that this server chose (RFC 2637 §2.7).
    pub call_id: u16,
    /// The Call ID that the client chose.
    pub peer_call_id: u16,
    /// The Host Name that the client gave (RFC 2637 §2.1).
    pub peer_host: String,
    /// The Vendor Name that the client gave (RFC 2637 §2.1).
    pub peer_vendor: String,
}

/// IP packets inside the tunnel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Packets.
    pub packets: u64,
    /// Their octets.
    pub octets: u64,
}

/// Packets of the client that did not arrive as sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Losses {
    /// Never seen, by their sequence numbers.
    pub lost: u64,
    /// Arrived out of order and put right.
    pub reordered: u64,
    /// Dropped because they came too late.
    pub late: u64,
    /// Dropped because they came twice.
    pub duplicate: u64,
    /// Dropped because they could not be decrypted.
    pub undecryptable: u64,
    /// Dropped because they were malformed or not allowed.
    pub invalid: u64,
}

impl Losses {
    /// Packets of the client that were not delivered.
    pub fn undelivered(&self) -> u64 {
        [self.lost, self.late, self.undecryptable, self.invalid]
            .iter()
            .fold(0, |sum, count| sum.saturating_add(*count))
    }
}
