//! The section `[events]`: a line for machines for everything that happens.

use std::path::PathBuf;

use serde::Deserialize;

/// Where events are written for machines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Events {
    /// A file that gets a line of JSON for each event.
    pub file: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEvents {
    file: Option<PathBuf>,
}

impl RawEvents {
    pub(super) fn apply(self, events: &mut Events) {
        if self.file.is_some() {
            events.file = self.file;
        }
    }
}
