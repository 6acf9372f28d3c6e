//! One import: what is read, what is written, what is said.

use std::ops::RangeInclusive;
use std::path::Path;

use toml::Value;

use crate::Import;
use crate::draft::{Draft, Row};
use crate::files::{MOST_LINES, Reader};
use crate::item::Item;
use crate::ledger::{Ledger, LineId};
use crate::secret::Secrets;

/// Lines that are named above one key.
const ORIGINS: usize = 8;

/// One import.
pub(crate) struct Job<'a> {
    pub(crate) reader: Reader<'a>,
    pub(crate) ledger: Ledger,
    pub(crate) secrets: Secrets,
    draft: Draft,
    remarks: Vec<String>,
}

impl<'a> Job<'a> {
    pub(crate) fn new(reader: Reader<'a>, directory: &Path) -> Self {
        Self {
            reader,
            ledger: Ledger::default(),
            secrets: Secrets::new(directory),
            draft: Draft::default(),
            remarks: Vec::new(),
        }
    }

    /// Whether there is room for another line.
    pub(crate) fn has_room(&mut self) -> bool {
        let room = self.ledger.len() < MOST_LINES;
        if !room {
            self.remark(format!("only the first {MOST_LINES} lines were read."));
        }
        room
    }

    /// Sets a key; the lines are those that it comes from.
    pub(crate) fn set(
        &mut self,
        table: &'static str,
        key: &'static str,
        value: impl Into<Value>,
        lines: &[LineId],
    ) {
        let row = self.row(table, key, value, lines);
        self.draft.set(table, row);
    }

    /// A key of one of several tables of a name.
    pub(crate) fn row(
        &mut self,
        table: &'static str,
        key: &'static str,
        value: impl Into<Value>,
        lines: &[LineId],
    ) -> Row {
        let name = match table {
            "" => key.to_owned(),
            table => format!("{table}.{key}"),
        };
        for id in lines {
            self.ledger.carried(*id, name.clone());
        }
        let mut origins: Vec<String> = lines
            .iter()
            .take(ORIGINS)
            .map(|id| self.ledger.origin(*id))
            .collect();
        if lines.len() > ORIGINS {
            origins.push(format!("and {} lines more", lines.len() - ORIGINS));
        }
        Row {
            key,
            value: value.into(),
            origins,
        }
    }

    pub(crate) fn push_element(&mut self, table: &'static str, rows: Vec<Row>) {
        self.draft.push_element(table, rows);
    }

    /// What a key is set to so far.
    pub(crate) fn get(&self, table: &str, key: &str) -> Option<&Value> {
        self.draft.get(table, key)
    }

    /// Sets a key to the number of an item times `scale`, if that is in Adit's range.
    pub(crate) fn number(
        &mut self,
        item: &Item,
        table: &'static str,
        key: &'static str,
        scale: i64,
        range: RangeInclusive<i64>,
    ) -> bool {
        let Some(number) = item.number() else {
            self.ledger.lost(item.id, "its value is no number");
            return false;
        };
        let value = number.saturating_mul(scale);
        if !range.contains(&value) {
            let (low, high) = (range.start(), range.end());
            self.ledger.lost(
                item.id,
                format!("`{table}.{key}` would be {value}; Adit takes {low} to {high}"),
            );
            return false;
        }
        self.set(table, key, value, &[item.id]);
        true
    }

    /// Sets a key to the path that an item names, if that is a whole one; tells whether it is.
    pub(crate) fn path(&mut self, item: &Item, table: &'static str, key: &'static str) -> bool {
        let whole = item.value.starts_with('/') && !item.value.contains(char::is_control);
        match whole {
            true => self.set(table, key, item.value.as_str(), &[item.id]),
            false => self
                .ledger
                .lost(item.id, "it is named by its whole path in Adit"),
        }
        whole
    }

    /// Says something that no single line is to blame for.
    pub(crate) fn remark(&mut self, sentence: impl Into<String>) {
        let sentence = sentence.into();
        if !self.remarks.contains(&sentence) {
            self.remarks.push(sentence);
        }
    }

    pub(crate) fn finish(self, path: &Path) -> Import {
        let head = format!(
            "Configuration of the Adit PPTP server, made by `adit import` from {}.\n\
             Above each key stands the line that it comes from. Check it with `adit config check`.",
            path.display()
        );
        Import {
            configuration: self.draft.text(&head),
            lines: self.ledger.into_lines(),
            remarks: self.remarks,
            secrets: self.secrets.into_files(),
        }
    }
}
