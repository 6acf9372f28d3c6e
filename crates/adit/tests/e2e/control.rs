//! A server that is asked and steered while it runs.

use std::process::Output;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::adit::{Client, INNER_CLIENT, INNER_SERVER, PASSWORD, Server, adit, dial, refused};
use crate::lab::{CLIENT, SERVER, in_lab, on_two_hosts};
use crate::program::Program;
use crate::traffic::ping;
use crate::wire::{Conditions, Filter, Wire};

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn json(server: &Server, words: &[&str]) -> Value {
    let output = server.ask(&[words, &["--json"]].concat());
    serde_json::from_str(&text(&output)).unwrap()
}

/// What `adit session show` says of the session that ended last.
fn diagnosis(server: &Server, whose: &str) -> (String, String) {
    server.program.logged("session ended");
    let shown = json(server, &["session", "show", whose]);
    let last = &shown["ended"][0]["diagnosis"];
    let field = |name: &str| last[name].as_str().unwrap_or_default().to_owned();
    (field("code"), field("cause"))
}

#[test]
fn a_session_is_shown_in_full_and_ended_with_a_reason() {
    on_two_hosts(|server_host, client_host| {
        let policy = "[policy]\nsession_seconds = 3600\nrate_down = \"10M\"\n";
        let server = Server::start(server_host, policy);
        let client = Client::connect(client_host, &[]);
        assert_eq!(ping(client_host, INNER_SERVER, 3, &[]), 3);
        let id = server.session().id.to_string();
        for whose in [&*id, "alice", INNER_CLIENT, CLIENT] {
            let shown = text(&server.ask(&["session", "show", whose]));
            for part in [
                "alice",
                INNER_CLIENT,
                CLIENT,
                "mschap-v2",
                "128-bit stateless",
                "session limit",
                "time left",
                "10.0M",
                "received packets",
            ] {
                assert!(shown.contains(part), "no {part} in:\n{shown}");
            }
        }
        let words = [
            "disconnect",
            "--address",
            INNER_CLIENT,
            "--reason",
            "maintenance",
        ];
        let output = server.ask(&words);
        assert_eq!(text(&output), "disconnected 1 session\n");
        assert_eq!(client.program.ended().code, Some(9));
        server
            .program
            .logged_all(&["session ended", "an operator ended it: maintenance"]);
        let shown = text(&server.ask(&["session", "show", "alice"]));
        assert!(
            shown.contains("why: an operator ended it: maintenance"),
            "{shown}"
        );
        let nobody = server.ask(&["session", "show", "mallory"]);
        assert_eq!(nobody.status.code(), Some(1));
    });
}

#[test]
fn sessions_are_chosen_and_ended_together() {
    on_two_hosts(|server_host, client_host| {
        let server = Server::start(server_host, "");
        let alice = Client::connect(client_host, &[]);
        let bob = Client::connected(dial(client_host, "bob", "builder", &[]));
        let listed = |words: &[&str]| {
            let sessions = json(&server, &[&["sessions"], words].concat());
            let users = sessions.as_array().unwrap().iter();
            let users = users.map(|it| it["user"].as_str().unwrap().to_owned());
            users.collect::<Vec<_>>()
        };
        assert_eq!(listed(&["--sort", "user", "--reverse"]), ["bob", "alice"]);
        assert_eq!(listed(&["--user", "bob"]), ["bob"]);
        assert_eq!(listed(&["--address", INNER_CLIENT]), ["alice"]);
        assert_eq!(listed(&["--limit", "1"]), ["alice"]);
        assert_eq!(listed(&["--peer", SERVER]), [""; 0]);

        let pools = json(&server, &["pool"]);
        assert_eq!(pools[0]["name"], "default");
        assert_eq!(pools[0]["leased"], 2);
        let unsure = server.ask(&["disconnect", "--all"]);
        assert_eq!(unsure.status.code(), Some(2), "{unsure:?}");
        let ended = server.ask(&["disconnect", "--all", "--yes"]);
        assert_eq!(text(&ended), "disconnected 2 sessions\n");
        for client in [alice, bob] {
            assert_eq!(client.program.ended().code, Some(9));
        }
        let stats = json(&server, &["stats"]);
        assert_eq!(stats["sessions"]["begun"], 2);
        assert_eq!(stats["sessions"]["came_up"], 2);
        assert_eq!(stats["logins"]["accepted"], 2);
        assert_eq!(stats["connections"]["accepted"], 2);
    });
}

#[test]
fn a_refused_login_is_explained() {
    on_two_hosts(|server_host, client_host| {
        for (name, password, code, part) in [
            (
                "alice",
                "wrong",
                "wrong-password",
                "password of `alice` is wrong",
            ),
            ("mallory", "x", "unknown-user", "no user `mallory`"),
            ("OFFICE\\mallory", "x", "domain-in-name", "sends a domain"),
        ] {
            let server = Server::start(server_host, "");
            refused(client_host, name, password, &[]);
            let (found, cause) = diagnosis(&server, name);
            assert_eq!(found, code);
            assert!(cause.contains(part), "{cause}");
            let stats = json(&server, &["stats"]);
            assert_eq!(stats["sessions"]["ended"][code], 1, "{stats}");
        }
    });
}

#[test]
fn an_empty_pool_is_explained() {
    on_two_hosts(|server_host, client_host| {
        let small = "[network]\npool = \"10.77.0.0/30\"\n";
        let server = Server::start(server_host, small);
        let _first = Client::connect(client_host, &[]);
        refused(client_host, "bob", "builder", &[]);
        let (code, cause) = diagnosis(&server, "bob");
        assert_eq!(code, "no-address", "{cause}");
        let pools = json(&server, &["pool"]);
        assert_eq!(pools[0]["leased"], pools[0]["size"]);
        assert_eq!(pools[0]["exhausted"], 1);
    });
}

#[test]
fn encryption_that_is_not_agreed_on_is_explained() {
    on_two_hosts(|server_host, client_host| {
        let server = Server::start(server_host, "");
        refused(client_host, "alice", PASSWORD, &["--encryption", "off"]);
        let (code, cause) = diagnosis(&server, "alice");
        assert_eq!(code, "encryption-refused", "{cause}");
    });
}

#[test]
fn a_firewall_without_gre_is_explained() {
    in_lab(|lab| {
        let (server_host, client_host) = (lab.host("server").unwrap(), lab.host("client").unwrap());
        let wire = Wire::between((&server_host, SERVER), (&client_host, CLIENT));
        let server = Server::start(&server_host, "");
        wire.set(Conditions::only(Filter::NoGre));
        let client = dial(&client_host, "alice", PASSWORD, &[]);
        // While it lasts, and when it has ended.
        let live = loop {
            // It may not have begun yet.
            let output = server.ask(&["session", "show", CLIENT, "--json"]);
            let shown: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
            let code = shown["sessions"][0]["diagnosis"]["code"].clone();
            if code != Value::Null {
                break code;
            }
        };
        assert_eq!(live, "gre-filtered");
        assert_eq!(client.ended().code, Some(5));
        let (code, _) = diagnosis(&server, CLIENT);
        assert_eq!(code, "gre-filtered");
    });
}

/// A running `adit trace`.
fn trace(server: &Server, words: &[&str]) -> Program {
    let mut command = adit(&server.host);
    command
        .arg("trace")
        .args(words)
        .args(server.control_socket());
    let trace = Program::start(&mut command);
    trace.logged("tracing");
    trace
}

#[test]
fn a_trace_shows_a_session_from_its_first_message_to_its_last() {
    on_two_hosts(|server_host, client_host| {
        let server = Server::start(
            server_host,
            "[authentication]\nmethods = [\"pap\", \"mschap-v2\"]\n[encryption]\npolicy = \"optional\"\n",
        );
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("trace.pcapng");
        let path = file.to_str().unwrap();
        let trace = trace(&server, &["--peer", CLIENT, "--pcapng", path]);
        let client = Client::connect(client_host, &["--auth", "pap", "--encryption", "optional"]);
        assert_eq!(ping(client_host, INNER_SERVER, 2, &[]), 2);
        client.hang_up();
        trace.said("the end: closed by the peer");
        trace.signal(Signal::SIGINT);
        let ended = trace.ended();
        assert_eq!(ended.code, Some(0), "{}", ended.log);
        for part in [
            "< PPTP Start-Control-Connection-Request",
            "> PPTP Outgoing-Call-Reply",
            "< LCP Configure-Request",
            "PAP Authenticate-Request",
            "user=\"alice\"",
            "> IPCP Configure-Ack",
            "ICMP",
            "Terminate-Request",
        ] {
            assert!(
                ended.output.contains(part),
                "no {part} in:\n{}",
                ended.output
            );
        }
        let octets = std::fs::read(&file).unwrap();
        let password = PASSWORD.as_bytes();
        assert!(!octets.windows(password.len()).any(|it| it == password));
        let inspected = adit(server_host).args(["inspect", path]).output().unwrap();
        let told = text(&inspected);
        assert!(told.contains("LCP Configure-Request"), "{told}");
        let dumped = server_host
            .command("tcpdump")
            .args(["-n", "-r", path])
            .output()
            .unwrap();
        let told = text(&dumped);
        assert!(told.contains("LCP, Conf-Request"), "{told}");
        let echo = format!("{INNER_CLIENT} > {INNER_SERVER}: ICMP echo request");
        assert!(told.contains(&echo), "{told}");
    });
}

#[test]
fn a_user_is_traced_from_the_login_on_and_a_session_until_its_end() {
    on_two_hosts(|server_host, client_host| {
        let server = Server::start(server_host, "");
        let of_user = trace(&server, &["alice", "--no-packets"]);
        let of_other = trace(&server, &["bob"]);
        let client = Client::connect(client_host, &[]);
        of_user.said("CHAP Success");
        of_user.said("IPCP Configure-Ack");
        let id = server.session().id.to_string();
        let of_session = trace(&server, &["--session", &id, "--json"]);
        assert_eq!(ping(client_host, INNER_SERVER, 1, &[]), 1);
        of_session.said("\"frame\"");
        client.hang_up();
        // It ends by itself.
        let ended = of_session.ended();
        assert_eq!(ended.code, Some(0), "{}", ended.log);
        for line in ended.output.lines() {
            let _: Value = serde_json::from_str(line).unwrap();
        }
        of_user.said("the end");
        for trace in [of_user, of_other] {
            trace.signal(Signal::SIGTERM);
            let ended = trace.ended();
            assert_eq!(ended.code, Some(0), "{}", ended.log);
            assert!(!ended.output.contains("ICMP"), "{}", ended.output);
        }
        server.program.logged("a trace ends");
        let nobody = server.ask(&["trace", "--session", "4711"]);
        assert_eq!(nobody.status.code(), Some(1), "{nobody:?}");
    });
}

#[test]
fn the_end_of_the_server_is_the_end_of_a_trace() {
    on_two_hosts(|server_host, _| {
        let server = Server::start(server_host, "");
        let trace = trace(&server, &["alice"]);
        server.stop();
        let ended = trace.ended();
        assert_eq!(ended.code, Some(1), "{}", ended.log);
        assert!(
            ended.log.contains("the server has ended the trace"),
            "{}",
            ended.log
        );
    });
}

#[test]
fn the_log_says_more_and_less_while_the_server_runs() {
    on_two_hosts(|server_host, client_host| {
        let server = Server::start(server_host, "");
        let wrong = server.ask(&["log-level", "loud"]);
        assert_eq!(wrong.status.code(), Some(1));
        let told = String::from_utf8(wrong.stderr).unwrap();
        assert!(told.contains("no log level"), "{told}");
        Client::connect(client_host, &[]).hang_up();
        server.program.logged("session ended");
        assert!(!server.program.log().contains("LCP Configure-Request"));
        let said = text(&server.ask(&["log-level", "info,adit_engine=debug"]));
        assert!(said.contains("adit_engine=debug"), "{said}");
        Client::connect(client_host, &[]).hang_up();
        server.program.logged("LCP Configure-Request");
    });
}

#[test]
fn a_configuration_is_read_again_while_a_session_goes_on() {
    on_two_hosts(|server_host, client_host| {
        let server = Server::start(server_host, "");
        let client = Client::connect(client_host, &[]);
        let unchanged = text(&server.ask(&["reload"]));
        assert_eq!(unchanged, "nothing has changed\n");
        server.rewrite("[limits]\nhalf_open = 7\n[workers]\ncount = 2\n");
        let reloaded = json(&server, &["reload"]);
        assert_eq!(reloaded["changed"][0], "limits.half_open", "{reloaded}");
        let restart = reloaded["needs_restart"][0].as_str().unwrap_or_default();
        assert!(restart.starts_with("workers"), "{reloaded}");
        server.rewrite("[limits]\nhalf_open = \"many\"\n");
        let refused = server.ask(&["reload"]);
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        assert_eq!(ping(client_host, INNER_SERVER, 1, &[]), 1);
        client.hang_up();
    });
}

#[test]
fn all_sessions_are_seen_at_a_glance() {
    on_two_hosts(|server_host, client_host| {
        let server = Server::start(server_host, "");
        let _alice = Client::connect(client_host, &[]);
        let _bob = Client::connected(dial(client_host, "bob", "builder", &[]));
        let picture = text(&server.ask(&["top", "--once", "--width", "140"]));
        assert!(picture.contains("sessions 2, 2 logged in"), "{picture}");
        for part in ["alice", "bob", INNER_CLIENT, CLIENT, "128-bit stateless"] {
            assert!(picture.contains(part), "no {part} in:\n{picture}");
        }
        let chosen = text(&server.ask(&["top", "--once", "--filter", "bob"]));
        assert!(
            chosen.contains("bob") && !chosen.contains("alice"),
            "{chosen}"
        );
        let nowhere = server.ask(&["top"]);
        assert_eq!(nowhere.status.code(), Some(2), "{nowhere:?}");
    });
}
