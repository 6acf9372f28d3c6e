//! RADIUS: authentication, accounting and dynamic authorization (RFC 2865, 2866, 2869, 5176).

mod accountant;
mod courier;
#[allow(dead_code)]
mod dynamic;
mod error;
mod exchange;
mod nas;
mod records;

pub(crate) use accountant::RadiusAccounting;
pub use error::RadiusError;
