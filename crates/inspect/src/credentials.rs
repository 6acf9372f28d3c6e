//! The user name and password to check exchanges with and to derive keys from.

use std::fmt;

use adit_crypto::nt::{LmHash, NtHash, strip_domain_octets};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// A user name and its password; wiped from memory when dropped, never shown.
#[derive(Clone)]
pub struct Credentials {
    user: String,
    password: Zeroizing<String>,
    pub(crate) nt_hash: NtHash,
    pub(crate) lm_hash: Option<LmHash>,
}

impl Credentials {
    /// Of a user, with or without a domain in front of the name.
    pub fn new(user: &str, password: Zeroizing<String>) -> Self {
        Self {
            user: user.to_owned(),
            nt_hash: NtHash::of_password(&password),
            lm_hash: LmHash::of_password(&password),
            password,
        }
    }

    /// Whether these are the credentials of the one who gave this name.
    pub(crate) fn are_of(&self, name: &[u8]) -> bool {
        strip_domain_octets(name) == strip_domain_octets(self.user.as_bytes())
    }

    pub(crate) fn password(&self) -> &[u8] {
        self.password.as_bytes()
    }

    pub(crate) fn password_is(&self, password: &[u8]) -> bool {
        self.password().ct_eq(password).into()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({:?}, ***)", self.user)
    }
}
