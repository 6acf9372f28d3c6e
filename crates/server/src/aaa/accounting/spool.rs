//! Accounting records on disk until a server has acknowledged them.
//!
//! One file, `records`, to which is only appended: records, and marks for those that are done. It is
//! written anew without what is done when that is most of it. A directory belongs to one server, which
//! holds a lock on `lock`.
//!
//! **What is safe when.** [`append`](Spool::append) writes, [`sync`](Spool::sync) makes safe against a
//! loss of power; who sends only what was synced loses nothing that ever left. Marks are not synced by
//! themselves: after a crash a record can be there again that a server has acknowledged, and is delivered
//! twice.
//!
//! **What is bounded.** Records take [`MAX_OCTETS`] at most. Where a new one has no room, the oldest
//! interim records go, of which later ones say all that they said; then the oldest of all, with an error in
//! the log.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

mod frame;

use frame::Frame;

use crate::file_lock::FileLock;

/// Octets of records that are kept, as they are in the file.
pub(crate) const MAX_OCTETS: u64 = 64 << 20;
/// A file that is shorter is never written anew.
const WORTH_REWRITING: u64 = 1 << 20;

const RECORDS: &str = "records";
const NEW_RECORDS: &str = "records.new";
const LOCK: &str = "lock";

/// A record to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Records of the same session are delivered in their order. Empty: it concerns the whole server.
    pub(crate) session: Box<str>,
    pub(crate) weight: Weight,
    /// When it happened, in seconds since 1970.
    pub(crate) at: u64,
    /// What is to be sent.
    pub(crate) body: Box<[u8]>,
}

/// How much is lost with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// Later records of its session say more.
    Interim,
    /// It is the only one to say what it says.
    Lasting,
}

/// Why accounting records cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The directory, or a file in it, cannot be read or written.
    #[error("cannot use the directory {} for accounting records: {source}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another server has it.
    #[error(
        "another server keeps its accounting records in {}; give each one a directory of its own (radius.spool)",
        .0.display()
    )]
    InUse(PathBuf),
    /// The file of records is something else.
    #[error("{} is no file of accounting records of this program; move it away", .0.display())]
    Foreign(PathBuf),
}

/// The records of a directory.
#[derive(Debug)]
pub(crate) struct Spool {
    directory: PathBuf,
    file: File,
    /// Held as long as the spool is.
    _lock: FileLock,
    entries: BTreeMap<u64, Arc<Entry>>,
    /// Octets that the entries take in a file.
    octets: u64,
    /// Octets of the file.
    written: u64,
    next: u64,
    is_synced: bool,
    /// The end of the file is not known: it must be written anew before anything is appended.
    is_broken: bool,
    /// Records that say what no other one says and had no room.
    lost: u64,
    limit: u64,
}

impl Spool {
    /// Opens a directory, made where there is none, with the records that a server left in it.
    pub(crate) fn open(directory: &Path) -> Result<Self, SpoolError> {
        Self::with_limit(directory, MAX_OCTETS)
    }

    fn with_limit(directory: &Path, limit: u64) -> Result<Self, SpoolError> {
        let of_directory = |source| SpoolError::Directory {
            path: directory.to_owned(),
            source,
        };
        let lock = locked(directory)?;
        let path = directory.join(RECORDS);
        let left = match std::fs::read(&path) {
            Ok(octets) => read(&octets).ok_or(SpoolError::Foreign(path))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Left::default(),
            Err(error) => return Err(of_directory(error)),
        };
        if left.damaged > 0 {
            tracing::warn!(
                "the last {} octets of the accounting records in {} are damaged and left out; what stands before them is kept",
                left.damaged,
                directory.display(),
            );
        }
        let octets = left
            .entries
            .values()
            .map(|entry| frame::length(entry))
            .sum();
        let (file, written) = rewritten(directory, &left.entries).map_err(of_directory)?;
        Ok(Self {
            directory: directory.to_owned(),
            file,
            _lock: lock,
            entries: left.entries,
            octets,
            written,
            next: left.next,
            is_synced: true,
            is_broken: false,
            lost: 0,
            limit,
        })
    }

    /// All records, oldest first, with their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &Arc<Entry>)> {
        self.entries.iter().map(|(number, entry)| (*number, entry))
    }

    /// The record with this number, if it is still to be delivered.
    pub(crate) fn get(&self, number: u64) -> Option<&Arc<Entry>> {
        self.entries.get(&number)
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Appends a record. Returns its number and those of the records that went to make room for it.
    pub(crate) fn append(&mut self, entry: Entry) -> (u64, Vec<u64>) {
        let length = frame::length(&entry);
        let gone = self.make_room(length);
        let number = self.next;
        self.next += 1;
        self.write(&Frame::Record(number, &entry));
        self.octets += length;
        self.entries.insert(number, Arc::new(entry));
        (number, gone)
    }

    /// A record needs to be kept no longer.
    pub(crate) fn done(&mut self, number: u64) {
        if let Some(entry) = self.entries.remove(&number) {
            self.octets -= frame::length(&entry);
            self.write(&Frame::Done(number));
        }
    }

    /// Makes safe what was appended. Where that fails, records are kept in memory, and the next call
    /// tries again.
    pub(crate) fn sync(&mut self) {
        let result = if self.is_broken || self.is_worth_rewriting() {
            self.rewrite()
        } else if self.is_synced {
            return;
        } else {
            self.file.sync_data()
        };
        self.is_synced = result.is_ok();
        if let Err(error) = result {
            self.fail(&error);
        }
    }

    fn is_worth_rewriting(&self) -> bool {
        self.written > WORTH_REWRITING && self.written / 2 > self.octets
    }

    fn rewrite(&mut self) -> io::Result<()> {
        let was_broken = self.is_broken;
        (self.file, self.written) = rewritten(&self.directory, &self.entries)?;
        self.is_broken = false;
        if was_broken {
            tracing::info!(
                "accounting records are written to {} again",
                self.directory.display()
            );
        }
        Ok(())
    }

    fn write(&mut self, frame: &Frame<'_>) {
        if self.is_broken {
            return;
        }
        let octets = frame.octets();
        self.is_synced = false;
        match self.file.write_all(&octets) {
            Ok(()) => self.written += octets.len() as u64,
            Err(error) => self.fail(&error),
        }
    }

    fn fail(&mut self, error: &io::Error) {
        if !std::mem::replace(&mut self.is_broken, true) {
            tracing::error!(
                "cannot write accounting records to {}: {error}; they are kept in memory until that is possible again",
                self.directory.display(),
            );
        }
    }

    /// Drops records until there is room for so many octets more.
    fn make_room(&mut self, length: u64) -> Vec<u64> {
        let need = (self.octets + length).saturating_sub(self.limit);
        if need == 0 {
            return Vec::new();
        }
        // Interim records go a good part at once, so that they need not be looked for each time.
        let mut gone = self.oldest(Weight::Interim, need + self.limit / 16);
        let freed: u64 = self.lengths(&gone).sum();
        self.tell_of_loss(Weight::Interim, gone.len());
        let lost = self.oldest(Weight::Lasting, need.saturating_sub(freed));
        self.tell_of_loss(Weight::Lasting, lost.len());
        gone.extend(lost);
        for number in &gone {
            self.done(*number);
        }
        gone
    }

    /// The oldest records of this weight that take so many octets together, or all.
    fn oldest(&self, weight: Weight, octets: u64) -> Vec<u64> {
        let mut found = 0;
        let of_weight = self.entries.iter().filter(|(_, it)| it.weight == weight);
        let enough = of_weight.take_while(|(_, entry)| {
            let is_needed = found < octets;
            found += frame::length(entry);
            is_needed
        });
        enough.map(|(number, _)| *number).collect()
    }

    fn lengths(&self, numbers: &[u64]) -> impl Iterator<Item = u64> {
        let entries = numbers.iter().filter_map(|number| self.entries.get(number));
        entries.map(|entry| frame::length(entry))
    }

    fn tell_of_loss(&mut self, weight: Weight, count: usize) {
        let before = self.lost;
        let directory = self.directory.display();
        if weight == Weight::Lasting {
            self.lost += count as u64;
        }
        if weight == Weight::Interim && count > 0 {
            tracing::warn!(
                "accounting records that no server takes fill {directory}: the {count} oldest interim records are dropped"
            );
        } else if before.checked_ilog2() != self.lost.checked_ilog2() {
            // Told again when they are twice as many.
            tracing::error!(
                "accounting records that no server takes fill {directory}: {} records of starts and ends of sessions are lost so far; make an accounting server reachable",
                self.lost,
            );
        }
    }
}

/// What a file holds.
#[derive(Default)]
struct Left {
    entries: BTreeMap<u64, Arc<Entry>>,
    next: u64,
    /// Octets at the end that nothing can be read from.
    damaged: usize,
}

/// Reads a file as far as it is whole; nothing where it is none of ours.
fn read(octets: &[u8]) -> Option<Left> {
    let mut left = Left::default();
    let Some(mut rest) = octets.strip_prefix(frame::MAGIC) else {
        // Cut off within the first octets, it held nothing.
        return frame::MAGIC.starts_with(octets).then_some(left);
    };
    while !rest.is_empty() {
        let Some((frame, behind)) = frame::Owned::read(rest) else {
            left.damaged = rest.len();
            break;
        };
        rest = behind;
        match frame {
            frame::Owned::Record(number, entry) => {
                left.entries.insert(number, Arc::new(entry));
                left.next = left.next.max(number.saturating_add(1));
            }
            frame::Owned::Done(number) => {
                left.entries.remove(&number);
                left.next = left.next.max(number.saturating_add(1));
            }
        }
    }
    Some(left)
}

/// Makes the directory where there is none, and takes it for this process.
fn locked(directory: &Path) -> Result<FileLock, SpoolError> {
    let of_directory = |source| SpoolError::Directory {
        path: directory.to_owned(),
        source,
    };
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(of_directory)?;
    let lock = private(OpenOptions::new().create(true).write(true).truncate(false))
        .open(directory.join(LOCK))
        .map_err(of_directory)?;
    match FileLock::take(lock) {
        Ok(lock) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(SpoolError::InUse(directory.to_owned())),
        Err(TryLockError::Error(source)) => Err(of_directory(source)),
    }
}

/// Writes these records to a file that takes the place of the one before, in one step and synced.
/// Returns it, to be appended to, and its length.
fn rewritten(directory: &Path, entries: &BTreeMap<u64, Arc<Entry>>) -> io::Result<(File, u64)> {
    let path = directory.join(NEW_RECORDS);
    let file = private(OpenOptions::new().create(true).write(true).truncate(true)).open(&path)?;
    // One that a predecessor left could be wider.
    file.set_permissions(Permissions::from_mode(0o600))?;
    let mut writer = io::BufWriter::new(file);
    let mut written = frame::MAGIC.len() as u64;
    writer.write_all(frame::MAGIC)?;
    for (number, entry) in entries {
        let octets = Frame::Record(*number, entry).octets();
        writer.write_all(&octets)?;
        written += octets.len() as u64;
    }
    let file = writer
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    std::fs::rename(&path, directory.join(RECORDS))?;
    File::open(directory)?.sync_all()?;
    Ok((file, written))
}

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options.mode(0o600)
}

#[cfg(test)]
mod tests;
