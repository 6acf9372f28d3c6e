//! Metrics in Prometheus' text format and a health check, at an HTTP listener of its own.
//!
//! A request makes the front ask all workers; the answer is made of what they say. So nothing is counted
//! twice, a packet costs nothing more, and the time that the answers take shows how the event loops do.

mod count;
mod http;
mod text;

use std::sync::mpsc::SyncSender;
use std::time::Duration;

use adit_radius::client::ServerStatistics;

pub(crate) use count::Counted;
pub(crate) use http::Listener;
pub(crate) use http::MetricsError;

use crate::pool::PoolUsage;
use crate::worker::message::WorkerTotals;

/// A request for metrics that awaits its reply.
#[derive(Debug)]
pub(crate) struct Scrape {
    reply: SyncSender<Snapshot>,
}

impl Scrape {
    /// Sends the reply; one who no longer waits for it does not get it.
    pub(crate) fn answer(self, snapshot: Snapshot) {
        // The channel holds one reply, so this neither blocks nor fails while someone waits.
        let _ = self.reply.try_send(snapshot);
    }
}

/// The server at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    /// Sessions, logged in or logging in, by worker.
    pub(crate) sessions: Vec<usize>,
    /// Control connections, and those of them without a call.
    pub(crate) connections: usize,
    pub(crate) half_open: usize,
    /// Connections that were not taken, by reason.
    pub(crate) refused_connections: Vec<(&'static str, u64)>,
    /// What has happened since the start.
    pub(crate) counted: Counted,
    pub(crate) pools: Vec<PoolUsage>,
    /// RADIUS servers that are asked about logins.
    pub(crate) radius: Vec<ServerStatistics>,
    /// Of each worker: what it has done, and how long it took to answer.
    pub(crate) workers: Vec<(WorkerTotals, Duration)>,
    /// Start of the server in seconds since 1970.
    pub(crate) started: u64,
}
