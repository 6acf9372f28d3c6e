//! `[radius]` accounting: what is told of sessions, and where records wait.

use std::path::PathBuf;
use std::time::Duration;

use super::super::error::Problem;

/// Accounting by RADIUS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RadiusAccounting {
    /// Time between two records of a session, where its user's reply names none; none for no such records.
    pub interim: Option<Duration>,
    /// The directory for records that no server has acknowledged.
    pub spool: PathBuf,
}

impl Default for RadiusAccounting {
    fn default() -> Self {
        Self {
            interim: Some(Duration::from_secs(600)),
            spool: PathBuf::from("/var/lib/adit/accounting"),
        }
    }
}

impl RadiusAccounting {
    /// With the values that are given.
    pub(super) fn with(interim_seconds: Option<u32>, spool: Option<PathBuf>) -> Self {
        let default = Self::default();
        let interim = interim_seconds.map_or(default.interim, |seconds| {
            Some(Duration::from_secs(seconds.into())).filter(|it| !it.is_zero())
        });
        Self {
            interim,
            spool: spool.unwrap_or(default.spool),
        }
    }

    pub(super) fn check(&self) -> Result<(), Problem> {
        const DAY: u64 = 86_400;
        let seconds = self.interim.map_or(0, |it| it.as_secs());
        if seconds > DAY {
            return Err(Problem::new(
                "radius.interim_seconds",
                format!("{seconds} is out of range; use 0 to {DAY}"),
            ));
        }
        if !self.spool.is_absolute() {
            let path = self.spool.display();
            return Err(Problem::new(
                "radius.spool",
                format!("`{path}` is no absolute path; begin it with /"),
            ));
        }
        Ok(())
    }
}
