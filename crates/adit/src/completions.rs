//! `adit completions`: what a shell needs to complete the words of a command line.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::exit::Code;
use crate::output::print;

const EXAMPLES: &str = "\
Examples:
  adit completions bash > /usr/share/bash-completion/completions/adit
  adit completions zsh > /usr/share/zsh/vendor-completions/_adit
  adit completions fish > ~/.config/fish/completions/adit.fish";

/// Arguments of `adit completions`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Prints them.
///
/// # Errors
/// Standard output cannot be written.
pub fn run(args: &CompletionsArgs) -> anyhow::Result<Code> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "adit", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(Code::Done)
}
