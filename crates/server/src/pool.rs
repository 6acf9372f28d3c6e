//! Leases of tunnel addresses and of IPv6 prefixes.
//!
//! Both pools are bounded by their range, never hand out an address twice, and need no list of the free
//! ones: a bitmap tells what is taken, and the search goes on where it last ended, so that an address just
//! released rests as long as possible.

mod address;
mod prefix;
mod slots;

pub use address::{AddressPool, LeaseError};
pub use prefix::PrefixPool;
