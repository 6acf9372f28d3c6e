//! Reading attributes.

use super::{Type, VENDOR_SPECIFIC};

/// One attribute as it came.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// What it is.
    pub kind: Type,
    /// Its value: at most 253 octets.
    pub value: &'a [u8],
}

impl std::fmt::Debug for Attribute<'_> {
    /// The type only: values can be secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.kind)
    }
}

/// Goes through attributes in their order, and through those of vendors inside them.
///
/// The octets were checked when the packet was read. A Vendor-Specific attribute whose content is not made
/// of type, length and value (RFC 2865 §5.26 only recommends that) comes as one of type 26, whole.
#[derive(Clone)]
pub struct Attributes<'a> {
    rest: &'a [u8],
    /// What is left of a Vendor-Specific attribute, whose lengths are checked.
    inside: &'a [u8],
    vendor: u32,
}

impl<'a> Attributes<'a> {
    /// Reads what [`check`] has found whole; anything else ends early.
    pub(crate) fn new(octets: &'a [u8]) -> Self {
        Self {
            rest: octets,
            inside: &[],
            vendor: 0,
        }
    }

    /// The first attribute of a type.
    pub fn find(mut self, kind: Type) -> Option<Attribute<'a>> {
        self.by_ref().find(|attribute| attribute.kind == kind)
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    fn next(&mut self) -> Option<Attribute<'a>> {
        loop {
            if let Some((code, value, rest)) = split(self.inside) {
                self.inside = rest;
                let kind = Type::of_vendor(self.vendor, code);
                return Some(Attribute { kind, value });
            }
            let (code, value, rest) = split(self.rest)?;
            self.rest = rest;
            match vendor_attributes(code, value) {
                Some((vendor, inside)) => (self.vendor, self.inside) = (vendor, inside),
                None => {
                    let kind = Type::standard(code);
                    return Some(Attribute { kind, value });
                }
            }
        }
    }
}

/// The vendor and its attributes, where these can be read.
fn vendor_attributes(code: u8, value: &[u8]) -> Option<(u32, &[u8])> {
    let (vendor, inside) = value.split_first_chunk::<4>()?;
    let vendor = u32::from_be_bytes(*vendor);
    let is_readable = code == VENDOR_SPECIFIC.code && vendor != 0 && !inside.is_empty();
    (is_readable && check(inside).is_ok()).then_some((vendor, inside))
}

/// Type, value and what follows; `None` at the end or where a length is impossible.
fn split(octets: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let [code, length, ..] = *octets else {
        return None;
    };
    let (attribute, rest) = octets.split_at_checked(length.into())?;
    Some((code, attribute.get(2..)?, rest))
}

/// Whether octets are attributes and nothing else; if not, where the bad one begins.
pub(crate) fn check(octets: &[u8]) -> Result<(), usize> {
    let mut rest = octets;
    while !rest.is_empty() {
        match split(rest) {
            Some((_, _, behind)) => rest = behind,
            None => return Err(octets.len() - rest.len()),
        }
    }
    Ok(())
}
