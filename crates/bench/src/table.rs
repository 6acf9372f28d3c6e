//! Tables for people, as text and as Markdown.

use std::fmt::Write;

/// A table whose first column is a name and whose other columns are figures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// What it shows.
    pub title: String,
    /// Names of the columns.
    pub head: Vec<String>,
    /// Rows, each as long as the head.
    pub rows: Vec<Vec<String>>,
    /// What one has to know to read it, a sentence; may be empty.
    pub note: String,
}

impl Table {
    /// A table without rows.
    pub fn new(title: impl Into<String>, head: &[&str], note: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            head: head.iter().map(|&name| name.to_owned()).collect(),
            rows: Vec::new(),
            note: note.into(),
        }
    }

    /// Adds a row.
    pub fn push(&mut self, row: impl IntoIterator<Item = String>) {
        self.rows.push(row.into_iter().collect());
    }

    /// In columns, for a terminal.
    pub fn text(&self) -> String {
        let widths: Vec<usize> = (0..self.head.len())
            .map(|column| self.width(column))
            .collect();
        let mut text = format!("{}\n", self.title);
        for row in std::iter::once(&self.head).chain(&self.rows) {
            let mut line = String::new();
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                // Writing to a string cannot fail.
                let _ = match column {
                    0 => write!(line, "  {cell:width$}"),
                    _ => write!(line, "  {cell:>width$}"),
                };
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        if !self.note.is_empty() {
            let _ = writeln!(text, "  ({})", self.note);
        }
        text
    }

    /// As Markdown.
    pub fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let rule: Vec<String> = (0..self.head.len())
            .map(|column| if column == 0 { "---" } else { "---:" }.to_owned())
            .collect();
        let mut text = format!("**{}**\n\n{}{}", self.title, line(&self.head), line(&rule));
        for row in &self.rows {
            text.push_str(&line(row));
        }
        if !self.note.is_empty() {
            let _ = write!(text, "\n{}\n", self.note);
        }
        text
    }

    fn width(&self, column: usize) -> usize {
        let cells = std::iter::once(&self.head).chain(&self.rows);
        let lengths = cells.filter_map(|row| Some(row.get(column)?.chars().count()));
        lengths.max().unwrap_or_default()
    }
}

/// A number with as many digits as say something: three, or all before the point, in groups of three.
pub fn figure(value: f64) -> String {
    let magnitude = value.abs();
    let decimals = match magnitude {
        _ if !value.is_finite() => return "-".to_owned(),
        0.0 => 0,
        ..1.0 => 3,
        ..10.0 => 2,
        ..100.0 => 1,
        _ => 0,
    };
    grouped(value, decimals)
}

/// A number without digits after the point, in groups of three.
pub fn whole(value: f64) -> String {
    grouped(value, 0)
}

fn grouped(value: f64, decimals: usize) -> String {
    let text = format!("{:.decimals$}", value.abs());
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let sign = if value < 0.0 { "-" } else { "" };
    format!("{sign}{grouped}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new("Rates", &["what", "Mbit/s"], "of payload");
        table.push(["veth".to_owned(), "10,000".to_owned()]);
        table.push(["adit-128".to_owned(), "9".to_owned()]);
        table
    }

    #[test]
    fn text_is_in_columns() {
        let expected = "\
Rates
  what      Mbit/s
  veth      10,000
  adit-128       9
  (of payload)
";
        assert_eq!(table().text(), expected);
    }

    #[test]
    fn markdown_aligns_figures_to_the_right() {
        let expected = "\
**Rates**

| what | Mbit/s |
| --- | ---: |
| veth | 10,000 |
| adit-128 | 9 |

of payload
";
        assert_eq!(table().markdown(), expected);
    }

    #[test]
    fn figures_have_the_digits_that_count() {
        let shown = [
            0.0,
            0.12345,
            1.5,
            42.0,
            999.4,
            1000.0,
            1_234_567.8,
            -5.0,
            f64::NAN,
        ];
        let expected = [
            "0",
            "0.123",
            "1.50",
            "42.0",
            "999",
            "1,000",
            "1,234,568",
            "-5.00",
            "-",
        ];
        assert_eq!(shown.map(figure), expected);
        assert_eq!([1.0, 10_000.0].map(whole), ["1", "10,000"]);
    }
}
