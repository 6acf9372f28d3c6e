//! What a server does on its host for the sessions, and what is left of it.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use adit_net::namespace::{Host, Lab};
use nix::sys::signal::Signal;

use crate::adit::{Client, INNER_CLIENT, PASSWORD, Server, adit, configuration, dial, refused};
use crate::lab::{CLIENT, SERVER, Snapshot, in_lab, network, on_two_hosts, two_hosts};
use crate::program::PATIENCE;
use crate::traffic::ping;

/// What a program says on a host; it must not fail.
fn told(host: &Host, program: &str, words: &[&str]) -> String {
    let output = host.command(program).args(words).output().unwrap();
    assert!(output.status.success(), "{program} {words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Waits until a program says what is wanted.
pub(crate) fn until(
    host: &Host,
    program: &str,
    words: &[&str],
    wanted: impl Fn(&str) -> bool,
) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let said = told(host, program, words);
        if wanted(&said) {
            return said;
        }
        assert!(Instant::now() < deadline, "{program} {words:?}: {said}");
        std::thread::yield_now();
    }
}

/// Has nftables take rules.
fn nft(host: &Host, rules: &str) {
    let mut command = host.command("nft");
    let mut child = command
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(rules.as_bytes())
        .unwrap();
    assert!(child.wait().unwrap().success(), "{rules}");
}

fn ruleset(host: &Host) -> String {
    told(host, "nft", &["list", "ruleset"])
}

fn forwards(host: &Host) -> String {
    told(host, "cat", &["/proc/sys/net/ipv4/ip_forward"])
        .trim()
        .to_owned()
}

/// Adds alice, who is of the group "field-staff", to a database.
fn alice_of_a_group(host: &Host, database: &Path) -> String {
    let run = |words: &[&str]| {
        let mut command = adit(host);
        command.args(words).arg("--database").arg(database);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        // Who asks for no password has ended before it could be written.
        let _ = writeln!(child.stdin.take().unwrap(), "{PASSWORD}");
        assert!(child.wait().unwrap().success(), "{words:?}");
    };
    run(&["group", "add", "field-staff"]);
    run(&[
        "user",
        "add",
        "alice",
        "--password-stdin",
        "--group",
        "field-staff",
    ]);
    format!("[users]\ndatabase = {database:?}\n")
}

#[test]
fn sets_of_the_firewall_follow_the_sessions() {
    on_two_hosts(|server_host, client_host| {
        let directory = tempfile::tempdir().unwrap();
        let users = alice_of_a_group(server_host, &directory.path().join("users.db"));
        let sections = format!("{users}[firewall]\nuser_sets = true\nrefused_set = true\n");
        let config = tempfile::tempdir().unwrap();
        let server = Server::in_directory(server_host, config, &sections, &[]);
        let group = ["list", "set", "inet", "adit_adit0", "group_field-staff"];
        let refused_set = ["list", "set", "inet", "adit_adit0", "refused"];
        assert!(!told(server_host, "nft", &refused_set).contains(CLIENT));

        let ended = refused(client_host, "alice", "wrong", &[]);
        assert_eq!(ended.code, Some(6), "{}", ended.log);
        until(server_host, "nft", &refused_set, |set| {
            set.contains(&format!("{CLIENT} timeout 10m"))
        });

        let client = Client::connect(client_host, &[]);
        server.program.logged("session up");
        until(server_host, "nft", &["list", "ruleset"], |rules| {
            rules.contains(INNER_CLIENT)
        });
        assert!(told(server_host, "nft", &group).contains(INNER_CLIENT));
        // Whoever loads the host's rules anew takes the sets away; the next change, or a reload, brings them back.
        nft(server_host, "flush ruleset\n");
        server.program.signal(Signal::SIGHUP);
        until(server_host, "nft", &["list", "ruleset"], |rules| {
            rules.contains(INNER_CLIENT)
        });
        assert!(told(server_host, "nft", &group).contains(INNER_CLIENT));

        client.hang_up();
        until(server_host, "nft", &group, |set| {
            !set.contains(INNER_CLIENT)
        });
        let client = Client::connect(client_host, &[]);
        until(server_host, "nft", &group, |set| set.contains(INNER_CLIENT));
        nft(server_host, "flush ruleset\n");
        client.hang_up();
        let again = Client::connect(client_host, &[]);
        until(server_host, "nft", &["list", "ruleset"], |rules| {
            rules.contains(INNER_CLIENT)
        });
        again.hang_up();
        server.stop();
        assert_eq!(ruleset(server_host), "");
    });
}

#[test]
fn rules_of_the_operator_in_the_server_s_table_are_left_alone() {
    on_two_hosts(|server_host, client_host| {
        let rules = "table inet adit_adit0 {
            set group_field-staff { type ipv4_addr; }
            chain input {
                type filter hook input priority 0; policy accept;
                ip saddr @group_field-staff icmp type echo-request drop
            }
        }\n";
        nft(server_host, rules);
        let before = ruleset(server_host);
        let directory = tempfile::tempdir().unwrap();
        let users = alice_of_a_group(server_host, &directory.path().join("users.db"));
        let sections = format!("{users}[firewall]\nuser_sets = true\nrefused_set = true\n");
        let config = tempfile::tempdir().unwrap();
        let server = Server::in_directory(server_host, config, &sections, &[]);
        let client = Client::connect(client_host, &[]);
        let group = ["list", "set", "inet", "adit_adit0", "group_field-staff"];
        until(server_host, "nft", &group, |set| set.contains(INNER_CLIENT));
        assert_eq!(
            ping(client_host, crate::adit::INNER_SERVER, 1, &["-W", "1"]),
            0
        );
        client.hang_up();
        server.stop();
        assert_eq!(ruleset(server_host), before);
    });
}

/// A host with an interface towards others of its network, `10.1.0.0/24`, in which the clients' pool is.
fn with_local_network(lab: &mut Lab) -> (Host, Host, Host) {
    let (server_host, client_host, _) = two_hosts(lab);
    let inside = lab.host("inside").unwrap();
    let ends = (
        (&server_host, network("10.1.0.1", 24)),
        (&inside, network("10.1.0.2", 24)),
    );
    lab.connect(ends.0, ends.1).unwrap();
    (server_host, client_host, inside)
}

const PROXIED: &str = "[network]\npool = \"10.1.0.192/27\"\nproxy_arp = true\nforward = true\n";

#[test]
fn hosts_of_the_local_network_reach_clients_that_arp_is_answered_for() {
    in_lab(|lab| {
        let (server_host, client_host, inside) = with_local_network(lab);
        let proxies = ["neigh", "show", "proxy"];
        let before = Snapshot::of(&server_host);
        let server = Server::start(&server_host, PROXIED);
        let client = Client::connect(&client_host, &["--route", "10.1.0.0/24"]);
        let address = client.address.to_string();
        until(&server_host, "ip", &proxies, |said| said.contains(&address));
        assert_eq!(ping(&inside, &address, 3, &[]), 3);
        assert_eq!(ping(&client_host, "10.1.0.2", 3, &[]), 3);
        client.hang_up();
        until(&server_host, "ip", &proxies, |said| {
            !said.contains(&address)
        });
        let client = Client::connect(&client_host, &[]);
        until(&server_host, "ip", &proxies, |said| {
            said.contains("10.1.0.")
        });
        server.stop();
        client.program.ended();
        assert_eq!(told(&server_host, "ip", &proxies), "");
        assert_eq!(Snapshot::of(&server_host), before);
    });
}

#[test]
fn a_pool_in_a_local_network_takes_proxy_arp() {
    in_lab(|lab| {
        let (server_host, ..) = with_local_network(lab);
        let directory = tempfile::tempdir().unwrap();
        let serve = |network: &str| {
            let secrets = directory.path().join("secrets");
            fs::write(&secrets, "").unwrap();
            let sections = format!("[users]\nsecrets = {secrets:?}\n[network]\n{network}\n");
            let config = configuration(directory.path(), &sections);
            let mut command = adit(&server_host);
            let output = command
                .args(["serve", "--config"])
                .arg(config)
                .output()
                .unwrap();
            assert_eq!(output.status.code(), Some(1));
            String::from_utf8(output.stderr).unwrap()
        };
        let log = serve("pool = \"10.1.0.192/27\"");
        assert!(
            log.contains("overlaps") && log.contains("proxy_arp = true"),
            "{log}"
        );
        // The host itself must not be in it.
        let log = serve("pool = \"10.1.0.0/27\"\nproxy_arp = true");
        assert!(
            log.contains("overlaps") && log.contains("10.1.0.1"),
            "{log}"
        );
    });
}

/// What `adit config check` says on a host.
fn check(host: &Host, sections: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let config = configuration(directory.path(), sections);
    let mut command = adit(host);
    let output = command
        .args(["config", "check"])
        .arg(config)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_clients_cannot_reach_is_told_with_the_way_to_change_it() {
    in_lab(|lab| {
        let (server_host, ..) = with_local_network(lab);
        let off = "note: this host does not forward IPv4 packets, so clients reach it and nothing behind it; run \
                   `sysctl -w net.ipv4.ip_forward=1`, or set forward = true in the section [network]\n";
        let off_v6 = "run `sysctl -w net.ipv6.conf.all.forwarding=1`";
        let no_way_back = format!(
            "note: hosts behind this one answer clients only if they know the way to 10.77.0.0/24; run `ip route \
             add 10.77.0.0/24 via {SERVER}` on their router, or set masquerade = true in the section [network]\n"
        );
        let arp = "note: 10.1.0.192/27 is a part of the network 10.1.0.0/24 of this host";

        let said = check(&server_host, "");
        assert!(said.contains(off) && !said.contains(off_v6), "{said}");
        assert!(!said.contains(&no_way_back), "{said}");
        let said = check(&server_host, "[network]\nipv6_prefix = \"fd00:1::/48\"\n");
        assert!(said.contains(off) && said.contains(off_v6), "{said}");
        let said = check(&server_host, "[network]\nforward = true\n");
        assert!(!said.contains(off) && said.contains(&no_way_back), "{said}");
        let said = check(
            &server_host,
            "[network]\nforward = true\nmasquerade = true\n",
        );
        assert!(!said.contains("note: "), "{said}");
        let said = check(&server_host, "[network]\npool = \"10.1.0.192/27\"\n");
        assert!(
            said.contains(arp) && said.contains("proxy_arp = true"),
            "{said}"
        );
        assert!(!check(&server_host, PROXIED).contains("note: "));

        // The command that it names is the one that helps.
        server_host.set_sysctl("net.ipv4.ip_forward", "1").unwrap();
        let said = check(&server_host, "");
        assert!(!said.contains(off) && said.contains(&no_way_back), "{said}");
        let server = Server::start(&server_host, "");
        server
            .program
            .logged_all(&["10.77.0.0/24", "masquerade = true"]);
        server.stop();
        let said = check(
            &server_host,
            "listen = [\"eth9:1723\"]\n[hooks]\nip_up = \"/nonexistent\"\n",
        );
        assert!(
            said.contains("this host has no interface eth9 now"),
            "{said}"
        );
        assert!(
            said.contains("note: hooks.ip_up: /nonexistent cannot be run"),
            "{said}"
        );
    });
}

#[test]
fn a_server_listens_on_the_interfaces_that_it_is_given() {
    in_lab(|lab| {
        let server_host = lab.host("server").unwrap();
        let (near, far) = (lab.host("near").unwrap(), lab.host("far").unwrap());
        let outside = lab.connect(
            (&server_host, network(SERVER, 24)),
            (&near, network(CLIENT, 24)),
        );
        lab.connect(
            (&server_host, network("198.51.100.1", 24)),
            (&far, network("198.51.100.2", 24)),
        )
        .unwrap();
        let route = adit_net::netlink::Route::through(
            network(SERVER, 32),
            far.netlink().link_by_name("server").unwrap().index,
            "198.51.100.1".parse().unwrap(),
        );
        far.netlink().add_route(&route).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let secrets = directory.path().join("secrets");
        fs::write(&secrets, crate::adit::USERS).unwrap();
        let place = format!("{}:1723", outside.unwrap().left.name);
        let sections = format!("listen = [{place:?}]\n[users]\nsecrets = {secrets:?}\n");
        let server = Server::in_directory(&server_host, directory, &sections, &[]);
        Client::connect(&near, &[]).hang_up();
        // It reaches the same address through another interface.
        let ended = refused(&far, "alice", PASSWORD, &[]);
        assert_eq!(ended.code, Some(4), "{}", ended.log);
        assert_eq!(server.status().listen[0].to_string(), place);
        server.stop();
    });
}

#[test]
fn addresses_that_are_denied_are_turned_away() {
    on_two_hosts(|server_host, client_host| {
        let lists = "[limits]\ndeny = [\"192.0.2.0/24\"]\n";
        let server = Server::start(server_host, lists);
        let ended = refused(client_host, "alice", PASSWORD, &[]);
        assert_ne!(ended.code, Some(0), "{}", ended.log);
        server.program.logged_all(&[
            "connection refused: limits.allow and limits.deny do not admit its address",
            CLIENT,
        ]);
        server.reload(&format!(
            "{lists}allow = [\"0.0.0.0/0\", \"{CLIENT}/32\"]\n"
        ));
        server
            .program
            .logged("configuration reloaded, changed: limits.allow");
        Client::connect(client_host, &[]).hang_up();
        let (ended, _) = server.stop();
        assert!(
            ended
                .log
                .contains("connections refused since the start: 1 denied"),
            "{}",
            ended.log
        );
    });
}

#[test]
fn a_successor_puts_back_what_a_killed_server_has_changed() {
    in_lab(|lab| {
        let (server_host, client_host, _) = with_local_network(lab);
        let directory = tempfile::tempdir().unwrap();
        let users = alice_of_a_group(&server_host, &directory.path().join("users.db"));
        let all = format!(
            "{users}{PROXIED}masquerade = true\n[firewall]\nuser_sets = true\nrefused_set = true\n"
        );
        let config = tempfile::tempdir().unwrap();
        let server = Server::in_directory(&server_host, config, &all, &[]);
        let client = dial(&client_host, "alice", PASSWORD, &[]);
        client.said("connected");
        let proxies = ["neigh", "show", "proxy"];
        until(&server_host, "ip", &proxies, |said| {
            said.contains("10.1.0.")
        });
        until(&server_host, "nft", &["list", "ruleset"], |rules| {
            rules.contains("group_field-staff") && rules.contains("masquerade")
        });
        assert_eq!(forwards(&server_host), "1");
        let config = server.kill();
        client.ended();
        assert_ne!(ruleset(&server_host), "");
        assert_ne!(told(&server_host, "ip", &proxies), "");
        assert_eq!(forwards(&server_host), "1");

        // Its successor wants none of it.
        let server = Server::in_directory(&server_host, config, &users, &[]);
        server
            .program
            .logged("undoing what a server that was killed has changed");
        assert_eq!(ruleset(&server_host), "");
        assert_eq!(told(&server_host, "ip", &proxies), "");
        assert_eq!(forwards(&server_host), "0");
        let (_, config) = server.stop();

        // One that wants the same leaves nothing either.
        let server = Server::in_directory(&server_host, config, &all, &[]);
        let config = server.kill();
        let server = Server::in_directory(&server_host, config, &all, &[]);
        assert_eq!(forwards(&server_host), "1");
        let (ended, config) = server.stop();
        assert!(!ended.log.contains("left behind"), "{}", ended.log);
        assert_eq!(ruleset(&server_host), "");
        assert_eq!(forwards(&server_host), "0");
        let left: Vec<_> = fs::read_dir(config.path())
            .unwrap()
            .map(|it| it.unwrap().file_name())
            .collect();
        assert_eq!(left.len(), 2, "{left:?}");
    });
}

#[test]
fn a_set_can_have_the_name_of_any_group() {
    on_two_hosts(|host, _| {
        // As a RADIUS server can name groups: a space, a brace, an umlaut, a slash.
        let name = "group_a/20b/7d/c3/a4/2f.x-1_";
        nft(
            host,
            &format!(
                "add table inet t\nadd set inet t {name} {{ type ipv4_addr; }}\nadd element inet t {name} {{ 10.0.0.1 }}\n"
            ),
        );
        let listed = told(host, "nft", &["list", "set", "inet", "t", name]);
        assert!(listed.contains("10.0.0.1"), "{listed}");
    });
}
