use std::fmt;

/// Shows octets from a peer as text that is safe on a terminal: printable ASCII as it is, the rest
/// as `\xNN`, cut after 256 octets.
pub fn escaped(octets: &[u8]) -> Escaped<'_> {
    Escaped(octets)
}

/// What [`escaped`] returns.
#[derive(Debug, Clone, Copy)]
pub struct Escaped<'a>(&'a [u8]);

const SHOWN: usize = 256;

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for &octet in self.0.iter().take(SHOWN) {
            match octet {
                b'"' | b'\\' => write!(f, "\\{}", char::from(octet))?,
                b' '..=b'~' => write!(f, "{}", char::from(octet))?,
                _ => write!(f, "\\x{octet:02x}")?,
            }
        }
        if self.0.len() > SHOWN {
            f.write_str("…")
        } else {
            Ok(())
        }
    }
}
