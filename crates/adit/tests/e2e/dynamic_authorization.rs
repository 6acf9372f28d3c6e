//! Sessions that a RADIUS server ends and changes, by `radclient`.

use std::time::{SystemTime, UNIX_EPOCH};

use adit_net::namespace::Host;

use crate::accounting::sections;
use crate::adit::{Client, INNER_SERVER, Server};
use crate::freeradius::{Answer, FreeRadius, SECRET, Setup, radclient};
use crate::host::until;
use crate::lab::{SERVER, on_two_hosts};
use crate::traffic::ping;

/// Where the server takes requests, and who may send them.
const DYNAMIC: &str = "\
[radius.dynamic_authorization]
listen = [\"192.0.2.1:3799\"]
[[radius.dynamic_authorization.clients]]
address = \"192.0.2.2\"
secret = \"white-rabbit\"
";

fn start(host: &Host, dynamic: &str) -> (FreeRadius, Server) {
    let radius = FreeRadius::start(host, Setup::default());
    let directory = tempfile::tempdir().unwrap();
    let sections = sections(&directory, &[&Setup::default()], "") + dynamic;
    let server = Server::in_directory(host, directory, &sections, &[]);
    (radius, server)
}

/// Sends a request from the client's host.
fn send(host: &Host, kind: &str, attributes: &[&str]) -> Answer {
    radclient(host, &format!("{SERVER}:3799"), kind, SECRET, attributes)
}

fn assert_answer(answer: &Answer, code: &str, part: &str) {
    assert_eq!(answer.code.as_deref(), Some(code), "{}", answer.text);
    assert!(answer.text.contains(part), "{part}: {}", answer.text);
}

#[test]
fn a_session_is_ended_by_any_name_it_has() {
    on_two_hosts(|server_host, client_host| {
        let (radius, server) = start(server_host, DYNAMIC);
        for name in [
            "Acct-Session-Id",
            "User-Name",
            "NAS-Port",
            "Framed-IP-Address",
            "Calling-Station-Id",
        ] {
            let client = Client::connect(client_host, &[]);
            let number = server.session().id.to_string();
            let start = radius.received(|it| {
                it.get("Acct-Status-Type") == Some("Start") && it.get("NAS-Port") == Some(&number)
            });
            let selector = format!("{name} = {:?}", start.get(name).unwrap());
            let ours = format!("NAS-IP-Address = {SERVER}");
            let attributes = [&*selector, "NAS-Identifier = vpn1", &ours];
            let answer = send(client_host, "disconnect", &attributes);
            assert_answer(&answer, "Disconnect-ACK", "");
            assert_eq!(client.program.ended().code, Some(9));
            let stop = radius.received(|it| {
                it.get("Acct-Status-Type") == Some("Stop") && it.get("NAS-Port") == Some(&number)
            });
            assert_eq!(stop.get("Acct-Terminate-Cause"), Some("Admin-Reset"));
        }
        server.stop();
    });
}

#[test]
fn what_names_no_session_here_ends_none() {
    on_two_hosts(|server_host, client_host| {
        let (radius, server) = start(server_host, DYNAMIC);
        let client = Client::connect(client_host, &[]);
        let start = radius.accounted("Start");
        let session = format!(
            "Acct-Session-Id = {:?}",
            start.get("Acct-Session-Id").unwrap()
        );
        let cases: [(&[&str], &str); 6] = [
            (&["User-Name = bob"], "Session-Context-Not-Found"),
            // All that is given must apply.
            (&[&session, "User-Name = bob"], "Session-Context-Not-Found"),
            (
                &[&session, "NAS-Identifier = vpn2"],
                "NAS-Identification-Mismatch",
            ),
            (
                &[&session, "NAS-IP-Address = 192.0.2.77"],
                "NAS-Identification-Mismatch",
            ),
            (&[&session, "Session-Timeout = 5"], "Unsupported-Attribute"),
            (&["NAS-Identifier = vpn1"], "Missing-Attribute"),
        ];
        for (attributes, cause) in cases {
            let answer = send(client_host, "disconnect", attributes);
            assert_answer(&answer, "Disconnect-NAK", cause);
        }
        let answer = send(client_host, "coa", &[&session, "Framed-Pool = other"]);
        assert_answer(&answer, "CoA-NAK", "Unsupported-Attribute");
        let answer = send(
            client_host,
            "coa",
            &[&session, "Service-Type = Authorize-Only"],
        );
        assert_answer(&answer, "CoA-NAK", "Unsupported-Service");
        assert_eq!(server.sessions().len(), 1);
        client.hang_up();
        server.stop();
    });
}

#[test]
fn who_may_not_ask_gets_no_answer() {
    on_two_hosts(|server_host, client_host| {
        let (_radius, server) = start(server_host, DYNAMIC);
        let client = Client::connect(client_host, &[]);
        let address = format!("{SERVER}:3799");
        let ended = |host, secret, stamp: &str| {
            let attributes = ["User-Name = alice", stamp];
            radclient(host, &address, "disconnect", secret, &attributes).code
        };
        assert_eq!(ended(client_host, "wrong", ""), None);
        server
            .program
            .logged_all(&["is dropped", "shared secret differs"]);
        assert_eq!(ended(server_host, SECRET, ""), None);
        server
            .program
            .logged_all(&["is dropped", "nobody at that address"]);
        let old = "Event-Timestamp = \"Nov 14 2023 00:00:00 UTC\"";
        assert_eq!(ended(client_host, SECRET, old), None);
        server
            .program
            .logged_all(&["is dropped", "Event-Timestamp"]);
        assert_eq!(server.sessions().len(), 1);
        client.hang_up();
        server.stop();
    });
}

#[test]
fn a_request_without_a_time_can_be_refused() {
    on_two_hosts(|server_host, client_host| {
        let required = DYNAMIC.replace("[[", "require_event_timestamp = true\n[[");
        let (_radius, server) = start(server_host, &required);
        let client = Client::connect(client_host, &[]);
        let answer = send(client_host, "disconnect", &["User-Name = alice"]);
        assert_eq!(answer.code, None, "{}", answer.text);
        server
            .program
            .logged_all(&["is dropped", "no Event-Timestamp"]);
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let now = format!("Event-Timestamp = {}", since.as_secs());
        let answer = send(client_host, "disconnect", &["User-Name = alice", &now]);
        assert_answer(&answer, "Disconnect-ACK", "");
        client.program.ended();
        server.stop();
    });
}

#[test]
fn limits_change_while_a_session_lasts() {
    on_two_hosts(|server_host, client_host| {
        let (radius, server) = start(server_host, DYNAMIC);
        for (attribute, cause) in [
            ("Session-Timeout = 1", "Session-Timeout"),
            ("Idle-Timeout = 1", "Idle-Timeout"),
        ] {
            let client = Client::connect(client_host, &[]);
            let number = server.session().id.to_string();
            let answer = send(client_host, "coa", &["User-Name = alice", attribute]);
            assert_answer(&answer, "CoA-ACK", "");
            client.program.ended();
            let stop = radius.received(|it| {
                it.get("Acct-Status-Type") == Some("Stop") && it.get("NAS-Port") == Some(&number)
            });
            assert_eq!(stop.get("Acct-Terminate-Cause"), Some(cause));
        }
        let client = Client::connect(client_host, &[]);
        let attributes = ["User-Name = alice", "Acct-Interim-Interval = 1"];
        assert_answer(&send(client_host, "coa", &attributes), "CoA-ACK", "");
        radius.accounted("Interim-Update");
        client.hang_up();
        server.stop();
    });
}

#[test]
fn rates_change_at_once() {
    on_two_hosts(|server_host, client_host| {
        let (_radius, server) = start(server_host, DYNAMIC);
        let client = Client::connect(client_host, &[]);
        // More than the smallest bucket holds, at a rate that gives back nothing meanwhile.
        let answered = || ping(client_host, INNER_SERVER, 40, &["-s", "1000", "-W", "1"]);
        assert_eq!(answered(), 40);
        let attributes = ["User-Name = alice", "Mikrotik-Rate-Limit = \"8/10M\""];
        assert_answer(&send(client_host, "coa", &attributes), "CoA-ACK", "");
        let few = answered();
        assert!((1..30).contains(&few), "{few} of 40");
        let attributes = ["User-Name = alice", "Mikrotik-Rate-Limit = \"0/0\""];
        assert_answer(&send(client_host, "coa", &attributes), "CoA-ACK", "");
        assert_eq!(answered(), 40);
        client.hang_up();
        server.stop();
    });
}

#[test]
fn a_session_gets_into_another_group() {
    on_two_hosts(|server_host, client_host| {
        let sections = format!("{DYNAMIC}[firewall]\nuser_sets = true\n");
        let (radius, server) = start(server_host, &sections);
        let client = Client::connect(client_host, &[]);
        let address = client.address.to_string();
        for group in ["staff", "guests"] {
            let attribute = format!("Filter-Id = {group}");
            let answer = send(client_host, "coa", &["User-Name = alice", &attribute]);
            assert_answer(&answer, "CoA-ACK", "");
            let set = format!("group_{group}");
            let list = ["list", "set", "inet", "adit_adit0", &set];
            // The set may not be there yet.
            until(server_host, "nft", &["list", "ruleset"], |rules| {
                rules.contains(&set)
            });
            until(server_host, "nft", &list, |set| set.contains(&address));
        }
        let before = ["list", "set", "inet", "adit_adit0", "group_staff"];
        until(server_host, "nft", &before, |set| !set.contains(&address));
        radius.accounted("Interim-Update");
        client.hang_up();
        server.stop();
    });
}
