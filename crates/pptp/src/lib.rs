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
//!
//! ```
//! use std::time::Instant;
//!
//! use adit_pptp::control_connection::{Config, ControlConnection, Output};
//!
//! let now = Instant::now();
//! let mut client = ControlConnection::new_originator(Config::default(), now);
//! let mut server = ControlConnection::new_receiver(Config::default(), now);
//! while let Some(output) = client.poll_output() {
//!     if let Output::Send(message) = output {
//!         let mut octets = Vec::new();
//!         message.encode(&mut octets);
//!         server.handle_stream(now, &octets);
//!     }
//! }
//! assert!(server.is_established());
//! ```

#![forbid(unsafe_code)]

pub mod call;
pub mod control_connection;
pub mod session;

pub use call::{Answer, CallDownReason, CallHandle, CallRole, Refusal};
pub use control_connection::ControlConnection;
pub use session::Session;
