//! Packets that are too long for the tunnel, and the segment sizes of TCP.

use adit_net::namespace::Host;

use crate::adit::{Client, INNER_CLIENT, INNER_SERVER, Server};
use crate::lab::{link_local, on_two_hosts};
use crate::traffic::{address, ping, ping_report, transfer};

/// Octets of the headers of IPv4 and ICMP, and of IPv4 and TCP without options.
const PING_HEADERS: u32 = 28;
const TCP_HEADERS: u32 = 40;

/// Makes a host believe that its tunnel takes 1500 octets, as a router's neighbours do.
fn widen(host: &Host, interface: &str) {
    let mut netlink = host.netlink();
    let link = netlink.link_by_name(interface).unwrap().index;
    netlink.set_mtu(link, 1500).unwrap();
}

#[test]
fn the_interface_takes_what_the_tunnel_does_and_no_more() {
    on_two_hosts(|server_host, client_host| {
        let _server = Server::start(server_host, "");
        let client = Client::connect(client_host, &[]);
        let link = client_host
            .netlink()
            .link_by_name(&client.interface)
            .unwrap();
        assert_eq!(link.mtu, client.mtu);
        assert_eq!(link.queue_length, adit_net::tun::QUEUE_LENGTH);
        let fits = (client.mtu - PING_HEADERS).to_string();
        let too_long = (client.mtu - PING_HEADERS + 1).to_string();
        let whole = |size: &str| ping(client_host, INNER_SERVER, 2, &["-M", "do", "-s", size]);
        assert_eq!(whole(&fits), 2);
        assert_eq!(whole(&too_long), 0);
        // In fragments, any size passes.
        assert_eq!(
            ping(client_host, INNER_SERVER, 2, &["-M", "dont", "-s", "8000"]),
            2
        );
        assert_eq!(
            ping(server_host, INNER_CLIENT, 2, &["-M", "dont", "-s", "8000"]),
            2
        );
    });
}

#[test]
fn a_packet_that_is_too_long_is_answered_and_not_swallowed() {
    on_two_hosts(|server_host, client_host| {
        let _server = Server::start(server_host, "");
        let client = Client::connect(client_host, &[]);
        widen(client_host, &client.interface);
        widen(server_host, "adit0");
        for (host, target) in [(client_host, INNER_SERVER), (server_host, INNER_CLIENT)] {
            let report = ping_report(host, target, 1, &["-M", "do", "-s", "1472"]);
            let said = format!("mtu = {}", client.mtu);
            assert!(report.contains(&said), "{report}");
        }
        let (v6_server, _) = link_local(server_host, "adit0");
        for (host, target) in [
            (client_host, format!("{v6_server}%{}", client.interface)),
            (server_host, format!("{}%adit0", client.ipv6.unwrap())),
        ] {
            let report = ping_report(host, &target, 1, &["-M", "do", "-s", "1452"]);
            let said = format!("mtu={}", client.mtu);
            assert!(report.contains(&said), "{report}");
        }
    });
}

#[test]
fn segment_sizes_are_clamped_to_the_tunnel() {
    on_two_hosts(|server_host, client_host| {
        let _server = Server::start(server_host, "");
        let client = Client::connect(client_host, &[]);
        widen(client_host, &client.interface);
        widen(server_host, "adit0");
        for (from, to, target) in [
            (client_host, server_host, INNER_SERVER),
            (server_host, client_host, INNER_CLIENT),
        ] {
            let sizes = transfer(from, (to, address(target)), 300_000);
            // Time stamps take 12 octets of each segment.
            for size in sizes {
                assert!(size <= client.mtu - TCP_HEADERS, "{size}");
                assert!(size >= client.mtu - TCP_HEADERS - 12, "{size}");
            }
        }
    });
}

#[test]
fn a_smaller_mtu_can_be_chosen_at_either_end() {
    on_two_hosts(|server_host, client_host| {
        let server = Server::start(server_host, "");
        let client = Client::connect(client_host, &["--mtu", "1300"]);
        assert_eq!(client.mtu, 1300);
        let sizes = transfer(server_host, (client_host, address(INNER_CLIENT)), 300_000);
        assert!(
            sizes.iter().all(|size| *size <= 1300 - TCP_HEADERS),
            "{sizes:?}"
        );
        client.hang_up();
        server.stop();

        let server = Server::start(server_host, "[network]\nmtu = 1280\n");
        let client = Client::connect(client_host, &[]);
        assert_eq!(client.mtu, 1280);
        transfer(client_host, (server_host, address(INNER_SERVER)), 300_000);
        transfer(server_host, (client_host, address(INNER_CLIENT)), 300_000);
        client.hang_up();
        server.stop();
    });
}
