//! Something on the host that is to be as the sessions are: kept so by a thread, because the host takes its time.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

/// One who makes the host be as it should.
pub(crate) trait Keeper<K, V>: Send {
    /// Takes changes over: for each key the value that it has from now on. Several changes of one key since the last
    /// call are one, the last.
    fn change(&mut self, changes: &[(K, Option<V>)]);

    /// Makes everything anew: others may have changed it.
    fn renew(&mut self, all: &HashMap<K, V>);

    /// Takes everything back.
    fn undo(&mut self);
}

/// Which session has which key: the next session may have a key before the end of the last one is told.
#[derive(Debug)]
pub(crate) struct Holders<K> {
    holders: HashMap<K, u32>,
    keys: HashMap<u32, Vec<K>>,
}

impl<K: Copy + Eq + Hash> Holders<K> {
    pub(crate) fn new() -> Self {
        Self {
            holders: HashMap::new(),
            keys: HashMap::new(),
        }
    }

    /// The session with this number has these keys from now on, and nobody else has them.
    pub(crate) fn take(&mut self, session: u32, keys: Vec<K>) {
        for key in &keys {
            self.holders.insert(*key, session);
        }
        self.keys.insert(session, keys);
    }

    /// The session has ended: the keys that nobody has now.
    pub(crate) fn leave(&mut self, session: u32) -> Vec<K> {
        let mut keys = self.keys.remove(&session).unwrap_or_default();
        keys.retain(|key| self.holders.get(key) == Some(&session));
        for key in &keys {
            self.holders.remove(key);
        }
        keys
    }
}

/// What is wanted, and the thread that sees to it. When it is dropped, all is taken back.
pub(crate) struct Ledger<K, V> {
    shared: Arc<Shared<K, V>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared<K, V> {
    wanted: Mutex<Wanted<K, V>>,
    /// Notified of changes, and of the end of the thread.
    changed: Condvar,
}

#[derive(Debug)]
struct Wanted<K, V> {
    all: HashMap<K, V>,
    /// Keys whose values have changed since the thread looked: as many as there are, however often they do.
    changed: BTreeSet<K>,
    renew: bool,
    ending: bool,
    ended: bool,
}

/// What the thread has to do.
enum Work<K, V> {
    Change(Vec<(K, Option<V>)>),
    Renew(HashMap<K, V>),
    End,
}

impl<K, V> Ledger<K, V>
where
    K: Copy + Eq + Hash + Ord + Send + 'static,
    V: Clone + Send + 'static,
{
    /// Starts the thread with nothing wanted.
    ///
    /// # Errors
    /// There can be no further thread.
    pub(crate) fn start(name: &str, mut keeper: impl Keeper<K, V> + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            wanted: Mutex::new(Wanted {
                all: HashMap::new(),
                changed: BTreeSet::new(),
                renew: false,
                ending: false,
                ended: false,
            }),
            changed: Condvar::new(),
        });
        let own = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                loop {
                    match own.work() {
                        Work::Change(changes) => keeper.change(&changes),
                        Work::Renew(all) => keeper.renew(&all),
                        Work::End => break,
                    }
                }
                keeper.undo();
                own.wanted().ended = true;
                own.changed.notify_all();
            })?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// A key has this value from now on.
    pub(crate) fn set(&self, key: K, value: V) {
        self.with(|wanted| {
            wanted.all.insert(key, value);
            wanted.changed.insert(key);
        });
    }

    /// A key is wanted no longer.
    pub(crate) fn remove(&self, key: K) {
        self.with(|wanted| {
            wanted.all.remove(&key);
            wanted.changed.insert(key);
        });
    }

    /// Something that has no lasting value has happened to a key, unless `most` keys wait already.
    pub(crate) fn note(&self, key: K, most: usize) -> bool {
        self.with(|wanted| {
            let room = wanted.changed.len() < most;
            if room {
                wanted.changed.insert(key);
            }
            room
        })
    }

    /// Has everything made anew.
    pub(crate) fn renew(&self) {
        self.with(|wanted| wanted.renew = true);
    }

    /// Takes everything back, and waits for it until the deadline at most.
    pub(crate) fn finish(&self, deadline: Instant) {
        let mut wanted = self.shared.wanted();
        wanted.ending = true;
        self.shared.changed.notify_all();
        while !wanted.ended {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.shared.changed.wait_timeout(wanted, left);
            wanted = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn with<T>(&self, change: impl FnOnce(&mut Wanted<K, V>) -> T) -> T {
        let result = change(&mut self.shared.wanted());
        self.shared.changed.notify_all();
        result
    }
}

impl<K: Copy + Eq + Hash + Ord, V: Clone> Shared<K, V> {
    /// Held for moments only, on both sides.
    fn wanted(&self) -> MutexGuard<'_, Wanted<K, V>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for something to do.
    fn work(&self) -> Work<K, V> {
        let mut wanted = self.wanted();
        loop {
            if wanted.ending {
                return Work::End;
            }
            if std::mem::take(&mut wanted.renew) {
                wanted.changed.clear();
                return Work::Renew(wanted.all.clone());
            }
            if !wanted.changed.is_empty() {
                let changed = std::mem::take(&mut wanted.changed);
                let all = &wanted.all;
                let changes = changed.into_iter().map(|key| (key, all.get(&key).cloned()));
                return Work::Change(changes.collect());
            }
            let waited = self.changed.wait(wanted);
            wanted = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<K, V> Drop for Ledger<K, V> {
    fn drop(&mut self) {
        self.shared
            .wanted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .ending = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    #[derive(Debug, PartialEq, Eq)]
    enum Done {
        Change(Vec<(u32, Option<char>)>),
        Renew(Vec<(u32, char)>),
        Undo,
    }

    /// Tells what it is asked, and goes on when it is let.
    struct Telling(Sender<Done>, Receiver<()>);

    impl Keeper<u32, char> for Telling {
        fn change(&mut self, changes: &[(u32, Option<char>)]) {
            self.0.send(Done::Change(changes.to_vec())).unwrap();
            self.1.recv().unwrap();
        }

        fn renew(&mut self, all: &HashMap<u32, char>) {
            let mut all: Vec<_> = all.iter().map(|(key, value)| (*key, *value)).collect();
            all.sort_unstable();
            self.0.send(Done::Renew(all)).unwrap();
        }

        fn undo(&mut self) {
            self.0.send(Done::Undo).unwrap();
        }
    }

    #[test]
    fn a_key_stays_with_the_session_that_has_taken_it_over() {
        let mut holders = Holders::new();
        holders.take(1, vec!['a', 'b']);
        holders.take(2, vec!['b', 'c']);
        assert_eq!(holders.leave(1), ['a']);
        assert_eq!(holders.leave(1), []);
        assert_eq!(holders.leave(2), ['b', 'c']);
        assert!(holders.holders.is_empty() && holders.keys.is_empty());
    }

    #[test]
    fn what_changes_while_the_thread_is_busy_is_one_change() {
        let (sender, done) = channel();
        let (go_on, wait) = channel();
        let ledger = Ledger::start("test", Telling(sender, wait)).unwrap();
        ledger.set(1, 'a');
        assert_eq!(done.recv().unwrap(), Done::Change(vec![(1, Some('a'))]));
        ledger.remove(1);
        ledger.set(2, 'b');
        ledger.set(2, 'c');
        ledger.remove(3);
        assert!(ledger.note(4, 4));
        assert!(!ledger.note(5, 4));
        go_on.send(()).unwrap();
        let changes = vec![(1, None), (2, Some('c')), (3, None), (4, None)];
        assert_eq!(done.recv().unwrap(), Done::Change(changes));
        ledger.set(6, 'd');
        ledger.renew();
        go_on.send(()).unwrap();
        assert_eq!(done.recv().unwrap(), Done::Renew(vec![(2, 'c'), (6, 'd')]));
        ledger.finish(Instant::now() + std::time::Duration::from_secs(60));
        assert_eq!(done.recv().unwrap(), Done::Undo);
        drop(ledger);
        assert!(done.recv().is_err());
    }
}
