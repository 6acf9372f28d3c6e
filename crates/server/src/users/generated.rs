//! Passwords made by the program.

use std::fmt;

use zeroize::Zeroizing;

use super::StoreError;

/// Letters and digits that are not mistaken for one another when read or typed; 32 of them, 5 bits each.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// 4 groups of 5: 100 bits.
const GROUPS: usize = 4;
const GROUP: usize = 5;

/// A random password of 100 bits. `Debug` shows `***`.
pub struct GeneratedPassword(Zeroizing<String>);

impl GeneratedPassword {
    /// Makes a password out of the system's random numbers.
    ///
    /// # Errors
    /// The system has none.
    pub fn new() -> Result<Self, StoreError> {
        let mut random = Zeroizing::new([0u8; GROUPS * GROUP]);
        getrandom::fill(random.as_mut_slice()).map_err(StoreError::Random)?;
        Ok(Self::from_random(&random))
    }

    fn from_random(random: &[u8; GROUPS * GROUP]) -> Self {
        let mut text = Zeroizing::new(String::with_capacity(GROUPS * (GROUP + 1)));
        for (index, octet) in random.iter().enumerate() {
            if index > 0 && index % GROUP == 0 {
                text.push('-');
            }
            text.push(char::from(ALPHABET[usize::from(octet % 32)]));
        }
        Self(text)
    }

    /// The password itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for GeneratedPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GeneratedPassword(***)")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn alphabet_has_no_doubles_and_nothing_ambiguous() {
        let letters: HashSet<&u8> = ALPHABET.iter().collect();
        assert_eq!(letters.len(), 32);
        assert!(!ALPHABET.iter().any(|letter| b"01oOlI".contains(letter)));
    }

    #[test]
    fn every_octet_chooses_a_letter() {
        let mut random = [0u8; 20];
        for (index, octet) in random.iter_mut().enumerate() {
            *octet = index as u8 + 224;
        }
        assert_eq!(
            GeneratedPassword::from_random(&random).as_str(),
            "abcde-fghij-kmnpq-rstuv"
        );
    }

    #[test]
    fn two_passwords_differ() {
        let (a, b) = (
            GeneratedPassword::new().unwrap(),
            GeneratedPassword::new().unwrap(),
        );
        assert_ne!(a.as_str(), b.as_str());
        assert_eq!(a.as_str().len(), 23);
        assert_eq!(format!("{a:?}"), "GeneratedPassword(***)");
    }
}
