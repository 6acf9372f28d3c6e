use std::time::Duration;

use super::*;
use crate::postgresql::cluster::Cluster;
use crate::postgresql::{Admission, Admissions};

fn settings(cluster: &Cluster, node: &str) -> Arc<Postgresql> {
    Arc::new(Postgresql {
        connection: cluster.connection(),
        password_file: None,
        connections: 1,
        node: Some(node.to_owned()),
        leases: true,
        lease: Duration::from_secs(60),
    })
}

fn table(cluster: &Cluster, node: &str) -> SessionTable {
    SessionTable::new(settings(cluster, node)).unwrap()
}

fn row(session: &str, user: &str) -> SessionRow {
    SessionRow {
        session: session.to_owned(),
        user: user.to_owned(),
        group: Some("staff".to_owned()),
        peer: Ipv4Addr::new(198, 51, 100, 7),
        address: Some(Ipv4Addr::new(10, 0, 0, 2)),
        prefix: Some("2001:db8:1::/64".parse().unwrap()),
        method: Some("mschap-v2".to_owned()),
        started: 1_800_000_000,
        updated: 1_800_000_000,
        octets_in: 0,
        octets_out: 0,
        packets_in: 0,
        packets_out: 0,
        cause: None,
    }
}

/// Everything that people would look for.
fn shown(cluster: &Cluster) -> Vec<String> {
    let query = "SELECT concat_ws(' ', node, session, user_name, group_name, host(peer), host(address), prefix,
        method, extract(epoch FROM started)::bigint, extract(epoch FROM updated)::bigint, octets_in, octets_out,
        packets_in, packets_out, extract(epoch FROM ended)::bigint, cause)
        FROM sessions ORDER BY node, session";
    let rows = cluster.client().query(query, &[]).unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[test]
fn a_session_is_written_from_start_to_end() {
    let cluster = Cluster::start();
    let mut table = table(&cluster, "one");
    let start = row("s1", "alice");
    table.write(&[Arc::new(start.clone())]).unwrap();
    let common = "one s1 alice staff 198.51.100.7 10.0.0.2 2001:db8:1::/64 mschap-v2 1800000000";
    assert_eq!(shown(&cluster), [format!("{common} 1800000000 0 0 0 0")]);
    let later = SessionRow {
        updated: 1_800_000_060,
        octets_in: u64::MAX,
        octets_out: 1 << 40,
        packets_in: 7,
        packets_out: 8,
        ..start
    };
    table.write(&[Arc::new(later.clone())]).unwrap();
    let counters = "9223372036854775807 1099511627776 7 8";
    assert_eq!(shown(&cluster), [format!("{common} 1800000060 {counters}")]);
    let end = SessionRow {
        updated: 1_800_000_090,
        cause: Some("the client ended it".to_owned()),
        ..later.clone()
    };
    // What comes late changes nothing of what has ended.
    table.write(&[Arc::new(end), Arc::new(later)]).unwrap();
    assert_eq!(
        shown(&cluster),
        [format!(
            "{common} 1800000090 {counters} 1800000090 the client ended it"
        )]
    );
}

#[test]
fn what_a_predecessor_left_open_is_closed() {
    let cluster = Cluster::start();
    let mut one = table(&cluster, "one");
    let mut two = table(&cluster, "two");
    for table in [&mut one, &mut two] {
        table.write(&[Arc::new(row("s1", "alice"))]).unwrap();
    }
    drop(one);
    let mut one = table(&cluster, "one");
    assert_eq!(one.close_stale().unwrap(), 1);
    assert_eq!(one.close_stale().unwrap(), 0);
    let shown = shown(&cluster);
    assert!(
        shown[0].ends_with("1800000000 the server was not stopped in order"),
        "{shown:?}"
    );
    assert!(shown[1].ends_with("0 0 0 0"), "{shown:?}");
}

#[test]
fn sessions_are_counted_over_all_servers_that_live() {
    let cluster = Cluster::start();
    let (mut one, mut two) = (table(&cluster, "one"), table(&cluster, "two"));
    let mut door = Admissions::new(settings(&cluster, "one")).unwrap();
    two.write(&[Arc::new(row("s1", "alice"))]).unwrap();
    let admit =
        |door: &mut Admissions, session, limit| door.admit("alice", session, limit).unwrap();
    assert_eq!(admit(&mut door, "s1", 1), Admission::TooMany(1));
    assert_eq!(admit(&mut door, "s1", 2), Admission::Admitted);
    // The login counts at once, and itself not against itself.
    assert_eq!(admit(&mut door, "s2", 2), Admission::TooMany(2));
    assert_eq!(admit(&mut door, "s1", 2), Admission::Admitted);
    let ended = |session| {
        Arc::new(SessionRow {
            cause: Some("over".to_owned()),
            ..row(session, "alice")
        })
    };
    one.write(&[ended("s1")]).unwrap();
    assert_eq!(admit(&mut door, "s2", 2), Admission::Admitted);
    assert_eq!(admit(&mut door, "s3", 2), Admission::TooMany(2));
    // A login that never became a session does not count for ever.
    let mut client = cluster.client();
    let old = "UPDATE sessions SET admitted = now() - interval '1 hour' WHERE started IS NULL";
    client.execute(old, &[]).unwrap();
    assert_eq!(admit(&mut door, "s3", 2), Admission::Admitted);
    // Nor do sessions of a server that is dead.
    let dead = "UPDATE nodes SET alive = now() - interval '61 seconds' WHERE name = 'two'";
    client.execute(dead, &[]).unwrap();
    assert_eq!(admit(&mut door, "s4", 2), Admission::Admitted);
    two.stay_alive().unwrap();
    assert_eq!(admit(&mut door, "s5", 2), Admission::TooMany(3));
}

#[test]
fn logins_at_once_do_not_share_the_last_place() {
    let cluster = Cluster::start();
    drop(Admissions::new(settings(&cluster, "one")).unwrap());
    let admitted = std::thread::scope(|scope| {
        let logins: Vec<_> = ["a", "b", "c", "d", "e", "f", "g", "h"]
            .map(|node| {
                let cluster = &cluster;
                scope.spawn(move || {
                    let mut door = Admissions::new(settings(cluster, node)).unwrap();
                    door.admit("alice", "s1", 3).unwrap()
                })
            })
            .into();
        let admissions = logins.into_iter().map(|login| login.join().unwrap());
        admissions.filter(|it| *it == Admission::Admitted).count()
    });
    assert_eq!(admitted, 3);
}
