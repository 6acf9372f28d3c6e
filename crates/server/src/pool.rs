//! Leases of tunnel addresses and of IPv6 prefixes, out of named pools.
//!
//! Pools are bounded by their ranges, never hand out anything twice, and need no list of the free ones: a
//! bitmap tells what is taken, and the search goes on where it last ended, so that an address just released
//! rests as long as possible.

mod address;
mod changes;
mod error;
mod lease;
mod memory;
mod outside;
mod pools;
mod prefix;
mod ranges;
mod routes;
mod slots;
#[cfg(test)]
mod tests;

pub use error::{LeaseError, PrefixError};
pub use lease::{Ask, Candidates, Lease, PoolKind, PoolUsage, RouteChange};
pub use pools::Pools;
pub(crate) use ranges::Ranges;
pub use routes::RouteKeeper;
