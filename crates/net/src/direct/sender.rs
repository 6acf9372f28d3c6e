//! What carries the frames of one link.

use std::io;
use std::ops::AddAssign;
use std::os::fd::BorrowedFd;

use super::Transmit;
use super::frame::HEADER;
use super::packet::PacketSender;
use super::xdp::XdpSender;
use crate::sys;

/// Room for one frame in octets.
pub(super) const FRAME: usize = 2048;

/// How often an AF_XDP socket is tried for: a queue stays taken for a moment after the socket of another
/// process is closed.
const ATTEMPTS: usize = 16;

/// What became of the frames of one flush.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Flushed {
    pub(super) sent: usize,
    pub(super) congested: usize,
    pub(super) refused: usize,
    /// The link takes no more: it is down or away.
    pub(super) failed: bool,
}

#[derive(Debug)]
pub(super) struct Sender {
    interface: u32,
    way: Way,
    /// How often an AF_XDP socket is tried for again.
    attempts: usize,
}

#[derive(Debug)]
enum Way {
    Packet(PacketSender),
    Xdp(XdpSender),
}

impl Sender {
    /// Opens the way asked for, or a packet socket where the link, the kernel or another process does
    /// not let an AF_XDP socket be had.
    pub(super) fn open(transmit: Transmit, interface: u32) -> io::Result<Self> {
        let mut sender = Self {
            interface,
            way: Way::Packet(PacketSender::open(interface)?),
            attempts: ATTEMPTS,
        };
        sender.improve(transmit);
        Ok(sender)
    }

    /// Takes to AF_XDP if that was asked for and could not be had so far. Not between
    /// [`stage`](Self::stage) and [`flush`](Self::flush).
    pub(super) fn improve(&mut self, transmit: Transmit) {
        if self.transmit() == transmit || self.attempts == 0 {
            return;
        }
        self.attempts -= 1;
        match XdpSender::open(self.interface) {
            Ok(sender) => self.way = Way::Xdp(sender),
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {}
            Err(_) => self.attempts = 0,
        }
    }

    pub(super) fn transmit(&self) -> Transmit {
        match self.way {
            Way::Packet(_) => Transmit::Packet,
            Way::Xdp(_) => Transmit::Xdp,
        }
    }

    /// Adds a frame; false if there is no room before the next flush.
    pub(super) fn stage(&mut self, header: &[u8; HEADER], gre: &[u8]) -> bool {
        match &mut self.way {
            Way::Packet(sender) => sender.stage(header, gre),
            Way::Xdp(sender) => sender.stage(header, gre),
        }
    }

    /// Whether no frame waits.
    pub(super) fn is_empty(&self) -> bool {
        match &self.way {
            Way::Packet(sender) => sender.is_empty(),
            Way::Xdp(sender) => sender.is_empty(),
        }
    }

    /// Sends the frames that wait.
    pub(super) fn flush(&mut self) -> Flushed {
        match &mut self.way {
            Way::Packet(sender) => sender.flush(),
            Way::Xdp(sender) => {
                let flushed = sender.flush();
                if flushed.failed || sender.is_empty() {
                    return flushed;
                }
                self.queue_instead(flushed)
            }
        }
    }

    /// Nothing drains what a full driver leaves in an AF_XDP ring. A packet socket, with the link's
    /// queue behind it, takes that over, and all that follows.
    fn queue_instead(&mut self, mut flushed: Flushed) -> Flushed {
        let Way::Xdp(sender) = &self.way else {
            return flushed;
        };
        let Ok(mut packet) = PacketSender::open(self.interface) else {
            flushed.failed = true;
            return flushed;
        };
        for frame in sender.waiting() {
            if !packet.stage_frame(frame) {
                flushed += packet.flush();
                packet.stage_frame(frame);
            }
        }
        flushed += packet.flush();
        self.way = Way::Packet(packet);
        self.attempts = 0;
        flushed
    }
}

impl AddAssign for Flushed {
    fn add_assign(&mut self, other: Self) {
        self.sent += other.sent;
        self.congested += other.congested;
        self.refused += other.refused;
        self.failed |= other.failed;
    }
}

/// The octets of the frame around a GRE packet.
pub(super) fn frame_length(gre: &[u8]) -> usize {
    HEADER + gre.len()
}

/// Writes a frame to the beginning of `room`, which holds it.
pub(super) fn write_frame(room: &mut [u8], header: &[u8; HEADER], gre: &[u8]) {
    if let Some((head, tail)) = room.split_first_chunk_mut::<HEADER>()
        && let Some(body) = tail.get_mut(..gre.len())
    {
        *head = *header;
        body.copy_from_slice(gre);
    }
}

/// Sets the size of a send buffer, past the limit of the host if the process may do that.
pub(super) fn grow_send_buffer(socket: BorrowedFd<'_>, octets: i32) -> io::Result<()> {
    sys::set_option(socket, libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, octets)
        .or_else(|_| sys::set_option(socket, libc::SOL_SOCKET, libc::SO_SNDBUF, octets))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    use super::super::frame::Template;
    use super::*;
    use crate::gre::{RawGre, RecvBatch};
    use crate::namespace::Lab;
    use crate::netlink::EthernetLink;
    use std::os::fd::AsFd;

    /// No driver is full on demand, but what happens then can be had.
    #[test]
    fn a_packet_socket_takes_over_what_waits_for_a_full_driver() {
        let mut lab = Lab::new();
        let hosts = lab.host("left").and_then(|left| {
            let right = lab.host("right")?;
            right.run(|| ()).map(|()| (left, right))
        });
        let (left, right) = match hosts {
            Ok(hosts) => hosts,
            Err(reason) => return eprintln!("SKIPPED: {reason}"),
        };
        let network = |text: &str| text.parse().unwrap();
        let cable = lab.connect(
            (&left, network("10.0.0.1/24")),
            (&right, network("10.0.0.2/24")),
        );
        let cable = cable.unwrap();
        let received = right.run(|| RawGre::open(None).unwrap()).unwrap();
        let address = |link: Option<EthernetLink>| link.unwrap().address;
        let ends = (
            address(left.netlink().ethernet_link(cable.left.index).unwrap()),
            address(right.netlink().ethernet_link(cable.right.index).unwrap()),
        );
        let open = || Sender::open(Transmit::Xdp, cable.left.index).unwrap();
        let mut sender = left.run(open).unwrap();
        if sender.transmit() != Transmit::Xdp {
            return eprintln!("SKIPPED: no AF_XDP here");
        }
        let (from, to) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
        let template = Template::new(ends, from, to);
        let gre = |number: u8| [0x20, 0x01, 0x88, 0x0b, 0, 0, 0, number];
        for number in 0..100 {
            assert!(sender.stage(&template.header(1, 8), &gre(number)));
        }
        let queue = || sender.queue_instead(Flushed::default());
        let flushed = left.run(queue).unwrap();
        let expected = Flushed {
            sent: 100,
            ..Flushed::default()
        };
        assert_eq!(flushed, expected);
        assert_eq!(sender.transmit(), Transmit::Packet);
        sender.improve(Transmit::Xdp);
        assert_eq!(sender.transmit(), Transmit::Packet);

        let mut batch = RecvBatch::new();
        let mut numbers = Vec::new();
        while numbers.len() < 100 {
            let mut polled = [PollFd::new(received.as_fd(), PollFlags::POLLIN)];
            assert_eq!(poll(&mut polled, PollTimeout::from(20_000u16)), Ok(1));
            received.recv_batch(&mut batch).unwrap();
            numbers.extend(batch.packets().filter_map(|p| p.gre.last().copied()));
        }
        assert!((0..100).eq(numbers));
    }
}
