use proptest::prelude::*;

use super::*;
use crate::ParseError;

/// Messages asserted octet by octet in scapy's PPTP tests, and the line that describes each.
const SCAPY: [(&str, &str); 14] = [
    (
        "009c00011a2b3c4d00010000010000000000000100000002002a002f7465737420686f7374206e616d650000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000746573742076656e646f7220737472696e67",
        "Start-Control-Connection-Request version=1.0 framing=async bearer=digital max-channels=42 firmware=47 host=\"test host name\" vendor=\"test vendor string\"",
    ),
    (
        "009c00011a2b3c4d00020000010002010000000200000001ffff01006c696e7578000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000076656e646f72",
        "Start-Control-Connection-Reply version=1.0 result=general-error error=not-connected framing=sync bearer=analog max-channels=65535 firmware=256 host=\"linux\" vendor=\"vendor\"",
    ),
    (
        "001000011a2b3c4d0003000003",
        "Stop-Control-Connection-Request reason=stop-local-shutdown",
    ),
    (
        "001000011a2b3c4d000400000206",
        "Stop-Control-Connection-Reply result=general-error error=pac-error",
    ),
    ("001000011a2b3c4d000500000000002a", "Echo-Request id=42"),
    (
        "001400011a2b3c4d000600000000002a01",
        "Echo-Reply id=42 result=ok error=none",
    ),
    (
        "00a800011a2b3c4d000700001092002f000003e800002710000000020000000300100001000900003132333435363738390000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000074657374",
        "Outgoing-Call-Request call-id=4242 serial=47 speed=1000..10000 bearer=digital framing=any window=16 delay=1 phone=\"123456789\" subaddress=\"test\"",
    ),
    (
        "002000011a2b3c4d00080000109310920404002a00001388002000030000002a",
        "Outgoing-Call-Reply call-id=4243 peer-call-id=4242 result=busy error=no-resource cause=42 speed=5000 window=32 delay=3 channel=42",
    ),
    (
        "00dc00011a2b3c4d000900001092002f000000020000000c0009000a313233343536373839000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000003031323334353637383900000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000074657374",
        "Incoming-Call-Request call-id=4242 serial=47 bearer=digital channel=12 dialed=\"123456789\" dialing=\"0123456789\" subaddress=\"test\"",
    ),
    (
        "001c00011a2b3c4d000b00001092000002d4683b0010000700000003",
        "Incoming-Call-Connected peer-call-id=4242 speed=47474747 window=16 delay=7 framing=any",
    ),
    (
        "001000011a2b3c4d000c00001092",
        "Call-Clear-Request call-id=4242",
    ),
    (
        "009400011a2b3c4d000d000010920300002f0000736f6d65206465736372697074696f6e",
        "Call-Disconnect-Notify call-id=4242 result=admin-shutdown error=none cause=47 statistics=\"some description\"",
    ),
    (
        "002800011a2b3c4d000e000010920000000000010000000200000003000000040000000500000006",
        "WAN-Error-Notify peer-call-id=4242 crc=1 framing=2 hardware=3 buffer=4 timeout=5 alignment=6",
    ),
    (
        "001800011a2b3c4d000f0000109200000f0f0f0ff0f0f0f0",
        "Set-Link-Info peer-call-id=4242 send-accm=0x0f0f0f0f receive-accm=0xf0f0f0f0",
    ),
];

/// The Incoming-Call-Reply of the same tests; its Length says 148, though the format has 24 octets.
const SCAPY_INCOMING_CALL_REPLY: &str = "009400011a2b3c4d000a00001093109201000010002a0000";

/// The Start-Control-Connection-Request that nmap's pptp-version script sends, without its tail of NULs.
const NMAP: &str = "009c00011a2b3c4d00010000010000000000000100000001ffff00016e6f6e650000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000006e6d6170";

/// The octets of `hex`, with NULs up to the length that its first two octets say.
fn padded(hex: &str) -> Vec<u8> {
    let digits = hex
        .as_bytes()
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).unwrap());
    let mut octets: Vec<u8> = digits
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect();
    let length = u16::from_be_bytes([octets[0], octets[1]]);
    octets.resize(length.into(), 0);
    octets
}

/// One message of each type with every octet behind the header drawn at random.
fn any_message() -> impl Strategy<Value = (MessageType, Vec<u8>)> {
    (
        0..MessageType::ALL.len(),
        prop::collection::vec(any::<u8>(), MAX_LENGTH),
    )
        .prop_map(|(index, body)| {
            let message_type = MessageType::ALL[index];
            let mut octets = message_type.length().to_be_bytes().to_vec();
            octets.extend([0, 1, 0x1a, 0x2b, 0x3c, 0x4d]);
            octets.extend(message_type.code().to_be_bytes());
            octets.extend(body);
            octets.truncate(message_type.length().into());
            (message_type, octets)
        })
}

#[test]
fn reads_and_writes_the_scapy_messages() {
    for (hex, line) in SCAPY {
        let octets = padded(hex);
        let message = Message::decode(&octets).unwrap();
        assert_eq!(message.to_string(), line);
        let mut again = Vec::new();
        message.encode(&mut again);
        assert_eq!(again, octets);
    }
}

#[test]
fn rejects_a_reply_with_the_length_of_another_type() {
    let octets = padded(SCAPY_INCOMING_CALL_REPLY);
    let expected = ParseError::Length {
        field: "Incoming-Call-Reply",
        value: 148,
    };
    assert_eq!(Message::decode(&octets), Err(expected));
    let mut octets = octets[..24].to_vec();
    octets[1] = 24;
    let line = "Incoming-Call-Reply call-id=4243 peer-call-id=4242 result=connect error=none window=16 delay=42";
    assert_eq!(Message::decode(&octets).unwrap().to_string(), line);
}

#[test]
fn reads_the_request_of_the_nmap_script() {
    let message = Message::decode(&padded(NMAP)).unwrap();
    let Message::StartControlConnectionRequest(request) = message else {
        panic!("{message}")
    };
    assert_eq!(request.version, ProtocolVersion::V1_0);
    assert_eq!(request.host_name.to_string(), "none");
    assert_eq!(request.vendor.to_string(), "nmap");
    assert_eq!(request.maximum_channels, 0xffff);
}

#[test]
fn shows_reserved_fields_only_where_they_are_not_zero() {
    let request = EchoRequest {
        reserved0: 0x8000,
        identifier: 1,
    };
    assert_eq!(request.to_string(), "Echo-Request id=1 reserved0=0x8000");
}

#[test]
fn the_longest_message_has_the_maximum_length() {
    let longest = MessageType::ALL
        .iter()
        .map(|message_type| message_type.length())
        .max();
    assert_eq!(longest, Some(MAX_LENGTH as u16));
}

#[test]
fn rejects_every_truncation_and_extension() {
    for (hex, _) in SCAPY {
        let mut octets = padded(hex);
        for length in 0..octets.len() {
            assert!(Message::decode(&octets[..length]).is_err());
        }
        octets.push(0);
        assert!(Message::decode(&octets).is_err());
    }
}

#[test]
fn names_the_field_that_is_wrong() {
    let octets = padded(SCAPY[4].0);
    let broken = |at: usize| {
        let mut octets = octets.clone();
        octets[at] ^= 0x40;
        Message::decode(&octets).unwrap_err().to_string()
    };
    assert_eq!(
        broken(1),
        "Echo-Request has length 80, which it cannot have"
    );
    assert_eq!(broken(3), "PPTP Message Type is 0x41, which it cannot be");
    assert_eq!(broken(4), "Magic Cookie is 0x5a2b3c4d, which it cannot be");
    assert_eq!(
        broken(9),
        "Control Message Type is 0x45, which it cannot be"
    );
}

proptest! {
    #[test]
    fn any_octets_in_the_fields_survive((message_type, octets) in any_message()) {
        let message = Message::decode(&octets).unwrap();
        prop_assert_eq!(message.message_type(), message_type);
        let mut again = Vec::new();
        message.encode(&mut again);
        prop_assert_eq!(again, octets);
        prop_assert!(message.to_string().starts_with(message_type.name()));
        prop_assert!(message.to_string().is_ascii());
    }

    #[test]
    fn arbitrary_octets_never_panic(octets in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Message::decode(&octets);
        let mut stream = octets.as_slice();
        let mut framer = Framer::new();
        while let Ok(Some(_)) = framer.next(&mut stream) {}
    }
}
