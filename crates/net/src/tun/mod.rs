//! TUN devices: virtual links whose far end is this process, one IP packet per read or write.
//!
//! With offload, the host leaves checksums and segmentation to this process: a packet may be as long as
//! IP allows and stand for many, which a [`VnetHeader`] beside it says. Nothing here looks into that.

mod device;
mod error;
mod queue;

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd};

use nix::net::if_::if_nametoindex;

use device::Name;

pub use error::TunError;
pub use queue::{TunQueue, VNET_HEADER, VnetHeader};

/// Packets that should be able to wait at a TUN device: those of some 20 ms at a rate that one core
/// manages, for which a busy machine may leave its program waiting.
pub const QUEUE_LENGTH: u32 = 2000;

pub(crate) const DEVICE: &str = "/dev/net/tun";

/// A TUN device of the network namespace in which it was opened, with its queues.
///
/// Packets have no header before the IP header but the [`VnetHeader`]. The device, its addresses and
/// its routes disappear when this, or the last of the queues taken out of it, is dropped, even by a crash;
/// a child that is just being forked holds them until it executes its program.
#[derive(Debug)]
pub struct Tun {
    name: String,
    index: u32,
    first: TunQueue,
    others: Vec<TunQueue>,
}

/// What a TUN device shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TunOptions {
    /// The name of the interface. `%d` in it stands for the first free number: `adit%d` gives `adit0`.
    pub name: String,
    /// How many queues it shall have, 1 to 256; 0 counts as 1. The kernel chooses one by the flow of a
    /// packet: that through which a packet of this flow was written last, if any.
    pub queues: usize,
    /// Whether long packets shall be exchanged. [`Tun::offload`] tells how far the kernel is able to.
    pub offload: bool,
}

/// Which packets that stand for many the kernel exchanges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffloadSupport {
    /// None; checksums are always made.
    None,
    /// Those of TCP.
    Tcp,
    /// Those of TCP and of UDP (Linux 6.2).
    TcpAndUdp,
}

impl TunOptions {
    /// A device with one queue and without offload.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            queues: 1,
            offload: false,
        }
    }

    /// Creates the device, or attaches to a persistent one that bears the name.
    ///
    /// # Errors
    /// [`TunError`] says what is missing and how to get it.
    pub fn open(&self) -> Result<Tun, TunError> {
        let name = Name::new(&self.name)?;
        let multi = match self.queues {
            0 | 1 => 0,
            _ => libc::IFF_MULTI_QUEUE,
        };
        let (first, granted) = self.open_first(name, multi)?;
        let mut flags = multi;
        if first.offload() != OffloadSupport::None {
            flags |= libc::IFF_VNET_HDR;
        }
        let same = Name::new(&granted)?;
        let others = (1..self.queues)
            .map(|_| device::open(same, flags))
            .map(|opened| opened.map(|(device, _)| TunQueue::new(device, first.offload())))
            .collect::<Result<_, _>>()?;
        let index =
            if_nametoindex(granted.as_str()).map_err(|errno| TunError::io(&granted, errno))?;
        Ok(Tun {
            name: granted,
            index,
            first,
            others,
        })
    }

    fn open_first(&self, name: Name<'_>, flags: i32) -> Result<(TunQueue, String), TunError> {
        if self.offload {
            // Whatever stands against it, the plain device will do or say why not.
            let opened = device::open(name, flags | libc::IFF_VNET_HDR);
            if let Ok((device, granted)) = opened
                && let Ok(support) = device::enable_offload(&device)
            {
                return Ok((TunQueue::new(device, support), granted));
            }
        }
        let (device, granted) = device::open(name, flags)?;
        Ok((TunQueue::new(device, OffloadSupport::None), granted))
    }
}

impl Tun {
    /// Opens a device with one queue and without offload ([`TunOptions::open`]).
    ///
    /// # Errors
    /// [`TunError`] says what is missing and how to get it.
    pub fn open(name: &str) -> Result<Self, TunError> {
        TunOptions::new(name).open()
    }

    /// The name of the interface.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The index of the interface in its network namespace.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// What may be exchanged beside plain packets.
    pub fn offload(&self) -> OffloadSupport {
        self.first.offload()
    }

    /// The queues, at least one, for a thread each.
    pub fn into_queues(self) -> Vec<TunQueue> {
        let mut queues = self.others;
        queues.insert(0, self.first);
        queues
    }

    /// Reads one packet of the first queue, as [`TunQueue::read`] does, and returns its length.
    ///
    /// # Errors
    /// `WouldBlock` if no packet waits; `Unsupported` with offload, where a packet alone means nothing;
    /// else the error of the system.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.offload() {
            OffloadSupport::None => self.first.read(buffer).map(|(_, length)| length),
            OffloadSupport::Tcp | OffloadSupport::TcpAndUdp => Err(ErrorKind::Unsupported.into()),
        }
    }

    /// Writes one packet that needs nothing to the first queue and returns its length.
    ///
    /// # Errors
    /// As [`TunQueue::write`].
    pub fn write(&self, packet: &[u8]) -> io::Result<usize> {
        self.first.write(&VnetHeader::default(), packet)?;
        Ok(packet.len())
    }
}

/// The descriptor of the first queue.
impl AsFd for Tun {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.first.as_fd()
    }
}
