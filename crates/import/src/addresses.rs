//! Ranges of IPv4 addresses, and how they become `[network] pool` and `[[pools]]`.

mod plan;
mod ranges;

pub(crate) use plan::{Plan, Source};
pub(crate) use ranges::{Range, Ranges, cidrs};
