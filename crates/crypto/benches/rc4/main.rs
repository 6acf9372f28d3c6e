//! MPPE packets, the ways to encrypt them in turn: `cargo bench -p adit-crypto`.
//!
//! With `--features openssl` (and its library) OpenSSL's RC4 and SHA-1 do the same work in the same run.
//! All ways have a short run each, round after round. Each is shown by its best round and by the median of
//! its rounds, with how many times as fast it is as the first way: by the best rounds, and by the median
//! of the ratios within rounds. On a machine that others use too, the best rounds tell what a core can
//! do, and the medians what it does beside the others.

mod crates;
#[cfg(feature = "openssl")]
mod openssl;

use std::hint::black_box;
use std::time::Instant;

use adit_crypto::mppe_keys::{SessionKeys, StartKey, Strength};
use adit_crypto::rc4::{LANES, Rc4, apply_together};

const START: [u8; 16] = [0x5a; 16];
const SIZES: [usize; 3] = [64, 512, 1400];
const ROUNDS: usize = 101;
/// Batches in the run of one way in one round: about 0.2 ms.
const BATCHES: usize = 20;

type Batch = [Vec<u8>; LANES];

/// A way to encrypt a batch of packets.
trait Way {
    /// Who does it and how.
    fn name(&self) -> &'static str;
    /// Encrypts all packets.
    fn encrypt(&mut self, batch: &mut Batch);
}

fn main() {
    for size in SIZES {
        compare("stateless, a new key for each packet", size, stateless());
    }
    for size in SIZES {
        compare("stateful, one key", size, stateful());
    }
}

fn stateless() -> Vec<Box<dyn Way>> {
    let keys = || {
        StartKey::from_octets(START)
            .for_strength(Strength::Bits128)
            .expect("every start key is good for 128 bits")
    };
    vec![
        #[cfg(feature = "openssl")]
        Box::new(openssl::Stateless::new(START)),
        Box::new(crates::Stateless::new(START)),
        Box::new(OneByOne(keys(), Rc4::new(&[]))),
        Box::new(Together(keys(), [(); LANES].map(|()| Rc4::new(&[])))),
    ]
}

fn stateful() -> Vec<Box<dyn Way>> {
    vec![
        #[cfg(feature = "openssl")]
        Box::new(openssl::Stateful::new(START)),
        Box::new(crates::Stateful::new(START)),
        Box::new(StatefulOneByOne([(); LANES].map(|()| Rc4::new(&START)))),
        Box::new(StatefulTogether([(); LANES].map(|()| Rc4::new(&START)))),
    ]
}

/// A key change, then a packet.
struct OneByOne(SessionKeys, Rc4);

impl Way for OneByOne {
    fn name(&self) -> &'static str {
        "Adit, one by one"
    }

    fn encrypt(&mut self, batch: &mut Batch) {
        for packet in batch {
            self.0.change_into(&mut self.1);
            self.1.apply(packet);
        }
    }
}

/// All key changes, then all packets.
struct Together(SessionKeys, [Rc4; LANES]);

impl Way for Together {
    fn name(&self) -> &'static str {
        "Adit, four together"
    }

    fn encrypt(&mut self, batch: &mut Batch) {
        for cipher in &mut self.1 {
            self.0.change_into(cipher);
        }
        apply(&mut self.1, batch);
    }
}

/// Streams that go on, one for each packet of the batch.
struct StatefulOneByOne([Rc4; LANES]);

impl Way for StatefulOneByOne {
    fn name(&self) -> &'static str {
        "Adit, one by one"
    }

    fn encrypt(&mut self, batch: &mut Batch) {
        for (cipher, packet) in self.0.iter_mut().zip(batch) {
            cipher.apply(packet);
        }
    }
}

/// The same side by side: packets of four sessions.
struct StatefulTogether([Rc4; LANES]);

impl Way for StatefulTogether {
    fn name(&self) -> &'static str {
        "Adit, four together"
    }

    fn encrypt(&mut self, batch: &mut Batch) {
        apply(&mut self.0, batch);
    }
}

fn apply(ciphers: &mut [Rc4; LANES], batch: &mut Batch) {
    let mut packets = batch.iter_mut();
    let mut streams = ciphers.each_mut().map(|cipher| {
        let packet = packets.next().expect("there are as many packets");
        (cipher, packet.as_mut_slice())
    });
    apply_together(&mut streams);
}

/// Measures all ways and prints a table.
fn compare(what: &str, size: usize, mut ways: Vec<Box<dyn Way>>) {
    let mut batch: Batch = [(); LANES].map(|()| vec![0xa5; size]);
    check(&mut ways, &batch);
    let mut times = vec![Vec::new(); ways.len()];
    for _ in 0..ROUNDS {
        for (way, times) in ways.iter_mut().zip(&mut times) {
            times.push(time(way.as_mut(), &mut batch));
        }
    }
    println!("{what}, {size} octets:");
    for (way, own) in ways.iter().zip(&times) {
        let ratio = median(times[0].iter().zip(own).map(|(first, own)| first / own));
        println!(
            "  {:<22} best {:>5.0} ns a packet ({:.2} times), median {:>5.0} ns ({ratio:.2} times)",
            way.name(),
            best(own),
            best(&times[0]) / best(own),
            median(own.iter().copied()),
        );
    }
}

/// All ways must give the same packets; the second batch shows that they go on alike.
fn check(ways: &mut [Box<dyn Way>], batch: &Batch) {
    let mut expected = None;
    for way in ways {
        let mut packets = batch.clone();
        way.encrypt(&mut packets);
        way.encrypt(&mut packets);
        assert_eq!(
            *expected.get_or_insert_with(|| packets.clone()),
            packets,
            "{} encrypts differently",
            way.name()
        );
    }
}

/// Nanoseconds a packet of a short run.
fn time(way: &mut dyn Way, batch: &mut Batch) -> f64 {
    let start = Instant::now();
    for _ in 0..BATCHES {
        way.encrypt(black_box(batch));
    }
    start.elapsed().as_nanos() as f64 / (BATCHES * LANES) as f64
}

fn best(times: &[f64]) -> f64 {
    times.iter().copied().fold(f64::INFINITY, f64::min)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
