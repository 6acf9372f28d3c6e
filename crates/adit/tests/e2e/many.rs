//! Several clients at once.

use std::collections::BTreeSet;

use adit_net::namespace::{Host, Lab};
use adit_net::netlink::Route;

use crate::adit::{Client, INNER_SERVER, Server, dial};
use crate::lab::{SERVER, in_lab, network, on_two_hosts};
use crate::traffic::{address, ping, transfer};

const MANY: u8 = 10;

/// Users `user1` with the password `word1`, and so on.
pub(crate) fn users(count: u8) -> String {
    (1..=count)
        .map(|number| format!("user{number} * word{number} *\n"))
        .collect()
}

/// Hosts whose way to the server leads through a router, with the router itself.
pub(crate) fn around_router(lab: &mut Lab, count: u8) -> (Host, Host, Vec<Host>) {
    let (server, router) = (lab.host("server").unwrap(), lab.host("router").unwrap());
    lab.connect(
        (&server, network(SERVER, 24)),
        (&router, network("192.0.2.254", 24)),
    )
    .unwrap();
    router.set_sysctl("net.ipv4.ip_forward", "1").unwrap();
    let clients = (1..=count).map(|number| {
        let host = lab.host(&format!("client{number}")).unwrap();
        let (own, gateway) = (format!("198.51.{number}.2"), format!("198.51.{number}.1"));
        let cable = lab.connect((&host, network(&own, 24)), (&router, network(&gateway, 24)));
        let route = Route::through(
            network("0.0.0.0", 0),
            cable.unwrap().left.index,
            gateway.parse().unwrap(),
        );
        host.netlink().add_route(&route).unwrap();
        host
    });
    let clients = clients.collect();
    (server, router, clients)
}

#[test]
fn ten_clients_from_ten_hosts_work_side_by_side() {
    in_lab(|lab| {
        let (server_host, _, hosts) = around_router(lab, MANY);
        let back = Route::through(
            network("198.51.0.0", 16),
            first_link(&server_host),
            "192.0.2.254".parse().unwrap(),
        );
        server_host.netlink().add_route(&back).unwrap();
        let server = Server::with_users(&server_host, &users(MANY), "");
        let programs: Vec<_> = (1..)
            .zip(&hosts)
            .map(|(number, host)| {
                dial(
                    host,
                    &format!("user{number}"),
                    &format!("word{number}"),
                    &[],
                )
            })
            .collect();
        let clients: Vec<_> = programs.into_iter().map(Client::connected).collect();
        let addresses: BTreeSet<_> = clients.iter().map(|client| client.address).collect();
        assert_eq!(addresses.len(), usize::from(MANY));
        assert_eq!(server.sessions().len(), usize::from(MANY));
        std::thread::scope(|scope| {
            for (host, client) in hosts.iter().zip(&clients) {
                let server_host = &server_host;
                scope.spawn(move || {
                    transfer(host, (server_host, address(INNER_SERVER)), 200_000);
                    let inner = client.address.to_string();
                    transfer(server_host, (host, address(&inner)), 200_000);
                });
            }
        });
        for session in server.sessions() {
            assert!(
                session.received.octets > 200_000 && session.sent.octets > 200_000,
                "{session:?}"
            );
        }
        clients.into_iter().map(Client::hang_up).for_each(drop);
        let (ended, _) = server.stop();
        assert_eq!(
            ended.log.matches("session ended").count(),
            usize::from(MANY)
        );
    });
}

/// The number of the first link that is no loopback device.
pub(crate) fn first_link(host: &Host) -> u32 {
    let links = host.netlink().links().unwrap();
    links.iter().find(|link| link.name != "lo").unwrap().index
}

#[test]
fn two_clients_on_one_host_have_a_tunnel_each() {
    on_two_hosts(|server_host, client_host| {
        let server = Server::start(server_host, "");
        let first = Client::connect(client_host, &["--interface", "first"]);
        let second = dial(client_host, "bob", "builder", &["--interface", "second"]);
        let second = Client::connected(second);
        assert_ne!(first.address, second.address);
        for client in [&first, &second] {
            let through = ["-I", &client.interface];
            assert_eq!(ping(client_host, INNER_SERVER, 6, &through), 6);
        }
        for session in server.sessions() {
            assert!(
                session.received.packets >= 6 && session.sent.packets >= 6,
                "{session:?}"
            );
            assert_eq!(session.losses.undelivered(), 0, "{session:?}");
        }
        // The end of one leaves the other alone.
        first.hang_up();
        assert_eq!(ping(client_host, INNER_SERVER, 3, &["-I", "second"]), 3);
        second.hang_up();
        server.stop();
    });
}

/// Loads rules into a host's firewall; false where its kernel does not know them.
fn nft(host: &Host, rules: &str) -> bool {
    let output = host.command("nft").arg(rules).output().unwrap();
    output.status.success()
}

const MASQUERADE: &str = "\
table ip nat {
  chain out { type nat hook postrouting priority srcnat; ip daddr 192.0.2.1 masquerade; }
}";

const HELPER: &str = "\
table ip helper {
  ct helper pptp { type \"pptp\" protocol tcp; }
  chain in { type filter hook prerouting priority 0; tcp dport 1723 ct helper set \"pptp\"; }
}";

#[test]
fn a_client_behind_an_address_translator_that_does_not_know_pptp_works_or_tells_why_not() {
    in_lab(|lab| {
        let (server_host, router, hosts) = around_router(lab, 1);
        assert!(nft(&router, MASQUERADE));
        let server = Server::with_users(&server_host, &users(1), "");
        let program = dial(&hosts[0], "user1", "word1", &[]);
        // Linux translates the GRE packets of one direction and, where it tracks GRE by its keys, does
        // not know those of the other.
        if program.said_before_its_end("connected: ") {
            let client = Client::connected(program);
            assert_eq!(ping(&hosts[0], INNER_SERVER, 3, &[]), 3);
            client.hang_up();
        } else {
            let ended = program.ended();
            assert_eq!(ended.code, Some(5), "{}", ended.log);
            assert!(ended.log.contains("NAT"), "{}", ended.log);
        }
        server.stop();
    });
}

#[test]
fn clients_behind_an_address_translator_that_knows_pptp_work_side_by_side() {
    in_lab(|lab| {
        let (server_host, router, hosts) = around_router(lab, 3);
        assert!(nft(&router, MASQUERADE));
        if !nft(&router, HELPER) {
            println!("this kernel's address translation does not know PPTP");
            return;
        }
        let server = Server::with_users(&server_host, &users(3), "");
        let clients: Vec<_> = (1..)
            .zip(&hosts)
            .map(|(number, host)| {
                Client::connected(dial(
                    host,
                    &format!("user{number}"),
                    &format!("word{number}"),
                    &[],
                ))
            })
            .collect();
        for session in server.sessions() {
            assert_eq!(session.peer.ip().to_string(), "192.0.2.254");
        }
        for (host, client) in hosts.iter().zip(&clients) {
            assert_eq!(ping(host, INNER_SERVER, 3, &[]), 3);
            transfer(
                &server_host,
                (host, address(&client.address.to_string())),
                200_000,
            );
        }
        clients.into_iter().map(Client::hang_up).for_each(drop);
        server.stop();
    });
}
