use std::collections::HashMap;

use etherparse::TcpHeader;
use proptest::prelude::*;

use super::*;
use crate::offload::{Offload, SegmentKind};
use crate::samples::{Sample, any_sample, parse, tcp, udp};
use crate::segment::Segments;

const BOTH: Coalescing = Coalescing {
    tcp: true,
    udp: true,
};

type Emitted = Vec<(Offload, Vec<u8>)>;

/// What comes out of packets that are offered in one go.
fn coalesce(packets: &[Vec<u8>]) -> Emitted {
    let mut emitted = Vec::new();
    let mut coalescer = Coalescer::new(BOTH);
    let mut emit = emit_to(&mut emitted);
    packets
        .iter()
        .for_each(|packet| coalescer.offer(packet, &mut emit));
    coalescer.flush(&mut emit);
    drop(emit);
    emitted
}

fn emit_to(emitted: &mut Emitted) -> impl FnMut(&[u8; HEADER_LENGTH], &[u8]) {
    |header, packet| emitted.push((Offload::decode(header).unwrap(), packet.to_vec()))
}

/// The packets that the kernel makes of what came out.
fn cut((offload, packet): &(Offload, Vec<u8>)) -> Vec<Vec<u8>> {
    let mut segments = Segments::new(*offload, packet).unwrap();
    let mut out = vec![0; 1 << 16];
    std::iter::from_fn(|| {
        let length = segments.next_into(&mut out)?.unwrap();
        Some(out[..length].to_vec())
    })
    .collect()
}

/// How many packets each that comes out is made of. What goes in must come out.
fn runs(samples: &[Sample]) -> Vec<usize> {
    let packets: Vec<_> = samples.iter().map(Sample::packet).collect();
    let emitted = coalesce(&packets);
    let runs: Vec<_> = emitted.iter().map(cut).collect();
    for ((offload, packet), run) in emitted.iter().zip(&runs) {
        assert_eq!(offload.is_plain(), run.len() == 1, "{offload:?}");
        if run.len() == 1 {
            assert!(packets.contains(packet), "a lone packet is left as it was");
        }
    }
    let normal = |packets: &[Vec<u8>]| packets.iter().map(|p| normal(p)).collect::<Vec<_>>();
    assert_eq!(normal(&runs.concat()), normal(&packets));
    runs.iter().map(Vec::len).collect()
}

/// The packet without the identification of what is never fragmented, which means nothing.
fn normal(packet: &[u8]) -> Vec<u8> {
    let mut packet = packet.to_vec();
    if packet.first() == Some(&0x45) && packet.len() >= 20 && packet[6] & 0x40 != 0 {
        let sum = crate::checksum::Sum::default().add(&packet[..20]).folded();
        packet[4..6].fill(0);
        // Whether it was right, instead of the checksum.
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
    }
    packet
}

/// Segments of 10 octets of one connection, in order.
fn segments<const N: usize>() -> [Sample; N] {
    std::array::from_fn(|at| tcp(1, 100 + 10 * at as u32, &[at as u8; 10]))
}

/// The runs of three segments of which the second one is changed.
fn second(change: impl Fn(&mut Sample)) -> Vec<usize> {
    let mut samples = segments::<3>();
    change(&mut samples[1]);
    runs(&samples)
}

#[test]
fn segments_in_order_become_one_packet() {
    assert_eq!(runs(&segments::<5>()), [5]);
}

#[test]
fn headers_of_the_long_packet_are_its_own() {
    let mut samples = segments::<3>();
    samples[0].tcp.cwr = true;
    samples.iter_mut().for_each(|sample| sample.tcp.ece = true);
    samples[2].payload.truncate(4);
    (samples[2].tcp.psh, samples[2].tcp.fin) = (true, true);
    let mut whole = samples[0].clone();
    whole.payload = [[0; 10], [1; 10], [2; 10]].concat()[..24].to_vec();
    (whole.tcp.psh, whole.tcp.fin) = (true, true);
    let packets = samples.map(|sample| sample.packet());
    let emitted = coalesce(&packets);
    assert_eq!(emitted, [whole.long(10)]);
    let kind = emitted[0].0.segmentation.unwrap().kind;
    assert_eq!(kind, SegmentKind::TcpV4 { ecn: true });
}

#[test]
fn a_push_ends_a_run() {
    assert_eq!(second(|sample| sample.tcp.psh = true), [2, 1]);
    let mut samples = segments::<3>();
    samples[0].tcp.psh = true;
    assert_eq!(runs(&samples), [1, 2]);
}

#[test]
fn a_fin_ends_a_run() {
    assert_eq!(second(|sample| sample.tcp.fin = true), [2, 1]);
}

#[test]
fn a_run_that_has_ended_is_handed_out_at_once() {
    let mut samples = segments::<2>();
    samples[1].tcp.psh = true;
    let mut emitted = Vec::new();
    let mut coalescer = Coalescer::new(BOTH);
    for sample in &samples {
        coalescer.offer(&sample.packet(), &mut emit_to(&mut emitted));
    }
    assert_eq!(emitted.len(), 1);
    coalescer.flush(&mut emit_to(&mut emitted));
    assert_eq!(emitted.len(), 1, "and not once more");
}

#[test]
fn a_shorter_segment_ends_a_run() {
    let mut samples = segments::<3>();
    samples[1].payload.truncate(9);
    samples[2].tcp.sequence_number -= 1;
    assert_eq!(runs(&samples), [2, 1]);
}

#[test]
fn a_longer_segment_begins_a_run() {
    let mut samples = segments::<4>();
    samples[1].payload.push(7);
    samples[2].tcp.sequence_number += 1;
    samples[3].tcp.sequence_number += 1;
    assert_eq!(runs(&samples), [1, 2, 1]);
}

#[test]
fn a_segment_that_is_not_the_next_begins_a_run() {
    assert_eq!(second(|sample| sample.tcp.sequence_number += 1), [1, 1, 1]);
    let mut samples = segments::<4>();
    samples.swap(1, 2);
    assert_eq!(runs(&samples), [1, 1, 1, 1]);
    samples[2] = samples[3].clone();
    assert_eq!(runs(&samples), [1, 2, 1], "a repeated one");
}

#[test]
fn sequence_numbers_wrap_within_a_run() {
    let samples = segments::<3>().map(|mut sample| {
        sample.tcp.sequence_number = sample.tcp.sequence_number.wrapping_sub(115);
        sample
    });
    assert_eq!(runs(&samples), [3]);
}

#[test]
fn all_segments_of_a_run_have_one_tcp_header() {
    let changes: [fn(&mut TcpHeader); 8] = [
        |tcp| tcp.acknowledgment_number += 1,
        |tcp| tcp.window_size += 1,
        |tcp| tcp.ece = true,
        |tcp| tcp.ns = true,
        |tcp| tcp.urgent_pointer = 1,
        |tcp| {
            tcp.set_options_raw(&[1, 1, 8, 10, 0, 0, 0, 2, 0, 0, 0, 2])
                .unwrap()
        },
        |tcp| tcp.set_options_raw(&[]).unwrap(),
        |tcp| tcp.set_options_raw(&[1; 16]).unwrap(),
    ];
    for change in changes {
        assert_eq!(second(|sample| change(&mut sample.tcp)), [1, 1, 1]);
    }
}

#[test]
fn congestion_window_reduced_is_said_by_the_first_segment_of_a_run() {
    assert_eq!(second(|sample| sample.tcp.cwr = true), [1, 2]);
}

#[test]
fn all_packets_of_a_run_have_one_ip_header() {
    // Congestion experienced, another class, fewer hops
    let changes: [fn(&mut Sample); 3] = [
        |sample| sample.class = 3,
        |sample| sample.class = 0x20,
        |sample| sample.hops -= 1,
    ];
    for v6 in [false, true] {
        for change in changes {
            let mut samples = segments::<3>().map(|sample| Sample { v6, ..sample });
            change(&mut samples[1]);
            assert_eq!(runs(&samples), [1, 1, 1]);
        }
    }
    let mut packets = segments::<2>().map(|sample| Sample { v6: true, ..sample }.packet());
    assert_eq!(coalesce(&packets).len(), 1);
    packets[1][3] = 1;
    assert_eq!(coalesce(&packets).len(), 2, "another flow label");
}

#[test]
fn identification_counts_up_unless_fragments_are_forbidden() {
    let numbered = |ids: [u16; 3], dont_fragment: [bool; 3]| {
        let mut samples = segments::<3>();
        for (at, sample) in samples.iter_mut().enumerate() {
            (sample.identification, sample.dont_fragment) = (ids[at], dont_fragment[at]);
        }
        runs(&samples)
    };
    assert_eq!(numbered([0xffff, 0, 1], [false; 3]), [3]);
    assert_eq!(numbered([5, 6, 8], [false; 3]), [2, 1]);
    assert_eq!(numbered([5, 5, 5], [false; 3]), [1, 1, 1]);
    for ids in [[5, 5, 5], [0, 0, 0], [5, 6, 7], [9, 3, 4]] {
        assert_eq!(numbered(ids, [true; 3]), [3]);
    }
    assert_eq!(numbered([5, 6, 7], [true, false, true]), [1, 1, 1]);
}

#[test]
fn flags_that_say_more_pass_alone_and_in_order() {
    let changes: [fn(&mut Sample); 5] = [
        |sample| sample.tcp.syn = true,
        |sample| sample.tcp.rst = true,
        |sample| sample.tcp.urg = true,
        |sample| sample.tcp.ack = false,
        |sample| sample.payload.clear(),
    ];
    for change in changes {
        assert_eq!(second(change), [1, 1, 1]);
    }
}

#[test]
fn a_packet_that_cannot_be_merged_passes_at_once() {
    let mut acknowledgment = tcp(1, 2, &[]).packet();
    let mut coalescer = Coalescer::new(BOTH);
    for version in [0x45, 0x46, 0x75, 0x00] {
        acknowledgment[0] = version;
        let mut emitted = Vec::new();
        coalescer.offer(&acknowledgment, &mut emit_to(&mut emitted));
        assert_eq!(emitted, [(Offload::default(), acknowledgment.clone())]);
    }
    coalescer.flush(&mut |_, _| panic!("nothing was kept"));
}

#[test]
fn a_packet_with_a_wrong_checksum_is_never_merged() {
    let packets = segments::<4>().map(|sample| sample.packet());
    // TTL, which only the IP header covers; a port; an option; the payload
    for at in [8, 20, 50, 60] {
        for damaged in 0..4 {
            let mut packets = packets.clone();
            packets[damaged][at] ^= 1;
            let emitted = coalesce(&packets);
            let alone = (Offload::default(), packets[damaged].clone());
            assert!(emitted.contains(&alone));
            // A damaged port makes it a packet of another flow.
            let order = emitted.iter().flat_map(cut).map(|packet| normal(&packet));
            assert!(at == 20 || order.eq(packets.iter().map(|packet| normal(packet))));
        }
    }
}

#[test]
fn runs_are_bounded() {
    let many: Vec<_> = (0..130).map(|at| tcp(1, 10 * at, &[1; 10])).collect();
    assert_eq!(runs(&many), [64, 64, 2]);
    // 52 octets of headers and 46 times 1400 are 64,452.
    let long: Vec<_> = (0..50).map(|at| tcp(1, 1400 * at, &[1; 1400])).collect();
    assert_eq!(runs(&long), [46, 4]);
    let longest = [tcp(1, 0, &[1; 32741]), tcp(1, 32741, &[1; 32741])];
    assert_eq!(runs(&longest), [2]);
    let mut longer = longest.clone();
    longer[0].payload.push(1);
    longer[1].tcp.sequence_number += 1;
    assert_eq!(runs(&longer), [2], "65535 octets");
    longer[1].payload.push(1);
    assert_eq!(runs(&longer), [1, 1], "65536 octets");
}

#[test]
fn datagrams_of_equal_size_become_one_packet() {
    let datagrams = |lengths: &[usize]| {
        let samples = lengths.iter().map(|length| udp(1, &vec![5; *length]));
        runs(&samples.collect::<Vec<_>>())
    };
    assert_eq!(datagrams(&[10, 10, 10]), [3]);
    assert_eq!(datagrams(&[10, 10, 9, 10]), [3, 1]);
    assert_eq!(datagrams(&[10, 11, 11]), [1, 2]);
    assert_eq!(datagrams(&[0, 10, 0, 10]), [1, 1, 1, 1]);
    let mut whole = udp(1, &[5; 24]);
    whole.v6 = true;
    let parts = [10, 10, 4].map(|length| {
        let mut part = udp(1, &vec![5; length]);
        part.v6 = true;
        part.packet()
    });
    assert_eq!(coalesce(&parts), [whole.long(10)]);
}

#[test]
fn a_datagram_without_a_checksum_passes_alone() {
    let mut packets = [0; 3].map(|_| udp(1, &[5; 10]).packet());
    packets[1][26..28].fill(0);
    let emitted = coalesce(&packets);
    assert_eq!(emitted.len(), 3);
    assert_eq!(emitted[1], (Offload::default(), packets[1].clone()));
}

#[test]
fn only_what_is_asked_for_is_coalesced() {
    let packets = [
        tcp(1, 100, &[1; 10]),
        tcp(1, 110, &[2; 10]),
        udp(1, &[3; 10]),
        udp(1, &[4; 10]),
    ]
    .map(|sample| sample.packet());
    for (tcp, udp, expected) in [(true, false, 3), (false, true, 3), (false, false, 4)] {
        let mut coalescer = Coalescer::new(Coalescing { tcp, udp });
        let mut emitted = Vec::new();
        let mut emit = emit_to(&mut emitted);
        packets
            .iter()
            .for_each(|packet| coalescer.offer(packet, &mut emit));
        coalescer.flush(&mut emit);
        drop(emit);
        assert_eq!(emitted.len(), expected);
    }
}

#[test]
fn flows_are_gathered_side_by_side_as_many_as_there_is_room_for() {
    let packets = |flows: u16| {
        let of_flow = move |at: u32| (1..=flows).map(move |port| tcp(port, 10 * at, &[1; 10]));
        (0..3)
            .flat_map(of_flow)
            .map(|sample| sample.packet())
            .collect::<Vec<_>>()
    };
    assert_eq!(coalesce(&packets(FLOWS as u16)).len(), FLOWS);
    assert_eq!(coalesce(&packets(FLOWS as u16 + 2)).len(), FLOWS + 2 * 3);
}

#[test]
fn other_protocols_stay_in_order_between_two_addresses() {
    let mut fragment = udp(9, &[1; 16]).packet();
    fragment[6] = 0x20;
    let packets = [
        tcp(1, 100, &[1; 10]).packet(),
        fragment,
        tcp(1, 110, &[2; 10]).packet(),
    ];
    let order: Vec<_> = coalesce(&packets).into_iter().map(|(_, p)| p).collect();
    assert_eq!(order, packets);
    // Between others it holds nothing up.
    let mut elsewhere = packets.clone();
    elsewhere[1][15] = 7;
    assert_eq!(coalesce(&elsewhere).len(), 2);
}

/// What happens to a stream of packets on the way.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Arrives,
    Lost,
    Twice,
    /// With this bit turned.
    Damaged(usize),
    /// After the one behind it.
    Late,
    /// The packets at hand end behind it.
    EndsBatch,
}

fn any_fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        12 => Just(Fate::Arrives),
        1 => Just(Fate::Lost),
        1 => Just(Fate::Twice),
        1 => any::<usize>().prop_map(Fate::Damaged),
        1 => Just(Fate::Late),
        1 => Just(Fate::EndsBatch),
    ]
}

/// Packets of several flows, and whether a batch ends behind each.
fn any_stream() -> impl Strategy<Value = Vec<(Vec<u8>, bool)>> {
    let flows = prop::collection::vec((any_sample(3000), 1u16..300), 1..FLOWS + 4);
    let fates = prop::collection::vec((any::<prop::sample::Index>(), any_fate()), 0..200);
    (flows, fates).prop_map(|(flows, fates)| {
        let mut waiting: Vec<_> = flows
            .iter()
            .map(|(sample, size)| {
                let (offload, packet) = sample.long(*size);
                cut(&(offload, packet)).into_iter()
            })
            .collect();
        let mut stream = Vec::new();
        let mut late = Vec::new();
        for (index, fate) in fates {
            let flow = index.index(waiting.len());
            let Some(mut packet) = waiting[flow].next() else {
                continue;
            };
            match fate {
                Fate::Arrives => stream.push((packet, false)),
                Fate::Lost => {}
                Fate::Twice => stream.extend([(packet.clone(), false), (packet, false)]),
                Fate::Damaged(bit) => {
                    let at = bit / 8 % packet.len();
                    packet[at] ^= 1 << (bit % 8);
                    stream.push((packet, false));
                }
                Fate::Late => {
                    late.push((packet, false));
                    continue;
                }
                Fate::EndsBatch => stream.push((packet, true)),
            }
            stream.append(&mut late);
        }
        stream
    })
}

/// Addresses, protocol and ports, wherever they may be in a damaged packet.
fn flow(packet: &[u8]) -> Vec<u8> {
    match packet[0] >> 4 {
        4 => [&packet[9..10], &packet[12..24]].concat(),
        6 => [&packet[6..7], &packet[8..44]].concat(),
        _ => packet.to_vec(),
    }
}

fn by_flow(packets: impl IntoIterator<Item = Vec<u8>>) -> HashMap<Vec<u8>, Vec<Vec<u8>>> {
    let mut flows: HashMap<_, Vec<_>> = HashMap::new();
    for packet in packets {
        flows
            .entry(flow(&packet))
            .or_default()
            .push(normal(&packet));
    }
    flows
}

proptest! {
    #[test]
    fn whatever_happens_on_the_way_comes_out_in_order_and_whole(stream in any_stream()) {
        let mut coalescer = Coalescer::new(BOTH);
        let mut emitted = Vec::new();
        for (packet, ends_batch) in &stream {
            coalescer.offer(packet, &mut emit_to(&mut emitted));
            if *ends_batch {
                coalescer.flush(&mut emit_to(&mut emitted));
                let out: usize = emitted.iter().map(|e| cut(e).len()).sum();
                let offered = stream.iter().position(|(p, end)| *end && std::ptr::eq(p, packet));
                prop_assert_eq!(Some(out), offered.map(|at| at + 1), "nothing waits for longer");
            }
        }
        coalescer.flush(&mut emit_to(&mut emitted));
        let packets = stream.into_iter().map(|(packet, _)| packet);
        prop_assert_eq!(by_flow(emitted.iter().flat_map(cut)), by_flow(packets));
    }

    #[test]
    fn what_was_segmented_is_put_together_again(sample in any_sample(9000), size in 150u16..4000) {
        prop_assume!(sample.payload.len() > usize::from(size));
        let long = sample.long(size);
        let segments = cut(&long);
        segments.iter().for_each(|segment| { parse(segment); });
        prop_assert_eq!(coalesce(&segments), [long]);
    }

    #[test]
    fn any_octets_pass(packets in prop::collection::vec(
        (any::<bool>(), prop::collection::vec(any::<u8>(), 0..90)), 0..9,
    )) {
        let packets: Vec<_> = packets.into_iter().map(|(v6, mut packet)| {
            if let Some(first) = packet.first_mut() {
                *first = if v6 { 0x60 } else { 0x45 };
            }
            packet
        }).collect();
        let emitted = coalesce(&packets);
        prop_assert_eq!(emitted.len(), packets.len());
        prop_assert!(emitted.iter().all(|(offload, _)| offload.is_plain()));
    }
}
