//! Random numbers that are the same in every run with the same seed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use adit_ppp::Entropy;

/// The increment of SplitMix64.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// A SplitMix64 generator.
#[derive(Debug, Clone)]
pub struct Rng(u64);

/// How often something happens, in parts of a million.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Chance(u32);

impl Chance {
    /// It never happens.
    pub const NEVER: Self = Self(0);
    /// It always happens.
    pub const ALWAYS: Self = Self(1_000_000);

    /// `percent` times in a hundred.
    pub const fn percent(percent: u32) -> Self {
        Self(percent.saturating_mul(10_000))
    }

    /// `parts` times in a thousand.
    pub const fn per_mille(parts: u32) -> Self {
        Self(parts.saturating_mul(1_000))
    }
}

impl Rng {
    /// The generator of a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A generator of its own for the part of a simulation that `label` names, so that what one
    /// part draws does not change what another one gets.
    pub fn fork(&self, label: u64) -> Self {
        Self(mix(self.0 ^ mix(label.wrapping_add(GAMMA))))
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GAMMA);
        mix(self.0)
    }

    /// A number below `limit`; 0 where that is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        if limit == 0 {
            return 0;
        }
        self.next_u64() % limit
    }

    /// An index into something of `length` elements.
    pub fn index(&mut self, length: usize) -> usize {
        self.below(length as u64) as usize
    }

    /// Whether something that happens this often happens this time.
    pub fn happens(&mut self, chance: Chance) -> bool {
        chance.0 > 0 && self.below(1_000_000) < u64::from(chance.0)
    }

    /// A span of time up to `longest`.
    pub fn up_to(&mut self, longest: Duration) -> Duration {
        let nanoseconds = u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.below(nanoseconds.saturating_add(1)))
    }

    /// Fills `out`.
    pub fn fill(&mut self, out: &mut [u8]) {
        for octet in out {
            *octet = (self.next_u64() >> 32) as u8;
        }
    }

    /// `length` random octets.
    pub fn octets(&mut self, length: usize) -> Vec<u8> {
        let mut octets = vec![0; length];
        self.fill(&mut octets);
        octets
    }
}

fn mix(state: u64) -> u64 {
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

/// What endpoints draw from: as random as an [`Rng`], which is nothing to keep a secret with.
#[derive(Debug)]
pub struct SeededEntropy(AtomicU64);

impl SeededEntropy {
    /// The entropy of a seed.
    pub fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(seed)))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, out: &mut [u8]) {
        for octet in out {
            let state = self.0.fetch_add(GAMMA, Ordering::Relaxed);
            *octet = (mix(state) >> 32) as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers_again_and_another_seed_others() {
        let draw = |seed| Rng::new(seed).octets(64);
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        let entropy = |seed| {
            let mut octets = [0; 64];
            SeededEntropy::new(seed).fill(&mut octets);
            octets
        };
        assert_eq!(entropy(7), entropy(7));
        assert_ne!(entropy(7), entropy(8));
    }

    #[test]
    fn what_one_part_draws_leaves_the_others_alone() {
        let root = Rng::new(1);
        let mut first = root.fork(1);
        first.octets(100);
        let mut second = root.fork(2);
        assert_eq!(second.next_u64(), Rng::new(1).fork(2).next_u64());
        assert_ne!(root.fork(1).next_u64(), root.fork(2).next_u64());
    }

    #[test]
    fn chances_are_about_as_often_as_they_say() {
        let mut rng = Rng::new(3);
        let mut often = |chance| (0..10_000).filter(|_| rng.happens(chance)).count();
        assert_eq!(often(Chance::NEVER), 0);
        assert_eq!(often(Chance::ALWAYS), 10_000);
        assert!((1_800..2_200).contains(&often(Chance::percent(20))));
        assert!((20..90).contains(&often(Chance::per_mille(5))));
    }

    #[test]
    fn spans_stay_within_their_bound() {
        let mut rng = Rng::new(4);
        let longest = Duration::from_millis(10);
        let spans: Vec<_> = (0..1_000).map(|_| rng.up_to(longest)).collect();
        assert!(spans.iter().all(|span| *span <= longest));
        assert!(spans.iter().any(|span| *span > longest / 2));
        assert_eq!(rng.up_to(Duration::ZERO), Duration::ZERO);
    }
}
