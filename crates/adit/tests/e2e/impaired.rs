//! A bad way between server and client.

use adit_net::namespace::Lab;

use crate::adit::{Client, INNER_CLIENT, INNER_SERVER, Server};
use crate::lab::{CLIENT, SERVER, in_lab};
use crate::traffic::{address, ping, transfer_both_ways};
use crate::wire::{Conditions, Wire, impaired};

const OCTETS: usize = 1_000_000;
const PINGS: u32 = 200;

/// Sends by TCP in both directions and pings under these conditions. Returns the server's session and
/// how many pings were answered.
fn traffic_under(
    lab: &mut Lab,
    conditions: Conditions,
    mode: &str,
) -> (adit_server::control_socket::SessionInfo, u32) {
    let (server_host, client_host) = (lab.host("server").unwrap(), lab.host("client").unwrap());
    let wire = Wire::between((&server_host, SERVER), (&client_host, CLIENT));
    let server = Server::start(
        &server_host,
        &format!("[encryption]\nmodes = [\"{mode}\"]\n"),
    );
    let client = Client::connect(&client_host, &["--mode", mode]);
    wire.set(conditions);
    let (inner_server, inner_client) = (address(INNER_SERVER), address(INNER_CLIENT));
    transfer_both_ways(
        (&server_host, inner_server),
        (&client_host, inner_client),
        OCTETS,
    );
    let answered = ping(&client_host, INNER_SERVER, PINGS, &[]);
    let session = server.session();
    wire.set(Conditions::GOOD);
    client.hang_up();
    let [from_server, from_client] = wire.stats();
    for stats in [from_server, from_client] {
        let impairment = conditions.impairment;
        assert_eq!(stats.lost > 0, impairment.loss > adit_sim::Chance::NEVER);
        assert_eq!(
            stats.reordered > 0,
            impairment.reordering > adit_sim::Chance::NEVER
        );
        assert_eq!(
            stats.duplicated > 0,
            impairment.duplication > adit_sim::Chance::NEVER
        );
    }
    (session, answered)
}

#[test]
fn tcp_survives_losses() {
    in_lab(|lab| {
        let (session, answered) = traffic_under(lab, impaired(5, 0, 0), "stateless");
        assert!(session.losses.lost > 0, "{session:?}");
        // Of 200 pings, each of which passes twice, some 20 are lost.
        assert!((PINGS * 8 / 10..PINGS).contains(&answered), "{answered}");
        assert_eq!(
            (session.losses.undecryptable, session.losses.invalid),
            (0, 0)
        );
    });
}

#[test]
fn tcp_survives_losses_with_stateful_keys() {
    in_lab(|lab| {
        let (session, answered) = traffic_under(lab, impaired(2, 0, 0), "stateful");
        assert!(session.losses.lost > 0, "{session:?}");
        assert!(answered > PINGS / 2, "{answered}");
    });
}

#[test]
fn packets_out_of_order_are_put_right() {
    in_lab(|lab| {
        let (session, answered) = traffic_under(lab, impaired(0, 0, 10), "stateless");
        assert!(session.losses.reordered > 0, "{session:?}");
        assert_eq!(
            (session.losses.lost, session.losses.late),
            (0, 0),
            "{session:?}"
        );
        assert_eq!(session.losses.undecryptable, 0);
        assert_eq!(answered, PINGS);
    });
}

#[test]
fn packets_out_of_order_are_put_right_with_stateful_keys() {
    in_lab(|lab| {
        let (session, answered) = traffic_under(lab, impaired(0, 0, 10), "stateful");
        assert!(session.losses.reordered > 0, "{session:?}");
        assert_eq!(
            (session.losses.lost, session.losses.undecryptable),
            (0, 0),
            "{session:?}"
        );
        assert_eq!(answered, PINGS);
    });
}

#[test]
fn packets_that_come_twice_are_taken_once() {
    in_lab(|lab| {
        let (session, answered) = traffic_under(lab, impaired(0, 5, 0), "stateless");
        assert!(session.losses.duplicate > 0, "{session:?}");
        assert_eq!(
            (session.losses.lost, session.losses.undecryptable),
            (0, 0),
            "{session:?}"
        );
        assert_eq!(answered, PINGS);
    });
}

#[test]
fn everything_at_once_delays_but_does_not_damage() {
    in_lab(|lab| {
        let (session, answered) = traffic_under(lab, impaired(5, 5, 10), "stateless");
        let losses = session.losses;
        assert!(
            losses.lost > 0 && losses.duplicate > 0 && losses.reordered > 0,
            "{losses:?}"
        );
        assert_eq!((losses.undecryptable, losses.invalid), (0, 0));
        assert!(answered > PINGS * 8 / 10, "{answered}");
    });
}

#[test]
fn a_bad_way_delays_the_connection_but_lets_it_come_up_and_end_in_order() {
    in_lab(|lab| {
        let (server_host, client_host) = (lab.host("server").unwrap(), lab.host("client").unwrap());
        let wire = Wire::between((&server_host, SERVER), (&client_host, CLIENT));
        wire.set(impaired(10, 5, 10));
        let server = Server::start(&server_host, "[network]\nipv6 = false\n");
        let client = Client::connect(&client_host, &[]);
        client.hang_up();
        server.program.logged("session ended");
        assert_eq!(server.sessions(), []);
    });
}
