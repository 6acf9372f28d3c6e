//! The RC4 stream cipher.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

/// An RC4 key stream.
///
/// The tables are plain octets: 256 of them stay in the first cache level, and indexing with an
/// octet needs no bounds check.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Rc4 {
    state: [u8; 256],
    i: u8,
    j: u8,
}

impl Rc4 {
    /// Starts a key stream. The key has 1 to 256 octets; more are ignored, and an empty key is taken
    /// as one zero octet.
    pub fn new(key: &[u8]) -> Self {
        let mut cipher = Self {
            state: [0; 256],
            i: 0,
            j: 0,
        };
        cipher.rekey(key);
        cipher
    }

    /// Starts again with another key, as [`new`](Self::new) does, in the same memory.
    pub fn rekey(&mut self, key: &[u8]) {
        for (value, octet) in (0..=255u8).zip(&mut self.state) {
            *octet = value;
        }
        let key = if key.is_empty() { &[0] } else { key };
        let mut j = 0u8;
        for (i, octet) in (0..256).zip(key.iter().cycle()) {
            j = j.wrapping_add(self.state[i]).wrapping_add(*octet);
            self.state.swap(i, usize::from(j));
        }
        self.i = 0;
        self.j = 0;
    }

    /// Encrypts or decrypts: XORs `data` with the next octets of the key stream.
    pub fn apply(&mut self, data: &mut [u8]) {
        let (words, tail) = data.as_chunks_mut::<8>();
        for word in words {
            let mut stream = 0u64;
            for shift in 0..8 {
                stream |= u64::from(self.next_octet()) << (8 * shift);
            }
            *word = (u64::from_le_bytes(*word) ^ stream).to_le_bytes();
        }
        for octet in tail {
            *octet ^= self.next_octet();
        }
    }

    #[inline(always)]
    fn next_octet(&mut self) -> u8 {
        self.i = self.i.wrapping_add(1);
        let a = self.state[usize::from(self.i)];
        self.j = self.j.wrapping_add(a);
        let b = self.state[usize::from(self.j)];
        self.state[usize::from(self.i)] = b;
        self.state[usize::from(self.j)] = a;
        self.state[usize::from(a.wrapping_add(b))]
    }
}

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
