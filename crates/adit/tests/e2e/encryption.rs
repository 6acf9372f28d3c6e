//! Traffic under every form of MPPE, and without; what is refused.

use adit_net::namespace::{Host, Lab};

use crate::adit::{Client, INNER_CLIENT, INNER_SERVER, PASSWORD, Server, refused};
use crate::lab::{CLIENT, SERVER, in_lab, link_local, on_two_hosts};
use crate::traffic::{address, both_answer, ping, transfer_both_ways};
use crate::wire::Wire;

/// Enough for stateful keys to change many times.
const OCTETS: usize = 1_000_000;

/// Connects with this strength and mode and sends in both directions; `words` tell of the encryption.
fn traffic_with(hosts: (&Host, &Host), strength: &str, mode: &str) {
    let (server_host, client_host) = hosts;
    let sections = format!("[encryption]\nstrengths = [{strength}]\nmodes = [\"{mode}\"]\n");
    let server = Server::start(server_host, &sections);
    let client = Client::connect(client_host, &["--strength", strength, "--mode", mode]);
    let words = format!("{strength}-bit {mode}");
    assert!(
        client.line.contains(&format!("MPPE {words}")),
        "{}",
        client.line
    );
    let told = server.session().encryption;
    assert!(told.is_some_and(|told| told.contains(&words)));

    both_answer((server_host, INNER_SERVER), (client_host, INNER_CLIENT));
    let v6_server = format!(
        "{}%{}",
        link_local(server_host, "adit0").0,
        client.interface
    );
    let v6_client = format!("{}%adit0", client.ipv6.unwrap());
    both_answer((server_host, &v6_server), (client_host, &v6_client));
    let (inner_server, inner_client) = (address(INNER_SERVER), address(INNER_CLIENT));
    transfer_both_ways(
        (server_host, inner_server),
        (client_host, inner_client),
        OCTETS,
    );

    let session = server.session();
    assert!(session.received.octets > OCTETS as u64 && session.sent.octets > OCTETS as u64);
    assert_eq!(
        (session.losses.undecryptable, session.losses.invalid),
        (0, 0)
    );
    client.hang_up();
    server.stop();
}

#[test]
fn traffic_passes_with_stateless_keys_of_every_length() {
    on_two_hosts(|server, client| {
        for strength in ["128", "56", "40"] {
            traffic_with((server, client), strength, "stateless");
        }
    });
}

#[test]
fn traffic_passes_with_stateful_keys_of_every_length() {
    on_two_hosts(|server, client| {
        for strength in ["128", "56", "40"] {
            traffic_with((server, client), strength, "stateful");
        }
    });
}

/// Sends pings with this content through a tunnel and counts the packets outside that show it.
fn packets_that_show(lab: &mut Lab, content: &str, sections: &str, arguments: &[&str]) -> usize {
    let (server_host, client_host) = (lab.host("server").unwrap(), lab.host("client").unwrap());
    let wire = Wire::between((&server_host, SERVER), (&client_host, CLIENT));
    let server = Server::start(&server_host, sections);
    let client = Client::connect(&client_host, arguments);
    let pattern: String = content
        .bytes()
        .map(|octet| format!("{octet:02x}"))
        .collect();
    let options = ["-p", &pattern, "-s", "200"];
    assert_eq!(ping(&client_host, INNER_SERVER, 3, &options), 3);
    client.hang_up();
    server.stop();
    assert!(wire.gre_packets() > 6);
    wire.packets_with(content.as_bytes())
}

#[test]
fn nothing_inside_the_tunnel_can_be_read_on_the_way() {
    in_lab(|lab| assert_eq!(packets_that_show(lab, "nobody-reads-it", "", &[]), 0));
}

#[test]
fn without_encryption_everything_can_be_read_on_the_way() {
    in_lab(|lab| {
        let off = "[encryption]\npolicy = \"off\"\n";
        let shown = packets_that_show(lab, "anybody-reads-it", off, &["--encryption", "off"]);
        assert!(shown >= 6, "{shown}");
    });
}

#[test]
fn a_client_without_encryption_is_refused_where_it_is_required() {
    on_two_hosts(|server_host, client_host| {
        let server = Server::start(server_host, "");
        let ended = refused(client_host, "alice", PASSWORD, &["--encryption", "off"]);
        assert_eq!(ended.code, Some(8), "{}", ended.log);
        assert_eq!(ended.output, "");
        let told = server.program.logged_all(&["session ended", "alice"]);
        assert!(told.contains("ncrypt"), "{told}");
        assert_eq!(server.sessions(), []);
    });
}

#[test]
fn a_client_with_short_keys_is_refused_where_long_ones_are_required() {
    on_two_hosts(|server_host, client_host| {
        let server = Server::start(server_host, "");
        let ended = refused(client_host, "alice", PASSWORD, &["--strength", "40"]);
        assert_eq!(ended.code, Some(8), "{}", ended.log);
        server.program.logged_all(&["session ended", "alice"]);
        assert_eq!(server.sessions(), []);
    });
}

#[test]
fn a_client_that_requires_encryption_hangs_up_on_a_server_without() {
    on_two_hosts(|server_host, client_host| {
        let _server = Server::start(server_host, "[encryption]\npolicy = \"off\"\n");
        let ended = refused(client_host, "alice", PASSWORD, &[]);
        assert_eq!(ended.code, Some(8), "{}", ended.log);
        assert!(ended.log.contains("encryption"), "{}", ended.log);
    });
}

#[test]
fn a_client_to_which_encryption_is_optional_goes_without_and_warns() {
    on_two_hosts(|server_host, client_host| {
        let server = Server::start(server_host, "[encryption]\npolicy = \"off\"\n");
        let client = Client::connect(client_host, &["--encryption", "optional"]);
        assert!(client.line.contains("no encryption"), "{}", client.line);
        client.program.logged("nothing in the tunnel is encrypted");
        assert_eq!(server.session().encryption, None);
        both_answer((server_host, INNER_SERVER), (client_host, INNER_CLIENT));
    });
}
