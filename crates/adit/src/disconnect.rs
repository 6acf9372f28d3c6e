//! `adit disconnect`: ends sessions of the running server.

use adit_server::control_socket::{Reply, Request, Target, ask};
use anyhow::bail;
use clap::Args;

use crate::cli::ControlSocketArgs;
use crate::exit::Code;
use crate::output::print;

const EXAMPLES: &str = "\
Examples:
  adit disconnect 7                 the session with this number, as `adit sessions` shows it
  adit disconnect alice             all sessions of a user
  adit disconnect --user 7          a user whose name is a number

Exit codes: 0 disconnected, 1 no such session or no server, 2 wrong command line.";

/// Arguments of `adit disconnect`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DisconnectArgs {
    /// Number of a session, or name of a user.
    #[arg(
        value_name = "SESSION",
        required_unless_present = "user",
        conflicts_with = "user"
    )]
    pub session: Option<String>,

    /// End all sessions of this user.
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,

    /// Where to ask.
    #[command(flatten)]
    pub socket: ControlSocketArgs,
}

impl DisconnectArgs {
    fn target(&self) -> Target {
        let name = match (&self.user, &self.session) {
            (Some(user), _) => user.clone(),
            (None, session) => {
                let word = session.clone().unwrap_or_default();
                match word.parse() {
                    Ok(id) => return Target::Session(id),
                    Err(_) => word,
                }
            }
        };
        Target::User(name)
    }
}

/// Asks the server to end the sessions.
///
/// # Errors
/// There is no such session, no server, or it does not answer.
pub fn run(args: &DisconnectArgs) -> anyhow::Result<Code> {
    let target = args.target();
    let request = Request::Disconnect {
        target: target.clone(),
    };
    match (ask(&args.socket.control_socket, &request)?, target) {
        (Reply::Disconnected { sessions: 0 }, Target::Session(id)) => {
            bail!("there is no session {id}; `adit sessions` lists those there are")
        }
        (Reply::Disconnected { sessions: 0 }, Target::User(name)) => {
            bail!("user `{name}` has no session; `adit sessions` lists those there are")
        }
        (Reply::Disconnected { sessions: 1 }, _) => print("disconnected 1 session\n")?,
        (Reply::Disconnected { sessions }, _) => {
            print(&format!("disconnected {sessions} sessions\n"))?;
        }
        _ => bail!(
            "the server gave another answer than asked for; use the version that runs the server"
        ),
    }
    Ok(Code::Done)
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
    }

    #[test]
    fn one_of_both_is_needed() {
        assert!(Cli::try_parse_from(["adit", "disconnect"]).is_err());
        assert!(Cli::try_parse_from(["adit", "disconnect", "7", "--user", "a"]).is_err());
    }
}
