//! Files in memory, and questions to an import. Each file of tests uses some of this.

#![allow(dead_code)]

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use adit_import::{Files, Import, Line, Outcome, ReadError};
use adit_server::config::Config;

/// Files in memory.
#[derive(Debug, Default)]
pub(crate) struct Memory(pub(crate) HashMap<PathBuf, Vec<u8>>);

impl Memory {
    pub(crate) fn with(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.0.insert(PathBuf::from(path), content.into());
        self
    }
}

impl Files for Memory {
    fn read(&self, path: &Path) -> Result<Vec<u8>, ReadError> {
        self.0.get(path).cloned().ok_or(ReadError::Missing)
    }
}

/// Imports an `accel-ppp.conf` that needs no other file.
pub(crate) fn accel_ppp(text: &str) -> Import {
    let files = Memory::default().with("/a.conf", text);
    adit_import::accel_ppp(&files, Path::new("/a.conf"), Path::new("/etc/adit"))
        .expect("it can be read")
}

/// Imports a `pptpd.conf` with a file of options.
pub(crate) fn pptpd(text: &str, options: &str) -> Import {
    let files = Memory::default()
        .with("/etc/pptpd.conf", format!("option /o\n{text}"))
        .with("/o", options);
    adit_import::pptpd(&files, Path::new("/etc/pptpd.conf"), Path::new("/etc/adit"))
        .expect("it can be read")
}

/// The configuration as Adit reads it.
pub(crate) fn checked(import: &Import) -> Config {
    Config::parse(&import.configuration, "imported")
        .unwrap_or_else(|error| panic!("{error}\n{}", import.configuration))
}

/// The account of the line that says this.
pub(crate) fn outcome<'a>(import: &'a Import, text: &str) -> &'a Outcome {
    let lines: Vec<&Line> = import
        .lines
        .iter()
        .filter(|line| line.text == text)
        .collect();
    match lines.as_slice() {
        [line] => &line.outcome,
        [] => panic!("no line `{text}` in {:#?}", import.lines),
        _ => panic!("several lines `{text}`"),
    }
}

/// The keys that a line became.
pub(crate) fn keys<'a>(import: &'a Import, text: &str) -> Vec<&'a str> {
    match outcome(import, text) {
        Outcome::Carried { keys, .. } => keys.iter().map(String::as_str).collect(),
        other => panic!("`{text}`: {other:?}"),
    }
}

/// Why a line was lost.
pub(crate) fn lost<'a>(import: &'a Import, text: &str) -> &'a str {
    match outcome(import, text) {
        Outcome::NotCarried { reason } => reason,
        other => panic!("`{text}`: {other:?}"),
    }
}

/// Why a line needs nothing.
pub(crate) fn needless<'a>(import: &'a Import, text: &str) -> &'a str {
    match outcome(import, text) {
        Outcome::NotNeeded { reason } => reason,
        other => panic!("`{text}`: {other:?}"),
    }
}

/// A value of the configuration, as TOML.
pub(crate) fn value(import: &Import, key: &str) -> String {
    let table: toml::Table = import.configuration.parse().expect("it can be read");
    let mut value = toml::Value::Table(table);
    for part in key.split('.') {
        let next = match part.parse::<usize>() {
            Ok(index) => value.get(index),
            Err(_) => value.get(part),
        };
        value = next
            .cloned()
            .unwrap_or_else(|| panic!("no {key} in\n{}", import.configuration));
    }
    value.to_string()
}

/// Whether the configuration has a key.
pub(crate) fn has(import: &Import, key: &str) -> bool {
    let (table, key) = key.split_once('.').expect("it can be read");
    let file: toml::Table = import.configuration.parse().expect("it can be read");
    file.get(table)
        .is_some_and(|table| table.get(key).is_some())
}

/// Whether a remark says so.
pub(crate) fn remarks(import: &Import, text: &str) -> bool {
    import.remarks.iter().any(|remark| remark.contains(text))
}
