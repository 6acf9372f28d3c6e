//! The account of every line that was read.

use std::path::{Path, PathBuf};

use serde::Serialize;

/// Characters of a line that are shown.
const SHOWN: usize = 120;

/// Where a line stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// A line, or a word of pppd's options with its arguments, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Where it stands.
    #[serde(flatten)]
    pub place: Place,
    /// What it says, without secrets.
    pub text: String,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What became of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// It became keys of Adit.
    Carried {
        /// The keys, as `network.mtu`.
        keys: Vec<String>,
        /// In what Adit does otherwise, a sentence each.
        notes: Vec<String>,
    },
    /// Adit does the same without being told, or the line has no effect where it stands.
    NotNeeded {
        /// Why.
        reason: String,
    },
    /// It means something, and Adit is not told.
    NotCarried {
        /// Why.
        reason: String,
    },
    /// Neither the other program's manual nor this import knows it.
    Unknown,
}

/// Names a line while the import runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LineId(usize);

#[derive(Debug, Default)]
struct Account {
    keys: Vec<String>,
    notes: Vec<String>,
    verdict: Option<Outcome>,
}

/// All lines.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    lines: Vec<(Place, String, Account)>,
}

impl Ledger {
    /// Adds a line; `text` must hold no secret.
    pub(crate) fn add(&mut self, file: &Path, line: usize, text: &str) -> LineId {
        let place = Place {
            file: file.to_owned(),
            line,
        };
        self.lines.push((place, shown(text), Account::default()));
        LineId(self.lines.len() - 1)
    }

    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    fn account(&mut self, id: LineId) -> Option<&mut Account> {
        self.lines.get_mut(id.0).map(|(_, _, account)| account)
    }

    /// The line became a key.
    pub(crate) fn carried(&mut self, id: LineId, key: String) {
        if let Some(account) = self.account(id)
            && !account.keys.contains(&key)
        {
            account.keys.push(key);
        }
    }

    /// Says in what Adit does otherwise.
    pub(crate) fn note(&mut self, id: LineId, note: impl Into<String>) {
        let note = note.into();
        if let Some(account) = self.account(id)
            && !account.notes.contains(&note)
        {
            account.notes.push(note);
        }
    }

    /// Says that the line is lost and why; the first verdict stays.
    pub(crate) fn lost(&mut self, id: LineId, reason: impl Into<String>) {
        let reason = reason.into();
        self.judge(id, Outcome::NotCarried { reason });
    }

    /// Says that the line needs nothing; the first verdict stays.
    pub(crate) fn needless(&mut self, id: LineId, reason: impl Into<String>) {
        let reason = reason.into();
        self.judge(id, Outcome::NotNeeded { reason });
    }

    fn judge(&mut self, id: LineId, outcome: Outcome) {
        if let Some(account) = self.account(id) {
            account.verdict.get_or_insert(outcome);
        }
    }

    /// Whether nothing was said of the line yet.
    pub(crate) fn is_open(&self, id: LineId) -> bool {
        self.lines
            .get(id.0)
            .is_some_and(|(_, _, account)| account.keys.is_empty() && account.verdict.is_none())
    }

    /// The line's place and text, for a comment.
    pub(crate) fn origin(&self, id: LineId) -> String {
        self.lines
            .get(id.0)
            .map_or_else(String::new, |(place, text, _)| format!("{place}: {text}"))
    }

    /// Where the line stands, as `FILE:LINE`.
    pub(crate) fn place(&self, id: LineId) -> String {
        self.lines
            .get(id.0)
            .map_or_else(String::new, |(place, ..)| place.to_string())
    }

    pub(crate) fn line_number(&self, id: LineId) -> usize {
        self.lines.get(id.0).map_or(0, |(place, ..)| place.line)
    }

    pub(crate) fn into_lines(self) -> Vec<Line> {
        let line = |(place, text, account): (Place, String, Account)| Line {
            place,
            text,
            outcome: account.outcome(),
        };
        self.lines.into_iter().map(line).collect()
    }
}

impl Account {
    fn outcome(self) -> Outcome {
        if !self.keys.is_empty() {
            let mut notes = self.notes;
            if let Some(Outcome::NotCarried { reason }) = self.verdict {
                notes.push(reason);
            }
            return Outcome::Carried {
                keys: self.keys,
                notes,
            };
        }
        self.verdict.unwrap_or(Outcome::Unknown)
    }
}

/// A text on one line, without control characters, of a bounded length.
pub(crate) fn shown(text: &str) -> String {
    let mut short: String = text
        .trim()
        .chars()
        .take(SHOWN)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if text.trim().chars().count() > SHOWN {
        short.push('…');
    }
    short
}
