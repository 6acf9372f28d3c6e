//! `adit sessions`: lists the sessions of the running server.

use std::time::{SystemTime, UNIX_EPOCH};

use adit_server::control_socket::{Reply, Request, ask, sessions_table};
use anyhow::bail;
use clap::Args;

use crate::cli::ControlSocketArgs;
use crate::exit::Code;
use crate::output::print;

const EXAMPLES: &str = "\
Examples:
  adit sessions
  adit sessions --json | jq '.[] | {user, address}'

LOST counts packets from the client that never arrived or could not be used.";

/// Arguments of `adit sessions`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct SessionsArgs {
    /// Print an array of JSON objects with everything known, instead of a table.
    #[arg(long)]
    pub json: bool,

    /// Where to ask.
    #[command(flatten)]
    pub socket: ControlSocketArgs,
}

/// Asks the server and prints its sessions.
///
/// # Errors
/// There is no server, or it does not answer.
pub fn run(args: &SessionsArgs) -> anyhow::Result<Code> {
    let Reply::Sessions { sessions } = ask(&args.socket.control_socket, &Request::Sessions)? else {
        bail!(
            "the server gave another answer than asked for; use the version that runs the server"
        );
    };
    if args.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&sessions)?))?;
    } else {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        print(&sessions_table(&sessions, now.as_secs()))?;
    }
    Ok(Code::Done)
}
