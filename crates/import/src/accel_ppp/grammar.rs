//! The grammar of `accel-ppp.conf`: sections of lines `name=value` or just `name`, and `$include`.
//!
//! A `#` begins a comment at the start of a line only. Numbers may be followed by anything.

use std::path::Path;

use zeroize::Zeroizing;

use crate::ImportError;
use crate::files::{DEEPEST, ReadError};
use crate::item::Item;
use crate::job::Job;
use crate::options::Program;

/// Octets of a line that accel-ppp reads at once; what follows counts as another line.
const LONGEST: usize = 1022;

/// Sections whose lines may hold secrets or name nothing of Adit's; their values are not shown.
const PRIVATE: [&str; 5] = ["log-pgsql", "l2tp", "sstp", "cli", "snmp"];

/// All settings of a file and of those that it includes.
pub(super) fn read(job: &mut Job<'_>, path: &Path) -> Result<Vec<Item>, ImportError> {
    let text = job.reader.text(path).map_err(|error| ImportError {
        path: path.to_owned(),
        error,
    })?;
    let mut reading = Reading {
        job,
        section: None,
        nested: 0,
        items: Vec::new(),
        seen: Vec::new(),
        repeated: false,
    };
    reading.file(path, &text, 0);
    Ok(reading.items)
}

struct Reading<'a, 'b> {
    job: &'a mut Job<'b>,
    section: Option<String>,
    /// Braces that are open.
    nested: usize,
    items: Vec<Item>,
    /// Sections so far.
    seen: Vec<String>,
    /// Whether the section at hand was there before.
    repeated: bool,
}

impl Reading<'_, '_> {
    fn file(&mut self, path: &Path, text: &str, depth: usize) {
        for (index, line) in text.lines().enumerate() {
            if !self.job.has_room() {
                return;
            }
            let long = line.len() > LONGEST;
            let line = line.trim_matches([' ', '\t', '\r']);
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if long {
                let id = self.job.ledger.add(path, index + 1, "a long line");
                self.job.ledger.lost(
                    id,
                    format!("accel-ppp reads {LONGEST} octets of a line and takes the rest for another one"),
                );
                continue;
            }
            self.line(path, index + 1, line, depth);
        }
    }

    fn line(&mut self, path: &Path, number: usize, line: &str, depth: usize) {
        if let Some(rest) = line.strip_prefix("$include") {
            return self.include(path, number, line, rest.trim(), depth);
        }
        if let Some(rest) = line.strip_prefix('[') {
            return self.open_section(path, number, line, rest);
        }
        if self.nested > 0 && line.starts_with('}') {
            self.nested -= 1;
            return;
        }
        let Some(section) = self.section.clone() else {
            let id = self
                .job
                .ledger
                .add(path, number, "a line before any [section]");
            return self
                .job
                .ledger
                .lost(id, "accel-ppp refuses a line before any section");
        };
        let (name, value) = split(line);
        let shown = shown(&section, name, value, line);
        let id = self.job.ledger.add(path, number, &shown);
        if self.nested > 0 {
            self.job
                .ledger
                .lost(id, "it stands in the braces of another line");
        } else if self.repeated {
            self.job.ledger.lost(
                id,
                format!("there is a section [{section}] before it, and accel-ppp looks at the first one only"),
            );
        }
        if value.is_some_and(|value| value.ends_with('{')) {
            self.nested += 1;
        }
        self.items.push(Item {
            id,
            taken: !self.job.ledger.is_open(id),
            section,
            name: name.to_owned(),
            value: Zeroizing::new(value.unwrap_or_default().to_owned()),
            raw: Zeroizing::new(line.to_owned()),
        });
    }

    fn include(&mut self, path: &Path, number: usize, line: &str, named: &str, depth: usize) {
        let id = self.job.ledger.add(path, number, line);
        let file = Path::new(named);
        let text = match depth + 1 < DEEPEST {
            true => self.job.reader.text(file),
            false => Err(ReadError::TooMany),
        };
        match text {
            Ok(text) => {
                self.job.ledger.needless(id, "the file is imported too");
                let here = (self.section.clone(), self.repeated, self.nested);
                self.file(file, &text, depth + 1);
                (self.section, self.repeated, self.nested) = here;
            }
            Err(error) => self
                .job
                .ledger
                .lost(id, format!("the file is not read: {error}")),
        }
    }

    fn open_section(&mut self, path: &Path, number: usize, line: &str, rest: &str) {
        let Some((name, _)) = rest.split_once(']') else {
            let id = self.job.ledger.add(path, number, line);
            return self
                .job
                .ledger
                .lost(id, "the name of a section ends with `]`");
        };
        self.repeated = self.seen.iter().any(|seen| seen == name);
        if !self.repeated {
            self.seen.push(name.to_owned());
        }
        self.section = Some(name.to_owned());
        self.nested = 0;
    }
}

/// A name ends at a blank or `=`; a value begins behind `=`.
fn split(line: &str) -> (&str, Option<&str>) {
    let end = line.find([' ', '\t', '=']).unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    let rest = rest.trim_start_matches([' ', '\t']);
    let value = rest.strip_prefix(['=', ',']);
    (
        name,
        value.map(|value| value.trim_start_matches([' ', '\t'])),
    )
}

/// The line without secrets. Of an unknown option only the name is shown, because nobody knows what it holds.
fn shown(section: &str, name: &str, value: Option<&str>, line: &str) -> String {
    if PRIVATE.contains(&section) {
        return format!("[{section}] {name}");
    }
    match (section, name, value) {
        ("radius", "server" | "auth-server" | "acct-server" | "dae-server", Some(value)) => {
            let mut fields = value.splitn(3, ',');
            let address = fields.next().unwrap_or_default();
            let secret = fields.next().map_or("", |_| ",***");
            let rest = fields
                .next()
                .map(|rest| format!(",{rest}"))
                .unwrap_or_default();
            format!("[{section}] {name}={address}{secret}{rest}")
        }
        ("radius", "dm_coa_secret", _) => format!("[{section}] {name}=***"),
        _ if Program::AccelPpp.find(section, name).is_some()
            || [
                "ip-pool",
                "ipv6-pool",
                "ipv6-dns",
                "client-ip-range",
                "modules",
            ]
            .contains(&section) =>
        {
            format!("[{section}] {line}")
        }
        _ => format!("[{section}] {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values() {
        assert_eq!(split("mtu=1400"), ("mtu", Some("1400")));
        assert_eq!(split("mtu = 1400 # x"), ("mtu", Some("1400 # x")));
        assert_eq!(split("radius"), ("radius", None));
        assert_eq!(split("10.0.0.0/24,name=a"), ("10.0.0.0/24,name", Some("a")));
        assert_eq!(split("name value"), ("name", None));
        assert_eq!(split("="), ("", Some("")));
    }

    #[test]
    fn secrets_are_not_shown() {
        let line = "server=10.0.0.1,hunter2,auth-port=1812";
        let (name, value) = split(line);
        assert_eq!(
            shown("radius", name, value, line),
            "[radius] server=10.0.0.1,***,auth-port=1812"
        );
        for (section, line) in [
            ("radius", "dm_coa_secret=hunter2"),
            ("cli", "password=hunter2"),
            ("l2tp", "secret=hunter2"),
            ("radius", "sercret=hunter2"),
            ("whatever", "x=hunter2"),
            ("radius", "dae-server=10.0.0.1:3799,hunter2"),
        ] {
            let (name, value) = split(line);
            let shown = shown(section, name, value, line);
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }
}
