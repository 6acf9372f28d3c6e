//! The RC4 stream cipher.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

/// The tables before a key permutes them.
const IDENTITY: [u8; 256] = {
    let mut octets = [0; 256];
    let mut i = 0;
    while i < 256 {
        octets[i] = i as u8;
        i += 1;
    }
    octets
};

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
        self.state = IDENTITY;
        let key = if key.is_empty() { &[0] } else { key };
        let mut j = 0u8;
        for start in (0..256).step_by(key.len()) {
            for (i, octet) in (start..256).zip(key) {
                let a = self.state[i];
                j = j.wrapping_add(a).wrapping_add(*octet);
                self.state[i] = self.state[usize::from(j)];
                self.state[usize::from(j)] = a;
            }
        }
        self.i = 0;
        self.j = 0;
    }

    /// Encrypts or decrypts: XORs `data` with the next octets of the key stream.
    pub fn apply(&mut self, data: &mut [u8]) {
        let (mut i, mut j) = (self.i, self.j);
        let state = &mut self.state;
        let mut next = || {
            i = i.wrapping_add(1);
            let a = state[usize::from(i)];
            j = j.wrapping_add(a);
            let b = state[usize::from(j)];
            state[usize::from(i)] = b;
            state[usize::from(j)] = a;
            state[usize::from(a.wrapping_add(b))]
        };
        let (words, tail) = data.as_chunks_mut::<8>();
        for word in words {
            let stream = std::array::from_fn(|_| next());
            *word = (u64::from_le_bytes(*word) ^ u64::from_le_bytes(stream)).to_le_bytes();
        }
        for octet in tail {
            *octet ^= next();
        }
        self.i = i;
        self.j = j;
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
