//! `adit reload`: has the running server read its configuration again.

use adit_server::control_socket::{Reply, Request, ask};
use clap::Args;
use serde_json::json;

use crate::cli::ControlSocketArgs;
use crate::control::unexpected;
use crate::exit::Code;
use crate::output::print;

const EXAMPLES: &str = "\
Examples:
  adit reload
  adit reload --json | jq .needs_restart

No session is ended. A configuration with a fault is refused, and the running one stays in place.

Exit codes: 0 read again, 1 refused or no server, 2 wrong command line.";

/// Arguments of `adit reload`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ReloadArgs {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,

    /// Where to ask.
    #[command(flatten)]
    pub socket: ControlSocketArgs,
}

/// Asks the server to read its configuration again, and prints what has changed.
///
/// # Errors
/// The configuration has a fault, there is no server, or it does not answer.
pub fn run(args: &ReloadArgs) -> anyhow::Result<Code> {
    let Reply::Reloaded {
        changed,
        needs_restart,
    } = ask(&args.socket.control_socket, &Request::Reload)?
    else {
        return Err(unexpected());
    };
    if args.json {
        let told = json!({ "changed": changed, "needs_restart": needs_restart });
        print(&format!("{told}\n"))?;
        return Ok(Code::Done);
    }
    let mut text = String::new();
    for key in &changed {
        text.push_str(&format!("changed: {key}\n"));
    }
    for key in &needs_restart {
        text.push_str(&format!(
            "changes only with a restart of the server: {key}\n"
        ));
    }
    if text.is_empty() {
        text.push_str("nothing has changed\n");
    }
    print(&text)?;
    Ok(Code::Done)
}
