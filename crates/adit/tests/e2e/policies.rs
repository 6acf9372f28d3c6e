//! What users may have: time, silence, data, rate, sessions at once, places to come from; and the events
//! that tell of it.

use std::io::Write;
use std::process::Stdio;

use adit_net::namespace::Host;
use serde_json::Value;
use tempfile::TempDir;

use crate::adit::{Client, INNER_CLIENT, INNER_SERVER, PASSWORD, Server, adit, dial, refused};
use crate::lab::{CLIENT, SERVER, Snapshot, on_two_hosts};
use crate::traffic::ping;

/// A server with these sections that writes events.
fn server(host: &Host, sections: &str) -> (Server, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let events = directory.path().join("events.jsonl");
    let sections = format!("{sections}\n[events]\nfile = {events:?}\n");
    (Server::start(host, &sections), directory)
}

/// The events of a server that has ended.
fn events(directory: &TempDir) -> Vec<Value> {
    let text = std::fs::read_to_string(directory.path().join("events.jsonl")).unwrap();
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn named<'a>(events: &'a [Value], name: &str) -> Vec<&'a Value> {
    let of_name = |event: &&Value| event["event"] == name;
    events.iter().filter(of_name).collect()
}

/// A session comes up under this policy, and the server ends it for this cause.
fn ends_by_itself(
    [server_host, client_host]: [&Host; 2],
    policy: &str,
    (cause, sentence): (&str, &str),
    meanwhile: impl Fn(),
) {
    let (server, directory) = server(server_host, &format!("[policy]\n{policy}\n"));
    let client = Client::connect(client_host, &[]);
    meanwhile();
    let ended = client.program.ended();
    assert_eq!(ended.code, Some(9), "{}", ended.log);
    server
        .program
        .logged_all(&["session ended", "alice", sentence]);
    server.stop();
    let events = events(&directory);
    let down = named(&events, "session-down");
    assert_eq!(down.len(), 1, "{events:?}");
    assert_eq!(down[0]["cause"], cause);
    assert_eq!(down[0]["user"], "alice");
}

#[test]
fn a_session_ends_when_its_time_is_over() {
    on_two_hosts(|server, client| {
        let told = ("session-timeout", "the user's time is over");
        ends_by_itself([server, client], "session_seconds = 1", told, || {});
    });
}

#[test]
fn a_session_without_traffic_ends() {
    on_two_hosts(|server, client| {
        let told = ("idle-timeout", "there was no traffic");
        ends_by_itself([server, client], "idle_seconds = 1", told, || {});
    });
}

#[test]
fn a_session_ends_when_its_volume_is_used_up() {
    on_two_hosts(|server, client| {
        let told = ("volume", "data volume is used up");
        ends_by_itself([server, client], "volume = \"20k\"", told, || {
            ping(client, INNER_SERVER, 20, &["-s", "1000"]);
        });
    });
}

#[test]
fn rates_are_limited_in_both_directions() {
    on_two_hosts(|server_host, client_host| {
        for (key, from, to) in [
            ("rate_up", client_host, INNER_SERVER),
            ("rate_down", server_host, INNER_CLIENT),
        ] {
            let (server, _directory) = server(server_host, &format!("[policy]\n{key} = \"64k\"\n"));
            let client = Client::connect(client_host, &[]);
            // A burst of 16 KiB passes, and then 8 kB a second: 140 kB would take a quarter of a minute.
            let answers = ping(from, to, 100, &["-s", "1372", "-i", "0.01"]);
            assert!((5..70).contains(&answers), "{key}: {answers}");
            client.hang_up();
            server.stop();
        }
    });
}

#[test]
fn a_second_session_of_a_user_is_refused_replaces_or_is_allowed() {
    on_two_hosts(|server_host, client_host| {
        let second = |arguments: &[&str]| dial(client_host, "alice", PASSWORD, arguments);
        let (refusing, directory) = server(server_host, "[policy]\nsimultaneous = \"refuse\"\n");
        let first = Client::connect(client_host, &[]);
        let ended = refused(client_host, "alice", PASSWORD, &[]);
        assert!(ended.log.contains("may not dial in"), "{}", ended.log);
        let told = ["login refused", "alice has 1 sessions, as many as may be"];
        refusing.program.logged_all(&told);
        first.hang_up();
        Client::connected(second(&[])).hang_up();
        refusing.stop();
        assert_eq!(named(&events(&directory), "session-up").len(), 2);

        let (replacing, directory) = server(server_host, "[policy]\nsimultaneous = \"replace\"\n");
        let first = Client::connect(client_host, &[]);
        let newer = Client::connected(second(&[]));
        assert_eq!(newer.address, first.address);
        first.program.ended();
        assert_eq!(ping(client_host, INNER_SERVER, 1, &[]), 1);
        newer.hang_up();
        replacing.stop();
        let events = events(&directory);
        let causes: Vec<_> = named(&events, "session-down")
            .iter()
            .map(|event| event["cause"].clone())
            .collect();
        assert_eq!(causes, ["replaced", "user-request"]);

        let (allowing, _directory) = server(server_host, "[policy]\nsimultaneous = 2\n");
        let first = Client::connect(client_host, &[]);
        let other = Client::connected(second(&[]));
        assert_ne!(other.address, first.address);
        let ended = refused(client_host, "alice", PASSWORD, &[]);
        assert!(ended.log.contains("may not dial in"), "{}", ended.log);
        first.hang_up();
        other.hang_up();
        allowing.stop();
    });
}

/// Runs `adit user` on a database.
fn user(host: &Host, directory: &TempDir, arguments: &[&str]) {
    let mut command = adit(host);
    command.arg("user").args(arguments).arg("--database");
    command.arg(directory.path().join("users.db"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    // Who asks for no password has ended before it could be written.
    let _ = writeln!(child.stdin.take().unwrap(), "{PASSWORD}");
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn what_is_set_while_the_server_runs_counts_at_the_next_login() {
    on_two_hosts(|server_host, client_host| {
        let directory = tempfile::tempdir().unwrap();
        user(
            server_host,
            &directory,
            &["add", "alice", "--password-stdin"],
        );
        let database = directory.path().join("users.db");
        let sections = format!("[users]\ndatabase = {database:?}\n");
        let configured = tempfile::tempdir().unwrap();
        let server = Server::in_directory(server_host, configured, &sections, &[]);
        let set = |arguments: &[&str]| {
            let arguments = [&["set", "alice"], arguments].concat();
            user(server_host, &directory, &arguments);
        };
        set(&["--sources", "198.51.100.0/24,203.0.113.9/32"]);
        let ended = refused(client_host, "alice", PASSWORD, &[]);
        assert!(ended.log.contains("may not dial in"), "{}", ended.log);
        server
            .program
            .logged("alice may not connect from 192.0.2.2");
        set(&["--sources", "192.0.2.0/24", "--expires", "2020-01-01"]);
        let ended = refused(client_host, "alice", PASSWORD, &[]);
        assert!(ended.log.contains("disabled"), "{}", ended.log);
        server.program.logged("the account of alice has expired");
        set(&["--expires", "never", "--session-limit", "1s"]);
        let client = Client::connect(client_host, &[]);
        assert_eq!(client.program.ended().code, Some(9));
        server.program.logged("the user's time is over");
        server.stop();
    });
}

#[test]
fn networks_behind_a_client_are_reached_through_it_by_all_workers() {
    on_two_hosts(|server_host, client_host| {
        let directory = tempfile::tempdir().unwrap();
        let add = ["add", "alice", "--password-stdin", "--routes"];
        let networks = "10.50.0.0/24,fd00:50::/64,0.0.0.0/0";
        user(server_host, &directory, &[&add[..], &[networks]].concat());
        let database = directory.path().join("users.db");
        let sections = format!("[users]\ndatabase = {database:?}\n[workers]\ncount = 2\n");
        let configured = tempfile::tempdir().unwrap();
        let server = Server::in_directory(server_host, configured, &sections, &[]);
        let before = Snapshot::of(server_host);
        for address in ["10.50.0.1/24", "fd00:50::1/64"] {
            let mut ip = client_host.command("ip");
            ip.args(["address", "add", address, "dev", "lo"]);
            assert!(ip.status().unwrap().success());
        }
        let arguments = ["--route", "10.77.0.0/24"];
        // One after the other: calls go to both workers in turn.
        for _ in 0..2 {
            let client = Client::connect(client_host, &arguments);
            server
                .program
                .logged("0.0.0.0/0 is not routed to the client");
            assert_eq!(ping(server_host, "10.50.0.1", 3, &[]), 3);
            let from = ["-I", "10.50.0.1"];
            assert_eq!(ping(client_host, INNER_SERVER, 3, &from), 3);
            assert_eq!(ping(client_host, INNER_SERVER, 1, &["-I", "192.0.2.2"]), 0);
            assert_eq!(ping(server_host, "fd00:50::1", 3, &[]), 3);
            client.hang_up();
            server.program.logged("session ended");
        }
        assert_eq!(Snapshot::of(server_host), before);
        server.stop();
    });
}

#[test]
fn a_user_s_own_settings_count_at_the_next_login_and_back_ends_are_asked_in_order() {
    on_two_hosts(|server_host, client_host| {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("secrets"), "bob * builder *\nalice * other *\n").unwrap();
        user(
            server_host,
            &directory,
            &["add", "alice", "--password-stdin"],
        );
        let sections = format!(
            "[users]\ndatabase = {:?}\nsecrets = {:?}\n[events]\nfile = {:?}\n",
            path("users.db"),
            path("secrets"),
            path("events.jsonl"),
        );
        let configured = tempfile::tempdir().unwrap();
        let server = Server::in_directory(server_host, configured, &sections, &[]);
        // The database does not know bob, so that the file is asked; alice it knows, so that it is not.
        Client::connected(dial(client_host, "bob", "builder", &[])).hang_up();
        let ended = refused(client_host, "alice", "other", &[]);
        assert_eq!(ended.code, Some(6), "{}", ended.log);
        server.stop();
        let events = events(&directory);
        let logins = named(&events, "authentication");
        assert_eq!(logins[0]["back_end"], "secrets");
        assert_eq!(logins[1]["result"], "refused");
        assert_eq!(logins[1]["back_end"], "database");
        let peer = logins[1]["peer"].as_str().unwrap();
        assert!(peer.starts_with(CLIENT), "{peer}");
        let up = named(&events, "session-up");
        assert_eq!(up[0]["method"], "mschap-v2");
        assert_eq!(up[0]["encryption"], "MPPE 128-bit stateless");
        assert_eq!(up[0]["local"], format!("{SERVER}:1723"));
        assert_eq!(up[0]["address"], INNER_CLIENT);
    });
}
