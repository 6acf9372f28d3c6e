//! Programs that the server runs when sessions begin and end.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use nix::sys::signal::Signal;

use crate::adit::{Client, INNER_CLIENT, INNER_SERVER, Server, USERS, dial};
use crate::lab::{CLIENT, SERVER, on_two_hosts};
use crate::program::PATIENCE;
use crate::traffic::ping;

/// A program of one line of shell. It is written by another process: one that this process has open for writing, or
/// a child that is not its own program yet, cannot be run.
fn program(path: PathBuf, line: &str) -> PathBuf {
    let mut writer = Command::new("sh")
        .args(["-c", "cat > \"$0\" && chmod 700 \"$0\""])
        .arg(&path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let text = format!("#!/bin/sh\n{line}\n");
    let mut input = writer.stdin.take().unwrap();
    input.write_all(text.as_bytes()).unwrap();
    drop(input);
    assert!(writer.wait().unwrap().success());
    path
}

/// Waits until a file has so many lines.
fn lines(path: &Path, count: usize) -> Vec<String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let text = fs::read_to_string(path).unwrap_or_default();
        if text.lines().count() >= count && text.ends_with('\n') {
            return text.lines().map(str::to_owned).collect();
        }
        assert!(Instant::now() < deadline, "{count} lines in {text:?}");
        std::thread::yield_now();
    }
}

fn hooks(directory: &Path, up: &str, down: &str) -> (String, PathBuf) {
    let log = directory.join("hooks.log");
    let shell = |line: &str| line.replace("LOG", &log.display().to_string());
    let up = program(directory.join("ip-up"), &shell(up));
    let down = program(directory.join("ip-down"), &shell(down));
    (
        format!("[hooks]\nip_up = {up:?}\nip_down = {down:?}\n"),
        log,
    )
}

#[test]
fn programs_get_pppd_s_arguments_and_environment() {
    on_two_hosts(|server_host, client_host| {
        let directory = tempfile::tempdir().unwrap();
        let told = "echo \"$0 $# $* $PEERNAME $IFNAME $IPLOCAL $IPREMOTE $CALLING_SID $CALLED_SID";
        let (sections, log) = hooks(
            directory.path(),
            &format!("{told} ${{BYTES_SENT-none}}\" >> LOG; echo a complaint >&2"),
            &format!("{told} $CONNECT_TIME $BYTES_SENT $BYTES_RCVD $LINKNAME\" >> LOG; exit 3"),
        );
        let server = Server::start(server_host, &sections);
        let client = Client::connect(client_host, &[]);
        let up = lines(&log, 1).remove(0);
        let arguments = format!("6 adit0 none 0 {INNER_SERVER} {INNER_CLIENT} {CLIENT}");
        let environment = format!("alice adit0 {INNER_SERVER} {INNER_CLIENT} {CLIENT} {SERVER}");
        assert!(
            up.ends_with(&format!("ip-up {arguments} {environment} none")),
            "{up}"
        );
        server
            .program
            .logged_all(&["ip_up (", "alice says: a complaint"]);

        assert_eq!(ping(client_host, INNER_SERVER, 3, &[]), 3);
        client.hang_up();
        let down = lines(&log, 2).remove(1);
        let (told, tally) = down.rsplit_once(SERVER).unwrap();
        assert!(told.contains(&format!("ip-down {arguments} ")), "{down}");
        let figures: Vec<&str> = tally.split_whitespace().collect();
        assert_eq!(figures.len(), 4, "{down}");
        let seconds: u64 = figures[0].parse().unwrap();
        assert!(seconds < PATIENCE.as_secs(), "{down}");
        // Three pings of 84 octets each way, at least.
        for octets in &figures[1..3] {
            assert!(octets.parse::<u64>().unwrap() >= 252, "{down}");
        }
        server
            .program
            .logged_all(&["ip_down (", "has failed", "exit status: 3"]);
        server.stop();
    });
}

#[test]
fn the_end_of_the_server_runs_ip_down_of_all_sessions() {
    on_two_hosts(|server_host, client_host| {
        let directory = tempfile::tempdir().unwrap();
        // It takes a while, so that the server has to wait for it.
        let (sections, log) = hooks(
            directory.path(),
            "echo up $PEERNAME >> LOG",
            "sleep 0.3; echo down $PEERNAME >> LOG",
        );
        let server = Server::with_users(server_host, USERS, &sections);
        let _alice = Client::connect(client_host, &[]);
        let bob = Client::connected(dial(client_host, "bob", "builder", &[]));
        lines(&log, 2);
        // A client that does not take leave has its ip_down too.
        bob.program.signal(Signal::SIGSTOP);
        server.stop();
        let mut told = lines(&log, 4);
        told.sort();
        assert_eq!(told, ["down alice", "down bob", "up alice", "up bob"]);
    });
}

#[test]
fn a_program_that_hangs_holds_no_session_up() {
    on_two_hosts(|server_host, client_host| {
        let directory = tempfile::tempdir().unwrap();
        let (sections, log) = hooks(
            directory.path(),
            "exec sleep 1000",
            "echo down $PEERNAME >> LOG",
        );
        let sections = format!("{sections}timeout_seconds = 1\n");
        let server = Server::start(server_host, &sections);
        let client = Client::connect(client_host, &[]);
        assert_eq!(ping(client_host, INNER_SERVER, 1, &[]), 1);
        server
            .program
            .logged_all(&["ip_up (", "was killed", "hooks.timeout_seconds = 1"]);
        assert_eq!(ping(client_host, INNER_SERVER, 1, &[]), 1);
        client.hang_up();
        assert_eq!(lines(&log, 1), ["down alice"]);
        server.stop();
    });
}
