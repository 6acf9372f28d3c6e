//! Attributes of MikroTik, as its published dictionary has them.

use crate::attribute::Type;

/// MikroTik's enterprise number.
pub const VENDOR: u32 = 14988;

/// Mikrotik-Rate-Limit: `rx[/tx] [burst …]`, in bits per second with `k` and `M`; *rx* is what the NAS
/// receives from the client.
pub const RATE_LIMIT: Type = Type::of_vendor(VENDOR, 8);
