//! Raw IPv4 sockets for the enhanced GRE of PPTP (RFC 2637 §4): IP protocol 47, version 1, protocol
//! type 0x880B, moved in batches.
//!
//! Outer packets are sent without "don't fragment". The inner MTU of a tunnel is agreed once and is
//! normally small enough; where a path is narrower still, a fragmented packet arrives while one
//! with DF set would be lost wherever ICMP is filtered.

mod path_error;
mod receive;
mod send;

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, BorrowedFd};

use socket2::{Domain, Protocol, SockFilter, Socket, Type};

use crate::sys;

pub use path_error::{PathError, PathErrorCause};
pub use receive::{Received, RecvBatch};
pub use send::{PushError, SendBatch, SendCounters};

/// Packets per batch: beyond this, one more packet per system call gains nothing measurable.
pub const BATCH: usize = 64;
/// Longest IP packet in octets, outer header included, that a slot of a batch holds.
pub const SLOT: usize = 2048;

const RECEIVE_BUFFER: i32 = 4 << 20;
const SEND_BUFFER: i32 = 1 << 20;

/// A non-blocking raw socket that receives every enhanced GRE packet sent to this host, or to one of
/// its addresses.
///
/// Packets that arrive between the creation of the socket and that of its filter are not filtered:
/// the GRE decoder above has to check the version and the protocol type as well.
#[derive(Debug)]
pub struct RawGre {
    socket: Socket,
}

/// Why a raw GRE socket cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum RawGreError {
    /// The process may not open raw sockets.
    #[error(
        "no permission for a raw GRE socket: it takes the capability CAP_NET_RAW (in a container, \
         `--cap-add NET_RAW`)"
    )]
    Permission,
    /// The address is not one of this host.
    #[error("{address} is not an address of this host")]
    NotLocal {
        /// The address asked for.
        address: Ipv4Addr,
    },
    /// Any other refusal by the system.
    #[error("cannot open a raw GRE socket")]
    Io(#[from] io::Error),
}

impl RawGre {
    /// Opens a socket for packets to any address of this host, or only to `local`, which is then the
    /// source of packets sent without one.
    ///
    /// # Errors
    /// [`RawGreError`] says what is missing.
    pub fn open(local: Option<Ipv4Addr>) -> Result<Self, RawGreError> {
        let gre = Protocol::from(libc::IPPROTO_GRE);
        let socket =
            Socket::new(Domain::IPV4, Type::RAW.nonblocking(), Some(gre)).map_err(open_error)?;
        socket.attach_filter(&filter())?;
        let fd = socket.as_fd();
        sys::set_option(
            fd,
            libc::IPPROTO_IP,
            libc::IP_MTU_DISCOVER,
            libc::IP_PMTUDISC_DONT,
        )?;
        sys::set_option(fd, libc::IPPROTO_IP, libc::IP_RECVERR, 1)?;
        grow(fd, libc::SO_RCVBUFFORCE, libc::SO_RCVBUF, RECEIVE_BUFFER)?;
        grow(fd, libc::SO_SNDBUFFORCE, libc::SO_SNDBUF, SEND_BUFFER)?;
        if let Some(address) = local {
            socket
                .bind(&SocketAddrV4::new(address, 0).into())
                .map_err(|error| match error.kind() {
                    ErrorKind::AddrNotAvailable => RawGreError::NotLocal { address },
                    _ => RawGreError::Io(error),
                })?;
        }
        Ok(Self { socket })
    }

    /// Receives the packets that wait, at most [`BATCH`], in place of those in `batch`, and returns
    /// their number; 0 if none waits, and only then does an edge-triggered poll tell of the next. Errors
    /// that the network reported meanwhile go to the batch
    /// ([`RecvBatch::take_errors`]) as well.
    ///
    /// # Errors
    /// Errors of the socket itself, not of the network.
    pub fn recv_batch(&self, batch: &mut RecvBatch) -> io::Result<usize> {
        receive::receive(self.socket.as_fd(), batch)
    }

    /// Sends the packets of `batch`, empties it, and returns how many the host accepted.
    ///
    /// A packet that cannot be sent is dropped and counted, as a congested router would do; the rest
    /// is sent ([`SendBatch::counters`], [`SendBatch::take_errors`]).
    pub fn flush(&self, batch: &mut SendBatch) -> usize {
        send::flush(self.socket.as_fd(), batch)
    }
}

impl AsFd for RawGre {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn open_error(error: io::Error) -> RawGreError {
    match error.kind() {
        ErrorKind::PermissionDenied => RawGreError::Permission,
        _ => RawGreError::Io(error),
    }
}

/// Sets the size of a socket buffer, past the limit of the host if the process may do that.
fn grow(fd: BorrowedFd<'_>, force: i32, polite: i32, size: i32) -> io::Result<()> {
    sys::set_option(fd, libc::SOL_SOCKET, force, size)
        .or_else(|_| sys::set_option(fd, libc::SOL_SOCKET, polite, size))
}

/// Classic BPF over an IPv4 packet: accepts GRE version 1 with protocol type 0x880B, drops the rest
/// before it is queued.
fn filter() -> [SockFilter; 8] {
    let instruction = |code: u32, yes, no, operand| SockFilter::new(code as u16, yes, no, operand);
    let load = libc::BPF_LD | libc::BPF_H | libc::BPF_IND;
    let equal = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    [
        // X = length of the IP header
        instruction(libc::BPF_LDX | libc::BPF_B | libc::BPF_MSH, 0, 0, 0),
        instruction(load, 0, 0, 2),
        instruction(equal, 0, 4, 0x880b),
        instruction(libc::BPF_LD | libc::BPF_B | libc::BPF_IND, 0, 0, 1),
        instruction(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, 0, 0, 0x07),
        instruction(equal, 0, 1, 1),
        instruction(libc::BPF_RET | libc::BPF_K, 0, 0, u32::MAX),
        instruction(libc::BPF_RET | libc::BPF_K, 0, 0, 0),
    ]
}
