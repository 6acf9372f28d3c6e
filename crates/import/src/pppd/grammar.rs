//! The grammar of pppd's files: words, of which each option takes as many as it has arguments.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::files::{DEEPEST, ReadError};
use crate::item::Item;
use crate::job::Job;
use crate::options::Program;
use crate::words::{Word, words};

/// How the table names what is no option by its name.
pub(super) const ADDRESSES: &str = "<local>:<remote>";
const DEVICE: &str = "<device>";
const SPEED: &str = "<speed>";

/// Options whose argument is not shown.
const SECRET: [&str; 2] = ["password", "srp-pn-secret"];

/// All options of a file and of those that it includes.
pub(super) fn read(job: &mut Job<'_>, path: &Path) -> Result<Vec<Item>, ReadError> {
    let mut items = Vec::new();
    read_at(job, path, 0, &mut items)?;
    Ok(items)
}

fn read_at(
    job: &mut Job<'_>,
    path: &Path,
    depth: usize,
    items: &mut Vec<Item>,
) -> Result<(), ReadError> {
    if depth >= DEEPEST {
        return Err(ReadError::TooMany);
    }
    let text = job.reader.text(path)?;
    let words = words(&text);
    let mut rest = words.as_slice();
    while let Some((word, after)) = rest.split_first() {
        if !job.has_room() {
            break;
        }
        let count = arguments(word, after);
        let (arguments, after) = after.split_at(count);
        rest = after;
        let item = item(job, path, word, arguments);
        match included(&item) {
            Some(file) if !item.value.is_empty() => match read_at(job, &file, depth + 1, items) {
                Ok(()) => job.ledger.needless(item.id, "the file is imported too"),
                Err(error) => job
                    .ledger
                    .lost(item.id, format!("the file is not read: {error}")),
            },
            _ => items.push(item),
        }
    }
    Ok(())
}

/// How many of the words that follow belong to an option. Of one that is not known, those on its line: nobody
/// knows what they are.
fn arguments(word: &Word, after: &[Word]) -> usize {
    let wanted = match Program::Pppd.find("", form(&word.text)) {
        Some(known) => usize::from(known.arguments),
        None if word.first => after.iter().take_while(|word| !word.first).count(),
        None => 0,
    };
    wanted.min(after.len())
}

fn item(job: &mut Job<'_>, path: &Path, word: &Word, arguments: &[Word]) -> Item {
    let values: Vec<&str> = arguments.iter().map(|word| word.text.as_str()).collect();
    let value = Zeroizing::new(values.join(" "));
    let known = Program::Pppd.find("", form(&word.text)).is_some();
    let shown = match (known, value.is_empty()) {
        (true, false) if SECRET.contains(&word.text.as_str()) => {
            format!("{} ***", word.text.as_str())
        }
        (true, false) => format!("{} {}", word.text.as_str(), value.as_str()),
        _ => word.text.to_string(),
    };
    Item {
        id: job.ledger.add(path, word.line, &shown),
        section: String::new(),
        name: form(&word.text).to_owned(),
        value,
        raw: word.text.clone(),
        taken: false,
    }
}

/// The file that an option has pppd read.
fn included(item: &Item) -> Option<PathBuf> {
    match item.name.as_str() {
        "file" => Some(PathBuf::from(item.value.as_str())),
        "call" => Some(Path::new("/etc/ppp/peers").join(item.value.as_str())),
        _ => None,
    }
}

/// The name by which the table has a word.
fn form(word: &str) -> &str {
    if address_pair(word).is_some() {
        ADDRESSES
    } else if word.starts_with("/dev/") || word.starts_with("tty") {
        DEVICE
    } else if !word.is_empty() && word.bytes().all(|octet| octet.is_ascii_digit()) {
        SPEED
    } else {
        word
    }
}

/// `local:remote`, of which one may be left out.
pub(super) fn address_pair(word: &str) -> Option<(Option<Ipv4Addr>, Option<Ipv4Addr>)> {
    let (local, remote) = word.split_once(':')?;
    let side = |text: &str| match text {
        "" => Some(None),
        text => text.parse().ok().map(Some),
    };
    Some((side(local)?, side(remote)?))
}
