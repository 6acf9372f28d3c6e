//! Who may log in, by which protocol, and what becomes of passwords.

use std::io::Write;
use std::process::Stdio;

use crate::adit::{Client, PASSWORD, Server, adit, dial, refused};
use crate::lab::{CLIENT, on_two_hosts};

/// A configuration whose users are in a database of the directory.
fn with_database(directory: &tempfile::TempDir) -> String {
    format!(
        "[users]\ndatabase = {:?}\n",
        directory.path().join("users.db")
    )
}

/// Runs `adit user` on the server's database.
fn user(host: &adit_net::namespace::Host, database: &str, arguments: &[&str], input: &str) {
    let mut child = adit(host)
        .arg("user")
        .args(arguments)
        .args(["--database", database])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_wrong_password_is_told_to_both_sides_and_shown_to_nobody() {
    on_two_hosts(|server_host, client_host| {
        let server = Server::start(server_host, "");
        let ended = refused(client_host, "alice", "looking-glass", &["--verbose"]);
        assert_eq!(ended.code, Some(6), "{}", ended.log);
        let told = server.program.logged("login refused");
        assert!(told.contains("alice") && told.contains(CLIENT), "{told}");
        let (server, _) = server.stop();
        for text in [&ended.log, &ended.output, &server.log, &server.output] {
            assert!(
                !text.contains("looking-glass") && !text.contains(PASSWORD),
                "{text}"
            );
        }
    });
}

#[test]
fn an_unknown_user_is_refused_as_with_a_wrong_password() {
    on_two_hosts(|server_host, client_host| {
        let server = Server::start(server_host, "");
        let ended = refused(client_host, "mallory", PASSWORD, &[]);
        assert_eq!(ended.code, Some(6), "{}", ended.log);
        server
            .program
            .logged_all(&["login refused", "mallory", CLIENT]);
    });
}

#[test]
fn every_authentication_protocol_works_where_both_sides_allow_it() {
    on_two_hosts(|server_host, client_host| {
        for method in ["mschap-v2", "mschap-v1", "chap-md5", "pap"] {
            let sections = format!(
                "[authentication]\nmethods = [\"{method}\"]\n[encryption]\npolicy = \"optional\"\n"
            );
            let server = Server::start(server_host, &sections);
            let arguments = ["--auth", method, "--encryption", "optional"];
            let client = Client::connect(client_host, &arguments);
            let session = server.session();
            assert_eq!(session.authentication.as_deref(), Some(method));
            assert_eq!(
                session.encryption.is_some(),
                method.starts_with("mschap"),
                "{method}"
            );
            client.hang_up();
            server.stop();

            let server = Server::start(server_host, &sections);
            let ended = refused(client_host, "alice", "looking-glass", &arguments);
            assert_eq!(ended.code, Some(6), "{method}: {}", ended.log);
            server.stop();
        }
    });
}

#[test]
fn a_client_with_pap_alone_is_refused_by_a_server_that_wants_better() {
    on_two_hosts(|server_host, client_host| {
        let server = Server::start(server_host, "");
        let arguments = ["--auth", "pap", "--encryption", "optional"];
        let ended = refused(client_host, "alice", PASSWORD, &arguments);
        assert_eq!(ended.code, Some(7), "{}", ended.log);
        server.program.logged("session ended");
        assert!(!server.program.log().contains(PASSWORD));
    });
}

#[test]
fn the_first_user_s_printed_password_works() {
    on_two_hosts(|server_host, client_host| {
        let directory = tempfile::tempdir().unwrap();
        let sections = with_database(&directory);
        let arguments = ["--first-user", "alice"];
        let server = Server::in_directory(server_host, directory, &sections, &arguments);
        let line = server.program.said("Password ");
        let password = line.trim_start_matches("Password ").trim();
        let client = Client::connected(dial(client_host, "alice", password, &[]));
        client.hang_up();
        let (_, directory) = server.stop();

        // The database has its user: no other password is made.
        let server = Server::in_directory(server_host, directory, &sections, &arguments);
        Client::connected(dial(client_host, "alice", password, &[])).hang_up();
        let (ended, _) = server.stop();
        assert!(!ended.output.contains("Password"), "{}", ended.output);
    });
}

#[test]
fn changes_of_users_take_effect_without_a_restart() {
    on_two_hosts(|server_host, client_host| {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("users.db");
        let database = database.to_str().unwrap();
        user(
            server_host,
            database,
            &["add", "carol", "--password-stdin"],
            "first\n",
        );
        let sections = with_database(&directory);
        let server = Server::in_directory(server_host, directory, &sections, &[]);
        let code = |password| refused(client_host, "carol", password, &[]).code;
        Client::connected(dial(client_host, "carol", "first", &[])).hang_up();

        user(
            server_host,
            database,
            &["passwd", "carol", "--password-stdin"],
            "second\n",
        );
        assert_eq!(code("first"), Some(6));
        Client::connected(dial(client_host, "carol", "second", &[])).hang_up();

        user(server_host, database, &["disable", "carol"], "");
        assert_eq!(code("second"), Some(7));
        user(server_host, database, &["enable", "carol"], "");
        Client::connected(dial(client_host, "carol", "second", &[])).hang_up();

        user(server_host, database, &["remove", "carol"], "");
        assert_eq!(code("second"), Some(6));
        user(
            server_host,
            database,
            &["add", "dave", "--password-stdin"],
            "third\n",
        );
        Client::connected(dial(client_host, "dave", "third", &[])).hang_up();
        server.stop();
    });
}

#[test]
fn a_password_that_must_be_changed_is_changed_at_the_login() {
    on_two_hosts(|server_host, client_host| {
        let directory = tempfile::tempdir().unwrap();
        let new_password = directory.path().join("new");
        std::fs::write(&new_password, "brave new\n").unwrap();
        let new_password = new_password.to_str().unwrap().to_owned();
        let database = directory.path().join("users.db");
        let add = ["add", "carol", "--password-stdin", "--must-change"];
        user(server_host, database.to_str().unwrap(), &add, "old\n");
        let sections = with_database(&directory);
        let server = Server::in_directory(server_host, directory, &sections, &[]);

        let ended = refused(client_host, "carol", "old", &[]);
        assert_eq!(ended.code, Some(6), "{}", ended.log);
        assert!(ended.log.contains("expired"), "{}", ended.log);

        let arguments = ["--new-password-file", &new_password];
        Client::connected(dial(client_host, "carol", "old", &arguments)).hang_up();
        Client::connected(dial(client_host, "carol", "brave new", &[])).hang_up();
        assert_eq!(refused(client_host, "carol", "old", &[]).code, Some(6));
        let (ended, _) = server.stop();
        assert!(!ended.log.contains("brave new"), "{}", ended.log);
    });
}
