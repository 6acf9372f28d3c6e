//! Which record is sent when. Without I/O.
//!
//! - Records of one session go one after the other, in their order; those of different sessions at the
//!   same time, as many as the window allows.
//! - What concerns the whole server (the empty session) waits for all before it, and all behind it for
//!   it.
//! - Where a record fails while others are acknowledged, its session rests, twice as long each time.
//! - Where one fails and nothing was acknowledged since it was sent, no server can be reached: all rest,
//!   and then a single record tries again.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

/// Records that are under way at the same time at most.
pub(crate) const WINDOW: usize = 128;

/// How long a session rests whose record has failed: at first, and at most.
const SESSION_REST: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(600));
/// How long all rest.
const COMMON_REST: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Records by their numbers, which grow.
#[derive(Debug)]
pub(crate) struct Schedule {
    sessions: HashMap<Box<str>, Session>,
    /// To which session a record belongs.
    session_of: HashMap<u64, Box<str>>,
    /// First records of sessions that are neither under way nor rest.
    ready: BTreeSet<u64>,
    resting: BTreeSet<(Instant, u64)>,
    under_way: BTreeMap<u64, Instant>,
    window: usize,
    common: Common,
}

#[derive(Debug, Default)]
struct Session {
    /// Those that are to be sent, the first of which may be under way.
    records: VecDeque<u64>,
    failures: u32,
}

/// What all records have in common.
#[derive(Debug, Default)]
struct Common {
    failures: u32,
    last_acknowledged: Option<Instant>,
    /// Since when all rest, and until when.
    rest: Option<(Instant, Instant)>,
}

impl Schedule {
    pub(crate) fn new() -> Self {
        Self {
            sessions: HashMap::new(),
            session_of: HashMap::new(),
            ready: BTreeSet::new(),
            resting: BTreeSet::new(),
            under_way: BTreeMap::new(),
            window: WINDOW,
            common: Common::default(),
        }
    }

    /// A record is to be sent; its number is greater than all before.
    pub(crate) fn push(&mut self, number: u64, session: &str) {
        let queue = self.sessions.entry(session.into()).or_default();
        if queue.records.is_empty() {
            self.ready.insert(number);
        }
        queue.records.push_back(number);
        self.session_of.insert(number, session.into());
    }

    /// The next record to send, if one is to be sent now.
    pub(crate) fn next(&mut self, now: Instant) -> Option<u64> {
        if self.common.rest.is_some_and(|(_, until)| now < until) {
            return None;
        }
        while let Some((until, number)) = self.resting.first().copied()
            && until <= now
        {
            self.resting.remove(&(until, number));
            self.ready.insert(number);
        }
        let number = *self.ready.first()?;
        let is_free = match self.under_way.keys().next() {
            None => true,
            Some(first) => {
                self.under_way.len() < self.window
                    && !self.is_common(number)
                    && !self.is_common(*first)
            }
        };
        if !is_free {
            return None;
        }
        self.ready.remove(&number);
        self.under_way.insert(number, now);
        Some(number)
    }

    /// A server has acknowledged a record.
    pub(crate) fn acknowledged(&mut self, number: u64, now: Instant) {
        self.common.last_acknowledged = Some(now);
        self.common.failures = 0;
        self.common.rest = None;
        self.window = (self.window * 2).min(WINDOW);
        if let Some(session) = self.session_of.get(&number)
            && let Some(session) = self.sessions.get_mut(session)
        {
            session.failures = 0;
        }
        self.forget(number);
    }

    /// No server has acknowledged a record that was sent.
    pub(crate) fn failed(&mut self, number: u64, now: Instant) {
        let Some(since) = self.under_way.remove(&number) else {
            return;
        };
        let heard = self.common.last_acknowledged;
        if heard.is_some_and(|heard| heard >= since) {
            self.rest_session(number, now);
            return;
        }
        self.ready.insert(number);
        // Many that were under way fail at the same time, and that is one failure.
        if self.common.rest.is_none_or(|(begun, _)| begun <= since) {
            let rest = rest(COMMON_REST, self.common.failures);
            self.common.failures += 1;
            self.common.rest = Some((now, now + rest));
            self.window = 1;
        }
    }

    fn rest_session(&mut self, number: u64, now: Instant) {
        let session = self.session_of.get(&number);
        if let Some(session) = session.and_then(|name| self.sessions.get_mut(name)) {
            let until = now + rest(SESSION_REST, session.failures);
            session.failures += 1;
            self.resting.insert((until, number));
        }
    }

    /// A record is not to be sent any more.
    pub(crate) fn forget(&mut self, number: u64) {
        let Some(name) = self.session_of.remove(&number) else {
            return;
        };
        self.under_way.remove(&number);
        self.ready.remove(&number);
        self.resting.retain(|(_, resting)| *resting != number);
        let Some(session) = self.sessions.get_mut(&name) else {
            return;
        };
        let was_first = session.records.front() == Some(&number);
        session.records.retain(|record| *record != number);
        match session.records.front() {
            None => {
                self.sessions.remove(&name);
            }
            Some(first) if was_first => {
                self.ready.insert(*first);
            }
            Some(_) => {}
        }
    }

    /// When [`next`](Self::next) can have one that it does not have now, if nothing else happens.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let common = self.common.rest.map(|(_, until)| until);
        let first = self.resting.first().map(|(until, _)| *until);
        match (common, first) {
            (Some(common), _) if !self.ready.is_empty() => Some(common),
            (Some(common), Some(first)) => Some(common.max(first)),
            (_, first) => first,
        }
    }

    /// Whether no server can be reached, as far as is known.
    pub(crate) fn is_cut_off(&self) -> bool {
        self.common.rest.is_some()
    }

    /// Records that no server has acknowledged.
    pub(crate) fn len(&self) -> usize {
        self.session_of.len()
    }

    fn is_common(&self, number: u64) -> bool {
        self.session_of
            .get(&number)
            .is_some_and(|name| name.is_empty())
    }
}

fn rest((least, most): (Duration, Duration), failures: u32) -> Duration {
    let factor = 2_u32.saturating_pow(failures);
    least.saturating_mul(factor).min(most)
}

#[cfg(test)]
mod tests;
