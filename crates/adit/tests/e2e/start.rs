//! What keeps a server or a client from starting.

use std::net::TcpListener;
use std::process::Output;

use adit_net::namespace::Host;
use adit_net::netlink::Address;

use crate::adit::{Client, PASSWORD, Server, adit, configuration, refused};
use crate::lab::{CLIENT, SERVER, Snapshot, in_lab, network, on_two_hosts};

/// What `adit serve` says to this configuration.
fn serve(host: &Host, sections: &str) -> (Output, String) {
    let directory = tempfile::tempdir().unwrap();
    let secrets = directory.path().join("secrets");
    std::fs::write(&secrets, "").unwrap();
    let sections = format!("[users]\nsecrets = {secrets:?}\n{sections}");
    let config = configuration(directory.path(), &sections);
    let output = adit(host)
        .args(["serve", "--config"])
        .arg(config)
        .output()
        .unwrap();
    let log = String::from_utf8(output.stderr.clone()).unwrap();
    (output, log)
}

#[test]
fn a_port_in_use_is_told() {
    on_two_hosts(|host, _| {
        let before = Snapshot::of(host);
        let listener = host
            .run(|| TcpListener::bind("0.0.0.0:1723").unwrap())
            .unwrap();
        let (output, log) = serve(host, "");
        assert_eq!(output.status.code(), Some(1), "{log}");
        assert!(
            log.contains("0.0.0.0:1723") && log.contains("another program uses this port"),
            "{log}"
        );
        assert_eq!(Snapshot::of(host), before);
        drop(listener);
    });
}

#[test]
fn a_second_server_on_the_same_host_leaves_the_first_alone() {
    on_two_hosts(|server_host, client_host| {
        let server = Server::start(server_host, "");
        let client = Client::connect(client_host, &[]);
        let (output, log) = serve(server_host, "");
        assert_eq!(output.status.code(), Some(1), "{log}");
        assert_eq!(server.session().address, Some(client.address));
        client.hang_up();
        server.stop();
    });
}

#[test]
fn a_pool_that_is_in_use_is_told() {
    on_two_hosts(|host, _| {
        let lo = host.netlink().link_by_name("lo").unwrap().index;
        let address = Address::in_network(lo, network("10.77.0.77", 24));
        host.netlink().add_address(&address).unwrap();
        let before = Snapshot::of(host);
        let (output, log) = serve(host, "");
        assert_eq!(output.status.code(), Some(1), "{log}");
        assert!(
            log.contains("10.77.0.0/24 overlaps") && log.contains("10.77.0.77"),
            "{log}"
        );
        assert_eq!(Snapshot::of(host), before);
    });
}

#[test]
fn a_mistake_in_the_configuration_is_told_with_its_place() {
    on_two_hosts(|host, _| {
        let (output, log) = serve(host, "[network]\npol = \"10.0.0.0/24\"\n");
        assert_eq!(output.status.code(), Some(1), "{log}");
        assert!(
            log.contains("adit.toml") && log.contains("pol") && log.contains("pool"),
            "{log}"
        );
        assert_eq!(output.stdout, b"");
    });
}

#[test]
fn a_host_without_a_server_refuses_and_one_that_is_not_there_is_unreachable() {
    in_lab(|lab| {
        let (server_host, client_host) = (lab.host("server").unwrap(), lab.host("client").unwrap());
        let before = Snapshot::of(&client_host);
        let ended = refused(&client_host, "alice", PASSWORD, &[]);
        assert_eq!(ended.code, Some(3), "{}", ended.log);
        assert!(ended.log.contains(SERVER), "{}", ended.log);
        assert_eq!(Snapshot::of(&client_host), before);

        let ends = (
            (&server_host, network(SERVER, 24)),
            (&client_host, network(CLIENT, 24)),
        );
        lab.connect(ends.0, ends.1).unwrap();
        let before = Snapshot::of(&client_host);
        let ended = refused(&client_host, "alice", PASSWORD, &[]);
        assert_eq!(ended.code, Some(4), "{}", ended.log);
        assert!(ended.log.contains(SERVER), "{}", ended.log);
        assert_eq!(Snapshot::of(&client_host), before);
    });
}

#[test]
fn an_interface_name_in_use_is_told() {
    on_two_hosts(|server_host, client_host| {
        let _server = Server::start(server_host, "");
        let client = Client::connect(client_host, &["--interface", "tunnel"]);
        assert_eq!(client.interface, "tunnel");
        let ended = refused(client_host, "bob", "builder", &["--interface", "tunnel"]);
        assert_eq!(ended.code, Some(1), "{}", ended.log);
        assert!(ended.log.contains("tunnel is in use"), "{}", ended.log);
        client.hang_up();
    });
}
