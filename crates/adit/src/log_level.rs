//! `adit log-level`: what the running server logs from now on.

use adit_server::control_socket::{Reply, Request, ask};
use clap::Args;
use serde_json::json;

use crate::cli::ControlSocketArgs;
use crate::control::unexpected;
use crate::exit::Code;
use crate::output::print;

const EXAMPLES: &str = "\
Examples:
  adit log-level debug
  adit log-level info,adit_ppp=trace
  adit log-level info               back to what is usual

It holds until the server ends or reads its configuration again.";

/// Arguments of `adit log-level`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct LogLevelArgs {
    /// Levels in the syntax of ADIT_LOG.
    #[arg(value_name = "FILTER")]
    pub filter: String,

    /// Print JSON.
    #[arg(long)]
    pub json: bool,

    /// Where to ask.
    #[command(flatten)]
    pub socket: ControlSocketArgs,
}

/// Asks the server to log so.
///
/// # Errors
/// The filter is none, there is no server, or it does not answer.
pub fn run(args: &LogLevelArgs) -> anyhow::Result<Code> {
    let filter = args.filter.clone();
    let reply = ask(&args.socket.control_socket, &Request::LogLevel { filter })?;
    let Reply::LogLevel { filter } = reply else {
        return Err(unexpected());
    };
    match args.json {
        true => print(&format!("{}\n", json!({ "log_level": filter })))?,
        false => print(&format!("the server logs `{filter}` from now on\n"))?,
    }
    Ok(Code::Done)
}
