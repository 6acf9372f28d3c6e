//! The loop that the octets of several streams pass through.

use zeroize::Zeroize;

use super::Table;

/// Octets of key stream that are made before they are used: a multiple of 8 that divides 256.
pub(super) const BLOCK: usize = 64;

/// `N` streams in lock-step, whose `i` is the same and whose tables lie side by side: the way to each
/// table is then a constant.
pub(super) struct Lanes<const N: usize> {
    pub(super) tables: [Table; N],
    pub(super) i: u8,
    pub(super) j: [u8; N],
}

impl<const N: usize> Lanes<N> {
    /// XORs the streams into their data, all of which has the same length.
    pub(super) fn apply(&mut self, mut data: [&mut [u8]; N]) {
        let length = data.first().map_or(0, |data| data.len());
        let head = usize::from(7u8.wrapping_sub(self.i) & 7).min(length);
        self.apply_octets(data.each_mut().map(|data| &mut data[..head]));
        let mut data = data.map(|data| data[head..].as_chunks_mut::<BLOCK>());
        for at in 0..(length - head) / BLOCK {
            let stream = self.block();
            for ((blocks, _), stream) in data.iter_mut().zip(&stream) {
                xor(&mut blocks[at], stream);
            }
        }
        self.apply_octets(data.map(|(_, tail)| tail));
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
    /// Many octets are collected in memory and used when they have arrived there: collecting words in
    /// registers takes more of these than there are.
    fn block(&mut self) -> [[u8; BLOCK]; N] {
        if N <= 2 {
            self.block_reading_ahead()
        } else {
            self.block_in_order()
        }
    }

    fn block_in_order(&mut self) -> [[u8; BLOCK]; N] {
        let mut block = [[0; BLOCK]; N];
        let mut j = self.j;
        for word in (0..BLOCK).step_by(8) {
            let first = usize::from(self.i.wrapping_add(1) & 0xf8);
            for octet in 0..8 {
                for lane in 0..N {
                    let table = &mut self.tables[lane];
                    block[lane][word + octet] = step(table, first + octet, &mut j[lane]);
                }
            }
            self.i = self.i.wrapping_add(8);
        }
        self.j = j;
        block
    }

    /// As in order, but the element that the next step starts with is read before this step writes,
    /// and corrected if this step changes it. A processor that has to guess whether the two are the
    /// same loses more time than that takes, unless it has other lanes to go on with.
    fn block_reading_ahead(&mut self) -> [[u8; BLOCK]; N] {
        let mut block = [[0; BLOCK]; N];
        let mut j = self.j;
        let next = usize::from(self.i.wrapping_add(1));
        let mut a = self.tables.each_ref().map(|table| table[next]);
        for word in (0..BLOCK).step_by(8) {
            let first = usize::from(self.i.wrapping_add(1) & 0xf8);
            for octet in 0..8 {
                let i = first + octet;
                for lane in 0..N {
                    let table = &mut self.tables[lane];
                    j[lane] = j[lane].wrapping_add(a[lane]);
                    let b = table[usize::from(j[lane])];
                    let next = table[(i + 1) & 0xff];
                    table[i] = b;
                    table[usize::from(j[lane])] = a[lane];
                    block[lane][word + octet] = table[usize::from(a[lane].wrapping_add(b))];
                    if usize::from(j[lane]) != (i + 1) & 0xff {
                        a[lane] = next;
                    }
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

/// Makes one octet of a key stream; `i` is at most 255.
#[inline(always)]
fn step(table: &mut Table, i: usize, j: &mut u8) -> u8 {
    let a = table[i];
    *j = j.wrapping_add(a);
    let b = table[usize::from(*j)];
    table[usize::from(*j)] = a;
    table[i] = b;
    table[usize::from(a.wrapping_add(b))]
}

fn xor(data: &mut [u8; BLOCK], stream: &[u8; BLOCK]) {
    let words = data.as_chunks_mut::<8>().0.iter_mut();
    for (data, stream) in words.zip(stream.as_chunks::<8>().0) {
        *data = (u64::from_le_bytes(*data) ^ u64::from_le_bytes(*stream)).to_le_bytes();
    }
}
