//! Users in a PostgreSQL database, and sessions written there.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use adit_net::namespace::Host;
use tempfile::TempDir;

use crate::adit::{Client, Server, adit, configuration, dial, refused};
use crate::lab::{in_lab, network, on_two_hosts, two_hosts};
use crate::program::Program;

#[path = "../../../server/tests/support/cluster.rs"]
mod cluster;

use cluster::Cluster;

fn sections(cluster: &Cluster, node: &str) -> String {
    format!(
        "[postgresql]\nconnection = \"{}\"\nnode = \"{node}\"\n",
        cluster.connection()
    )
}

/// Runs `adit user` or `adit group` on the database that the configuration names.
fn edit(host: &Host, config: &Path, arguments: &[&str], input: &str) {
    let mut child = adit(host)
        .args(arguments)
        .arg("--config")
        .arg(config)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// A server whose database has the user carol.
fn server(host: &Host, cluster: &Cluster) -> Server {
    let directory = tempfile::tempdir().unwrap();
    let sections = sections(cluster, "vpn1");
    let config = configuration(directory.path(), &sections);
    edit(
        host,
        &config,
        &["group", "add", "staff", "--rate-down", "100M"],
        "",
    );
    let add = [
        "user",
        "add",
        "carol",
        "--password-stdin",
        "--group",
        "staff",
    ];
    edit(host, &config, &add, "first\n");
    Server::in_directory(host, directory, &sections, &[])
}

fn config_of(directory: &TempDir) -> std::path::PathBuf {
    directory.path().join("adit.toml")
}

/// Waits until the table of sessions shows what is expected, and gives the row.
fn row_where(cluster: &Cluster, condition: &str) -> postgres::Row {
    let query = format!(
        "SELECT user_name, group_name, host(address), octets_in, cause FROM sessions WHERE {condition}"
    );
    let mut client = cluster.client();
    loop {
        if let Some(row) = client.query_opt(&query, &[]).unwrap() {
            return row;
        }
        std::thread::yield_now();
    }
}

#[test]
fn a_session_outlives_the_database_and_new_ones_wait_for_it() {
    on_two_hosts(|server_host, client_host| {
        let mut cluster = Cluster::start();
        let server = server(server_host, &cluster);
        let client = Client::connected(dial(client_host, "carol", "first", &[]));
        assert_eq!(refused(client_host, "carol", "wrong", &[]).code, Some(6));
        assert_eq!(refused(client_host, "dave", "first", &[]).code, Some(6));
        let row = row_where(&cluster, "started IS NOT NULL AND ended IS NULL");
        assert_eq!(row.get::<_, &str>(0), "carol");
        assert_eq!(row.get::<_, Option<&str>>(1), Some("staff"));
        assert_eq!(row.get::<_, &str>(2), client.address.to_string());

        cluster.stop();
        let ended = refused(client_host, "carol", "first", &[]);
        assert_ne!(ended.code, Some(6), "{}", ended.log);
        server
            .program
            .logged_all(&["login refused", "the database adit at", "cannot be reached"]);
        let session = server.session();
        assert_eq!(session.user.as_deref(), Some("carol"));

        cluster.restart();
        // The first one may still come while nothing is tried, after the failed attempts before.
        let second = loop {
            let program = dial(client_host, "carol", "first", &[]);
            if program.said_before_its_end("connected: ") {
                break Client::connected(program);
            }
        };
        assert_eq!(server.sessions().len(), 2);
        second.hang_up();
        client.hang_up();
        let row = row_where(
            &cluster,
            &format!(
                "host(address) = '{}' AND ended IS NOT NULL",
                session.address.unwrap()
            ),
        );
        let cause: &str = row.get(4);
        assert!(cause.contains("closed on request"), "{cause}");
        server.stop();
    });
}

#[test]
fn users_are_edited_while_the_server_runs() {
    on_two_hosts(|server_host, client_host| {
        let cluster = Cluster::start();
        let server = server(server_host, &cluster);
        let (ended, directory) = server.stop();
        assert!(!ended.log.contains("ERROR"), "{}", ended.log);
        let config = config_of(&directory);
        let server = Server::in_directory(server_host, directory, &sections(&cluster, "vpn1"), &[]);
        let code = |password| refused(client_host, "carol", password, &[]).code;
        edit(server_host, &config, &["user", "disable", "carol"], "");
        assert_eq!(code("first"), Some(7));
        let fixed = ["user", "set", "carol", "--address", "10.77.0.99"];
        edit(server_host, &config, &fixed, "");
        edit(server_host, &config, &["user", "enable", "carol"], "");
        let client = Client::connected(dial(client_host, "carol", "first", &[]));
        assert_eq!(client.address.to_string(), "10.77.0.99");
        client.hang_up();
        edit(server_host, &config, &["user", "remove", "carol"], "");
        assert_eq!(code("first"), Some(6));
        server.stop();
    });
}

/// The second server, at the other end of another cable of the client.
const OTHER: &str = "198.51.100.1";

/// A client of the second server.
fn dial_other(host: &Host, user: &str) -> Program {
    let mut command = adit(host);
    command
        .args(["connect", OTHER, "--user", user])
        .env("ADIT_PASSWORD", "first");
    Program::start(&mut command)
}

#[test]
fn servers_share_a_pool_and_what_a_killed_one_held_comes_free() {
    in_lab(|lab| {
        let (first_host, client_host, _) = two_hosts(lab);
        let other_host = lab.host("other").unwrap();
        let ends = (network(OTHER, 24), network("198.51.100.2", 24));
        lab.connect((&other_host, ends.0), (&client_host, ends.1))
            .unwrap();
        let cluster = Cluster::start();
        // One address for clients.
        let pool = "[network]\npool = \"10.77.0.0/30\"\n";
        let sections = |node| format!("{pool}{}lease_seconds = 15\n", sections(&cluster, node));
        let directory = tempfile::tempdir().unwrap();
        let config = configuration(directory.path(), &sections("vpn1"));
        for user in ["carol", "dave"] {
            let add = ["user", "add", user, "--password-stdin"];
            edit(&first_host, &config, &add, "first\n");
        }
        let first = Server::in_directory(&first_host, directory, &sections("vpn1"), &[]);
        let directory = tempfile::tempdir().unwrap();
        let other = Server::in_directory(&other_host, directory, &sections("vpn2"), &[]);

        let carol = Client::connected(dial(&client_host, "carol", "first", &[]));
        assert_eq!(carol.address.to_string(), "10.77.0.2");
        dial_other(&client_host, "dave").ended();
        other
            .program
            .logged_all(&["login refused", "no address for dave"]);
        carol.hang_up();
        first.program.logged("session ended");
        // The release is on its way.
        let dave = loop {
            let program = dial_other(&client_host, "dave");
            if program.said_before_its_end("connected: ") {
                break Client::connected(program);
            }
        };
        assert_eq!(dave.address.to_string(), "10.77.0.2");
        other.kill();
        dave.program.ended();
        assert_ne!(refused(&client_host, "carol", "first", &[]).code, Some(0));
        let carol = loop {
            let program = dial(&client_host, "carol", "first", &[]);
            if program.said_before_its_end("connected: ") {
                break Client::connected(program);
            }
        };
        assert_eq!(carol.address.to_string(), "10.77.0.2");
        carol.hang_up();
        first.stop();
    });
}

/// The address that a session of the user has in the database, with the server that leased it.
fn lease_of(cluster: &Cluster, user: &str) -> Vec<(String, String)> {
    let query = "SELECT node, host(address) FROM leases WHERE user_name = $1 AND session <> '' ORDER BY address";
    let rows = cluster.client().query(query, &[&user]).unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[test]
fn an_address_of_one_s_own_comes_with_the_user_and_a_full_pool_is_told() {
    on_two_hosts(|server_host, client_host| {
        let cluster = Cluster::start();
        let directory = tempfile::tempdir().unwrap();
        let network = "[network]\npool = \"10.77.0.0/30\"\n";
        let sections = sections(&cluster, "vpn1") + network;
        let config = configuration(directory.path(), &sections);
        let add = [
            "user",
            "add",
            "carol",
            "--password-stdin",
            "--address",
            "192.0.2.77",
        ];
        edit(server_host, &config, &add, "first\n");
        let add = ["user", "add", "dave", "--password-stdin"];
        edit(server_host, &config, &add, "second\n");
        let server = Server::in_directory(server_host, directory, &sections, &[]);

        let old = Client::connected(dial(client_host, "carol", "first", &[]));
        assert_eq!(old.address.to_string(), "192.0.2.77");
        let new = Client::connected(dial(client_host, "carol", "first", &[]));
        assert_eq!(new.address, old.address);
        server
            .program
            .logged("replaced by a new session of the same user");
        old.program.ended();

        let only = Client::connected(dial(client_host, "dave", "second", &[]));
        let ended = refused(client_host, "dave", "second", &[]);
        assert_ne!(ended.code, Some(6), "{}", ended.log);
        let why = "no address is free for this user";
        server
            .program
            .logged_all(&["login refused", "no address for dave", why]);
        only.hang_up();
        new.hang_up();
        server.stop();
        for user in ["carol", "dave"] {
            assert_eq!(lease_of(&cluster, user), []);
        }
    });
}

#[test]
fn sessions_of_a_user_are_counted_over_all_servers() {
    on_two_hosts(|server_host, client_host| {
        let cluster = Cluster::start();
        let server = server(server_host, &cluster);
        // As another server would write it, that lives.
        let elsewhere = "INSERT INTO nodes VALUES ('vpn2', now() + interval '1 hour');
            INSERT INTO sessions (node, session, user_name, admitted, started, updated)
            VALUES ('vpn2', 'x', 'carol', now(), now(), now());
            UPDATE users SET simultaneous = '1'";
        cluster.client().batch_execute(elsewhere).unwrap();
        let ended = refused(client_host, "carol", "first", &[]);
        assert_eq!(ended.code, Some(7), "{}", ended.log);
        let why = "carol has 1 sessions on the servers that share the database";
        server.program.logged_all(&["login refused", why]);
        let over = "UPDATE sessions SET ended = now(), cause = 'over'";
        cluster.client().batch_execute(over).unwrap();
        Client::connected(dial(client_host, "carol", "first", &[])).hang_up();
        server.stop();
    });
}
