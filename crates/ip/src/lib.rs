//! What a router in the middle of a tunnel does to the IP packets that pass: reads their addresses,
//! clamps the TCP segment size, fragments, answers with ICMP, advertises a prefix.
//!
//! | module | what | source |
//! |---|---|---|
//! | [`header`] | version, addresses, length | RFC 791, RFC 8200 |
//! | [`mss`] | maximum segment size of passing TCP connections | RFC 9293 §3.7.1, RFC 1624 |
//! | [`fragment`] | IPv4 fragmentation | RFC 791 §3.2 |
//! | [`icmp`] | "packet too big" | RFC 1191, RFC 4443 §3.2 |
//! | [`ndp`] | router solicitation and advertisement | RFC 4861, RFC 8106 |
//! | [`echo`] | ping and its reply | RFC 792, RFC 4443 §4 |
//!
//! No I/O, no clock, no state. Packets come from the network: nothing here panics on any bytes, and
//! the functions called for each packet allocate nothing.

#![forbid(unsafe_code)]

mod build;
mod checksum;
pub mod echo;
pub mod fragment;
pub mod header;
pub mod icmp;
pub mod mss;
pub mod ndp;
mod upper;
