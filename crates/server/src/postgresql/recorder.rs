//! Writes the sessions of this server into the table that all servers share.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{SessionRow, SessionTable};
use crate::aaa::facts::{Facts, Happening, Observer};
use crate::users::StoreError;

/// Sessions that may wait for a database that is away.
const MAX_WAITING: usize = 65_536;
/// Rows that are written at once.
const BATCH: usize = 256;
/// How often the octets of a session that goes on are written.
const INTERIM: Duration = Duration::from_secs(300);
/// The wait after a failed attempt.
const PAUSE: Duration = Duration::from_secs(1);

/// The front's end: leaves rows for the thread that writes. What is newer of a session takes the place of
/// what waits.
pub(crate) struct SessionRecorder {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: HashMap<String, Arc<SessionRow>>,
    /// Rows that are being written.
    writing: usize,
    /// Whether the thread is to end once nothing waits.
    ending: bool,
    /// Whether it is to end even so.
    given_up: bool,
    /// Sessions that found no room.
    dropped: u64,
}

impl SessionRecorder {
    /// Starts the thread. It first closes what a predecessor of this server left open.
    pub(crate) fn start(mut table: SessionTable, lease: Duration) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let heartbeat = lease / 3;
        let thread = std::thread::Builder::new()
            .name("sessions-db".to_owned())
            .spawn(move || theirs.run(&mut table, heartbeat))?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    fn leave(&self, row: SessionRow) {
        let mut state = self.shared.lock();
        if state.waiting.len() >= MAX_WAITING && !state.waiting.contains_key(&row.session) {
            if state.dropped == 0 {
                tracing::error!(
                    "{MAX_WAITING} sessions wait for the database; what further ones did is not written"
                );
            }
            state.dropped += 1;
            return;
        }
        state.waiting.insert(row.session.clone(), Arc::new(row));
        self.shared.changed.notify_all();
    }
}

impl Observer for SessionRecorder {
    fn observe(&mut self, happening: &Happening) {
        match happening {
            Happening::Up(facts) | Happening::Goes(facts) => self.leave(row(facts, None)),
            Happening::Down(facts, ending) => self.leave(row(facts, Some(&ending.why))),
            _ => {}
        }
    }

    fn interim(&self) -> Option<Duration> {
        Some(INTERIM)
    }

    fn finish(&mut self, deadline: Instant) {
        let mut state = self.shared.lock();
        state.ending = true;
        self.shared.changed.notify_all();
        while !state.waiting.is_empty() || state.writing > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.shared.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let lost = state.waiting.len() + state.writing;
        state.given_up = true;
        drop(state);
        self.shared.changed.notify_all();
        if lost > 0 {
            tracing::error!(
                "the database does not take the end of {lost} sessions; they stay open there until this \
                 server starts again"
            );
        } else if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, table: &mut SessionTable, heartbeat: Duration) {
        let mut trouble = Trouble::default();
        let mut is_clean = false;
        loop {
            let rows = self.next_rows(heartbeat);
            let Some(rows) = rows else {
                return;
            };
            let done = match is_clean {
                true => Ok(()),
                false => clean_up(table),
            };
            is_clean = is_clean || done.is_ok();
            let done = done.and_then(|()| match rows.as_slice() {
                [] => table.stay_alive(),
                rows => table.write(rows),
            });
            let failed = trouble.note(done);
            if self.put_back(rows, failed) {
                return;
            }
        }
    }

    /// What is to be written; nothing of it when only a sign of life is due, `None` at the end.
    fn next_rows(&self, heartbeat: Duration) -> Option<Vec<Arc<SessionRow>>> {
        let mut state = self.lock();
        let due = Instant::now() + heartbeat;
        while state.waiting.is_empty() {
            if state.ending || state.given_up {
                return None;
            }
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Some(Vec::new());
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let names: Vec<String> = state.waiting.keys().take(BATCH).cloned().collect();
        let rows = names.iter().filter_map(|name| state.waiting.remove(name));
        let rows: Vec<_> = rows.collect();
        state.writing = rows.len();
        Some(rows)
    }

    /// Lets rows that were not written wait again, and waits a little. Tells whether it was all in vain.
    fn put_back(&self, rows: Vec<Arc<SessionRow>>, failed: bool) -> bool {
        let mut state = self.lock();
        state.writing = 0;
        if !failed {
            self.changed.notify_all();
            return state.given_up;
        }
        for row in rows {
            state.waiting.entry(row.session.clone()).or_insert(row);
        }
        let again = Instant::now() + PAUSE;
        while !state.given_up {
            let left = again.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.given_up
    }
}

fn clean_up(table: &mut SessionTable) -> Result<(), StoreError> {
    match table.close_stale()? {
        0 => {}
        count => tracing::warn!(
            "this server was not stopped in order: {count} of its sessions were open in the database"
        ),
    }
    table.stay_alive()
}

/// Tells of a database that is away once, and once more when it is back.
#[derive(Default)]
struct Trouble {
    told: bool,
}

impl Trouble {
    /// Whether it failed.
    fn note(&mut self, done: Result<(), StoreError>) -> bool {
        match done {
            Ok(()) => {
                if std::mem::take(&mut self.told) {
                    tracing::info!("sessions are written to the database again");
                }
                false
            }
            Err(error) => {
                if !std::mem::replace(&mut self.told, true) {
                    tracing::error!("sessions wait to be written: {error}");
                }
                true
            }
        }
    }
}

fn row(facts: &Facts, cause: Option<&str>) -> SessionRow {
    SessionRow {
        session: facts.session.as_str().to_owned(),
        user: facts.user.clone(),
        group: facts.group.clone(),
        peer: *facts.peer.ip(),
        address: facts.address,
        prefix: facts.prefix,
        method: facts.method.clone(),
        started: facts.since,
        updated: facts.since.saturating_add(facts.lasted.as_secs()),
        octets_in: facts.received.octets,
        octets_out: facts.sent.octets,
        packets_in: facts.received.packets,
        packets_out: facts.sent.packets,
        cause: cause.map(str::to_owned),
    }
}
