use std::time::Duration;

use adit_wire::control::{EchoRequest, Message};

use super::*;
use crate::pcap::LinkType;

const CLIENT: [u8; 4] = [10, 0, 0, 2];
const SERVER: [u8; 4] = [10, 0, 0, 1];

fn ipv4(protocol: u8, from: [u8; 4], to: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + payload.len()).unwrap().to_be_bytes();
    let mut packet = vec![
        0x45, 0, length[0], length[1], 0, 0, 0, 0, 64, protocol, 0, 0,
    ];
    packet.extend(from);
    packet.extend(to);
    packet.extend(payload);
    packet
}

fn segment(flags: u8, sequence: u32, octets: &[u8]) -> Vec<u8> {
    let mut segment = vec![0xc0, 0x00, 0x06, 0xbb];
    segment.extend(sequence.to_be_bytes());
    segment.extend([0, 0, 0, 0, 0x50, flags, 0, 0, 0, 0, 0, 0]);
    segment.extend(octets);
    ipv4(6, CLIENT, SERVER, &segment)
}

fn gre(sequence: u32, frame: &[u8]) -> Vec<u8> {
    let header = adit_wire::gre::Header {
        call_id: 5,
        payload_length: u16::try_from(frame.len()).unwrap(),
        sequence: Some(sequence),
        acknowledgment: None,
    };
    let mut packet = header.encode().as_octets().to_vec();
    packet.extend(frame);
    ipv4(47, CLIENT, SERVER, &packet)
}

fn echo(identifier: u32) -> Vec<u8> {
    let mut octets = Vec::new();
    let reserved0 = 0;
    Message::from(EchoRequest {
        reserved0,
        identifier,
    })
    .encode(&mut octets);
    octets
}

/// Reads raw IP packets, each with the length that it had before the capture cut it.
fn read(packets: &[(Vec<u8>, usize)]) -> (Vec<String>, Summary) {
    let mut inspector = Inspector::new(None);
    for (number, (packet, missing)) in (1u8..).zip(packets) {
        inspector.handle(Captured {
            number: number.into(),
            time: Duration::from_secs(100 + u64::from(number)),
            link_type: LinkType::RAW,
            octets: packet,
            original_length: packet.len() + missing,
        });
    }
    inspector.finish();
    let lines = std::iter::from_fn(|| inspector.poll_line());
    (
        lines.map(|line| line.to_string()).collect(),
        inspector.summary(),
    )
}

fn whole(packets: impl IntoIterator<Item = Vec<u8>>) -> Vec<(Vec<u8>, usize)> {
    packets.into_iter().map(|packet| (packet, 0)).collect()
}

#[test]
fn a_message_across_reordered_segments_is_one_line() {
    let message = echo(42);
    let (lines, summary) = read(&whole([
        segment(0x02, 999, b""),
        segment(0x18, 1005, &message[5..]),
        segment(0x18, 1005, &message[5..]),
        segment(0x18, 1000, &message[..5]),
        segment(0x18, 1000, &message[..5]),
    ]));
    assert_eq!(
        lines,
        ["    4    3.000000 10.0.0.2:49152 > 10.0.0.1:1723  Echo-Request id=42"]
    );
    assert_eq!(summary.retransmissions, 2);
    assert!(summary.is_clean());
}

#[test]
fn what_is_no_control_message_is_a_fault() {
    let (lines, summary) = read(&whole([
        segment(0x02, 0, b""),
        segment(0x18, 1, b"GET / HTTP/1.1\r\n\r\n"),
    ]));
    assert!(lines[0].contains("not a control message"), "{lines:?}");
    assert_eq!(summary.undecodable, 1);
    assert_eq!(summary.faults[0].frame, 2);
}

#[test]
fn a_connection_without_its_beginning_is_read_from_the_next_message() {
    let octets = [&b"the tail"[..], &echo(1)].concat();
    let (lines, summary) = read(&whole([segment(0x18, 77, &octets)]));
    assert!(lines[2].ends_with("Echo-Request id=1"), "{lines:?}");
    assert_eq!((summary.gaps, summary.undecodable), (1, 0));
}

#[test]
fn a_tunnelled_frame_is_described_after_its_header() {
    let (lines, summary) = read(&whole([
        gre(3, &[0xff, 0x03, 0xc0, 0x21, 9, 1, 0, 8, 0, 0, 0, 7]),
        gre(3, &[0xff, 0x03, 0xc0, 0x21, 9, 1, 0, 8, 0, 0, 0, 7]),
    ]));
    let line = "GRE call-id=5 seq=3 length=12: LCP Echo-Request id=1 magic=0x00000007";
    assert!(lines[0].ends_with(line), "{lines:?}");
    assert!(lines[1].ends_with("(again)"), "{lines:?}");
    assert_eq!((summary.duplicates, summary.packets["LCP"]), (1, 2));
}

#[test]
fn an_undecodable_frame_is_a_fault_but_a_cut_one_is_not() {
    let broken = gre(1, &[0xff, 0x03, 0xc0, 0x21, 9, 1, 0, 200]);
    let mut cut = gre(2, &[0xff, 0x03, 0xc0, 0x21, 9, 1, 0, 8, 0, 0, 0, 7]);
    cut.truncate(cut.len() - 6);
    let (lines, summary) = read(&[(broken, 0), (cut, 6)]);
    assert!(lines[0].contains("undecodable PPP frame"), "{lines:?}");
    assert!(lines[1].contains("not captured whole"), "{lines:?}");
    assert_eq!((summary.undecodable, summary.cut_short), (1, 1));
}

#[test]
fn other_traffic_is_counted_and_no_fault() {
    let mut gre_v0 = vec![0, 0, 0x08, 0x00];
    gre_v0.extend([0; 20]);
    let mut fragment = gre(1, &[0xc0, 0x21]);
    fragment[6] = 0x20;
    let (_, summary) = read(&whole([
        ipv4(17, CLIENT, SERVER, &[0; 8]),
        ipv4(47, CLIENT, SERVER, &gre_v0),
        vec![0x45],
        fragment,
    ]));
    assert_eq!(summary.not_looked_at["UDP"], 1);
    assert_eq!(summary.not_looked_at["GRE without PPTP"], 1);
    assert_eq!(summary.not_looked_at["unreadable IP packet"], 1);
    assert_eq!(summary.fragments, 1);
    assert!(summary.is_clean());
}
