//! How fast sessions are: from what their counters were some seconds ago.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use adit_engine::CallKey;

use crate::control_socket::Rate;

/// The shortest time over which a rate is worth something.
const SHORTEST: Duration = Duration::from_secs(1);

/// The rates of all sessions that were looked at.
#[derive(Debug, Default)]
pub(super) struct Rates {
    by_call: HashMap<CallKey, Sample>,
}

/// The counters of one session at one time.
#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Instant,
    received: u64,
    sent: u64,
    /// Up to that time.
    rate: Option<Rate>,
}

impl Rates {
    /// Takes the octets that a session has received and sent by now, and gives its rate since the last
    /// time that this was done, a second ago at least.
    pub(super) fn look(
        &mut self,
        call: CallKey,
        now: Instant,
        received: u64,
        sent: u64,
    ) -> Option<Rate> {
        let fresh = Sample {
            at: now,
            received,
            sent,
            rate: None,
        };
        let sample = self.by_call.entry(call).or_insert(fresh);
        let elapsed = now.saturating_duration_since(sample.at);
        if elapsed >= SHORTEST {
            let rate = Rate {
                received: for_each_second(received.saturating_sub(sample.received), elapsed),
                sent: for_each_second(sent.saturating_sub(sample.sent), elapsed),
            };
            *sample = Sample {
                rate: Some(rate),
                ..fresh
            };
        }
        sample.rate
    }

    /// A session is over.
    pub(super) fn forget(&mut self, call: CallKey) {
        self.by_call.remove(&call);
    }
}

/// Octets in some time as bits in each second.
fn for_each_second(octets: u64, elapsed: Duration) -> u64 {
    let bits = u128::from(octets) * 8 * 1000 / elapsed.as_millis().max(1);
    u64::try_from(bits).unwrap_or(u64::MAX)
}
