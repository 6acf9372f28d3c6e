//! How long a session may go on: its time, its silence, its data, and when it is told about.

use std::time::{Duration, Instant};

use crate::aaa::facts::Cause;
use crate::users::Policy;

/// Looks at a session's counters are this far apart at least.
const SOONEST: Duration = Duration::from_secs(1);
/// Looks at the counters of a session with a data volume are this far apart at most.
const LATEST: Duration = Duration::from_secs(30);
/// An idle session is noticed this part of its limit late at most.
const IDLE_PARTS: u32 = 10;

/// What a session that is up keeps to.
#[derive(Debug)]
pub(crate) struct Terms {
    expiry: Option<Instant>,
    time: Option<Instant>,
    idle: Option<Duration>,
    volume: Option<u64>,
    interim: Option<Duration>,
    /// The last look, and the octets that had passed until then.
    looked: Instant,
    octets: u64,
    /// Octets per second between the last two looks.
    rate: f64,
    /// The first look that saw as many octets.
    quiet_since: Instant,
    next_interim: Option<Instant>,
    /// Whether to tell how it is at the next look.
    tell: bool,
}

/// What a look at a session's counters comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// It goes on.
    Nothing,
    /// It goes on, and whoever follows it is to be told how.
    Interim,
    /// It is over.
    End(Cause),
}

impl Terms {
    /// For a session that comes up `now`, which is `unix_time` seconds since 1970.
    pub(crate) fn new(
        now: Instant,
        unix_time: u64,
        policy: &Policy,
        interim: Option<Duration>,
    ) -> Self {
        let positive = |limit: Option<Duration>| limit.filter(|it| !it.is_zero());
        let expiry = policy
            .expires
            .filter(|moment| *moment > 0)
            .map(|moment| Duration::from_secs(moment.saturating_sub(unix_time)));
        let interim = positive(interim);
        Self {
            expiry: expiry.and_then(|left| now.checked_add(left)),
            time: positive(policy.session_limit).and_then(|limit| now.checked_add(limit)),
            idle: positive(policy.idle_limit),
            volume: policy.volume.filter(|octets| *octets > 0),
            interim,
            looked: now,
            octets: 0,
            rate: 0.0,
            quiet_since: now,
            next_interim: interim.map(|interval| now + interval),
            tell: false,
        }
    }

    /// Has the first interim record come up to a tenth of the interval early, so that those of sessions
    /// that came up together do not stay together. `number` is the session's.
    pub(crate) fn spread(&mut self, now: Instant, number: u32) {
        // Knuth's multiplier: numbers that follow each other come out far apart.
        let part = number.wrapping_mul(0x9E37_79B1) >> 16;
        self.next_interim = self.interim.map(|interval| {
            let early = interval / 10 * part / (1 << 16);
            now + (interval - early)
        });
    }

    /// The session may last this long from now on, whatever it was before.
    pub(crate) fn limit_time(&mut self, now: Instant, limit: Option<Duration>) {
        self.time = limit.and_then(|limit| now.checked_add(limit));
    }

    /// The session may be silent for so long from now on.
    pub(crate) fn limit_idle(&mut self, limit: Option<Duration>) {
        self.idle = limit;
    }

    /// Interim records are this far apart from now on.
    pub(crate) fn tell_every(&mut self, now: Instant, interval: Option<Duration>) {
        self.interim = interval;
        self.next_interim = interval.map(|interval| now + interval);
    }

    /// The next look is at once, and whoever follows the session is told how it is.
    pub(crate) fn tell_now(&mut self) {
        self.tell = true;
    }

    /// When it ends at the latest, and why.
    fn end(&self) -> Option<(Instant, Cause)> {
        let expiry = self.expiry.map(|at| (at, Cause::Expired));
        let time = self.time.map(|at| (at, Cause::SessionTimeout));
        expiry.into_iter().chain(time).min_by_key(|(at, _)| *at)
    }

    /// How much time is left, where it is limited.
    pub(crate) fn time_left(&self, now: Instant) -> Option<Duration> {
        let (end, _) = self.end()?;
        Some(end.saturating_duration_since(now))
    }

    /// Whether the time is over, which takes no look at the counters.
    pub(crate) fn is_over(&self, now: Instant) -> Option<Cause> {
        let (end, cause) = self.end()?;
        (end <= now).then_some(cause)
    }

    /// When the session is to be looked at next.
    pub(crate) fn next_look(&self) -> Option<Instant> {
        let end = self.end().map(|(end, _)| end);
        let idle = self.idle.map(|limit| {
            let looks = self.looked + (limit / IDLE_PARTS).max(SOONEST);
            looks
                .min(self.quiet_since + limit)
                .max(self.looked + SOONEST)
        });
        let volume = self.volume.map(|volume| self.volume_look(volume));
        let told = self.tell.then_some(self.looked);
        let times = [end, idle, volume, self.next_interim, told];
        times.into_iter().flatten().min()
    }

    /// Half of the time that the rest of the volume takes at the rate seen last.
    fn volume_look(&self, volume: u64) -> Instant {
        let rest = volume.saturating_sub(self.octets) as f64;
        let wait = match self.rate > 0.0 {
            true => LATEST.mul_f64((rest / self.rate / 2.0 / LATEST.as_secs_f64()).min(1.0)),
            false => LATEST,
        };
        self.looked + wait.max(SOONEST)
    }

    /// Judges the counters: so many octets have passed in both directions since the session came up.
    pub(crate) fn judge(&mut self, now: Instant, octets: u64) -> Due {
        let seconds = now.saturating_duration_since(self.looked).as_secs_f64();
        let moved = octets.saturating_sub(self.octets);
        self.rate = if seconds > 0.0 {
            moved as f64 / seconds
        } else {
            0.0
        };
        if moved > 0 {
            self.quiet_since = now;
        }
        self.octets = octets;
        self.looked = now;
        if let Some(cause) = self.is_over(now) {
            return Due::End(cause);
        }
        if self.volume.is_some_and(|volume| octets >= volume) {
            return Due::End(Cause::Volume);
        }
        let silence = now.saturating_duration_since(self.quiet_since);
        if self.idle.is_some_and(|limit| silence >= limit) {
            return Due::End(Cause::IdleTimeout);
        }
        let told = std::mem::take(&mut self.tell);
        match (self.next_interim, self.interim) {
            (Some(next), Some(interval)) if next <= now => {
                self.next_interim = Some(now + interval);
                Due::Interim
            }
            _ if told => Due::Interim,
            _ => Due::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn terms(policy: &Policy, interim: Option<Duration>) -> (Instant, Terms) {
        let now = Instant::now();
        (now, Terms::new(now, 1_000_000, policy, interim))
    }

    /// Looks whenever the terms ask for it, at a session that moves so many octets a second for
    /// some seconds, until something is due.
    fn follow(start: Instant, terms: &mut Terms, rate: u64, active: Duration) -> (Duration, Due) {
        for _ in 0..10_000 {
            let now = terms.next_look().unwrap();
            let moved = (now - start).min(active).as_secs_f64() * rate as f64;
            match terms.judge(now, moved as u64) {
                Due::Nothing => {}
                due => return (now - start, due),
            }
        }
        panic!("nothing was ever due");
    }

    #[test]
    fn without_limits_nobody_looks() {
        let (_, terms) = terms(&Policy::default(), None);
        assert_eq!(terms.next_look(), None);
    }

    #[test]
    fn the_sooner_of_time_and_expiry_ends_it() {
        let mut policy = Policy {
            session_limit: Some(SECOND * 60),
            expires: Some(1_000_030),
            ..Policy::default()
        };
        let (start, mut sooner) = terms(&policy, None);
        let end = follow(start, &mut sooner, 0, SECOND);
        assert_eq!(end, (SECOND * 30, Due::End(Cause::Expired)));
        policy.expires = Some(2_000_000);
        let (start, mut later) = terms(&policy, None);
        let end = follow(start, &mut later, 0, SECOND);
        assert_eq!(end, (SECOND * 60, Due::End(Cause::SessionTimeout)));
        policy.expires = Some(7);
        let (start, past) = terms(&policy, None);
        assert_eq!(past.is_over(start), Some(Cause::Expired));
    }

    #[test]
    fn sessions_that_came_up_together_are_told_of_one_after_the_other() {
        let times: std::collections::BTreeSet<Duration> = (0..100)
            .map(|number| {
                let (start, mut terms) = terms(&Policy::default(), Some(SECOND * 600));
                terms.spread(start, number);
                let (after, due) = follow(start, &mut terms, 5, SECOND);
                assert_eq!(due, Due::Interim);
                after
            })
            .collect();
        assert_eq!(times.len(), 100);
        assert!(
            times
                .iter()
                .all(|after| (SECOND * 540..=SECOND * 600).contains(after))
        );
    }

    #[test]
    fn a_new_limit_does_not_outlive_the_account() {
        let policy = Policy {
            expires: Some(1_000_030),
            ..Policy::default()
        };
        for (limit, expected) in [
            (
                Some(SECOND * 10),
                (SECOND * 10, Due::End(Cause::SessionTimeout)),
            ),
            (Some(SECOND * 60), (SECOND * 30, Due::End(Cause::Expired))),
            (None, (SECOND * 30, Due::End(Cause::Expired))),
        ] {
            let (start, mut terms) = terms(&policy, None);
            terms.limit_time(start, limit);
            assert_eq!(follow(start, &mut terms, 0, SECOND), expected);
        }
    }

    #[test]
    fn what_changed_is_told_at_once_and_once() {
        let (start, mut terms) = terms(&Policy::default(), None);
        terms.tell_now();
        assert_eq!(terms.next_look(), Some(start));
        assert_eq!(terms.judge(start, 5), Due::Interim);
        assert_eq!(terms.judge(start, 5), Due::Nothing);
        assert_eq!(terms.next_look(), None);
    }

    #[test]
    fn silence_ends_it_and_traffic_does_not() {
        let policy = Policy {
            idle_limit: Some(SECOND * 100),
            ..Policy::default()
        };
        let (start, mut terms) = terms(&policy, None);
        let active = SECOND * 1000;
        let (after, due) = follow(start, &mut terms, 10, active);
        assert_eq!(due, Due::End(Cause::IdleTimeout));
        assert!(after >= active + SECOND * 99, "{after:?}");
        assert!(after <= active + SECOND * 111, "{after:?}");
    }

    #[test]
    fn a_volume_is_overdrawn_little() {
        let policy = Policy {
            volume: Some(1_000_000_000),
            ..Policy::default()
        };
        for rate in [1_000_000, 10_000_000, 100_000_000] {
            let (start, mut terms) = terms(&policy, None);
            let (after, due) = follow(start, &mut terms, rate, SECOND * 100_000);
            assert_eq!(due, Due::End(Cause::Volume));
            let moved = after.as_secs_f64() * rate as f64;
            let fair = 1e9 + rate as f64 * LATEST.as_secs_f64();
            assert!((1e9..=fair).contains(&moved), "{moved} octets at {rate}");
        }
    }

    #[test]
    fn interim_records_are_as_far_apart_as_asked() {
        let (start, mut terms) = terms(&Policy::default(), Some(SECOND * 60));
        for round in 1..5 {
            let (after, due) = follow(start, &mut terms, 5, SECOND * 500);
            assert_eq!((after, due), (SECOND * 60 * round, Due::Interim));
        }
    }
}
