//! `adit sessions`: lists the sessions of the running server.

use std::net::{IpAddr, Ipv4Addr};
use std::thread::sleep;
use std::time::Duration;

use adit_server::control_socket::{
    Conversation, Reply, Request, SessionInfo, SessionOrder, SessionQuery, sessions_table,
};
use clap::{Args, ValueEnum};

use crate::cli::ControlSocketArgs;
use crate::control::{now, unexpected};
use crate::exit::Code;
use crate::output::print;

const EXAMPLES: &str = "\
Examples:
  adit sessions
  adit sessions --user alice
  adit sessions --rates --sort rate --limit 10
  adit sessions --json | jq '.[] | {user, address}'

LOST counts packets from the client that never arrived or could not be used. `adit session show` tells
everything about one session, `adit top` shows all of them live.";

/// Over how long rates are measured.
const MEASURED: Duration = Duration::from_millis(1100);

/// Arguments of `adit sessions`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct SessionsArgs {
    /// Print an array of JSON objects with everything known, instead of a table.
    #[arg(long)]
    pub json: bool,

    /// Only those of this user.
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,

    /// Only the one with this address in the tunnel.
    #[arg(long, value_name = "IP")]
    pub address: Option<IpAddr>,

    /// Only those that come from this address.
    #[arg(long, value_name = "IP")]
    pub peer: Option<Ipv4Addr>,

    /// What to sort them by.
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = Sort::Id)]
    pub sort: Sort,

    /// The last one first.
    #[arg(long)]
    pub reverse: bool,

    /// No more than so many.
    #[arg(long, value_name = "NUMBER")]
    pub limit: Option<usize>,

    /// Measure for a second how fast each is, in bits for each second from (IN) and to (OUT) the client.
    #[arg(long)]
    pub rates: bool,

    /// Where to ask.
    #[command(flatten)]
    pub socket: ControlSocketArgs,
}

/// What sessions are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Sort {
    /// By number: the oldest first.
    Id,
    /// By user.
    User,
    /// By address in the tunnel.
    Address,
    /// By the address that they come from.
    Peer,
    /// By octets from the client, the most first.
    Received,
    /// By octets to the client, the most first.
    Sent,
    /// By rate, the fastest first.
    Rate,
    /// By packets that did not arrive, the most first.
    Lost,
}

impl Sort {
    const fn order(self) -> SessionOrder {
        match self {
            Self::Id => SessionOrder::Id,
            Self::User => SessionOrder::User,
            Self::Address => SessionOrder::Address,
            Self::Peer => SessionOrder::Peer,
            Self::Received => SessionOrder::Received,
            Self::Sent => SessionOrder::Sent,
            Self::Rate => SessionOrder::Rate,
            Self::Lost => SessionOrder::Lost,
        }
    }
}

/// Asks the server and prints its sessions.
///
/// # Errors
/// There is no server, or it does not answer.
pub fn run(args: &SessionsArgs) -> anyhow::Result<Code> {
    let query = SessionQuery {
        user: args.user.clone(),
        address: args.address,
        peer: args.peer,
        sort: args.sort.order(),
        reverse: args.reverse,
        limit: args.limit,
    };
    let mut server = Conversation::open(&args.socket.control_socket)?;
    let mut sessions = list(&mut server, &query)?;
    if args.rates {
        // The server compares the counters with those of the question before.
        sleep(MEASURED);
        sessions = list(&mut server, &query)?;
    }
    if args.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&sessions)?))?;
    } else {
        print(&sessions_table(&sessions, now(), args.rates))?;
    }
    Ok(Code::Done)
}

fn list(server: &mut Conversation, query: &SessionQuery) -> anyhow::Result<Vec<SessionInfo>> {
    match server.ask(&Request::Sessions(query.clone()))? {
        Reply::Sessions { sessions } => Ok(sessions),
        _ => Err(unexpected()),
    }
}
