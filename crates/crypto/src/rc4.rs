//! The RC4 stream cipher, for one stream and for several side by side.
//!
//! One stream leaves most of a processor idle: each octet waits for the one before it. Streams with
//! states of their own do not wait for each other, so [`apply_together`] takes an octet of each in
//! turn.

mod lanes;
mod schedule;
mod together;

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

pub use together::{LANES, apply_together};

/// The permutation of all octets that a key makes and each octet of a stream changes.
///
/// Its elements are plain octets: 256 of them stay in the first cache level, and indexing with an
/// octet needs no bounds check.
type Table = [u8; 256];

/// An RC4 key stream.
#[derive(Clone)]
pub struct Rc4 {
    table: Table,
    i: u8,
    j: u8,
}

impl Rc4 {
    /// Starts a key stream. The key has 1 to 256 octets; more are ignored, and an empty key is taken
    /// as one zero octet.
    pub fn new(key: &[u8]) -> Self {
        let mut cipher = Self::unkeyed();
        cipher.rekey(key);
        cipher
    }

    /// Memory for a key stream whose key comes by [`rekey`](Self::rekey) or its like.
    pub(crate) const fn unkeyed() -> Self {
        Self {
            table: schedule::IDENTITY,
            i: 0,
            j: 0,
        }
    }

    /// Starts again with another key, as [`new`](Self::new) does, in the same memory.
    pub fn rekey(&mut self, key: &[u8]) {
        match schedule::repeated(key) {
            Some(key) => schedule::permute([&mut self.table], [&key.0]),
            None => schedule::permute_by_any(&mut self.table, key),
        }
        (self.i, self.j) = (0, 0);
    }

    /// Starts two streams again, in the time that one and a half take by [`rekey`](Self::rekey).
    pub(crate) fn rekey_both(&mut self, key: &[u8], other: &mut Self, other_key: &[u8]) {
        match (schedule::repeated(key), schedule::repeated(other_key)) {
            (Some(key), Some(other_key)) => {
                schedule::permute([&mut self.table, &mut other.table], [&key.0, &other_key.0])
            }
            _ => {
                schedule::permute_by_any(&mut self.table, key);
                schedule::permute_by_any(&mut other.table, other_key);
            }
        }
        (self.i, self.j) = (0, 0);
        (other.i, other.j) = (0, 0);
    }

    /// Encrypts or decrypts: XORs `data` with the next octets of the key stream.
    pub fn apply(&mut self, data: &mut [u8]) {
        let table = &mut self.table;
        let (mut i, mut j) = (self.i.wrapping_add(1), self.j);
        let mut a = table[usize::from(i)];
        // The element that the next octet starts with is read before this one writes, and corrected if
        // this one changes it: a processor that has to guess whether the two are the same loses more.
        let mut next_octet = || {
            j = j.wrapping_add(a);
            let b = table[usize::from(j)];
            let next = table[usize::from(i.wrapping_add(1))];
            table[usize::from(i)] = b;
            table[usize::from(j)] = a;
            let octet = table[usize::from(a.wrapping_add(b))];
            i = i.wrapping_add(1);
            if j != i {
                a = next;
            }
            octet
        };
        let (words, tail) = data.as_chunks_mut::<8>();
        for word in words {
            let stream = std::array::from_fn(|_| next_octet());
            *word = (u64::from_le_bytes(*word) ^ u64::from_le_bytes(stream)).to_le_bytes();
        }
        for octet in tail {
            *octet ^= next_octet();
        }
        (self.i, self.j) = (i.wrapping_sub(1), j);
    }
}

impl Zeroize for Rc4 {
    fn zeroize(&mut self) {
        // A slice is wiped in words, an array octet by octet.
        self.table.as_mut_slice().zeroize();
        self.i.zeroize();
        self.j.zeroize();
    }
}

impl Drop for Rc4 {
    fn drop(&mut self) {
        self.zeroize();
    }
}

impl ZeroizeOnDrop for Rc4 {}

impl fmt::Debug for Rc4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rc4(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn degenerate_keys_do_not_panic() {
        let stream = |key: &[u8]| {
            let mut data = [0u8; 32];
            Rc4::new(key).apply(&mut data);
            data
        };
        assert_eq!(stream(&[]), stream(&[0]));
        assert_eq!(stream(&[3; 256]), stream(&[3; 300]));
    }

    #[test]
    fn state_does_not_print() {
        assert_eq!(format!("{:?}", Rc4::new(b"Key")), "Rc4(***)");
    }
}
