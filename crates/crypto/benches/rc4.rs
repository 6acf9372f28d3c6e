//! RC4 as MPPE uses it, ours and the `rc4` crate's in turn: `cargo bench -p adit-crypto`.
//!
//! Prints the best of many short runs of each and their ratio, which says more than the figures on a
//! machine that others use too.

use std::hint::black_box;
use std::time::{Duration, Instant};

use adit_crypto::rc4::Rc4;
use rc4::{KeyInit, StreamCipher};

/// Octets of a packet and how many a run takes.
const PACKET: usize = 1400;
const PACKETS: usize = 200;
const RUNS: usize = 50;

fn main() {
    let key = [0x5a; 16];
    let mut packet = vec![0xa5; PACKET];
    let mut ours = Rc4::new(&key);
    let mut theirs = rc4::Rc4::new_from_slice(&key).expect("16 octets are a key");
    let kept = compare(
        || ours.apply(black_box(&mut packet)),
        &mut vec![0; PACKET],
        |packet| theirs.apply_keystream(black_box(packet)),
    );
    report("one key for all packets (stateful MPPE)", kept);
    let rekeyed = compare(
        || Rc4::new(black_box(&key)).apply(black_box(&mut packet)),
        &mut vec![0; PACKET],
        |packet| {
            rc4::Rc4::new_from_slice(black_box(&key))
                .expect("16 octets are a key")
                .apply_keystream(black_box(packet));
        },
    );
    report("a new key for each packet (stateless MPPE)", rekeyed);
}

/// The best time for a packet of each, runs of both taking turns.
fn compare(
    mut ours: impl FnMut(),
    buffer: &mut [u8],
    mut theirs: impl FnMut(&mut [u8]),
) -> (Duration, Duration) {
    let mut best = (Duration::MAX, Duration::MAX);
    for _ in 0..RUNS {
        best.0 = best.0.min(time(&mut ours));
        best.1 = best.1.min(time(|| theirs(buffer)));
    }
    best
}

fn time(mut packet: impl FnMut()) -> Duration {
    let start = Instant::now();
    (0..PACKETS).for_each(|_| packet());
    start.elapsed() / PACKETS as u32
}

fn report(what: &str, (ours, theirs): (Duration, Duration)) {
    let ratio = theirs.as_secs_f64() / ours.as_secs_f64();
    println!("{what}: {ours:?} for {PACKET} octets, the rc4 crate {theirs:?}: {ratio:.2} times");
}
