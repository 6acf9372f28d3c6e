use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use adit_radius::packet::{self, Code, Contents, Datagram};
use adit_radius::{SharedSecret, authenticator};
use adit_wire::ipv6cp::InterfaceId;

use super::*;
use crate::aaa::facts::SessionIds;

/// A session as records are made of.
pub(in crate::aaa::radius) fn facts(number: u32) -> Facts {
    Facts {
        session: SessionIds::new(&adit_io::SystemEntropy).name(number),
        number,
        user: "alice".to_owned(),
        group: None,
        class: vec![vec![1, 2], vec![3]],
        back_end: "radius",
        peer: "192.0.2.2:40000".parse().unwrap(),
        local: "192.0.2.1:1723".parse().unwrap(),
        address: Some(Ipv4Addr::new(10, 77, 0, 2)),
        server_address: Ipv4Addr::new(10, 77, 0, 1),
        prefix: Some("2001:db8:0:5::/64".parse().unwrap()),
        interface_id: Some(InterfaceId([1, 2, 3, 4, 5, 6, 7, 8])),
        routes: Vec::new(),
        method: None,
        encryption: None,
        since: 1_700_000_000,
        lasted: Duration::from_millis(61_900),
        received: Traffic {
            packets: 7,
            octets: (3 << 32) + 5,
        },
        sent: Traffic {
            packets: 9,
            octets: u64::from(u32::MAX),
        },
    }
}

fn nas() -> Nas {
    Nas {
        identifier: "vpn1".to_owned(),
        address: Some(Ipv4Addr::new(192, 0, 2, 9)),
    }
}

/// Values by the numbers of their types.
fn read(list: AttributeList) -> BTreeMap<u8, Vec<Vec<u8>>> {
    let secret = SharedSecret::new("secret").unwrap();
    let contents = Contents {
        attributes: list,
        ..Contents::default()
    };
    let now = std::time::Instant::now();
    let code = Code::AccountingRequest;
    let (octets, _) = packet::request(code, 1, [0; 16], &contents, &secret, now).unwrap();
    let optional = authenticator::MessageAuthenticator::Optional;
    let datagram = Datagram::parse(&octets).unwrap();
    let packet = datagram.verify_request(&secret, optional).unwrap();
    let mut values: BTreeMap<u8, Vec<Vec<u8>>> = BTreeMap::new();
    for attribute in packet.attributes() {
        assert_eq!(attribute.kind.vendor, 0);
        let of_kind = values.entry(attribute.kind.code).or_default();
        of_kind.push(attribute.value.to_vec());
    }
    values
}

fn number(value: u32) -> Vec<Vec<u8>> {
    vec![value.to_be_bytes().to_vec()]
}

#[test]
fn a_stop_says_everything() {
    let facts = facts(77);
    let status = Status::Stop(Cause::IdleTimeout);
    let values = read(of_session(&nas(), status, &facts, 1_700_000_062).unwrap());
    let text = |text: &str| vec![text.as_bytes().to_vec()];
    let expected = BTreeMap::from([
        (40, number(2)),
        (44, text(facts.session.as_str())),
        (32, text("vpn1")),
        (4, vec![vec![192, 0, 2, 9]]),
        (55, number(1_700_000_062)),
        (1, text("alice")),
        (5, number(77)),
        (61, number(5)),
        (6, number(2)),
        (7, number(1)),
        (31, text("192.0.2.2")),
        (30, text("192.0.2.1")),
        (64, number(1)),
        (65, number(1)),
        (66, text("192.0.2.2")),
        (67, text("192.0.2.1")),
        (8, vec![vec![10, 77, 0, 2]]),
        (97, vec![vec![0, 64, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 5]]),
        (96, vec![vec![1, 2, 3, 4, 5, 6, 7, 8]]),
        (45, number(1)),
        (46, number(61)),
        (42, number(5)),
        (52, number(3)),
        (47, number(7)),
        (43, number(u32::MAX)),
        (53, number(0)),
        (48, number(9)),
        (49, number(4)),
        (25, vec![vec![1, 2], vec![3]]),
    ]);
    assert_eq!(values, expected);
}

#[test]
fn a_start_has_no_counters_and_no_cause() {
    let values = read(of_session(&nas(), Status::Start, &facts(1), 5).unwrap());
    assert_eq!(values[&40], number(1));
    for kind in [42, 43, 46, 47, 48, 49, 52, 53] {
        assert!(!values.contains_key(&kind), "{kind}");
    }
    let interim = read(of_session(&nas(), Status::Interim, &facts(1), 5).unwrap());
    assert_eq!(interim[&40], number(3));
    assert!(interim.contains_key(&46) && !interim.contains_key(&49));
}

#[test]
fn users_of_other_back_ends_are_local() {
    let mut facts = facts(1);
    facts.back_end = "database";
    let values = read(of_session(&nas(), Status::Start, &facts, 5).unwrap());
    assert_eq!(values[&45], number(2));
}

#[test]
fn the_server_itself_begins_and_ends() {
    for (status, expected) in [(Status::On, 7), (Status::Off, 8)] {
        let values = read(of_server(&nas(), status, "run", 5).unwrap());
        assert_eq!(values[&40], number(expected));
        assert_eq!(values[&44], vec![b"run".to_vec()]);
        assert_eq!(values.len(), 5);
    }
}

#[test]
fn what_has_no_room_is_left_out_or_cut() {
    let mut facts = facts(1);
    facts.user = "u".repeat(300);
    facts.class = vec![vec![0; 253]; 40];
    let values = read(of_session(&nas(), Status::Start, &facts, 5).unwrap());
    assert_eq!(values[&1][0].len(), 253);
    assert!((10..40).contains(&values[&25].len()));
}
