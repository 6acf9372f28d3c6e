//! One queue of a TUN device: a descriptor that packets are read from and written to.

use std::fs::File;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

use super::OffloadSupport;

/// Octets of a [`VnetHeader`].
pub const VNET_HEADER: usize = 10;

/// What a packet still needs: checksum, segmentation (`struct virtio_net_hdr` in little-endian order,
/// virtio 1.3 §5.1.6). All zero for a packet that needs nothing.
///
/// | octets | field |
/// |---|---|
/// | 0 | flags: 1, the checksum is to be made |
/// | 1 | kind of segments: 0 none, 1 TCP/IPv4, 4 TCP/IPv6, 5 UDP; 0x80 with ECN |
/// | 2–3 | length of all headers of the packet |
/// | 4–5 | octets of payload in each segment |
/// | 6–7 | where the checksummed part begins |
/// | 8–9 | where in that part the checksum is |
pub type VnetHeader = [u8; VNET_HEADER];

/// One queue of a TUN device. Whatever thread owns it may use it; reads and writes never block.
///
/// The interface lives as long as any of its queues.
#[derive(Debug)]
pub struct TunQueue {
    device: File,
    offload: OffloadSupport,
}

impl TunQueue {
    pub(super) fn new(device: File, offload: OffloadSupport) -> Self {
        Self { device, offload }
    }

    /// What may be read of this queue, and be written to it, beside plain packets.
    pub fn offload(&self) -> OffloadSupport {
        self.offload
    }

    /// Reads one packet that the host sends into the tunnel, at most 65535 octets with
    /// offload, and returns what it still needs and its length in octets. What does not fit in
    /// `buffer` is lost.
    ///
    /// # Errors
    /// `WouldBlock` if no packet waits; `InvalidInput` if the kernel cannot describe this packet, which is
    /// then lost; else the error of the system.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<(VnetHeader, usize)> {
        let mut header = VnetHeader::default();
        if self.offload == OffloadSupport::None {
            let length = (&self.device).read(buffer)?;
            return Ok((header, length));
        }
        let parts = &mut [IoSliceMut::new(&mut header), IoSliceMut::new(buffer)];
        let whole = (&self.device).read_vectored(parts)?;
        let length = whole
            .checked_sub(VNET_HEADER)
            .ok_or(ErrorKind::UnexpectedEof)?;
        Ok((header, length))
    }

    /// Writes one packet, which the host receives from the tunnel. Without offload, `header` is not
    /// looked at.
    ///
    /// # Errors
    /// `EIO` while the interface is down, `EINVAL` for what is not an IP packet or does not fit its
    /// header.
    pub fn write(&self, header: &VnetHeader, packet: &[u8]) -> io::Result<()> {
        match self.offload {
            OffloadSupport::None => (&self.device).write(packet),
            OffloadSupport::Tcp | OffloadSupport::TcpAndUdp => {
                (&self.device).write_vectored(&[IoSlice::new(header), IoSlice::new(packet)])
            }
        }
        .map(drop)
    }
}

impl AsFd for TunQueue {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}
