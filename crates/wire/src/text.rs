//! Text in fields of a fixed size, as PPTP has them (RFC 2637 §2).

use std::fmt::{self, Write as _};

/// A field of `N` octets that holds text filled up with NULs.
///
/// All octets are kept, those behind the first NUL too, so that writing the field gives what was
/// read. `Display` shows the text up to the first NUL with everything but printable ASCII escaped.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Text<const N: usize>([u8; N]);

impl<const N: usize> Text<N> {
    /// Holds `text`, cut at the last whole character that fits into `N` octets.
    pub fn new(text: &str) -> Self {
        let mut octets = [0; N];
        let cut = text.floor_char_boundary(N);
        for (to, from) in octets.iter_mut().zip(&text.as_bytes()[..cut]) {
            *to = *from;
        }
        Self(octets)
    }

    /// Holds the octets of a received field as they are.
    pub const fn from_octets(octets: [u8; N]) -> Self {
        Self(octets)
    }

    /// The whole field.
    pub const fn octets(&self) -> &[u8; N] {
        &self.0
    }

    /// The octets in front of the first NUL, or all of them.
    pub fn until_nul(&self) -> &[u8] {
        self.0.split(|&octet| octet == 0).next().unwrap_or_default()
    }
}

impl<const N: usize> Default for Text<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

impl<const N: usize> fmt::Display for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for &octet in self.until_nul() {
            match octet {
                b'"' | b'\\' => write!(f, "\\{}", char::from(octet))?,
                b' '..=b'~' => f.write_char(char::from(octet))?,
                _ => write!(f, "\\x{octet:02x}")?,
            }
        }
        Ok(())
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_text_up_to_the_first_nul() {
        let mut octets = [0; 8];
        octets[..5].copy_from_slice(b"ab\0cd");
        let text = Text::from_octets(octets);
        assert_eq!(text.to_string(), "ab");
        assert_eq!(text.octets(), &octets);
    }

    #[test]
    fn escapes_what_could_break_a_log_line() {
        assert_eq!(
            Text::<16>::new("a\n\"\\\u{e9}\x1b[").to_string(),
            r#"a\x0a\"\\\xc3\xa9\x1b["#
        );
    }

    #[test]
    fn shows_a_full_field_without_a_nul() {
        assert_eq!(Text::<4>::from_octets(*b"full").to_string(), "full");
    }

    #[test]
    fn cuts_long_text_between_characters() {
        assert_eq!(Text::<4>::new("abc\u{e9}").octets(), b"abc\0");
        assert_eq!(Text::<4>::new("abcdef").octets(), b"abcd");
    }
}
