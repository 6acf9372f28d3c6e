//! Sending in batches (`sendmmsg`).

use std::io::{self, ErrorKind};
use std::mem::{offset_of, size_of, zeroed};
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::path_error::{PathErrors, drain};
use super::{BATCH, PathError, SLOT};
use crate::sys::check;

/// How often one flush tries a packet again after an error about another one.
const RETRIES: usize = 4;

/// Room for [`BATCH`] packets to send, allocated once.
#[derive(Debug)]
pub struct SendBatch {
    buffers: Box<[u8]>,
    slots: Vec<Slot>,
    counters: SendCounters,
    errors: PathErrors,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    source: Option<Ipv4Addr>,
    destination: Ipv4Addr,
    length: usize,
}

/// What became of the packets of a [`SendBatch`] since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SendCounters {
    /// Accepted by the host.
    pub sent: u64,
    /// Dropped because a queue of the host was full.
    pub congested: u64,
    /// Dropped because the host refused them: no route, forbidden, too long.
    pub refused: u64,
}

/// Why a packet was not added to a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// The batch has to be flushed first.
    #[error("the batch is full")]
    Full,
    /// The packet is longer than [`SLOT`].
    #[error("a packet of {length} octets is longer than {SLOT}")]
    TooLong {
        /// Its length in octets.
        length: usize,
    },
}

impl SendBatch {
    /// An empty batch.
    pub fn new() -> Self {
        Self {
            buffers: vec![0; BATCH * SLOT].into_boxed_slice(),
            slots: Vec::with_capacity(BATCH),
            counters: SendCounters::default(),
            errors: PathErrors::default(),
        }
    }

    /// Adds a packet (GRE header and payload) to be sent to `destination`, from the address
    /// `source` of this host or from the one that the route prefers.
    ///
    /// # Errors
    /// The batch is full, or the packet too long for it.
    pub fn push(
        &mut self,
        source: Option<Ipv4Addr>,
        destination: Ipv4Addr,
        gre: &[u8],
    ) -> Result<(), PushError> {
        let length = gre.len();
        let mut free = self.buffers.chunks_exact_mut(SLOT).skip(self.slots.len());
        let slot = free.next().ok_or(PushError::Full)?;
        slot.get_mut(..length)
            .ok_or(PushError::TooLong { length })?
            .copy_from_slice(gre);
        self.slots.push(Slot {
            source,
            destination,
            length,
        });
        Ok(())
    }

    /// Packets that wait for a flush.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether no packet waits.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Whether the next push would find no room.
    pub fn is_full(&self) -> bool {
        self.slots.len() == BATCH
    }

    /// What became of the packets so far.
    pub fn counters(&self) -> SendCounters {
        self.counters
    }

    /// Removes and returns the errors met while sending, the last one of each destination.
    pub fn take_errors(&mut self) -> Vec<PathError> {
        self.errors.take()
    }
}

impl Default for SendBatch {
    fn default() -> Self {
        Self::new()
    }
}

pub(super) fn flush(socket: BorrowedFd<'_>, batch: &mut SendBatch) -> usize {
    let mut next = 0;
    let mut accepted = 0;
    let mut retries = 0;
    while let Some(slot) = batch.slots.get(next).copied() {
        match send_from(socket, batch, next) {
            Ok(count) => {
                accepted += count;
                next += count;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                batch.counters.congested += (batch.slots.len() - next) as u64;
                break;
            }
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                batch.counters.congested += 1;
                next += 1;
            }
            // What the network reported about an earlier packet fails the next send, whose packet
            // is not to blame.
            Err(_) if retries < RETRIES && drain(socket, &mut batch.errors) > 0 => retries += 1,
            Err(error) => {
                batch.errors.add(PathError::local(slot.destination, &error));
                batch.counters.refused += 1;
                next += 1;
            }
        }
    }
    batch.counters.sent += accepted as u64;
    batch.slots.clear();
    accepted
}

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

/// Hands the packets from number `first` on to the kernel; returns how many it took, at least one.
fn send_from(socket: BorrowedFd<'_>, batch: &SendBatch, first: usize) -> io::Result<usize> {
    // SAFETY: C structures of integers and pointers; all zeroes is a valid value of each.
    let (mut messages, mut vectors, mut names) = unsafe {
        let messages = [zeroed::<libc::mmsghdr>(); BATCH];
        (
            messages,
            [zeroed::<libc::iovec>(); BATCH],
            [zeroed::<libc::sockaddr_in>(); BATCH],
        )
    };
    let mut controls = [SourceControl::new(Ipv4Addr::UNSPECIFIED); BATCH];
    let packets = batch
        .slots
        .iter()
        .zip(batch.buffers.chunks_exact(SLOT))
        .skip(first);
    let parts = messages
        .iter_mut()
        .zip(&mut vectors)
        .zip(&mut names)
        .zip(&mut controls);
    let mut count = 0;
    for ((((message, vector), name), control), (slot, buffer)) in parts.zip(packets) {
        let packet = buffer.get(..slot.length).unwrap_or_default();
        vector.iov_base = packet.as_ptr().cast_mut().cast();
        vector.iov_len = packet.len();
        name.sin_family = libc::AF_INET as libc::sa_family_t;
        name.sin_addr = in_addr(slot.destination);
        let header = &mut message.msg_hdr;
        header.msg_iov = vector;
        header.msg_iovlen = 1;
        header.msg_name = (&raw mut *name).cast();
        header.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
        if let Some(source) = slot.source {
            *control = SourceControl::new(source);
            header.msg_control = (&raw mut *control).cast();
            header.msg_controllen = size_of::<SourceControl>() as _;
        }
        count += 1;
    }
    // SAFETY: the first `count` entries of `messages` name a vector, an address and a control message
    // of the arrays above, with their sizes; the vectors name packets that `batch` lends for the call
    // and that the kernel only reads.
    let sent = check(unsafe {
        libc::sendmmsg(
            socket.as_raw_fd(),
            messages.as_mut_ptr(),
            count,
            libc::MSG_DONTWAIT as _,
        )
    })?;
    Ok(usize::try_from(sent).unwrap_or(0).clamp(1, BATCH))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_takes_its_number_of_packets_and_no_longer_ones() {
        let mut batch = SendBatch::new();
        assert!(batch.is_empty());
        let too_long = vec![0; SLOT + 1];
        let refusal = batch.push(None, Ipv4Addr::LOCALHOST, &too_long);
        assert_eq!(refusal, Err(PushError::TooLong { length: SLOT + 1 }));
        for _ in 0..BATCH {
            batch.push(None, Ipv4Addr::LOCALHOST, &[0; SLOT]).unwrap();
        }
        assert!(batch.is_full());
        assert_eq!(
            batch.push(None, Ipv4Addr::LOCALHOST, &[]),
            Err(PushError::Full)
        );
    }
}
