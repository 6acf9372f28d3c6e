//! The order in which programs run.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::Hash;

/// Jobs that wait, in lanes: those of one lane are done one after the other, in the order in which they came;
/// those of different lanes side by side, the oldest first.
#[derive(Debug)]
pub(super) struct Lanes<K, J> {
    waiting: HashMap<K, VecDeque<J>>,
    /// Lanes with a job that can be begun, once each.
    ready: VecDeque<K>,
    /// Lanes of which a job has been begun.
    busy: HashSet<K>,
}

impl<K: Copy + Eq + Hash, J> Lanes<K, J> {
    pub(super) fn new() -> Self {
        Self {
            waiting: HashMap::new(),
            ready: VecDeque::new(),
            busy: HashSet::new(),
        }
    }

    /// Adds a job to the end of its lane.
    pub(super) fn push(&mut self, lane: K, job: J) {
        let jobs = self.waiting.entry(lane).or_default();
        if jobs.is_empty() && !self.busy.contains(&lane) {
            self.ready.push_back(lane);
        }
        jobs.push_back(job);
    }

    /// Takes a job that can be begun; its lane is held up until [`done`](Self::done).
    pub(super) fn begin(&mut self) -> Option<(K, J)> {
        let lane = self.ready.pop_front()?;
        let jobs = self.waiting.get_mut(&lane)?;
        let job = jobs.pop_front()?;
        if jobs.is_empty() {
            self.waiting.remove(&lane);
        }
        self.busy.insert(lane);
        Some((lane, job))
    }

    /// The job of this lane that was begun has ended.
    pub(super) fn done(&mut self, lane: K) {
        if self.busy.remove(&lane) && self.waiting.contains_key(&lane) {
            self.ready.push_back(lane);
        }
    }

    /// Takes all jobs that were not begun.
    pub(super) fn clear(&mut self) -> usize {
        self.ready.clear();
        self.waiting.drain().map(|(_, jobs)| jobs.len()).sum()
    }

    /// Whether nothing waits and nothing has been begun.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.busy.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever ends when, each lane's jobs are begun in order, one at a time, and none is lost.
        #[test]
        fn lanes_keep_their_order(steps in prop::collection::vec((0u8..4, any::<bool>()), 1..200)) {
            let mut lanes = Lanes::new();
            let mut pushed: HashMap<u8, Vec<usize>> = HashMap::new();
            let mut begun: HashMap<u8, Vec<usize>> = HashMap::new();
            let mut running = Vec::new();
            for (number, (lane, push)) in steps.into_iter().enumerate() {
                if push {
                    lanes.push(lane, number);
                    pushed.entry(lane).or_default().push(number);
                } else if let Some((lane, job)) = lanes.begin() {
                    prop_assert!(!running.contains(&lane));
                    running.push(lane);
                    begun.entry(lane).or_default().push(job);
                } else if !running.is_empty() {
                    let ended = running.swap_remove(usize::from(lane) % running.len());
                    lanes.done(ended);
                }
            }
            while !lanes.is_idle() {
                if let Some((lane, job)) = lanes.begin() {
                    running.push(lane);
                    begun.entry(lane).or_default().push(job);
                } else {
                    lanes.done(running.pop().unwrap());
                }
            }
            prop_assert_eq!(begun, pushed);
        }
    }

    #[test]
    fn what_was_not_begun_can_be_given_up() {
        let mut lanes = Lanes::new();
        for (lane, job) in [(1, 'a'), (1, 'b'), (2, 'c')] {
            lanes.push(lane, job);
        }
        assert_eq!(lanes.begin(), Some((1, 'a')));
        assert_eq!(lanes.clear(), 2);
        assert_eq!(lanes.begin(), None);
        assert!(!lanes.is_idle());
        lanes.done(1);
        assert!(lanes.is_idle());
    }
}
