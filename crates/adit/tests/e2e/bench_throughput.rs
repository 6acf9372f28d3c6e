//! `adit bench throughput`.

use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::lab::in_lab;
use crate::program::{Ended, Program};

/// Starts it, with its files in a directory of the test.
fn start(directory: &Path, arguments: &[&str]) -> Program {
    let mut command = Command::new(env!("CARGO_BIN_EXE_adit"));
    command
        .args(["bench", "throughput"])
        .args(arguments)
        .current_dir(directory)
        .env("TMPDIR", directory);
    Program::start(&mut command)
}

fn run(directory: &Path, arguments: &[&str]) -> Ended {
    let ended = start(directory, arguments).ended();
    assert_eq!(ended.code, Some(0), "{}{}", ended.output, ended.log);
    ended
}

fn number(value: &Value, pointer: &str) -> f64 {
    let found = value.pointer(pointer).and_then(Value::as_f64);
    found.unwrap_or_else(|| panic!("no {pointer} in {value}"))
}

fn of<'a>(report: &'a Value, list: &str, subject: &str) -> &'a Value {
    let list = report[list].as_array().unwrap();
    let found = list.iter().find(|it| it["subject"] == subject);
    found.unwrap_or_else(|| panic!("no {subject} in {list:?}"))
}

#[test]
fn a_short_run_measures_the_tunnel_beside_the_cable() {
    in_lab(|_| {
        let directory = tempfile::tempdir().unwrap();
        let arguments = "--seconds 0.3 --rounds 1 --json --plot chart.svg";
        let ended = run(directory.path(), &Vec::from_iter(arguments.split(' ')));
        let report: Value = serde_json::from_str(&ended.output).unwrap();
        for subject in ["veth", "adit-128"] {
            let tcp = of(&report, "tcp", subject);
            assert_eq!(tcp["samples"].as_array().unwrap().len(), 1);
            for figure in ["/median/mbit_per_second", "/median/packets_per_second"] {
                assert!(number(tcp, figure) > 0.0, "{figure} of {tcp}");
            }
            assert!(number(tcp, "/loaded_round_trips/median") > 0.0, "{tcp}");
            let idle = of(&report, "idle_round_trips", subject);
            assert_eq!(number(idle, "/round_trips/count"), 2000.0);
            assert!(number(idle, "/round_trips/p99") >= number(idle, "/round_trips/median"));
        }
        let adit = of(&report, "tcp", "adit-128");
        let cpu = |of: &str| number(adit, &format!("/median/cpu_seconds_per_gigabyte/{of}"));
        assert!(cpu("tunnel") > 0.0 && cpu("run") >= cpu("tunnel"), "{adit}");
        assert!(number(of(&report, "idle_round_trips", "adit-128"), "/added_median") > 0.0);

        let udp = of(&report, "udp", "adit-128");
        assert!(
            number(udp, "/sent") > 0.0 && number(udp, "/highest_rate") > 0.0,
            "{udp}"
        );
        let accounted = number(udp, "/lost") + number(udp, "/reordered");
        assert!(accounted <= number(udp, "/sent"), "{udp}");
        assert_eq!(number(udp, "/counters/undecryptable"), 0.0);

        let chart = std::fs::read_to_string(directory.path().join("chart.svg")).unwrap();
        assert!(chart.starts_with("<svg") && chart.contains("Adit, MPPE-128 stateless"));
        shown_again(directory.path(), &ended.output);
    });
}

/// The JSON of a run becomes tables, in a file too.
fn shown_again(directory: &Path, json: &str) {
    std::fs::write(directory.join("run.json"), json).unwrap();
    let marks = "<!-- rates: begin -->\n<!-- rates: end -->\n";
    std::fs::write(directory.join("page.md"), format!("above\n{marks}below\n")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_adit"))
        .args([
            "bench", "report", "run.json", "--update", "page.md", "--part", "rates",
        ])
        .current_dir(directory)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success() && text.contains("TCP, 1 stream down, IPv4"),
        "{text}"
    );
    let page = std::fs::read_to_string(directory.join("page.md")).unwrap();
    let table = "| Adit, MPPE-128 stateless |";
    assert!(page.starts_with("above\n") && page.ends_with("below\n") && page.contains(table));
}

#[test]
fn every_form_of_encryption_is_measured_both_ways_in_ipv6_too() {
    in_lab(|_| {
        let directory = tempfile::tempdir().unwrap();
        let subjects = ["adit-off", "adit-40", "adit-128-stateful"];
        let listed = subjects.join(",");
        let arguments = "--seconds 0.2 --rounds 1 --streams 2 --directions down,up --ip 6 --json";
        let mut arguments = Vec::from_iter(arguments.split(' '));
        arguments.extend(["--subjects", &listed]);
        let ended = run(directory.path(), &arguments);
        let report: Value = serde_json::from_str(&ended.output).unwrap();
        let tcp = report["tcp"].as_array().unwrap();
        assert_eq!(tcp.len(), 2 * (1 + subjects.len()));
        for result in tcp {
            assert_eq!(result["streams"], 2);
            assert!(number(result, "/median/mbit_per_second") > 0.0, "{result}");
        }
        let udp = report["udp"].as_array().unwrap();
        assert_eq!(udp.len(), 2 * subjects.len());
    });
}

#[test]
fn a_signal_ends_it_and_leaves_nothing_behind() {
    in_lab(|_| {
        let directory = tempfile::tempdir().unwrap();
        let bench = start(directory.path(), &["--seconds", "3600"]);
        bench.logged("TCP, 1 stream down");
        bench.signal(Signal::SIGINT);
        let ended = bench.ended();
        assert_eq!(ended.code, Some(1), "{}{}", ended.output, ended.log);
        assert!(ended.log.contains("stopped by a signal"), "{}", ended.log);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    });
}
