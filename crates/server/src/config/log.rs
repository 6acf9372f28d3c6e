//! The section `[log]`: where log lines go, in which form, and how many.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use super::error::Problem;
use crate::log_control::parse_filter;

/// Where log lines go, in which form, and how many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Where log lines go.
    pub target: LogTarget,
    /// Their form.
    pub format: LogFormat,
    /// Which lines are written, in the syntax that [`parse_filter`] takes.
    pub level: String,
}

/// Where log lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogTarget {
    /// Standard error.
    Stderr,
    /// The journal of systemd, each field of a line as a field of its own.
    Journald,
    /// The end of this file, which is made with mode 0640 if it is missing.
    File(PathBuf),
}

/// Form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// For people.
    Human,
    /// One JSON object per line.
    Json,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            target: LogTarget::Stderr,
            format: LogFormat::Human,
            level: "info".to_owned(),
        }
    }
}

impl Log {
    pub(super) fn check(&self) -> Result<(), Problem> {
        if self.target == LogTarget::Journald && self.format == LogFormat::Json {
            return Err(Problem::new(
                "log.format",
                "the journal keeps the fields of each line itself; leave the format out, and use \
                 `journalctl -o json` to read it as JSON",
            ));
        }
        match parse_filter(&self.level) {
            Ok(_) => Ok(()),
            Err(problem) => Err(Problem::new("log.level", problem)),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLog {
    target: Option<LogTarget>,
    format: Option<LogFormat>,
    level: Option<String>,
}

impl RawLog {
    pub(super) fn apply(self, log: &mut Log) {
        let Self {
            target,
            format,
            level,
        } = self;
        log.target = target.unwrap_or_else(|| log.target.clone());
        log.format = format.unwrap_or(log.format);
        log.level = level.unwrap_or_else(|| log.level.clone());
    }
}

impl<'de> Deserialize<'de> for LogTarget {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TargetVisitor)
    }
}

struct TargetVisitor;

impl Visitor<'_> for TargetVisitor {
    type Value = LogTarget;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"stderr\", \"journald\" or the path of a file")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<LogTarget, E> {
        match word {
            "stderr" => Ok(LogTarget::Stderr),
            "journald" => Ok(LogTarget::Journald),
            // A misspelt word is not to become a file wherever the server was started.
            path if path.starts_with('/') && !path.contains('\0') => {
                Ok(LogTarget::File(PathBuf::from(path)))
            }
            other => Err(E::custom(format_args!(
                "`{other}` is no place for a log; use \"stderr\", \"journald\" or a path that begins with /"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    fn parse(text: &str) -> Result<Log, String> {
        let config = Config::parse(&format!("[log]\n{text}"), "x");
        config
            .map(|config| config.log)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn values_reach_their_fields() {
        let log = parse(
            "target = \"/var/log/adit.log\"\nformat = \"json\"\nlevel = \"adit_ppp=trace,warn\"",
        );
        assert_eq!(
            log,
            Ok(Log {
                target: LogTarget::File("/var/log/adit.log".into()),
                format: LogFormat::Json,
                level: "adit_ppp=trace,warn".to_owned(),
            })
        );
        let journald = parse("target = \"journald\"").unwrap();
        assert_eq!(journald.target, LogTarget::Journald);
    }

    #[test]
    fn mistakes_name_the_place_and_what_to_write() {
        let cases = [
            (
                "target = \"journal\"",
                "x:2:10: `journal` is no place for a log",
            ),
            ("target = 3", "x:2:10:"),
            ("format = \"jason\"", "did you mean `json`?"),
            (
                "level = \"inof\"",
                "x:2:9: log.level: `inof` is no log level",
            ),
            ("level = \"adit=loud\"", "log.level: `adit=loud`"),
            ("level = \"\"", "log.level"),
            (
                "target = \"journald\"\nformat = \"json\"",
                "x:3:10: log.format: the journal keeps",
            ),
        ];
        for (text, expected) in cases {
            let message = parse(text).expect_err(text);
            assert!(message.contains(expected), "{text:?} gave {message:?}");
        }
    }
}
