//! Metrics and the health check, as a monitoring system asks for them.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;

use adit_net::namespace::Host;

use crate::adit::{Client, INNER_SERVER, Server, refused};
use crate::lab::on_two_hosts;
use crate::traffic::ping;

const SECTION: &str = "[metrics]\nlisten = [\"127.0.0.1:9723\", \"[::1]:9723\"]\n";

/// What is answered to a request.
fn request(host: &Host, address: &'static str, request: &str) -> String {
    let request = request.to_owned();
    let exchange = move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        reply
    };
    host.run(exchange).unwrap()
}

/// The metrics of a server by their names with labels.
fn metrics(host: &Host) -> BTreeMap<String, f64> {
    let asked = "GET /metrics HTTP/1.1\r\nHost: adit\r\n\r\n";
    let reply = request(host, "127.0.0.1:9723", asked);
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(body.ends_with("# EOF\n"), "{body}");
    let samples = body.lines().filter(|line| !line.starts_with('#'));
    let samples = samples.map(|line| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        (name.to_owned(), value.parse().unwrap())
    });
    samples.collect()
}

#[test]
fn metrics_tell_of_sessions_logins_packets_drops_and_pools() {
    on_two_hosts(|server_host, client_host| {
        let policy = "[policy]\nrate_up = \"64k\"\n[workers]\ncount = 2\n";
        let server = Server::start(server_host, &format!("{policy}{SECTION}"));
        let before = metrics(server_host);
        assert_eq!(
            before["adit_pool_size{pool=\"default\",family=\"ipv4\"}"],
            253.0
        );
        assert_eq!(
            before["adit_pool_leased{pool=\"default\",family=\"ipv4\"}"],
            0.0
        );
        let client = Client::connect(client_host, &[]);
        ping(client_host, INNER_SERVER, 30, &["-s", "1372", "-i", "0.01"]);
        refused(client_host, "alice", "wrong", &[]);
        let during = metrics(server_host);
        let of = |name: &str| {
            *during
                .get(name)
                .unwrap_or_else(|| panic!("{name}: {during:?}"))
        };
        let sessions = ["0", "1"].map(|it| of(&format!("adit_sessions{{worker=\"{it}\"}}")));
        assert_eq!(sessions.iter().sum::<f64>(), 1.0);
        assert_eq!(
            of("adit_logins_total{result=\"accepted\",back_end=\"secrets\"}"),
            1.0
        );
        assert_eq!(
            of("adit_logins_total{result=\"refused\",back_end=\"secrets\"}"),
            1.0
        );
        assert_eq!(of("adit_sessions_started_total"), 1.0);
        assert_eq!(of("adit_connections_accepted_total"), 2.0);
        assert_eq!(
            of("adit_pool_leased{pool=\"default\",family=\"ipv4\"}"),
            1.0
        );
        assert!(of("adit_inner_bytes_total{direction=\"received\"}") > 10_000.0);
        assert!(of("adit_dropped_packets_total{reason=\"rate-limit\"}") > 0.0);
        assert!(of("adit_event_loop_lag_seconds{worker=\"1\"}") >= 0.0);
        let octets = of("adit_inner_bytes_total{direction=\"received\"}");
        client.hang_up();
        server.program.logged("session ended");
        let after = metrics(server_host);
        assert_eq!(
            after["adit_sessions_ended_total{cause=\"user-request\"}"],
            1.0
        );
        assert!(after["adit_inner_bytes_total{direction=\"received\"}"] >= octets);
        server.stop();
    });
}

#[test]
fn the_health_check_answers_and_bad_requests_are_refused() {
    on_two_hosts(|server_host, _| {
        let server = Server::start(server_host, SECTION);
        let status = |asked: &str| {
            let reply = request(server_host, "[::1]:9723", asked);
            reply.lines().next().unwrap().to_owned()
        };
        assert_eq!(status("GET /health HTTP/1.0\r\n\r\n"), "HTTP/1.1 200 OK");
        assert_eq!(status("GET / HTTP/1.1\r\n\r\n"), "HTTP/1.1 404 Not Found");
        assert_eq!(
            status("POST /metrics HTTP/1.1\r\n\r\n"),
            "HTTP/1.1 405 Method Not Allowed"
        );
        assert_eq!(status("\0\r\n\r\n"), "HTTP/1.1 400 Bad Request");
        let long = format!("GET /{} HTTP/1.1\r\n", "x".repeat(8192));
        assert_eq!(
            status(&long[..8192]),
            "HTTP/1.1 431 Request Header Fields Too Large"
        );
        // One who says nothing blocks nobody else.
        let silent = server_host
            .run(|| TcpStream::connect("127.0.0.1:9723").unwrap())
            .unwrap();
        assert_eq!(status("GET /health HTTP/1.0\r\n\r\n"), "HTTP/1.1 200 OK");
        drop(silent);
        server.stop();
    });
}
