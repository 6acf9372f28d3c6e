//! Raw IPv4 sockets for the enhanced GRE of PPTP (RFC 2637 §4): IP protocol 47, version 1, protocol
//! type 0x880B, moved in batches.
//!
//! Outer packets are sent without "don't fragment". The inner MTU of a tunnel is agreed once and is
//! normally small enough; where a path is narrower still, a fragmented packet arrives while one
//! with DF set would be lost wherever ICMP is filtered.

mod error;
mod filter;
mod headers;
mod path_error;
mod receive;
mod send;

use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, BorrowedFd};

use socket2::{Domain, Protocol, Socket, Type};

use crate::sys;
use filter::CallIds;

pub use error::RawGreError;
pub use filter::CallIdShare;
pub use path_error::{PathError, PathErrorCause};
pub use receive::{Received, RecvBatch};
pub use send::{Outgoing, SendCounters, SendTally};

/// Packets per system call: beyond this, one more gains nothing measurable.
pub const BATCH: usize = 64;
/// Longest IP packet in octets, outer header included, that a slot of a batch holds.
pub const SLOT: usize = 2048;

/// A non-blocking raw socket that receives the enhanced GRE packets sent to this host, or to one of
/// its addresses: all of them, or those with certain Call IDs. Nothing else ever comes out of it.
#[derive(Debug)]
pub struct RawGre {
    socket: Socket,
    local: Option<Ipv4Addr>,
}

/// What a raw GRE socket shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawGreOptions {
    /// The only address of this host that it receives for, which is then the source of packets sent
    /// without one; none for all addresses.
    pub local: Option<Ipv4Addr>,
    /// The Call IDs that it receives, of several sockets of which each has a part; none for all. The
    /// kernel offers every packet to every socket, which takes it about 0.2 µs each: few sockets.
    pub share: Option<CallIdShare>,
    /// Octets of packets that may wait to be received, counted with the kernel's own structures
    /// around them. A process without CAP_NET_ADMIN gets no more than `net.core.rmem_max`.
    pub receive_buffer: usize,
    /// Octets of packets that may wait to be sent, likewise; `net.core.wmem_max`.
    pub send_buffer: usize,
}

impl Default for RawGreOptions {
    fn default() -> Self {
        Self {
            local: None,
            share: None,
            receive_buffer: 4 << 20,
            send_buffer: 1 << 20,
        }
    }
}

impl RawGreOptions {
    /// Opens the socket.
    ///
    /// # Errors
    /// [`RawGreError`] says what is missing.
    pub fn open(&self) -> Result<RawGre, RawGreError> {
        let gre = Protocol::from(libc::IPPROTO_GRE);
        let socket = Socket::new(Domain::IPV4, Type::RAW.nonblocking(), Some(gre))
            .map_err(RawGreError::of_open)?;
        empty(&socket)?;
        let fd = socket.as_fd();
        sys::set_option(
            fd,
            libc::IPPROTO_IP,
            libc::IP_MTU_DISCOVER,
            libc::IP_PMTUDISC_DONT,
        )?;
        sys::set_option(fd, libc::IPPROTO_IP, libc::IP_RECVERR, 1)?;
        let (receive, send) = (self.receive_buffer, self.send_buffer);
        grow(fd, libc::SO_RCVBUFFORCE, libc::SO_RCVBUF, receive)?;
        grow(fd, libc::SO_SNDBUFFORCE, libc::SO_SNDBUF, send)?;
        if let Some(address) = self.local {
            socket
                .bind(&SocketAddrV4::new(address, 0).into())
                .map_err(|error| match error.kind() {
                    ErrorKind::AddrNotAvailable => RawGreError::NotLocal { address },
                    _ => RawGreError::Io(error),
                })?;
        }
        let ids = self.share.map_or(CallIds::Any, CallIds::Share);
        socket.attach_filter(&filter::enhanced_gre(ids))?;
        Ok(RawGre {
            socket,
            local: self.local,
        })
    }
}

impl RawGre {
    /// Opens a socket for packets to any address of this host, or only to `local`, with any Call ID
    /// ([`RawGreOptions`]).
    ///
    /// # Errors
    /// [`RawGreError`] says what is missing.
    pub fn open(local: Option<Ipv4Addr>) -> Result<Self, RawGreError> {
        let options = RawGreOptions {
            local,
            ..RawGreOptions::default()
        };
        options.open()
    }

    /// Receives packets with this Call ID only from now on: for the one call of a client. Packets that
    /// wait already are received still.
    ///
    /// # Errors
    /// The error of the system.
    pub fn set_call_id(&self, call_id: u16) -> io::Result<()> {
        let filter = filter::enhanced_gre(CallIds::One(call_id));
        self.socket.attach_filter(&filter)
    }

    /// Receives the packets that wait, at most [`BATCH`], in place of those in `batch`, and returns
    /// their number; 0 if none waits, and only then does an edge-triggered poll tell of the next. Errors
    /// that the network reported meanwhile go to the batch
    /// ([`RecvBatch::take_errors`]) as well.
    ///
    /// # Errors
    /// Errors of the socket itself, not of the network.
    pub fn recv_batch(&self, batch: &mut RecvBatch) -> io::Result<usize> {
        batch.clear();
        receive::receive(self.socket.as_fd(), batch)
    }

    /// Sends packets, [`BATCH`] in a system call, from where they are, and returns how many the host
    /// accepted.
    ///
    /// A packet that cannot be sent is dropped and counted, as a congested router would do; the rest
    /// is sent ([`SendTally::counters`], [`SendTally::take_errors`]).
    pub fn send<'a>(
        &self,
        tally: &mut SendTally,
        packets: impl IntoIterator<Item = Outgoing<'a>>,
    ) -> usize {
        // Not to name the source costs less, and the socket's own address needs no name.
        let packets = packets.into_iter().map(|packet| Outgoing {
            source: packet.source.filter(|source| self.local != Some(*source)),
            ..packet
        });
        send::send(self.socket.as_fd(), tally, packets)
    }

    /// The sizes in octets of the receive and the send buffer as the host granted them, to compare with
    /// those in [`RawGreOptions`].
    ///
    /// # Errors
    /// The error of the system.
    pub fn buffers(&self) -> io::Result<(usize, usize)> {
        // The kernel doubles what it is asked for, to make room for its own structures, and says so.
        let granted = |doubled: usize| doubled / 2;
        let receive = self.socket.recv_buffer_size()?;
        let send = self.socket.send_buffer_size()?;
        Ok((granted(receive), granted(send)))
    }

    /// Packets dropped so far because the receive buffer was full; begins anew after 2³² of them.
    ///
    /// # Errors
    /// The error of the system.
    pub fn receive_drops(&self) -> io::Result<u64> {
        sys::socket_drops(self.socket.as_fd()).map(u64::from)
    }
}

impl AsFd for RawGre {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Sets the size of a socket buffer, past the limit of the host if the process may do that.
fn grow(fd: BorrowedFd<'_>, force: i32, polite: i32, size: usize) -> io::Result<()> {
    // The kernel doubles it.
    let size = i32::try_from(size).unwrap_or(i32::MAX).min(i32::MAX / 2);
    sys::set_option(fd, libc::SOL_SOCKET, force, size)
        .or_else(|_| sys::set_option(fd, libc::SOL_SOCKET, polite, size))
}

/// Closes a socket to all packets and throws away those that came since it was made, which no filter
/// has seen.
fn empty(socket: &Socket) -> io::Result<()> {
    socket.attach_filter(&filter::closed())?;
    loop {
        match socket.recv(&mut [MaybeUninit::uninit()]) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}
