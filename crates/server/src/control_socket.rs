//! The socket where the running server is asked and steered: `adit sessions`, `adit disconnect`, `adit top`
//! and others are its clients.
//!
//! A client sends requests and gets a reply to each, every one a line of JSON; `docs/control-api.md` describes
//! them. Each client has a thread, which checks who asks and waits for what is slow; the event loop answers.

mod bind;
mod client;
mod clients;
mod feed;
mod message;
mod server;
mod session;
mod status;
mod table;
#[cfg(test)]
mod tests;
mod trace;

pub use bind::BindError;
pub use client::{AskError, Conversation, Line, ask};
pub(crate) use feed::Feed;
pub use message::{Reply, Request, SessionOrder, SessionQuery, Target};
pub use server::{ControlSocket, Query};
pub use session::{Diagnosis, EndedInfo, Losses, Rate, SessionDetail, SessionInfo, Traffic};
pub use status::{
    ConnectionStats, Drops, PoolInfo, SessionStats, StatsInfo, StatusInfo, StrayCounts, WorkerInfo,
};
pub use table::{bits, duration, octets, sessions_table};
pub use trace::{Direction, TraceQuery, TraceTarget, Traced, What};

use std::time::Duration;

/// Longest request line in octets, its end included.
const LONGEST_REQUEST: usize = 4096;
/// Longest reply line in octets: some hundred octets for each of 65,535 sessions.
const LONGEST_REPLY: u64 = 128 * 1024 * 1024;
/// Clients at once.
const MOST_CLIENTS: usize = 32;
/// Time to send a request, and again to take a reply.
const TRANSFER: Duration = Duration::from_secs(2);
/// Time the event loop has to answer.
const ANSWER: Duration = Duration::from_secs(5);
/// Time that a client may take to come up with its next request.
const IDLE: Duration = Duration::from_secs(60);
