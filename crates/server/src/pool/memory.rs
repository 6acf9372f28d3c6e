//! Who had what last.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::Arc;

/// How many users are remembered at most: twice as many as there can be sessions.
const REMEMBERED: usize = 131_072;

/// What each user leased last. Each thing remembers one user and each user one thing; who came least
/// recently is forgotten first.
#[derive(Debug)]
pub(super) struct Memory<T> {
    of_user: HashMap<Arc<str>, (T, u64)>,
    users: HashMap<T, Arc<str>>,
    by_age: BTreeMap<u64, Arc<str>>,
    clock: u64,
    limit: usize,
}

impl<T> Default for Memory<T> {
    fn default() -> Self {
        Self {
            of_user: HashMap::new(),
            users: HashMap::new(),
            by_age: BTreeMap::new(),
            clock: 0,
            limit: REMEMBERED,
        }
    }
}

impl<T: Copy + Eq + Hash> Memory<T> {
    /// What the user had last, if nobody else has had it since.
    pub(super) fn of(&self, user: &str) -> Option<T> {
        self.of_user.get(user).map(|(thing, _)| *thing)
    }

    pub(super) fn remember(&mut self, user: &str, thing: T) {
        if let Some(former) = self.users.get(&thing).cloned() {
            self.forget(&former);
        }
        self.forget(user);
        if self.of_user.len() >= self.limit
            && let Some((_, oldest)) = self.by_age.pop_first()
        {
            self.forget(&oldest);
        }
        let user: Arc<str> = user.into();
        self.clock += 1;
        self.by_age.insert(self.clock, Arc::clone(&user));
        self.users.insert(thing, Arc::clone(&user));
        self.of_user.insert(user, (thing, self.clock));
    }

    fn forget(&mut self, user: &str) {
        if let Some((thing, age)) = self.of_user.remove(user) {
            self.users.remove(&thing);
            self.by_age.remove(&age);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn memory(limit: usize) -> Memory<u8> {
        Memory {
            limit,
            ..Memory::default()
        }
    }

    #[test]
    fn the_oldest_is_forgotten() {
        let mut memory = memory(2);
        memory.remember("alice", 1);
        memory.remember("bob", 2);
        memory.remember("alice", 1);
        memory.remember("carol", 3);
        let known = ["alice", "bob", "carol"].map(|user| memory.of(user));
        assert_eq!(known, [Some(1), None, Some(3)]);
    }

    #[test]
    fn what_another_one_got_is_no_longer_ones_own() {
        let mut memory = memory(9);
        memory.remember("alice", 1);
        memory.remember("bob", 1);
        assert_eq!([memory.of("alice"), memory.of("bob")], [None, Some(1)]);
    }

    proptest! {
        #[test]
        fn it_is_bounded_and_consistent(steps in prop::collection::vec((0..9u8, 0..9u8), 0..80)) {
            let mut memory = memory(5);
            for (user, thing) in steps {
                memory.remember(&user.to_string(), thing);
                prop_assert_eq!(memory.of(&user.to_string()), Some(thing));
                let sizes = [memory.of_user.len(), memory.users.len(), memory.by_age.len()];
                prop_assert!(sizes[0] <= 5 && sizes == [sizes[0]; 3], "{:?}", sizes);
            }
        }
    }
}
