use std::time::{Duration, Instant};

use proptest::prelude::*;
use zeroize::Zeroizing;

use super::*;
use crate::SharedSecret;
use crate::attribute::{self, AttributeList};
use crate::authenticator::{Forged, MessageAuthenticator, RequestAuthenticator};
use crate::hidden;

const REQUIRED: MessageAuthenticator = MessageAuthenticator::Required;
const OPTIONAL: MessageAuthenticator = MessageAuthenticator::Optional;

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn secret(text: &str) -> SharedSecret {
    SharedSecret::new(text).unwrap()
}

fn sequence() -> RequestAuthenticator {
    std::array::from_fn(|i| 0x10 + i as u8)
}

/// The examples of RFC 2865 §7: a request, the reply to it, and the password in the request. The length of
/// State in the last request is 10, as the RFC's list says: its dump prints 0x10, longer than the packet.
const EXAMPLES: [(&str, &str, Option<&str>); 4] = [
    (
        "01000038 0f403f94 73978057 bd83d5cb 98f4227a 01066e65 6d6f0212 0dbe708d 93d413ce 3196e43f
         782a0aee 0406c0a8 01100506 00000003",
        "02000026 86fe220e 7624ba2a 1005f6bf 9b55e0b2 06060000 00010f06 00000000 0e06c0a8 0103",
        Some("arctangent"),
    ),
    (
        "01010047 2aee86f0 8d0d5596 9ca5978e 0d3367a2 0108666c 6f707379 031316e9 7557c316 185895f2
         93ff6344 07727504 06c0a801 10050600 00001406 06000000 02070600 000001",
        "02010038 15efbc7d ab26cfa3 dc34d9c0 3c8601a4 06060000 00020706 00000001 0806ffff fffe0a06
         00000002 0d060000 00010c06 000005dc",
        None,
    ),
    (
        "01020039 f3a47a1f 6a6d7671 0b947ab9 3041a039 01076d6f 70737902 12336575 73778289 b570885e
         15084825 c50406c0 a8011005 06000000 07",
        "0b02004e 36f3c876 4ae8c711 57403c0c 71ff9c45 12304368 616c6c65 6e676520 33323736 39343330
         2e202045 6e746572 20726573 706f6e73 65206174 2070726f 6d70742e 180a3332 37363934 3330",
        Some("challenge"),
    ),
    (
        "01030043 b122556d 428a13d0 d6253807 c457ecf0 01076d6f 70737902 12692c1f 205fc081 b919b951
         95f561a5 810406c0 a8011005 06000000 07180a33 32373639 343330",
        "03030014 a42f4fca 45916c4e 09c8340f 9e746aa0",
        Some("99101462"),
    ),
];

#[test]
fn examples_of_rfc_2865_verify() {
    let secret = secret("xyzzy5461");
    for (request, reply, password) in EXAMPLES {
        let (request, reply) = (octets(request), octets(reply));
        let request = Datagram::parse(&request).unwrap();
        let field = request.authenticator();
        let packet = request.verify_request(&secret, OPTIONAL).unwrap();
        let hidden = packet.attributes().find(attribute::USER_PASSWORD);
        let revealed =
            hidden.map(|hidden| hidden::reveal_password(hidden.value, field, &secret).unwrap());
        assert_eq!(
            revealed.as_deref().map(Vec::as_slice),
            password.map(str::as_bytes)
        );
        let datagram = Datagram::parse(&reply).unwrap();
        let reply = datagram
            .verify_reply(Code::AccessRequest, field, &secret, OPTIONAL)
            .unwrap();
        assert_eq!(reply.identifier(), packet.identifier());
        let refused = datagram.verify_reply(Code::AccessRequest, field, &secret, REQUIRED);
        assert_eq!(refused.unwrap_err(), Forged::NoMessageAuthenticator);
    }
}

/// Made with Python's hashlib and hmac, from the formulas of the RFCs.
const ACCESS_REQUEST: &str = "0142004f 10111213 14151617 18191a1b 1c1d1e1f 501247b7 bfc6a75b
    aedae619 3c605bed 8d590222 d9e1ae35 6b8710db 12f828c9 dce9c7d7 8fc2920d b5c7ba60 cb65955a bf58dd06
    0107616c 696365";
const ACCESS_ACCEPT: &str =
    "0242002d 529857a7 5db0f85c 073f7a68 4588ff6b 5012299e d4d5f879 35032e4a
    65bca76e e0c81207 68656c6c 6f";
const ACCOUNTING_REQUEST: &str =
    "04090024 6373b6ef e821b66d 11ac7684 f81b7c2f 28060000 00012c04 73312906 00000007";
const ACCOUNTING_RESPONSE: &str = "05090014 bbee9fda 4b049c4a 4570e032 96e210f6";
const COA_REQUEST: &str = "2b03002b 3b2c79df 2bc93fbe d86d58be 308a13e9 0105626f 6250122f 9917bf2e 062d8ffb 06797a70 20d7b9";
const COA_NAK: &str = "2d03002c ac1f7f67 f5797923 d3f1f64b a3cb7134 50123b42 9b49baba d68f3ae7 d6ffdc1c 5b216506 000001f7";

#[test]
fn an_access_request_is_written_with_its_message_authenticator_first() {
    let mut contents = Contents {
        password: Some(Zeroizing::new(b"correct horse battery".to_vec())),
        ..Contents::default()
    };
    contents
        .attributes
        .text(attribute::USER_NAME, "alice")
        .unwrap();
    let (packet, field) = request(
        Code::AccessRequest,
        0x42,
        sequence(),
        &contents,
        &secret("testing123"),
        Instant::now(),
    )
    .unwrap();
    assert_eq!(packet, octets(ACCESS_REQUEST));
    assert_eq!(field, sequence());
    assert_eq!(packet[HEADER_LENGTH], attribute::MESSAGE_AUTHENTICATOR.code);
    Datagram::parse(&packet)
        .unwrap()
        .verify_request(&secret("testing123"), REQUIRED)
        .unwrap();
}

#[test]
fn an_accounting_request_is_written_with_its_delay() {
    let now = Instant::now();
    let mut contents = Contents {
        delay: Some(Delay {
            seconds: 4,
            at: now - Duration::from_millis(3_999),
        }),
        ..Contents::default()
    };
    contents
        .attributes
        .u32(attribute::ACCT_STATUS_TYPE, 1)
        .unwrap()
        .text(attribute::ACCT_SESSION_ID, "s1")
        .unwrap();
    let secret = secret("testing123");
    let code = Code::AccountingRequest;
    let (packet, field) = request(code, 9, [0xff; 16], &contents, &secret, now).unwrap();
    assert_eq!(packet, octets(ACCOUNTING_REQUEST));
    let response = octets(ACCOUNTING_RESPONSE);
    let response = Datagram::parse(&response).unwrap();
    response
        .verify_reply(code, &field, &secret, OPTIONAL)
        .unwrap();
}

#[test]
fn replies_are_written() {
    let secret = secret("testing123");
    let mut list = AttributeList::new();
    list.text(attribute::REPLY_MESSAGE, "hello").unwrap();
    let accept = reply(Code::AccessAccept, 0x42, &sequence(), &list, &secret);
    assert_eq!(accept, octets(ACCESS_ACCEPT));

    let coa = octets(COA_REQUEST);
    let coa = Datagram::parse(&coa).unwrap();
    let coa = coa.verify_request(&secret, REQUIRED).unwrap();
    let mut list = AttributeList::new();
    list.u32(attribute::ERROR_CAUSE, 503).unwrap();
    let nak = reply(Code::CoaNak, 3, coa.authenticator(), &list, &secret);
    assert_eq!(nak, octets(COA_NAK));
}

#[test]
fn a_changed_octet_is_noticed_wherever_it_is() {
    let secret = secret("testing123");
    let accept = octets(ACCESS_ACCEPT);
    for at in 0..accept.len() {
        let mut forged = accept.clone();
        forged[at] ^= 1;
        let verified = Datagram::parse(&forged).is_ok_and(|datagram| {
            datagram.identifier() == 0x42
                && datagram
                    .verify_reply(Code::AccessRequest, &sequence(), &secret, OPTIONAL)
                    .is_ok()
        });
        assert!(!verified, "octet {at}");
    }
    let coa = octets(COA_REQUEST);
    for at in 0..coa.len() {
        let mut forged = coa.clone();
        forged[at] ^= 1;
        let verified = Datagram::parse(&forged)
            .is_ok_and(|datagram| datagram.verify_request(&secret, OPTIONAL).is_ok());
        assert!(!verified, "octet {at}");
    }
}

#[test]
fn a_reply_is_of_a_code_that_answers() {
    let secret = secret("testing123");
    let list = AttributeList::new();
    for (code, request, answers) in [
        (Code::AccessReject, Code::AccessRequest, true),
        (Code::AccessChallenge, Code::AccessRequest, true),
        (Code::AccountingResponse, Code::AccessRequest, false),
        (Code::AccessRequest, Code::AccessRequest, false),
        (Code::AccountingResponse, Code::AccountingRequest, true),
        (Code::AccessAccept, Code::AccountingRequest, false),
        (Code::DisconnectNak, Code::DisconnectRequest, true),
        (Code::CoaAck, Code::DisconnectRequest, false),
        (Code::Other(77), Code::CoaRequest, false),
    ] {
        let octets = reply(code, 1, &[7; 16], &list, &secret);
        let verified = Datagram::parse(&octets)
            .unwrap()
            .verify_reply(request, &[7; 16], &secret, REQUIRED);
        let expected = if answers { None } else { Some(Forged::Code) };
        assert_eq!(verified.err(), expected, "{code} for {request}");
    }
}

#[test]
fn a_message_authenticator_is_whole_and_alone() {
    let secret = secret("testing123");
    // Right for its Response Authenticator, so that only the Message-Authenticator can be at fault.
    let signed = |attributes: &[u8]| {
        let mut packet = vec![2, 1, 0, 20 + attributes.len() as u8];
        packet.extend([7; 16]);
        packet.extend(attributes);
        let digest = crate::authenticator::digest(&packet, &[7; 16], &secret);
        packet[4..20].copy_from_slice(&digest);
        packet
    };
    let verify = |attributes: &[u8]| {
        Datagram::parse(&signed(attributes))
            .unwrap()
            .verify_reply(Code::AccessRequest, &[7; 16], &secret, OPTIONAL)
            .err()
    };
    assert_eq!(verify(&[]), None);
    assert_eq!(verify(&[80, 3, 0]), Some(Forged::NoMessageAuthenticator));
    let mut twice = vec![80, 18];
    twice.extend([0; 16]);
    assert_eq!(verify(&twice), Some(Forged::MessageAuthenticator));
    twice.extend(twice.clone());
    assert_eq!(verify(&twice), Some(Forged::NoMessageAuthenticator));
}

#[test]
fn lengths_are_checked_and_padding_passed_over() {
    let whole = octets(ACCESS_ACCEPT);
    for length in 0..whole.len() {
        let error = Datagram::parse(&whole[..length]).unwrap_err();
        assert!(matches!(error, ParseError::Truncated { have, .. } if have == length));
    }
    let mut padded = whole.clone();
    padded.extend([0xee; 9]);
    let datagram = Datagram::parse(&padded).unwrap();
    let packet = datagram
        .verify_reply(
            Code::AccessRequest,
            &sequence(),
            &secret("testing123"),
            REQUIRED,
        )
        .unwrap();
    assert_eq!(packet.as_octets(), whole);
    for length in [0u16, 19, 4097, u16::MAX] {
        let mut wrong = vec![0; 5000];
        wrong[2..4].copy_from_slice(&length.to_be_bytes());
        let error = Datagram::parse(&wrong).unwrap_err();
        assert_eq!(error, ParseError::Length(length.into()));
    }
    let mut wrong = whole;
    wrong[39] = 30;
    assert_eq!(
        Datagram::parse(&wrong).unwrap_err(),
        ParseError::Attribute(38)
    );
}

#[test]
fn a_password_that_is_too_long_is_not_sent() {
    let contents = Contents {
        password: Some(Zeroizing::new(vec![b'x'; 129])),
        ..Contents::default()
    };
    let code = Code::AccessRequest;
    let error = request(code, 1, [0; 16], &contents, &secret("s"), Instant::now());
    assert_eq!(error.unwrap_err(), hidden::HiddenError::TooLong(129));
}

fn any_code() -> impl Strategy<Value = Code> {
    any::<u8>().prop_map(Code::from_wire)
}

proptest! {
    #[test]
    fn codes_come_back(code: u8) {
        prop_assert_eq!(Code::from_wire(code).to_wire(), code);
    }

    #[test]
    fn any_octets_are_read_or_refused(
        mut datagram in proptest::collection::vec(any::<u8>(), 0..200),
        fits: bool,
    ) {
        if fits && datagram.len() >= HEADER_LENGTH {
            let length = datagram.len() as u16;
            datagram[2..4].copy_from_slice(&length.to_be_bytes());
        }
        if let Ok(datagram) = Datagram::parse(&datagram) {
            let secret = secret("s");
            let _ = datagram.verify_request(&secret, OPTIONAL);
            let _ = datagram.verify_reply(Code::AccessRequest, &[0; 16], &secret, OPTIONAL);
        }
    }

    #[test]
    fn requests_verify_with_their_secret_only(
        code in any_code(),
        identifier: u8,
        random: [u8; 16],
        values in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..=253), 0..15),
    ) {
        let mut contents = Contents::default();
        for value in &values {
            contents.attributes.octets(attribute::CLASS, value).unwrap();
        }
        let (right, wrong) = (secret("right"), secret("wrong"));
        let (packet, field) =
            request(code, identifier, random, &contents, &right, Instant::now()).unwrap();
        let datagram = Datagram::parse(&packet).unwrap();
        prop_assert_eq!(datagram.authenticator(), &field);
        prop_assert!(datagram.verify_request(&wrong, OPTIONAL).is_err());
        let packet = datagram.verify_request(&right, OPTIONAL).unwrap();
        let read: Vec<_> = packet.attributes().filter(|attribute| attribute.kind == attribute::CLASS)
            .map(|attribute| attribute.value.to_vec()).collect();
        prop_assert_eq!(read, values);
    }
}
