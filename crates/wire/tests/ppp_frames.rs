//! Whole PPP frames: published octet strings, readable lines, and laws of decoding and encoding.

use adit_wire::cp::{self, Body, ConfigOption, Magic, Packet, RasError, decode_options};
use adit_wire::ppp::{Encapsulation, Protocol};
use adit_wire::{ccp, chap, frame, gre, ipcp, ipv6cp, lcp, mppe, pap};
use frame::{Described, Frame};
use proptest::collection::vec;
use proptest::prelude::*;

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().filter_map(|c| c.to_digit(16)).collect();
    let octet = |pair: &[u32]| u8::try_from(pair.iter().fold(0, |sum, digit| sum << 4 | digit));
    let octets: Result<_, _> = digits.chunks(2).map(octet).collect();
    octets.expect("two digits fit into an octet")
}

fn encoded(frame: &Frame) -> Vec<u8> {
    let mut out = Vec::new();
    frame.encode(&mut out);
    out
}

/// Checks that `hex` reads as `line` and is written again as it was.
#[track_caller]
fn reads_as(hex: &str, line: &str) {
    let octets = octets(hex);
    let frame = Frame::decode(&octets).expect("the frame is well-formed");
    assert_eq!(frame.to_string(), line);
    assert_eq!(Described(&octets).to_string(), line);
    assert_eq!(encoded(&frame), octets);
}

/// The PPP packets of scapy's `pptp.uts`, with the meaning that it asserts for them.
#[test]
fn the_packets_of_scapy_are_read_and_written() {
    for (hex, line) in SCAPY {
        reads_as(hex, line);
    }
}

const SCAPY: [(&str, &str); 19] = [
    (
        "c021090700080000002a",
        "LCP Echo-Request id=7 magic=0x0000002a",
    ),
    (
        "c021012a000a050600001092",
        "LCP Configure-Request id=42 <magic 0x00001092>",
    ),
    (
        "c021022a000a050600001092",
        "LCP Configure-Ack id=42 <magic 0x00001092>",
    ),
    (
        "c021032a000e010405dc0206ffff0000",
        "LCP Configure-Nak id=42 <mru 1500> <accm 0xffff0000>",
    ),
    (
        "c021012a000e010405dc0206ffff0000",
        "LCP Configure-Request id=42 <mru 1500> <accm 0xffff0000>",
    ),
    (
        "c021042a000b0d070274657374",
        "LCP Configure-Reject id=42 <callback [02, 74, 65, 73, 74]>",
    ),
    (
        "c021012a000b0d070274657374",
        "LCP Configure-Request id=42 <callback [02, 74, 65, 73, 74]>",
    ),
    (
        "c021012a0027010413880206f0f0f0f00304c0230408c025746573740506000010920d070474657374",
        "LCP Configure-Request id=42 <mru 5000> <accm 0xf0f0f0f0> <auth PAP> \
         <quality [c0, 25, 74, 65, 73, 74]> <magic 0x00001092> <callback [04, 74, 65, 73, 74]>",
    ),
    (
        "c021072a00142a070010756e6b6e6f776e5f64617461",
        "LCP Code-Reject id=42 code=42 id=7",
    ),
    (
        "c021082a000b80390305c22306",
        "LCP Protocol-Reject id=42 protocol 0x8039 (5 octets)",
    ),
    (
        "c0210b07000c0000109274657374",
        "LCP Discard-Request id=7 magic=0x00001092 (4 octets)",
    ),
    (
        "c0210507000874657374",
        "LCP Terminate-Request id=7 \"test\"",
    ),
    ("c02106070004", "LCP Terminate-Ack id=7"),
    (
        "c023012a00220d61646d696e6973747261746f720f7365637265745f70617373776f7264",
        "PAP Authenticate-Request id=42 user=\"administrator\" password=<hidden>",
    ),
    ("c023022a000500", "PAP Authenticate-Ack id=42 \"\""),
    (
        "c023032a00110c4261642070617373776f7264",
        "PAP Authenticate-Nak id=42 \"Bad password\"",
    ),
    (
        "c223012f00120742424242424242736572766572",
        "CHAP Challenge id=47 value=<7 octets> name=\"server\"",
    ),
    (
        "c223022f001b1000000000000000000000000000000000636c69656e74",
        "CHAP Response id=47 value=<16 octets> name=\"client\"",
    ),
    (
        "c223042f000b476f2061776179",
        "CHAP Failure id=47 \"Go away\"",
    ),
];

#[test]
fn an_empty_chap_success_of_scapy_is_read_and_written() {
    reads_as("c223032f0004", "CHAP Success id=47 \"\"");
}

#[test]
fn the_authentication_options_of_scapy_are_named() {
    for (hex, line) in [
        ("0304c023", "auth PAP"),
        ("0305c22306", "auth CHAP [06]"),
        ("0308c22774657374", "auth EAP [74, 65, 73, 74]"),
    ] {
        let octets = octets(hex);
        let options: Vec<lcp::LcpOption> = decode_options(&octets).unwrap();
        assert_eq!(options.len(), 1);
        assert_eq!(options[0].to_string(), line);
        let mut out = Vec::new();
        cp::encode_options(&options, &mut out);
        assert_eq!(out, octets);
    }
}

/// The two IPv4 packets with GRE version 1 of the same tests, behind their IPv4 header.
#[test]
fn the_tunnelled_packets_of_scapy_are_read_through_both_headers() {
    for (hex, line) in [
        (
            "3001880b001c9bf500000000ff03c021010100180206000000000304c2270506fbb8831007020802",
            "LCP Configure-Request id=1 <accm 0x00000000> <auth EAP> <magic 0xfbb88310> <pfc> <acfc>",
        ),
        (
            "3081880b001200000000002f0000002aff03c021092a000e00001092616263646566",
            "LCP Echo-Request id=42 magic=0x00001092 (6 octets)",
        ),
    ] {
        let packet = octets(hex);
        let payload = gre::Header::decode(&packet).map(|header| header.payload(&packet).to_vec());
        let payload = payload.unwrap();
        assert_eq!(Frame::decode(&payload).unwrap().to_string(), line);
        assert_eq!(encoded(&Frame::decode(&payload).unwrap()), payload);
    }
}

#[test]
fn a_windows_client_is_readable() {
    for (hex, line) in [
        (
            "ff03c021 0100 0015 01040578 0506 5a1b2c3d 0702 0802 0d0306",
            "LCP Configure-Request id=0 <mru 1400> <magic 0x5a1b2c3d> <pfc> <acfc> <callback CBCP>",
        ),
        (
            "ff03c021 0401 0007 0d0306",
            "LCP Configure-Reject id=1 <callback CBCP>",
        ),
        (
            "ff03c021 0c02 0012 5a1b2c3d 4d53524153 56352e3230",
            "LCP Identification id=2 magic=0x5a1b2c3d \"MSRASV5.20\"",
        ),
        (
            "80fd 0105 000a 1206 010000e1",
            "CCP Configure-Request id=5 <mppe 128-bit 56-bit 40-bit stateless MPPC>",
        ),
        (
            "80fd 0305 000a 1206 01000040",
            "CCP Configure-Nak id=5 <mppe 128-bit stateless>",
        ),
        (
            "8021 0107 0022 030600000000 810600000000 820600000000 830600000000 840600000000",
            "IPCP Configure-Request id=7 <address 0.0.0.0> <dns1 0.0.0.0> <wins1 0.0.0.0> \
             <dns2 0.0.0.0> <wins2 0.0.0.0>",
        ),
        (
            "8057 0106 000e 010a 4d6f 12ff fe34 5678",
            "IPV6CP Configure-Request id=6 <interface-id 4d6f:12ff:fe34:5678>",
        ),
        (
            "ff03c021 0508 0010 5a1b2c3d 003ccd74 000002b3",
            "LCP Terminate-Request id=8 RAS error 691 (access denied: user name or password not \
             accepted)",
        ),
        (
            "80fd 0509 0010 5a1b2c3d 003ccd74 000002dc",
            "CCP Terminate-Request id=9 RAS error 732 (the PPP negotiation does not converge)",
        ),
        (
            "ff03c021 050a 0010 5a1b2c3d 003ccd74 00000000",
            "LCP Terminate-Request id=10 RAS error 0 (normal end)",
        ),
        (
            "fd 9001 aabbccdd",
            "MPPE coherency=1 flushed encrypted (4 octets)",
        ),
        ("00fd 0fff", "MPPE coherency=4095 not-encrypted (0 octets)"),
    ] {
        reads_as(hex, line);
    }
}

#[test]
fn a_windows_server_is_readable() {
    reads_as(
        "c021 0100 0038 01040578 0304c227 05064d5e6f70 0702 0802 0d0306 1104064e \
         1317 01 000102030405060708090a0b0c0d0e0f10111213 17040009",
        "LCP Configure-Request id=0 <mru 1400> <auth EAP> <magic 0x4d5e6f70> <pfc> <acfc> \
         <callback CBCP> <mrru 1614> <endpoint \"\\x01\\x00\\x01\\x02\\x03\\x04\\x05\\x06\\x07\\x08\
         \\x09\\x0a\\x0b\\x0c\\x0d\\x0e\\x0f\\x10\\x11\\x12\\x13\"> <link-discriminator 9>",
    );
}

#[test]
fn secrets_are_not_shown() {
    let proof = "S=407A5589115FD0D6209F510FE9C04566932CDA56 M=Welcome";
    let success = chap::Packet {
        identifier: 3,
        body: chap::Body::Success(proof.into()),
    };
    assert_eq!(success.to_string(), "Success id=3 \" M=Welcome\"");
    assert!(!format!("{success:?}").contains("407A"));
    let request = pap::Packet {
        identifier: 3,
        body: pap::Body::AuthenticateRequest {
            peer_id: b"alice".to_vec(),
            password: b"open sesame".to_vec(),
            trailing: Vec::new(),
        },
    };
    for text in [request.to_string(), format!("{request:?}")] {
        assert!(text.contains("alice") && !text.contains("sesame"), "{text}");
    }
}

#[test]
fn octets_behind_the_length_are_kept_as_padding() {
    let octets = octets("c02109070008 0000002a 000000");
    let frame = Frame::decode(&octets).unwrap();
    assert_eq!(frame.padding, [0; 3]);
    assert_eq!(encoded(&frame), octets);
}

#[test]
fn lengths_that_lie_are_refused() {
    for hex in [
        "c021",               // no header
        "c021010100",         // header cut short
        "c02101010003",       // length below the header
        "c0210101000a0506",   // length beyond the end
        "c021010100060100",   // option length 0
        "c021010100060101",   // option length 1
        "c0210101000601ff",   // option beyond the packet
        "c0210907000600002a", // echo without a whole magic number
        "c0230101000605",     // PAP name beyond the end
        "c22301010006ff00",   // CHAP value beyond the end
        "fd90",               // half an MPPE header
        "ff030022",           // protocol number with an even low octet
    ] {
        assert!(Frame::decode(&octets(hex)).is_err(), "{hex}");
    }
}

#[test]
fn options_of_a_wrong_length_are_kept_for_the_reject() {
    let kept = |kind, data: &[u8]| lcp::LcpOption::Other {
        kind,
        data: data.to_vec(),
    };
    for (kind, data) in [
        (1, &[5][..]),
        (2, &[0; 3]),
        (3, &[0xc2]),
        (5, &[0; 5]),
        (7, &[0]),
        (8, &[1]),
        (17, &[1, 2, 3]),
        (18, &[0]),
        (23, &[]),
    ] {
        assert_eq!(lcp::LcpOption::decode(kind, data), kept(kind, data));
    }
}

#[test]
fn a_terminate_request_of_another_form_is_not_a_ras_error() {
    assert_eq!(RasError::decode(&[0; 12]), None);
    assert_eq!(
        RasError::decode(&octets("00000001003ccd74000002b300")),
        None
    );
    assert_eq!(RasError::decode(&octets("00000001003ccd7400")), None);
}

fn short() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..24)
}

fn lcp_option() -> BoxedStrategy<lcp::LcpOption> {
    use lcp::{Authentication, LcpOption};
    let authentication = prop_oneof![
        Just(Authentication::Pap),
        Just(Authentication::ChapMd5),
        Just(Authentication::MsChapV1),
        Just(Authentication::MsChapV2),
        Just(Authentication::Eap),
        (0x9001u16..0xb000, short()).prop_map(|(protocol, data)| Authentication::Other {
            protocol: Protocol(protocol),
            data
        }),
    ];
    prop_oneof![
        any::<u16>().prop_map(LcpOption::Mru),
        any::<u32>().prop_map(LcpOption::Accm),
        authentication.prop_map(LcpOption::Authentication),
        short().prop_map(LcpOption::Quality),
        any::<u32>().prop_map(LcpOption::MagicNumber),
        Just(LcpOption::Pfc),
        Just(LcpOption::Acfc),
        short().prop_map(LcpOption::Callback),
        any::<u16>().prop_map(LcpOption::Mrru),
        Just(LcpOption::ShortSequence),
        short().prop_map(LcpOption::EndpointDiscriminator),
        any::<u16>().prop_map(LcpOption::LinkDiscriminator),
        (24u8.., short()).prop_map(|(kind, data)| LcpOption::Other { kind, data }),
        // Malformed: a fixed length that is one too long.
        Just(LcpOption::Other {
            kind: 5,
            data: vec![7; 5]
        }),
    ]
    .boxed()
}

fn ipcp_option() -> BoxedStrategy<ipcp::IpcpOption> {
    use ipcp::IpcpOption;
    let address = || any::<[u8; 4]>().prop_map(std::net::Ipv4Addr::from);
    prop_oneof![
        short().prop_map(IpcpOption::Addresses),
        short().prop_map(IpcpOption::Compression),
        address().prop_map(IpcpOption::Address),
        address().prop_map(IpcpOption::PrimaryDns),
        address().prop_map(IpcpOption::PrimaryNbns),
        address().prop_map(IpcpOption::SecondaryDns),
        address().prop_map(IpcpOption::SecondaryNbns),
        (4u8..129, short()).prop_map(|(kind, data)| IpcpOption::Other { kind, data }),
        (129u8..133, vec(any::<u8>(), 5..9))
            .prop_map(|(kind, data)| IpcpOption::Other { kind, data }),
    ]
    .boxed()
}

fn ipv6cp_option() -> BoxedStrategy<ipv6cp::Ipv6cpOption> {
    use ipv6cp::{InterfaceId, Ipv6cpOption};
    prop_oneof![
        any::<[u8; 8]>().prop_map(|id| Ipv6cpOption::InterfaceId(InterfaceId(id))),
        short().prop_map(Ipv6cpOption::Compression),
        (3u8.., short()).prop_map(|(kind, data)| Ipv6cpOption::Other { kind, data }),
        vec(any::<u8>(), 0..8).prop_map(|data| Ipv6cpOption::Other { kind: 1, data }),
    ]
    .boxed()
}

fn ccp_option() -> BoxedStrategy<ccp::CcpOption> {
    use ccp::{CcpOption, MppeBits};
    prop_oneof![
        any::<u32>().prop_map(|bits| CcpOption::Mppe(MppeBits(bits))),
        (0u8..18, short()).prop_map(|(kind, data)| CcpOption::Other { kind, data }),
        vec(any::<u8>(), 5..9).prop_map(|data| CcpOption::Other { kind: 18, data }),
    ]
    .boxed()
}

/// The bodies that every control protocol has (RFC 1661 §5.1 to §5.6), and an unknown code.
fn common_body<O>(option: BoxedStrategy<O>) -> BoxedStrategy<Body<O>>
where
    O: ConfigOption + 'static,
{
    let options = move || vec(option.clone(), 0..6);
    prop_oneof![
        options().prop_map(Body::ConfigureRequest),
        options().prop_map(Body::ConfigureAck),
        options().prop_map(Body::ConfigureNak),
        options().prop_map(Body::ConfigureReject),
        short().prop_map(Body::TerminateRequest),
        short().prop_map(Body::TerminateAck),
        short().prop_map(Body::CodeReject),
        (16u8.., short()).prop_map(|(code, data)| Body::Unknown { code, data }),
    ]
    .boxed()
}

/// The bodies that only LCP has (RFC 1661 §5.7 to §5.9, RFC 1570 §1).
fn lcp_body() -> BoxedStrategy<Body<lcp::LcpOption>> {
    let magic = || (any::<u32>(), short()).prop_map(|(magic, data)| Magic { magic, data });
    prop_oneof![
        4 => common_body(lcp_option()),
        1 => magic().prop_map(Body::EchoRequest),
        1 => magic().prop_map(Body::EchoReply),
        1 => magic().prop_map(Body::DiscardRequest),
        1 => magic().prop_map(Body::Identification),
        1 => (any::<u16>(), short()).prop_map(|(protocol, information)| Body::ProtocolReject {
            protocol: Protocol(protocol),
            information,
        }),
        1 => (any::<u32>(), any::<u32>(), short()).prop_map(|(magic, seconds, message)| {
            Body::TimeRemaining { magic, seconds, message }
        }),
    ]
    .boxed()
}

/// The bodies of CCP (RFC 1962 §3), whose codes 8 to 13 are unknown.
fn ccp_body() -> BoxedStrategy<Body<ccp::CcpOption>> {
    prop_oneof![
        4 => common_body(ccp_option()),
        1 => short().prop_map(Body::ResetRequest),
        1 => short().prop_map(Body::ResetAck),
        1 => (8u8..14, short()).prop_map(|(code, data)| Body::Unknown { code, data }),
    ]
    .boxed()
}

fn pap_body() -> BoxedStrategy<pap::Body> {
    let message = || {
        prop_oneof![
            short().prop_map(pap::Message::Text),
            vec(200u8.., 1..9).prop_map(pap::Message::Malformed),
        ]
    };
    prop_oneof![
        (short(), short(), short()).prop_map(|(peer_id, password, trailing)| {
            pap::Body::AuthenticateRequest {
                peer_id,
                password,
                trailing,
            }
        }),
        message().prop_map(pap::Body::AuthenticateAck),
        message().prop_map(pap::Body::AuthenticateNak),
        (4u8.., short()).prop_map(|(code, data)| pap::Body::Unknown { code, data }),
    ]
    .boxed()
}

fn chap_body() -> BoxedStrategy<chap::Body> {
    let value = || {
        (vec(any::<u8>(), 0..256), short()).prop_map(|(value, name)| chap::Value { value, name })
    };
    prop_oneof![
        value().prop_map(chap::Body::Challenge),
        value().prop_map(chap::Body::Response),
        short().prop_map(chap::Body::Success),
        short().prop_map(chap::Body::Failure),
        (5u8..8, vec(any::<u8>(), 0..600))
            .prop_map(|(code, data)| chap::Body::ChangePassword { code, data }),
        (8u8.., short()).prop_map(|(code, data)| chap::Body::Unknown { code, data }),
    ]
    .boxed()
}

/// Bodies with their protocol; those that have a Length field may be followed by padding.
fn body() -> BoxedStrategy<(Protocol, frame::Body)> {
    fn packet<O: ConfigOption + 'static>(
        body: BoxedStrategy<Body<O>>,
    ) -> impl Strategy<Value = Packet<O>> {
        (any::<u8>(), body).prop_map(|(identifier, body)| Packet { identifier, body })
    }
    prop_oneof![
        packet(lcp_body()).prop_map(|p| (Protocol::LCP, frame::Body::Lcp(p))),
        packet(common_body(ipcp_option())).prop_map(|p| (Protocol::IPCP, frame::Body::Ipcp(p))),
        packet(common_body(ipv6cp_option()))
            .prop_map(|p| (Protocol::IPV6CP, frame::Body::Ipv6cp(p))),
        packet(ccp_body()).prop_map(|p| (Protocol::CCP, frame::Body::Ccp(p))),
        (any::<u8>(), pap_body()).prop_map(|(identifier, body)| {
            (
                Protocol::PAP,
                frame::Body::Pap(pap::Packet { identifier, body }),
            )
        }),
        (any::<u8>(), chap_body()).prop_map(|(identifier, body)| {
            (
                Protocol::CHAP,
                frame::Body::Chap(chap::Packet { identifier, body }),
            )
        }),
        (any::<u16>(), short()).prop_map(|(header, ciphertext)| {
            (
                Protocol::COMPRESSED_DATAGRAM,
                frame::Body::Mppe {
                    header: mppe::Header(header),
                    ciphertext,
                },
            )
        }),
        (
            prop_oneof![
                Just(Protocol::IPV4),
                Just(Protocol::IPV6),
                Just(Protocol::EAP),
                Just(Protocol(0x8207))
            ],
            short()
        )
            .prop_map(|(protocol, data)| (protocol, frame::Body::Other(data))),
    ]
    .boxed()
}

prop_compose! {
    fn any_frame()(
        (protocol, body) in body(),
        acfc: bool,
        pfc: bool,
        padding in vec(any::<u8>(), 0..5),
    ) -> Frame {
        let delimited = !matches!(body, frame::Body::Mppe { .. } | frame::Body::Other(_));
        Frame {
            encapsulation: Encapsulation { acfc, pfc: pfc && protocol.0 < 0x100 },
            protocol,
            body,
            padding: if delimited { padding } else { Vec::new() },
        }
    }
}

/// An option that was read from `kind` and `data` is written as they were.
fn option_is_kept<O: ConfigOption>(kind: u8, data: &[u8]) -> Result<(), TestCaseError> {
    let option = O::decode(kind, data);
    let mut out = Vec::new();
    option.encode_data(&mut adit_wire::Writer::new(&mut out));
    prop_assert_eq!(option.kind(), kind);
    prop_assert_eq!(out, data);
    prop_assert_eq!(O::decode(kind, data), option);
    Ok(())
}

proptest! {
    #[test]
    fn every_frame_survives(frame in any_frame()) {
        let octets = encoded(&frame);
        prop_assert_eq!(&Frame::decode(&octets), &Ok(frame));
    }

    #[test]
    fn every_frame_has_one_printable_line(frame in any_frame()) {
        let line = frame.to_string();
        prop_assert!(!line.is_empty());
        prop_assert!(line.chars().all(|c| c == '…' || (' '..='~').contains(&c)), "{line:?}");
    }

    #[test]
    fn what_is_read_is_written_again(octets in vec(any::<u8>(), 0..80)) {
        if let Ok(frame) = Frame::decode(&octets) {
            prop_assert_eq!(encoded(&frame), octets);
        }
    }

    #[test]
    fn a_control_packet_of_any_octets_is_read_or_refused(
        protocol in prop_oneof![
            Just(0xc021u16), Just(0x8021), Just(0x8057), Just(0x80fd), Just(0xc023), Just(0xc223)
        ],
        code in 0u8..18,
        length in 0u16..48,
        data in vec(any::<u8>(), 0..44),
    ) {
        let mut octets = protocol.to_be_bytes().to_vec();
        octets.extend([code, 1]);
        octets.extend(length.to_be_bytes());
        octets.extend(&data);
        match Frame::decode(&octets) {
            Ok(frame) => prop_assert_eq!(encoded(&frame), octets),
            Err(error) => {
                let shown = Described(&octets).to_string();
                prop_assert!(shown.ends_with(&error.to_string()));
            }
        }
    }

    #[test]
    fn a_frame_cut_short_never_reads_as_the_whole(frame in any_frame(), cut in 1usize..40) {
        let octets = encoded(&frame);
        let shorter = &octets[..octets.len().saturating_sub(cut)];
        if let Ok(other) = Frame::decode(shorter) {
            prop_assert_ne!(&other, &frame);
            prop_assert_eq!(encoded(&other), shorter);
        }
    }

    #[test]
    fn options_of_any_length_are_kept(kind: u8, data in vec(any::<u8>(), 0..253)) {
        option_is_kept::<lcp::LcpOption>(kind, &data)?;
        option_is_kept::<ipcp::IpcpOption>(kind, &data)?;
        option_is_kept::<ipv6cp::Ipv6cpOption>(kind, &data)?;
        option_is_kept::<ccp::CcpOption>(kind, &data)?;
    }

    #[test]
    fn known_kinds_of_any_length_are_kept(kind in 0u8..24, data in vec(any::<u8>(), 0..10)) {
        option_is_kept::<lcp::LcpOption>(kind, &data)?;
        option_is_kept::<ipcp::IpcpOption>(kind, &data)?;
        option_is_kept::<ipv6cp::Ipv6cpOption>(kind, &data)?;
        option_is_kept::<ccp::CcpOption>(kind, &data)?;
    }
}
