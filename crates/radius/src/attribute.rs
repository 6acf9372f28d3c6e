//! Attributes: their types, lists of them to send, and checked reading (RFC 2865 §5).
//!
//! An attribute of a vendor stands inside a Vendor-Specific attribute. [`Attributes`] opens these up, so
//! that both kinds are told apart by their [`Type`] alone.

use std::net::{Ipv4Addr, Ipv6Addr};

mod list;
mod read;
mod types;

pub use list::{AttributeError, AttributeList};
pub(crate) use read::check;
pub use read::{Attribute, Attributes};
pub use types::*;

/// Most octets of a value (RFC 2865 §5).
pub const MAX_VALUE: usize = 253;
/// Most octets of the value of a vendor's attribute (RFC 2865 §5.26).
pub const MAX_VENDOR_VALUE: usize = 247;

/// What an attribute is: one of the standard's, or one of a vendor's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Type {
    /// The vendor's enterprise number; 0 for the standard's own attributes.
    pub vendor: u32,
    /// The number among those.
    pub code: u8,
}

impl Type {
    /// One of the standard's attributes.
    pub const fn standard(code: u8) -> Self {
        Self { vendor: 0, code }
    }

    /// One of a vendor's.
    pub const fn of_vendor(vendor: u32, code: u8) -> Self {
        Self { vendor, code }
    }
}

impl std::fmt::Display for Type {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.vendor {
            0 => write!(f, "{}", self.code),
            vendor => write!(f, "{}.{vendor}.{}", VENDOR_SPECIFIC.code, self.code),
        }
    }
}

/// A prefix as Framed-IPv6-Prefix and the like carry it (RFC 3162 §2.3): a reserved octet, the length in
/// bits, and as many octets of the prefix as it needs.
pub fn ipv6_prefix_value(prefix: Ipv6Addr, bits: u8) -> Vec<u8> {
    let mut value = vec![0, bits];
    value.extend(&prefix.octets()[..usize::from(bits.min(128)).div_ceil(8)]);
    value
}

/// The inverse of [`ipv6_prefix_value`]: prefix and length in bits. `None` where lengths do not fit, or
/// bits behind the prefix are set, which RFC 3162 §2.3 forbids.
pub fn parse_ipv6_prefix(value: &[u8]) -> Option<(Ipv6Addr, u8)> {
    let (&[_, bits], octets) = value.split_first_chunk::<2>()?;
    if bits > 128 || octets.len() > 16 || octets.len() < usize::from(bits).div_ceil(8) {
        return None;
    }
    let mut address = [0; 16];
    address[..octets.len()].copy_from_slice(octets);
    let address = u128::from_be_bytes(address);
    let host_bits = u128::MAX.checked_shr(bits.into()).unwrap_or(0);
    (address & host_bits == 0).then(|| (address.into(), bits))
}

impl Attribute<'_> {
    /// The value as a number of four octets (RFC 2865 §5, "integer" and "time").
    pub fn u32(&self) -> Option<u32> {
        Some(u32::from_be_bytes(self.value.try_into().ok()?))
    }

    /// The value as an IPv4 address.
    pub fn ipv4(&self) -> Option<Ipv4Addr> {
        Some(Ipv4Addr::from(<[u8; 4]>::try_from(self.value).ok()?))
    }

    /// The value as an IPv6 address.
    pub fn ipv6(&self) -> Option<Ipv6Addr> {
        Some(Ipv6Addr::from(<[u8; 16]>::try_from(self.value).ok()?))
    }

    /// The value as text: servers that end it with a NUL are forgiven.
    pub fn text(&self) -> Option<&str> {
        let text = self.value.strip_suffix(b"\0").unwrap_or(self.value);
        std::str::from_utf8(text).ok()
    }

    /// The value of an attribute that may have a tag before its text (RFC 2868 §3): without that.
    pub fn untagged(&self) -> &[u8] {
        match self.value {
            [..=0x1f, rest @ ..] => rest,
            value => value,
        }
    }
}

#[cfg(test)]
mod tests;
