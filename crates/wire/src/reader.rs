use crate::ParseError;

/// A cursor over received octets; every read is checked and names the field that it was for.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the first octet of `octets`.
    pub const fn new(octets: &'a [u8]) -> Self {
        Self { rest: octets }
    }

    /// Takes the next `count` octets.
    ///
    /// # Errors
    /// [`ParseError::Truncated`] where fewer are left.
    pub fn bytes(&mut self, field: &'static str, count: usize) -> Result<&'a [u8], ParseError> {
        let (taken, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or(ParseError::Truncated {
                field,
                have: self.rest.len(),
                need: count,
            })?;
        self.rest = rest;
        Ok(taken)
    }

    /// Takes the next `N` octets as an array.
    ///
    /// # Errors
    /// [`ParseError::Truncated`] where fewer are left.
    pub fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], ParseError> {
        let mut array = [0; N];
        array.copy_from_slice(self.bytes(field, N)?);
        Ok(array)
    }

    /// Takes one octet.
    ///
    /// # Errors
    /// [`ParseError::Truncated`] at the end.
    pub fn u8(&mut self, field: &'static str) -> Result<u8, ParseError> {
        self.array::<1>(field).map(|[octet]| octet)
    }

    /// Takes a 16-bit integer.
    ///
    /// # Errors
    /// [`ParseError::Truncated`] where fewer than two octets are left.
    pub fn u16(&mut self, field: &'static str) -> Result<u16, ParseError> {
        self.array(field).map(u16::from_be_bytes)
    }

    /// Takes a 32-bit integer.
    ///
    /// # Errors
    /// [`ParseError::Truncated`] where fewer than four octets are left.
    pub fn u32(&mut self, field: &'static str) -> Result<u32, ParseError> {
        self.array(field).map(u32::from_be_bytes)
    }

    /// Takes all that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// How many octets are left.
    pub const fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Whether nothing is left.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}
