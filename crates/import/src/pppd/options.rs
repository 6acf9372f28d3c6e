//! Options of pppd as one asks for them.

use crate::item::Item;
use crate::job::Job;
use crate::options::{Fate, Program};

/// All options, in the order of reading.
pub(super) struct Options {
    items: Vec<Item>,
}

impl Options {
    pub(super) fn new(items: Vec<Item>) -> Self {
        Self { items }
    }

    /// The option of these names that counts: the last one.
    pub(super) fn last(&mut self, job: &mut Job<'_>, names: &[&str]) -> Option<Item> {
        let mut all = self.all(names);
        let last = all.pop()?;
        for earlier in all {
            let line = job.ledger.place(last.id);
            job.ledger.needless(
                earlier.id,
                format!("a later `{}` counts: {line}", last.name),
            );
        }
        Some(last)
    }

    /// All options of these names.
    pub(super) fn all(&mut self, names: &[&str]) -> Vec<Item> {
        let mut found = Vec::new();
        for item in &mut self.items {
            if names.contains(&item.name.as_str()) && !item.taken {
                item.taken = true;
                found.push(item.clone());
            }
        }
        found
    }

    /// Says of every option that nothing has looked at what the table says.
    pub(super) fn settle(&self, job: &mut Job<'_>) {
        for item in &self.items {
            if !job.ledger.is_open(item.id) {
                continue;
            }
            match Program::Pppd.find("", &item.name).map(|known| known.fate) {
                Some(Fate::NotNeeded(why)) => job.ledger.needless(item.id, why),
                Some(Fate::Missing(why)) => job.ledger.lost(item.id, why),
                Some(Fate::Carried(_)) | None => {}
            }
        }
    }
}
