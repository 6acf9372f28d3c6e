//! What is told about the server as a whole.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::session::Traffic;
use crate::config::Listen;

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

impl Drops {
    /// All of them by name.
    pub fn by_reason(&self) -> [(&'static str, u64); 6] {
        [
            ("receive-buffer-full", self.overflown),
            ("unknown-call", self.unknown_calls),
            ("foreign-sender", self.foreign),
            ("tun-refused", self.undelivered),
            ("no-client", self.unrouted),
            ("malformed-from-host", self.malformed),
        ]
    }
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

/// What came and went since the server started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatsInfo {
    /// Start of the server in seconds since 1970.
    pub since: u64,
    /// Control connections.
    pub connections: ConnectionStats,
    /// Calls, each of which is a session from then on.
    pub sessions: SessionStats,
    /// Answers to logins: `accepted`, and the others by the reason of the refusal.
    pub logins: BTreeMap<String, u64>,
    /// Inner packets from all clients, those that have gone included.
    pub received: Traffic,
    /// Inner packets to all clients, those that have gone included.
    pub sent: Traffic,
    /// Packets that went nowhere, by the names that `docs/control-api.md` lists; those of sessions that have
    /// gone included.
    pub drops: BTreeMap<String, u64>,
}

/// Control connections since the server started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionStats {
    /// Taken.
    pub accepted: u64,
    /// Closed at once, by the reason: limits, and where they came from.
    pub refused: BTreeMap<String, u64>,
    /// There now.
    pub open: usize,
    /// There now without a call yet.
    pub half_open: usize,
}

/// Sessions since the server started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionStats {
    /// Calls that came up.
    pub begun: u64,
    /// Of these, those in which packets passed.
    pub came_up: u64,
    /// There now, logged in or logging in.
    pub open: usize,
    /// Of these, those that have logged in.
    pub logged_in: usize,
    /// Those that ended, by the code of their [`Diagnosis`](super::Diagnosis).
    pub ended: BTreeMap<String, u64>,
}

/// One pool of addresses or prefixes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolInfo {
    /// Its name.
    pub name: String,
    /// `ipv4` or `ipv6`.
    pub kind: String,
    /// Addresses, or prefixes for clients, that can be leased.
    pub size: u64,
    /// Of these, those leased now.
    pub leased: u64,
    /// Clients that got none because none was free.
    pub exhausted: u64,
}
