//! `adit config`: checks a configuration or prints the default one.

use std::path::PathBuf;

use adit_server::advice;
use adit_server::config::{Config, DEFAULT_TEXT};
use adit_server::users::{source_warnings, unknown_pools};
use clap::{Args, Subcommand};

use crate::exit::Code;
use crate::output::print;

const EXAMPLES: &str = "\
Examples:
  adit config default > adit.toml
  adit config check adit.toml";

/// Arguments of `adit config`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ConfigArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: ConfigCommand,
}

/// What to do with a configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Say what is wrong with a configuration, weaker than it could be, or missing on this host.
    #[command(after_help = "Exit codes: 0 usable, perhaps with warnings; 1 refused.")]
    Check {
        /// The configuration.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Print the default configuration with comments.
    Default,
}

/// Checks or prints.
///
/// # Errors
/// The configuration is refused.
pub fn run(args: &ConfigArgs) -> anyhow::Result<Code> {
    match &args.command {
        ConfigCommand::Default => print(DEFAULT_TEXT)?,
        ConfigCommand::Check { file } => {
            let config = Config::load(file)?;
            let mut warnings = config.warnings();
            warnings.extend(source_warnings(&config.users));
            warnings.extend(unknown_pools(&config));
            let mut report = String::new();
            for warning in &warnings {
                report.push_str(&format!("warning: {warning}\n"));
            }
            for advice in advice(&config) {
                report.push_str(&format!("note: {advice}\n"));
            }
            let count = match warnings.len() {
                0 => "no warnings".to_owned(),
                1 => "1 warning".to_owned(),
                more => format!("{more} warnings"),
            };
            print(&format!(
                "{report}{} can be used, {count}\n",
                file.display()
            ))?;
        }
    }
    Ok(Code::Done)
}
