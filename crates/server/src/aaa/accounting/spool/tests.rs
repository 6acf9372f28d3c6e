use std::collections::BTreeMap;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

fn entry(session: &str, weight: Weight, body: &[u8]) -> Entry {
    Entry {
        session: session.into(),
        weight,
        at: 1_700_000_000,
        body: body.into(),
    }
}

fn bodies(spool: &Spool) -> Vec<Vec<u8>> {
    spool.iter().map(|(_, it)| it.body.to_vec()).collect()
}

#[test]
fn records_outlive_the_one_who_wrote_them_until_they_are_done() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(directory.path()).unwrap();
    let first = spool.append(entry("a", Weight::Lasting, b"start")).0;
    let second = spool.append(entry("", Weight::Interim, b"on")).0;
    spool.sync();
    drop(spool);

    let mut spool = Spool::open(directory.path()).unwrap();
    let kept: Vec<_> = spool.iter().map(|(n, it)| (n, Entry::clone(it))).collect();
    let expected = [
        (first, entry("a", Weight::Lasting, b"start")),
        (second, entry("", Weight::Interim, b"on")),
    ];
    assert_eq!(kept, expected);
    spool.done(first);
    drop(spool);

    let mut spool = Spool::open(directory.path()).unwrap();
    assert_eq!(bodies(&spool), [b"on"]);
    let third = spool.append(entry("a", Weight::Lasting, b"stop")).0;
    assert!(third > second, "numbers come once only");
}

#[test]
fn a_directory_has_one_server_and_is_for_its_eyes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("deep/accounting");
    let spool = Spool::open(&path).unwrap();
    assert!(matches!(Spool::open(&path), Err(SpoolError::InUse(_))));
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    assert_eq!(mode(&path.join(RECORDS)), 0o600);
    drop(spool);
    assert!(Spool::open(&path).is_ok());
}

#[test]
fn a_file_of_something_else_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(RECORDS);
    std::fs::write(&path, "my diary").unwrap();
    assert!(matches!(
        Spool::open(directory.path()),
        Err(SpoolError::Foreign(_))
    ));
    assert_eq!(std::fs::read(&path).unwrap(), b"my diary");
}

#[test]
fn what_is_full_drops_interim_records_first_and_then_the_oldest() {
    let directory = tempfile::tempdir().unwrap();
    let each = frame::length(&entry("s", Weight::Interim, &[0]));
    let mut spool = Spool::with_limit(directory.path(), 4 * each).unwrap();
    for (body, weight) in [
        (0, Weight::Lasting),
        (1, Weight::Interim),
        (2, Weight::Lasting),
        (3, Weight::Lasting),
    ] {
        assert!(spool.append(entry("s", weight, &[body])).1.is_empty());
    }
    assert_eq!(spool.append(entry("s", Weight::Lasting, &[4])).1, [1]);
    assert_eq!(bodies(&spool), [[0], [2], [3], [4]]);
    assert_eq!(spool.append(entry("s", Weight::Lasting, &[5])).1, [0]);
    spool.sync();
    drop(spool);
    let spool = Spool::open(directory.path()).unwrap();
    assert_eq!(bodies(&spool), [[2], [3], [4], [5]]);
}

#[test]
fn the_file_does_not_grow_with_what_is_done() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(directory.path()).unwrap();
    let kept = spool.append(entry("kept", Weight::Lasting, b"kept")).0;
    let body = [7; 1000];
    for _ in 0..5000 {
        let number = spool.append(entry("s", Weight::Lasting, &body)).0;
        spool.done(number);
    }
    spool.sync();
    let length = || {
        std::fs::metadata(directory.path().join(RECORDS))
            .unwrap()
            .len()
    };
    assert!(length() < 1000, "{}", length());
    // What was written anew is appended to.
    spool.append(entry("kept", Weight::Lasting, b"after"));
    spool.sync();
    drop(spool);
    let spool = Spool::open(directory.path()).unwrap();
    assert_eq!(spool.iter().next().unwrap().0, kept);
    assert_eq!(bodies(&spool), [b"kept".to_vec(), b"after".to_vec()]);
}

#[test]
fn a_disk_that_fails_costs_nothing_once_it_works_again() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(directory.path()).unwrap();
    spool.append(entry("s", Weight::Lasting, b"before"));
    // A file that takes nothing, as a disk that is full.
    spool.file = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let meanwhile = spool.append(entry("s", Weight::Lasting, b"meanwhile")).0;
    assert!(spool.is_broken);
    spool.append(entry("s", Weight::Lasting, b"later"));
    spool.done(meanwhile);
    spool.sync();
    assert!(!spool.is_broken);
    drop(spool);
    let spool = Spool::open(directory.path()).unwrap();
    assert_eq!(bodies(&spool), [b"before".to_vec(), b"later".to_vec()]);
}

/// What is done with a spool.
#[derive(Debug, Clone)]
enum Step {
    Append {
        session: u8,
        is_interim: bool,
        length: usize,
    },
    /// One of those that are there.
    Done(prop::sample::Index),
    Sync,
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..4u8, any::<bool>(), 0..80usize).prop_map(|(session, is_interim, length)| {
            Step::Append { session, is_interim, length }
        }),
        3 => any::<prop::sample::Index>().prop_map(Step::Done),
        1 => Just(Step::Sync),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..40)
}

type Model = BTreeMap<u64, Entry>;

/// A spool, what it must hold, and how long the file was with what since it was last written anew.
struct Tried {
    directory: TempDir,
    spool: Option<Spool>,
    model: Model,
    history: Vec<(u64, Model)>,
}

impl Tried {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let spool = Spool::open(directory.path()).unwrap();
        let history = vec![(spool.written, Model::new())];
        Self {
            directory,
            spool: Some(spool),
            model: Model::new(),
            history,
        }
    }

    fn take(&mut self, step: Step) {
        let spool = self.spool.as_mut().unwrap();
        match step {
            Step::Append {
                session,
                is_interim,
                length,
            } => {
                let weight = if is_interim {
                    Weight::Interim
                } else {
                    Weight::Lasting
                };
                let entry = entry(&session.to_string(), weight, &vec![session; length]);
                let (number, gone) = spool.append(entry.clone());
                assert!(gone.is_empty() && self.model.insert(number, entry).is_none());
            }
            Step::Done(index) if !self.model.is_empty() => {
                let number = *self
                    .model
                    .keys()
                    .nth(index.index(self.model.len()))
                    .unwrap();
                spool.done(number);
                self.model.remove(&number);
            }
            Step::Done(_) => {}
            Step::Sync => spool.sync(),
            Step::Reopen => {
                self.spool = None;
                self.spool = Some(Spool::open(self.directory.path()).unwrap());
                self.history.clear();
            }
        }
        let spool = self.spool.as_ref().unwrap();
        self.history.push((spool.written, self.model.clone()));
    }
}

fn content(spool: &Spool) -> Model {
    spool.iter().map(|(n, it)| (n, Entry::clone(it))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A crash leaves the file cut off anywhere. What was written whole before is there, no more and no
    /// less, and what is appended afterwards is, too.
    #[test]
    fn nothing_is_lost_wherever_the_file_is_cut_off(
        steps in steps(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut tried = Tried::new();
        for step in steps {
            tried.take(step);
            prop_assert_eq!(content(tried.spool.as_ref().unwrap()), tried.model.clone());
        }
        let first = tried.history[0].0;
        let last = tried.history.last().unwrap().0;
        let cut = first + cut.index(usize::try_from(last - first).unwrap() + 1) as u64;
        let whole = tried.history.iter().rev().find(|(length, _)| *length <= cut).unwrap();
        let mut expected = whole.1.clone();

        tried.spool = None;
        let path = tried.directory.path().join(RECORDS);
        OpenOptions::new().write(true).open(&path).unwrap().set_len(cut).unwrap();
        let mut spool = Spool::open(tried.directory.path()).unwrap();
        prop_assert_eq!(content(&spool), expected.clone());

        let after = entry("after", Weight::Lasting, b"after");
        let (number, _) = spool.append(after.clone());
        prop_assert!(expected.insert(number, after).is_none());
        drop(spool);
        prop_assert_eq!(content(&Spool::open(tried.directory.path()).unwrap()), expected);
    }

    /// Octets that changed on the disk are no records, and those before them are not touched by that.
    #[test]
    fn nothing_is_made_of_damaged_octets(
        at in any::<prop::sample::Index>(),
        flip in 1..=255u8,
    ) {
        let directory = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(directory.path()).unwrap();
        let mut ends = Vec::new();
        for body in 0..8 {
            spool.append(entry("s", Weight::Lasting, &[body; 40]));
            ends.push(spool.written);
        }
        drop(spool);
        let path = directory.path().join(RECORDS);
        let mut octets = std::fs::read(&path).unwrap();
        let at = frame::MAGIC.len() + at.index(octets.len() - frame::MAGIC.len());
        octets[at] ^= flip;
        std::fs::write(&path, octets).unwrap();
        let whole = ends.iter().filter(|end| **end <= at as u64).count();
        let expected: Vec<Vec<u8>> = (0..whole).map(|body| vec![body as u8; 40]).collect();
        prop_assert_eq!(bodies(&Spool::open(directory.path()).unwrap()), expected);
    }

    #[test]
    fn any_octets_are_read(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut file = frame::MAGIC.to_vec();
        file.extend(&octets);
        let left = read(&file).unwrap();
        prop_assert!(left.damaged <= octets.len());
    }
}
