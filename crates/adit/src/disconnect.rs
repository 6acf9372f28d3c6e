//! `adit disconnect`: ends sessions of the running server.

use std::io::{self, BufRead, IsTerminal, Write};
use std::net::{IpAddr, Ipv4Addr};

use adit_server::control_socket::{Reply, Request, Target, ask};
use anyhow::bail;
use clap::{ArgGroup, Args};
use serde_json::json;

use crate::cli::ControlSocketArgs;
use crate::control::{name_of, target_of, unexpected};
use crate::exit::{Code, Coded};
use crate::output::print;

const EXAMPLES: &str = "\
Examples:
  adit disconnect 7                 the session with this number, as `adit sessions` shows it
  adit disconnect alice             all sessions of a user
  adit disconnect --user 7          a user whose name is a number
  adit disconnect 10.99.0.2         the session with this address in the tunnel
  adit disconnect --peer 203.0.113.9 --reason \"moved to another server\"
  adit disconnect --all --yes

Exit codes: 0 disconnected, 1 no such session or no server, 2 wrong command line.";

/// Arguments of `adit disconnect`.
#[derive(Debug, Args)]
#[command(
    after_help = EXAMPLES,
    group(ArgGroup::new("target").required(true).args(["session", "user", "address", "peer", "all"]))
)]
pub struct DisconnectArgs {
    /// Number of a session, address in the tunnel, or name of a user.
    #[arg(value_name = "SESSION")]
    pub session: Option<String>,

    /// End all sessions of this user.
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,

    /// End the session with this address in the tunnel.
    #[arg(long, value_name = "IP")]
    pub address: Option<IpAddr>,

    /// End all sessions that come from this address.
    #[arg(long, value_name = "IP")]
    pub peer: Option<Ipv4Addr>,

    /// End all sessions there are.
    #[arg(long)]
    pub all: bool,

    /// Do not ask before all sessions are ended.
    #[arg(long, conflicts_with_all = ["session", "user", "address", "peer"])]
    pub yes: bool,

    /// Why, for the log and the records.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,

    /// Print JSON.
    #[arg(long)]
    pub json: bool,

    /// Where to ask.
    #[command(flatten)]
    pub socket: ControlSocketArgs,
}

impl DisconnectArgs {
    fn target(&self) -> Target {
        if let Some(user) = &self.user {
            Target::User(user.clone())
        } else if let Some(address) = self.address {
            Target::Address(address)
        } else if let Some(peer) = self.peer {
            Target::Peer(peer)
        } else if let Some(word) = &self.session {
            target_of(word)
        } else {
            Target::All
        }
    }
}

/// Asks the server to end the sessions.
///
/// # Errors
/// There is no such session, no server, or it does not answer.
pub fn run(args: &DisconnectArgs) -> anyhow::Result<Code> {
    let target = args.target();
    if target == Target::All && !args.yes && !confirmed()? {
        print("nothing was ended\n")?;
        return Ok(Code::Failed);
    }
    let request = Request::Disconnect {
        target: target.clone(),
        reason: args.reason.clone(),
    };
    let Reply::Disconnected { sessions } = ask(&args.socket.control_socket, &request)? else {
        return Err(unexpected());
    };
    if sessions == 0 {
        match target {
            Target::Session(id) => {
                bail!("there is no session {id}; `adit sessions` lists those there are")
            }
            Target::All => bail!("there are no sessions"),
            target => bail!(
                "{} has no session; `adit sessions` lists those there are",
                name_of(&target)
            ),
        }
    }
    match (args.json, sessions) {
        (true, _) => print(&format!("{}\n", json!({ "disconnected": sessions })))?,
        (false, 1) => print("disconnected 1 session\n")?,
        (false, _) => print(&format!("disconnected {sessions} sessions\n"))?,
    }
    Ok(Code::Done)
}

/// Asks the one at the terminal.
fn confirmed() -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() {
        return Err(Coded::usage(
            "nobody is at a terminal to be asked whether all sessions are to end; say --yes",
        ));
    }
    eprint!("End all sessions of this server? [y/N] ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn target(words: &[&str]) -> Target {
        let words = ["adit", "disconnect"].iter().chain(words);
        match Cli::parse_from(words).command {
            Command::Disconnect(args) => args.target(),
            other => panic!("parsed as {other:?}"),
        }
    }

    #[test]
    fn numbers_are_sessions_and_words_users() {
        assert_eq!(target(&["7"]), Target::Session(7));
        assert_eq!(target(&["alice"]), Target::User("alice".to_owned()));
        assert_eq!(target(&["--user", "7"]), Target::User("7".to_owned()));
        let address: IpAddr = "10.99.0.2".parse().unwrap();
        assert_eq!(target(&["10.99.0.2"]), Target::Address(address));
        assert_eq!(
            target(&["--address", "10.99.0.2"]),
            Target::Address(address)
        );
        let peer = Target::Peer("192.0.2.7".parse().unwrap());
        assert_eq!(target(&["--peer", "192.0.2.7"]), peer);
        assert_eq!(target(&["--all", "--yes"]), Target::All);
    }

    #[test]
    fn one_of_all_is_needed() {
        for words in [
            &[][..],
            &["7", "--user", "a"],
            &["--all", "7"],
            &["--yes", "7"],
            &["--peer", "192.0.2.7", "--address", "10.0.0.1"],
        ] {
            let words = ["adit", "disconnect"].iter().chain(words);
            assert!(Cli::try_parse_from(words).is_err());
        }
    }
}
