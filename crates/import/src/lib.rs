//! Reads the configurations of pptpd with pppd and of accel-ppp, and writes what says the same to Adit.
//!
//! Every line that is read gets an account ([`Line`]): which keys of Adit it became, that it needs none, or
//! why it could not be carried over. What the options of the other programs become is one table ([`options`]),
//! which the import works by and the operator's guide prints.
//!
//! The crate does no I/O: files come through [`Files`], so that whoever imports decides what may be read, and
//! secrets leave it as [`SecretFile`]s for the caller to store. Input is not trusted: whatever the files hold,
//! they end in an account or in an [`ImportError`], within the bounds of [`files`].

#![forbid(unsafe_code)]

mod accel_ppp;
mod addresses;
mod chap_secrets;
mod draft;
pub mod files;
mod item;
mod job;
mod ledger;
pub mod options;
mod pppd;
mod pptpd;
mod radius_servers;
mod radiusclient;
mod secret;
mod words;

use std::path::Path;

pub use files::{Files, ReadError};
pub use ledger::{Line, Outcome, Place};
pub use secret::SecretFile;

use files::Reader;
use job::Job;

/// What an import came to.
#[derive(Debug)]
pub struct Import {
    /// The configuration for Adit: TOML, each key with a comment that says where it comes from.
    pub configuration: String,
    /// Every line that was read, in the order of reading.
    pub lines: Vec<Line>,
    /// What is to be known beyond single lines, a sentence each.
    pub remarks: Vec<String>,
    /// Secrets that the configuration names by file.
    pub secrets: Vec<SecretFile>,
}

/// A configuration that could not even be begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportError {
    /// What was to be read.
    pub path: std::path::PathBuf,
    /// Why it was not.
    pub error: ReadError,
}

impl std::fmt::Display for ImportError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cannot read {}: {}", self.path.display(), self.error)
    }
}

impl std::error::Error for ImportError {}

/// Imports `pptpd.conf` at `path` with what it and pppd read further: `/etc/ppp/options`, the file of the line
/// `option`, files that these include, `radiusclient.conf`, and the secrets file for a comparison.
///
/// `directory` is where the new configuration will be; files for secrets are named there.
///
/// # Errors
/// The file itself cannot be read. Files that it names are accounted for at the line that does.
pub fn pptpd(files: &dyn Files, path: &Path, directory: &Path) -> Result<Import, ImportError> {
    let mut job = Job::new(Reader::new(files), directory);
    pptpd::import(&mut job, path)?;
    Ok(job.finish(path))
}

/// Imports `accel-ppp.conf` at `path` with the files that it includes.
///
/// `directory` is where the new configuration will be; files for secrets are named there.
///
/// # Errors
/// The file itself cannot be read.
pub fn accel_ppp(files: &dyn Files, path: &Path, directory: &Path) -> Result<Import, ImportError> {
    let mut job = Job::new(Reader::new(files), directory);
    accel_ppp::import(&mut job, path)?;
    Ok(job.finish(path))
}
