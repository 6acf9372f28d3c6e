//! Results as text, JSON, Markdown and charts.

use std::fs;
use std::path::{Path, PathBuf};

use adit_bench::plot::{Panel, svg};
use adit_bench::sessions::Rates;
use adit_bench::table::Table;
use adit_bench::throughput::{Report, charts, tables};
use anyhow::Context;
use clap::Args;

use crate::output::print;

/// What to do with the results.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Print JSON, which `adit bench report` reads.
    #[arg(long, conflicts_with = "markdown")]
    pub json: bool,

    /// Print Markdown.
    #[arg(long)]
    pub markdown: bool,

    /// Write charts to this SVG file.
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,

    /// Add a chart of the rates in this file, which `adit bench sessions N --json` has printed.
    #[arg(long, value_name = "FILE", requires = "plot")]
    pub sessions: Option<PathBuf>,

    /// Put the tables as Markdown into this file, between the lines that mark their place.
    #[arg(long, value_name = "FILE")]
    pub update: Option<PathBuf>,

    /// Which place of that file: that between the lines `<!-- NAME: begin -->` and `<!-- NAME: end -->`.
    #[arg(long, value_name = "NAME", default_value = "throughput")]
    pub part: String,
}

impl ShowArgs {
    /// Prints a report and writes it to the files that were named.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(super) fn show(&self, report: &Report) -> anyhow::Result<()> {
        if let Some(file) = &self.plot {
            write(file, &svg(&self.panels(report)?))?;
        }
        if let Some(file) = &self.update {
            let text = fs::read_to_string(file);
            let text = text.with_context(|| format!("cannot read {}", file.display()))?;
            let text = replaced(&text, &self.part, &markdown(report));
            let text = text.with_context(|| format!("cannot update {}", file.display()))?;
            write(file, &text)?;
        }
        match (self.json, self.markdown) {
            (true, _) => print(&format!("{}\n", serde_json::to_string_pretty(report)?)),
            (false, true) => print(&markdown(report)),
            (false, false) => print(&text(report)),
        }
    }

    fn panels(&self, report: &Report) -> anyhow::Result<Vec<Panel>> {
        let mut panels = charts(report);
        if let Some(file) = &self.sessions {
            let name = file.display();
            let text = fs::read_to_string(file).with_context(|| format!("cannot read {name}"))?;
            let rates: Rates = serde_json::from_str(&text).with_context(|| {
                format!("{name} is not what `adit bench sessions --json` prints")
            })?;
            panels.push(rates.chart());
        }
        Ok(panels)
    }
}

fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

fn text(report: &Report) -> String {
    let mut parts = report.missing.clone();
    parts.push(format!("{}\n", about(report)));
    parts.extend(tables(report).iter().map(Table::text));
    parts.join("\n")
}

fn markdown(report: &Report) -> String {
    let mut parts = vec![format!("{}\n", about(report))];
    parts.extend(tables(report).iter().map(Table::markdown));
    parts.join("\n")
}

/// When, where, what and how long.
fn about(report: &Report) -> String {
    let machine = &report.machine;
    let subjects: Vec<String> = report
        .subjects
        .iter()
        .map(|it| {
            let version = it.version.as_ref();
            let version =
                version.map_or_else(String::new, |version| format!(" (version {version})"));
            format!("{}{version}, MTU {}", it.description, it.mtu)
        })
        .collect();
    format!(
        "Measured at {} on {} processors {}, Linux {}; {} rounds of {} s.\n{}.",
        machine.time,
        machine.processors,
        machine.processor,
        machine.kernel,
        report.rounds,
        report.seconds,
        subjects.join("; ")
    )
}

/// `text` with another content between the two lines that mark the place `part`.
fn replaced(text: &str, part: &str, content: &str) -> anyhow::Result<String> {
    let begin = format!("<!-- {part}: begin -->\n");
    let end = format!("<!-- {part}: end -->\n");
    let (before, after) = text
        .split_once(&begin)
        .and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)))
        .with_context(|| format!("it has not the lines {} and {}", begin.trim(), end.trim()))?;
    Ok(format!("{before}{begin}\n{content}\n{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_marked_part_of_a_file_is_replaced() {
        let place =
            |part, content| format!("<!-- {part}: begin -->\n{content}<!-- {part}: end -->\n");
        let (first, second) = (place("first", "1\n"), place("second", "2\n"));
        let once = replaced(&format!("above\n{first}{second}below\n"), "second", "new\n").unwrap();
        let second = place("second", "\nnew\n\n");
        assert_eq!(once, format!("above\n{first}{second}below\n"));
        assert_eq!(replaced(&once, "second", "new\n").unwrap(), once);
        assert!(replaced(&once, "third", "new").is_err());
    }
}
