//! RADIUS: authentication, accounting and dynamic authorization (RFC 2865, 2866, 2869, 5176).

mod dynamic;
mod exchange;
