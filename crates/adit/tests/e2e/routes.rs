//! Routes and DNS of a client.

use std::net::IpAddr;

use adit_net::namespace::{Host, Lab};
use adit_net::netlink::{Address, Route};

use crate::adit::{Client, INNER_SERVER, Server};
use crate::lab::{SERVER, Snapshot, in_lab, network, on_two_hosts};
use crate::traffic::ping;

/// The name of the link by which packets to `target` leave a host.
fn way(host: &Host, target: &str) -> String {
    let mut netlink = host.netlink();
    let target: IpAddr = target.parse().unwrap();
    let index = netlink.route_to(target).unwrap().interface;
    netlink.link(index).unwrap().name
}

/// A server behind a router, which is the client's default gateway.
fn behind_router(lab: &mut Lab) -> (Host, Host) {
    let (server, router, client) = (
        lab.host("server").unwrap(),
        lab.host("router").unwrap(),
        lab.host("client").unwrap(),
    );
    let far = lab.connect(
        (&server, network(SERVER, 24)),
        (&router, network("192.0.2.254", 24)),
    );
    let near = lab.connect(
        (&client, network("198.51.100.2", 24)),
        (&router, network("198.51.100.254", 24)),
    );
    router.set_sysctl("net.ipv4.ip_forward", "1").unwrap();
    let default = network("0.0.0.0", 0);
    let ways = [
        (&server, far.unwrap().left.index, "192.0.2.254"),
        (&client, near.unwrap().left.index, "198.51.100.254"),
    ];
    for (host, link, gateway) in ways {
        let route = Route::through(default, link, gateway.parse().unwrap());
        host.netlink().add_route(&route).unwrap();
    }
    (server, client)
}

#[test]
fn everything_goes_through_the_tunnel_but_the_tunnel_itself() {
    in_lab(|lab| {
        let (server_host, client_host) = behind_router(lab);
        let lo = server_host.netlink().link_by_name("lo").unwrap().index;
        let anywhere = Address::in_network(lo, network("203.0.113.1", 32));
        server_host.netlink().add_address(&anywhere).unwrap();
        let before = Snapshot::of(&client_host);
        let server = Server::start(&server_host, "");
        let client = Client::connect(&client_host, &["--default-route"]);
        assert_eq!(way(&client_host, "203.0.113.1"), client.interface);
        assert_eq!(way(&client_host, "8.8.8.8"), client.interface);
        assert_eq!(way(&client_host, SERVER), "router");
        for target in [INNER_SERVER, "203.0.113.1", SERVER] {
            assert_eq!(ping(&client_host, target, 2, &[]), 2, "{target}");
        }
        let through_tunnel = server.session().received.packets;
        assert_eq!(ping(&client_host, "203.0.113.1", 5, &[]), 5);
        assert!(server.session().received.packets >= through_tunnel + 5);
        client.hang_up();
        assert_eq!(Snapshot::of(&client_host), before);
        assert_eq!(way(&client_host, "203.0.113.1"), "router");
    });
}

#[test]
fn a_route_leads_into_the_tunnel_and_others_do_not() {
    in_lab(|lab| {
        let (server_host, client_host) = behind_router(lab);
        let _server = Server::start(&server_host, "");
        let before = Snapshot::of(&client_host);
        // One of the routes contains the server itself.
        let routes = ["--route", "10.0.0.0/8", "--route", "192.0.0.0/16"];
        let client = Client::connect(&client_host, &routes);
        assert_eq!(way(&client_host, "10.1.2.3"), client.interface);
        assert_eq!(way(&client_host, "192.0.3.1"), client.interface);
        assert_eq!(way(&client_host, SERVER), "router");
        assert_eq!(way(&client_host, "203.0.113.1"), "router");
        assert_eq!(ping(&client_host, INNER_SERVER, 2, &[]), 2);
        client.hang_up();
        assert_eq!(Snapshot::of(&client_host), before);
    });
}

#[test]
fn the_servers_that_the_server_names_are_told() {
    on_two_hosts(|server_host, client_host| {
        let _server = Server::start(
            server_host,
            "[network]\ndns = [\"10.0.0.53\", \"10.0.1.53\"]\n",
        );
        let client = Client::connect(client_host, &[]);
        let dns: Vec<String> = client.dns.iter().map(ToString::to_string).collect();
        assert_eq!(dns, ["10.0.0.53", "10.0.1.53"]);
        assert_eq!(
            client.server.map(|address| address.to_string()).as_deref(),
            Some(INNER_SERVER)
        );
    });
}

#[test]
fn a_server_that_forwards_lets_clients_reach_each_other_and_what_is_behind_it() {
    in_lab(|lab| {
        let (server_host, client_host) = behind_router(lab);
        let inside = lab.host("inside").unwrap();
        let cable = lab.connect(
            (&server_host, network("10.1.0.1", 24)),
            (&inside, network("10.1.0.2", 24)),
        );
        let back = Route::through(
            network("10.77.0.0", 24),
            cable.unwrap().right.index,
            "10.1.0.1".parse().unwrap(),
        );
        inside.netlink().add_route(&back).unwrap();
        let server = Server::start(&server_host, "[network]\nforward = true\n");
        let client = Client::connect(&client_host, &["--route", "10.1.0.0/24"]);
        assert_eq!(ping(&client_host, "10.1.0.2", 3, &[]), 3);
        assert_eq!(ping(&inside, &client.address.to_string(), 3, &[]), 3);
        client.hang_up();
        server.stop();
    });
}

#[test]
fn a_server_that_masquerades_hides_its_clients() {
    in_lab(|lab| {
        let (server_host, client_host) = behind_router(lab);
        let inside = lab.host("inside").unwrap();
        lab.connect(
            (&server_host, network("10.1.0.1", 24)),
            (&inside, network("10.1.0.2", 24)),
        )
        .unwrap();
        let sections = "[network]\nforward = true\nmasquerade = true\n";
        let server = Server::start(&server_host, sections);
        let client = Client::connect(&client_host, &["--route", "10.1.0.0/24"]);
        // The inside knows no way to the client: only the server's own address can be answered.
        assert_eq!(ping(&client_host, "10.1.0.2", 3, &[]), 3);
        client.hang_up();
        server.stop();
        let rules = server_host
            .command("nft")
            .args(["list", "ruleset"])
            .output()
            .unwrap();
        assert!(rules.status.success());
        assert_eq!(String::from_utf8(rules.stdout).unwrap(), "");
    });
}
