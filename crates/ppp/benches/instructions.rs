//! Cases whose instructions `.ci/instructions` counts.
//!
//! `instructions list` names them with their packets; `instructions CASE` runs one, and what counts of it
//! happens in the function `measured`. All of it is deterministic.

mod traffic;

use std::hint::black_box;
use std::process::ExitCode;

use adit_crypto::mppe_keys::{StartKey, Strength};
use adit_crypto::rc4::{LANES, Rc4};
use adit_ppp::mppe::Mode;
use adit_wire::gre;
use adit_wire::ppp::{Encapsulation, Protocol};
use traffic::Traffic;

/// Packets that a case has: the script divides by it.
const PACKETS: usize = 64;

type Case = (&'static str, fn());

const CASES: [Case; 13] = [
    ("gre-decode", gre_decode),
    ("gre-encode", gre_encode),
    ("ppp-split", ppp_split),
    ("key-change", key_change),
    ("seal-clear-1400", || seal::<LANES>(None, 1400)),
    ("seal-stateless-64", || {
        seal::<LANES>(Some(Mode::Stateless), 64)
    }),
    ("seal-stateless-1400", || {
        seal::<LANES>(Some(Mode::Stateless), 1400)
    }),
    ("seal-stateless-alone-1400", || {
        seal::<1>(Some(Mode::Stateless), 1400)
    }),
    ("seal-stateful-1400", || {
        seal::<LANES>(Some(Mode::Stateful), 1400)
    }),
    ("open-clear-1400", || open::<LANES>(None, 1400)),
    ("open-stateless-64", || {
        open::<LANES>(Some(Mode::Stateless), 64)
    }),
    ("open-stateless-1400", || {
        open::<LANES>(Some(Mode::Stateless), 1400)
    }),
    ("open-stateful-1400", || {
        open::<LANES>(Some(Mode::Stateful), 1400)
    }),
];

fn main() -> ExitCode {
    let argument = std::env::args().nth(1).unwrap_or_default();
    if argument == "list" {
        for (name, _) in CASES {
            println!("{name} {PACKETS}");
        }
        return ExitCode::SUCCESS;
    }
    let Some((_, run)) = CASES.iter().find(|(name, _)| *name == argument) else {
        // `cargo bench` gives options of its own.
        println!("run by .ci/instructions");
        return ExitCode::SUCCESS;
    };
    run();
    ExitCode::SUCCESS
}

/// The part of a case that counts, by its name.
#[inline(never)]
fn measured(what: &mut dyn FnMut()) {
    what();
}

fn gre_decode() {
    let packet = black_box(gre_header().encode());
    measured(&mut || {
        for _ in 0..PACKETS {
            let _ = black_box(gre::Header::decode(black_box(packet.as_octets())));
        }
    });
}

fn gre_encode() {
    measured(&mut || {
        for _ in 0..PACKETS {
            black_box(black_box(gre_header()).encode());
        }
    });
}

/// A data packet with an acknowledgment, as most are, but for its payload.
fn gre_header() -> gre::Header {
    gre::Header {
        call_id: 0x1234,
        payload_length: 0,
        sequence: Some(77_000),
        acknowledgment: Some(76_000),
    }
}

fn ppp_split() {
    let header = Encapsulation::PLAIN.header(Protocol::COMPRESSED_DATAGRAM);
    let frame = [header.as_ref(), &[0xa5; 64]].concat();
    measured(&mut || {
        for _ in 0..PACKETS {
            let _ = black_box(Encapsulation::split(black_box(&frame)));
        }
    });
}

fn key_change() {
    let keys = StartKey::from_octets([0x5a; 16]).for_strength(Strength::Bits128);
    let mut keys = keys.expect("every start key is good for 128 bits");
    let mut cipher = Rc4::new(&[]);
    measured(&mut || {
        for _ in 0..PACKETS {
            keys.change_into(black_box(&mut cipher));
        }
    });
}

fn seal<const N: usize>(mode: Option<Mode>, length: usize) {
    let mut traffic = Traffic::<N>::new(mode, length);
    measured(&mut || {
        for _ in 0..PACKETS / N {
            traffic.seal();
        }
    });
}

/// Frames can only be opened once and in order, so they are made in between.
fn open<const N: usize>(mode: Option<Mode>, length: usize) {
    let mut traffic = Traffic::<N>::new(mode, length);
    for _ in 0..PACKETS / N {
        traffic.seal();
        measured(&mut || traffic.open());
    }
}
