use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use adit_ppp::auth::Refusal;
use serde_json::Value;

use super::*;
use crate::aaa::Refusing;

const PEER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 7), 40_000);

fn refused(user: &str) -> Happening {
    Happening::LoginRefused(Arc::new(Refusing {
        peer: PEER,
        user: user.to_owned(),
        method: "mschap-v2".to_owned(),
        back_end: Some("database"),
        refusal: Refusal::WrongPassword,
        why: "the user name or the password is wrong".to_owned(),
    }))
}

fn configured(path: &Path) -> Config {
    let mut config = Config::default();
    config.events.file = Some(path.to_owned());
    config
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn each_event_is_one_line_whatever_a_name_holds() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("events");
    let mut log = Events::new(Some(&path)).unwrap();
    log.observe(&Happening::Connected { peer: PEER });
    log.observe(&refused("a\nb\"}\u{1b}[2J"));
    log.finish(soon());
    let lines = lines(&path);
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["event"], "connection");
    assert_eq!(lines[0]["peer"], "192.0.2.7:40000");
    assert_eq!(lines[1]["event"], "authentication");
    assert_eq!(lines[1]["result"], "refused");
    assert_eq!(lines[1]["unavailable"], false);
    assert_eq!(lines[1]["user"], "a\nb\"}\u{1b}[2J");
    assert!(lines[1]["time"].as_str().unwrap().ends_with('Z'));
    let raw = std::fs::read_to_string(&path).unwrap();
    assert!(!raw.contains('\u{1b}'), "{raw}");
}

#[test]
fn a_file_that_was_moved_away_is_begun_anew() {
    let directory = tempfile::tempdir().unwrap();
    let (path, old) = (
        directory.path().join("events"),
        directory.path().join("old"),
    );
    let mut log = Events::new(Some(&path)).unwrap();
    log.observe(&refused("one"));
    log.finish(soon());
    std::fs::rename(&path, &old).unwrap();
    log.reconfigure(&configured(&path));
    log.observe(&refused("two"));
    log.finish(soon());
    assert_eq!(lines(&old).len(), 1);
    assert_eq!(lines(&path)[0]["user"], "two");
    log.reconfigure(&Config::default());
    log.observe(&refused("three"));
    log.finish(soon());
    assert_eq!(lines(&path).len(), 1);
}

#[test]
fn a_full_disk_loses_events_and_nothing_else() {
    let path = Path::new("/dev/full");
    let mut log = Events::new(Some(path)).unwrap();
    for _ in 0..100 {
        log.observe(&refused("x"));
        log.finish(soon());
    }
}
