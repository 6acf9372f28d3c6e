//! The command line as a whole.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use adit_server::config::Log;

use crate::exit::Code;
use crate::{
    bench, completions, config, connect, demo, disconnect, group, import, inspect, log_level,
    logging, manual, pool, reload, serve, session, sessions, stats, top, trace, user,
};

/// Shown below the help of the program.
const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 failed, 2 wrong command line, 10 a privilege or device is missing.
`adit connect --help` has those of a connection.

Environment: ADIT_LOG chooses log levels per module (as \"adit_ppp=trace,info\"); NO_COLOR turns colours off.";

/// A PPTP server and client in user space.
///
/// PPTP is an old protocol: its passwords can be found by whoever records a login (MS-CHAPv2 is as strong as
/// one DES key), and its encryption does not notice changed packets. Use it where nothing better is spoken.
#[derive(Debug, Parser)]
#[command(name = "adit", version, after_help = EXIT_CODES, max_term_width = 100)]
pub struct Cli {
    /// What is logged.
    #[command(flatten)]
    pub log: LogArgs,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What is logged, and how; this goes before what a server's configuration says.
#[derive(Debug, Clone, Args)]
pub struct LogArgs {
    /// Log more: once for each negotiation packet, twice for everything.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,

    /// Form of the log lines [default: text].
    #[arg(long, global = true, value_enum)]
    pub log_format: Option<Form>,
}

/// Form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// For people.
    #[value(alias = "human")]
    Text,
    /// One JSON object per line.
    Json,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a server in the foreground.
    Serve(serve::ServeArgs),
    /// Connect to a server and stay connected in the foreground.
    Connect(connect::ConnectArgs),
    /// Explain a capture of PPTP traffic, packet by packet.
    Inspect(inspect::InspectArgs),
    /// Manage the users of a server's database.
    User(user::UserArgs),
    /// Manage groups of users.
    Group(group::GroupArgs),
    /// List the sessions of the running server.
    Sessions(sessions::SessionsArgs),
    /// Show one session of the running server, and why it failed.
    Session(session::SessionArgs),
    /// End sessions of the running server.
    Disconnect(disconnect::DisconnectArgs),
    /// Show all sessions of the running server live.
    Top(top::TopArgs),
    /// Show live what passes through the sessions of one user or address.
    Trace(trace::TraceArgs),
    /// Tell what came and went since the server started.
    Stats(stats::StatsArgs),
    /// Tell how full the address pools of the running server are.
    Pool(pool::PoolArgs),
    /// Change what the running server logs.
    LogLevel(log_level::LogLevelArgs),
    /// Have the running server read its configuration again.
    Reload(reload::ReloadArgs),
    /// Check a configuration or print the default one.
    Config(config::ConfigArgs),
    /// Write the configuration of pptpd or accel-ppp as one for Adit.
    Import(import::ImportArgs),
    /// Print what a shell needs to complete command lines.
    Completions(completions::CompletionsArgs),
    /// Write the manual pages.
    #[command(hide = true)]
    Manual(manual::ManualArgs),
    /// Show a server and a client at work on this machine, without changing its network.
    Demo(demo::DemoArgs),
    /// Measure how fast a tunnel is on this machine, without changing its network.
    Bench(bench::BenchArgs),
}

/// Where the running server is asked.
#[derive(Debug, Args)]
pub struct ControlSocketArgs {
    /// Control socket of the server.
    #[arg(long, value_name = "PATH", default_value = "/run/adit/control.sock")]
    pub control_socket: PathBuf,
}

impl Cli {
    /// Does what the command line says.
    ///
    /// # Errors
    /// What the subcommand could not do, as a sentence for people.
    pub fn run(self) -> anyhow::Result<Code> {
        let _logging = match self.command {
            // Its configuration says more about the log.
            Command::Serve(_) => None,
            _ => Some(logging::start(&logging::overruled(
                Log::default(),
                &self.log,
            )?)?),
        };
        match self.command {
            Command::Serve(args) => serve::run(args, &self.log),
            Command::Connect(args) => connect::run(&args),
            Command::Inspect(args) => inspect::run(args),
            Command::User(args) => user::run(args),
            Command::Group(args) => group::run(args),
            Command::Sessions(args) => sessions::run(&args),
            Command::Session(args) => session::run(&args),
            Command::Top(args) => top::run(&args),
            Command::Trace(args) => trace::run(&args),
            Command::Stats(args) => stats::run(&args),
            Command::Pool(args) => pool::run(&args),
            Command::LogLevel(args) => log_level::run(&args),
            Command::Reload(args) => reload::run(&args),
            Command::Disconnect(args) => disconnect::run(&args),
            Command::Config(args) => config::run(&args),
            Command::Import(args) => import::run(&args),
            Command::Completions(args) => completions::run(&args),
            Command::Manual(args) => manual::run(&args),
            Command::Demo(args) => demo::run(args),
            Command::Bench(args) => bench::run(&args),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_subcommand_has_examples() {
        for command in Cli::command().get_subcommands() {
            let help = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            let example = format!("adit {}", command.get_name());
            assert!(
                help.contains(&example),
                "{} has no examples",
                command.get_name()
            );
        }
    }

    #[test]
    fn the_default_socket_is_the_server_s() {
        let cli = Cli::parse_from(["adit", "sessions"]);
        let Command::Sessions(args) = cli.command else {
            panic!("`sessions` was parsed as something else");
        };
        assert_eq!(
            args.socket.control_socket,
            adit_server::config::Config::default().control_socket
        );
    }
}
