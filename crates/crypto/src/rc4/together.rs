//! Several streams in lock-step.

use std::ops::Range;

use zeroize::Zeroize;

use super::{Rc4, Table, step};

/// How many streams [`apply_together`] takes side by side. More do not fit into the registers of a
/// processor.
pub const LANES: usize = 4;

/// Octets of key stream that are made before they are used. A multiple of 8 that divides 256.
const BLOCK: usize = 64;

/// Encrypts or decrypts the data of each stream as [`Rc4::apply`] does, faster than one after the
/// other: best if their number is a multiple of [`LANES`], they are equally long and the streams
/// equally far.
///
/// The order of `streams` may change.
pub fn apply_together(streams: &mut [(&mut Rc4, &mut [u8])]) {
    streams.sort_unstable_by_key(|(cipher, data)| (cipher.i, std::cmp::Reverse(data.len())));
    for equally_far in streams.chunk_by_mut(|a, b| a.0.i == b.0.i) {
        for group in equally_far.chunks_mut(LANES) {
            apply_to_group(group);
        }
    }
}

/// Goes on until the shortest is done, then without it; they are the longest first.
fn apply_to_group(mut streams: &mut [(&mut Rc4, &mut [u8])]) {
    let mut done = 0;
    loop {
        let end = streams.last().map_or(0, |(_, data)| data.len());
        let range = done..end;
        match &mut *streams {
            [] => return,
            _ if range.len() < 2 * BLOCK => {
                for (cipher, data) in &mut *streams {
                    cipher.apply(&mut data[range.clone()]);
                }
            }
            [(cipher, data)] => cipher.apply(&mut data[range]),
            [a, b] => apply_side_by_side([a, b], range),
            [a, b, c] => apply_side_by_side([a, b, c], range),
            [a, b, c, d, ..] => apply_side_by_side([a, b, c, d], range),
        }
        done = end;
        let left = streams.partition_point(|(_, data)| data.len() > done);
        streams = &mut streams[..left];
    }
}

fn apply_side_by_side<const N: usize>(
    mut streams: [&mut (&mut Rc4, &mut [u8]); N],
    range: Range<usize>,
) {
    let mut lanes = Lanes::load(streams.each_ref().map(|(cipher, _)| &**cipher));
    let data = streams.each_mut().map(|(_, data)| &mut data[range.clone()]);
    lanes.apply(data);
    lanes.store(streams.map(|(cipher, _)| &mut **cipher));
}

/// The state of `N` streams with the same `i`, in one place: the way to each is then a constant.
struct Lanes<const N: usize> {
    tables: [Table; N],
    i: u8,
    j: [u8; N],
}

impl<const N: usize> Lanes<N> {
    fn load(ciphers: [&Rc4; N]) -> Self {
        Self {
            tables: ciphers.map(|cipher| cipher.table),
            i: ciphers.first().map_or(0, |cipher| cipher.i),
            j: ciphers.map(|cipher| cipher.j),
        }
    }

    fn store(&self, ciphers: [&mut Rc4; N]) {
        for (lane, cipher) in ciphers.into_iter().enumerate() {
            cipher.table = self.tables[lane];
            (cipher.i, cipher.j) = (self.i, self.j[lane]);
        }
    }

    /// Applies each stream to its data, all of which has the same length.
    fn apply(&mut self, mut data: [&mut [u8]; N]) {
        let length = data.first().map_or(0, |data| data.len());
        let head = usize::from(7u8.wrapping_sub(self.i) & 7).min(length);
        self.apply_octets(data.each_mut().map(|data| &mut data[..head]));
        let mut blocks = data.map(|data| data[head..].as_chunks_mut::<BLOCK>());
        for at in 0..(length - head) / BLOCK {
            let stream = self.block();
            for ((blocks, _), stream) in blocks.iter_mut().zip(&stream) {
                xor(&mut blocks[at], stream);
            }
        }
        self.apply_octets(blocks.map(|(_, tail)| tail));
    }

    fn apply_octets(&mut self, mut data: [&mut [u8]; N]) {
        for at in 0..data.first().map_or(0, |data| data.len()) {
            self.i = self.i.wrapping_add(1);
            for (lane, data) in data.iter_mut().enumerate() {
                data[at] ^= step(&mut self.tables[lane], self.i.into(), &mut self.j[lane]);
            }
        }
    }

    /// The next octets of each stream. The next `i` is a multiple of 8, so that it does not wrap
    /// within a word.
    ///
    /// They are collected in memory and used when all have arrived there: collecting them in
    /// registers takes more of these than there are.
    fn block(&mut self) -> [[u8; BLOCK]; N] {
        let mut block = [[0; BLOCK]; N];
        let mut j = self.j;
        for word in (0..BLOCK).step_by(8) {
            let i = usize::from(self.i.wrapping_add(1) & 0xf8);
            for octet in 0..8 {
                for lane in 0..N {
                    block[lane][word + octet] =
                        step(&mut self.tables[lane], i + octet, &mut j[lane]);
                }
            }
            self.i = self.i.wrapping_add(8);
        }
        self.j = j;
        block
    }
}

impl<const N: usize> Drop for Lanes<N> {
    fn drop(&mut self) {
        self.tables.as_flattened_mut().zeroize();
        self.j.as_mut_slice().zeroize();
    }
}

fn xor(data: &mut [u8; BLOCK], stream: &[u8; BLOCK]) {
    let words = data.as_chunks_mut::<8>().0.iter_mut();
    for (data, stream) in words.zip(stream.as_chunks::<8>().0) {
        *data = (u64::from_le_bytes(*data) ^ u64::from_le_bytes(*stream)).to_le_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A stream that is `used` octets far, and the data for it.
    fn stream() -> impl Strategy<Value = (Rc4, Vec<u8>)> {
        let used = prop_oneof![Just(0usize), Just(8), 0..600usize];
        let length = prop_oneof![Just(200usize), 0..20usize, 0..1500usize];
        (any::<[u8; 16]>(), used, length).prop_map(|(key, used, length)| {
            let mut cipher = Rc4::new(&key);
            cipher.apply(&mut vec![0; used]);
            (cipher, (0..length).map(|at| at as u8).collect())
        })
    }

    proptest! {
        #[test]
        fn together_as_one_by_one(streams in prop::collection::vec(stream(), 0..11)) {
            let (mut together, mut alone) = (streams.clone(), streams);
            let mut pairs: Vec<_> = together
                .iter_mut()
                .map(|(cipher, data)| (cipher, data.as_mut_slice()))
                .collect();
            apply_together(&mut pairs);
            for ((cipher, data), (expected_cipher, expected)) in together.iter_mut().zip(&mut alone) {
                expected_cipher.apply(expected);
                prop_assert_eq!(&*data, &*expected);
                prop_assert_eq!((cipher.i, cipher.j), (expected_cipher.i, expected_cipher.j));
                prop_assert_eq!(cipher.table, expected_cipher.table);
            }
        }

        #[test]
        fn equal_streams_at_any_place(key: [u8; 16], used in 0usize..300, length in 0usize..400, number in 1usize..9) {
            let mut cipher = Rc4::new(&key);
            cipher.apply(&mut vec![0; used]);
            let mut expected = vec![0x5a; length];
            cipher.clone().apply(&mut expected);
            let mut ciphers = vec![cipher; number];
            let mut data = vec![vec![0x5a; length]; number];
            let mut pairs: Vec<_> = ciphers
                .iter_mut()
                .zip(data.iter_mut().map(Vec::as_mut_slice))
                .collect();
            apply_together(&mut pairs);
            prop_assert_eq!(data, vec![expected; number]);
        }
    }
}
