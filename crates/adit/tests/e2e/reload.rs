//! Another configuration while sessions are up.

use adit_net::namespace::Host;

use crate::adit::{Client, INNER_SERVER, PASSWORD, Server, dial, refused};
use crate::lab::{SERVER, in_lab, on_two_hosts};
use crate::program::Program;
use crate::traffic::ping;

/// A server that has a session, whose client is alice.
fn with_session(server_host: &Host, client_host: &Host, sections: &str) -> (Server, Client) {
    let server = Server::start(server_host, sections);
    let client = Client::connect(client_host, &[]);
    (server, client)
}

fn bob(host: &Host, arguments: &[&str]) -> Program {
    dial(host, "bob", "builder", arguments)
}

#[test]
fn limits_and_what_clients_are_told_change_for_those_who_come() {
    on_two_hosts(|server_host, client_host| {
        let (server, alice) = with_session(server_host, client_host, "");
        server.reload("[limits]\nsessions = 1\n");
        server
            .program
            .logged("configuration reloaded, changed: limits.sessions");
        let ended = bob(client_host, &[]).ended();
        assert_ne!(ended.code, Some(0), "{}", ended.log);
        assert!(ended.log.contains("busy"), "{}", ended.log);

        server.reload("[network]\ndns = [\"10.0.0.53\"]\n");
        server
            .program
            .logged("changed: network.dns, limits.sessions");
        let client = Client::connected(bob(client_host, &[]));
        assert_eq!(
            client.dns,
            ["10.0.0.53".parse::<std::net::Ipv4Addr>().unwrap()]
        );
        client.hang_up();
        assert_eq!(ping(client_host, INNER_SERVER, 1, &[]), 1);
        alice.hang_up();
        server.stop();
    });
}

#[test]
fn encryption_and_methods_change_for_new_calls_and_sessions_keep_theirs() {
    on_two_hosts(|server_host, client_host| {
        let (server, alice) = with_session(server_host, client_host, "");
        let weaker = "[encryption]\npolicy = \"off\"\n[authentication]\nmethods = [\"chap-md5\"]\n\
                      [pptp]\nhost_name = \"other\"\nvendor = \"Elsewhere\"\n\
                      [ppp]\nlcp_echo_interval_seconds = 1\nmru = 1300\n[gre]\nreorder_ms = 1\n";
        server.reload(weaker);
        let told = server.program.logged("configuration reloaded, changed: ");
        for key in [
            "authentication.methods",
            "encryption.policy",
            "pptp.host_name",
            "pptp.vendor",
            "ppp.lcp_echo_interval_seconds",
            "ppp.mru",
            "gre.reorder_ms",
        ] {
            assert!(told.contains(key), "{told}");
        }
        assert!(!told.contains("restart"), "{told}");
        // What weakens the server is told again.
        server.program.logged("encryption.policy is \"off\"");
        let log = refused(client_host, "bob", "builder", &["-v"]).log;
        // A client that insists on encryption and a mutual proof has none with this server.
        assert!(log.contains("other") && log.contains("Elsewhere"), "{log}");
        assert!(log.contains("1300"), "{log}");
        let session = server.session();
        assert_eq!(
            session.encryption.as_deref(),
            Some("MPPE 128-bit stateless")
        );
        assert_eq!(session.authentication.as_deref(), Some("mschap-v2"));
        assert_eq!(ping(client_host, INNER_SERVER, 3, &[]), 3);
        server.reload("[limits]\nhalf_open = 900\n");
        server
            .program
            .logged_all(&["changed: authentication.methods", "limits.half_open"]);
        let again = Client::connected(bob(client_host, &[]));
        assert!(again.line.contains("MPPE 128"), "{}", again.line);
        again.hang_up();
        alice.hang_up();
        server.stop();
    });
}

#[test]
fn a_server_listens_elsewhere_and_its_sessions_stay() {
    on_two_hosts(|server_host, client_host| {
        let (server, alice) = with_session(server_host, client_host, "");
        server.reload_from("listen = [\"192.0.2.1:1724\"]\n");
        server.program.logged("changed: listen");
        let ended = bob(client_host, &[]).ended();
        assert_eq!(ended.code, Some(4), "{}", ended.log);
        assert_eq!(server.status().listen[0].to_string(), "192.0.2.1:1724");
        // An address that is not this host's changes nothing.
        server.reload_from("listen = [\"192.0.2.77:1723\", \"192.0.2.1:1723\"]\n");
        server.program.logged_all(&[
            "configuration not reloaded, the server goes on with the one it has",
            "cannot listen on 192.0.2.77:1723: it is not an address of this host",
        ]);
        assert_eq!(server.status().listen[0].to_string(), "192.0.2.1:1724");
        let marked = "[limits]\nhalf_open = 900\n";
        server.reload_from(&format!("listen = [\"{SERVER}:1723\"]\n{marked}"));
        server.program.logged("changed: listen, limits.half_open");
        let client = Client::connected(bob(client_host, &[]));
        client.hang_up();
        assert_eq!(ping(client_host, INNER_SERVER, 1, &[]), 1);
        alice.hang_up();
        server.stop();
    });
}

#[test]
fn a_file_with_a_mistake_changes_nothing_and_what_takes_a_restart_is_named() {
    on_two_hosts(|server_host, client_host| {
        let (server, alice) = with_session(server_host, client_host, "");
        for (sections, expected) in [
            (
                "[limits]\nsessions = 0\n",
                "adit.toml:5:12: limits.sessions: 0 is out of range",
            ),
            (
                "[limits]\nsesions = 1\n",
                "unknown key `sesions`; did you mean `sessions`?",
            ),
            ("[limits\n", "adit.toml:4"),
        ] {
            server.reload(sections);
            let parts = ["configuration not reloaded, the server goes on", expected];
            server.program.logged_all(&parts);
        }
        server.reload(
            "[workers]\ncount = 8\n[network]\npool = \"10.99.0.0/24\"\ninterface = \"other\"\n\
             [pptp]\necho_interval_seconds = 50\n",
        );
        server.program.logged_all(&[
            "changed: pptp.echo_interval_seconds; needs a restart to change: network.interface, \
             network.pool, workers.count",
        ]);
        // The same again: what has changed has, and what has not is named again.
        server.reload("[workers]\ncount = 8\n[pptp]\necho_interval_seconds = 50\n");
        server
            .program
            .logged("nothing has changed; needs a restart to change: workers.count");
        assert_eq!(ping(client_host, INNER_SERVER, 1, &[]), 1);
        alice.hang_up();
        let (_, directory) = server.stop();

        // A file that is gone is no configuration either.
        let secrets = directory.path().join("secrets");
        let users = format!("[users]\nsecrets = {secrets:?}\n");
        let server = Server::in_directory(server_host, directory, &users, &[]);
        server.remove_configuration();
        server.program.logged_all(&[
            "configuration not reloaded",
            "cannot read the configuration",
        ]);
        Client::connect(client_host, &[]).hang_up();
        server.stop();
    });
}

#[test]
fn pools_change_while_sessions_have_their_addresses() {
    in_lab(|lab| {
        let (server_host, client_host, _) = crate::lab::two_hosts(lab);
        let (server, alice) = with_session(&server_host, &client_host, "");
        server.reload("[[pools]]\nname = \"office\"\nranges = [\"10.88.0.0/24\"]\n");
        server
            .program
            .logged("configuration reloaded, changed: pools");
        assert_eq!(ping(&client_host, INNER_SERVER, 1, &[]), 1);
        let again = dial(&client_host, "alice", PASSWORD, &[]);
        let other = Client::connected(again);
        assert_ne!(other.address, alice.address);
        other.hang_up();
        alice.hang_up();
        server.stop();
    });
}

#[test]
fn who_asks_for_it_is_told_what_has_changed_and_what_is_wrong() {
    on_two_hosts(|server_host, client_host| {
        let (server, alice) = with_session(server_host, client_host, "");
        server.rewrite("[limits]\nhalf_open = 900\n[workers]\ncount = 8\n");
        let output = server.ask(&["reload"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(
            String::from_utf8(output.stdout).unwrap(),
            "changed: limits.half_open\nchanges only with a restart of the server: workers.count\n"
        );
        server.rewrite("[limits]\nhalf_open = 0\n");
        let output = server.ask(&["reload", "--json"]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(
            told.contains("adit.toml:5:13: limits.half_open: 0 is out of range"),
            "{told}"
        );
        assert_eq!(ping(client_host, INNER_SERVER, 1, &[]), 1);
        alice.hang_up();
        server.stop();
    });
}

#[test]
fn a_server_without_a_configuration_file_has_none_to_read() {
    on_two_hosts(|server_host, client_host| {
        let directory = tempfile::tempdir().unwrap();
        let secrets = directory.path().join("secrets");
        std::fs::write(&secrets, crate::adit::USERS).unwrap();
        let mut command = crate::adit::adit(server_host);
        command.args(["serve", "--secrets"]).arg(&secrets);
        command
            .arg("--control-socket")
            .arg(directory.path().join("control.sock"));
        let server = Program::start(&mut command);
        server.said("serving on ");
        let alice = Client::connect(client_host, &[]);
        server.signal(nix::sys::signal::Signal::SIGHUP);
        server.logged("this server was started without a configuration file");
        assert_eq!(ping(client_host, INNER_SERVER, 1, &[]), 1);
        alice.hang_up();
    });
}
