//! Packets through two links in memory: `cargo bench -p adit-ppp`.
//!
//! A frame is made of a packet and opened again, without encryption and with 128-bit MPPE in both modes;
//! what these take more than without is MPPE. Times are those of as many packets as the name says.

mod traffic;

use std::time::{Duration, Instant};

use adit_crypto::rc4::LANES;
use adit_ppp::mppe::Mode;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use traffic::Traffic;

const SIZES: [usize; 3] = [64, 512, 1400];

fn packets(c: &mut Criterion) {
    for (name, mode) in [
        ("clear", None),
        ("stateless", Some(Mode::Stateless)),
        ("stateful", Some(Mode::Stateful)),
    ] {
        let mut group = c.benchmark_group(name);
        for size in SIZES {
            measure::<LANES>(&mut group, mode, size);
        }
    }
    let mut group = c.benchmark_group("stateless, alone");
    for size in SIZES {
        measure::<1>(&mut group, Some(Mode::Stateless), size);
    }
}

/// Frames can only be opened once and in order, so both directions run; each is timed by itself.
fn measure<const N: usize>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    mode: Option<Mode>,
    size: usize,
) {
    let mut traffic = Traffic::<N>::new(mode, size);
    group.throughput(Throughput::Bytes((N * size) as u64));
    group.bench_function(format!("seal {N} of {size} octets"), |b| {
        b.iter_custom(|batches| {
            let times = (0..batches).map(|_| {
                let sealing = time(|| traffic.seal());
                traffic.open();
                sealing
            });
            times.sum()
        });
    });
    group.bench_function(format!("open {N} of {size} octets"), |b| {
        b.iter_custom(|batches| {
            let times = (0..batches).map(|_| {
                traffic.seal();
                time(|| traffic.open())
            });
            times.sum()
        });
    });
}

fn time(what: impl FnOnce()) -> Duration {
    let start = Instant::now();
    what();
    start.elapsed()
}

criterion_group!(benches, packets);
criterion_main!(benches);
