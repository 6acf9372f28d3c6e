//! Damaged captures and hostile packets: whatever the octets are, reading them ends, gives lines
//! that are safe on a terminal, and does not panic.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use adit_inspect::{Captured, Credentials, Inspector, LinkType, Summary, read_capture};
use proptest::collection::vec;
use proptest::prelude::*;

/// The captures of the repository.
static CAPTURES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures");
    let paths = fs::read_dir(directory)
        .expect("the captures are there")
        .map(|entry| entry.expect("the entry can be read").path());
    let captures = paths.filter(|path| path.extension().is_some_and(|end| end == "pcap"));
    let octets = captures.map(|path| fs::read(path).expect("the capture can be read"));
    octets.collect()
});

fn inspector() -> Inspector {
    Inspector::new(Some(Credentials::new(
        "alice",
        "correct horse".to_owned().into(),
    )))
}

/// Ends the reading and checks every line.
fn checked(mut inspector: Inspector) -> Result<Summary, TestCaseError> {
    inspector.finish();
    while let Some(line) = inspector.poll_line() {
        let shown = line.to_string();
        prop_assert!(!shown.chars().any(char::is_control), "{shown:?}");
    }
    let summary = inspector.summary();
    let shown = summary.to_string();
    prop_assert!(
        !shown.chars().any(|c| c.is_control() && c != '\n'),
        "{shown:?}"
    );
    Ok(summary)
}

/// A length of generated octets, which are few.
fn length_field(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes()
}

/// An IPv4 packet of GRE or TCP from one of two hosts to the other.
fn packet() -> impl Strategy<Value = Vec<u8>> {
    let control_octets = vec(any::<u8>(), 0..80);
    let marked = vec(any::<u8>(), 0..200)
        .prop_map(|rest| [&[0, 156, 0, 1, 0x1a, 0x2b, 0x3c, 0x4d, 0, 1][..], &rest].concat());
    let segment = (any::<u32>(), 0u8..32, prop_oneof![control_octets, marked]).prop_map(
        |(sequence, flags, octets)| {
            let sequence = (sequence % 600).to_be_bytes();
            let ports = [0xc0, 0, 0x06, 0xbb];
            let rest = [0, 0, 0, 0, 0x50, flags, 0, 0, 0, 0, 0, 0];
            (6, [&ports[..], &sequence, &rest, &octets].concat())
        },
    );
    let protocol = prop_oneof![
        Just([0xc0u8, 0x21]),
        Just([0xc2, 0x23]),
        Just([0xc0, 0x23]),
        Just([0x80, 0xfd]),
        Just([0x80, 0x21]),
        Just([0x00, 0xfd]),
        Just([0x00, 0x21]),
        any::<[u8; 2]>(),
    ];
    let frame = (
        protocol,
        0u8..16,
        0u8..3,
        vec(any::<u8>(), 0..60),
        any::<u32>(),
    );
    let gre = frame.prop_map(|(protocol, code, identifier, data, sequence)| {
        let length = length_field(data.len() + 4);
        let frame = [&protocol[..], &[code, identifier], &length, &data].concat();
        let payload_length = length_field(frame.len());
        let header = [&[0x30, 0x01, 0x88, 0x0b][..], &payload_length, &[0, 7]].concat();
        (47, [&header[..], &sequence.to_be_bytes(), &frame].concat())
    });
    let raw = (
        prop_oneof![Just(6u8), Just(47), Just(4), Just(41)],
        vec(any::<u8>(), 0..60),
    );
    (any::<bool>(), prop_oneof![segment, gre, raw]).prop_map(|(back, (protocol, payload))| {
        let length = length_field(payload.len() + 20);
        let hosts = if back { [1, 2] } else { [2, 1] };
        let mut packet = vec![
            0x45, 0, length[0], length[1], 0, 0, 0, 0, 64, protocol, 0, 0,
        ];
        packet.extend([10, 0, 0, hosts[0], 10, 0, 0, hosts[1]]);
        packet.extend(payload);
        packet
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_damaged_capture_is_read_as_far_as_it_goes(
        which in any::<prop::sample::Index>(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..40),
        end in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut octets = which.get(&CAPTURES).clone();
        for (at, value) in changes {
            let at = at.index(octets.len());
            octets[at] = value;
        }
        if let Some(end) = end {
            octets.truncate(end.index(octets.len()));
        }
        let mut inspector = inspector();
        let _ = read_capture(&*octets, |frame| {
            inspector.handle(frame);
            ControlFlow::Continue(())
        });
        checked(inspector)?;
    }

    #[test]
    fn frames_cut_by_a_snapshot_length_are_no_faults(
        which in any::<prop::sample::Index>(),
        snapshot in 0usize..200,
    ) {
        let mut inspector = inspector();
        let octets = which.get(&CAPTURES);
        let mut cut = 0;
        read_capture(octets.as_slice(), |frame| {
            let shorter = frame.octets.get(..snapshot).unwrap_or(frame.octets);
            cut += u64::from(shorter.len() < frame.octets.len());
            inspector.handle(Captured { octets: shorter, ..frame });
            ControlFlow::Continue(())
        }).unwrap();
        let summary = checked(inspector)?;
        prop_assert_eq!(summary.undecodable, 0, "{:?}", summary.faults);
        prop_assert_eq!(summary.cut_short, cut);
    }

    #[test]
    fn frames_in_another_order_do_no_harm(
        which in any::<prop::sample::Index>(),
        swaps in vec(any::<[prop::sample::Index; 2]>(), 0..20),
    ) {
        let mut frames = Vec::new();
        read_capture(which.get(&CAPTURES).as_slice(), |frame| {
            frames.push((frame.octets.to_vec(), frame.link_type));
            ControlFlow::Continue(())
        }).unwrap();
        for [one, other] in swaps {
            let (one, other) = (one.index(frames.len()), other.index(frames.len()));
            frames.swap(one, other);
        }
        let mut inspector = inspector();
        for (number, (octets, link_type)) in (1..).zip(&frames) {
            inspector.handle(Captured {
                number,
                time: Duration::from_millis(number),
                link_type: *link_type,
                octets,
                original_length: octets.len(),
            });
        }
        let summary = checked(inspector)?;
        prop_assert_eq!(summary.undecodable, 0, "{:?}", summary.faults);
    }

    #[test]
    fn hostile_packets_are_read(packets in vec(packet(), 0..40)) {
        let mut inspector = inspector();
        for (number, octets) in (1..).zip(&packets) {
            inspector.handle(Captured {
                number,
                time: Duration::from_millis(number),
                link_type: LinkType::RAW,
                octets,
                original_length: octets.len(),
            });
        }
        let summary = checked(inspector)?;
        prop_assert_eq!(summary.frames, u64::try_from(packets.len()).unwrap());
    }

    #[test]
    fn any_octets_of_any_link_type_are_read(
        link_type in prop_oneof![
            prop::sample::select(vec![0u16, 1, 9, 50, 51, 101, 108, 113, 204, 276]),
            any::<u16>(),
        ],
        octets in vec(any::<u8>(), 0..120),
        longer in 0usize..2,
    ) {
        let mut inspector = inspector();
        inspector.handle(Captured {
            number: 1,
            time: Duration::ZERO,
            link_type: LinkType(link_type),
            octets: &octets,
            original_length: octets.len() + longer,
        });
        checked(inspector)?;
    }
}
