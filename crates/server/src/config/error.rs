//! Mistakes in a configuration, each with the place where it was made.

use std::borrow::Cow;
use std::io;
use std::ops::Range;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::suggest;

/// Why a configuration was refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read the configuration {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The text is wrong at a known place.
    #[error("{origin}:{line}:{column}: {message}")]
    Invalid {
        /// What was read, usually a path.
        origin: String,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// What is wrong there and what to do.
        message: String,
    },
}

/// A rule that a configuration breaks, wherever its values came from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {message}")]
pub struct Problem {
    /// The key at fault, with its section, as `network.pool` or `pools[0].name`.
    pub key: Cow<'static, str>,
    /// What is wrong and what to do.
    pub message: String,
}

impl Problem {
    pub(super) fn new(key: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            message: message.into(),
        }
    }
}

impl ConfigError {
    pub(super) fn from_toml(error: &toml::de::Error, text: &str, origin: &str) -> Self {
        let span = error.span().unwrap_or(0..0);
        let message = suggest::explain(error.message());
        Self::at_offset(span.start, message, text, origin)
    }

    pub(super) fn at_key(problem: Problem, text: &str, origin: &str) -> Self {
        let offset = locate(text, &problem.key).map_or(0, |span| span.start);
        Self::at_offset(offset, problem.to_string(), text, origin)
    }

    fn at_offset(offset: usize, message: String, text: &str, origin: &str) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self::Invalid {
            origin: origin.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message,
        }
    }
}

/// Where the value of a dotted key is, in which `[n]` picks of an array; if the text does not set it, where
/// its section is.
fn locate(text: &str, key: &str) -> Option<Range<usize>> {
    let mut place = DeTable::parse(text).ok().map(|table| {
        let whole = table.span();
        Spanned::new(whole, DeValue::Table(table.into_inner()))
    })?;
    let mut found = None;
    for part in key.split(['.', '[']) {
        let inner = match (place.into_inner(), part.strip_suffix(']')) {
            (DeValue::Table(mut table), None) => table.remove(part),
            (DeValue::Array(array), Some(index)) => {
                let index = index.parse().ok();
                index.and_then(|index: usize| array.into_iter().nth(index))
            }
            _ => None,
        };
        let Some(inner) = inner else { break };
        found = Some(inner.span());
        place = inner;
    }
    found
}
