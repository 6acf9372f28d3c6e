//! RADIUS without I/O.
//!
//! | module | what | source |
//! |---|---|---|
//! | [`packet`] | packets: checked reading, verification, writing | RFC 2865 §3, RFC 2866 §3, RFC 5176 §2.3 |
//! | [`attribute`] | lists of attributes and their types | RFC 2865 §5, RFC 2866, 2868, 2869, 3162, 5176, 6911 |
//! | [`microsoft`], [`mikrotik`], [`cisco`], [`wispr`] | types of attributes of these vendors | RFC 2548, their dictionaries |
//! | [`authenticator`] | Request, Response and Message-Authenticator | RFC 2865 §3, RFC 3579 §3.2, RFC 5176 §3.4 |
//! | [`hidden`] | values that are encrypted with the shared secret | RFC 2865 §5.2, RFC 2548 §2.4 |
//! | [`client`] | requests on their way: servers, tries, fail-over | RFC 2865 §2.4, §2.5, RFC 5080 §2.2 |
//!
//! What came from the network is a [`Datagram`](packet::Datagram) until its authenticators are verified;
//! only then it is a [`Packet`](packet::Packet) whose attributes can be read. Octets of peers never panic.
//!
//! No clock, no random source, no socket: time and random octets come from the caller.

#![forbid(unsafe_code)]

pub mod attribute;
pub mod authenticator;
pub mod cisco;
pub mod client;
pub mod hidden;
pub mod microsoft;
pub mod mikrotik;
pub mod packet;
pub mod wispr;

mod secret;

pub use secret::SharedSecret;
