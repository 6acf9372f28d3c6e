//! How a user leaves: by which signal, how soon, and what is told.

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::adit::{Client, INNER_CLIENT, PASSWORD, Server, dial};
use crate::lab::{CLIENT, SERVER, Snapshot, in_lab, on_two_hosts};
use crate::program::Program;
use crate::wire::{Conditions, Filter, Wire};

/// Connects and returns the line in which it says so.
fn connected_in_json(client: &Program) -> Value {
    serde_json::from_str(&client.said("\"connected\"")).unwrap()
}

#[test]
fn every_signal_that_asks_for_an_end_hangs_up() {
    on_two_hosts(|server_host, client_host| {
        let _server = Server::start(server_host, "");
        let before = Snapshot::of(client_host);
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            let client = dial(
                client_host,
                "alice",
                PASSWORD,
                &["--json", "--default-route"],
            );
            let connected = connected_in_json(&client);
            assert_eq!(connected["address"], INNER_CLIENT);
            assert_eq!(connected["server"], format!("{SERVER}:1723"));
            assert_eq!(connected["encryption"], "MPPE 128-bit stateless");
            assert_ne!(Snapshot::of(client_host), before);
            client.signal(signal);
            let ended = client.ended();
            assert_eq!(ended.code, Some(0), "{signal}: {}", ended.log);
            let last = ended.output.lines().last().unwrap();
            let disconnected: Value = serde_json::from_str(last).unwrap();
            assert_eq!(disconnected["event"], "disconnected");
            assert_eq!(disconnected["code"], 0);
            assert_eq!(Snapshot::of(client_host), before, "{signal}");
        }
    });
}

#[test]
fn a_failure_is_told_in_json_too() {
    on_two_hosts(|server_host, client_host| {
        let _server = Server::start(server_host, "");
        let ended = dial(client_host, "alice", "wrong", &["--json"]).ended();
        assert_eq!(ended.code, Some(6), "{}", ended.log);
        let told: Value = serde_json::from_str(ended.output.trim()).unwrap();
        assert_eq!(told["event"], "disconnected");
        assert_eq!(told["code"], 6);
        let reason = told["reason"].as_str().unwrap();
        assert!(ended.log.contains(reason), "{reason}: {}", ended.log);
    });
}

#[test]
fn a_silent_server_does_not_hold_a_user_who_leaves() {
    on_two_hosts(|server_host, client_host| {
        let server = Server::start(server_host, "");
        let before = Snapshot::of(client_host);
        let client = Client::connect(client_host, &["--default-route"]);
        server.program.signal(Signal::SIGSTOP);
        client.hang_up();
        let left = Snapshot::of(client_host);
        server.program.signal(Signal::SIGCONT);
        assert_eq!(left, before);
    });
}

#[test]
fn a_user_who_asks_twice_leaves_without_the_server_s_goodbye() {
    on_two_hosts(|server_host, client_host| {
        let server = Server::start(server_host, "");
        let before = Snapshot::of(client_host);
        let client = Client::connect(client_host, &["--default-route"]);
        server.program.signal(Signal::SIGSTOP);
        client.program.signal(Signal::SIGINT);
        client.program.logged("hanging up");
        client.program.signal(Signal::SIGINT);
        let ended = client.program.ended();
        let left = Snapshot::of(client_host);
        server.program.signal(Signal::SIGCONT);
        assert_eq!(ended.code, Some(0), "{}", ended.log);
        assert!(ended.log.contains("without the server's goodbye"));
        assert_eq!(left, before);
    });
}

#[test]
fn a_client_whose_interface_is_taken_away_tells_the_server() {
    on_two_hosts(|server_host, client_host| {
        let server = Server::start(server_host, "");
        let before = Snapshot::of(client_host);
        let client = Client::connect(client_host, &["--default-route", "-v"]);
        {
            let mut netlink = client_host.netlink();
            let index = netlink.link_by_name(&client.interface).unwrap().index;
            netlink.delete_link(index).unwrap();
        }
        let ended = client.program.ended();
        assert_eq!(ended.code, Some(1), "{}", ended.log);
        assert_eq!(Snapshot::of(client_host), before);
        for goodbye in [
            "sent LCP Terminate-Request",
            "sent Stop-Control-Connection-Request",
        ] {
            assert!(ended.log.contains(goodbye), "{}", ended.log);
        }
        server.program.logged_all(&["session ended", "alice"]);
    });
}

#[test]
fn a_user_need_not_wait_for_a_connection() {
    in_lab(|lab| {
        let (server_host, client_host) = (lab.host("server").unwrap(), lab.host("client").unwrap());
        let wire = Wire::between((&server_host, SERVER), (&client_host, CLIENT));
        wire.set(Conditions::only(Filter::Nothing));
        let before = Snapshot::of(&client_host);
        let client = dial(&client_host, "alice", PASSWORD, &[]);
        client.logged("waiting for 192.0.2.1:1723 to take the connection");
        client.signal(Signal::SIGINT);
        let ended = client.ended();
        assert_eq!(ended.code, Some(0), "{}", ended.log);
        assert_eq!(Snapshot::of(&client_host), before);
    });
}
