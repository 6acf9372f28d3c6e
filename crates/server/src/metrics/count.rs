//! What has happened since the start, counted.

use std::collections::BTreeMap;

use crate::aaa::Happening;

/// Counts of what has happened, by labels that have few values.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counted {
    pub(crate) connections: u64,
    /// By result and back end.
    pub(crate) logins: BTreeMap<(&'static str, &'static str), u64>,
    pub(crate) started: u64,
    /// By cause.
    pub(crate) ended: BTreeMap<&'static str, u64>,
    /// Calls that never were a session, by cause.
    pub(crate) failed: BTreeMap<&'static str, u64>,
}

impl Counted {
    /// Counts something that happens.
    pub(crate) fn count(&mut self, happening: &Happening) {
        match happening {
            Happening::Connected { .. } => self.connections += 1,
            Happening::LoggedIn { back_end, .. } => {
                *self.logins.entry(("accepted", back_end)).or_default() += 1;
            }
            Happening::LoginRefused(refusing) => {
                let back_end = refusing.back_end.unwrap_or("none");
                *self.logins.entry(("refused", back_end)).or_default() += 1;
            }
            Happening::Up(_) => self.started += 1,
            Happening::Down(_, ending) => {
                *self.ended.entry(ending.cause.name()).or_default() += 1;
            }
            Happening::Failed { ending, .. } => {
                *self.failed.entry(ending.cause.name()).or_default() += 1;
            }
            Happening::TurnedAway { .. } | Happening::Goes(_) => {}
        }
    }
}
