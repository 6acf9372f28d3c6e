//! The parts of an event loop that the PPTP server and client share: packets between the raw GRE
//! socket, the endpoint and the TUN device; buffered control connections; randomness.
//!
//! All readiness is edge-triggered: each reader goes on until nothing is left, or until its fair
//! share is used up, and then says so.

#![forbid(unsafe_code)]

mod entropy;
mod host;
mod packets;
mod ports;
mod stream;

pub use entropy::SystemEntropy;
pub use host::{HostReceiver, HostSender};
pub use packets::{Carrier, Dropped, PacketIo, Progress, SourceAddress};
pub use ports::{GreReceiver, GreSender, Strays, TunPort};
pub use stream::{ControlStream, StreamState, established};
