//! Ending early.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::ensure;

/// Whether somebody has asked to stop. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<State>);

#[derive(Debug, Default)]
struct State {
    raised: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    /// Asks to stop, and ends the waiting.
    pub fn raise(&self) {
        *self.raised() = true;
        self.0.changed.notify_all();
    }

    /// Goes on if nobody has asked to stop.
    ///
    /// # Errors
    /// Somebody has.
    pub fn check(&self) -> anyhow::Result<()> {
        ensure!(!*self.raised(), "stopped by a signal");
        Ok(())
    }

    /// Lets time pass.
    ///
    /// # Errors
    /// Somebody has asked to stop.
    pub fn wait(&self, time: Duration) -> anyhow::Result<()> {
        let end = Instant::now() + time;
        let mut raised = self.raised();
        loop {
            ensure!(!*raised, "stopped by a signal");
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            let waited = self.0.changed.wait_timeout(raised, left);
            raised = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn raised(&self) -> MutexGuard<'_, bool> {
        let raised = self.0.raised.lock();
        raised.unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn waiting_ends_when_it_is_raised() {
        let stop = Stop::default();
        stop.wait(Duration::from_millis(1)).unwrap();
        stop.check().unwrap();
        let other = stop.clone();
        let waiting = thread::spawn(move || other.wait(Duration::from_secs(3600)));
        stop.raise();
        assert!(waiting.join().unwrap().is_err());
        assert!(stop.check().is_err());
    }
}
