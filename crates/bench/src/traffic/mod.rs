//! Traffic from one end of a path to the other, and how fast it arrives.

mod tcp;

pub(crate) use tcp::TcpLoad;
