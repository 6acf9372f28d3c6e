//! The socket where the running server answers `adit sessions` and `adit disconnect`.
//!
//! One request and one reply per connection, each a line of JSON. A thread takes the requests and checks who
//! asks; the event loop answers them.

mod client;
mod message;
mod server;
mod table;
#[cfg(test)]
mod tests;

pub use client::{AskError, ask};
pub use message::{
    Drops, Losses, Reply, Request, SessionInfo, StatusInfo, StrayCounts, Target, Traffic,
    WorkerInfo,
};
pub use server::{BindError, ControlSocket, Query};
pub use table::sessions_table;

use std::time::Duration;

/// Longest request line in octets, its end included.
const LONGEST_REQUEST: usize = 4096;
/// Longest reply line in octets: some hundred octets for each of 65,535 sessions.
const LONGEST_REPLY: u64 = 128 * 1024 * 1024;
/// Time to send a request, and again to take a reply.
const TRANSFER: Duration = Duration::from_secs(2);
/// Time the event loop has to answer.
const ANSWER: Duration = Duration::from_secs(5);
