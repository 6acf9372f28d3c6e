//! `adit top`: the sessions of the running server, live.

mod draw;
mod feed;
mod model;
mod screen;

use std::time::Duration;

use clap::Args;

use crate::cli::ControlSocketArgs;
use crate::exit::{Code, Coded};
use crate::output::print;
use draw::Look;
use feed::Server;
use model::Model;

const EXAMPLES: &str = "\
Examples:
  adit top
  adit top --interval 5
  adit top --once --width 160       one picture as text, for scripts

Keys: arrows choose a session, d ends it, / filters by text, q quits; ? shows all of them.

Exit codes: 0 left, 1 no server, 2 wrong command line.";

/// Over how long the rates of a single picture are measured.
const ONCE: Duration = Duration::from_millis(1100);

/// Arguments of `adit top`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct TopArgs {
    /// Seconds between two looks at the server.
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=50))]
    pub interval: u64,

    /// Print one picture and end.
    #[arg(long)]
    pub once: bool,

    /// Columns of that picture.
    #[arg(long, value_name = "COLUMNS", default_value_t = 120, requires = "once", value_parser = clap::value_parser!(u16).range(20..=1000))]
    pub width: u16,

    /// Only sessions in whose user, addresses or encryption this text is.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub filter: String,

    /// Where to ask.
    #[command(flatten)]
    pub socket: ControlSocketArgs,
}

/// Shows the sessions until the user leaves.
///
/// # Errors
/// There is no server, or no terminal.
pub fn run(args: &TopArgs) -> anyhow::Result<Code> {
    if !args.once && !screen::is_terminal() {
        return Err(Coded::usage("there is no terminal to draw on; say --once"));
    }
    let mut server = Server::open(&args.socket.control_socket)?;
    let mut model = Model::new(args.filter.clone());
    model.take(server.look(&model.query())?);
    if args.once {
        // Rates are what has passed since the look before.
        std::thread::sleep(ONCE);
        model.take(server.look(&model.query())?);
        print(&draw::as_text(&model, args.width)?)?;
        return Ok(Code::Done);
    }
    let interval = Duration::from_secs(args.interval);
    screen::run(model, server, interval, Look::of_environment())?;
    Ok(Code::Done)
}
