use std::net::{Ipv4Addr, SocketAddrV4};

use super::*;
use crate::aaa::facts::{Cause, Ending, SessionIds};
use crate::config::Postgresql;
use crate::control_socket::Traffic;
use crate::postgresql::cluster::Cluster;

fn recorder(cluster: &Cluster) -> SessionRecorder {
    let settings = Postgresql {
        connection: cluster.connection(),
        password_file: None,
        connections: 1,
        node: Some("one".to_owned()),
        leases: true,
        lease: Duration::from_secs(60),
    };
    let table = SessionTable::new(Arc::new(settings)).unwrap();
    SessionRecorder::start(table, Duration::from_secs(60)).unwrap()
}

fn facts(number: u32, octets: u64) -> Arc<Facts> {
    struct Zero;
    impl adit_ppp::Entropy for Zero {
        fn fill(&self, octets: &mut [u8]) {
            octets.fill(0);
        }
    }
    let place = SocketAddrV4::new(Ipv4Addr::new(198, 51, 100, 7), 1723);
    Arc::new(Facts {
        session: SessionIds::new(&Zero).name(number),
        number,
        user: "alice".to_owned(),
        group: None,
        class: Vec::new(),
        back_end: "postgresql",
        peer: place,
        local: place,
        address: Some(Ipv4Addr::new(10, 0, 0, 2)),
        server_address: Ipv4Addr::new(10, 0, 0, 1),
        prefix: None,
        interface_id: None,
        routes: Vec::new(),
        method: Some("mschap-v2".to_owned()),
        encryption: None,
        since: 1_800_000_000,
        lasted: Duration::from_secs(octets),
        received: Traffic { octets, packets: 1 },
        sent: Traffic { octets, packets: 1 },
    })
}

fn down(number: u32, octets: u64) -> Happening {
    let ending = Ending {
        cause: Cause::UserRequest,
        why: "the client ended it".to_owned(),
        ras_error: None,
    };
    Happening::Down(facts(number, octets), Arc::new(ending))
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

/// Sessions, their octets and how they ended.
fn shown(cluster: &Cluster) -> Vec<(String, i64, Option<String>)> {
    let query = "SELECT session, octets_in, cause FROM sessions ORDER BY session";
    let rows = cluster.client().query(query, &[]).unwrap();
    let values = |row: &postgres::Row| (row.get(0), row.get(1), row.get(2));
    rows.iter().map(values).collect()
}

fn name(number: u32) -> String {
    facts(number, 0).session.to_string()
}

#[test]
fn sessions_are_written_and_the_last_word_counts() {
    let cluster = Cluster::start();
    let mut recorder = recorder(&cluster);
    recorder.observe(&Happening::Up(facts(1, 0)));
    recorder.observe(&Happening::Up(facts(2, 0)));
    recorder.observe(&Happening::Goes(facts(2, 70)));
    recorder.observe(&down(1, 90));
    recorder.finish(soon());
    let expected = [
        (name(1), 90, Some("the client ended it".to_owned())),
        (name(2), 70, None),
    ];
    assert_eq!(shown(&cluster), expected);
}

#[test]
fn what_happens_while_the_database_is_away_is_written_later() {
    let mut cluster = Cluster::start();
    let mut recorder = recorder(&cluster);
    recorder.observe(&Happening::Up(facts(1, 0)));
    cluster.stop();
    recorder.observe(&Happening::Up(facts(2, 0)));
    recorder.observe(&down(1, 90));
    cluster.restart();
    recorder.observe(&down(2, 40));
    recorder.finish(soon());
    let ended = || Some("the client ended it".to_owned());
    assert_eq!(
        shown(&cluster),
        [(name(1), 90, ended()), (name(2), 40, ended())]
    );
}

#[test]
fn a_database_that_stays_away_holds_nobody_up() {
    let mut cluster = Cluster::start();
    cluster.stop();
    let mut recorder = recorder(&cluster);
    recorder.observe(&down(1, 90));
    recorder.finish(Instant::now());
    // What the thread does from now on is its own matter; the rest is bounded.
    for number in 0..MAX_WAITING as u32 + 10 {
        recorder.observe(&Happening::Up(facts(number, 0)));
    }
    let state = recorder.shared.lock();
    assert!(
        state.waiting.len() <= MAX_WAITING,
        "{}",
        state.waiting.len()
    );
    assert!(state.dropped >= 9, "{}", state.dropped);
}

#[test]
fn what_a_predecessor_left_open_is_closed_before_anything_is_written() {
    let cluster = Cluster::start();
    let mut first = recorder(&cluster);
    first.observe(&Happening::Up(facts(1, 5)));
    first.finish(soon());
    drop(first);
    let mut second = recorder(&cluster);
    second.observe(&Happening::Up(facts(2, 0)));
    second.finish(soon());
    let expected = [
        (
            name(1),
            5,
            Some("the server was not stopped in order".to_owned()),
        ),
        (name(2), 0, None),
    ];
    assert_eq!(shown(&cluster), expected);
}
