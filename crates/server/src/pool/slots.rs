//! A bitmap of numbered slots.

/// Slots `0..count`, each free or taken.
#[derive(Debug)]
pub(super) struct Slots {
    words: Vec<u64>,
    count: u32,
    /// Where the next search starts.
    next: u32,
}

impl Slots {
    pub(super) fn new(count: u32) -> Self {
        Self {
            words: vec![0; count.div_ceil(64) as usize],
            count,
            next: 0,
        }
    }

    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// Whether the slot exists and is free.
    pub(super) fn is_free(&self, slot: u32) -> bool {
        slot < self.count && self.word(slot) & bit(slot) == 0
    }

    /// Takes a slot; `false` when it does not exist or is taken.
    pub(super) fn take(&mut self, slot: u32) -> bool {
        let free = self.is_free(slot);
        if free {
            self.words[(slot / 64) as usize] |= bit(slot);
        }
        free
    }

    /// Frees a slot; `false` when it was not taken.
    pub(super) fn free(&mut self, slot: u32) -> bool {
        let taken = slot < self.count && !self.is_free(slot);
        if taken {
            self.words[(slot / 64) as usize] &= !bit(slot);
        }
        taken
    }

    /// Takes the first free slot that `wanted` accepts, searching round from where the last search ended.
    pub(super) fn take_next(&mut self, mut wanted: impl FnMut(u32) -> bool) -> Option<u32> {
        let start = self.next;
        let slot = self
            .free_in(start, self.count, &mut wanted)
            .or_else(|| self.free_in(0, start, &mut wanted))?;
        self.take(slot);
        self.next = if slot + 1 == self.count { 0 } else { slot + 1 };
        Some(slot)
    }

    fn free_in(&self, from: u32, to: u32, wanted: &mut impl FnMut(u32) -> bool) -> Option<u32> {
        let mut slot = from;
        while slot < to {
            let rest = self.word(slot) >> (slot % 64);
            if rest == u64::MAX >> (slot % 64) {
                // Everything up to the next word is taken.
                slot = (slot | 63).checked_add(1)?;
            } else if rest & 1 == 0 && wanted(slot) {
                return Some(slot);
            } else {
                slot += 1;
            }
        }
        None
    }

    fn word(&self, slot: u32) -> u64 {
        self.words[(slot / 64) as usize]
    }
}

fn bit(slot: u32) -> u64 {
    1 << (slot % 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn search_crosses_full_words_and_wraps() {
        let mut slots = Slots::new(130);
        for expected in 0..130 {
            assert_eq!(slots.take_next(|_| true), Some(expected));
        }
        assert_eq!(slots.take_next(|_| true), None);
        assert!(slots.free(3));
        assert!(!slots.free(3));
        assert_eq!(slots.take_next(|_| true), Some(3));
    }

    #[test]
    fn slots_outside_do_not_exist() {
        let mut slots = Slots::new(65);
        assert!(!slots.take(65));
        assert!(!slots.is_free(65));
        assert!(!slots.free(u32::MAX));
        assert!(slots.take(64));
    }

    #[test]
    fn unwanted_slots_are_passed_over() {
        let mut slots = Slots::new(10);
        assert_eq!(slots.take_next(|slot| slot == 7), Some(7));
        assert_eq!(slots.take_next(|slot| slot == 7), None);
    }
}
