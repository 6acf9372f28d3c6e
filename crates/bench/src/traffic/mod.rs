//! Traffic from one end of a path to the other, and how fast it arrives.

mod tcp;
mod udp;

pub(crate) use tcp::TcpLoad;
pub(crate) use udp::{Arrivals, Offer, send_datagrams};
