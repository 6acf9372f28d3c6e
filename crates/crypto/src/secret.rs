//! Octets that must not leak.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A fixed number of secret octets: wiped on drop, hidden from `Debug`, compared in constant time.
#[derive(Clone)]
pub(crate) struct Secret<const N: usize>(pub(crate) [u8; N]);

impl<const N: usize> Zeroize for Secret<N> {
    fn zeroize(&mut self) {
        // A slice is wiped at once, an array octet by octet.
        self.0.as_mut_slice().zeroize();
    }
}

impl<const N: usize> Drop for Secret<N> {
    fn drop(&mut self) {
        self.zeroize();
    }
}

impl<const N: usize> ZeroizeOnDrop for Secret<N> {}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<const N: usize> PartialEq for Secret<N> {
    fn eq(&self, other: &Self) -> bool {
        equal(&self.0, &other.0)
    }
}

impl<const N: usize> Eq for Secret<N> {}

/// Tells whether both are the same, in a time that depends on the lengths only.
pub(crate) fn equal(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// The first `N` octets of a digest.
///
/// `N` is at most the length of the digest: every caller names both as constants.
pub(crate) fn prefix<const N: usize>(digest: &[u8]) -> [u8; N] {
    let mut octets = [0; N];
    octets.copy_from_slice(&digest[..N]);
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secret([0x41; 16])), "***");
    }

    #[test]
    fn equality_sees_every_octet() {
        let a = Secret([7u8; 16]);
        for i in 0..16 {
            let mut other = a.clone();
            other.0[i] ^= 1;
            assert_ne!(a, other);
        }
        assert_eq!(a, a.clone());
        assert!(!equal(b"ab", b"abc"));
    }
}
