//! Checksums, segmentation and coalescing of full packets: `cargo bench -p adit-ip`.
//!
//! Prints the best of many short runs of each, which a machine that others use too disturbs least.

use std::hint::black_box;
use std::num::NonZeroU16;
use std::time::{Duration, Instant};

use adit_ip::coalesce::{Coalescer, Coalescing};
use adit_ip::offload::{HEADER_LENGTH, Offload, PartialChecksum, SegmentKind, Segmentation};
use adit_ip::segment::Segments;
use etherparse::PacketBuilder;

/// Octets of each packet, and of its payload behind IPv4, TCP and a timestamp.
const PACKET: usize = 1400;
const PAYLOAD: usize = PACKET - 20 - 32;
/// Packets in one long one, whose last is shorter.
const PACKETS: usize = 47;
const RUNS: usize = 2000;

fn main() {
    let long = long_packet();
    let offload = Offload {
        checksum: Some(PartialChecksum {
            start: 20,
            offset: 16,
        }),
        segmentation: Some(Segmentation {
            kind: SegmentKind::TcpV4 { ecn: false },
            size: NonZeroU16::new(PAYLOAD as u16).expect("not zero"),
            headers: 52,
        }),
    };
    let mut slots = vec![[0; 2048]; PACKETS];
    let segment = best(PACKETS, || segment(offload, &long, &mut slots));
    let packets: Vec<Vec<u8>> = slots
        .iter()
        .map(|slot| slot[..usize::from(u16::from_be_bytes([slot[2], slot[3]]))].to_vec())
        .collect();
    let mut coalescer = Coalescer::new(Coalescing {
        tcp: true,
        udp: true,
    });
    let coalesce = best(PACKETS, || coalesce(&mut coalescer, &packets));
    let mut packet = [0xa5; PACKET];
    let checksum = PartialChecksum {
        start: 20,
        offset: 16,
    };
    let sum = best(100, || {
        for _ in 0..100 {
            let completed = checksum.complete(black_box(&mut packet));
            completed.expect("the packet holds the field");
        }
    });
    report("checksum of a packet", sum);
    report("segment one long packet", segment);
    report("coalesce to one long packet", coalesce);
}

/// A TCP packet of 64 KiB.
fn long_packet() -> Vec<u8> {
    let payload: Vec<u8> = (0..PAYLOAD * PACKETS - 700).map(|at| at as u8).collect();
    let mut packet = Vec::new();
    PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
        .tcp(1, 2, 3, 4)
        .ack(5)
        .options_raw(&[1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2])
        .expect("options of 12 octets fit")
        .write(&mut packet, &payload)
        .expect("the packet is short enough");
    packet
}

fn segment(offload: Offload, long: &[u8], slots: &mut [[u8; 2048]]) {
    let mut segments = Segments::new(offload, black_box(long)).expect("the packet is sound");
    for slot in slots {
        let written = segments.next_into(&mut slot[..]).expect("as many segments");
        written.expect("the slot is long enough");
    }
    assert_eq!(segments.remaining(), 0);
}

fn coalesce(coalescer: &mut Coalescer, packets: &[Vec<u8>]) {
    let mut emitted = 0;
    let mut emit = |header: &[u8; HEADER_LENGTH], packet: &[u8]| {
        black_box((header, packet));
        emitted += 1;
    };
    for packet in packets {
        coalescer.offer(black_box(packet), &mut emit);
    }
    coalescer.flush(&mut emit);
    assert_eq!(emitted, 1);
}

/// The best time for a packet.
fn best(packets: usize, mut run: impl FnMut()) -> Duration {
    let time = |_| {
        let start = Instant::now();
        run();
        start.elapsed()
    };
    let nanoseconds = (0..RUNS).map(time).min().unwrap_or_default().as_nanos();
    Duration::from_nanos((nanoseconds / packets as u128) as u64)
}

fn report(what: &str, time: Duration) {
    let speed = PACKET as f64 / time.as_secs_f64() / 1e9;
    println!("{what}: {time:?} for {PACKET} octets, {speed:.1} GB/s");
}
