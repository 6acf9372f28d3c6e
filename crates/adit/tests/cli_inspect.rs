//! `adit inspect` on a capture of two real peers.

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;

fn capture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../inspect/tests/captures")
        .join(name)
}

fn adit() -> Command {
    Command::new(env!("CARGO_BIN_EXE_adit"))
}

/// Standard output of a run that must end with `code`.
fn output(arguments: &[&Path], code: i32) -> String {
    let assert = adit().arg("inspect").args(arguments).assert().code(code);
    String::from_utf8_lossy(&assert.get_output().stdout).into_owned()
}

#[test]
fn each_packet_has_a_line_and_the_end_a_summary() {
    let shown = output(&[&capture("peers-alone-128-stateless.pcap")], 0);
    for expected in [
        "10.99.0.1:1723  Start-Control-Connection-Request",
        "LCP Configure-Request id=1 <accm 0x00000000>",
        "CCP Configure-Ack",
        "MPPE coherency=0 flushed encrypted",
        "not decrypted: no key",
        "user \"alice\" accepted",
        "0 packets did not decode",
    ] {
        assert!(shown.contains(expected), "{expected} in\n{shown}");
    }
}

#[test]
fn with_the_password_traffic_is_decrypted_and_the_password_not_shown() {
    let directory = tempfile::tempdir().unwrap();
    let password = directory.path().join("password");
    std::fs::write(&password, "correct horse\n").unwrap();
    let file = capture("peers-alone-128-stateless.pcap");
    let user = [Path::new("--user"), Path::new("alice")];
    let arguments = [
        &file,
        user[0],
        user[1],
        Path::new("--password-file"),
        &password,
    ];
    let shown = output(&arguments, 0);
    assert!(
        shown.contains("IPv4 10.77.0.2 > 10.77.0.1 ICMP echo request"),
        "{shown}"
    );
    assert!(
        shown.contains("IPv4 10.77.0.1 > 10.77.0.2 ICMP echo reply"),
        "{shown}"
    );
    assert!(shown.contains("with the given password"), "{shown}");
    assert!(!shown.contains("correct horse"), "{shown}");
}

#[test]
fn json_is_one_object_per_line_with_the_summary_last() {
    let shown = output(&[&capture("peers-alone-pap.pcap"), Path::new("--json")], 0);
    let objects: Vec<Value> = shown
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let (last, lines) = objects.split_last().unwrap();
    assert_eq!(last["summary"]["undecodable"], 0);
    assert_eq!(
        last["summary"]["sessions"][0]["authentication"][0]["user"],
        "alice"
    );
    assert_eq!(lines[0]["kind"], "PPTP");
    assert_eq!(
        lines[0]["source"].as_str().unwrap().split(':').next(),
        Some("10.99.0.2")
    );
    assert!(
        lines
            .iter()
            .all(|line| line["frame"].is_u64() && line["text"].is_string())
    );
    assert!(!shown.contains("correct horse"));
}

#[test]
fn a_packet_that_does_not_decode_is_exit_code_1() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("broken.pcap");
    let mut octets = Vec::new();
    for field in [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 65_535, 9, 0, 0, 6, 6] {
        octets.extend(field.to_le_bytes());
    }
    // An LCP packet whose length passes its end.
    octets.extend([0xc0, 0x21, 0x01, 0x01, 0x00, 0xff]);
    std::fs::write(&file, octets).unwrap();
    let shown = output(&[&file], 1);
    assert!(shown.contains("1 packets did not decode"), "{shown}");
}

#[test]
fn what_is_no_capture_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("notes.txt");
    std::fs::write(&file, "not a capture").unwrap();
    for (path, expected) in [
        (file, "neither a pcap nor a pcapng"),
        (
            directory.path().join("missing.pcap"),
            "cannot open the capture",
        ),
    ] {
        let assert = adit().arg("inspect").arg(&path).assert().code(1);
        let shown = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
        assert!(shown.contains(expected), "{shown}");
        assert!(
            shown.contains(path.file_name().unwrap().to_str().unwrap()),
            "{shown}"
        );
    }
}
