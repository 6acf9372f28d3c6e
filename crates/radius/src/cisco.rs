//! Attributes of Cisco.

use crate::attribute::Type;

/// Cisco's enterprise number.
pub const VENDOR: u32 = 9;

/// Cisco-AVPair: `protocol:attribute=value`.
pub const AV_PAIR: Type = Type::of_vendor(VENDOR, 1);
