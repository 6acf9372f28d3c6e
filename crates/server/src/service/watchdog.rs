use std::collections::BTreeSet;
use std::env;
use std::time::{Duration, Instant};

/// How long the service manager waits for a sign of life (sd_watchdog_enabled(3)), if it does at all.
pub(super) fn timeout() -> Option<Duration> {
    let number = |name| env::var(name).ok()?.parse::<u64>().ok();
    let own = u64::from(std::process::id());
    let for_another = number("WATCHDOG_PID").is_some_and(|pid| pid != own);
    let microseconds = number("WATCHDOG_USEC").filter(|microseconds| *microseconds > 0)?;
    (!for_another).then(|| Duration::from_micros(microseconds))
}

/// Says when the service manager is told that the server is alive: when the front has asked all workers for
/// a sign of life and the last of them has given it. So neither a front nor a worker that hangs goes unnoticed.
#[derive(Debug)]
pub(super) struct Watchdog {
    period: Duration,
    next: Instant,
    workers: usize,
    /// Those whose sign is awaited.
    awaited: BTreeSet<usize>,
}

impl Watchdog {
    pub(super) fn new(now: Instant, timeout: Duration, workers: usize) -> Self {
        Self {
            // Room for one round that comes late.
            period: timeout / 3,
            next: now,
            workers,
            awaited: BTreeSet::new(),
        }
    }

    /// Whether all workers are to be asked now. Those that have been asked are not asked again before they
    /// answer, so what waits for a worker that hangs stays bounded.
    pub(super) fn asks(&mut self, now: Instant) -> bool {
        if now < self.next {
            return false;
        }
        self.next = now + self.period;
        if !self.awaited.is_empty() {
            tracing::error!(
                "no sign of life of the workers {:?} for {:?}",
                self.awaited,
                self.period
            );
            return false;
        }
        self.awaited = (0..self.workers).collect();
        true
    }

    /// A worker is alive; whether it was the last one that was awaited.
    pub(super) fn alive(&mut self, worker: usize) -> bool {
        self.awaited.remove(&worker) && self.awaited.is_empty()
    }

    /// When to call [`asks`](Self::asks) next.
    pub(super) fn deadline(&self) -> Instant {
        self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_is_alive_when_all_workers_are() {
        let start = Instant::now();
        let mut watchdog = Watchdog::new(start, Duration::from_secs(30), 2);
        for round in 0..3 {
            let now = start + Duration::from_secs(10) * round;
            assert_eq!(watchdog.deadline(), now);
            assert!(watchdog.asks(now));
            assert!(!watchdog.asks(now));
            assert!(!watchdog.alive(1));
            assert!(!watchdog.alive(1));
            assert!(watchdog.alive(0));
            assert!(!watchdog.alive(0));
        }
    }

    #[test]
    fn a_worker_that_hangs_is_asked_once_and_keeps_the_server_from_being_alive() {
        let start = Instant::now();
        let mut watchdog = Watchdog::new(start, Duration::from_secs(30), 2);
        assert!(watchdog.asks(start));
        assert!(!watchdog.alive(0));
        for round in 1..10 {
            let now = start + Duration::from_secs(10) * round;
            assert_eq!(watchdog.deadline(), now);
            assert!(!watchdog.asks(now));
            assert!(!watchdog.alive(0));
        }
        assert!(watchdog.alive(1));
        assert!(watchdog.asks(watchdog.deadline()));
    }
}
