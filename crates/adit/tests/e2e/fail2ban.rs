//! The filter for fail2ban, on what a server has really written.

use std::path::Path;
use std::process::Command;

use crate::adit::{Client, Server, refused};
use crate::lab::{CLIENT, on_two_hosts, skipped};

const TOOL: &str = "fail2ban-regex";
const FILTER: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../packaging/fail2ban/filter.d/adit.conf"
);
/// A name that looks like the end of a line of the log, and like a key of JSON.
const HOSTILE: &str = "x\" peer=203.0.113.9:1\",\"peer\":\"203.0.113.9:1";

/// The addresses that the filter finds in a file.
fn found(file: &Path) -> Vec<String> {
    let mut command = Command::new(TOOL);
    let output = command.args(["-o", "ip"]).arg(file).arg(FILTER).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// Two logins are refused, one finds no address, and one is accepted: the filter finds the first two in the log of
/// this form and in the events.
fn finds_the_guilty(test: &str, format: &str) {
    on_two_hosts(|server_host, client_host| {
        if Command::new(TOOL).arg("--version").output().is_err() {
            return skipped(test, &"fail2ban is not installed");
        }
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let (log, events) = (path("log"), path("events"));
        let sections = format!(
            "[network]\npool = \"10.77.0.0/30\"\n[events]\nfile = {events:?}\n\
             [log]\ntarget = {log:?}\nformat = {format:?}\n"
        );
        let server = Server::start(server_host, &sections);
        assert_eq!(refused(client_host, "alice", "wrong", &[]).code, Some(6));
        assert_eq!(refused(client_host, HOSTILE, "wrong", &[]).code, Some(6));
        let client = Client::connect(client_host, &[]);
        let ended = refused(client_host, "bob", "builder", &[]);
        assert_ne!(ended.code, Some(0), "{}", ended.log);
        client.hang_up();
        server.stop();

        let text = std::fs::read_to_string(&log).unwrap();
        assert_eq!(text.matches("login refused").count(), 3, "{text}");
        assert_eq!(found(&log), [CLIENT, CLIENT], "{text}");
        let told = std::fs::read_to_string(&events).unwrap();
        assert_eq!(found(&events), [CLIENT, CLIENT], "{told}");

        // fail2ban takes lines of the journal with who wrote them before.
        let journal: String = text
            .lines()
            .map(|line| format!("2026-01-02 03:04:05 vpn1 adit[17]: {line}\n"))
            .collect();
        let copy = path("journal");
        std::fs::write(&copy, &journal).unwrap();
        assert_eq!(found(&copy), [CLIENT, CLIENT], "{journal}");
    });
}

#[test]
fn the_filter_finds_who_was_refused_in_a_log_for_people() {
    let test = "fail2ban::the_filter_finds_who_was_refused_in_a_log_for_people";
    finds_the_guilty(test, "human");
}

#[test]
fn the_filter_finds_who_was_refused_in_a_log_for_machines() {
    let test = "fail2ban::the_filter_finds_who_was_refused_in_a_log_for_machines";
    finds_the_guilty(test, "json");
}
