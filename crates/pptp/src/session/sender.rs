//! The sending half: numbers, and what the peer's acknowledgments tell (RFC 2637 §4.2, §4.4).
//!
//! Deviation (RFC 2637 §4.2.1): sending never stops for a full window. Several peers acknowledge
//! late or never, and TCP inside the tunnel controls its own rate; the window is a statistic.

use std::time::{Duration, Instant};

use super::sequence::distance;
use super::{SessionConfig, Stats};

#[derive(Debug)]
pub(super) struct Sender {
    next: u32,
    /// The highest number that the peer has acknowledged.
    acknowledged: u32,
    window: Window,
    time_out: AdaptiveTimeOut,
    /// The packet whose acknowledgment is being timed.
    timed: Option<(u32, Instant)>,
}

impl Sender {
    pub(super) fn new(config: &SessionConfig, peer_window: u16) -> Self {
        Self {
            next: config.first_sequence,
            acknowledged: config.first_sequence.wrapping_sub(1),
            window: Window::new(peer_window),
            time_out: AdaptiveTimeOut::new(config),
            timed: None,
        }
    }

    /// Takes the number of the next packet.
    pub(super) fn number(&mut self, now: Instant, stats: &mut Stats) -> u32 {
        self.expire(now, stats);
        if self.outstanding() >= self.window.current {
            stats.window_exceeded += 1;
        }
        let sequence = self.next;
        self.next = self.next.wrapping_add(1);
        self.timed.get_or_insert((sequence, now));
        sequence
    }

    /// Takes an Acknowledgment Number from the peer.
    pub(super) fn acknowledge(&mut self, now: Instant, number: u32, stats: &mut Stats) {
        self.expire(now, stats);
        let new = distance(self.acknowledged, number);
        if distance(self.next, number) >= 0 {
            stats.acknowledgments_invalid += 1;
        } else if let Ok(new @ 1..) = u32::try_from(new) {
            self.acknowledged = number;
            self.window.acknowledge(new);
            if let Some((_, sent)) = self.timed.take_if(|(seq, _)| distance(*seq, number) >= 0) {
                self.time_out.sample(now.saturating_duration_since(sent));
            }
        }
    }

    /// Packets sent and not acknowledged.
    pub(super) const fn outstanding(&self) -> u32 {
        self.next.wrapping_sub(1).wrapping_sub(self.acknowledged)
    }

    pub(super) const fn window(&self) -> u32 {
        self.window.current
    }

    pub(super) const fn round_trip_time(&self) -> Option<Duration> {
        self.time_out.measured()
    }

    /// RFC 2637 §4.2.2, §4.4.2: a time-out halves the window and doubles the estimate.
    fn expire(&mut self, now: Instant, stats: &mut Stats) {
        let limit = self.time_out.current();
        if self
            .timed
            .take_if(|(_, sent)| now.saturating_duration_since(*sent) > limit)
            .is_some()
        {
            stats.acknowledgments_timed_out += 1;
            self.window.halve();
            self.time_out.back_off();
        }
    }
}

/// The transmit window, in packets (RFC 2637 §4.2).
#[derive(Debug)]
struct Window {
    current: u32,
    maximum: u32,
    /// Packets acknowledged since the window last changed.
    acknowledged: u32,
}

impl Window {
    /// RFC 2637 §4.2.1: half of what the peer can take to begin with.
    fn new(maximum: u16) -> Self {
        let maximum = u32::from(maximum).max(1);
        Self {
            current: maximum.div_ceil(2),
            maximum,
            acknowledged: 0,
        }
    }

    fn acknowledge(&mut self, packets: u32) {
        self.acknowledged = self.acknowledged.saturating_add(packets);
        if self.acknowledged >= self.current {
            self.acknowledged = 0;
            self.current = self.maximum.min(self.current + 1);
        }
    }

    const fn halve(&mut self) {
        self.acknowledged = 0;
        self.current = self.current.div_ceil(2);
    }
}

/// The adaptive acknowledgment time-out (RFC 2637 §4.4.1).
#[derive(Debug)]
struct AdaptiveTimeOut {
    round_trip: Duration,
    deviation: Duration,
    samples: u64,
    minimum: Duration,
    maximum: Duration,
}

impl AdaptiveTimeOut {
    const fn new(config: &SessionConfig) -> Self {
        Self {
            round_trip: config.peer_delay,
            deviation: Duration::ZERO,
            samples: 0,
            minimum: config.minimum_time_out,
            maximum: config.maximum_time_out,
        }
    }

    const fn measured(&self) -> Option<Duration> {
        if self.samples == 0 {
            None
        } else {
            Some(self.round_trip)
        }
    }

    /// ATO: four deviations above the round trip, within the limits.
    fn current(&self) -> Duration {
        let time_out = self
            .round_trip
            .saturating_add(self.deviation.saturating_mul(4));
        time_out.min(self.maximum).max(self.minimum)
    }

    /// Moves the estimates by 1/8 and 1/4 of their error.
    fn sample(&mut self, sample: Duration) {
        let error = sample.abs_diff(self.round_trip);
        self.round_trip = blend(self.round_trip, sample, 8);
        self.deviation = blend(self.deviation, error, 4);
        self.samples += 1;
    }

    fn back_off(&mut self) {
        self.round_trip = self.round_trip.saturating_mul(2).min(self.maximum);
    }
}

/// Moves `old` towards `new` by one part of `parts`.
fn blend(old: Duration, new: Duration, parts: u32) -> Duration {
    if new >= old {
        old + (new - old) / parts
    } else {
        old - (old - new) / parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn sender(first_sequence: u32, window: u16) -> Sender {
        Sender::new(
            &SessionConfig {
                first_sequence,
                ..SessionConfig::default()
            },
            window,
        )
    }

    #[test]
    fn the_window_opens_by_one_per_window_acknowledged() {
        let (now, mut stats) = (Instant::now(), Stats::default());
        let mut sender = sender(u32::MAX, 8);
        assert_eq!(sender.window(), 4);
        let last = (0..4)
            .map(|_| sender.number(now, &mut stats))
            .last()
            .unwrap();
        assert_eq!((last, sender.outstanding()), (2, 4));
        sender.acknowledge(now, last, &mut stats);
        assert_eq!((sender.window(), sender.outstanding()), (5, 0));
    }

    #[test]
    fn a_full_window_is_counted_but_never_waited_for() {
        let (now, mut stats) = (Instant::now(), Stats::default());
        let mut sender = sender(0, 4);
        let numbers: Vec<_> = (0..100).map(|_| sender.number(now, &mut stats)).collect();
        assert_eq!(numbers, (0..100).collect::<Vec<_>>());
        assert_eq!(stats.window_exceeded, 98);
    }

    #[test]
    fn a_late_acknowledgment_halves_the_window() {
        let (now, mut stats) = (Instant::now(), Stats::default());
        let mut sender = sender(0, 20);
        sender.number(now, &mut stats);
        sender.acknowledge(now + Duration::from_secs(100), 0, &mut stats);
        assert_eq!((sender.window(), stats.acknowledgments_timed_out), (5, 1));
        assert_eq!(sender.round_trip_time(), None);
    }

    #[test]
    fn acknowledgments_of_what_was_not_sent_change_nothing() {
        let (now, mut stats) = (Instant::now(), Stats::default());
        let mut sender = sender(0, 4);
        sender.number(now, &mut stats);
        sender.acknowledge(now, 1, &mut stats);
        sender.acknowledge(now, 1 << 30, &mut stats);
        assert_eq!(
            (sender.outstanding(), stats.acknowledgments_invalid),
            (1, 2)
        );
        sender.acknowledge(now, u32::MAX, &mut stats);
        assert_eq!(
            (sender.outstanding(), stats.acknowledgments_invalid),
            (1, 2)
        );
    }

    #[test]
    fn the_round_trip_follows_the_samples() {
        let mut time_out = AdaptiveTimeOut::new(&SessionConfig {
            peer_delay: MS * 80,
            minimum_time_out: MS,
            ..SessionConfig::default()
        });
        time_out.sample(MS * 160);
        assert_eq!(
            (time_out.round_trip, time_out.deviation),
            (MS * 90, MS * 20)
        );
        assert_eq!(time_out.current(), MS * 170);
        time_out.back_off();
        assert_eq!(time_out.round_trip, MS * 180);
    }
}
