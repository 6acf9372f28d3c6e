use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use super::*;
use crate::postgresql::cluster::Cluster;

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

fn keeper(cluster: &Cluster, node: &str) -> LeaseKeeper {
    let mut keeper = LeaseKeeper::new(settings(cluster, node)).unwrap();
    keeper.start().unwrap();
    keeper
}

fn ip(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

fn range(first: &str, last: &str) -> [RangeInclusive<Ipv4Addr>; 1] {
    [ip(first)..=ip(last)]
}

fn any<'a>(
    session: &'a str,
    user: &'a str,
    ranges: &'a [RangeInclusive<Ipv4Addr>],
    reserved: &'a [Ipv4Addr],
) -> Wish<'a> {
    Wish {
        session,
        user,
        place: Place::Any {
            ranges,
            reserved,
            sticky: true,
        },
    }
}

fn fixed<'a>(session: &'a str, user: &'a str, address: &str) -> Wish<'a> {
    Wish {
        session,
        user,
        place: Place::Fixed(ip(address)),
    }
}

fn held(session: &str, user: &str, address: Ipv4Addr) -> Held {
    Held {
        session: session.to_owned(),
        user: user.to_owned(),
        address,
    }
}

fn leased(taken: Taken) -> Ipv4Addr {
    match taken {
        Taken::Leased(address) => address,
        other => panic!("{other:?}"),
    }
}

/// As if nobody had renewed anything for longer than leases last.
fn expire_all(cluster: &Cluster) {
    let statement = "UPDATE leases SET expires = now() - interval '1 second' WHERE session <> ''";
    cluster.client().execute(statement, &[]).unwrap();
}

/// As if the database had run for long. Its start cannot be changed, but what is asked of it can.
fn forget_start(keeper: &mut LeaseKeeper) {
    keeper.seconds = 0.0;
}

#[test]
fn addresses_are_taken_given_back_and_had_again() {
    let cluster = Cluster::start();
    let (mut one, mut two) = (keeper(&cluster, "one"), keeper(&cluster, "two"));
    let pool = range("10.0.0.2", "10.0.0.5");
    let reserved = [ip("10.0.0.4")];
    cluster
        .client()
        .execute(
            "INSERT INTO users (name, nt_hash, address) VALUES ('fixed', decode(repeat('00', 16), 'hex'), '10.0.0.2')",
            &[],
        )
        .unwrap();

    let alice = leased(one.take(&any("s1", "alice", &pool, &reserved)).unwrap());
    let bob = leased(two.take(&any("s1", "bob", &pool, &reserved)).unwrap());
    assert_eq!((alice, bob), (ip("10.0.0.3"), ip("10.0.0.5")));
    let full = two.take(&any("s2", "carol", &pool, &reserved)).unwrap();
    assert_eq!(full, Taken::Exhausted);

    // Neither another session's nor another server's address can be given back.
    one.release("s2", alice).unwrap();
    two.release("s1", alice).unwrap();
    assert_eq!(
        two.take(&any("s2", "carol", &pool, &reserved)).unwrap(),
        Taken::Exhausted
    );

    // Bob comes back at the other server and has his last address, though the other is free for longer.
    one.release("s1", alice).unwrap();
    two.release("s1", bob).unwrap();
    let again = one.take(&any("s3", "bob", &pool, &reserved)).unwrap();
    assert_eq!(leased(again), bob);
    let other = Wish {
        place: Place::Any {
            ranges: &pool,
            reserved: &[],
            sticky: false,
        },
        ..any("s4", "bob", &pool, &[])
    };
    assert_eq!(leased(two.take(&other).unwrap()), ip("10.0.0.4"));

    assert_eq!(
        leased(two.take(&fixed("s5", "fixed", "10.0.0.2")).unwrap()),
        ip("10.0.0.2")
    );
    let refused = one.take(&fixed("s6", "fixed", "10.0.0.2")).unwrap();
    let expected = Taken::InUse {
        node: "two".to_owned(),
        session: "s5".to_owned(),
        user: "fixed".to_owned(),
    };
    assert_eq!(refused, expected);
    // A fixed address need not be in a pool.
    assert_eq!(
        leased(one.take(&fixed("s7", "far", "192.0.2.7")).unwrap()),
        ip("192.0.2.7")
    );
}

#[test]
fn what_is_not_renewed_comes_free_and_what_is_lost_is_told() {
    let cluster = Cluster::start();
    let (mut one, mut two) = (keeper(&cluster, "one"), keeper(&cluster, "two"));
    let pool = range("10.0.0.2", "10.0.0.3");
    let alice = leased(one.take(&any("s1", "alice", &pool, &[])).unwrap());
    let bob = leased(one.take(&any("s2", "bob", &pool, &[])).unwrap());
    let all = [held("s1", "alice", alice), held("s2", "bob", bob)];
    assert_eq!(one.renew(&all).unwrap(), []);

    // The database has only just started: leases that have expired are kept for those who had them.
    expire_all(&cluster);
    let kept = two.take(&any("s1", "carol", &pool, &[])).unwrap();
    assert_eq!(kept, Taken::Exhausted);
    assert_eq!(one.renew(&all).unwrap(), []);

    expire_all(&cluster);
    forget_start(&mut two);
    let carol = leased(two.take(&any("s1", "carol", &pool, &[])).unwrap());
    let lost: Vec<_> = all
        .iter()
        .filter(|it| it.address == carol)
        .cloned()
        .collect();
    two.seconds = 60.0;
    assert_eq!(two.renew(&[held("s1", "carol", carol)]).unwrap(), []);
    assert_eq!(one.renew(&all).unwrap(), lost);
    // What is lost stays lost, and what was taken back is held.
    assert_eq!(one.renew(&all).unwrap(), lost);
    let full = two.take(&any("s2", "dave", &pool, &[])).unwrap();
    assert_eq!(full, Taken::Exhausted);
}

#[test]
fn a_server_gives_back_what_its_predecessor_had() {
    let cluster = Cluster::start();
    let mut one = keeper(&cluster, "one");
    let mut two = keeper(&cluster, "two");
    let pool = range("10.0.0.2", "10.0.0.3");
    leased(one.take(&any("s1", "alice", &pool, &[])).unwrap());
    leased(two.take(&any("s1", "bob", &pool, &[])).unwrap());
    drop(one);
    let mut successor = LeaseKeeper::new(settings(&cluster, "one")).unwrap();
    assert_eq!(successor.start().unwrap(), 1);
    leased(successor.take(&any("t1", "carol", &pool, &[])).unwrap());
    let full = successor.take(&any("t2", "dave", &pool, &[])).unwrap();
    assert_eq!(full, Taken::Exhausted);
}

#[test]
fn two_servers_cannot_have_one_name() {
    let cluster = Cluster::start();
    let _one = keeper(&cluster, "one");
    let mut other = LeaseKeeper::new(settings(&cluster, "one")).unwrap();
    let told = other.start().unwrap_err().to_string();
    assert!(told.contains("has the name `one`"), "{told}");
}

#[test]
fn a_pool_may_be_large_and_not_too_large() {
    let cluster = Cluster::start();
    let mut one = keeper(&cluster, "one");
    let large = range("10.0.0.0", "10.0.255.255");
    leased(one.take(&any("s1", "alice", &large, &[])).unwrap());
    let told = one
        .take(&any("s2", "bob", &range("10.0.0.0", "10.255.255.255"), &[]))
        .unwrap_err()
        .to_string();
    assert!(told.contains("16777216 addresses"), "{told}");
}

/// What sessions of all servers have at the moment, as these believe.
#[derive(Default)]
struct Ledger(Mutex<HashMap<Ipv4Addr, String>>);

impl Ledger {
    fn has(&self, address: Ipv4Addr, session: &str) {
        let before = self.0.lock().unwrap().insert(address, session.to_owned());
        assert_eq!(before, None, "{address} has two sessions");
    }

    /// Before the database can know: afterwards another one may have it.
    fn has_no_more(&self, address: Ipv4Addr) {
        self.0.lock().unwrap().remove(&address);
    }
}

/// One server: sessions come and go. Now and then it is killed: what it had is only free when its
/// successor starts. Gives how many sessions had an address.
fn hammer(cluster: &Cluster, node: &str, ledger: &Ledger) -> usize {
    let pool = range("10.0.0.1", "10.0.0.40");
    let mut keeper = keeper(cluster, node);
    let mut mine: VecDeque<Held> = VecDeque::new();
    let mut taken = 0;
    for number in 0..300 {
        let session = format!("{node}-{number}");
        let user = format!("user{}", number % 50);
        match keeper.take(&any(&session, &user, &pool, &[])).unwrap() {
            Taken::Leased(address) => {
                ledger.has(address, &session);
                mine.push_back(held(&session, &user, address));
                taken += 1;
            }
            Taken::Exhausted => {}
            Taken::InUse { .. } => panic!("nobody asked for a fixed address"),
        }
        if (mine.len() > 12 || number % 3 == 0)
            && let Some(old) = mine.pop_front()
        {
            ledger.has_no_more(old.address);
            keeper.release(&old.session, old.address).unwrap();
        }
        if number % 20 == 7 {
            let held: Vec<Held> = mine.iter().cloned().collect();
            assert_eq!(keeper.renew(&held).unwrap(), []);
        }
        if number % 60 == 59 {
            for dead in mine.drain(..) {
                ledger.has_no_more(dead.address);
            }
            drop(keeper);
            keeper = super::tests::keeper(cluster, node);
        }
    }
    for last in mine {
        ledger.has_no_more(last.address);
        keeper.release(&last.session, last.address).unwrap();
    }
    taken
}

#[test]
fn no_address_is_had_twice_by_servers_that_hammer_and_are_killed() {
    let cluster = Cluster::start();
    let ledger = Ledger::default();
    let taken: Vec<usize> = std::thread::scope(|scope| {
        let (cluster, ledger) = (&cluster, &ledger);
        let servers: Vec<_> = ["a", "b", "c", "d", "e"]
            .map(|node| scope.spawn(move || hammer(cluster, node, ledger)))
            .into();
        servers
            .into_iter()
            .map(|server| server.join().unwrap())
            .collect()
    });
    assert!(taken.iter().all(|count| *count > 0), "{taken:?}");
}

#[test]
fn leases_outlive_the_database_and_connections_come_back() {
    let mut cluster = Cluster::start();
    let mut one = keeper(&cluster, "one");
    let pool = range("10.0.0.2", "10.0.0.2");
    let alice = leased(one.take(&any("s1", "alice", &pool, &[])).unwrap());
    cluster.stop();
    let told = one
        .take(&any("s2", "bob", &pool, &[]))
        .unwrap_err()
        .to_string();
    assert!(told.contains("cannot be reached"), "{told}");
    assert!(one.renew(&[held("s1", "alice", alice)]).is_err());
    cluster.restart();
    let renewed = loop {
        // Until the wait after the failed attempt is over.
        match one.renew(&[held("s1", "alice", alice)]) {
            Ok(lost) => break lost,
            Err(StoreError::Unreachable { .. }) => std::thread::yield_now(),
            Err(other) => panic!("{other}"),
        }
    };
    assert_eq!(renewed, []);
    let full = one.take(&any("s2", "bob", &pool, &[])).unwrap();
    assert_eq!(full, Taken::Exhausted);
}
