//! Who is to be woken when.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// The deadlines of many actors. Of several at the same time, the least actor comes first.
#[derive(Debug)]
pub(crate) struct Agenda<A> {
    queue: BTreeSet<(Instant, A)>,
    entries: BTreeMap<A, Instant>,
}

impl<A: Ord + Copy> Agenda<A> {
    pub(crate) const fn new() -> Self {
        Self {
            queue: BTreeSet::new(),
            entries: BTreeMap::new(),
        }
    }

    /// Replaces the actor's deadline.
    pub(crate) fn set(&mut self, actor: A, deadline: Option<Instant>) {
        let before = match deadline {
            Some(at) => self.entries.insert(actor, at),
            None => self.entries.remove(&actor),
        };
        if before == deadline {
            return;
        }
        if let Some(before) = before {
            self.queue.remove(&(before, actor));
        }
        if let Some(at) = deadline {
            self.queue.insert((at, actor));
        }
    }

    /// Takes out the first actor that is due.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<A> {
        let (at, actor) = *self.queue.first()?;
        if at > now {
            return None;
        }
        self.set(actor, None);
        Some(actor)
    }

    /// When the first actor is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.queue.first().map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn actors_come_in_the_order_of_their_latest_deadlines() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut agenda = Agenda::new();
        agenda.set('a', Some(at(1)));
        agenda.set('b', Some(at(2)));
        agenda.set('c', Some(at(2)));
        agenda.set('d', Some(at(3)));
        agenda.set('a', Some(at(4)));
        agenda.set('d', None);
        assert_eq!(agenda.next(), Some(at(2)));
        assert_eq!(agenda.pop_due(at(1)), None);
        let order: Vec<_> = std::iter::from_fn(|| agenda.pop_due(at(9))).collect();
        assert_eq!(order, ['b', 'c', 'a']);
        assert_eq!(agenda.next(), None);
    }
}
