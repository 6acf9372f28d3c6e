//! A bitmap of numbered slots.

use std::ops::Range;

/// Slots `0..count`, each free or taken. Some of the free ones may be kept: a search passes over them.
#[derive(Debug)]
pub(super) struct Slots {
    taken: Vec<u64>,
    kept: Vec<u64>,
    count: u32,
    taken_count: u32,
    /// Where the next search starts.
    next: u32,
}

impl Slots {
    pub(super) fn new(count: u32) -> Self {
        let words = count.div_ceil(64) as usize;
        Self {
            taken: vec![0; words],
            kept: vec![0; words],
            count,
            taken_count: 0,
            next: 0,
        }
    }

    pub(super) fn count(&self) -> u32 {
        self.count
    }

    pub(super) fn taken_count(&self) -> u32 {
        self.taken_count
    }

    pub(super) fn is_taken(&self, slot: u32) -> bool {
        slot < self.count && self.taken[word(slot)] & bit(slot) != 0
    }

    pub(super) fn is_kept(&self, slot: u32) -> bool {
        slot < self.count && self.kept[word(slot)] & bit(slot) != 0
    }

    /// Takes a slot, also one that is kept; `false` when it does not exist or is taken.
    pub(super) fn take(&mut self, slot: u32) -> bool {
        let free = slot < self.count && !self.is_taken(slot);
        if free {
            self.taken[word(slot)] |= bit(slot);
            self.taken_count += 1;
        }
        free
    }

    /// Frees a slot; `false` when it was not taken.
    pub(super) fn free(&mut self, slot: u32) -> bool {
        let taken = self.is_taken(slot);
        if taken {
            self.taken[word(slot)] &= !bit(slot);
            self.taken_count -= 1;
        }
        taken
    }

    /// Keeps these slots, and no others, from searches.
    pub(super) fn keep(&mut self, slots: impl IntoIterator<Item = u32>) {
        self.kept.fill(0);
        for slot in slots.into_iter().filter(|slot| *slot < self.count) {
            self.kept[word(slot)] |= bit(slot);
        }
    }

    /// Takes the first free slot that is not kept, searching round from where the last search ended.
    pub(super) fn take_next(&mut self) -> Option<u32> {
        if self.taken_count == self.count {
            return None;
        }
        self.take_within(0..self.count)
    }

    /// Takes the first free slot of these that is not kept, those first that the last search has not
    /// come to.
    pub(super) fn take_within(&mut self, slots: Range<u32>) -> Option<u32> {
        let end = slots.end.min(self.count);
        let turn = self.next.clamp(slots.start.min(end), end);
        let slot = self
            .search(turn, end)
            .or_else(|| self.search(slots.start, turn))?;
        self.take(slot);
        self.next = if slot + 1 == self.count { 0 } else { slot + 1 };
        Some(slot)
    }

    /// The slots that are taken.
    pub(super) fn iter_taken(&self) -> impl Iterator<Item = u32> {
        let words = self.taken.iter().zip((0..).step_by(64));
        words
            .filter(|(word, _)| **word != 0)
            .flat_map(|(word, first)| {
                let word = *word;
                (0..64)
                    .filter(move |n| word & (1 << n) != 0)
                    .map(move |n| first + n)
            })
    }

    /// A word at a time.
    fn search(&self, from: u32, to: u32) -> Option<u32> {
        let mut slot = from;
        while slot < to {
            let index = word(slot);
            let unusable = (self.taken[index] | self.kept[index]) | (bit(slot) - 1);
            if unusable != u64::MAX {
                let found = slot / 64 * 64 + unusable.trailing_ones();
                return (found < to).then_some(found);
            }
            slot = (slot | 63).checked_add(1)?;
        }
        None
    }
}

fn word(slot: u32) -> usize {
    (slot / 64) as usize
}

fn bit(slot: u32) -> u64 {
    1 << (slot % 64)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn search_crosses_full_words_and_wraps() {
        let mut slots = Slots::new(130);
        for expected in 0..130 {
            assert_eq!(slots.take_next(), Some(expected));
        }
        assert_eq!(slots.take_next(), None);
        assert!(slots.free(3));
        assert!(!slots.free(3));
        assert_eq!(slots.take_next(), Some(3));
    }

    #[test]
    fn slots_outside_do_not_exist() {
        let mut slots = Slots::new(65);
        assert!(!slots.take(65));
        assert!(!slots.is_taken(65));
        assert!(!slots.free(u32::MAX));
        assert!(slots.take(64));
        assert_eq!(Slots::new(0).take_next(), None);
        assert_eq!(slots.take_within(65..1000), None);
    }

    #[test]
    fn slots_that_are_kept_are_passed_over() {
        let mut slots = Slots::new(4);
        slots.keep([0, 2, 99]);
        assert_eq!([slots.take_next(), slots.take_next()], [Some(1), Some(3)]);
        assert_eq!(slots.take_next(), None);
        assert!(slots.take(2));
        slots.keep([]);
        assert_eq!(slots.take_next(), Some(0));
    }

    proptest! {
        #[test]
        fn searches_find_what_is_free(
            kept in prop::collection::btree_set(0..200u32, 0..60),
            taken in prop::collection::btree_set(0..200u32, 0..150),
            next in 0..200u32,
            from in 0..220u32,
            length in 0..220u32,
        ) {
            let mut slots = Slots::new(200);
            slots.keep(kept.iter().copied());
            for slot in &taken {
                prop_assert!(slots.take(*slot));
            }
            slots.next = next;
            let range = from..from + length;
            let usable: BTreeSet<u32> = range
                .clone()
                .filter(|slot| *slot < 200 && !kept.contains(slot) && !taken.contains(slot))
                .collect();
            let expected = usable.range(next..).next().or(usable.first()).copied();
            prop_assert_eq!(slots.take_within(range), expected);
            let count = taken.len() + usize::from(expected.is_some());
            prop_assert_eq!(slots.taken_count() as usize, count);
            prop_assert_eq!(slots.iter_taken().count(), count);
        }
    }
}
