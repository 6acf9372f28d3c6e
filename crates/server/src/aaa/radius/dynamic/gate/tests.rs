use adit_radius::attribute::{AttributeList, USER_NAME};
use adit_radius::packet::{self, Contents};
use proptest::prelude::*;

use super::*;

const UNIX_TIME: u64 = 1_800_000_000;
const WINDOW: Duration = Duration::from_secs(300);

fn secret(text: &str) -> SharedSecret {
    SharedSecret::new(text).unwrap()
}

fn gate(without_timestamp: bool) -> Gate {
    let client = |network: &str, text| Client {
        network: network.parse().unwrap(),
        secret: secret(text),
    };
    Gate::new(Rules {
        clients: vec![
            client("192.0.2.0/24", "of all"),
            client("192.0.2.1/32", "of one"),
            client("2001:db8::/32", "of six"),
        ],
        window: WINDOW,
        without_timestamp,
    })
}

fn request(code: Code, identifier: u8, stamp: Option<u64>, by: &str) -> Vec<u8> {
    let mut attributes = AttributeList::new();
    attributes.text(USER_NAME, "alice").unwrap();
    if let Some(stamp) = stamp {
        attributes.u32(EVENT_TIMESTAMP, stamp as u32).unwrap();
    }
    let contents = Contents {
        attributes,
        ..Contents::default()
    };
    let now = Instant::now();
    let request = packet::request(code, identifier, [0; 16], &contents, &secret(by), now);
    request.unwrap().0
}

fn from(address: &str) -> SocketAddr {
    SocketAddr::new(address.parse().unwrap(), 1700)
}

#[test]
fn the_longest_prefix_has_the_secret_and_strangers_have_none() {
    let now = Instant::now();
    let cases = [
        ("192.0.2.9", "of all", None),
        ("192.0.2.1", "of one", None),
        ("2001:db8::1", "of six", None),
        (
            "192.0.2.1",
            "of all",
            Some(Dropped::Forged(Forged::Authenticator)),
        ),
        ("198.51.100.1", "of all", Some(Dropped::Stranger)),
        ("2001:db9::1", "of six", Some(Dropped::Stranger)),
    ];
    for (address, by, dropped) in cases {
        let request = request(Code::DisconnectRequest, 1, Some(UNIX_TIME), by);
        let admitted = gate(false)
            .admit(now, UNIX_TIME, from(address), &request)
            .map(|_| ());
        assert_eq!(admitted.err(), dropped, "{address} {by}");
    }
}

#[test]
fn only_requests_for_sessions_are_taken() {
    let now = Instant::now();
    for (code, dropped) in [
        (Code::DisconnectRequest, None),
        (Code::CoaRequest, None),
        (
            Code::AccessRequest,
            Some(Dropped::Code(Code::AccessRequest)),
        ),
        (
            Code::DisconnectAck,
            Some(Dropped::Code(Code::DisconnectAck)),
        ),
    ] {
        let request = request(code, 1, None, "of all");
        let admitted = gate(true)
            .admit(now, UNIX_TIME, from("192.0.2.9"), &request)
            .map(|_| ());
        assert_eq!(admitted.err(), dropped);
    }
    let cut = &request(Code::CoaRequest, 1, None, "of all")[..19];
    let admitted = gate(true).admit(now, UNIX_TIME, from("192.0.2.9"), cut);
    assert!(matches!(admitted, Err(Dropped::Malformed(_))));
}

#[test]
fn requests_are_of_now() {
    let now = Instant::now();
    for (stamp, without, dropped) in [
        (Some(UNIX_TIME - 300), false, None),
        (Some(UNIX_TIME + 300), false, None),
        (Some(UNIX_TIME - 301), true, Some(Dropped::Stale(301))),
        (Some(UNIX_TIME + 301), true, Some(Dropped::Stale(301))),
        (None, true, None),
        (None, false, Some(Dropped::NoTimestamp)),
    ] {
        let request = request(Code::CoaRequest, 1, stamp, "of all");
        let mut gate = gate(without);
        let admitted = gate
            .admit(now, UNIX_TIME, from("192.0.2.9"), &request)
            .map(|_| ());
        assert_eq!(admitted.err(), dropped, "{stamp:?}");
    }
}

#[test]
fn the_same_request_is_done_once_and_answered_as_often_as_it_comes() {
    let now = Instant::now();
    let mut gate = gate(true);
    let request = request(Code::CoaRequest, 1, Some(UNIX_TIME), "of all");
    let address = from("192.0.2.9");
    let (identity, first) = gate.admit(now, UNIX_TIME, address, &request).unwrap();
    assert!(matches!(first, Admission::New(..)));
    let (_, second) = gate.admit(now, UNIX_TIME, address, &request).unwrap();
    assert!(matches!(second, Admission::Pending));
    gate.answered(&identity, b"answer");
    let (_, third) = gate.admit(now, UNIX_TIME, address, &request).unwrap();
    assert!(matches!(third, Admission::Again(answer) if answer == b"answer"));
    // Another port is another client's request.
    let mut other = address;
    other.set_port(1701);
    let (_, fourth) = gate.admit(now, UNIX_TIME, other, &request).unwrap();
    assert!(matches!(fourth, Admission::New(..)));

    // When it is forgotten, it is too old.
    let later = now + WINDOW * 2 + Duration::from_secs(1);
    let unix_time = UNIX_TIME + 601;
    let repeated = gate.admit(later, unix_time, address, &request).map(|_| ());
    assert_eq!(repeated, Err(Dropped::Stale(601)));
    assert!(gate.remembered.is_empty() && gate.order.is_empty());
}

#[test]
fn a_stamp_ahead_of_the_clock_cannot_be_used_twice() {
    let now = Instant::now();
    let mut gate = gate(false);
    let ahead = UNIX_TIME + 300;
    let request = request(Code::DisconnectRequest, 1, Some(ahead), "of all");
    let address = from("192.0.2.9");
    gate.admit(now, UNIX_TIME, address, &request).unwrap();
    for seconds in [1, 299, 301, 599, 600] {
        let at = now + Duration::from_secs(seconds);
        let admitted = gate.admit(at, UNIX_TIME + seconds, address, &request);
        assert!(matches!(admitted, Ok((_, Admission::Pending))), "{seconds}");
    }
    let at = now + Duration::from_secs(601);
    let admitted = gate
        .admit(at, UNIX_TIME + 601, address, &request)
        .map(|_| ());
    assert_eq!(admitted, Err(Dropped::Stale(301)));
}

proptest! {
    #[test]
    fn no_datagram_panics(octets in prop::collection::vec(any::<u8>(), 0..100)) {
        let _ = gate(true).admit(Instant::now(), UNIX_TIME, from("192.0.2.9"), &octets);
    }

    /// Whatever is changed in a request, it is let in by nobody.
    #[test]
    fn what_was_changed_on_the_way_is_dropped(at in any::<prop::sample::Index>(), flip in 1..=255u8) {
        let mut request = request(Code::CoaRequest, 1, Some(UNIX_TIME), "of all");
        let at = at.index(request.len());
        request[at] ^= flip;
        let mut gate = gate(true);
        let admitted = gate.admit(Instant::now(), UNIX_TIME, from("192.0.2.9"), &request);
        prop_assert!(admitted.is_err());
    }
}
