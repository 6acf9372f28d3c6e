//! Waking a thread that waits for events.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use mio::{Registry, Token, Waker};

/// Wakes the thread that owns a poll, once for however much is left for it: who leaves something rings
/// afterwards, and the thread calls [`answer`](Self::answer) before it looks.
#[derive(Debug)]
pub(crate) struct Doorbell {
    waker: Waker,
    rung: AtomicBool,
}

impl Doorbell {
    /// Rings as an event with this token.
    pub(crate) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        Ok(Self {
            waker: Waker::new(registry, token)?,
            rung: AtomicBool::new(false),
        })
    }

    /// Wakes the thread, where nobody has done so since it last looked.
    pub(crate) fn ring(&self) {
        if !self.rung.swap(true, Ordering::AcqRel)
            && let Err(error) = self.waker.wake()
        {
            // The next ring tries again.
            self.rung.store(false, Ordering::Release);
            tracing::error!("cannot wake a thread: {error}");
        }
    }

    /// The thread is about to look: whoever leaves something from now on rings anew.
    pub(crate) fn answer(&self) {
        // A swap, not a store, to see all that was left before the ring that it takes back.
        self.rung.swap(false, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mio::{Events, Poll};

    use super::*;

    fn rings(poll: &mut Poll) -> usize {
        let mut events = Events::with_capacity(8);
        poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
        events.iter().count()
    }

    #[test]
    fn it_rings_once_until_it_is_answered() {
        let mut poll = Poll::new().unwrap();
        let bell = Doorbell::new(poll.registry(), Token(7)).unwrap();
        bell.ring();
        assert_eq!(rings(&mut poll), 1);
        bell.ring();
        assert_eq!(rings(&mut poll), 0);
        bell.answer();
        bell.ring();
        assert_eq!(rings(&mut poll), 1);
    }
}
