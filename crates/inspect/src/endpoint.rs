//! Who sends and receives, as far as a capture tells.

use std::fmt;
use std::net::IpAddr;

/// One end of what a capture shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Endpoint {
    /// By its IP address.
    Ip(IpAddr),
    /// By its Ethernet address.
    Mac([u8; 6]),
    /// The capturing machine, on a link without addresses.
    Local,
    /// The other machine, on a link without addresses.
    Remote,
    /// The capture does not tell.
    Unknown,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Mac([first, rest @ ..]) => {
                write!(f, "{first:02x}")?;
                rest.iter().try_for_each(|octet| write!(f, ":{octet:02x}"))
            }
            Self::Local => f.write_str("local"),
            Self::Remote => f.write_str("remote"),
            Self::Unknown => f.write_str("?"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_shown_as_usual() {
        assert_eq!(
            Endpoint::Mac([2, 0, 0, 0, 0, 0xfe]).to_string(),
            "02:00:00:00:00:fe"
        );
        assert_eq!(
            Endpoint::Ip(IpAddr::from([10, 0, 0, 1])).to_string(),
            "10.0.0.1"
        );
    }
}
