//! The program under test, as a server and as a client.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use adit_net::namespace::Host;
use adit_server::control_socket::{Reply, Request, SessionInfo, StatusInfo, ask};
use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::lab::SERVER;
use crate::program::{Ended, Program};

/// Users of a server that is given no others: one line of chap-secrets(5) each.
pub(crate) const USERS: &str = "alice * wonderland *\nbob * builder *\n";
pub(crate) const PASSWORD: &str = "wonderland";

/// The server's address in the tunnel, and that of its first client.
pub(crate) const INNER_SERVER: &str = "10.77.0.1";
pub(crate) const INNER_CLIENT: &str = "10.77.0.2";

/// `adit` on a host.
pub(crate) fn adit(host: &Host) -> Command {
    let mut command = host.command(env!("CARGO_BIN_EXE_adit"));
    command.env_remove("ADIT_LOG").env_remove("ADIT_PASSWORD");
    command
}

/// A running server.
pub(crate) struct Server {
    pub(crate) host: Host,
    pub(crate) program: Program,
    directory: TempDir,
}

impl Server {
    /// Starts a server with the usual users; `sections` are added to its configuration.
    pub(crate) fn start(host: &Host, sections: &str) -> Self {
        Self::with_users(host, USERS, sections)
    }

    /// Starts a server with these users in the syntax of chap-secrets(5).
    pub(crate) fn with_users(host: &Host, users: &str, sections: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let secrets = directory.path().join("secrets");
        std::fs::write(&secrets, users).unwrap();
        let users = format!("[users]\nsecrets = {secrets:?}\n");
        Self::in_directory(host, directory, &(users + sections), &[])
    }

    /// Starts a server with these sections of a configuration and arguments.
    pub(crate) fn in_directory(
        host: &Host,
        directory: TempDir,
        sections: &str,
        arguments: &[&str],
    ) -> Self {
        let config = configuration(directory.path(), sections);
        let mut command = adit(host);
        command
            .args(["serve", "--config"])
            .arg(config)
            .args(arguments);
        let program = Program::start(&mut command);
        program.said("serving on ");
        Self {
            host: host.clone(),
            program,
            directory,
        }
    }

    /// What `adit sessions` tells.
    pub(crate) fn sessions(&self) -> Vec<SessionInfo> {
        let output = self.ask(&["sessions", "--json"]);
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// What the server tells about itself as a whole.
    pub(crate) fn status(&self) -> StatusInfo {
        let reply = ask(&socket(self.directory.path()), &Request::Status).unwrap();
        let Reply::Status { status } = reply else {
            panic!("{reply:?}");
        };
        status
    }

    /// The only session.
    pub(crate) fn session(&self) -> SessionInfo {
        let mut sessions = self.sessions();
        assert_eq!(sessions.len(), 1, "{sessions:?}");
        sessions.remove(0)
    }

    /// Runs `adit` with these arguments and the server's control socket.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Output {
        adit(&self.host)
            .args(arguments)
            .arg("--control-socket")
            .arg(socket(self.directory.path()))
            .output()
            .unwrap()
    }

    /// The arguments that name its control socket.
    pub(crate) fn control_socket(&self) -> [PathBuf; 2] {
        ["--control-socket".into(), socket(self.directory.path())]
    }

    /// Writes another configuration with the same users and tells the server to read it.
    pub(crate) fn reload(&self, sections: &str) {
        self.rewrite(sections);
        self.program.signal(Signal::SIGHUP);
    }

    /// Writes another configuration with the same users.
    pub(crate) fn rewrite(&self, sections: &str) {
        let secrets = self.directory.path().join("secrets");
        let users = format!("[users]\nsecrets = {secrets:?}\n");
        configuration(self.directory.path(), &(users + sections));
    }

    /// As [`reload`](Self::reload), for settings that stand before all sections.
    pub(crate) fn reload_from(&self, settings: &str) {
        let secrets = self.directory.path().join("secrets");
        let users = format!("{settings}[users]\nsecrets = {secrets:?}\n");
        configuration(self.directory.path(), &users);
        self.program.signal(Signal::SIGHUP);
    }

    /// Takes the configuration away and tells the server to read it.
    pub(crate) fn remove_configuration(&self) {
        std::fs::remove_file(self.directory.path().join("adit.toml")).unwrap();
        self.program.signal(Signal::SIGHUP);
    }

    /// Ends it in order and leaves its directory.
    pub(crate) fn stop(self) -> (Ended, TempDir) {
        self.program.signal(Signal::SIGTERM);
        let ended = self.program.ended();
        assert_eq!(ended.code, Some(0), "{}", ended.log);
        (ended, self.directory)
    }

    /// Ends it with no chance to do anything.
    pub(crate) fn kill(self) -> TempDir {
        self.program.signal(Signal::SIGKILL);
        self.program.ended();
        self.directory
    }
}

/// Writes a configuration with a control socket in `directory`.
pub(crate) fn configuration(directory: &Path, sections: &str) -> PathBuf {
    let config = directory.join("adit.toml");
    let text = format!("control_socket = {:?}\n{sections}", socket(directory));
    std::fs::write(&config, text).unwrap();
    config
}

fn socket(directory: &Path) -> PathBuf {
    directory.join("control.sock")
}

/// A client that is connected.
pub(crate) struct Client {
    pub(crate) program: Program,
    pub(crate) interface: String,
    pub(crate) address: Ipv4Addr,
    pub(crate) server: Option<Ipv4Addr>,
    pub(crate) ipv6: Option<Ipv6Addr>,
    pub(crate) dns: Vec<Ipv4Addr>,
    pub(crate) mtu: u32,
    pub(crate) line: String,
}

impl Client {
    /// Connects as alice, with more arguments.
    pub(crate) fn connect(host: &Host, arguments: &[&str]) -> Self {
        Self::connected(dial(host, "alice", PASSWORD, arguments))
    }

    /// Waits until a client is connected.
    pub(crate) fn connected(program: Program) -> Self {
        let line = program.said("connected: ");
        let after = |name: &str| {
            let part = line
                .split([',', ':'])
                .find_map(|part| part.trim().strip_prefix(name));
            part.map(str::trim)
        };
        // IPv6 addresses have colons themselves.
        let ipv6 = line.split(", ").find_map(|part| part.strip_prefix("IPv6 "));
        let dns = line.split(", ").find_map(|part| part.strip_prefix("DNS "));
        Self {
            interface: after("interface ").unwrap().to_owned(),
            address: after("address ").unwrap().parse().unwrap(),
            server: after("server ").map(|address| address.parse().unwrap()),
            ipv6: ipv6.map(|address| address.parse().unwrap()),
            dns: dns.map_or(Vec::new(), |servers| {
                servers
                    .split(" and ")
                    .map(|it| it.parse().unwrap())
                    .collect()
            }),
            mtu: after("MTU ").unwrap().parse().unwrap(),
            program,
            line,
        }
    }

    /// Hangs up as Ctrl-C does.
    pub(crate) fn hang_up(self) -> Ended {
        self.program.signal(Signal::SIGINT);
        let ended = self.program.ended();
        assert_eq!(ended.code, Some(0), "{}", ended.log);
        ended
    }
}

/// Starts a client.
pub(crate) fn dial(host: &Host, user: &str, password: &str, arguments: &[&str]) -> Program {
    let mut command = adit(host);
    command
        .args(["connect", SERVER, "--user", user])
        .args(arguments)
        .env("ADIT_PASSWORD", password);
    Program::start(&mut command)
}

/// A client that does not get its connection.
pub(crate) fn refused(host: &Host, user: &str, password: &str, arguments: &[&str]) -> Ended {
    dial(host, user, password, arguments).ended()
}
