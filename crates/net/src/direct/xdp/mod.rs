//! Frames through an AF_XDP socket that only sends, in copy mode: no XDP program is loaded and the
//! driver is not reconfigured. A batch goes to the kernel in one or two system calls, and from there
//! straight to the driver, without the queueing disciplines and captures of the link.
//!
//! One transmit queue of a link carries one such socket. A frame is the kernel's from the flush until
//! it comes back through the completion ring.

mod mapping;
mod ring;

use std::io::{self, ErrorKind};
use std::mem::{size_of, zeroed};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use socket2::{Domain, Socket, Type};

use self::mapping::Mapping;
use self::ring::Ring;
use super::frame::HEADER;
use super::sender::{FRAME, Flushed, frame_length, grow_send_buffer, write_frame};
use crate::sys::{self, check};

/// Frames, and entries of each ring.
const FRAMES: u32 = 1024;
/// What a frame under way counts against the send buffer at most, with the kernel's structures.
const CHARGED: i32 = 4608;
/// Transmit queues that are tried at most.
const QUEUES: u32 = 64;
/// System calls in a row that may take nothing before the link counts as full.
const FRUITLESS: usize = 3;
/// Frames that the kernel takes by one system call (`XDP_MAX_TX_SKB_BUDGET`, Linux 6.17); 32 if it
/// does not know the option.
const MAX_TX_SKB_BUDGET: (i32, i32) = (9, 64);

const DESCRIPTOR: usize = size_of::<libc::xdp_desc>();

/// An AF_XDP socket of one link.
#[derive(Debug)]
pub(in crate::direct) struct XdpSender {
    // Before the memory: it is closed first.
    socket: Socket,
    transmit: Ring<DESCRIPTOR>,
    completion: Ring<8>,
    memory: Mapping,
    /// Numbers of frames that are not the kernel's.
    free: Vec<u32>,
    /// The producer index that the next flush publishes.
    produced: u32,
}

/// What one system call did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kick {
    Taken,
    Nothing,
    Failed,
}

impl XdpSender {
    /// Opens a socket on the first transmit queue of the link with this index that has none yet.
    ///
    /// # Errors
    /// `EBUSY` if all queues have one; the kernel or the link has no AF_XDP, or no permission.
    pub(in crate::direct) fn open(interface: u32) -> io::Result<Self> {
        let socket = Socket::new(Domain::from(libc::AF_XDP), Type::RAW, None)?;
        let fd = socket.as_fd();
        let memory = Mapping::anonymous(FRAMES as usize * FRAME)?;
        register(fd, &memory)?;
        let entries = FRAMES as i32;
        // A socket cannot be bound without a fill ring, though this one never receives.
        for ring in [
            libc::XDP_UMEM_FILL_RING,
            libc::XDP_UMEM_COMPLETION_RING,
            libc::XDP_TX_RING,
        ] {
            sys::set_option(fd, libc::SOL_XDP, ring, entries)?;
        }
        let (option, budget) = MAX_TX_SKB_BUDGET;
        let _ = sys::set_option(fd, libc::SOL_XDP, option, budget);
        let offsets = offsets(fd)?;
        let completions = libc::XDP_UMEM_PGOFF_COMPLETION_RING as libc::off_t;
        let transmit = Ring::map(fd, libc::XDP_PGOFF_TX_RING, FRAMES, offsets.tx)?;
        let completion = Ring::map(fd, completions, FRAMES, offsets.cr)?;
        grow_send_buffer(fd, FRAMES as i32 * CHARGED)?;
        let affordable = sys::option(fd, libc::SOL_SOCKET, libc::SO_SNDBUF)? / CHARGED;
        let frames = FRAMES.min(u32::try_from(affordable).unwrap_or(1));
        bind(fd, interface)?;
        Ok(Self {
            socket,
            transmit,
            completion,
            memory,
            free: (0..frames).collect(),
            produced: 0,
        })
    }

    /// Adds a frame; false if all are under way or wait.
    pub(in crate::direct) fn stage(&mut self, header: &[u8; HEADER], gre: &[u8]) -> bool {
        if self.free.is_empty() {
            self.reap();
        }
        let Some(number) = self.free.pop() else {
            return false;
        };
        let offset = number as usize * FRAME;
        let frame = self.memory.part_mut(offset, FRAME);
        let entry = self.transmit.entry_mut(self.produced);
        if let (Some(frame), Some(entry)) = (frame, entry) {
            write_frame(frame, header, gre);
            *entry = descriptor(offset, frame_length(gre));
            self.produced = self.produced.wrapping_add(1);
        }
        true
    }

    /// Whether no frame waits.
    pub(in crate::direct) fn is_empty(&self) -> bool {
        self.transmit.consumer() == self.produced
    }

    /// Sends the frames that wait. Those that the driver has no room for keep waiting
    /// ([`waiting`](Self::waiting)).
    pub(in crate::direct) fn flush(&mut self) -> Flushed {
        let before = self.waiting_count();
        self.transmit.produce(self.produced);
        let mut failed = false;
        let mut fruitless = 0;
        // A system call that drops a frame ends there: each takes at least one.
        for _ in 0..before as usize + FRUITLESS {
            let left = self.waiting_count();
            if left == 0 || fruitless == FRUITLESS {
                break;
            }
            match self.kick() {
                Kick::Failed => {
                    failed = true;
                    break;
                }
                Kick::Nothing if self.waiting_count() == left => fruitless += 1,
                Kick::Nothing | Kick::Taken => fruitless = 0,
            }
        }
        self.reap();
        let left = self.waiting_count();
        Flushed {
            sent: before.saturating_sub(left) as usize,
            congested: 0,
            refused: if failed { left as usize } else { 0 },
            failed,
        }
    }

    /// The frames that wait, the oldest first.
    pub(in crate::direct) fn waiting(&self) -> impl Iterator<Item = &[u8]> {
        let first = self.transmit.consumer();
        (0..self.waiting_count()).filter_map(move |number| {
            let entry = self.transmit.entry(first.wrapping_add(number))?;
            let (offset, length) = described(entry);
            self.memory.part(offset, length)
        })
    }

    fn waiting_count(&self) -> u32 {
        self.produced.wrapping_sub(self.transmit.consumer())
    }

    /// Has the kernel take frames from the ring.
    fn kick(&self) -> Kick {
        // SAFETY: no data and no address is passed; the kernel reads entries of the ring that were
        // produced, and the frames that they describe.
        let result = check(unsafe {
            let nothing = std::ptr::null();
            libc::sendto(
                self.socket.as_raw_fd(),
                nothing,
                0,
                libc::MSG_DONTWAIT,
                nothing.cast(),
                0,
            ) as i32
        });
        match result {
            Ok(_) => Kick::Taken,
            // EBUSY: the driver dropped a frame, which counts as taken.
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) => Kick::Taken,
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => Kick::Nothing,
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::Interrupted => Kick::Nothing,
                _ => Kick::Failed,
            },
        }
    }

    /// Takes back the frames that the kernel is done with.
    fn reap(&mut self) {
        let (mut next, end) = (self.completion.consumer(), self.completion.producer());
        while next != end {
            let address = self.completion.entry(next).map(|e| u64::from_ne_bytes(*e));
            let number = address.map(|address| address / FRAME as u64);
            self.free
                .extend(number.and_then(|number| u32::try_from(number).ok()));
            next = next.wrapping_add(1);
        }
        self.completion.consume(end);
    }
}

/// A `struct xdp_desc`: where a frame is, its length, no options.
fn descriptor(offset: usize, length: usize) -> [u8; DESCRIPTOR] {
    let mut octets = [0; DESCRIPTOR];
    let parts = (offset as u64).to_ne_bytes().into_iter();
    for (octet, value) in octets
        .iter_mut()
        .zip(parts.chain((length as u32).to_ne_bytes()))
    {
        *octet = value;
    }
    octets
}

fn described(entry: &[u8; DESCRIPTOR]) -> (usize, usize) {
    let offset = entry.first_chunk().map_or(0, |c| u64::from_ne_bytes(*c));
    let length = entry.get(8..).and_then(<[u8]>::first_chunk);
    let length = length.map_or(0, |c| u32::from_ne_bytes(*c));
    (offset as usize, length as usize)
}

fn register(socket: BorrowedFd<'_>, memory: &Mapping) -> io::Result<()> {
    let region = libc::xdp_umem_reg {
        addr: memory.address(),
        len: memory.length() as u64,
        chunk_size: FRAME as u32,
        headroom: 0,
        flags: 0,
        tx_metadata_len: 0,
    };
    // SAFETY: the pointer and the length describe `region`, which the kernel only reads. The memory that
    // it names outlives the socket in `XdpSender`, and the kernel holds its pages besides.
    check(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_XDP,
            libc::XDP_UMEM_REG,
            (&raw const region).cast(),
            size_of::<libc::xdp_umem_reg>() as libc::socklen_t,
        )
    })
    .map(drop)
}

/// How the rings of a socket are laid out.
fn offsets(socket: BorrowedFd<'_>) -> io::Result<libc::xdp_mmap_offsets> {
    let mut length = size_of::<libc::xdp_mmap_offsets>() as libc::socklen_t;
    // SAFETY: a C structure of integers, where all zeroes is valid; the kernel writes at most `length`
    // octets, its size.
    unsafe {
        let mut offsets: libc::xdp_mmap_offsets = zeroed();
        check(libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_XDP,
            libc::XDP_MMAP_OFFSETS,
            (&raw mut offsets).cast(),
            &raw mut length,
        ))?;
        Ok(offsets)
    }
}

/// Binds a socket to the first transmit queue of a link that has no other one.
fn bind(socket: BorrowedFd<'_>, interface: u32) -> io::Result<()> {
    let mut busy = io::Error::from_raw_os_error(libc::EBUSY);
    for queue in 0..QUEUES {
        match bind_to(socket, interface, queue) {
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) => busy = error,
            // A number beyond the last queue.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) && queue > 0 => break,
            result => return result,
        }
    }
    Err(busy)
}

fn bind_to(socket: BorrowedFd<'_>, interface: u32, queue: u32) -> io::Result<()> {
    let address = libc::sockaddr_xdp {
        sxdp_family: libc::AF_XDP as u16,
        sxdp_flags: libc::XDP_COPY,
        sxdp_ifindex: interface,
        sxdp_queue_id: queue,
        sxdp_shared_umem_fd: 0,
    };
    // SAFETY: the pointer and the length describe `address`, which the kernel only reads.
    check(unsafe {
        libc::bind(
            socket.as_raw_fd(),
            (&raw const address).cast(),
            size_of::<libc::sockaddr_xdp>() as libc::socklen_t,
        )
    })
    .map(drop)
}
