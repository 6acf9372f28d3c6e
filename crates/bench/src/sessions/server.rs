//! A server of our own to put load on: this very program, on a host made of a network namespace.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};

use adit_net::namespace::{Host, Lab};
use adit_net::netlink::{Address, Route};
use anyhow::Context;
use ipnet::{IpNet, Ipv4Net};
use tempfile::TempDir;
use zeroize::Zeroizing;

use super::generator::Target;
use super::sources::Sources;
use super::users::{Judge, Users};
use crate::program::Program;

/// Addresses outside the tunnels, of a network that documents use (RFC 5737).
const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const CLIENTS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const PORT: u16 = 1723;

/// The addresses that clients connect from, all of them the clients' host's own.
const SOURCES: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(10, 128, 0, 0), 16);

/// The addresses inside the tunnels.
const POOL: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(10, 64, 0, 0), 16);

pub(super) const USER: &str = "load";

/// A server on its host, and the host of the clients.
pub(super) struct OwnServer {
    program: Program,
    judge: Option<Judge>,
    password: Zeroizing<String>,
    /// Where the clients are to be.
    pub(super) clients: Host,
    _directory: TempDir,
    /// Ends all processes on the hosts when it is dropped.
    _lab: Lab,
}

impl OwnServer {
    /// Makes the hosts and starts `adit serve`, with limits that let `sessions` in and so many workers,
    /// or as many as it finds fit. Logins are judged by `users`.
    ///
    /// # Errors
    /// The machine allows no namespaces, or the server does not start.
    pub(super) fn start(
        adit: &Path,
        sessions: usize,
        workers: Option<u16>,
        users: Users,
    ) -> anyhow::Result<Self> {
        let directory =
            tempfile::tempdir().context("cannot make a directory for the server's files")?;
        let mut lab = Lab::new();
        let (server, clients) = (lab.host("server")?, lab.host("clients")?);
        let network = |address| IpNet::from(Ipv4Net::new_assert(address, 24));
        let cable = lab.connect((&server, network(SERVER)), (&clients, network(CLIENTS)))?;
        // The whole network is local to a host that has an address of it on its loopback device.
        let loopback = clients.netlink().link_by_name("lo")?.index;
        let sources = Address::in_network(loopback, IpNet::V4(SOURCES));
        clients.netlink().add_address(&sources)?;
        let back = Route::through(IpNet::V4(SOURCES), cable.left.index, IpAddr::V4(CLIENTS));
        server.netlink().add_route(&back)?;

        let judge = Judge::start(users, &server)?;
        let configuration = configuration(directory.path(), sessions, workers, judge.as_ref())?;
        if let Some(judge) = &judge {
            judge.add_user(adit, &configuration)?;
        }
        let mut command = server.command(adit);
        command.arg("serve").arg("--config").arg(configuration);
        if judge.is_none() {
            command.args(["--first-user", USER]);
        }
        command.env_remove("ADIT_LOG");
        let program = Program::start("server", command, directory.path())?;
        let password = match &judge {
            Some(judge) => judge.password(),
            None => program.wait_for(|line| {
                let password = line.strip_prefix("Password ")?;
                Some(Zeroizing::new(password.trim().to_owned()))
            })?,
        };
        program.wait_for(|line| line.starts_with("serving on ").then_some(()))?;
        Ok(Self {
            program,
            judge,
            password,
            clients,
            _directory: directory,
            _lab: lab,
        })
    }

    pub(super) fn pid(&self) -> u32 {
        self.program.pid()
    }

    pub(super) fn target(&self) -> Target {
        Target {
            server: SocketAddrV4::new(SERVER, PORT),
            user: USER.to_owned(),
            password: self.password.clone(),
            sources: Sources::of(SOURCES),
        }
    }

    /// Ends the server as Ctrl-C does.
    pub(super) fn end(self) -> anyhow::Result<()> {
        self.program.end()?;
        self.judge.map_or(Ok(()), Judge::end)
    }
}

/// Everything has its default but for the files, the pool, the limits and the number of workers.
fn configuration(
    directory: &Path,
    sessions: usize,
    workers: Option<u16>,
    judge: Option<&Judge>,
) -> anyhow::Result<PathBuf> {
    let path = directory.join("adit.toml");
    let workers = workers.map_or_else(|| "\"auto\"".to_owned(), |count| count.to_string());
    let users = match judge {
        Some(judge) => judge.sections(directory),
        None => format!("[users]\ndatabase = {:?}\n", directory.join("users.db")),
    };
    let text = format!(
        "control_socket = {:?}\n\
         [network]\npool = \"{POOL}\"\n\
         {users}\
         [limits]\nsessions = {sessions}\nconnections = {sessions}\n\
         connections_per_address = {sessions}\nhalf_open = {sessions}\n\
         [workers]\ncount = {workers}\n",
        directory.join("control.sock"),
    );
    fs::write(&path, text)?;
    Ok(path)
}
