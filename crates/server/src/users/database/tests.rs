use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::postgresql::cluster::Cluster;
use crate::users::{Policy, Simultaneous};

fn database() -> (tempfile::TempDir, Database) {
    let directory = tempfile::tempdir().unwrap();
    let database = Database::open_or_create(&path(&directory)).unwrap();
    (directory, database)
}

fn path(directory: &tempfile::TempDir) -> PathBuf {
    directory.path().join("a/b/users.db")
}

fn add(database: &mut Database, name: &str, address: Option<Ipv4Addr>) -> Result<(), StoreError> {
    database.add(&NewUser {
        name,
        hash: &NtHash::of_password("clientPass"),
        must_change_password: false,
        changes: &Changes {
            address,
            ..Changes::default()
        },
    })
}

#[test]
fn files_are_for_the_owner_only() {
    let (directory, mut database) = database();
    let path = path(&directory);
    add(&mut database, "alice", None).unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(&path.with_extension("db-wal")), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    assert_eq!(database.warnings(), Vec::<String>::new());
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    assert!(database.warnings()[0].contains("mode 0644"));
    database.remove("alice").unwrap();
    assert!(database.warnings()[1].contains("has no users"));
}

#[test]
fn no_clear_password_is_written() {
    let (directory, mut database) = database();
    add(&mut database, "alice", None).unwrap();
    drop(database);
    let bytes = std::fs::read(path(&directory)).unwrap();
    let holds = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    assert!(holds(b"alice"));
    assert!(!holds(b"clientPass"));
}

fn users_are_found_with_and_without_domain(database: &mut Database) {
    add(database, "alice", None).unwrap();
    add(database, "CORP\\alice", Some(Ipv4Addr::new(10, 77, 0, 9))).unwrap();
    assert_eq!(database.find("alice").unwrap().unwrap().name, "alice");
    assert_eq!(
        database.find("OTHER\\alice").unwrap().unwrap().name,
        "alice"
    );
    let exact = database.find("CORP\\alice").unwrap().unwrap();
    assert_eq!(exact.name, "CORP\\alice");
    assert_eq!(exact.addresses.fixed(), Some(Ipv4Addr::new(10, 77, 0, 9)));
    assert!(database.find("Alice").unwrap().is_none());
    assert!(database.find("alice\\").unwrap().is_none());
}

fn accounts_change(database: &mut Database) {
    assert!(database.is_empty().unwrap());
    add(database, "alice", None).unwrap();
    database.disable("alice").unwrap();
    database.expire_password("alice").unwrap();
    let user = database.find("alice").unwrap().unwrap();
    assert!(user.disabled && user.must_change_password);
    database.enable("alice").unwrap();
    database
        .set_password("alice", &NtHash::of_password("other"))
        .unwrap();
    let user = database.find("alice").unwrap().unwrap();
    assert!(!user.disabled && !user.must_change_password);
    assert_eq!(
        user.secret.nt_hash().octets(),
        NtHash::of_password("other").octets()
    );
    assert_eq!(database.list().unwrap().len(), 1);
    database.remove("alice").unwrap();
    assert!(database.is_empty().unwrap());
}

fn mistakes_are_named(database: &mut Database) {
    let address = Some(Ipv4Addr::new(10, 77, 0, 9));
    add(database, "alice", address).unwrap();
    assert!(matches!(
        add(database, "alice", None),
        Err(StoreError::UserExists(_))
    ));
    assert!(matches!(
        add(database, "bob", address),
        Err(StoreError::AddressTaken(_))
    ));
    for name in ["", "a\nb", &"x".repeat(257)] {
        assert!(matches!(
            add(database, name, None),
            Err(StoreError::BadName(_))
        ));
    }
    assert!(matches!(
        database.remove("bob"),
        Err(StoreError::NoSuchUser(_))
    ));
    assert!(matches!(
        database.disable("bob"),
        Err(StoreError::NoSuchUser(_))
    ));
    let hash = NtHash::of_password("x");
    assert!(matches!(
        database.set_password("bob", &hash),
        Err(StoreError::NoSuchUser(_))
    ));
}

#[test]
fn a_second_process_sees_changes() {
    let (directory, mut database) = database();
    let mut other = Database::open(&path(&directory)).unwrap();
    add(&mut other, "alice", None).unwrap();
    assert!(database.find("alice").unwrap().is_some());
    assert!(database.fixed_addresses().unwrap().is_empty());
    let address = Ipv4Addr::new(10, 0, 0, 7);
    add(&mut other, "bob", Some(address)).unwrap();
    let addresses = database.fixed_addresses().unwrap();
    assert_eq!(*addresses, [address]);
    other
        .set_password("alice", &NtHash::of_password("y"))
        .unwrap();
    assert_eq!(*database.fixed_addresses().unwrap(), [address]);
    database.remove("bob").unwrap();
    assert!(database.fixed_addresses().unwrap().is_empty());
}

fn fixed_addresses_are_read_once(database: &mut Database) {
    add(database, "alice", Some(Ipv4Addr::new(10, 0, 0, 7))).unwrap();
    let first = database.fixed_addresses().unwrap();
    database
        .set_password("alice", &NtHash::of_password("y"))
        .unwrap();
    assert!(Arc::ptr_eq(&first, &database.fixed_addresses().unwrap()));
}

#[test]
fn a_missing_or_later_database_is_refused() {
    let (directory, _database) = database();
    let missing = Database::open(&directory.path().join("none.db")).unwrap_err();
    assert!(missing.to_string().contains("adit user add"));
    let file = rusqlite::Connection::open(path(&directory)).unwrap();
    file.pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(
        Database::open(&path(&directory)),
        Err(StoreError::TooNew { found: 99, .. })
    ));
}

#[test]
fn a_file_of_another_kind_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("users.db");
    std::fs::write(
        &path,
        "this is no database, and it is long enough to see that",
    )
    .unwrap();
    assert!(matches!(
        Database::open(&path),
        Err(StoreError::Database { .. })
    ));
}

#[test]
fn a_database_of_the_first_version_keeps_its_users() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("users.db");
    let file = rusqlite::Connection::open(&path).unwrap();
    file.execute_batch(schema::SQLITE[0]).unwrap();
    file.pragma_update(None, "user_version", 1).unwrap();
    let hash = NtHash::of_password("clientPass");
    file.execute(
        "INSERT INTO users VALUES ('alice', ?1, '10.77.0.9', 1, 1)",
        [hash.octets()],
    )
    .unwrap();
    drop(file);
    for _ in 0..2 {
        let mut database = Database::open(&path).unwrap();
        let user = database.find("alice").unwrap().unwrap();
        assert_eq!(user.secret.nt_hash(), hash);
        assert_eq!(user.addresses.fixed(), Some(Ipv4Addr::new(10, 77, 0, 9)));
        assert!(user.disabled && user.must_change_password);
        assert_eq!((user.group, user.policy), (None, Policy::default()));
    }
}

fn everything() -> Policy {
    Policy {
        pool: Some("office".to_owned()),
        ipv6_pool: Some("office6".to_owned()),
        session_limit: Some(Duration::from_secs(3600)),
        idle_limit: Some(Duration::ZERO),
        expires: Some(1_801_353_600),
        volume: Some(i64::MAX as u64),
        rate_down: Some(10_000_000),
        rate_up: Some(512_000),
        simultaneous: Some(Simultaneous::Allow(2)),
        sources: Some(vec![
            "192.0.2.0/24".parse().unwrap(),
            "198.51.100.7/32".parse().unwrap(),
        ]),
        routes: Some(vec![
            "10.9.0.0/16".parse().unwrap(),
            "2001:db8::/32".parse().unwrap(),
        ]),
    }
}

fn users_and_groups_keep_every_value_and_the_user_s_goes_first(database: &mut Database) {
    database.add_group("staff", &everything()).unwrap();
    assert_eq!(database.group("staff").unwrap().policy, everything());
    add(database, "alice", None).unwrap();
    let changes = Changes {
        group: Some("staff".to_owned()),
        policy: Policy {
            idle_limit: Some(Duration::from_secs(60)),
            sources: Some(Vec::new()),
            ..Policy::default()
        },
        ..Changes::default()
    };
    database.change("alice", &changes).unwrap();
    let user = database.find("CORP\\alice").unwrap().unwrap();
    assert_eq!(user.group.as_deref(), Some("staff"));
    let expected = changes.policy.clone().or(everything());
    assert_eq!(user.policy, expected);
    assert_ne!(user.policy, everything());
    let account = database.account("alice").unwrap();
    assert_eq!(account.policy, changes.policy);
    assert_eq!(database.list().unwrap(), [account]);

    let unset = Changes {
        address: Some(Ipv4Addr::new(10, 77, 0, 9)),
        unset: vec![Field::Group, Field::IdleLimit, Field::Sources],
        ..Changes::default()
    };
    database.change("alice", &unset).unwrap();
    let user = database.find("alice").unwrap().unwrap();
    assert_eq!((user.group, user.policy), (None, Policy::default()));
    assert_eq!(
        *database.fixed_addresses().unwrap(),
        [Ipv4Addr::new(10, 77, 0, 9)]
    );
    database
        .change(
            "alice",
            &Changes {
                policy: everything(),
                ..Changes::default()
            },
        )
        .unwrap();
    assert_eq!(database.account("alice").unwrap().policy, everything());
}

fn groups_are_added_changed_and_removed(database: &mut Database) {
    database.add_group("staff", &Policy::default()).unwrap();
    database.add_group("guests", &everything()).unwrap();
    let pool = Policy {
        pool: Some("other".to_owned()),
        ..Policy::default()
    };
    database
        .change_group("guests", &pool, &[Field::Volume, Field::Group])
        .unwrap();
    let expected = Policy {
        volume: None,
        ..pool.clone().or(everything())
    };
    assert_eq!(database.group("guests").unwrap().policy, expected);
    database
        .add(&NewUser {
            name: "alice",
            hash: &NtHash::of_password("x"),
            must_change_password: false,
            changes: &Changes {
                group: Some("staff".to_owned()),
                ..Changes::default()
            },
        })
        .unwrap();
    let told = database.remove_group("staff").unwrap_err().to_string();
    assert!(told.contains("`staff` has users (1)"), "{told}");
    let names = |groups: Vec<Group>| {
        groups
            .into_iter()
            .map(|it| (it.name, it.members))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names(database.groups().unwrap()),
        [("guests".to_owned(), 0), ("staff".to_owned(), 1)]
    );
    database.remove_group("guests").unwrap();
    assert!(matches!(
        database.remove_group("guests"),
        Err(StoreError::NoSuchGroup(_))
    ));
    assert!(matches!(
        database.change_group("guests", &pool, &[]),
        Err(StoreError::NoSuchGroup(_))
    ));
    assert!(matches!(
        database.add_group("staff", &pool),
        Err(StoreError::GroupExists(_))
    ));
    for name in ["", "a b", "ä", "a\nb", &"x".repeat(65)] {
        assert!(matches!(
            database.add_group(name, &pool),
            Err(StoreError::BadGroupName(_))
        ));
    }
}

fn a_user_s_group_must_exist(database: &mut Database) {
    add(database, "alice", None).unwrap();
    let nowhere = Changes {
        group: Some("nowhere".to_owned()),
        ..Changes::default()
    };
    let refused = database.change("alice", &nowhere).unwrap_err();
    assert!(matches!(refused, StoreError::NoSuchGroup(name) if name == "nowhere"));
    assert!(matches!(
        database.change("bob", &Changes::default()),
        Err(StoreError::NoSuchUser(_))
    ));
}

#[test]
fn values_that_another_program_wrote_badly_are_told() {
    let (directory, mut database) = database();
    add(&mut database, "alice", None).unwrap();
    let file = rusqlite::Connection::open(path(&directory)).unwrap();
    for column in ["sources", "routes", "simultaneous", "address"] {
        let set = format!("UPDATE users SET {column} = 'nonsense'");
        file.execute(&set, []).unwrap();
        let told = database.find("alice").unwrap_err().to_string();
        assert!(
            told.contains(column) && told.contains("nonsense") && told.contains("`alice`"),
            "{told}"
        );
        file.execute(&format!("UPDATE users SET {column} = NULL"), [])
            .unwrap();
    }
    assert!(database.find("alice").unwrap().is_some());
}

/// What holds on every kind of database.
const EVERYWHERE: [fn(&mut Database); 7] = [
    users_are_found_with_and_without_domain,
    accounts_change,
    mistakes_are_named,
    fixed_addresses_are_read_once,
    users_and_groups_keep_every_value_and_the_user_s_goes_first,
    groups_are_added_changed_and_removed,
    a_user_s_group_must_exist,
];

#[test]
fn an_sqlite_file_is_a_database() {
    for check in EVERYWHERE {
        let (_directory, mut database) = database();
        check(&mut database);
    }
}

fn settings(cluster: &Cluster) -> Arc<Postgresql> {
    Arc::new(Postgresql {
        connection: cluster.connection(),
        password_file: None,
        connections: 1,
        node: None,
        leases: false,
        lease: Duration::from_secs(60),
    })
}

#[test]
fn postgresql_is_a_database() {
    let cluster = Cluster::start();
    for check in EVERYWHERE {
        check(&mut Database::shared(settings(&cluster)));
        let forget = "TRUNCATE users, groups";
        cluster.client().batch_execute(forget).unwrap();
    }
}

#[test]
fn servers_may_make_the_tables_at_once() {
    let cluster = Cluster::start();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut database = Database::shared(settings(&cluster));
                assert!(database.is_empty().unwrap());
            });
        }
    });
}

#[test]
fn another_server_s_changes_of_addresses_are_seen() {
    let cluster = Cluster::start();
    let mut one = Database::shared(settings(&cluster));
    let mut two = Database::shared(settings(&cluster));
    let address = Ipv4Addr::new(10, 0, 0, 7);
    assert!(one.fixed_addresses().unwrap().is_empty());
    add(&mut two, "alice", Some(address)).unwrap();
    let list = one.fixed_addresses().unwrap();
    assert_eq!(*list, [address]);
    two.set_password("alice", &NtHash::of_password("y"))
        .unwrap();
    assert!(Arc::ptr_eq(&list, &one.fixed_addresses().unwrap()));
    cluster.client().batch_execute("TRUNCATE users").unwrap();
    assert!(one.fixed_addresses().unwrap().is_empty());
}

#[test]
fn a_later_schema_is_refused() {
    let cluster = Cluster::start();
    assert!(Database::shared(settings(&cluster)).is_empty().unwrap());
    let later = "UPDATE adit_schema SET version = 99";
    cluster.client().batch_execute(later).unwrap();
    let told = Database::shared(settings(&cluster)).is_empty().unwrap_err();
    assert!(
        matches!(told, StoreError::TooNew { found: 99, .. }),
        "{told}"
    );
}

#[test]
fn a_database_that_does_not_answer_or_admit_is_told() {
    let mut cluster = Cluster::start();
    let mut database = Database::shared(settings(&cluster));
    add(&mut database, "alice", None).unwrap();
    // Another one holds what is asked for, for longer than anybody waits.
    let mut other = cluster.client();
    let mut blocked = other.transaction().unwrap();
    blocked.batch_execute("LOCK TABLE users").unwrap();
    let told = database.find("alice").unwrap_err();
    assert!(matches!(told, StoreError::Unreachable { .. }), "{told}");
    blocked.rollback().unwrap();
    assert!(database.find("alice").unwrap().is_some());

    cluster.stop();
    let told = database.find("alice").unwrap_err().to_string();
    assert!(told.contains("the database adit at /"), "{told}");
    assert!(told.contains("cannot be reached: "), "{told}");
    cluster.restart();
    let user = loop {
        // Until the wait after the failed attempt is over.
        match database.find("alice") {
            Ok(user) => break user,
            Err(StoreError::Unreachable { .. }) => std::thread::yield_now(),
            Err(other) => panic!("{other}"),
        }
    };
    assert!(user.is_some());
    // A database that was restarted since the last question costs nobody a login.
    cluster.stop();
    cluster.restart();
    assert!(database.find("alice").unwrap().is_some());

    let nobody = Postgresql {
        connection: cluster.connection().replace("user=adit", "user=nobody"),
        ..(*settings(&cluster)).clone()
    };
    let told = Database::shared(Arc::new(nobody)).is_empty().unwrap_err();
    assert!(
        told.to_string().contains("role \"nobody\" does not exist"),
        "{told}"
    );
}
