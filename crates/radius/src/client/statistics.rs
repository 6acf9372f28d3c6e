//! What metrics read.

use std::net::SocketAddr;
use std::time::Duration;

/// Upper bounds of the classes of [`Latency`]; one more class holds what is above.
pub const LATENCY_BOUNDS: [Duration; 10] = [
    Duration::from_millis(1),
    Duration::from_micros(2_500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_millis(2_500),
    Duration::from_secs(10),
];

/// How long replies took, from the first sending of their requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Latency {
    /// Replies in each class of [`LATENCY_BOUNDS`], and above.
    pub classes: [u64; LATENCY_BOUNDS.len() + 1],
    /// All of them together.
    pub total: Duration,
}

impl Latency {
    /// Replies that were counted.
    pub fn count(&self) -> u64 {
        self.classes.iter().sum()
    }

    pub(super) fn add(&mut self, latency: Duration) {
        let class = LATENCY_BOUNDS.partition_point(|bound| *bound < latency);
        self.classes[class] += 1;
        self.total += latency;
    }
}

/// What came of one server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerStatistics {
    /// Where it is.
    pub address: Option<SocketAddr>,
    /// Whether it is passed over now.
    pub is_dead: bool,
    /// Requests sent to it, each counted once.
    pub requests: u64,
    /// Further tries of these.
    pub retransmissions: u64,
    /// Requests that all tries were for nothing of.
    pub timeouts: u64,
    /// Requests that went on to another server then.
    pub fail_overs: u64,
    /// Good replies, by the time they took.
    pub latency: Latency,
    /// Replies that do not verify or cannot be read.
    pub bad: u64,
    /// Replies to requests that have ended: duplicates, most likely.
    pub late: u64,
    /// Datagrams from elsewhere.
    pub strange: u64,
}
