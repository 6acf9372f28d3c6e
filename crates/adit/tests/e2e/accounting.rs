//! What a RADIUS server is told about sessions, and how each way that they end is named.

use adit_net::namespace::Host;
use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::adit::{Client, INNER_SERVER, Server, dial};
use crate::freeradius::{FreeRadius, Request, Setup};
use crate::lab::{CLIENT, SERVER, in_lab, on_two_hosts};
use crate::traffic::ping;
use crate::wire::{Conditions, Filter, Wire};

/// Users of the server itself: accounting is the same for those that RADIUS has let in.
const USERS: &str = "alice * wonderland *\nbob * builder 10.77.0.9\n";

/// Sections of a server that tells `servers` about its sessions.
pub(crate) fn sections(directory: &TempDir, servers: &[&Setup], more: &str) -> String {
    let secrets = directory.path().join("secrets");
    std::fs::write(&secrets, USERS).unwrap();
    let spool = directory.path().join("spool");
    let servers: String = servers.iter().map(|it| it.accounting_section()).collect();
    format!(
        "[users]\nsecrets = {secrets:?}\n[radius]\nnas_identifier = \"vpn1\"\nnas_ip_address = \"{SERVER}\"\n\
         timeout_ms = 300\ntries = 2\ndead_seconds = 1\nspool = {spool:?}\n{more}{servers}"
    )
}

/// A FreeRADIUS on the server's host, and a server that tells it about its sessions.
fn both(host: &Host, keys: &str, more: &str) -> (FreeRadius, Server) {
    let radius = FreeRadius::start(host, Setup::default());
    let directory = tempfile::tempdir().unwrap();
    let sections = sections(&directory, &[&Setup::default()], keys) + more;
    let server = Server::in_directory(host, directory, &sections, &[]);
    (radius, server)
}

fn number(record: &Request, name: &str) -> u64 {
    let value = record.get(name);
    let value = value.unwrap_or_else(|| panic!("no {name} in {record:?}"));
    value.parse().unwrap()
}

#[test]
fn a_session_is_told_from_its_start_to_its_stop() {
    on_two_hosts(|server_host, client_host| {
        let (radius, server) = both(server_host, "interim_seconds = 1\n", "");
        let on = radius.accounted("Accounting-On");
        assert_eq!(on.get("NAS-Identifier"), Some("vpn1"));
        assert_eq!(on.get("NAS-IP-Address"), Some(SERVER));

        let client = Client::connect(client_host, &[]);
        let start = radius.accounted("Start");
        let session = server.session();
        for (name, expected) in [
            ("User-Name", "alice"),
            ("Framed-IP-Address", &client.address.to_string()),
            ("NAS-Port", &session.id.to_string()),
            ("NAS-Port-Type", "Virtual"),
            ("Service-Type", "Framed-User"),
            ("Framed-Protocol", "PPP"),
            ("Calling-Station-Id", CLIENT),
            ("Called-Station-Id", SERVER),
            ("Tunnel-Client-Endpoint:0", CLIENT),
            ("Tunnel-Server-Endpoint:0", SERVER),
            ("Tunnel-Type:0", "PPTP"),
            ("Acct-Authentic", "Local"),
            ("NAS-Identifier", "vpn1"),
            ("Acct-Delay-Time", "0"),
        ] {
            assert_eq!(start.get(name), Some(expected), "{name} of {start:?}");
        }
        assert!(start.get("Event-Timestamp").is_some(), "{start:?}");
        assert_eq!(start.get("Acct-Session-Time"), None);

        ping(client_host, INNER_SERVER, 5, &[]);
        let name = start.get("Acct-Session-Id").map(str::to_owned);
        // The first one comes up to a tenth early.
        let interim = radius.received(|it| {
            it.get("Acct-Status-Type") == Some("Interim-Update")
                && it.octets("Input") >= 5 * 84
                && it.get("Acct-Session-Time") != Some("0")
        });
        assert_eq!(interim.get("Acct-Session-Id"), name.as_deref());
        assert_eq!(interim.get("Acct-Terminate-Cause"), None);

        client.hang_up();
        let stop = radius.accounted("Stop");
        assert_eq!(stop.get("Acct-Session-Id"), name.as_deref());
        assert_eq!(stop.get("Acct-Terminate-Cause"), Some("User-Request"));
        assert_eq!(
            stop.get("Framed-IP-Address"),
            start.get("Framed-IP-Address")
        );
        assert!(stop.octets("Input") >= 5 * 84, "{stop:?}");
        assert!(stop.octets("Output") >= 5 * 84, "{stop:?}");
        assert!(number(&stop, "Acct-Input-Packets") >= 5, "{stop:?}");
        assert!(number(&stop, "Acct-Session-Time") >= 1, "{stop:?}");

        server.stop();
        let off = radius.accounted("Accounting-Off");
        assert_eq!(off.get("Acct-Session-Id"), on.get("Acct-Session-Id"));
        let of: Vec<_> = radius.accounting();
        let ends = [of.first(), of.last()].map(|it| it.unwrap().get("Acct-Status-Type").unwrap());
        assert_eq!(ends, ["Accounting-On", "Accounting-Off"]);
    });
}

/// What ends a session, from outside of it.
type Ending = fn(&Host, &Server, Client);

#[test]
fn each_way_to_end_a_session_has_its_cause() {
    on_two_hosts(|server_host, client_host| {
        let by_operator: Ending = |_, server, client| {
            assert!(server.ask(&["disconnect", "alice"]).status.success());
            client.program.ended();
        };
        let by_kill: Ending = |_, _, client| {
            client.program.signal(Signal::SIGKILL);
            client.program.ended();
        };
        // The client only waits.
        let by_itself: Ending = |_, _, client| {
            client.program.ended();
        };
        let by_traffic: Ending = |client_host, _, client| {
            ping(client_host, INNER_SERVER, 10, &["-s", "1000"]);
            client.program.ended();
        };
        let by_user: Ending = |_, _, client| {
            client.hang_up();
        };
        let cases: [(&str, Ending, &str); 6] = [
            ("", by_user, "User-Request"),
            ("", by_kill, "Lost-Carrier"),
            ("", by_operator, "Admin-Reset"),
            (
                "[policy]\nsession_seconds = 1\n",
                by_itself,
                "Session-Timeout",
            ),
            ("[policy]\nidle_seconds = 1\n", by_itself, "Idle-Timeout"),
            ("[policy]\nvolume = \"1k\"\n", by_traffic, "NAS-Request"),
        ];
        for (policy, end, expected) in cases {
            // Whoever looks at the counters often sees a small volume soon.
            let (radius, server) = both(server_host, "interim_seconds = 1\n", policy);
            let client = Client::connect(client_host, &[]);
            end(client_host, &server, client);
            let stop = radius.accounted("Stop");
            assert_eq!(stop.get("Acct-Terminate-Cause"), Some(expected), "{stop:?}");
            server.stop();
        }
    });
}

#[test]
fn a_cut_cable_is_a_lost_carrier() {
    in_lab(|lab| {
        let (server_host, client_host) = (lab.host("server").unwrap(), lab.host("client").unwrap());
        let wire = Wire::between((&server_host, SERVER), (&client_host, CLIENT));
        let keep_alive = "[ppp]\nlcp_echo_interval_seconds = 1\nlcp_echo_failures = 2\n";
        let (radius, _server) = both(&server_host, "", keep_alive);
        let _client = Client::connect(&client_host, &[]);
        radius.accounted("Start");
        wire.set(Conditions::only(Filter::Nothing));
        let stop = radius.accounted("Stop");
        assert_eq!(stop.get("Acct-Terminate-Cause"), Some("Lost-Carrier"));
    });
}

#[test]
fn the_end_of_the_server_and_a_newer_session_are_causes() {
    on_two_hosts(|server_host, client_host| {
        let (radius, server) = both(server_host, "", "");
        let bob = |interface| dial(client_host, "bob", "builder", &["--interface", interface]);
        let first = Client::connected(bob("first"));
        let second = Client::connected(bob("second"));
        let stop = radius.accounted("Stop");
        assert_eq!(stop.get("Acct-Terminate-Cause"), Some("Port-Preempted"));
        assert_eq!(stop.get("Framed-IP-Address"), Some("10.77.0.9"));
        first.program.ended();

        server.stop();
        second.program.ended();
        let stop = radius.received(|it| it.get("Acct-Terminate-Cause") == Some("Admin-Reboot"));
        assert_eq!(stop.get("User-Name"), Some("bob"));
        radius.accounted("Accounting-Off");
    });
}
