//! Named pools: which addresses users get, that packets find them, and what is said when there are none.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use adit_net::namespace::Host;
use ipnet::IpNet;

use crate::adit::{Client, INNER_SERVER, PASSWORD, Server, adit, dial, refused};
use crate::lab::{Snapshot, network, on_two_hosts};
use crate::traffic::{both_answer, ping};
use adit_net::netlink::Address;

/// Runs `adit` on the users of a database; a password is asked for where it is needed.
fn edit(host: &Host, database: &Path, words: &[&str]) {
    let mut child = adit(host)
        .args(words)
        .arg("--database")
        .arg(database)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(PASSWORD.as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{words:?}: {output:?}");
}

/// A server with users in a database: `edits` are words of `adit` for each change.
fn server_with(host: &Host, sections: &str, edits: &[&[&str]]) -> Server {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("users.db");
    for words in edits {
        edit(host, &database, words);
    }
    let sections = format!("[users]\ndatabase = {database:?}\n{sections}");
    Server::in_directory(host, directory, &sections, &["-vv"])
}

/// Whether a host has a route to exactly this network.
fn has_route(host: &Host, destination: &str) -> bool {
    let destination: IpNet = destination.parse().unwrap();
    let routes = host.netlink().routes().unwrap();
    routes.iter().any(|route| route.destination == destination)
}

const POOLS: &str = r#"
[network]
ipv6_prefix = "2001:db8:77::/56"
[[pools]]
name = "office"
ranges = ["10.88.0.0/24", "10.89.0.10-10.89.0.20"]
exclude = ["10.88.0.0/25"]
[[pools]]
name = "guests"
ranges = ["10.90.0.1-10.90.0.2"]
[[ipv6_pools]]
name = "office6"
prefix = "2001:db8:88::/56"
"#;

#[test]
fn users_get_addresses_of_their_own_or_their_group_s_pool() {
    on_two_hosts(|server_host, client_host| {
        let before = Snapshot::of(server_host);
        let server = server_with(
            server_host,
            POOLS,
            &[
                &["user", "add", "alice", "--password-stdin"],
                &["user", "add", "bob", "--password-stdin"],
                &["user", "add", "carol", "--password-stdin"],
                &[
                    "group",
                    "add",
                    "staff",
                    "--pool",
                    "office",
                    "--ipv6-pool",
                    "office6",
                ],
                &["user", "set", "alice", "--group", "staff"],
                &["user", "set", "bob", "--group", "staff", "--pool", "guests"],
            ],
        );
        for (user, address, prefix) in [
            ("alice", "10.88.0.128", "2001:db8:88::/64"),
            ("bob", "10.90.0.1", "2001:db8:88:1::/64"),
            ("carol", "10.77.0.2", "2001:db8:77::/64"),
            // What she had before.
            ("alice", "10.88.0.128", "2001:db8:88::/64"),
        ] {
            let client = Client::connected(dial(client_host, user, PASSWORD, &[]));
            assert_eq!(client.address.to_string(), address, "{user}");
            let session = server.session();
            assert_eq!(session.ipv6_prefix, Some(prefix.parse().unwrap()), "{user}");
            both_answer((server_host, INNER_SERVER), (client_host, address));
            client.hang_up();
            server.program.logged_all(&["session ended", user]);
        }
        assert!(has_route(server_host, "10.88.0.128/25"));
        assert!(!has_route(server_host, "10.88.0.0/25"));
        server.stop();
        assert_eq!(Snapshot::of(server_host), before);
    });
}

#[test]
fn a_fixed_address_outside_of_all_pools_is_routed_while_it_is_used() {
    on_two_hosts(|server_host, client_host| {
        let address = "172.16.5.9";
        let edits: [&[&str]; 1] = [&[
            "user",
            "add",
            "alice",
            "--password-stdin",
            "--address",
            address,
        ]];
        let server = server_with(server_host, "", &edits);
        let client = Client::connect(client_host, &[]);
        assert_eq!(client.address.to_string(), address);
        server
            .program
            .logged("172.16.5.9/32 is routed to the tunnels now");
        assert!(has_route(server_host, "172.16.5.9/32"));
        both_answer((server_host, INNER_SERVER), (client_host, address));
        client.hang_up();
        server
            .program
            .logged("172.16.5.9/32 is routed to the tunnels no longer");
        assert!(!has_route(server_host, "172.16.5.9/32"));
        server.stop();
    });
}

#[test]
fn an_exhausted_pool_is_told_to_both_sides_and_goes_on_to_the_next_one() {
    on_two_hosts(|server_host, client_host| {
        let pools = "[[pools]]\nname = \"tiny\"\nranges = [\"10.91.0.1\"]\nnext = \"last\"\n\
                     [[pools]]\nname = \"last\"\nranges = [\"10.92.0.1\"]\n";
        let add = |user| ["user", "add", user, "--password-stdin", "--pool", "tiny"];
        let edits = ["alice", "bob", "carol"].map(add);
        let edits: Vec<&[&str]> = edits.iter().map(|it| it.as_slice()).collect();
        let server = server_with(server_host, pools, &edits);
        let alice = Client::connected(dial(client_host, "alice", PASSWORD, &[]));
        assert_eq!(alice.address.to_string(), "10.91.0.1");
        let bob = Client::connected(dial(client_host, "bob", PASSWORD, &[]));
        assert_eq!(bob.address.to_string(), "10.92.0.1");

        let ended = refused(client_host, "carol", PASSWORD, &[]);
        assert_eq!(ended.code, Some(7), "{}", ended.log);
        assert!(
            ended.log.contains("the server refused the account"),
            "{}",
            ended.log
        );
        server.program.logged_all(&[
            "login refused",
            "carol",
            "no address that this user may have is free in the pool tiny -> last, where 2 of 2 are taken",
        ]);

        alice.hang_up();
        server.program.logged_all(&["session ended", "alice"]);
        let carol = Client::connected(dial(client_host, "carol", PASSWORD, &[]));
        assert_eq!(carol.address.to_string(), "10.91.0.1");
        carol.hang_up();
        bob.hang_up();
        server.stop();
    });
}

#[test]
fn a_pool_that_there_is_not_is_told() {
    on_two_hosts(|server_host, client_host| {
        let edits: [&[&str]; 1] = [&[
            "user",
            "add",
            "alice",
            "--password-stdin",
            "--pool",
            "ofice",
        ]];
        let server = server_with(server_host, POOLS, &edits);
        let ended = refused(client_host, "alice", PASSWORD, &[]);
        assert_eq!(ended.code, Some(7), "{}", ended.log);
        assert!(
            ended.log.contains("the server refused the account"),
            "{}",
            ended.log
        );
        server
            .program
            .logged_all(&["login refused", "alice", "there is no pool \"ofice\""]);
        server.stop();
    });
}

#[test]
fn a_further_pool_that_is_in_use_is_told() {
    on_two_hosts(|host, _| {
        let lo = host.netlink().link_by_name("lo").unwrap().index;
        let address = Address::in_network(lo, network("10.88.0.200", 32));
        host.netlink().add_address(&address).unwrap();
        let before = Snapshot::of(host);
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("users.db");
        let sections = format!("[users]\ndatabase = {database:?}\n{POOLS}");
        let config = crate::adit::configuration(directory.path(), &sections);
        let output = adit(host)
            .args(["serve", "--config"])
            .arg(config)
            .output()
            .unwrap();
        let log = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{log}");
        assert!(
            log.contains("the pool 10.88.0.128/25 overlaps") && log.contains("[[pools]]"),
            "{log}"
        );
        assert_eq!(Snapshot::of(host), before);
        assert_eq!(ping(host, "10.88.0.200", 1, &[]), 1);
    });
}
