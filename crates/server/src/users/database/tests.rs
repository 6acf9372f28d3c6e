use std::os::unix::fs::PermissionsExt;

use super::*;

fn database() -> (tempfile::TempDir, Database) {
    let directory = tempfile::tempdir().unwrap();
    let database = Database::open_or_create(&directory.path().join("a/b/users.db")).unwrap();
    (directory, database)
}

fn add(database: &mut Database, name: &str, address: Option<Ipv4Addr>) -> Result<(), StoreError> {
    database.add(&NewUser {
        name,
        hash: &NtHash::of_password("clientPass"),
        address,
        must_change_password: false,
    })
}

#[test]
fn files_are_for_the_owner_only() {
    let (_directory, mut database) = database();
    add(&mut database, "alice", None).unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&database.path), 0o600);
    assert_eq!(mode(&database.path.with_extension("db-wal")), 0o600);
    assert_eq!(mode(database.path.parent().unwrap()), 0o700);
    assert_eq!(database.warnings(), Vec::<String>::new());
    std::fs::set_permissions(&database.path, PermissionsExt::from_mode(0o644)).unwrap();
    assert!(database.warnings()[0].contains("mode 0644"));
    database.remove("alice").unwrap();
    assert!(database.warnings()[1].contains("has no users"));
}

#[test]
fn no_clear_password_is_written() {
    let (_directory, mut database) = database();
    add(&mut database, "alice", None).unwrap();
    let path = database.path.clone();
    drop(database);
    let bytes = std::fs::read(path).unwrap();
    let holds = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    assert!(holds(b"alice"));
    assert!(!holds(b"clientPass"));
}

#[test]
fn users_are_found_with_and_without_domain() {
    let (_directory, mut database) = database();
    add(&mut database, "alice", None).unwrap();
    add(
        &mut database,
        "CORP\\alice",
        Some(Ipv4Addr::new(10, 77, 0, 9)),
    )
    .unwrap();
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

#[test]
fn accounts_change() {
    let (_directory, mut database) = database();
    assert!(database.is_empty().unwrap());
    add(&mut database, "alice", None).unwrap();
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

#[test]
fn mistakes_are_named() {
    let (_directory, mut database) = database();
    let address = Some(Ipv4Addr::new(10, 77, 0, 9));
    add(&mut database, "alice", address).unwrap();
    assert!(matches!(
        add(&mut database, "alice", None),
        Err(StoreError::UserExists(_))
    ));
    assert!(matches!(
        add(&mut database, "bob", address),
        Err(StoreError::AddressTaken(_))
    ));
    for name in ["", "a\nb", &"x".repeat(257)] {
        assert!(matches!(
            add(&mut database, name, None),
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
    let (_directory, mut database) = database();
    let mut other = Database::open(&database.path).unwrap();
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

#[test]
fn fixed_addresses_are_read_once() {
    let (_directory, mut database) = database();
    add(&mut database, "alice", Some(Ipv4Addr::new(10, 0, 0, 7))).unwrap();
    let first = database.fixed_addresses().unwrap();
    database
        .set_password("alice", &NtHash::of_password("y"))
        .unwrap();
    assert!(Arc::ptr_eq(&first, &database.fixed_addresses().unwrap()));
}

#[test]
fn a_missing_or_later_database_is_refused() {
    let (directory, database) = database();
    let missing = Database::open(&directory.path().join("none.db")).unwrap_err();
    assert!(missing.to_string().contains("adit user add"));
    database
        .connection
        .pragma_update(None, "user_version", 99)
        .unwrap();
    assert!(matches!(
        Database::open(&database.path),
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
