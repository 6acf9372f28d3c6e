use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn drain(schedule: &mut Schedule, now: Instant) -> Vec<u64> {
    std::iter::from_fn(|| schedule.next(now)).collect()
}

#[test]
fn a_session_sends_in_order_and_sessions_beside_each_other() {
    let now = Instant::now();
    let mut schedule = Schedule::new();
    for (number, session) in [(1, "a"), (2, "a"), (3, "b"), (4, "a")] {
        schedule.push(number, session);
    }
    assert_eq!(drain(&mut schedule, now), [1, 3]);
    schedule.acknowledged(1, now);
    assert_eq!(drain(&mut schedule, now), [2]);
    schedule.acknowledged(3, now);
    schedule.acknowledged(2, now);
    assert_eq!(drain(&mut schedule, now), [4]);
    schedule.acknowledged(4, now);
    assert_eq!(schedule.len(), 0);
    assert_eq!(schedule.sessions.len(), 0);
    assert_eq!(schedule.deadline(), None);
}

#[test]
fn what_concerns_the_server_goes_alone() {
    let now = Instant::now();
    let mut schedule = Schedule::new();
    for (number, session) in [(1, "a"), (2, "a"), (3, ""), (4, "b")] {
        schedule.push(number, session);
    }
    for number in 1..=4 {
        assert_eq!(drain(&mut schedule, now), [number]);
        schedule.acknowledged(number, now);
    }
}

#[test]
fn the_window_bounds_what_is_under_way() {
    let now = Instant::now();
    let mut schedule = Schedule::new();
    for number in 0..1000 {
        schedule.push(number, &number.to_string());
    }
    assert_eq!(drain(&mut schedule, now).len(), WINDOW);
}

#[test]
fn where_no_server_answers_one_record_tries_after_a_rest() {
    let now = Instant::now();
    let mut schedule = Schedule::new();
    for number in 0..10 {
        schedule.push(number, &number.to_string());
    }
    drain(&mut schedule, now);
    let failed = now + seconds(9);
    for number in 0..10 {
        schedule.failed(number, failed);
    }
    assert!(drain(&mut schedule, failed).is_empty());
    let mut again = schedule.deadline().unwrap();
    assert_eq!(again, failed + COMMON_REST.0);
    for doubled in [2, 4, 8, 16, 30, 30] {
        assert_eq!(drain(&mut schedule, again), [0]);
        schedule.failed(0, again);
        assert_eq!(schedule.deadline(), Some(again + seconds(doubled)));
        again += seconds(doubled);
    }
    assert_eq!(drain(&mut schedule, again), [0]);
    schedule.acknowledged(0, again);
    assert_eq!(drain(&mut schedule, again), [1, 2]);
}

#[test]
fn a_record_that_servers_do_not_take_holds_up_its_session_only() {
    let now = Instant::now();
    let mut schedule = Schedule::new();
    for (number, session) in [(1, "bad"), (2, "bad"), (3, "good")] {
        schedule.push(number, session);
    }
    assert_eq!(drain(&mut schedule, now), [1, 3]);
    schedule.acknowledged(3, now + seconds(1));
    let mut now = now + seconds(9);
    for rest in [5, 10, 20] {
        schedule.failed(1, now);
        schedule.push(100 + rest, "good");
        assert_eq!(drain(&mut schedule, now), [100 + rest]);
        schedule.acknowledged(100 + rest, now + seconds(2));
        assert_eq!(schedule.deadline(), Some(now + seconds(rest)));
        now += seconds(rest);
        assert_eq!(drain(&mut schedule, now), [1]);
        schedule.push(200 + rest, "good");
        assert_eq!(drain(&mut schedule, now), [200 + rest]);
        schedule.acknowledged(200 + rest, now + seconds(1));
        now += seconds(1);
    }
}

#[test]
fn what_is_forgotten_makes_way() {
    let now = Instant::now();
    let mut schedule = Schedule::new();
    for (number, session) in [(1, "a"), (2, "a"), (3, "a")] {
        schedule.push(number, session);
    }
    schedule.forget(2);
    assert_eq!(drain(&mut schedule, now), [1]);
    schedule.forget(1);
    // Its acknowledgment comes later.
    schedule.acknowledged(1, now);
    schedule.failed(1, now);
    assert_eq!(drain(&mut schedule, now), [3]);
}

proptest! {
    /// Servers that fail as they like: in the end each record was acknowledged once, in the order of its
    /// session, and never were two of a session under way.
    #[test]
    fn everything_is_acknowledged_in_the_end(
        sessions in prop::collection::vec(0..5u8, 1..40),
        fates in prop::collection::vec(any::<bool>(), 0..60),
    ) {
        let name = |session: u8| if session == 0 { String::new() } else { session.to_string() };
        let mut schedule = Schedule::new();
        for (number, session) in (0..).zip(&sessions) {
            schedule.push(number, &name(*session));
        }
        let mut fates = fates.into_iter();
        let mut now = Instant::now();
        let mut under_way = BTreeSet::new();
        let mut done: BTreeMap<u8, Vec<u64>> = BTreeMap::new();
        for _ in 0..10_000 {
            under_way.extend(drain(&mut schedule, now));
            let of: Vec<u8> = under_way.iter().map(|it| sessions[*it as usize]).collect();
            let distinct: BTreeSet<&u8> = of.iter().collect();
            prop_assert_eq!(of.len(), distinct.len());
            prop_assert!(!of.contains(&0) || of.len() == 1);
            match under_way.pop_first() {
                Some(number) if fates.next().unwrap_or(true) => {
                    schedule.acknowledged(number, now);
                    done.entry(sessions[number as usize]).or_default().push(number);
                }
                Some(number) => schedule.failed(number, now),
                None if schedule.len() == 0 => break,
                None => now = schedule.deadline().unwrap().max(now),
            }
            now += Duration::from_millis(1);
        }
        prop_assert_eq!(schedule.len(), 0);
        prop_assert_eq!(done.values().map(Vec::len).sum::<usize>(), sessions.len());
        prop_assert!(done.values().all(|numbers| numbers.is_sorted()));
    }
}
