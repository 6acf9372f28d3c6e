//! `adit user`.

use std::path::{Path, PathBuf};
use std::process::Output;

use adit_crypto::nt::NtHash;
use adit_server::users::{Database, UserStore};
use assert_cmd::Command;

const PASSWORD: &str = "hunter2 ünïcode";

struct Users {
    directory: tempfile::TempDir,
}

impl Users {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().expect("a directory"),
        }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("new/users.db")
    }

    fn adit(&self, words: &[&str], stdin: &str) -> Output {
        let about = match words {
            ["group", ..] => None,
            _ => Some("user"),
        };
        Command::new(env!("CARGO_BIN_EXE_adit"))
            .args(about)
            .args(words)
            .arg("--database")
            .arg(self.path())
            .write_stdin(stdin)
            .output()
            .expect("the program runs")
    }

    fn succeeds(&self, words: &[&str], stdin: &str) -> String {
        let output = self.adit(words, stdin);
        let told = text(&output);
        assert!(output.status.success(), "{words:?}: {told}");
        told
    }

    fn fails(&self, words: &[&str], stdin: &str) -> String {
        let output = self.adit(words, stdin);
        assert_eq!(output.status.code(), Some(1), "{words:?}");
        text(&output)
    }

    fn has_password(&self, name: &str, password: &str) -> bool {
        let user = open(&self.path()).find(name).expect("a readable database");
        let hash = user.expect("the user").secret.nt_hash();
        hash == NtHash::of_password(password)
    }
}

fn open(path: &Path) -> Database {
    Database::open(path).expect("a database")
}

fn text(output: &Output) -> String {
    let told = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8(told).expect("text")
}

#[test]
fn a_password_from_stdin_is_stored_and_never_shown() {
    let users = Users::new();
    let line = format!("{PASSWORD}\r\nnot this");
    let told = users.succeeds(&["add", "alice", "--password-stdin"], &line);
    assert_eq!(told, "added alice\n");
    assert!(users.has_password("alice", PASSWORD));

    let told = users.succeeds(&["passwd", "alice", "--password-stdin"], "other\n");
    assert_eq!(told, "changed the password of alice\n");
    assert!(users.has_password("alice", "other"));

    let told = users.fails(&["add", "alice", "--password-stdin"], &line);
    assert!(told.contains("there is a user `alice` already"), "{told}");
    assert!(!told.contains("hunter2"), "{told}");
    assert!(users.has_password("alice", "other"));
}

#[test]
fn a_generated_password_is_shown_once() {
    let users = Users::new();
    let told = users.succeeds(&["add", "alice", "--generate"], "");
    let password = told
        .strip_prefix("added alice\npassword: ")
        .and_then(|rest| rest.strip_suffix('\n'))
        .expect("the password");
    assert_eq!(password.len(), 23);
    assert!(users.has_password("alice", password));
    for words in [&["list"][..], &["list", "--json"]] {
        assert!(!users.succeeds(words, "").contains(password));
    }
}

#[test]
fn lists_show_state_and_address_but_no_secret() {
    let users = Users::new();
    users.succeeds(
        &["add", "alice", "--generate", "--address", "10.77.0.9"],
        "",
    );
    users.succeeds(&["add", "bob", "--generate", "--must-change"], "");
    users.succeeds(&["add", "carol", "--generate"], "");
    users.succeeds(&["disable", "carol"], "");
    assert_eq!(
        users.succeeds(&["list"], ""),
        "\
NAME   ADDRESS          GROUP  STATE
alice  10.77.0.9        -      active
bob    any              -      must change password
carol  any              -      disabled
"
    );
    let json: serde_json::Value =
        serde_json::from_str(&users.succeeds(&["list", "--json"], "")).unwrap();
    assert_eq!(
        json[0],
        serde_json::json!({
            "name": "alice", "address": "10.77.0.9", "disabled": false, "must_change_password": false,
            "group": null, "pool": null, "ipv6_pool": null, "session_seconds": null,
            "idle_seconds": null, "expires": null, "volume": null, "rate_down": null, "rate_up": null,
            "simultaneous": null, "sources": null, "routes": null
        })
    );
    users.succeeds(&["enable", "carol"], "");
    users.succeeds(&["remove", "alice"], "");
    users.succeeds(&["remove", "bob"], "");
    assert!(
        users
            .succeeds(&["list"], "")
            .ends_with("carol  any              -      active\n")
    );
}

#[test]
fn mistakes_are_told() {
    let users = Users::new();
    let told = users.fails(&["list"], "");
    assert!(told.contains("there is no user database at"), "{told}");
    assert!(told.contains("`adit user add NAME` makes one"), "{told}");
    users.succeeds(
        &["add", "alice", "--generate", "--address", "10.77.0.9"],
        "",
    );
    let cases: [(&[&str], &str, &str); 9] = [
        (&["remove", "bob"], "", "there is no user `bob`"),
        (
            &["passwd", "bob", "--generate"],
            "",
            "there is no user `bob`",
        ),
        (
            &["add", "bob", "--password-stdin"],
            "",
            "no password came from standard input",
        ),
        (
            &["add", "bob", "--password-stdin"],
            "\nx\n",
            "the password is empty",
        ),
        (&["add", "b\nb", "--generate"], "", "is no user name"),
        (
            &["add", "bob", "--generate", "--address", "10.77.0.9"],
            "",
            "10.77.0.9 is the fixed address of another user",
        ),
        (
            &["add", "bob", "--generate", "--group", "staff"],
            "",
            "there is no group `staff`; `adit group add` makes one",
        ),
        (&["set", "bob", "--pool", "x"], "", "there is no user `bob`"),
        (&["show", "bob"], "", "there is no user `bob`"),
    ];
    for (words, stdin, expected) in cases {
        let told = users.fails(words, stdin);
        assert!(told.contains(expected), "{words:?} told {told:?}");
    }
    assert_eq!(users.succeeds(&["list"], "").lines().count(), 2);
}

#[test]
fn without_a_terminal_a_password_source_is_asked_for() {
    let users = Users::new();
    let output = users.adit(&["add", "alice"], "hunter2\n");
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output);
    assert!(
        told.contains("use --password-stdin or --generate"),
        "{told}"
    );
    assert!(!told.contains("hunter2"));
}

#[test]
fn users_and_groups_have_policies() {
    let users = Users::new();
    users.succeeds(
        &[
            "group",
            "add",
            "staff",
            "--pool",
            "office",
            "--idle-limit",
            "30m",
            "--rate-down",
            "10M",
        ],
        "",
    );
    users.succeeds(
        &[
            "add",
            "alice",
            "--generate",
            "--group",
            "staff",
            "--idle-limit",
            "0",
        ],
        "",
    );
    users.succeeds(
        &[
            "set",
            "alice",
            "--expires",
            "2100-01-31",
            "--volume",
            "50G",
            "--simultaneous",
            "2",
            "--sources",
            "192.0.2.0/24,198.51.100.7/32",
            "--routes",
            "10.9.0.0/16",
            "--session-limit",
            "8h",
        ],
        "",
    );
    assert_eq!(
        users.succeeds(&["show", "alice"], ""),
        "\
user           alice
state          active
group          staff
pool           office
session limit  8h
idle limit     no limit
expires        2100-01-31T00:00:00Z
volume         50G
rate down      10Mbit/s
simultaneous   2
sources        192.0.2.0/24, 198.51.100.7/32
routes         10.9.0.0/16
"
    );
    let json: serde_json::Value =
        serde_json::from_str(&users.succeeds(&["show", "alice", "--json"], "")).unwrap();
    assert_eq!(json["pool"], serde_json::Value::Null);
    assert_eq!(json["volume"], 50_000_000_000_u64);
    assert_eq!(json["sources"][1], "198.51.100.7/32");
    users.succeeds(&["set", "alice", "--unset", "group,volume,expires"], "");
    users.succeeds(&["set", "alice", "--expires", "2020-01-01T00:00:00Z"], "");
    let told = users.succeeds(&["list"], "");
    assert!(
        told.ends_with("alice  any              -      expired\n"),
        "{told}"
    );
    let told = users.succeeds(&["group", "show", "staff"], "");
    assert!(told.contains("users          0\n"), "{told}");
    users.succeeds(
        &[
            "group",
            "set",
            "staff",
            "--unset",
            "pool",
            "--rate-up",
            "512k",
        ],
        "",
    );
    let json: serde_json::Value =
        serde_json::from_str(&users.succeeds(&["group", "list", "--json"], "")).unwrap();
    assert_eq!(json[0]["pool"], serde_json::Value::Null);
    assert_eq!(json[0]["rate_up"], 512_000);
    users.succeeds(&["group", "remove", "staff"], "");
    assert_eq!(users.succeeds(&["group", "list"], ""), "no groups\n");
}

#[test]
fn policies_that_cannot_be_are_refused_by_name() {
    let users = Users::new();
    users.succeeds(&["add", "alice", "--generate"], "");
    for (argument, value, told) in [
        ("--expires", "2027-02-30", "is no moment"),
        ("--volume", "lots", "is no amount"),
        ("--rate-down", "10m", "is no amount"),
        ("--idle-limit", "1y", "is no duration"),
        ("--simultaneous", "0", "numbers of sessions from 1"),
        ("--sources", "192.0.2.0/33", "--sources"),
        ("--routes", "here", "--routes"),
        ("--unset", "colour", "use one of address, group, pool"),
    ] {
        let output = users.adit(&["set", "alice", argument, value], "");
        assert_eq!(output.status.code(), Some(2), "{argument}");
        assert!(
            text(&output).contains(told),
            "{argument}: {}",
            text(&output)
        );
    }
    let output = users.adit(&["set", "alice"], "");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output).contains("nothing to change"));
}
