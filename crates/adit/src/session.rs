//! `adit session show`: everything about one session, also one that has ended.

use adit_server::control_socket::{
    Diagnosis, EndedInfo, Reply, Request, SessionDetail, Target, ask, bits, duration, octets,
};
use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::json;

use crate::cli::ControlSocketArgs;
use crate::control::{aligned, name_of, now, target_of, unexpected};
use crate::exit::Code;
use crate::output::print;

const EXAMPLES: &str = "\
Examples:
  adit session show 7               the session with this number
  adit session show alice           all sessions of a user, and those that ended of late
  adit session show 10.99.0.2       by the address in the tunnel
  adit session show 203.0.113.9     by the address that the client comes from
  adit session show alice --json

Exit codes: 0 shown, 1 no such session or no server, 2 wrong command line.";

/// Arguments of `adit session`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct SessionArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: SessionCommand,
}

/// What can be done with a session.
#[derive(Debug, Subcommand)]
pub enum SessionCommand {
    /// Tell everything about a session, and why it failed if it did.
    #[command(after_help = EXAMPLES)]
    Show(ShowArgs),
}

/// Arguments of `adit session show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Number of a session, name of a user, or an address of the client.
    #[arg(
        value_name = "SESSION",
        required_unless_present = "user",
        conflicts_with = "user"
    )]
    pub session: Option<String>,

    /// The sessions of this user, whose name may be a number.
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,

    /// How many of those that have ended are shown.
    #[arg(long, value_name = "NUMBER", default_value_t = 3)]
    pub ended: usize,

    /// Print JSON.
    #[arg(long)]
    pub json: bool,

    /// Where to ask.
    #[command(flatten)]
    pub socket: ControlSocketArgs,
}

/// Asks the server and prints what it knows.
///
/// # Errors
/// There is no such session, no server, or it does not answer.
pub fn run(args: &SessionArgs) -> anyhow::Result<Code> {
    let SessionCommand::Show(args) = &args.command;
    let target = match (&args.user, &args.session) {
        (Some(user), _) => Target::User(user.clone()),
        (None, word) => target_of(word.as_deref().unwrap_or_default()),
    };
    let (sessions, mut ended) = find(args, &target)?;
    ended.truncate(args.ended);
    if sessions.is_empty() && ended.is_empty() {
        bail!(
            "the server knows no session of {}, nor one that ended of late; `adit sessions` lists those \
             there are",
            name_of(&target)
        );
    }
    if args.json {
        let all = json!({ "sessions": sessions, "ended": ended });
        print(&format!("{}\n", serde_json::to_string_pretty(&all)?))?;
        return Ok(Code::Done);
    }
    let now = now();
    let parts = sessions.iter().map(|session| shown(session, now));
    let parts = parts.chain(ended.iter().map(|session| shown_ended(session, now)));
    print(&parts.collect::<Vec<_>>().join("\n"))?;
    Ok(Code::Done)
}

/// An address can be the one in the tunnel or the one that the client comes from.
fn find(args: &ShowArgs, target: &Target) -> anyhow::Result<(Vec<SessionDetail>, Vec<EndedInfo>)> {
    let found = ask_for(args, target.clone())?;
    if found.0.is_empty()
        && found.1.is_empty()
        && let Target::Address(std::net::IpAddr::V4(peer)) = target
    {
        return ask_for(args, Target::Peer(*peer));
    }
    Ok(found)
}

fn ask_for(
    args: &ShowArgs,
    target: Target,
) -> anyhow::Result<(Vec<SessionDetail>, Vec<EndedInfo>)> {
    match ask(&args.socket.control_socket, &Request::Session { target })? {
        Reply::Session { sessions, ended } => Ok((sessions, ended)),
        _ => Err(unexpected()),
    }
}

fn shown(session: &SessionDetail, now: u64) -> String {
    let info = &session.info;
    let dash = || "-".to_owned();
    let text = |text: &Option<String>| text.as_ref().map_or_else(dash, |text| printable(text));
    let state = match (session.up, &info.user) {
        (true, _) => "up",
        (false, Some(_)) => "logged in, no packets pass yet",
        (false, None) => "logging in",
    };
    let rate = info.rate.map_or_else(dash, |rate| {
        format!("{} in, {} out", bits(rate.received), bits(rate.sent))
    });
    let mut rows = vec![
        ("state", state.to_owned()),
        ("user", text(&info.user)),
        ("name sent", text(&session.sent_name)),
        ("from", info.peer.to_string()),
        (
            "client",
            printable(&format!("{} ({})", info.peer_host, info.peer_vendor)),
        ),
        (
            "address",
            info.address.map_or_else(dash, |it| it.to_string()),
        ),
        (
            "IPv6 prefix",
            info.ipv6_prefix.map_or_else(dash, |it| it.to_string()),
        ),
        ("up for", duration(now.saturating_sub(info.since))),
        ("authentication", text(&info.authentication)),
        ("encryption out", text(&info.encryption)),
        ("encryption in", text(&session.encryption_received)),
        ("MTU", format!("{} octets", session.mtu)),
        (
            "Call IDs",
            format!("{} here, {} there", info.call_id, info.peer_call_id),
        ),
        ("received", traffic(info.received)),
        ("sent", traffic(info.sent)),
        ("bits per second", rate),
    ];
    rows.retain(|(name, value)| !(*name == "IPv6 prefix" && value == "-"));
    let mut shown = format!("session {}\n{}", info.id, aligned("  ", &rows));
    if !session.terms.is_empty() {
        let terms: Vec<(&String, String)> = session
            .terms
            .iter()
            .map(|(name, value)| (name, printable(value)))
            .collect();
        shown.push_str(" what the user may have\n");
        shown.push_str(&aligned("  ", &terms));
    }
    for (heading, counters) in [(" GRE", &session.gre), (" packets", &session.packets)] {
        let counted = counters.iter().filter(|(_, count)| **count > 0);
        let rows: Vec<(String, String)> = counted
            .map(|(name, count)| (name.replace('_', " "), count.to_string()))
            .collect();
        if !rows.is_empty() {
            shown.push_str(&format!("{heading}\n{}", aligned("  ", &rows)));
        }
    }
    if let Some(diagnosis) = &session.diagnosis {
        shown.push_str(&advice(diagnosis));
    }
    shown
}

fn shown_ended(session: &EndedInfo, now: u64) -> String {
    let dash = || "-".to_owned();
    let text = |text: &Option<String>| text.as_ref().map_or_else(dash, |text| printable(text));
    let lasted = duration(session.ended.saturating_sub(session.since));
    let ago = duration(now.saturating_sub(session.ended));
    let state = match session.was_up {
        true => format!("ended {ago} ago, after {lasted}"),
        false => format!("failed {ago} ago, after {lasted}: no packet ever passed"),
    };
    let rows = [
        ("state", state),
        ("user", text(&session.user)),
        ("name sent", text(&session.sent_name)),
        ("from", session.peer.to_string()),
        (
            "address",
            session.address.map_or_else(dash, |it| it.to_string()),
        ),
        ("received", traffic(session.received)),
        ("sent", traffic(session.sent)),
    ];
    let id = session.id;
    let rows = aligned("  ", &rows);
    format!("session {id}\n{rows}{}", advice(&session.diagnosis))
}

fn advice(diagnosis: &Diagnosis) -> String {
    let mut shown = format!(" why: {}\n", printable(&diagnosis.cause));
    if let Some(advice) = &diagnosis.advice {
        shown.push_str(&format!(" what to do: {}\n", printable(advice)));
    }
    shown
}

fn traffic(traffic: adit_server::control_socket::Traffic) -> String {
    format!("{} in {} packets", octets(traffic.octets), traffic.packets)
}

/// Names come from clients: what could steer a terminal is escaped.
fn printable(text: &str) -> String {
    let escaped = text.chars().flat_map(|letter| match letter.is_control() {
        true => letter.escape_default().collect::<Vec<_>>(),
        false => vec![letter],
    });
    escaped.collect()
}
