//! `adit manual`: writes the manual pages, for those who make packages.

mod config_page;

use std::path::PathBuf;

use adit_server::config::DEFAULT_TEXT;
use anyhow::Context;
use clap::{Args, CommandFactory};

use crate::cli::Cli;
use crate::exit::Code;

const EXAMPLES: &str = "\
Examples:
  adit manual /usr/local/share/man";

/// Arguments of `adit manual`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ManualArgs {
    /// Where the directories man1 and man5 are to be.
    #[arg(value_name = "DIRECTORY")]
    pub directory: PathBuf,
}

/// Writes a page for each subcommand, made of the command line's own definition, and one for the configuration.
///
/// # Errors
/// A directory or a file cannot be written.
pub fn run(args: &ManualArgs) -> anyhow::Result<Code> {
    let (commands, files) = (args.directory.join("man1"), args.directory.join("man5"));
    for directory in [&commands, &files] {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("cannot make the directory {}", directory.display()))?;
    }
    clap_mangen::generate_to(Cli::command(), &commands)
        .with_context(|| format!("cannot write manual pages to {}", commands.display()))?;
    let page = files.join("adit.toml.5");
    std::fs::write(&page, config_page::page(DEFAULT_TEXT))
        .with_context(|| format!("cannot write {}", page.display()))?;
    Ok(Code::Done)
}
