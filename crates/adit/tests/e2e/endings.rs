//! How connections end, and what is left of them.

use nix::sys::signal::Signal;

use crate::adit::{Client, INNER_SERVER, PASSWORD, Server, dial, refused};
use crate::lab::{CLIENT, SERVER, Snapshot, in_lab, on_two_hosts};
use crate::traffic::{both_answer, ping};
use crate::wire::{Conditions, Filter, Wire};

/// Keep-alives that notice a dead peer within seconds.
const IMPATIENT: &str = "\
[pptp]
echo_interval_seconds = 1
echo_timeout_seconds = 1
[ppp]
lcp_echo_interval_seconds = 1
lcp_echo_failures = 2
";

/// A user who always gets the same address.
const FIXED: &str = "alice * wonderland 10.77.0.9\n";

#[test]
fn a_client_that_hangs_up_leaves_nothing_behind() {
    on_two_hosts(|server_host, client_host| {
        let before = [Snapshot::of(server_host), Snapshot::of(client_host)];
        let server = Server::start(server_host, "");
        let serving = Snapshot::of(server_host);
        let client = Client::connect(client_host, &["--route", "10.0.0.0/8"]);
        assert_ne!(Snapshot::of(client_host), before[1]);
        assert_eq!(ping(client_host, INNER_SERVER, 1, &[]), 1);
        let ended = client.hang_up();
        assert!(ended.output.contains("disconnected"), "{}", ended.output);
        assert_eq!(Snapshot::of(client_host), before[1]);

        server
            .program
            .logged_all(&["session ended", "alice", CLIENT]);
        assert_eq!(server.sessions(), []);
        assert_eq!(Snapshot::of(server_host), serving);
        server.stop();
        assert_eq!(Snapshot::of(server_host), before[0]);
    });
}

#[test]
fn a_server_that_ends_in_order_tells_its_clients() {
    on_two_hosts(|server_host, client_host| {
        let before = [Snapshot::of(server_host), Snapshot::of(client_host)];
        let server = Server::start(server_host, "");
        let client = Client::connect(client_host, &[]);
        server.stop();
        let ended = client.program.ended();
        assert_eq!(ended.code, Some(9), "{}", ended.log);
        assert!(
            ended.log.contains("the server ended the connection"),
            "{}",
            ended.log
        );
        assert_eq!(
            [Snapshot::of(server_host), Snapshot::of(client_host)],
            before
        );
    });
}

#[test]
fn a_killed_server_leaves_clean_hosts_and_serves_again() {
    on_two_hosts(|server_host, client_host| {
        let before = [Snapshot::of(server_host), Snapshot::of(client_host)];
        let server = Server::start(server_host, "");
        let client = Client::connect(client_host, &["--default-route"]);
        let address = client.address;
        let directory = server.kill();
        let ended = client.program.ended();
        assert_eq!(ended.code, Some(9), "{}", ended.log);
        assert!(ended.log.contains("lost"), "{}", ended.log);
        assert_eq!(
            [Snapshot::of(server_host), Snapshot::of(client_host)],
            before
        );

        let secrets = directory.path().join("secrets");
        let users = format!("[users]\nsecrets = {secrets:?}\n");
        let server = Server::in_directory(server_host, directory, &users, &[]);
        let client = Client::connect(client_host, &[]);
        assert_eq!(client.address, address);
        assert_eq!(ping(client_host, INNER_SERVER, 1, &[]), 1);
        client.hang_up();
        server.stop();
    });
}

#[test]
fn a_killed_client_is_noticed_and_its_address_is_free() {
    on_two_hosts(|server_host, client_host| {
        let before = Snapshot::of(client_host);
        let server = Server::start(server_host, "");
        let client = Client::connect(client_host, &["--default-route"]);
        let address = client.address;
        client.program.signal(Signal::SIGKILL);
        client.program.ended();
        server.program.logged_all(&["session ended", "alice"]);
        assert_eq!(server.sessions(), []);
        // The route to the server stands for itself and goes with nothing.
        let left = Snapshot::of(client_host).without_route_to(SERVER);
        assert_eq!(left, before);
        let client = Client::connect(client_host, &[]);
        assert_eq!(client.address, address);
    });
}

#[test]
fn a_client_behind_a_cut_cable_is_noticed_by_keep_alive() {
    in_lab(|lab| {
        let (server_host, client_host) = (lab.host("server").unwrap(), lab.host("client").unwrap());
        let wire = Wire::between((&server_host, SERVER), (&client_host, CLIENT));
        let server = Server::start(&server_host, IMPATIENT);
        let client = Client::connect(&client_host, &[]);
        wire.set(Conditions::only(Filter::Nothing));
        server.program.logged_all(&["session ended", "alice"]);
        assert_eq!(server.sessions(), []);

        // The cable is whole again: the old connection is over, a new one gets the address.
        wire.set(Conditions::GOOD);
        let address = client.address;
        assert_eq!(client.program.ended().code, Some(9));
        let client = Client::connect(&client_host, &[]);
        assert_eq!(client.address, address);
    });
}

#[test]
fn a_way_without_gre_is_told() {
    in_lab(|lab| {
        let (server_host, client_host) = (lab.host("server").unwrap(), lab.host("client").unwrap());
        let wire = Wire::between((&server_host, SERVER), (&client_host, CLIENT));
        wire.set(Conditions::only(Filter::NoGre));
        let _server = Server::start(&server_host, "");
        let before = Snapshot::of(&client_host);
        let ended = refused(&client_host, "alice", PASSWORD, &[]);
        assert_eq!(ended.code, Some(5), "{}", ended.log);
        assert!(ended.log.contains("GRE"), "{}", ended.log);
        assert_eq!(Snapshot::of(&client_host), before);
    });
}

#[test]
fn a_user_who_comes_back_takes_over_the_fixed_address() {
    on_two_hosts(|server_host, client_host| {
        let server = Server::with_users(server_host, FIXED, "");
        let first = Client::connect(client_host, &["--interface", "first"]);
        assert_eq!(first.address.to_string(), "10.77.0.9");
        let second = dial(client_host, "alice", PASSWORD, &["--interface", "second"]);
        let ended = first.program.ended();
        assert_eq!(ended.code, Some(9), "{}", ended.log);
        let second = Client::connected(second);
        assert_eq!(second.address.to_string(), "10.77.0.9");
        server.program.logged("replaced by a new session");
        both_answer((server_host, INNER_SERVER), (client_host, "10.77.0.9"));
        assert_eq!(server.session().address, Some(second.address));
    });
}

#[test]
fn sessions_can_be_ended_by_number_and_by_user() {
    on_two_hosts(|server_host, client_host| {
        let server = Server::start(server_host, "");
        for by_number in [true, false] {
            let client = Client::connect(client_host, &[]);
            let session = server.session();
            assert_eq!(session.user.as_deref(), Some("alice"));
            let target = match by_number {
                true => session.id.to_string(),
                false => "alice".to_owned(),
            };
            let output = server.ask(&["disconnect", &target]);
            assert!(output.status.success(), "{output:?}");
            let ended = client.program.ended();
            assert_eq!(ended.code, Some(9), "{}", ended.log);
            server
                .program
                .logged_all(&["session ended", &format!("session={}", session.id)]);
            assert_eq!(server.sessions(), []);
        }
        assert_eq!(server.ask(&["disconnect", "alice"]).status.code(), Some(1));
    });
}

#[test]
fn a_client_hears_the_last_words_of_ppp_though_the_call_ended_meanwhile() {
    on_two_hosts(|server_host, client_host| {
        let server = Server::start(server_host, "");
        let client = Client::connect(client_host, &[]);
        // All that the server has to say, by GRE and by TCP, is there when the client goes on.
        client.program.signal(Signal::SIGSTOP);
        assert!(server.ask(&["disconnect", "alice"]).status.success());
        server.program.logged_all(&["session ended", "alice"]);
        client.program.signal(Signal::SIGCONT);
        let ended = client.program.ended();
        assert_eq!(ended.code, Some(9), "{}", ended.log);
        assert!(ended.log.contains("closed on request"), "{}", ended.log);
    });
}
