//! A server whose workers share out the sessions.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use adit_net::namespace::{Host, Lab};
use adit_net::netlink::Route;
use adit_server::control_socket::WorkerInfo;

use crate::adit::{Client, INNER_SERVER, Server, dial};
use crate::lab::{in_lab, network};
use crate::many::{around_router, first_link, users};
use crate::program::PATIENCE;
use crate::traffic::{address, both_answer, ping, transfer};

const CLIENTS: u8 = 4;

const TWO: &str = "[workers]\ncount = 2\n[network]\nforward = true\n";

/// A server with two workers, and its clients.
struct Site {
    server: Host,
    clients: Vec<Host>,
}

impl Site {
    fn build(lab: &mut Lab) -> Self {
        let (server, _, clients) = around_router(lab, CLIENTS);
        let back = Route::through(
            network("198.51.0.0", 16),
            first_link(&server),
            "192.0.2.254".parse().unwrap(),
        );
        server.netlink().add_route(&back).unwrap();
        Self { server, clients }
    }

    /// Connects all clients, one after the other.
    fn connect(&self) -> Vec<Client> {
        let connect = |(number, host)| {
            let (user, password) = (format!("user{number}"), format!("word{number}"));
            let inside = ["--route", "10.77.0.0/24"];
            Client::connected(dial(host, &user, &password, &inside))
        };
        (1..).zip(&self.clients).map(connect).collect()
    }
}

fn sum(workers: &[WorkerInfo], count: impl Fn(&WorkerInfo) -> u64) -> u64 {
    workers.iter().map(count).sum()
}

#[test]
fn clients_of_all_workers_reach_the_server_and_each_other() {
    in_lab(|lab| {
        let site = Site::build(lab);
        let server = Server::with_users(&site.server, &users(CLIENTS), TWO);
        let clients = site.connect();
        let workers = server.status().workers;
        let shares: Vec<_> = workers
            .iter()
            .map(|it| (it.connections, it.sessions))
            .collect();
        assert_eq!(shares, [(2, 2), (2, 2)]);
        let parities: Vec<_> = server.sessions().iter().map(|it| it.call_id % 2).collect();
        assert_eq!(parities, [0, 1, 0, 1]);

        for (host, client) in site.clients.iter().zip(&clients) {
            let inner = client.address.to_string();
            both_answer((&site.server, INNER_SERVER), (host, &inner));
            transfer(&site.server, (host, address(&inner)), 500_000);
            transfer(host, (&site.server, address(INNER_SERVER)), 500_000);
        }
        for (from, host) in site.clients.iter().enumerate() {
            for (to, client) in clients.iter().enumerate().filter(|(to, _)| *to != from) {
                let inner = client.address.to_string();
                assert_eq!(ping(host, &inner, 2, &[]), 2, "from {from} to {to}");
            }
            let to = (from + 1) % clients.len();
            let inner = clients[to].address.to_string();
            transfer(host, (&site.clients[to], address(&inner)), 300_000);
        }
        for session in server.sessions() {
            assert_eq!(session.losses.undelivered(), 0, "{session:?}");
        }
        clients.into_iter().map(Client::hang_up).for_each(drop);
        let (ended, _) = server.stop();
        assert_eq!(
            ended.log.matches("session ended").count(),
            usize::from(CLIENTS)
        );
    });
}

/// Datagrams of one flow that are on the way at once.
const BURST: u32 = 50;

#[test]
fn packets_that_another_worker_reads_arrive_in_their_order() {
    const FLOWS: usize = 16;
    in_lab(|lab| {
        let site = Site::build(lab);
        let server = Server::with_users(&site.server, &users(CLIENTS), TWO);
        let clients = site.connect();
        for (host, client) in site.clients.iter().zip(&clients) {
            let receiver = socket(host, client.address);
            let to = receiver.local_addr().unwrap();
            let senders: Vec<_> = (0..FLOWS)
                .map(|_| socket(&site.server, INNER_SERVER.parse().unwrap()))
                .collect();
            let mut expected: BTreeMap<SocketAddr, u32> = BTreeMap::new();
            for _ in 0..3 {
                for sender in &senders {
                    burst(sender, &receiver, to, &mut expected);
                }
            }
            assert_eq!(expected.len(), FLOWS);
        }
        // The kernel chooses a queue by the flow: of 64 flows, none for another worker is out of the
        // question.
        let workers = server.status().workers;
        assert!(
            workers.iter().all(|it| it.strays.passed_on > 0),
            "{workers:?}"
        );
        assert_eq!(
            sum(&workers, |it| it.strays.passed_on),
            sum(&workers, |it| it.strays.taken_in)
        );
        assert_eq!(sum(&workers, |it| it.strays.dropped), 0);
        clients.into_iter().map(Client::hang_up).for_each(drop);
        server.stop();
    });
}

fn socket(host: &Host, address: Ipv4Addr) -> UdpSocket {
    let socket = host.run(|| UdpSocket::bind((address, 0)).unwrap()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// Sends a burst of numbered datagrams and takes all of them in; `expected` holds the next number of
/// each sender.
fn burst(
    sender: &UdpSocket,
    receiver: &UdpSocket,
    to: SocketAddr,
    expected: &mut BTreeMap<SocketAddr, u32>,
) {
    let from = sender.local_addr().unwrap();
    let first = *expected.entry(from).or_default();
    for number in first..first + BURST {
        sender.send_to(&number.to_be_bytes(), to).unwrap();
    }
    for number in first..first + BURST {
        let mut octets = [0; 4];
        let (length, source) = receiver.recv_from(&mut octets).unwrap();
        assert_eq!((length, source), (4, from));
        assert_eq!(u32::from_be_bytes(octets), number);
    }
    expected.insert(from, first + BURST);
}

#[test]
fn a_server_with_workers_takes_leave_of_all_and_serves_again() {
    in_lab(|lab| {
        let site = Site::build(lab);
        let server = Server::with_users(&site.server, &users(CLIENTS), TWO);
        let clients = site.connect();
        let (ended, directory) = server.stop();
        assert_eq!(
            ended.log.matches("session ended").count(),
            usize::from(CLIENTS)
        );
        for client in clients {
            let ended = client.program.ended();
            assert_ne!(ended.code, Some(0), "{}", ended.log);
        }
        let secrets = directory.path().join("secrets");
        let sections = format!("[users]\nsecrets = {secrets:?}\n{TWO}");
        let server = Server::in_directory(&site.server, directory, &sections, &[]);
        let clients = site.connect();
        assert_eq!(server.status().sessions, usize::from(CLIENTS));
        for (host, client) in site.clients.iter().zip(&clients) {
            assert_eq!(ping(host, INNER_SERVER, 2, &[]), 2, "{}", client.line);
        }
        clients.into_iter().map(Client::hang_up).for_each(drop);
        server.stop();
    });
}

#[test]
fn the_limit_of_sessions_holds_for_all_workers_together() {
    in_lab(|lab| {
        let site = Site::build(lab);
        let sections = format!("{TWO}[limits]\nsessions = 1\n");
        let server = Server::with_users(&site.server, &users(CLIENTS), &sections);
        let first = Client::connected(dial(&site.clients[0], "user1", "word1", &[]));
        // It comes to the other worker, which has no call.
        let refused = dial(&site.clients[1], "user2", "word2", &[]).ended();
        assert_ne!(refused.code, Some(0));
        assert!(refused.log.contains("busy"), "{}", refused.log);
        first.hang_up();
        let second = Client::connected(dial(&site.clients[1], "user2", "word2", &[]));
        second.hang_up();
        server.stop();
    });
}
