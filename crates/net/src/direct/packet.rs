//! Frames through a packet socket: queueing disciplines and captures of the link see them.

use std::io::{self, ErrorKind};
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use socket2::{Domain, Socket, Type};

use super::frame::HEADER;
use super::sender::{FRAME, Flushed, frame_length, grow_send_buffer, write_frame};
use crate::gre::BATCH;
use crate::sys::check;

const SEND_BUFFER: i32 = 1 << 20;

/// A packet socket of one link, with room for [`BATCH`] frames.
#[derive(Debug)]
pub(super) struct PacketSender {
    socket: Socket,
    frames: Box<[u8]>,
    /// The lengths of the frames that wait.
    lengths: Vec<usize>,
}

impl PacketSender {
    /// Opens a socket that sends on the link with this index and receives nothing.
    pub(super) fn open(interface: u32) -> io::Result<Self> {
        let socket = Socket::new(Domain::PACKET, Type::RAW.nonblocking(), None)?;
        bind(socket.as_fd(), interface)?;
        grow_send_buffer(socket.as_fd(), SEND_BUFFER)?;
        Ok(Self {
            socket,
            frames: vec![0; BATCH * FRAME].into_boxed_slice(),
            lengths: Vec::with_capacity(BATCH),
        })
    }

    /// Adds a frame; false if there is no room before the next flush.
    pub(super) fn stage(&mut self, header: &[u8; HEADER], gre: &[u8]) -> bool {
        let Some(room) = self.room() else {
            return false;
        };
        write_frame(room, header, gre);
        self.lengths.push(frame_length(gre));
        true
    }

    /// Adds a whole frame; false if there is no room before the next flush.
    pub(super) fn stage_frame(&mut self, frame: &[u8]) -> bool {
        let Some(room) = self.room().and_then(|room| room.get_mut(..frame.len())) else {
            return false;
        };
        room.copy_from_slice(frame);
        self.lengths.push(frame.len());
        true
    }

    fn room(&mut self) -> Option<&mut [u8]> {
        self.frames.chunks_exact_mut(FRAME).nth(self.lengths.len())
    }

    /// Whether no frame waits.
    pub(super) fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// Sends the frames that wait.
    pub(super) fn flush(&mut self) -> Flushed {
        let mut flushed = Flushed::default();
        let mut next = 0;
        while next < self.lengths.len() {
            match self.send_from(next) {
                Ok(count) => {
                    flushed.sent += count;
                    next += count;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    flushed.congested += self.lengths.len() - next;
                    break;
                }
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                    flushed.congested += 1;
                    next += 1;
                }
                // The link went down or away, or takes less than it said.
                Err(_) => {
                    flushed.refused += self.lengths.len() - next;
                    flushed.failed = true;
                    break;
                }
            }
        }
        self.lengths.clear();
        flushed
    }

    /// Hands the frames from number `first` on to the kernel; returns how many it took, at least one.
    fn send_from(&self, first: usize) -> io::Result<usize> {
        let mut vectors = [const { MaybeUninit::<libc::iovec>::uninit() }; BATCH];
        let mut messages = [const { MaybeUninit::<libc::mmsghdr>::zeroed() }; BATCH];
        let frames = self
            .frames
            .chunks_exact(FRAME)
            .zip(&self.lengths)
            .skip(first);
        let parts = vectors.iter_mut().zip(&mut messages);
        let mut count = 0;
        for ((vector, message), (frame, length)) in parts.zip(frames) {
            let frame = frame.get(..*length).unwrap_or_default();
            let vector = vector.write(libc::iovec {
                iov_base: frame.as_ptr().cast_mut().cast(),
                iov_len: frame.len(),
            });
            // SAFETY: a C structure of integers and pointers, which is valid with all zeroes.
            let message = unsafe { message.assume_init_mut() };
            message.msg_hdr.msg_iov = vector;
            message.msg_hdr.msg_iovlen = 1;
            count += 1;
        }
        // SAFETY: the first `count` entries of `messages` name one initialised vector each, which names
        // a frame that `self` lends for the call and that the kernel only reads.
        let sent = check(unsafe {
            libc::sendmmsg(
                self.socket.as_raw_fd(),
                messages.as_mut_ptr().cast(),
                count,
                libc::MSG_DONTWAIT as _,
            )
        })?;
        Ok(usize::try_from(sent).unwrap_or(0).clamp(1, BATCH))
    }
}

/// Binds a packet socket to a link, for no protocol: it receives nothing.
fn bind(socket: BorrowedFd<'_>, interface: u32) -> io::Result<()> {
    let address = libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as u16,
        sll_protocol: 0,
        sll_ifindex: i32::try_from(interface).map_err(io::Error::other)?,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    // SAFETY: the pointer and the length describe `address`, which the kernel only reads.
    check(unsafe {
        libc::bind(
            socket.as_raw_fd(),
            (&raw const address).cast(),
            size_of::<libc::sockaddr_ll>() as libc::socklen_t,
        )
    })
    .map(drop)
}

/// Whether this process may open packet sockets.
pub(super) fn check_permission() -> io::Result<()> {
    Socket::new(Domain::PACKET, Type::RAW, None).map(drop)
}
