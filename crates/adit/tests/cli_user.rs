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
        Command::new(env!("CARGO_BIN_EXE_adit"))
            .arg("user")
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
NAME   ADDRESS          STATE
alice  10.77.0.9        active
bob    any              must change password
carol  any              disabled
"
    );
    let json: serde_json::Value =
        serde_json::from_str(&users.succeeds(&["list", "--json"], "")).unwrap();
    assert_eq!(
        json[0],
        serde_json::json!({
            "name": "alice", "address": "10.77.0.9", "disabled": false, "must_change_password": false
        })
    );
    users.succeeds(&["enable", "carol"], "");
    users.succeeds(&["remove", "alice"], "");
    users.succeeds(&["remove", "bob"], "");
    assert!(
        users
            .succeeds(&["list"], "")
            .ends_with("carol  any              active\n")
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
    let cases: [(&[&str], &str, &str); 6] = [
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
