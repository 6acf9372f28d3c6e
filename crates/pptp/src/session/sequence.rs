//! Sequence numbers that wrap at 32 bits, and where a received one lies.

/// How far `to` lies in front of (positive) or behind `from`, across the wrap.
pub(super) const fn distance(from: u32, to: u32) -> i32 {
    to.wrapping_sub(from).cast_signed()
}

/// Where a received sequence number lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It is the one that is expected.
    Next,
    /// That many before it are missing; at least 1, less than the largest jump.
    Ahead(u32),
    /// It was received before.
    Duplicate,
    /// It was given up before.
    Late,
    /// It is too far from the expected one to be believed.
    Far,
    /// It is far too, but confirms the one before: the sequence goes on here.
    Resynchronized,
}

/// Numbers far ahead are what a long outage leaves; one more shows that it is real.
const CONFIRMATIONS_AHEAD: u32 = 1;

/// Numbers far behind are old packets, late or replayed. Only many in a row, with nothing expected
/// between them, show a peer that has begun anew, or one that forged numbers had led us away from.
const CONFIRMATIONS_BEHIND: u32 = 16;

/// What is known of the peer's sequence.
#[derive(Debug)]
pub(super) struct Sequence {
    /// The number expected next; none before the first packet.
    next: Option<u32>,
    /// Which of the 64 numbers in front of `next` were received; bit 0 is the latest.
    history: u64,
    /// The far number that waits to be confirmed.
    candidate: Option<u32>,
    /// How many numbers in a row have confirmed the one before.
    confirmations: u32,
    max_jump: u32,
}

impl Sequence {
    pub(super) const fn new(max_jump: u32) -> Self {
        Self {
            next: None,
            history: 0,
            candidate: None,
            confirmations: 0,
            max_jump,
        }
    }

    /// The number expected next, which is `sequence` itself where it is the first.
    pub(super) fn next_or(&mut self, sequence: u32) -> u32 {
        *self.next.get_or_insert(sequence)
    }

    /// Finds where `sequence` lies, and remembers it where it is far.
    pub(super) fn place(&mut self, sequence: u32) -> Place {
        let ahead = distance(self.next_or(sequence), sequence);
        if ahead.unsigned_abs() >= self.max_jump {
            return self.far(sequence);
        }
        match u32::try_from(ahead) {
            Ok(0) => Place::Next,
            Ok(missing) => Place::Ahead(missing),
            Err(_) if self.was_received(ahead.unsigned_abs()) => Place::Duplicate,
            Err(_) => Place::Late,
        }
    }

    /// Goes on to the number behind the expected one.
    pub(super) fn advance(&mut self, arrival: Arrival) {
        self.next = self.next.map(|next| next.wrapping_add(1));
        self.history = self.history << 1 | u64::from(arrival == Arrival::Received);
        self.candidate = None;
    }

    /// Expects `sequence` next and forgets all before.
    pub(super) const fn restart(&mut self, sequence: u32) {
        self.next = Some(sequence);
        self.history = 0;
        self.candidate = None;
    }

    fn far(&mut self, sequence: u32) -> Place {
        let before = self.candidate.replace(sequence);
        let gap = before.map(|before| distance(before, sequence));
        if gap.is_some_and(|gap| gap > 0 && gap.unsigned_abs() < self.max_jump) {
            self.confirmations += 1;
        } else {
            self.confirmations = 0;
        }
        let needed = match distance(self.next_or(sequence), sequence) {
            1.. => CONFIRMATIONS_AHEAD,
            _ => CONFIRMATIONS_BEHIND,
        };
        if self.confirmations >= needed {
            Place::Resynchronized
        } else {
            Place::Far
        }
    }

    const fn was_received(&self, behind: u32) -> bool {
        behind <= u64::BITS && self.history >> (behind - 1) & 1 == 1
    }
}

/// Whether a number that is passed was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    /// It was.
    Received,
    /// It was given up.
    Lost,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(next: u32) -> Sequence {
        let mut sequence = Sequence::new(16);
        sequence.restart(next);
        sequence
    }

    #[test]
    fn distances_cross_the_wrap() {
        assert_eq!(distance(u32::MAX, 0), 1);
        assert_eq!(distance(0, u32::MAX), -1);
        assert_eq!(distance(5, 5), 0);
        assert_eq!(distance(u32::MAX - 2, 3), 6);
    }

    #[test]
    fn any_first_number_is_accepted() {
        for first in [0, 1, 77, u32::MAX] {
            assert_eq!(Sequence::new(16).place(first), Place::Next);
        }
    }

    #[test]
    fn tells_duplicates_from_late_ones() {
        let mut sequence = at(u32::MAX);
        sequence.advance(Arrival::Received);
        sequence.advance(Arrival::Lost);
        sequence.advance(Arrival::Received);
        assert_eq!(sequence.place(u32::MAX), Place::Duplicate);
        assert_eq!(sequence.place(0), Place::Late);
        assert_eq!(sequence.place(1), Place::Duplicate);
        assert_eq!(sequence.place(2), Place::Next);
        assert_eq!(sequence.place(5), Place::Ahead(3));
    }

    #[test]
    fn one_far_number_is_not_believed() {
        let mut sequence = at(100);
        assert_eq!(sequence.place(70_000), Place::Far);
        assert_eq!(sequence.place(100), Place::Next);
        sequence.advance(Arrival::Received);
        assert_eq!(
            sequence.place(70_001),
            Place::Far,
            "the number between them broke the pair"
        );
        assert_eq!(
            sequence.place(70_001),
            Place::Far,
            "the same number again confirms nothing"
        );
        assert_eq!(sequence.place(70_003), Place::Resynchronized);
    }

    #[test]
    fn old_numbers_are_believed_only_where_nothing_else_comes() {
        let mut sequence = at(100_000);
        for number in 1..=CONFIRMATIONS_BEHIND {
            assert_eq!(sequence.place(number), Place::Far, "{number}");
        }
        assert_eq!(sequence.place(100_000), Place::Next);
        sequence.advance(Arrival::Received);
        for number in 51..=50 + CONFIRMATIONS_BEHIND {
            assert_eq!(sequence.place(number), Place::Far, "{number}");
        }
        assert_eq!(
            sequence.place(60 + CONFIRMATIONS_BEHIND),
            Place::Resynchronized
        );
    }

    #[test]
    fn the_largest_jump_is_a_bound() {
        assert_eq!(at(100).place(115), Place::Ahead(15));
        assert_eq!(at(100).place(116), Place::Far);
        assert_eq!(at(100).place(85), Place::Late);
        assert_eq!(at(100).place(84), Place::Far);
        assert_eq!(at(100).place(100 + (1 << 31)), Place::Far);
    }
}
