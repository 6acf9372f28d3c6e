//! `adit stats`: what came and went since the server started.

use std::collections::BTreeMap;

use adit_server::control_socket::{Reply, Request, StatsInfo, Traffic, ask, duration, octets};
use clap::Args;

use crate::cli::ControlSocketArgs;
use crate::control::{aligned, now, unexpected};
use crate::exit::Code;
use crate::output::print;

const EXAMPLES: &str = "\
Examples:
  adit stats
  adit stats --json | jq .drops

Everything is counted since the server started. What the reasons of drops and ends mean is in
docs/control-api.md.";

/// Arguments of `adit stats`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct StatsArgs {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,

    /// Where to ask.
    #[command(flatten)]
    pub socket: ControlSocketArgs,
}

/// Asks the server and prints its counters.
///
/// # Errors
/// There is no server, or it does not answer.
pub fn run(args: &StatsArgs) -> anyhow::Result<Code> {
    let Reply::Stats { stats } = ask(&args.socket.control_socket, &Request::Stats)? else {
        return Err(unexpected());
    };
    if args.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&stats)?))?;
    } else {
        print(&shown(&stats, now()))?;
    }
    Ok(Code::Done)
}

fn shown(stats: &StatsInfo, now: u64) -> String {
    let (connections, sessions) = (&stats.connections, &stats.sessions);
    let mut shown = aligned(
        "",
        &[
            ("up for", duration(now.saturating_sub(stats.since))),
            (
                "connections",
                format!(
                    "{} open, {} of them without a call; {} accepted since the start",
                    connections.open, connections.half_open, connections.accepted
                ),
            ),
            (
                "sessions",
                format!(
                    "{} open, {} of them logged in; {} begun, {} came up",
                    sessions.open, sessions.logged_in, sessions.begun, sessions.came_up
                ),
            ),
            ("received", traffic(stats.received)),
            ("sent", traffic(stats.sent)),
        ],
    );
    for (heading, counts) in [
        ("connections refused", &connections.refused),
        ("logins", &stats.logins),
        ("sessions ended", &sessions.ended),
        ("packets dropped", &stats.drops),
    ] {
        shown.push_str(&section(heading, counts));
    }
    shown
}

fn section(heading: &str, counts: &BTreeMap<String, u64>) -> String {
    let counted = counts.iter().filter(|(_, count)| **count > 0);
    let rows: Vec<(&String, String)> = counted
        .map(|(name, count)| (name, count.to_string()))
        .collect();
    match rows.is_empty() {
        true => format!("{heading}: none\n"),
        false => format!("{heading}\n{}", aligned("  ", &rows)),
    }
}

fn traffic(traffic: Traffic) -> String {
    format!("{} in {} packets", octets(traffic.octets), traffic.packets)
}
