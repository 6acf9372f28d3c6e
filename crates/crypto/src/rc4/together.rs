//! Several streams in lock-step.

use std::ops::Range;

use super::Rc4;
use super::lanes::{BLOCK, Lanes};

/// How many streams [`apply_together`] takes side by side. More do not fit into the registers of a
/// processor.
pub const LANES: usize = 4;

/// Less data than this is not worth the copies of the tables.
const WORTHWHILE: usize = 2 * BLOCK;

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
            _ if range.len() < WORTHWHILE => {
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
    let mut lanes = Lanes {
        tables: streams.each_ref().map(|(cipher, _)| cipher.table),
        i: streams.first().map_or(0, |(cipher, _)| cipher.i),
        j: streams.each_ref().map(|(cipher, _)| cipher.j),
    };
    lanes.apply(streams.each_mut().map(|(_, data)| &mut data[range.clone()]));
    for (lane, (cipher, _)) in streams.into_iter().enumerate() {
        cipher.table = lanes.tables[lane];
        (cipher.i, cipher.j) = (lanes.i, lanes.j[lane]);
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
