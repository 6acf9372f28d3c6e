//! Attributes of MikroTik, as its published dictionary has them.

use crate::attribute::Type;

/// MikroTik's enterprise number.
pub const VENDOR: u32 = 14988;

/// Mikrotik-Rate-Limit: `rx[/tx] [burst …]`, in bits per second with `k` and `M`; *rx* is what the NAS
/// receives from the client.
pub const RATE_LIMIT: Type = Type::of_vendor(VENDOR, 8);
/// Mikrotik-Total-Limit: octets both ways, the lower 32 bits.
pub const TOTAL_LIMIT: Type = Type::of_vendor(VENDOR, 17);
/// Mikrotik-Total-Limit-Gigawords: the upper 32 bits of Mikrotik-Total-Limit.
pub const TOTAL_LIMIT_GIGAWORDS: Type = Type::of_vendor(VENDOR, 18);
