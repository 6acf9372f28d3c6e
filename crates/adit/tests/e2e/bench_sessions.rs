//! `adit bench sessions`.

use std::process::Output;

use serde_json::Value;

use crate::adit::{Server, adit};
use crate::lab::{SERVER, in_lab, on_two_hosts};
use crate::program::Program;

/// Short measurements of 50 sessions.
const SHORT: [&str; 6] = [
    "bench",
    "sessions",
    "50",
    "--rounds=1",
    "--seconds=0.2",
    "--json",
];

/// What one session may add to a server's memory, in a build that is not optimized.
const SANE: f64 = 64.0 * 1024.0;

fn report(output: &Output) -> Value {
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

/// All sessions came up, carried packets and ended in order, and the figures have sense.
fn check(report: &Value) {
    assert_eq!(report["up"], 50, "{report}");
    assert_eq!(report["failures"], Value::Array(Vec::new()));
    assert_eq!(report["ending"]["in_order"], 50, "{report}");
    assert_eq!(report["set_up"]["sessions"], 49, "{report}");
    assert!(number(&report["set_up"]["per_second"]) > 0.0, "{report}");
    let first_packet = &report["set_up"]["first_packet"];
    let (median, p99) = (
        number(&first_packet["median"]),
        number(&first_packet["p99"]),
    );
    assert!(0.0 < median && median <= p99, "{report}");
    let memory = number(&report["memory"]["per_session"]);
    assert!(0.0 < memory && memory < SANE, "{report}");
    let rows = report["forwarding"].as_array().unwrap();
    let carrying = |row: &Value| {
        (
            row["octets"].as_u64(),
            row["carrying"].as_u64(),
            row["up"].as_u64(),
        )
    };
    let expected = [
        (64, 1, 1),
        (1400, 1, 1),
        (64, 1, 50),
        (64, 50, 50),
        (1400, 1, 50),
        (1400, 50, 50),
    ];
    let expected = expected.map(|(octets, carrying, up)| (Some(octets), Some(carrying), Some(up)));
    assert_eq!(rows.iter().map(carrying).collect::<Vec<_>>(), expected);
    for row in rows {
        assert!(number(&row["packets_per_second"]) > 0.0, "{row}");
        assert!(number(&row["server_microseconds"]) > 0.0, "{row}");
    }
}

#[test]
fn many_sessions_of_a_server_of_its_own_are_measured() {
    in_lab(|lab| {
        let host = lab.host("anywhere").unwrap();
        check(&report(&adit(&host).args(SHORT).output().unwrap()));
    });
}

/// Limits that let one address in often enough.
const LIMITS: &str = "[limits]\nconnections_per_address = 60\n";

#[test]
fn any_server_is_measured_by_its_address() {
    on_two_hosts(|server_host, client_host| {
        let server = Server::start(server_host, LIMITS);
        let mut command = adit(client_host);
        command
            .args(SHORT)
            .args(["--server", SERVER, "--user", "alice"]);
        command.env("ADIT_PASSWORD", "wonderland");
        command.args(["--server-pid", &server.program.id().to_string()]);
        check(&report(&command.output().unwrap()));
        assert_eq!(server.sessions(), []);
        let (ended, _) = server.stop();
        assert_eq!(ended.log.matches("session ended").count(), 50);
    });
}

#[test]
fn a_server_that_lets_nobody_in_is_told_with_its_reason() {
    on_two_hosts(|server_host, client_host| {
        let server = Server::start(server_host, "");
        let mut command = adit(client_host);
        command
            .args(SHORT)
            .args(["--server", SERVER, "--user", "alice"]);
        let refused = Program::start(command.env("ADIT_PASSWORD", "looking glass")).ended();
        assert_eq!(refused.code, Some(1));
        assert!(
            refused.log.contains("no session comes up: "),
            "{}",
            refused.log
        );
        server.stop();
        // Nobody listens there any more.
        let refused = Program::start(command.env("ADIT_PASSWORD", "wonderland")).ended();
        assert!(refused.log.contains("cannot connect"), "{}", refused.log);
    });
}

#[test]
fn sessions_that_fail_are_counted_with_their_reasons() {
    on_two_hosts(|server_host, client_host| {
        let limits = "[limits]\nconnections_per_address = 30\n";
        let server = Server::start(server_host, limits);
        let mut command = adit(client_host);
        command
            .args(SHORT)
            .args(["--server", SERVER, "--user", "alice", "--carrying=1"]);
        let report = report(&command.env("ADIT_PASSWORD", "wonderland").output().unwrap());
        assert_eq!(report["up"], 30, "{report}");
        let failures = report["failures"].as_array().unwrap();
        let failed: f64 = failures.iter().map(|it| number(&it["sessions"])).sum();
        assert_eq!(failed, 20.0, "{report}");
        assert_eq!(report["ending"]["in_order"], 30, "{report}");
        server.stop();
    });
}
