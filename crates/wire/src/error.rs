/// Why octets could not be read as what they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Fewer octets than the field needs.
    #[error("{field} is cut short: {have} octets, {need} needed")]
    Truncated {
        /// The field's name in its RFC.
        field: &'static str,
        /// Octets that were left.
        have: usize,
        /// Octets that the field takes.
        need: usize,
    },
    /// A length field, or the length of the whole, that is not possible for this kind.
    #[error("{field} has length {value}, which it cannot have")]
    Length {
        /// The field's name in its RFC.
        field: &'static str,
        /// The length found.
        value: usize,
    },
    /// A value that the format forbids.
    #[error("{field} is {value:#x}, which it cannot be")]
    Value {
        /// The field's name in its RFC.
        field: &'static str,
        /// The value found.
        value: u32,
    },
}
