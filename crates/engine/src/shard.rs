//! Several endpoints that are one to the outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Which Call IDs and call numbers are an endpoint's, where several share those of one address: the
/// Call IDs, and the numbers less one, that leave its index as the remainder when divided by how many
/// endpoints there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    index: u16,
    count: u16,
}

impl Shard {
    /// The shard with this index out of `count`; `None` unless `count` is a power of two and the index
    /// is less.
    pub const fn new(index: u16, count: u16) -> Option<Self> {
        if count.is_power_of_two() && index < count {
            Some(Self { index, count })
        } else {
            None
        }
    }

    /// The Call ID of this shard that is made of any sixteen bits.
    pub(crate) const fn call_id(self, bits: u16) -> u16 {
        bits & !(self.count - 1) | self.index
    }

    /// All Call IDs of this shard.
    pub(crate) fn call_ids(self) -> impl Iterator<Item = u16> {
        (self.index..=u16::MAX).step_by(usize::from(self.count))
    }

    /// The number of the shard's first call.
    pub(crate) const fn first_number(self) -> u32 {
        self.index as u32 + 1
    }

    /// The number of the call after the one with this number.
    pub(crate) const fn next_number(self, number: u32) -> u32 {
        number.wrapping_add(self.count as u32)
    }
}

impl Default for Shard {
    /// All there is.
    fn default() -> Self {
        Self { index: 0, count: 1 }
    }
}

/// How many calls there may be at once. Those of all endpoints that have clones of one limit are
/// counted together.
#[derive(Debug, Clone)]
pub struct CallLimit(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    maximum: AtomicUsize,
    taken: AtomicUsize,
}

impl CallLimit {
    /// A limit of its own.
    pub fn new(maximum: usize) -> Self {
        Self(Arc::new(Counts {
            maximum: AtomicUsize::new(maximum),
            taken: AtomicUsize::new(0),
        }))
    }

    /// Allows so many calls from now on, in all endpoints that share the limit. Calls that are up stay, also
    /// where they are more.
    pub fn set(&self, maximum: usize) {
        self.0.maximum.store(maximum, Ordering::Relaxed);
    }
}

/// What an endpoint has taken of a limit; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Places {
    limit: CallLimit,
    held: usize,
}

impl Places {
    pub(crate) const fn new(limit: CallLimit) -> Self {
        Self { limit, held: 0 }
    }

    /// Takes a place; `false` where there is none.
    pub(crate) fn take(&mut self) -> bool {
        let maximum = self.limit.0.maximum.load(Ordering::Relaxed);
        let free = |taken| (taken < maximum).then_some(taken + 1);
        let taken = &self.limit.0.taken;
        let took = taken
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, free)
            .is_ok();
        self.held += usize::from(took);
        took
    }

    /// Takes a place though there may be none: for a call that we ask for.
    pub(crate) fn take_any(&mut self) {
        self.limit.0.taken.fetch_add(1, Ordering::Relaxed);
        self.held += 1;
    }

    /// Gives one place back.
    pub(crate) fn give_back(&mut self) {
        if let Some(held) = self.held.checked_sub(1) {
            self.held = held;
            self.limit.0.taken.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        self.limit.0.taken.fetch_sub(self.held, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn shards_share_out_all_call_ids() {
        for count in [1, 2, 16] {
            let of = |index| Shard::new(index, count).unwrap();
            let mut all = BTreeSet::new();
            for index in 0..count {
                for id in of(index).call_ids() {
                    assert!(all.insert(id), "{id} is in two shards");
                    assert_eq!(of(index).call_id(id), id);
                }
                let made = of(index).call_id(0xABCD);
                assert_eq!(made % count, index);
                assert_eq!(made / count, 0xABCD / count);
            }
            assert_eq!(all.len(), 1 << 16);
        }
    }

    #[test]
    fn shards_share_out_all_numbers() {
        let mut all = BTreeSet::new();
        for index in 0..4 {
            let shard = Shard::new(index, 4).unwrap();
            let next = |number: &u32| Some(shard.next_number(*number));
            all.extend(std::iter::successors(Some(shard.first_number()), next).take(25));
        }
        assert_eq!(all, (1..=100).collect());
    }

    #[test]
    fn what_is_no_shard_is_refused() {
        for (index, count) in [(0, 0), (0, 3), (2, 2), (0, 6)] {
            assert_eq!(Shard::new(index, count), None, "{index} of {count}");
        }
    }

    #[test]
    fn places_are_counted_together_and_given_back() {
        let limit = CallLimit::new(2);
        let (mut one, mut two) = (Places::new(limit.clone()), Places::new(limit));
        assert!(one.take() && two.take());
        assert!(!one.take() && !two.take());
        one.give_back();
        one.give_back();
        assert!(two.take());
        assert!(!one.take());
        drop(two);
        assert!(one.take() && one.take());
        assert!(!one.take());
        one.give_back();
        one.take_any();
        one.take_any();
        one.give_back();
        assert!(!one.take());
    }
    #[test]
    fn a_limit_can_change_while_calls_are_up() {
        let limit = CallLimit::new(2);
        let mut places = Places::new(limit.clone());
        assert!(places.take() && places.take() && !places.take());
        limit.set(1);
        places.give_back();
        assert!(!places.take());
        limit.set(3);
        assert!(places.take() && places.take() && !places.take());
    }
}
