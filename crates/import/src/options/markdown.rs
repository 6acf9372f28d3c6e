//! The table as the operator's guide has it.

use std::fmt::Write;

use super::{Fate, Known, Program};

/// All options of all programs as tables in Markdown.
pub fn markdown() -> String {
    let mut text = String::new();
    let titles = [
        (Program::AccelPpp, "accel-ppp (`accel-ppp.conf`)"),
        (Program::Pptpd, "pptpd (`pptpd.conf`)"),
        (Program::Pppd, "pppd (files of options)"),
        (
            Program::Radiusclient,
            "pppd's plugin radius.so (`radiusclient.conf`)",
        ),
    ];
    for (program, title) in titles {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "### {title}\n");
        let _ = writeln!(text, "| option | in Adit |\n|---|---|");
        for known in program.options() {
            let _ = writeln!(text, "| {} | {} |", option(known), fate(known.fate));
        }
        text.push('\n');
    }
    text
}

fn option(known: &Known) -> String {
    match known.section {
        "" => format!("`{}`", known.name),
        section => format!("[{section}] `{}`", known.name),
    }
}

fn fate(fate: Fate) -> String {
    match fate {
        Fate::Carried(place) => place.to_owned(),
        Fate::NotNeeded(why) => format!("not needed: {why}"),
        Fate::Missing(why) => format!("none: {why}"),
    }
}
