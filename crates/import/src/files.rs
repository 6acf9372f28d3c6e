//! Where files come from, and how much of them is read.

use std::path::Path;

use zeroize::Zeroizing;

/// Octets of one file.
pub const LARGEST_FILE: usize = 4 * 1024 * 1024;
/// Files of one import.
pub const MOST_FILES: usize = 64;
/// Files that include one another.
pub const DEEPEST: usize = 16;
/// Lines, or words of pppd's options, of one import.
pub const MOST_LINES: usize = 100_000;

/// Gives files by their path.
pub trait Files {
    /// The content of a file.
    ///
    /// # Errors
    /// There is no such file, it is larger than [`LARGEST_FILE`], or it cannot be read.
    fn read(&self, path: &Path) -> Result<Vec<u8>, ReadError>;
}

/// Why a file was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadError {
    /// There is none.
    Missing,
    /// It has more than [`LARGEST_FILE`] octets.
    TooLarge,
    /// It has octets that no text has.
    NotText,
    /// More than [`MOST_FILES`] were asked for, or more than [`DEEPEST`] include one another.
    TooMany,
    /// The system says so.
    Other(String),
}

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing => f.write_str("there is no such file"),
            Self::TooLarge => write!(f, "it has more than {} MiB", LARGEST_FILE >> 20),
            Self::NotText => f.write_str("it is no text file"),
            Self::TooMany => write!(
                f,
                "more than {MOST_FILES} files are named, or {DEEPEST} name one another; do they in a circle?"
            ),
            Self::Other(why) => f.write_str(why),
        }
    }
}

/// Reads texts, within the bounds of one import.
pub(crate) struct Reader<'a> {
    files: &'a dyn Files,
    read: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(files: &'a dyn Files) -> Self {
        Self { files, read: 0 }
    }

    /// The text of a file, which may hold secrets; what is not UTF-8 is replaced.
    pub(crate) fn text(&mut self, path: &Path) -> Result<Zeroizing<String>, ReadError> {
        if self.read >= MOST_FILES {
            return Err(ReadError::TooMany);
        }
        self.read += 1;
        let content = Zeroizing::new(self.files.read(path)?);
        if content.len() > LARGEST_FILE {
            return Err(ReadError::TooLarge);
        }
        if content.contains(&0) {
            return Err(ReadError::NotText);
        }
        Ok(Zeroizing::new(
            String::from_utf8_lossy(&content).into_owned(),
        ))
    }

    /// Whether a file is there to be read.
    pub(crate) fn exists(&mut self, path: &Path) -> bool {
        self.files.read(path).map(Zeroizing::new).is_ok()
    }
}
