use std::time::{Duration, Instant};

use adit_radius::SharedSecret;
use adit_radius::attribute::{ACCT_INTERIM_INTERVAL, FILTER_ID, IDLE_TIMEOUT, SESSION_TIMEOUT};
use adit_radius::authenticator::MessageAuthenticator;
use adit_radius::packet::{self, Contents, Datagram};

use super::*;

fn identity() -> Identity {
    Identity {
        nas: Nas {
            identifier: "vpn1".to_owned(),
            address: None,
        },
        addresses: vec![Ipv4Addr::new(192, 0, 2, 9)],
        addresses_v6: Vec::new(),
    }
}

/// Has a request with these attributes and hands it to `body`.
fn with_request<T>(
    code: Code,
    attributes: &[(Type, &[u8])],
    body: impl FnOnce(&Packet<'_>) -> T,
) -> T {
    let secret = SharedSecret::new("secret").unwrap();
    let mut contents = Contents::default();
    for (kind, value) in attributes {
        contents.attributes.octets(*kind, value).unwrap();
    }
    let now = Instant::now();
    let (octets, _) = packet::request(code, 1, [0; 16], &contents, &secret, now).unwrap();
    let datagram = Datagram::parse(&octets).unwrap();
    let packet = datagram.verify_request(&secret, MessageAuthenticator::Optional);
    body(&packet.unwrap())
}

fn read(code: Code, attributes: &[(Type, &[u8])]) -> Result<Order, ErrorCause> {
    with_request(code, attributes, |packet| Order::read(packet, &identity()))
}

const USER: (Type, &[u8]) = (USER_NAME, b"alice");

#[test]
fn sessions_are_named_by_each_of_the_attributes() {
    let prefix = [0, 64, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 5];
    let order = read(
        Code::DisconnectRequest,
        &[
            USER,
            (ACCT_SESSION_ID, b"0123"),
            (NAS_PORT, &[0, 0, 1, 2]),
            (FRAMED_IP_ADDRESS, &[10, 77, 0, 2]),
            (CALLING_STATION_ID, b"192.0.2.2"),
            (CALLED_STATION_ID, b"192.0.2.1"),
            (FRAMED_IPV6_PREFIX, &prefix),
            (FRAMED_INTERFACE_ID, &[1, 2, 3, 4, 5, 6, 7, 8]),
            (NAS_IDENTIFIER, b"vpn1"),
            (NAS_IP_ADDRESS, &[192, 0, 2, 9]),
        ],
    );
    let expected = Selector {
        session: Some("0123".to_owned()),
        user: Some("alice".to_owned()),
        number: Some(258),
        address: Some(Ipv4Addr::new(10, 77, 0, 2)),
        peer: Some("192.0.2.2".to_owned()),
        local: Some("192.0.2.1".to_owned()),
        prefix: Some("2001:db8:0:5::/64".parse().unwrap()),
        interface_id: Some(InterfaceId([1, 2, 3, 4, 5, 6, 7, 8])),
    };
    let order = order.unwrap();
    assert_eq!(order.selector, expected);
    assert!(matches!(order.action, Action::Disconnect));
}

#[test]
fn what_cannot_be_obeyed_is_refused_for_its_reason() {
    let (disconnect, change) = (Code::DisconnectRequest, Code::CoaRequest);
    type Case<'a> = (Code, &'a [(Type, &'a [u8])], ErrorCause);
    let cases: &[Case<'_>] = &[
        (disconnect, &[], ErrorCause::MissingAttribute),
        (
            disconnect,
            &[(NAS_IDENTIFIER, b"vpn1")],
            ErrorCause::MissingAttribute,
        ),
        (
            disconnect,
            &[USER, (NAS_IDENTIFIER, b"vpn2")],
            ErrorCause::NasMismatch,
        ),
        (
            disconnect,
            &[USER, (NAS_IP_ADDRESS, &[192, 0, 2, 1])],
            ErrorCause::NasMismatch,
        ),
        (
            disconnect,
            &[USER, (NAS_IP_ADDRESS, &[192, 0, 2])],
            ErrorCause::InvalidValue,
        ),
        (
            disconnect,
            &[USER, (SESSION_TIMEOUT, &[0, 0, 0, 9])],
            ErrorCause::UnsupportedAttribute,
        ),
        (
            disconnect,
            &[USER, (standard::FRAMED_POOL, b"x")],
            ErrorCause::UnsupportedAttribute,
        ),
        (
            disconnect,
            &[USER, (SERVICE_TYPE, &[0, 0, 0, 2])],
            ErrorCause::UnsupportedAttribute,
        ),
        (disconnect, &[USER, USER], ErrorCause::InvalidValue),
        (
            disconnect,
            &[USER, (NAS_PORT, b"x")],
            ErrorCause::InvalidValue,
        ),
        (
            change,
            &[USER, (SERVICE_TYPE, &[0, 0, 0, 17])],
            ErrorCause::UnsupportedService,
        ),
        (
            change,
            &[USER, (SESSION_TIMEOUT, &[9])],
            ErrorCause::InvalidValue,
        ),
        (
            change,
            &[USER, (mikrotik::RATE_LIMIT, b"fast")],
            ErrorCause::InvalidValue,
        ),
        (
            change,
            &[USER, (standard::FRAMED_POOL, b"x")],
            ErrorCause::UnsupportedAttribute,
        ),
        (
            change,
            &[USER, (standard::FRAMED_ROUTE, b"10.0.0.0/8")],
            ErrorCause::UnsupportedAttribute,
        ),
        (
            change,
            &[USER, (standard::EAP_MESSAGE, b"x")],
            ErrorCause::UnsupportedAttribute,
        ),
        (
            change,
            &[(SESSION_TIMEOUT, &[0, 0, 0, 9])],
            ErrorCause::MissingAttribute,
        ),
    ];
    for (code, attributes, expected) in cases {
        let refused = read(*code, attributes).map(|_| ());
        assert_eq!(refused, Err(*expected), "{code} {attributes:?}");
    }
}

#[test]
fn a_change_says_what_it_grants() {
    let order = read(
        Code::CoaRequest,
        &[
            USER,
            (SESSION_TIMEOUT, &[0, 0, 0, 9]),
            (IDLE_TIMEOUT, &[0, 0, 0, 0]),
            (ACCT_INTERIM_INTERVAL, &[0, 0, 0, 0]),
            (mikrotik::RATE_LIMIT, b"1M/2M"),
            (FILTER_ID, b"staff"),
            (SERVICE_TYPE, &[0, 0, 0, 2]),
            (STATE, b"state"),
        ],
    );
    let Action::Change {
        grants,
        has_interim,
    } = order.unwrap().action
    else {
        panic!("no change");
    };
    let policy = &grants.policy;
    assert_eq!(policy.session_limit, Some(Duration::from_secs(9)));
    assert_eq!(policy.idle_limit, Some(Duration::ZERO));
    assert_eq!(
        (policy.rate_up, policy.rate_down),
        (Some(1_000_000), Some(2_000_000))
    );
    assert_eq!(grants.group.as_deref(), Some("staff"));
    assert_eq!((has_interim, grants.interim), (true, None));
}

#[test]
fn an_answer_gives_back_what_is_not_for_this_server() {
    let attributes: [(Type, &[u8]); 4] = [
        USER,
        (PROXY_STATE, b"one"),
        (STATE, b"state"),
        (PROXY_STATE, b"two"),
    ];
    for (code, result, expected) in [
        (Code::CoaRequest, Ok(()), Code::CoaAck),
        (
            Code::CoaRequest,
            Err(ErrorCause::SessionNotFound),
            Code::CoaNak,
        ),
        (Code::DisconnectRequest, Ok(()), Code::DisconnectAck),
        (
            Code::DisconnectRequest,
            Err(ErrorCause::SessionNotFound),
            Code::DisconnectNak,
        ),
    ] {
        let (answer, list) = with_request(code, &attributes, |it| Answering::to(it).with(result));
        assert_eq!(answer, expected);
        let mut wanted = AttributeList::new();
        for (kind, value) in &attributes[1..] {
            wanted.octets(*kind, value).unwrap();
        }
        if result.is_err() {
            wanted.u32(ERROR_CAUSE, 503).unwrap();
        }
        assert_eq!(list, wanted);
    }
}

#[test]
fn a_server_that_does_not_know_its_address_lets_any_pass() {
    let mut identity = identity();
    identity.addresses.clear();
    let attributes: [(Type, &[u8]); 2] = [USER, (NAS_IP_ADDRESS, &[192, 0, 2, 1])];
    let read = |packet: &Packet<'_>| Order::read(packet, &identity).map(|_| ());
    assert_eq!(
        with_request(Code::DisconnectRequest, &attributes, read),
        Ok(())
    );
}
