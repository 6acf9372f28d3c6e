//! `adit bench sessions`.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::time::Duration;

use adit_bench::sessions::{Plan, Report, Sources, Target, Users, Watch, against, with_own_server};
use adit_bench::stop::Stop;
use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};
use ipnet::Ipv4Net;

use super::progress::Line;
use crate::exit::{Code, Coded};
use crate::namespaces::{on_own_hosts, stop_on_signals};
use crate::output::print;
use crate::password::for_login;

const EXAMPLES: &str = "\
Examples:
  adit bench sessions 1000             1000 sessions of a server on a host of its own
  adit bench sessions 10000 --json     the same with 10,000, for a program to read
  adit bench sessions 1000 --users radius --rounds 0
  adit bench sessions 100 --server 192.0.2.1 --user alice --password-file password
  adit bench sessions 5000 --server 127.0.0.1 --sources 127.1.0.0/16 --user alice

All clients are one process, which needs root, or CAP_NET_RAW; without --server also /dev/net/tun. A server has
to let one user in that often, and so many connections from one address. A session needs about 20 KiB here.";

/// The port of PPTP control connections (RFC 2637 §1.3).
const PORT: u16 = 1723;

/// Arguments of `adit bench sessions`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct SessionsArgs {
    /// Sessions to bring up.
    #[arg(value_name = "N", value_parser = clap::value_parser!(u32).range(1..=60_000))]
    pub sessions: u32,

    /// Measure this PPTP server, and not one on a host of its own.
    #[arg(long, value_name = "ADDR[:PORT]", value_parser = server, requires = "user")]
    pub server: Option<SocketAddrV4>,

    /// User name that all clients have.
    #[arg(long, value_name = "NAME", requires = "server")]
    pub user: Option<String>,

    /// File whose first line is the password; without it, from ADIT_PASSWORD or a prompt.
    #[arg(long, value_name = "FILE", requires = "server")]
    pub password_file: Option<PathBuf>,

    /// Addresses of this host to connect from in turn.
    #[arg(long, value_name = "CIDR", requires = "server")]
    pub sources: Option<Ipv4Net>,

    /// Process of the server, where it is on this machine, to tell its memory and processor time.
    #[arg(long, value_name = "PID", requires = "server")]
    pub server_pid: Option<u32>,

    /// Sessions that are being brought up at once.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    pub parallel: u16,

    /// How many sessions carry packets; several measurements.
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_values_t = [1, 100, 1000, 10_000])]
    pub carrying: Vec<usize>,

    /// Lengths of the packets in octets; several measurements.
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_values_t = [64, 1400],
          value_parser = clap::value_parser!(u16).range(28..=1456))]
    pub octets: Vec<u16>,

    /// Packets on their way at once, through all sessions together.
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub window: u16,

    /// Length of one measurement.
    #[arg(long, value_name = "S", default_value_t = 1.0)]
    pub seconds: f64,

    /// Measurements of each case, of which the median counts; 0 to send no load.
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub rounds: u16,

    /// Workers of the server; as many as the cores by default.
    #[arg(long, value_name = "N", conflicts_with = "server", value_parser = clap::value_parser!(u16).range(1..=16))]
    pub workers: Option<u16>,

    /// Who judges the logins: needs FreeRADIUS or PostgreSQL on this machine.
    #[arg(long, value_enum, default_value_t, conflicts_with = "server")]
    pub users: Judges,

    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Who judges the logins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Judges {
    /// The server's own database.
    #[default]
    Database,
    /// PostgreSQL, which leases the addresses and keeps the table of sessions too.
    Postgresql,
    /// FreeRADIUS, which takes accounting records too.
    Radius,
}

impl From<Judges> for Users {
    fn from(judges: Judges) -> Self {
        match judges {
            Judges::Database => Self::Database,
            Judges::Postgresql => Self::Postgresql,
            Judges::Radius => Self::Radius,
        }
    }
}

/// An address with or without a port.
fn server(text: &str) -> Result<SocketAddrV4, String> {
    let alone = || {
        text.parse::<Ipv4Addr>()
            .map(|it| SocketAddrV4::new(it, PORT))
    };
    text.parse()
        .or_else(|_| alone())
        .map_err(|_| "an IPv4 address is wanted, with a port if it is not 1723".to_owned())
}

impl SessionsArgs {
    fn plan(&self) -> anyhow::Result<Plan> {
        let time = Duration::try_from_secs_f64(self.seconds).unwrap_or_default();
        ensure!(
            !time.is_zero() && !self.carrying.contains(&0),
            Coded::usage("there is nothing to measure in no time, or through no session")
        );
        let sessions = self.sessions as usize;
        let mut carrying = self.carrying.clone();
        carrying.retain(|number| *number <= sessions);
        carrying.push(sessions);
        carrying.sort_unstable();
        carrying.dedup();
        Ok(Plan {
            sessions,
            parallel: self.parallel.into(),
            carrying,
            octets: self.octets.iter().copied().map(usize::from).collect(),
            window: self.window,
            rounds: self.rounds.into(),
            time,
            workers: self.workers,
            users: self.users.into(),
        })
    }

    fn target(&self, server: SocketAddrV4) -> anyhow::Result<Target> {
        let user = self.user.clone().unwrap_or_default();
        Ok(Target {
            server,
            password: for_login(&user, self.password_file.as_deref())?.password,
            user,
            sources: self.sources.map_or_else(Sources::default, Sources::of),
        })
    }

    fn tell(&self, report: &Report) -> anyhow::Result<Code> {
        match self.json {
            true => print(&format!("{}\n", serde_json::to_string_pretty(report)?))?,
            false => print(&report.to_string())?,
        }
        Ok(Code::Done)
    }
}

pub(super) fn run(args: &SessionsArgs) -> anyhow::Result<Code> {
    let plan = args.plan()?;
    let Some(server) = args.server else {
        return on_own_hosts(|stop: &Stop| {
            let adit = std::env::current_exe().context("cannot find this program's own file")?;
            let report = {
                let mut progress = Line::default();
                with_own_server(&adit, &plan, &mut Watch::new(stop, &mut progress))?
            };
            args.tell(&report)
        });
    };
    let target = args.target(server)?;
    let stop = stop_on_signals()?;
    let report = {
        let mut progress = Line::default();
        let mut watch = Watch::new(&stop, &mut progress);
        against(target, args.server_pid, &plan, &mut watch)?
    };
    args.tell(&report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_has_a_port_or_the_usual_one() {
        assert_eq!(server("192.0.2.1"), Ok("192.0.2.1:1723".parse().unwrap()));
        assert_eq!(server("192.0.2.1:99"), Ok("192.0.2.1:99".parse().unwrap()));
        assert!(server("example.com").is_err());
    }
}
