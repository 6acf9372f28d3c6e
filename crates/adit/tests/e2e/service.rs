//! The server as a service: what it tells its manager, its log, and the few rights it needs.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::adit::{Client, PASSWORD, USERS, adit, configuration, refused};
use crate::lab::{on_two_hosts, skipped};
use crate::program::{Ended, PATIENCE, Program};

/// The user `nobody`.
const NOBODY: &str = "65534";

/// A service manager's end of its socket.
struct Manager {
    socket: UnixDatagram,
    told: Vec<String>,
}

impl Manager {
    fn listen(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let told = Vec::new();
        Self { socket, told }
    }

    /// Waits until it is told this line.
    fn is_told(&mut self, line: &str) {
        loop {
            let mut buffer = [0; 4096];
            let count = self
                .socket
                .recv(&mut buffer)
                .unwrap_or_else(|error| panic!("no {line} but {:?}: {error}", self.told));
            let text = String::from_utf8(buffer[..count].to_vec()).unwrap();
            let found = text.lines().any(|it| it == line);
            self.told.push(text);
            if found {
                return;
            }
        }
    }
}

/// Starts a server in `directory` by this command, which lacks the arguments.
fn serve(mut command: Command, directory: &Path, sections: &str) -> Program {
    let secrets = directory.join("secrets");
    std::fs::write(&secrets, USERS).unwrap();
    let sections = format!("[users]\nsecrets = {secrets:?}\n{sections}");
    let config = configuration(directory, &sections);
    command.args(["serve", "--config"]).arg(config);
    Program::start(&mut command)
}

fn end(program: Program) -> Ended {
    program.signal(Signal::SIGTERM);
    let ended = program.ended();
    assert_eq!(ended.code, Some(0), "{}", ended.log);
    ended
}

#[test]
fn the_service_manager_is_told_how_the_server_does() {
    on_two_hosts(|server_host, client_host| {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let mut manager = Manager::listen(&path);
        let mut command = adit(server_host);
        command
            .env("NOTIFY_SOCKET", &path)
            .env("WATCHDOG_USEC", "300000")
            .env_remove("WATCHDOG_PID");
        let program = serve(command, directory.path(), "[workers]\ncount = 2\n");
        manager.is_told("READY=1");
        assert_eq!(manager.told, ["READY=1"]);
        manager.is_told("STATUS=0 sessions");
        for _ in 0..3 {
            manager.is_told("WATCHDOG=1");
        }
        let client = Client::connect(client_host, &[]);
        manager.is_told("STATUS=1 session");
        client.hang_up();
        manager.is_told("STATUS=0 sessions");
        end(program);
        manager.is_told("STOPPING=1");
    });
}

#[test]
fn a_manager_that_sets_no_watchdog_hears_none() {
    on_two_hosts(|server_host, _| {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let mut manager = Manager::listen(&path);
        let mut command = adit(server_host);
        // The watchdog is set for another process.
        command
            .env("NOTIFY_SOCKET", &path)
            .env("WATCHDOG_USEC", "300000")
            .env("WATCHDOG_PID", "1");
        let program = serve(command, directory.path(), "");
        manager.is_told("STATUS=0 sessions");
        end(program);
        manager.is_told("STOPPING=1");
        let told = manager.told.concat();
        assert!(!told.contains("WATCHDOG"), "{told}");
    });
}

#[test]
fn a_server_needs_two_capabilities_and_no_root() {
    on_two_hosts(|server_host, client_host| {
        if !can_be_nobody() {
            let name = "service::a_server_needs_two_capabilities_and_no_root";
            return skipped(name, &"this user namespace has no other users");
        }
        let directory = tempfile::tempdir().unwrap();
        // Where the program was built may be closed to others.
        let program = directory.path().join("adit");
        std::fs::copy(env!("CARGO_BIN_EXE_adit"), &program).unwrap();
        let state = directory.path().join("state");
        std::fs::create_dir(&state).unwrap();
        let mut command = server_host.command("setpriv");
        command
            .args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"])
            .args(["--inh-caps", "-all,+net_admin,+net_raw"])
            .args(["--ambient-caps", "-all,+net_admin,+net_raw"])
            .args([
                "--bounding-set",
                "-all,+net_admin,+net_raw",
                "--no-new-privs",
            ])
            .arg(&program);
        let sections = "[network]\nforward = true\nmasquerade = true\n";
        let secrets = state.join("secrets");
        std::fs::write(&secrets, USERS).unwrap();
        let nobody = NOBODY.parse().ok();
        for path in [directory.path(), &state, &secrets] {
            std::os::unix::fs::chown(path, nobody, nobody).unwrap();
        }
        let server = serve(command, &state, sections);
        server.said("serving on ");

        let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
        let line = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("{name} in {status}")).trim()
        };
        assert!(line("Uid:").starts_with(NOBODY), "{status}");
        let capabilities = u64::from_str_radix(line("CapEff:"), 16).unwrap();
        // CAP_NET_ADMIN is 12 and CAP_NET_RAW is 13.
        assert_eq!(capabilities, 1 << 12 | 1 << 13, "{status}");

        let forwards = || adit_net::sysctl::read("net.ipv4.ip_forward").unwrap();
        assert_eq!(server_host.run(forwards).unwrap().trim(), "1");
        let client = Client::connect(client_host, &[]);
        client.hang_up();
        let ended = end(server);
        assert!(!ended.log.contains("left behind"), "{}", ended.log);
        assert_eq!(server_host.run(forwards).unwrap().trim(), "0");
    });
}

/// Whether a process of another user can be started here.
fn can_be_nobody() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap();
    let mapped = |line: &str| {
        let numbers: Vec<u64> = line.split_whitespace().flat_map(str::parse).collect();
        let [first, _, count] = numbers[..] else {
            return false;
        };
        let nobody: u64 = NOBODY.parse().unwrap();
        (first..first + count).contains(&nobody)
    };
    map.lines().any(mapped)
}

#[test]
fn a_log_file_gets_one_json_object_a_line() {
    on_two_hosts(|server_host, client_host| {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("adit.log");
        let sections = format!("[log]\ntarget = {log:?}\nformat = \"json\"\nlevel = \"info\"\n");
        let program = serve(adit(server_host), directory.path(), &sections);
        program.said("serving on ");
        assert_eq!(refused(client_host, "alice", "wrong", &[]).code, Some(6));
        Client::connect(client_host, &[]).hang_up();
        let ended = end(program);
        assert_eq!(ended.log, "");

        let text = std::fs::read_to_string(&log).unwrap();
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let message = |line: &Value| line["fields"]["message"].as_str().unwrap().to_owned();
        let refusal = lines
            .iter()
            .find(|line| message(line).starts_with("login refused"))
            .unwrap();
        assert_eq!(refusal["level"], "WARN");
        assert_eq!(refusal["fields"]["user"], "alice");
        let peer = refusal["fields"]["peer"].as_str().unwrap();
        assert!(peer.starts_with("192.0.2.2:"), "{peer}");
        assert_eq!(message(lines.last().unwrap()), "ended");
        assert!(!text.contains(PASSWORD));
    });
}

#[test]
fn a_log_that_cannot_be_written_keeps_the_server_from_starting() {
    on_two_hosts(|host, _| {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("missing/adit.log");
        let sections = format!("[log]\ntarget = {log:?}\n");
        let ended = serve(adit(host), directory.path(), &sections).ended();
        assert_eq!(ended.code, Some(1));
        let expected = format!(
            "adit: cannot write the log to {}: No such file",
            log.display()
        );
        assert!(ended.log.starts_with(&expected), "{}", ended.log);
    });
}
