//! A worker's end of what it says to the front.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError};

use super::message::Notice;
use crate::doorbell::Doorbell;

/// The way to the front. When it is dropped, however that comes, the front learns that the worker has
/// ended.
pub(super) struct Front {
    /// The worker's number.
    worker: usize,
    notices: SyncSender<(usize, Notice)>,
    bell: Arc<Doorbell>,
    /// Whether something was said since the bell was rung.
    said: bool,
    failure: Option<io::Error>,
}

impl Front {
    pub(super) fn new(
        worker: usize,
        notices: SyncSender<(usize, Notice)>,
        bell: Arc<Doorbell>,
    ) -> Self {
        Self {
            worker,
            notices,
            bell,
            said: false,
            failure: None,
        }
    }

    /// Says something; waits where the front does not keep up.
    pub(super) fn say(&mut self, notice: Notice) {
        self.said = true;
        if let Err(TrySendError::Full(message)) = self.notices.try_send((self.worker, notice)) {
            self.ring();
            // The front never waits for a worker, so there will be room, or nobody who listens.
            let _ = self.notices.send(message);
            self.said = true;
        }
    }

    /// Wakes the front if there is something for it.
    pub(super) fn ring(&mut self) {
        if std::mem::take(&mut self.said) {
            self.bell.ring();
        }
    }

    /// The worker ends for this reason.
    pub(super) fn fail(&mut self, error: io::Error) {
        self.failure = Some(error);
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        let failure = self.failure.take();
        self.say(Notice::Ended(failure));
        self.ring();
    }
}
