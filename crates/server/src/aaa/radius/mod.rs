//! RADIUS: authentication, accounting and dynamic authorization (RFC 2865, 2866, 2869, 5176).

mod accountant;
mod attributes;
mod authentication;
mod courier;
pub(crate) mod dynamic;
mod error;
mod exchange;
mod nas;
mod rate;
mod records;
mod request;
mod verdict;

pub(crate) use accountant::RadiusAccounting;
pub(crate) use authentication::{RadiusBackEnd, SharedStatistics};
pub use error::RadiusError;
