//! The grammar of `pptpd.conf`: a keyword at the start of a line, then its value.

use std::path::Path;

use zeroize::Zeroizing;

use crate::ImportError;
use crate::item::Item;
use crate::job::Job;
use crate::options::Program;

/// Octets of a line; pptpd passes over longer ones.
const LONGEST: usize = 510;

pub(super) fn read(job: &mut Job<'_>, path: &Path) -> Result<Vec<Item>, ImportError> {
    let text = job.reader.text(path).map_err(|error| ImportError {
        path: path.to_owned(),
        error,
    })?;
    let mut items = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if !job.has_room() {
            break;
        }
        let trimmed = line.trim_end_matches([' ', '\t', '\r']);
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let end = trimmed.find([' ', '\t']).unwrap_or(trimmed.len());
        let (name, value) = trimmed.split_at(end);
        let value = value.trim_start();
        let known = Program::Pptpd.find("", name).is_some();
        let id = job.ledger.add(
            path,
            index + 1,
            if known || name.is_empty() {
                trimmed
            } else {
                name
            },
        );
        if line.len() > LONGEST {
            job.ledger
                .lost(id, "pptpd passes over lines of this length");
            continue;
        }
        if name.is_empty() {
            job.ledger
                .lost(id, "pptpd passes over lines that begin with a blank");
            continue;
        }
        items.push(Item {
            id,
            section: String::new(),
            name: name.to_owned(),
            value: Zeroizing::new(value.to_owned()),
            raw: Zeroizing::new(trimmed.to_owned()),
            taken: false,
        });
    }
    Ok(items)
}
