//! What the service manager is told: sd_notify(3) of systemd, and not a word where none listens.

mod manager;
mod watchdog;

use std::time::{Duration, Instant};

use manager::Manager;
use watchdog::Watchdog;

/// Shortest time between two tellings of how many sessions there are.
const STATUS_INTERVAL: Duration = Duration::from_secs(5);

/// The server as a service.
pub(crate) struct Service {
    manager: Option<Manager>,
    watchdog: Option<Watchdog>,
    status: Status,
}

/// How many sessions the manager knows of, and when it may be told anew.
#[derive(Default)]
struct Status {
    told: Option<usize>,
    next: Option<Instant>,
}

impl Status {
    /// Whether to tell of so many sessions now.
    fn is_due(&mut self, now: Instant, sessions: usize) -> bool {
        if self.told == Some(sessions) {
            self.next = None;
            return false;
        }
        let due = self.next.is_none_or(|next| now >= next);
        if due {
            self.told = Some(sessions);
            self.next = Some(now + STATUS_INTERVAL);
        }
        due
    }
}

impl Service {
    /// As the environment of the process says, for a server with so many workers.
    pub(crate) fn from_environment(now: Instant, workers: usize) -> Self {
        let manager = Manager::from_environment();
        let watchdog = manager
            .as_ref()
            .and_then(|_| watchdog::timeout())
            .map(|timeout| Watchdog::new(now, timeout, workers));
        let status = Status {
            told: None,
            // The first time is at once: nothing else may happen for long.
            next: manager.as_ref().map(|_| now),
        };
        Self {
            manager,
            watchdog,
            status,
        }
    }

    /// It serves: after the start, and after each reload.
    pub(crate) fn ready(&self) {
        self.tell("READY=1");
    }

    /// It reads its configuration anew. [`ready`](Self::ready) follows, whatever comes of it.
    pub(crate) fn reloading(&self) {
        if self.manager.is_some() {
            let microseconds = manager::monotonic_microseconds();
            self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={microseconds}"));
        }
    }

    /// It ends.
    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=ending");
    }

    /// Tells what is due while there are so many sessions. Whether each worker is to be asked for a sign of life,
    /// which goes to [`alive`](Self::alive).
    pub(crate) fn turn(&mut self, now: Instant, sessions: usize) -> bool {
        if self.manager.is_none() {
            return false;
        }
        if self.status.is_due(now, sessions) {
            let plural = if sessions == 1 { "" } else { "s" };
            self.tell(&format!("STATUS={sessions} session{plural}"));
        }
        self.watchdog
            .as_mut()
            .is_some_and(|watchdog| watchdog.asks(now))
    }

    /// A worker, by its number, has given the sign of life it was asked for.
    pub(crate) fn alive(&mut self, worker: usize) {
        if self.watchdog.as_mut().is_some_and(|it| it.alive(worker)) {
            self.tell("WATCHDOG=1");
        }
    }

    /// When [`turn`](Self::turn) is to be called next.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let watchdog = self.watchdog.as_ref().map(Watchdog::deadline);
        let status = self.status.next;
        [watchdog, status].into_iter().flatten().min()
    }

    fn tell(&self, state: &str) {
        if let Some(manager) = &self.manager {
            manager.tell(state);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_sessions_is_told_when_it_changes_but_not_too_often() {
        let start = Instant::now();
        let mut status = Status::default();
        assert!(status.is_due(start, 0));
        assert!(!status.is_due(start, 0));
        assert!(status.is_due(start, 1));
        assert!(!status.is_due(start, 2));
        let next = status.next.expect("2 is to be told");
        assert_eq!(next, start + STATUS_INTERVAL);
        assert!(!status.is_due(next - Duration::from_nanos(1), 3));
        assert!(status.is_due(next, 3));
        assert!(!status.is_due(next, 3));
        assert_eq!(status.next, None);
    }
}
