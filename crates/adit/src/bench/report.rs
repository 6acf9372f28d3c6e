//! `adit bench report`.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use super::show::ShowArgs;
use crate::exit::Code;

const EXAMPLES: &str = "\
Examples:
  adit bench throughput --compare --json >all.json
  adit bench report all.json --plot throughput.svg --markdown";

/// Arguments of `adit bench report`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ReportArgs {
    /// What `adit bench throughput --json` has printed.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// What to do with the results.
    #[command(flatten)]
    pub show: ShowArgs,
}

pub(super) fn run(args: &ReportArgs) -> anyhow::Result<Code> {
    let name = args.file.display();
    let text = fs::read_to_string(&args.file).with_context(|| format!("cannot read {name}"))?;
    let report = serde_json::from_str(&text)
        .with_context(|| format!("{name} is not what `adit bench throughput --json` prints"))?;
    args.show.show(&report)?;
    Ok(Code::Done)
}
