//! What [`Carrier`](crate::Carrier) carries packets between. A host has the one kind
//! ([`HostReceiver`](crate::HostReceiver) and its like), a simulation keeps them in memory.

use std::io;
use std::net::IpAddr;
use std::time::Instant;

use adit_engine::Path;
use adit_net::tun::{OffloadSupport, TunQueue, VnetHeader};

/// Where GRE packets come from.
pub trait GreReceiver {
    /// Receives the packets that wait, at most a batch, and returns their number; 0 if none waits.
    ///
    /// # Errors
    /// Errors of the port itself, not of the network.
    fn receive(&mut self) -> io::Result<usize>;

    /// The packets of the last [`receive`](Self::receive) in order, each with its source.
    fn packets(&mut self) -> impl Iterator<Item = (IpAddr, &mut [u8])>;
}

/// Where GRE packets go.
pub trait GreSender {
    /// Sends the packets of a burst in order. One that cannot be sent is dropped.
    fn send<'a>(&mut self, packets: impl ExactSizeIterator<Item = (&'a Path, &'a [u8])>);

    /// Looks whether the ways to the peers are still the same; called often while packets are sent.
    fn refresh(&mut self, now: Instant);
}

/// Where inner packets come from and go.
pub trait TunPort {
    /// Reads one packet, and what it still needs.
    ///
    /// # Errors
    /// `WouldBlock` if no packet waits; `InvalidInput` if it cannot be said what this packet needs, which is
    /// then lost.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<(VnetHeader, usize)>;

    /// Writes one packet with what it still needs.
    ///
    /// # Errors
    /// It was not taken.
    fn write(&mut self, header: &VnetHeader, packet: &[u8]) -> io::Result<()>;

    /// Which packets may need something still.
    fn offload(&self) -> OffloadSupport;
}

impl TunPort for TunQueue {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<(VnetHeader, usize)> {
        Self::read(self, buffer)
    }

    fn write(&mut self, header: &VnetHeader, packet: &[u8]) -> io::Result<()> {
        Self::write(self, header, packet)
    }

    fn offload(&self) -> OffloadSupport {
        Self::offload(self)
    }
}

/// Where inner packets go that are for no call of an endpoint.
pub trait Strays {
    /// A packet, and what it still needs: whether it was taken.
    fn take(&mut self, header: &VnetHeader, packet: &[u8]) -> bool;
}

/// Nowhere.
impl Strays for () {
    fn take(&mut self, _header: &VnetHeader, _packet: &[u8]) -> bool {
        false
    }
}
