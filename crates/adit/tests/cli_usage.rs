//! The command line itself: help, versions and mistakes.

use std::process::Output;

use assert_cmd::Command;

fn adit(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_adit"));
    command.args(words).env_remove("ADIT_PASSWORD");
    command.output().expect("the program runs")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

#[test]
fn help_names_every_subcommand() {
    let output = adit(&["--help"]);
    assert!(output.status.success());
    let help = stdout(&output);
    for name in [
        "serve",
        "connect",
        "inspect",
        "user",
        "group",
        "sessions",
        "disconnect",
        "config",
        "demo",
    ] {
        assert!(
            help.contains(&format!("  {name} ")),
            "{name} is not in {help}"
        );
        let output = adit(&[name, "--help"]);
        assert!(output.status.success());
        assert!(
            stdout(&output).contains("Examples:"),
            "{name} has no examples"
        );
    }
    assert!(help.contains("Exit codes: 0 done, 1 failed, 2 wrong command line"));
}

#[test]
fn version_is_the_package_s() {
    let output = adit(&["--version"]);
    assert_eq!(
        stdout(&output),
        format!("adit {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn wrong_command_lines_exit_with_2() {
    let cases: [&[&str]; 11] = [
        &[],
        &["explode"],
        &["serve", "--listen", "everywhere"],
        &["serve", "--pool", "10.0.0.0"],
        &["serve", "--secrets", "s", "--database", "d"],
        &["connect", "--user", "alice"],
        &["connect", "host"],
        &["connect", "host", "--user", "alice", "--strength", "64"],
        &["connect", "host", "--user", "alice", "--mtu", "100"],
        &["inspect", "file", "--user", "alice"],
        &["user", "add", "alice", "--generate", "--password-stdin"],
    ];
    for words in cases {
        let output = adit(words);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert_eq!(stdout(&output), "", "{words:?}");
        assert!(!stderr(&output).is_empty(), "{words:?}");
    }
}

#[test]
fn a_password_is_never_an_argument() {
    for words in [
        [
            "connect",
            "host",
            "--user",
            "alice",
            "--password",
            "hunter2",
        ],
        [
            "user",
            "add",
            "alice",
            "--password",
            "hunter2",
            "--generate",
        ],
    ] {
        assert_eq!(adit(&words).status.code(), Some(2));
    }
}

#[test]
fn without_a_terminal_a_password_source_is_asked_for() {
    let output = adit(&["connect", "192.0.2.1", "--user", "alice"]);
    assert_eq!(output.status.code(), Some(2));
    let message = stderr(&output);
    assert!(
        message.contains("--password-file or ADIT_PASSWORD"),
        "{message}"
    );
}

#[test]
fn a_missing_password_file_is_named() {
    let output = adit(&[
        "connect",
        "192.0.2.1",
        "--user",
        "a",
        "--password-file",
        "/nonexistent/p",
    ]);
    assert_eq!(output.status.code(), Some(1));
    let message = stderr(&output);
    assert!(
        message.contains("cannot read the password file /nonexistent/p"),
        "{message}"
    );
}

#[test]
fn nothing_is_coloured_without_a_terminal() {
    for words in [
        &["--help"][..],
        &["explode"],
        &["serve", "--config", "/nonexistent/c"],
    ] {
        let output = adit(words);
        assert!(!stdout(&output).contains('\x1b'), "{words:?}");
        assert!(!stderr(&output).contains('\x1b'), "{words:?}");
    }
}
