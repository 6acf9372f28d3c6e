use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::path::Path;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

/// What happens to a server between two records of its own.
#[derive(Debug, Clone, Copy)]
enum Step {
    Record {
        session: u8,
    },
    /// A server acknowledges what is under way, or nobody does.
    Deliver {
        is_heard: bool,
    },
    /// Power fails: of what was not synced, only this part of 256 is on the disk.
    Crash {
        part: u8,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..4u8).prop_map(|session| Step::Record { session }),
        3 => any::<bool>().prop_map(|is_heard| Step::Deliver { is_heard }),
        1 => any::<u8>().prop_map(|part| Step::Crash { part }),
    ];
    prop::collection::vec(step, 1..60)
}

/// One life of a server: what it has, and how long its file was when it was last synced.
struct Life {
    spool: Spool,
    schedule: Schedule,
    synced: u64,
}

fn length(directory: &Path) -> u64 {
    std::fs::metadata(directory.join("records")).unwrap().len()
}

impl Life {
    fn begin(directory: &Path) -> Self {
        let spool = Spool::open(directory).unwrap();
        let mut schedule = Schedule::new();
        for (number, entry) in spool.iter() {
            schedule.push(number, &entry.session);
        }
        let synced = length(directory);
        Self {
            spool,
            schedule,
            synced,
        }
    }

    fn record(&mut self, directory: &Path, session: u8, body: u64) {
        let entry = Entry {
            session: session.to_string().into(),
            weight: Weight::Lasting,
            at: 0,
            body: body.to_be_bytes().into(),
        };
        let (number, gone) = self.spool.append(entry);
        assert!(gone.is_empty());
        self.spool.sync();
        self.synced = length(directory);
        self.schedule.push(number, &session.to_string());
    }

    /// Sends what may be sent; returns what a server has acknowledged.
    fn deliver(&mut self, now: Instant, is_heard: bool) -> Vec<(Box<str>, u64)> {
        let numbers: Vec<u64> = std::iter::from_fn(|| self.schedule.next(now)).collect();
        let mut heard = Vec::new();
        for number in numbers {
            if !is_heard {
                self.schedule.failed(number, now);
                continue;
            }
            let entry = self.spool.get(number).unwrap();
            let body = <[u8; 8]>::try_from(&*entry.body).unwrap();
            heard.push((entry.session.clone(), u64::from_be_bytes(body)));
            self.spool.done(number);
            self.schedule.acknowledged(number, now);
        }
        heard
    }

    fn crash(self, directory: &Path, part: u8) {
        let (synced, whole) = (self.synced, length(directory));
        drop(self);
        let left = synced + (whole - synced) * u64::from(part) / 256;
        let file = OpenOptions::new()
            .write(true)
            .open(directory.join("records"));
        file.unwrap().set_len(left).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever fails: in the end a server has acknowledged every record, each session's in its order.
    #[test]
    fn no_record_is_lost_over_crashes_and_silence(steps in steps()) {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let mut now = Instant::now();
        let mut life = Life::begin(directory);
        let mut made = BTreeSet::new();
        let mut heard: Vec<(Box<str>, u64)> = Vec::new();
        for step in steps {
            match step {
                Step::Record { session } => {
                    let body = made.len() as u64;
                    life.record(directory, session, body);
                    made.insert(body);
                }
                Step::Deliver { is_heard } => heard.extend(life.deliver(now, is_heard)),
                Step::Crash { part } => {
                    life.crash(directory, part);
                    life = Life::begin(directory);
                }
            }
            now += Duration::from_secs(1);
        }
        while life.schedule.len() > 0 {
            now = life.schedule.deadline().unwrap_or(now).max(now);
            heard.extend(life.deliver(now, true));
        }
        let delivered: BTreeSet<u64> = heard.iter().map(|(_, body)| *body).collect();
        prop_assert_eq!(&delivered, &made);
        // A record that comes again does so after a crash; first times are in order.
        let mut last: BTreeMap<Box<str>, u64> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for (session, body) in heard {
            if seen.insert(body) {
                let before = last.insert(session, body);
                prop_assert!(before.is_none_or(|before| before < body));
            }
        }
        drop(life);
        prop_assert_eq!(Spool::open(directory).unwrap().len(), 0);
    }
}
