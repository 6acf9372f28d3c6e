//! Requests and replies: each a line of JSON.
//!
//! The form only grows. A reply may have fields that its reader does not know, which are to be passed over;
//! a request with a field that the server does not know is refused, because it could mean less than it
//! says.

use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

use super::session::{EndedInfo, SessionDetail, SessionInfo};
use super::status::{PoolInfo, StatsInfo, StatusInfo};
use super::trace::{TraceQuery, Traced};

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// List sessions.
    Sessions(SessionQuery),
    /// Tell everything about some sessions, also about those that ended a short while ago.
    Session {
        /// Which ones.
        target: Target,
    },
    /// Tell about the server as a whole.
    Status,
    /// Tell what came and went since the server started.
    Stats,
    /// Tell how full the address pools are.
    Pools,
    /// End sessions in order.
    Disconnect {
        /// Which ones.
        target: Target,
        /// Why, for the log and for the record of each session.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Log with these levels from now on.
    LogLevel {
        /// In the syntax of ADIT_LOG, as `info,adit_ppp=debug`.
        filter: String,
    },
    /// Read the configuration again.
    Reload,
    /// Show what passes through some sessions, until the connection is closed. After the first reply come
    /// [`Reply::Traced`] without being asked for.
    Trace(TraceQuery),
}

/// Which sessions are listed, and in which order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionQuery {
    /// Only those of this user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Only those with this address in the tunnel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// Only those that come from this address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<Ipv4Addr>,
    /// What they are sorted by.
    #[serde(default, skip_serializing_if = "SessionOrder::is_default")]
    pub sort: SessionOrder,
    /// The last one first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reverse: bool,
    /// No more than so many, the first ones in their order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// What sessions are sorted by; where that is the same, by their numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SessionOrder {
    /// By number: the oldest first.
    #[default]
    Id,
    /// By user; those who have not logged in come last.
    User,
    /// By address in the tunnel; those without one come last.
    Address,
    /// By the address that they come from.
    Peer,
    /// By octets from the client, the most first.
    Received,
    /// By octets to the client, the most first.
    Sent,
    /// By rate in both directions, the fastest first.
    Rate,
    /// By packets from the client that were not delivered, the most first.
    Lost,
}

impl SessionOrder {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The sessions that are meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// The session with this number.
    Session(u64),
    /// All sessions of this user.
    User(String),
    /// The session with this address in the tunnel.
    Address(IpAddr),
    /// All sessions that come from this address.
    Peer(Ipv4Addr),
    /// All sessions.
    All,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "kebab-case")]
pub enum Reply {
    /// To [`Request::Sessions`].
    Sessions {
        /// The sessions in the order that was asked for.
        sessions: Vec<SessionInfo>,
    },
    /// To [`Request::Session`].
    Session {
        /// Those that there are, by number.
        sessions: Vec<SessionDetail>,
        /// Those that have ended, the last one first. The server remembers some hundred.
        ended: Vec<EndedInfo>,
    },
    /// To [`Request::Status`].
    Status {
        /// The server as a whole.
        status: StatusInfo,
    },
    /// To [`Request::Stats`].
    Stats {
        /// What came and went.
        stats: Box<StatsInfo>,
    },
    /// To [`Request::Pools`].
    Pools {
        /// Each pool.
        pools: Vec<PoolInfo>,
    },
    /// To [`Request::Disconnect`].
    Disconnected {
        /// How many sessions are being ended; zero when none was meant.
        sessions: usize,
    },
    /// To [`Request::LogLevel`].
    LogLevel {
        /// What is logged from now on.
        filter: String,
    },
    /// To [`Request::Reload`].
    Reloaded {
        /// Keys whose new values hold from now on, for new sessions at least.
        changed: Vec<String>,
        /// Keys whose new values hold only after a restart.
        needs_restart: Vec<String>,
    },
    /// To [`Request::Trace`]: it has begun.
    Tracing {
        /// How many sessions there are already that it shows.
        sessions: usize,
    },
    /// Something that a trace shows.
    Traced(Traced),
    /// To any request that was not carried out.
    Error {
        /// Why, as a sentence.
        message: String,
    },
}
