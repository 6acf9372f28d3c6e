//! Wire formats of PPTP (RFC 2637) and of the PPP protocols that it carries.
//!
//! Everything here is a value and its bytes: no state, no clock, no I/O. Decoding never panics and
//! keeps what it does not understand (reserved fields, unknown options, padding), so that encoding
//! a decoded value gives the same bytes again. All integers on the wire are big-endian.
//!
//! | module | what | source |
//! |---|---|---|
//! | [`control`] | control connection messages and their framing in the TCP stream | RFC 2637 §2 |
//! | [`gre`] | enhanced GRE header | RFC 2637 §4.1 |
//! | [`ppp`] | address, control and protocol fields | RFC 1661 §2, RFC 1662 §3.1 |
//! | [`cp`] | code, identifier, length and options, shared by all PPP control protocols | RFC 1661 §5, §6 |
//! | [`lcp`] [`ipcp`] [`ipv6cp`] [`ccp`] | the options of each control protocol | RFC 1661, 1570, 1332, 1877, 5072, 1962, 3078 |
//! | [`pap`] [`chap`] [`mschap`] | authentication packets | RFC 1334, 1994, 2433, 2759 |
//! | [`mppe`] | the two octets before encrypted data | RFC 3078 §3.1 |
//! | [`frame`] | any PPP frame as one value, with a one-line description | |

#![forbid(unsafe_code)]

mod error;
mod escape;
mod reader;
mod writer;

pub mod ccp;
pub mod chap;
pub mod control;
pub mod cp;
pub mod frame;
pub mod gre;
pub mod ipcp;
pub mod ipv6cp;
pub mod lcp;
pub mod mppe;
pub mod mschap;
pub mod pap;
pub mod ppp;
pub mod text;

pub use error::ParseError;
pub use escape::{Escaped, escaped};
pub use reader::Reader;
pub use writer::Writer;
