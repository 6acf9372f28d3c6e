//! Attributes of the WISPr roaming recommendation, for rates.

use crate::attribute::Type;

/// The Wi-Fi Alliance's enterprise number.
pub const VENDOR: u32 = 14122;

/// WISPr-Bandwidth-Max-Up: bits per second from the client.
pub const BANDWIDTH_MAX_UP: Type = Type::of_vendor(VENDOR, 7);
/// WISPr-Bandwidth-Max-Down: bits per second to the client.
pub const BANDWIDTH_MAX_DOWN: Type = Type::of_vendor(VENDOR, 8);
