//! Results as text, JSON, Markdown and charts.

use std::fs;
use std::path::{Path, PathBuf};

use adit_bench::plot::{Panel, svg};
use adit_bench::table::Table;
use adit_bench::throughput::{Report, charts, tables};
use anyhow::{Context, ensure};
use clap::Args;

use crate::output::print;

/// Where a Markdown file has the tables, between two lines of their own.
const BEGIN: &str = "<!-- adit bench throughput: begin -->\n";
const END: &str = "<!-- adit bench throughput: end -->\n";

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

    /// Put the tables as Markdown into this file, between the lines that mark their place.
    #[arg(long, value_name = "FILE")]
    pub update: Option<PathBuf>,
}

impl ShowArgs {
    /// Prints a report and writes it to the files that were named.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(super) fn show(&self, report: &Report) -> anyhow::Result<()> {
        if let Some(file) = &self.plot {
            write(file, &svg(&self.panels(report)))?;
        }
        if let Some(file) = &self.update {
            let text = fs::read_to_string(file);
            let text = text.with_context(|| format!("cannot read {}", file.display()))?;
            let text = replaced(&text, &markdown(report));
            let text = text.with_context(|| format!("cannot update {}", file.display()))?;
            write(file, &text)?;
        }
        match (self.json, self.markdown) {
            (true, _) => print(&format!("{}\n", serde_json::to_string_pretty(report)?)),
            (false, true) => print(&markdown(report)),
            (false, false) => print(&text(report)),
        }
    }

    fn panels(&self, report: &Report) -> Vec<Panel> {
        charts(report)
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

/// `text` with another content between the two lines that mark its place.
fn replaced(text: &str, content: &str) -> anyhow::Result<String> {
    let places = text.split_once(BEGIN).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(END)?;
        Some((before, after))
    });
    ensure!(
        places.is_some(),
        "it has not the lines {} and {}",
        BEGIN.trim(),
        END.trim()
    );
    let (before, after) = places.unwrap_or_default();
    Ok(format!("{before}{BEGIN}\n{content}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_marked_part_of_a_file_is_replaced() {
        let text = format!("above\n{BEGIN}old\n{END}below\n");
        let once = replaced(&text, "new\n").unwrap();
        assert_eq!(once, format!("above\n{BEGIN}\nnew\n\n{END}below\n"));
        assert_eq!(replaced(&once, "new\n").unwrap(), once);
        assert!(replaced("no marks", "new").is_err());
    }
}
