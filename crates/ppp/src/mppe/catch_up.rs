//! Finding the key again after an outage that the window of keys does not span.
//!
//! How many packets were lost is unknown: coherency counts repeat after 4096. The search makes keys
//! forward from the last one known and tries a packet with each key that has its count. Each packet of
//! a stream that goes on in order pays for a few key changes, so the search gains on the sender, and
//! forged packets cost no more than others.

use adit_crypto::mppe_keys::{SessionKey, SessionKeys};

use super::distance;
use super::stateless::count_at;

/// Key changes per packet: about 10 µs.
const STEP: u16 = 16;
/// Larger gaps between packets are no stream on which the search would gain.
const MAX_GAP: u16 = STEP / 2;
/// Key changes after which the search begins anew, in case it passed the sender by.
const MAX_CHANGES: u64 = 64 * 4096;

#[derive(Debug)]
pub(super) struct CatchUp {
    keys: SessionKeys,
    position: u64,
    start: u64,
    previous_count: u16,
}

impl CatchUp {
    /// Begins at a known key, with the first packet that it does not decrypt.
    pub(super) fn new(keys: SessionKeys, position: u64, count: u16) -> Self {
        Self {
            keys,
            position,
            start: position,
            previous_count: count,
        }
    }

    /// Moves the search on for a packet, and gives what `attempt` made of the right key.
    pub(super) fn find<T>(
        &mut self,
        count: u16,
        mut attempt: impl FnMut(&SessionKey) -> Option<T>,
    ) -> Option<T> {
        let gap = distance(self.previous_count, count);
        self.previous_count = count;
        if gap == 0 || gap > MAX_GAP {
            return None;
        }
        for _ in 0..STEP {
            let key = self.keys.change();
            self.position += 1;
            if count_at(self.position) == count
                && let Some(found) = attempt(key)
            {
                return Some(found);
            }
        }
        None
    }

    /// Tells whether the sender cannot be that far ahead.
    pub(super) fn is_exhausted(&self) -> bool {
        self.position - self.start > MAX_CHANGES
    }

    /// The keys, at the one last tried, and its position.
    pub(super) fn into_keys(self) -> (SessionKeys, u64) {
        (self.keys, self.position)
    }
}
