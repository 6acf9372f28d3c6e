//! `adit pool`: how full the address pools are.

use adit_server::control_socket::{PoolInfo, Reply, Request, ask};
use clap::Args;

use crate::cli::ControlSocketArgs;
use crate::control::unexpected;
use crate::exit::Code;
use crate::output::{print, table};

const EXAMPLES: &str = "\
Examples:
  adit pool
  adit pool --json | jq '.[] | select(.leased == .size) | .name'

REFUSED counts how often nothing was free, also where the pool that is `next` had something.";

/// Arguments of `adit pool`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct PoolArgs {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,

    /// Where to ask.
    #[command(flatten)]
    pub socket: ControlSocketArgs,
}

/// Asks the server and prints its pools.
///
/// # Errors
/// There is no server, or it does not answer.
pub fn run(args: &PoolArgs) -> anyhow::Result<Code> {
    let Reply::Pools { pools } = ask(&args.socket.control_socket, &Request::Pools)? else {
        return Err(unexpected());
    };
    if args.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&pools)?))?;
    } else {
        print(&shown(&pools))?;
    }
    Ok(Code::Done)
}

fn shown(pools: &[PoolInfo]) -> String {
    let headings = ["POOL", "KIND", "LEASED", "FREE", "USED", "REFUSED"].map(str::to_owned);
    let rows = pools.iter().map(|pool| {
        let used = u128::from(pool.leased) * 100 / u128::from(pool.size.max(1));
        [
            pool.name.clone(),
            pool.kind.clone(),
            pool.leased.to_string(),
            pool.size.saturating_sub(pool.leased).to_string(),
            format!("{used}%"),
            pool.exhausted.to_string(),
        ]
    });
    table(std::iter::once(headings).chain(rows))
}
