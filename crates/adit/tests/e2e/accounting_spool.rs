//! Records that no server has acknowledged: they are kept, in order, over restarts and crashes.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{SystemTime, UNIX_EPOCH};

use adit_net::namespace::Host;
use tempfile::TempDir;

use crate::accounting::sections;
use crate::adit::{Client, Server};
use crate::freeradius::{FreeRadius, Request, SECRET, Setup};
use crate::lab::on_two_hosts;
use crate::rogue_radius::{Manner, RogueRadius};

/// Where a FreeRADIUS listens that is not there yet.
const ACCOUNTING: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1813);

/// What the log says when no server answers.
const KEPT: &str = "kept on disk";

fn start(host: &Host, directory: TempDir, servers: &[&Setup]) -> Server {
    let sections = sections(&directory, servers, "");
    Server::in_directory(host, directory, &sections, &[])
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_secs()
}

/// When a record's event was, as two of its attributes say: the time itself, and how long ago it was.
fn event(record: &Request) -> (String, u64) {
    let stamp = record.get("Event-Timestamp").unwrap().to_owned();
    (
        stamp,
        record.get("Acct-Delay-Time").unwrap().parse().unwrap(),
    )
}

fn kinds(records: &[Request]) -> Vec<&str> {
    let kinds = records.iter().map(|it| it.get("Acct-Status-Type").unwrap());
    kinds.collect()
}

#[test]
fn what_no_server_took_is_delivered_after_a_restart() {
    on_two_hosts(|server_host, client_host| {
        let directory = tempfile::tempdir().unwrap();
        let server = start(server_host, directory, &[&Setup::default()]);
        server.program.logged(KEPT);
        let client = Client::connect(client_host, &[]);
        let began = now();
        client.hang_up();
        server.program.logged_all(&["session ended", "alice"]);
        let (ended, directory) = server.stop();
        assert!(
            ended
                .log
                .contains("4 accounting records are not delivered yet"),
            "{}",
            ended.log
        );

        let radius = FreeRadius::start(server_host, Setup::default());
        let server = start(server_host, directory, &[&Setup::default()]);
        server
            .program
            .logged("4 accounting records are left from before");
        let ons = |it: &Request| it.get("Acct-Status-Type") == Some("Accounting-On");
        let first = radius.received(ons);
        radius.received(|it| ons(it) && it != &first);
        let records = radius.accounting();
        assert_eq!(
            kinds(&records),
            [
                "Accounting-On",
                "Start",
                "Stop",
                "Accounting-Off",
                "Accounting-On"
            ]
        );
        let (_, delay) = event(&records[1]);
        let passed = now() - began;
        assert!(delay <= passed + 1, "{delay} seconds, {passed} have passed");
        assert!(event(&records[4]).1 <= passed, "it is of this run");
        let session = records[1].get("Acct-Session-Id");
        assert_eq!(records[2].get("Acct-Session-Id"), session);

        // They were acknowledged: the next start has nothing to deliver.
        let (ended, directory) = server.stop();
        assert!(!ended.log.contains("not delivered yet"), "{}", ended.log);
        let server = start(server_host, directory, &[&Setup::default()]);
        radius.received(|it| ons(it) && it != &first && it != &records[4]);
        let (ended, _) = server.stop();
        assert!(!ended.log.contains("left from before"), "{}", ended.log);
        assert_eq!(radius.accounting().len(), 8);
    });
}

#[test]
fn a_killed_server_has_its_records_on_disk() {
    on_two_hosts(|server_host, client_host| {
        let directory = tempfile::tempdir().unwrap();
        let server = start(server_host, directory, &[&Setup::default()]);
        let client = Client::connect(client_host, &[]);
        let name = server.session().id.to_string();
        server.program.logged(KEPT);
        let directory = server.kill();
        client.program.ended();

        let radius = FreeRadius::start(server_host, Setup::default());
        let server = start(server_host, directory, &[&Setup::default()]);
        let start = radius.accounted("Start");
        assert_eq!(start.get("NAS-Port"), Some(&*name));
        server.stop();
        let records = radius.accounting();
        assert_eq!(
            kinds(&records),
            ["Accounting-On", "Start", "Accounting-On", "Accounting-Off"]
        );
    });
}

#[test]
fn records_go_to_the_next_server_when_the_first_is_silent() {
    on_two_hosts(|server_host, client_host| {
        let silent = Setup {
            accounting_port: 1913,
            ..Setup::default()
        };
        let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, silent.accounting_port);
        let rogue = RogueRadius::start(server_host, address, SECRET, Manner::Silent);
        let radius = FreeRadius::start(server_host, Setup::default());
        let directory = tempfile::tempdir().unwrap();
        let server = start(server_host, directory, &[&silent, &Setup::default()]);
        let client = Client::connect(client_host, &[]);
        radius.accounted("Start");
        // The same octets as often as it is tried.
        let tries = rogue.received(2);
        assert_eq!(tries[0], tries[1]);
        client.hang_up();
        let stop = radius.accounted("Stop");
        assert_eq!(stop.get("Acct-Terminate-Cause"), Some("User-Request"));
        server.stop();
    });
}

#[test]
fn replies_that_prove_nothing_acknowledge_nothing() {
    on_two_hosts(|server_host, _| {
        for manner in [Manner::Forged, Manner::Garbled] {
            let rogue = RogueRadius::start(server_host, ACCOUNTING, SECRET, manner);
            let directory = tempfile::tempdir().unwrap();
            let server = start(server_host, directory, &[&Setup::default()]);
            let told = server.program.logged(KEPT);
            let why = match manner {
                Manner::Forged => "can be trusted",
                _ => "can be read",
            };
            assert!(told.contains(why), "{told}");
            drop(rogue);
            let radius = FreeRadius::start(server_host, Setup::default());
            radius.accounted("Accounting-On");
            server.program.logged("acknowledged again");
            server.stop();
        }
    });
}

#[test]
fn two_servers_do_not_share_a_directory() {
    on_two_hosts(|server_host, client_host| {
        let directory = tempfile::tempdir().unwrap();
        let shared = directory.path().join("spool");
        let first = start(server_host, directory, &[&Setup::default()]);
        let directory = tempfile::tempdir().unwrap();
        let sections = sections(&directory, &[&Setup::default()], "");
        let own = directory.path().join("spool");
        let sections = sections.replace(own.to_str().unwrap(), shared.to_str().unwrap());
        let config = crate::adit::configuration(directory.path(), &sections);
        let mut command = crate::adit::adit(client_host);
        let output = command
            .args(["serve", "--config"])
            .arg(config)
            .output()
            .unwrap();
        assert!(!output.status.success(), "{output:?}");
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(
            log.contains("another server keeps its accounting records"),
            "{log}"
        );
        first.stop();
    });
}
