//! The secret that a client and a server share.

use std::fmt;

use zeroize::Zeroizing;

/// A shared secret (RFC 2865 §3): wiped when dropped, never shown.
#[derive(Clone)]
pub struct SharedSecret(Zeroizing<Vec<u8>>);

impl SharedSecret {
    /// Takes a secret, or gives `None` for an empty one, which RFC 2865 §3 forbids.
    pub fn new(octets: impl Into<Vec<u8>>) -> Option<Self> {
        let octets = Zeroizing::new(octets.into());
        (!octets.is_empty()).then_some(Self(octets))
    }

    pub(crate) fn octets(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_does_not_print_and_is_not_empty() {
        let secret = SharedSecret::new("testing123").unwrap();
        assert_eq!(format!("{secret:?}"), "***");
        assert!(SharedSecret::new("").is_none());
    }
}
