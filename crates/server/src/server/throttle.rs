use std::time::{Duration, Instant};

/// Bounds the lines that strangers can have written to the log: whoever reaches the port causes
/// them, at the rate of the network.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    since: Option<Instant>,
    lines: u32,
    left_out: u64,
}

const PERIOD: Duration = Duration::from_secs(10);

/// Lines in one period.
const LINES: u32 = 50;

impl Throttle {
    /// Whether one more line may be written. How many were not is told with the first one of a
    /// later period.
    pub(crate) fn allows(&mut self, now: Instant) -> bool {
        if self
            .since
            .is_none_or(|since| now.saturating_duration_since(since) >= PERIOD)
        {
            if self.left_out > 0 {
                tracing::warn!("{} lines about strangers were left out", self.left_out);
            }
            *self = Self {
                since: Some(now),
                ..Self::default()
            };
        }
        let allowed = self.lines < LINES;
        if allowed {
            self.lines += 1;
        } else {
            self.left_out += 1;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_lines_are_written_in_each_period() {
        let start = Instant::now();
        let mut throttle = Throttle::default();
        for period in 0..3 {
            let now = start + PERIOD * period;
            let written = (0..LINES * 2).filter(|_| throttle.allows(now)).count();
            assert_eq!(written, LINES as usize);
            assert_eq!(throttle.left_out, u64::from(LINES));
            assert!(!throttle.allows(now + PERIOD - Duration::from_nanos(1)));
        }
    }
}
