//! What `sendmmsg` and `recvmmsg` want beside the packets: the only place that keeps pointers to them.

use std::io;
use std::marker::PhantomData;
use std::mem::{MaybeUninit, offset_of, size_of, zeroed};
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::{BATCH, Outgoing, SLOT};
use crate::sys::check;

// SAFETY: a C structure of integers and pointers; all zeroes is a valid value.
const NO_MESSAGE: libc::mmsghdr = unsafe { zeroed() };

/// The control message that names the source address of one packet (`IP_PKTINFO`).
#[repr(C)]
#[derive(Clone, Copy)]
struct SourceControl {
    header: libc::cmsghdr,
    info: libc::in_pktinfo,
}

impl SourceControl {
    fn new(source: Ipv4Addr) -> Self {
        // SAFETY: both fields are C structures of integers; all zeroes is a valid value.
        let mut control: Self = unsafe { zeroed() };
        let length = offset_of!(Self, info) + size_of::<libc::in_pktinfo>();
        control.header.cmsg_len = length as _;
        control.header.cmsg_level = libc::IPPROTO_IP;
        control.header.cmsg_type = libc::IP_PKTINFO;
        control.info.ipi_spec_dst = in_addr(source);
        control
    }
}

fn in_addr(address: Ipv4Addr) -> libc::in_addr {
    libc::in_addr {
        s_addr: u32::from_ne_bytes(address.octets()),
    }
}

/// Room for the headers of [`BATCH`] packets to send. Only what is used is ever written.
pub(super) struct SendHeaders {
    messages: [MaybeUninit<libc::mmsghdr>; BATCH],
    vectors: [MaybeUninit<libc::iovec>; BATCH],
    names: [MaybeUninit<libc::sockaddr_in>; BATCH],
    controls: [MaybeUninit<SourceControl>; BATCH],
}

/// Headers of packets, which are lent for `'a`.
pub(super) struct ReadyToSend<'h, 'a> {
    messages: &'h mut [libc::mmsghdr],
    names: &'h [libc::sockaddr_in],
    packets: PhantomData<&'a [u8]>,
}

impl SendHeaders {
    pub(super) fn new() -> Self {
        Self {
            messages: [const { MaybeUninit::uninit() }; BATCH],
            vectors: [const { MaybeUninit::uninit() }; BATCH],
            names: [const { MaybeUninit::uninit() }; BATCH],
            controls: [const { MaybeUninit::uninit() }; BATCH],
        }
    }

    /// Takes the next packets, as many as there is room for.
    pub(super) fn fill<'h, 'a>(
        &'h mut self,
        packets: &mut impl Iterator<Item = Outgoing<'a>>,
    ) -> ReadyToSend<'h, 'a> {
        let mut count = 0;
        let parts = self
            .messages
            .iter_mut()
            .zip(&mut self.vectors)
            .zip(&mut self.names)
            .zip(&mut self.controls);
        // The packets come last: a place is found before one is taken.
        for ((((message, vector), name), control), packet) in parts.zip(packets) {
            let header = &mut message.write(NO_MESSAGE).msg_hdr;
            header.msg_iov = vector.write(libc::iovec {
                iov_base: packet.gre.as_ptr().cast_mut().cast(),
                iov_len: packet.gre.len(),
            });
            header.msg_iovlen = 1;
            header.msg_name = (&raw mut *name.write(socket_address(packet.destination))).cast();
            header.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
            if let Some(source) = packet.source {
                header.msg_control = (&raw mut *control.write(SourceControl::new(source))).cast();
                header.msg_controllen = size_of::<SourceControl>() as _;
            }
            count += 1;
        }
        let (messages, _) = self.messages.split_at_mut(count);
        let (names, _) = self.names.split_at(count);
        // SAFETY: the loop has written the first `count` of both.
        let (messages, names) = unsafe { (messages.assume_init_mut(), names.assume_init_ref()) };
        ReadyToSend {
            messages,
            names,
            packets: PhantomData,
        }
    }
}

fn socket_address(address: Ipv4Addr) -> libc::sockaddr_in {
    libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: 0,
        sin_addr: in_addr(address),
        sin_zero: [0; 8],
    }
}

impl ReadyToSend<'_, '_> {
    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    /// Where packet number `index` goes.
    pub(super) fn destination(&self, index: usize) -> Ipv4Addr {
        self.names.get(index).map_or(Ipv4Addr::UNSPECIFIED, |name| {
            Ipv4Addr::from(name.sin_addr.s_addr.to_ne_bytes())
        })
    }

    /// Hands the packets from number `first` on to the kernel; returns how many it took, at least one.
    pub(super) fn send(&mut self, socket: BorrowedFd<'_>, first: usize) -> io::Result<usize> {
        let messages = self.messages.get_mut(first..).unwrap_or_default();
        // SAFETY: each message names a vector, an address and perhaps a control message of the
        // `SendHeaders` that this borrows, with their sizes, and the vector names a packet that is lent
        // for as long as this lives. The kernel only reads them.
        let sent = check(unsafe {
            libc::sendmmsg(
                socket.as_raw_fd(),
                messages.as_mut_ptr(),
                messages.len() as _,
                libc::MSG_DONTWAIT as _,
            )
        })?;
        Ok(usize::try_from(sent).unwrap_or(0).clamp(1, BATCH))
    }
}

/// [`BATCH`] slots of [`SLOT`] octets, with headers that are made once.
#[derive(Debug)]
pub(super) struct ReceiveSlots {
    buffers: Box<[u8]>,
    messages: Vec<libc::mmsghdr>,
    /// What `messages` point at. Not touched again.
    _vectors: Vec<libc::iovec>,
}

// SAFETY: the pointers lead to memory that the structure itself owns, which does not move with it, and
// are followed by `recvmmsg` alone, during a call that has the structure to itself.
unsafe impl Send for ReceiveSlots {}
// SAFETY: as above; a shared reference leads to none of them.
unsafe impl Sync for ReceiveSlots {}

impl ReceiveSlots {
    pub(super) fn new() -> Self {
        let mut buffers = vec![0; BATCH * SLOT].into_boxed_slice();
        let vector = |slot: &mut [u8]| libc::iovec {
            iov_base: slot.as_mut_ptr().cast(),
            iov_len: slot.len(),
        };
        let mut vectors: Vec<_> = buffers.chunks_exact_mut(SLOT).map(vector).collect();
        let message = |vector: &mut libc::iovec| {
            let mut message = NO_MESSAGE;
            message.msg_hdr.msg_iov = vector;
            message.msg_hdr.msg_iovlen = 1;
            message
        };
        Self {
            messages: vectors.iter_mut().map(message).collect(),
            _vectors: vectors,
            buffers,
        }
    }

    /// Receives what waits into the slots from number `first` on and returns how many packets that is.
    pub(super) fn receive(&mut self, socket: BorrowedFd<'_>, first: usize) -> io::Result<usize> {
        let messages = self.messages.get_mut(first..).unwrap_or_default();
        // The slots have been used since their addresses were taken: they are lent to the kernel anew.
        self.buffers.as_mut_ptr().expose_provenance();
        // SAFETY: each of the messages names one vector and no address or control message; the vector
        // names one slot of `buffers`. Both live on the heap as long as `self`, which is borrowed
        // mutably for the call. No timeout is given.
        let count = check(unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                messages.as_mut_ptr(),
                messages.len() as _,
                libc::MSG_DONTWAIT as _,
                std::ptr::null_mut(),
            )
        })?;
        Ok(usize::try_from(count).unwrap_or(0).min(messages.len()))
    }

    /// The first `count` slots as they were filled; none for a packet that did not fit.
    pub(super) fn filled(&mut self, count: usize) -> impl Iterator<Item = Option<&mut [u8]>> {
        let slots = self.buffers.chunks_exact_mut(SLOT).zip(&self.messages);
        slots.take(count).map(|(slot, message)| {
            let whole = message.msg_hdr.msg_flags & libc::MSG_TRUNC == 0;
            slot.get_mut(..message.msg_len as usize).filter(|_| whole)
        })
    }
}
