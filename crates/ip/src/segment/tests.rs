use etherparse::{NetHeaders, TransportHeader};
use proptest::prelude::*;

use super::*;
use crate::checksum::Sum;
use crate::offload::HEADER_LENGTH;
use crate::samples::{Sample, any_sample, parse, tcp, udp};
use crate::transport::{CWR, FIN, FLAGS, PSH, TCP, UDP, field, set_field};

/// All segments, written behind room in a slot that holds other things.
fn segments(offload: Offload, packet: &[u8]) -> Vec<Vec<u8>> {
    let mut segments = Segments::new(offload, packet).unwrap();
    let announced = segments.remaining();
    let mut all = Vec::new();
    let mut slot = vec![0xa5; 64 + packet.len()];
    while let Some(written) = segments.next_into(&mut slot[64..]) {
        all.push(slot[64..64 + written.unwrap()].to_vec());
        slot.fill(0xa5);
    }
    assert_eq!(all.len(), announced);
    assert_eq!(segments.remaining(), 0);
    all
}

fn flags(packet: &[u8]) -> u8 {
    packet[20 + FLAGS]
}

/// Any sample, also with options before the transport header.
fn any_packet() -> impl Strategy<Value = Sample> {
    (any_sample(9000), 0usize..4).prop_map(|(mut sample, options)| {
        if options > 0 {
            sample.options = if sample.v6 {
                // Destination options: the next header, the length, one option of padding.
                let protocol = if sample.udp { UDP } else { TCP };
                let length = 8 * options;
                let mut extension = vec![protocol, options as u8 - 1, 1, length as u8 - 4];
                extension.resize(length, 0);
                extension
            } else {
                vec![1; 4 * options]
            };
        }
        sample
    })
}

/// The header that the segment must have: that of the long packet but for its own fields.
fn expected_net(long: &NetHeaders, own: &NetHeaders, index: usize) -> NetHeaders {
    let mut long = long.clone();
    match (&mut long, own) {
        (NetHeaders::Ipv4(long, _), NetHeaders::Ipv4(own, _)) => {
            long.identification = long.identification.wrapping_add(index as u16);
            long.total_len = own.total_len;
            long.header_checksum = own.header_checksum;
        }
        (NetHeaders::Ipv6(long, _), NetHeaders::Ipv6(own, _)) => {
            long.payload_length = own.payload_length;
        }
        _ => panic!("another IP version"),
    }
    long
}

proptest! {
    #[test]
    fn segments_are_sound_and_make_up_the_packet(
        sample in any_packet(), size in prop_oneof![1u16..100, 500u16..2000, Just(u16::MAX)],
    ) {
        let long = parse(&sample.packet());
        let (offload, packet) = sample.long(size);
        let all = segments(offload, &packet);
        prop_assert_eq!(all.len(), sample.payload.len().div_ceil(usize::from(size)).max(1));
        let mut payload = Vec::new();
        for (index, segment) in all.iter().enumerate() {
            let (first, last) = (index == 0, index == all.len() - 1);
            let segment = parse(segment);
            prop_assert_eq!(&expected_net(&long.net, &segment.net, index), &segment.net);
            match (long.transport.clone(), segment.transport) {
                (TransportHeader::Tcp(mut long), TransportHeader::Tcp(segment)) => {
                    long.sequence_number = long.sequence_number.wrapping_add(payload.len() as u32);
                    long.fin &= last;
                    long.psh &= last;
                    long.cwr &= first;
                    long.checksum = segment.checksum;
                    prop_assert_eq!(long, segment);
                }
                (TransportHeader::Udp(mut long), TransportHeader::Udp(segment)) => {
                    (long.length, long.checksum) = (segment.length, segment.checksum);
                    prop_assert_eq!(long, segment);
                }
                _ => prop_assert!(false, "another protocol"),
            }
            prop_assert!(last || segment.payload.len() == usize::from(size));
            payload.extend(segment.payload);
        }
        prop_assert_eq!(payload, sample.payload);
    }

    #[test]
    fn the_partial_sum_is_needed_only_with_options(sample in any_sample(3000)) {
        let (offload, mut packet) = sample.long(700);
        let all = segments(offload, &packet);
        let checksum = offload.checksum.unwrap();
        set_field(&mut packet, usize::from(checksum.start + checksum.offset), 0x1234);
        prop_assert_eq!(&segments(offload, &packet), &all);
        let unasked = Offload { checksum: None, ..offload };
        prop_assert_eq!(&segments(unasked, &packet), &all);
    }

    #[test]
    fn any_octets_are_refused_or_cut(
        sample in any_packet(),
        header: [u8; HEADER_LENGTH],
        changes in prop::collection::vec((0usize..80, any::<u8>()), 0..6),
        cut in prop::option::of(0usize..100),
        own: bool,
    ) {
        let (mut offload, mut packet) = sample.long(900);
        if own && let Ok(other) = Offload::decode(&header) {
            offload = other;
        }
        for (at, value) in changes {
            if let Some(octet) = packet.get_mut(at) {
                *octet = value;
            }
        }
        packet.truncate(cut.unwrap_or(packet.len()));
        if let Ok(mut segments) = Segments::new(offload, &packet) {
            let mut out = vec![0; 65535 + 40];
            let mut count = segments.remaining();
            while let Some(written) = segments.next_into(&mut out) {
                prop_assert!(written.unwrap() <= packet.len());
                count -= 1;
            }
            prop_assert_eq!(count, 0);
        }
    }
}

#[test]
fn flags_that_end_are_on_the_last_and_cwr_on_the_first() {
    let mut sample = tcp(1, 2, &[7; 25]);
    (
        sample.tcp.fin,
        sample.tcp.psh,
        sample.tcp.cwr,
        sample.tcp.ece,
    ) = (true, true, true, true);
    let (offload, packet) = sample.long(10);
    let all: Vec<u8> = segments(offload, &packet)
        .iter()
        .map(|s| flags(s))
        .collect();
    assert_eq!(
        all,
        [0x10 | 0x40 | CWR, 0x10 | 0x40, 0x10 | 0x40 | FIN | PSH]
    );
}

#[test]
fn sequence_number_and_identification_wrap() {
    let mut sample = tcp(1, u32::MAX - 4, &[7; 20]);
    sample.identification = u16::MAX;
    let (offload, packet) = sample.long(10);
    let second = parse(&segments(offload, &packet)[1]);
    let (NetHeaders::Ipv4(ip, _), TransportHeader::Tcp(tcp)) = (second.net, second.transport)
    else {
        panic!("not TCP over IPv4")
    };
    assert_eq!((ip.identification, tcp.sequence_number), (0, 5));
}

#[test]
fn a_datagram_never_goes_without_a_checksum() {
    let mut sample = udp(1, &[0; 4]);
    let checksum = field(&sample.packet(), 26);
    sample.payload = [checksum.to_be_bytes(), [0; 2], [9; 2], [0; 2]].concat();
    let (offload, packet) = sample.long(4);
    let first = &segments(offload, &packet)[0];
    assert_eq!(field(first, 26), 0xffff);
    parse(first);
}

#[test]
fn the_last_address_of_a_routing_header_is_the_one_that_is_summed() {
    // Type 2 (RFC 6275 §6.4): one address, still to be visited.
    let home = [0xab; 16];
    let mut sample = tcp(1, 2, &[7; 30]);
    sample.v6 = true;
    sample.options = [&[TCP, 2, 2, 1, 0, 0, 0, 0][..], &home].concat();
    let (offload, mut packet) = sample.long(10);
    packet[6] = 43;
    let change = Sum::default()
        .add(&home)
        .add_word(!Sum::default().add(&[0xfe; 16]).folded());
    let pseudo = Sum::default()
        .add_word(field(&packet, 80))
        .add_word(change.folded());
    set_field(&mut packet, 80, pseudo.folded());
    for mut segment in segments(offload, &packet) {
        // As it arrives.
        segment[24..40].copy_from_slice(&home);
        parse(&segment);
    }
}

#[test]
fn a_packet_that_is_not_to_be_segmented_is_its_own_segment() {
    let sample = tcp(1, 2, &[7; 30]);
    let whole = sample.packet();
    assert_eq!(segments(Offload::default(), &whole), [&whole[..]]);
    let (offload, packet) = sample.long(1);
    let checksum_only = Offload {
        segmentation: None,
        ..offload
    };
    assert_eq!(segments(checksum_only, &packet), [whole]);
}

#[test]
fn octets_after_the_end_are_not_of_the_payload() {
    let sample = tcp(1, 2, &[7; 30]);
    let (offload, mut packet) = sample.long(20);
    let all = segments(offload, &packet);
    packet.extend([9; 5]);
    assert_eq!(segments(offload, &packet), all);
}

#[test]
fn a_segment_without_room_is_lost_and_the_next_one_is_not() {
    let (offload, packet) = tcp(1, 2, &[7; 15]).long(10);
    let all = segments(offload, &packet);
    let mut segments = Segments::new(offload, &packet).unwrap();
    let mut out = [0; 100];
    assert_eq!(
        segments.next_into(&mut out[..61]),
        Some(Err(SegmentError::Room { need: 62, have: 61 }))
    );
    assert_eq!(segments.next_into(&mut out), Some(Ok(57)));
    assert_eq!(out[..57], all[1]);
    assert_eq!(segments.next_into(&mut out), None);
    let mut whole = Segments::new(Offload::default(), &packet).unwrap();
    assert!(matches!(
        whole.next_into(&mut out[..1]),
        Some(Err(SegmentError::Room { have: 1, .. }))
    ));
    assert_eq!(whole.next_into(&mut out), None);
}

/// Why a changed packet is refused.
fn refused(sample: &Sample, change: impl Fn(&mut Offload, &mut Vec<u8>)) -> SegmentError {
    let (mut offload, mut packet) = sample.long(10);
    change(&mut offload, &mut packet);
    Segments::new(offload, &packet).unwrap_err()
}

#[test]
fn refuses_lengths_that_lie() {
    let sample = tcp(1, 2, &[7; 30]);
    let have = sample.packet().len();
    assert_eq!(
        refused(&sample, |_, packet| packet.truncate(have - 1)),
        SegmentError::Header(HeaderError::Truncated {
            total: have,
            have: have - 1
        })
    );
    assert_eq!(
        refused(&sample, |_, packet| packet[20 + 12] = 0x40),
        SegmentError::Transport {
            start: 20,
            length: have
        }
    );
    assert_eq!(
        refused(&tcp(1, 2, &[]), |_, packet| packet[20 + 12] = 0xf0),
        SegmentError::Transport {
            start: 20,
            length: 52
        }
    );
}

#[test]
fn refuses_another_protocol_than_said() {
    let kind = SegmentKind::TcpV4 { ecn: false };
    let sample = tcp(1, 2, &[7; 30]);
    assert_eq!(
        refused(&sample, |_, packet| packet[9] = UDP),
        SegmentError::Kind { kind }
    );
    let as_tcp = |offload: &mut Offload, _: &mut Vec<u8>| {
        if let Some(segmentation) = &mut offload.segmentation {
            segmentation.kind = kind;
        }
    };
    let v6 = Sample { v6: true, ..sample };
    assert_eq!(refused(&v6, as_tcp), SegmentError::Kind { kind });
    assert_eq!(
        refused(&udp(1, &[7; 30]), as_tcp),
        SegmentError::Kind { kind }
    );
    let later_fragment = |_: &mut Offload, packet: &mut Vec<u8>| packet[7] = 1;
    assert_eq!(
        refused(&tcp(1, 2, &[7; 30]), later_fragment),
        SegmentError::Kind { kind }
    );
}

#[test]
fn refuses_a_checksum_that_starts_elsewhere() {
    let sample = tcp(1, 2, &[7; 30]);
    let at = |start: u16| {
        move |offload: &mut Offload, _: &mut Vec<u8>| {
            offload.checksum = Some(PartialChecksum { start, offset: 16 });
        }
    };
    for start in [0, 24, u16::MAX] {
        assert_eq!(
            refused(&sample, at(start)),
            SegmentError::Start {
                start: usize::from(start),
                found: 20
            }
        );
    }
    let whole = |offload: &mut Offload, _: &mut Vec<u8>| {
        offload.segmentation = None;
        at(1000)(offload, &mut Vec::new());
    };
    assert!(matches!(
        refused(&sample, whole),
        SegmentError::Checksum(ChecksumError { start: 1000, .. })
    ));
}
