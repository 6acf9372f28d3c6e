//! IPv6 through the tunnel: link-local addresses, and global ones from the server's advertisements.

use std::net::Ipv6Addr;

use adit_net::netlink::Address;

use crate::adit::{Client, Server};
use crate::lab::{link_local, network, on_two_hosts};
use crate::program::Program;
use crate::traffic::{address, on_link, ping, transfer};

#[test]
fn link_local_traffic_passes_both_ways() {
    on_two_hosts(|server_host, client_host| {
        let server = Server::start(server_host, "");
        let client = Client::connect(client_host, &[]);
        let (server_address, server_link) = link_local(server_host, "adit0");
        let (client_address, client_link) = link_local(client_host, &client.interface);
        assert_eq!(client.ipv6, Some(client_address));
        assert_ne!(server_address, client_address);
        let scoped = |address: Ipv6Addr, interface: &str| format!("{address}%{interface}");
        let target = scoped(server_address, &client.interface);
        assert_eq!(ping(client_host, &target, 3, &[]), 3);
        assert_eq!(
            ping(server_host, &scoped(client_address, "adit0"), 3, &[]),
            3
        );
        transfer(
            client_host,
            (server_host, on_link(server_address, client_link)),
            100_000,
        );
        transfer(
            server_host,
            (client_host, on_link(client_address, server_link)),
            100_000,
        );
        client.hang_up();
        server.stop();
    });
}

#[test]
fn clients_make_global_addresses_of_the_advertised_prefix() {
    on_two_hosts(|server_host, client_host| {
        // The inside, behind the server. The kernel takes a moment to make an address its own.
        let lo = server_host.netlink().link_by_name("lo").unwrap().index;
        let inside = Address::in_network(lo, network("2001:db8:1::1", 128));
        server_host.netlink().add_address(&inside).unwrap();
        let sections = "[network]\nipv6_prefix = \"2001:db8:77::/48\"\n";
        let server = Server::start(server_host, sections);
        let mut monitor = client_host.command("ip");
        let monitor = Program::start(monitor.args(["-6", "-o", "monitor", "address"]));
        let client = Client::connect(client_host, &["--route", "2001:db8::/32"]);
        let line = monitor.said("2001:db8:77:");
        let global = line
            .split_whitespace()
            .find(|word| word.starts_with("2001:db8:77:"));
        let global: Ipv6Addr = global.unwrap().split('/').next().unwrap().parse().unwrap();

        let prefix = server.session().ipv6_prefix.unwrap();
        assert!(prefix.contains(&global), "{prefix} {global}");
        assert_eq!(global.segments()[4..], client.ipv6.unwrap().segments()[4..]);
        assert_eq!(ping(server_host, &global.to_string(), 3, &[]), 3);
        transfer(
            server_host,
            (client_host, address(&global.to_string())),
            100_000,
        );

        assert_eq!(ping(client_host, "2001:db8:1::1", 3, &[]), 3);
        transfer(
            client_host,
            (server_host, address("2001:db8:1::1")),
            100_000,
        );
        client.hang_up();
        server.stop();
    });
}

#[test]
fn a_server_without_ipv6_gives_none() {
    on_two_hosts(|server_host, client_host| {
        let _server = Server::start(server_host, "[network]\nipv6 = false\n");
        let client = Client::connect(client_host, &["--route", "2001:db8::/32"]);
        assert_eq!(client.ipv6, None);
        client
            .program
            .logged("the route to 2001:db8::/32 is not set");
    });
}
