//! The configuration of Adit while it is written.

use std::fmt::Write;

use toml::Value;

/// Tables in the order of the file; the empty one is the top.
const ORDER: &[&str] = &[
    "",
    "network",
    "pools",
    "ipv6_pools",
    "users",
    "authentication",
    "encryption",
    "radius",
    "radius.servers",
    "radius.dynamic_authorization",
    "radius.dynamic_authorization.clients",
    "policy",
    "ppp",
    "pptp",
    "limits",
    "hooks",
    "log",
    "metrics",
];

/// A key with its value and the comments above it.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) key: &'static str,
    pub(crate) value: Value,
    pub(crate) origins: Vec<String>,
}

#[derive(Debug)]
struct Table {
    name: &'static str,
    /// Whether there may be several, as `[[pools]]`.
    element: bool,
    rows: Vec<Row>,
}

/// Tables and keys that are set so far.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    tables: Vec<Table>,
}

impl Draft {
    /// Sets a key of a table there is one of.
    pub(crate) fn set(&mut self, name: &'static str, row: Row) {
        let index = self.tables.iter().position(|table| table.name == name);
        let index = index.unwrap_or_else(|| {
            self.push(name, false, Vec::new());
            self.tables.len() - 1
        });
        if let Some(table) = self.tables.get_mut(index) {
            table.rows.retain(|other| other.key != row.key);
            table.rows.push(row);
        }
    }

    /// Adds one of several tables of a name.
    pub(crate) fn push_element(&mut self, name: &'static str, rows: Vec<Row>) {
        self.push(name, true, rows);
    }

    fn push(&mut self, name: &'static str, element: bool, rows: Vec<Row>) {
        debug_assert!(ORDER.contains(&name), "{name} has no place in the file");
        self.tables.push(Table {
            name,
            element,
            rows,
        });
    }

    /// What a key is set to.
    pub(crate) fn get(&self, name: &str, key: &str) -> Option<&Value> {
        let table = self
            .tables
            .iter()
            .find(|table| table.name == name && !table.element)?;
        let row = table.rows.iter().find(|row| row.key == key)?;
        Some(&row.value)
    }

    /// The file.
    pub(crate) fn text(&self, head: &str) -> String {
        let mut text = String::new();
        for line in head.lines() {
            comment(&mut text, line);
        }
        for name in ORDER {
            for table in self.tables.iter().filter(|table| table.name == *name) {
                table.write(&mut text);
            }
        }
        text
    }
}

impl Table {
    // Writing to a string cannot fail.
    fn write(&self, text: &mut String) {
        text.push('\n');
        match (self.name, self.element) {
            ("", _) => {}
            (name, false) => {
                let _ = writeln!(text, "[{name}]");
            }
            (name, true) => {
                let _ = writeln!(text, "[[{name}]]");
            }
        }
        for row in &self.rows {
            for origin in &row.origins {
                comment(text, origin);
            }
            let _ = writeln!(text, "{} = {}", row.key, row.value);
        }
    }
}

fn comment(text: &mut String, line: &str) {
    // TOML has no control characters in comments.
    let line: String = line
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    text.push_str("# ");
    text.push_str(&line);
    text.push('\n');
}
