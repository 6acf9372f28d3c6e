//! The section `[hooks]`: programs that are run when sessions begin and end.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::error::Problem;

/// Programs that are run when sessions begin and end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hooks {
    /// Run when a session carries IPv4 packets.
    pub ip_up: Option<PathBuf>,
    /// Run when such a session has ended.
    pub ip_down: Option<PathBuf>,
    /// Time that one run may take; then it is killed, with what it has started.
    pub timeout: Duration,
    /// Programs that may run at once.
    pub parallel: usize,
}

impl Default for Hooks {
    fn default() -> Self {
        Self {
            ip_up: None,
            ip_down: None,
            timeout: Duration::from_secs(30),
            parallel: 4,
        }
    }
}

impl Hooks {
    /// The programs, each with the key that names it.
    pub(crate) fn programs(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let keys = [
            ("hooks.ip_up", &self.ip_up),
            ("hooks.ip_down", &self.ip_down),
        ];
        keys.into_iter()
            .filter_map(|(key, path)| Some((key, path.as_deref()?)))
    }

    pub(super) fn check(&self) -> Result<(), Problem> {
        if let Some((key, path)) = self.programs().find(|(_, path)| !path.is_absolute()) {
            return Err(Problem::new(
                key,
                format!("`{}` is no absolute path; begin it with /", path.display()),
            ));
        }
        if !(1..=3600).contains(&self.timeout.as_secs()) {
            return Err(Problem::new(
                "hooks.timeout_seconds",
                format!("{} is out of range; use 1 to 3600", self.timeout.as_secs()),
            ));
        }
        if !(1..=64).contains(&self.parallel) {
            return Err(Problem::new(
                "hooks.parallel",
                format!("{} is out of range; use 1 to 64", self.parallel),
            ));
        }
        Ok(())
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawHooks {
    ip_up: Option<PathBuf>,
    ip_down: Option<PathBuf>,
    timeout_seconds: Option<u32>,
    parallel: Option<usize>,
}

impl RawHooks {
    pub(super) fn apply(self, hooks: &mut Hooks) {
        hooks.ip_up = self.ip_up.or(hooks.ip_up.take());
        hooks.ip_down = self.ip_down.or(hooks.ip_down.take());
        if let Some(seconds) = self.timeout_seconds {
            hooks.timeout = Duration::from_secs(seconds.into());
        }
        hooks.parallel = self.parallel.unwrap_or(hooks.parallel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn mistakes_are_told_with_their_place() {
        for (text, expected) in [
            (
                "[hooks]\nip_up = \"bin/up\"",
                "x:2:9: hooks.ip_up: `bin/up` is no absolute path; begin it with /",
            ),
            (
                "[hooks]\nip_down = \"\"",
                "x:2:11: hooks.ip_down: `` is no absolute path",
            ),
            (
                "[hooks]\ntimeout_seconds = 0",
                "x:2:19: hooks.timeout_seconds: 0 is out of range; use 1 to 3600",
            ),
            (
                "[hooks]\nparallel = 65",
                "x:2:12: hooks.parallel: 65 is out of range; use 1 to 64",
            ),
        ] {
            let error = Config::parse(text, "x").unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn values_reach_their_fields() {
        let text = "[hooks]\nip_up = \"/a\"\nip_down = \"/b\"\ntimeout_seconds = 5\nparallel = 2";
        let hooks = Config::parse(text, "x").unwrap().hooks;
        let programs: Vec<_> = hooks.programs().collect();
        assert_eq!(
            programs,
            [
                ("hooks.ip_up", Path::new("/a")),
                ("hooks.ip_down", Path::new("/b"))
            ]
        );
        assert_eq!((hooks.timeout.as_secs(), hooks.parallel), (5, 2));
    }
}
