//! What a router in the middle of a tunnel does to the IP packets that pass: reads their addresses,
//! clamps the TCP segment size, fragments, segments and coalesces, answers with ICMP, advertises a
//! prefix.
//!
//! | module | what | source |
//! |---|---|---|
//! | [`header`] | version, addresses, length | RFC 791, RFC 8200 |
//! | [`mss`] | maximum segment size of passing TCP connections | RFC 9293 §3.7.1, RFC 1624 |
//! | [`fragment`] | IPv4 fragmentation | RFC 791 §3.2 |
//! | [`icmp`] | "packet too big" | RFC 1191, RFC 4443 §3.2 |
//! | [`ndp`] | router solicitation and advertisement | RFC 4861, RFC 8106 |
//! | [`offload`] | what a TUN device leaves to do to a packet | virtio 1.2 §5.1.6 |
//! | [`segment`] | long packets cut into those that they stand for | RFC 9293, RFC 768 |
//! | [`coalesce`] | packets of one flow put together to long ones | RFC 9293, RFC 768 |
//! | [`echo`] | ping and its reply | RFC 792, RFC 4443 §4 |
//!
//! No I/O, no clock; state only within [`segment`] and [`coalesce`]. Packets come from the network:
//! nothing here panics on any bytes, and the functions called for each packet allocate nothing.

#![forbid(unsafe_code)]

mod build;
mod checksum;
pub mod coalesce;
pub mod echo;
pub mod fragment;
pub mod header;
pub mod icmp;
pub mod mss;
pub mod ndp;
pub mod offload;
#[cfg(test)]
mod samples;
pub mod segment;
mod transport;
mod upper;
