//! Sans-IO PPTP (RFC 2637): control connections, calls and enhanced GRE sessions.
//!
//! Nothing here reads a clock, a socket or a random source. Time comes in as `now`, octets come in
//! as slices, Call IDs come from the caller, and what is to be done is polled.
//!
//! | module | what | RFC 2637 |
//! |---|---|---|
//! | [`control_connection`] | one TCP connection between a PAC and a PNS, and its calls | §3 |
//! | [`call`] | what calls are, and how they end | §3.2 |
//! | [`session`] | the data of one call in enhanced GRE | §4 |
//!
//! The crate does not know PPP: payloads are octets.

#![forbid(unsafe_code)]

pub mod call;
pub mod control_connection;
pub mod session;

pub use call::{Answer, CallDownReason, CallHandle, CallRole, Refusal};
pub use control_connection::ControlConnection;
pub use session::Session;
