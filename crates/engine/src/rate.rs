//! Limits of a call's rate: token buckets.

use std::time::Instant;

/// A limit in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Inner packets' bits per second in the long run; 0 lets nothing through but the burst.
    pub bits_per_second: u64,
    /// Octets that may pass at once; a packet that is longer never passes.
    pub burst: u32,
}

/// The limits of one call; none where there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RateLimits {
    /// Of packets to the peer.
    pub to_peer: Option<RateLimit>,
    /// Of packets from the peer.
    pub from_peer: Option<RateLimit>,
}

/// The buckets of one call, made only where it has a limit.
#[derive(Debug)]
pub(crate) struct Buckets {
    pub(crate) to_peer: Option<TokenBucket>,
    pub(crate) from_peer: Option<TokenBucket>,
}

impl Buckets {
    /// Full buckets, or nothing where there is no limit.
    pub(crate) fn new(limits: RateLimits, now: Instant) -> Option<Box<Self>> {
        if limits == RateLimits::default() {
            return None;
        }
        let bucket = |limit: RateLimit| TokenBucket::new(limit, now);
        Some(Box::new(Self {
            to_peer: limits.to_peer.map(bucket),
            from_peer: limits.from_peer.map(bucket),
        }))
    }
}

/// A bucket of octets that fills at the rate and holds no more than the burst.
#[derive(Debug)]
pub(crate) struct TokenBucket {
    limit: RateLimit,
    /// Octets times [`SCALE`].
    tokens: u128,
    filled: Instant,
}

/// Bits of a nanosecond at one bit per second, in an octet.
const SCALE: u128 = 8_000_000_000;

impl TokenBucket {
    fn new(limit: RateLimit, now: Instant) -> Self {
        Self {
            limit,
            tokens: u128::from(limit.burst) * SCALE,
            filled: now,
        }
    }

    /// Whether a packet of so many octets may pass; if so, it has.
    pub(crate) fn admit(&mut self, now: Instant, octets: usize) -> bool {
        let elapsed = now.saturating_duration_since(self.filled).as_nanos();
        self.filled = now;
        let gained = elapsed.saturating_mul(u128::from(self.limit.bits_per_second));
        let full = u128::from(self.limit.burst) * SCALE;
        self.tokens = self.tokens.saturating_add(gained).min(full);
        let price = (octets as u128).saturating_mul(SCALE);
        match self.tokens.checked_sub(price) {
            Some(left) => {
                self.tokens = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn bucket(bits_per_second: u64, burst: u32, now: Instant) -> TokenBucket {
        let limit = RateLimit {
            bits_per_second,
            burst,
        };
        TokenBucket::new(limit, now)
    }

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let start = Instant::now();
        let mut bucket = bucket(8_000, 1500, start);
        assert!(bucket.admit(start, 1500));
        assert!(!bucket.admit(start, 1));
        let later = start + Duration::from_secs(1);
        assert!(bucket.admit(later, 1000));
        assert!(!bucket.admit(later, 1));
        assert!(bucket.admit(start + Duration::from_secs(1000), 1500));
        assert!(!bucket.admit(start + Duration::from_secs(1000), 1));
    }

    #[test]
    fn many_short_waits_add_up() {
        let start = Instant::now();
        let mut bucket = bucket(1_000_000, 100, start);
        assert!(bucket.admit(start, 100));
        let passed = (1..=1_000_000u64)
            .filter(|step| bucket.admit(start + Duration::from_nanos(step * 1_000), 100))
            .count();
        assert_eq!(
            passed, 1250,
            "one second of 1 Mbit/s in packets of 100 octets"
        );
    }

    #[test]
    fn extremes_do_not_overflow() {
        let start = Instant::now();
        let mut bucket = bucket(u64::MAX, u32::MAX, start);
        let later = start + Duration::from_secs(1_000_000_000);
        assert!(bucket.admit(later, u32::MAX as usize));
        assert!(!bucket.admit(later, usize::MAX));
    }
}
