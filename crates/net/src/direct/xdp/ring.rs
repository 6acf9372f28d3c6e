//! Rings between this process and the kernel: one writes entries and moves the producer index on, the
//! other reads them and moves the consumer index on. Indices run freely; an entry's place is its index
//! modulo the size, a power of two.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU32, Ordering};

use super::mapping::Mapping;

/// A ring with entries of `N` octets.
#[derive(Debug)]
pub(super) struct Ring<const N: usize> {
    mapping: Mapping,
    producer: usize,
    consumer: usize,
    entries: usize,
    size: u32,
}

impl<const N: usize> Ring<N> {
    /// Maps a ring of `size` entries that the kernel keeps for `socket` at the page offset `page`, laid
    /// out as `offsets` tells.
    pub(super) fn map(
        socket: BorrowedFd<'_>,
        page: libc::off_t,
        size: u32,
        offsets: libc::xdp_ring_offset,
    ) -> io::Result<Self> {
        let offset = |value: u64| usize::try_from(value).map_err(io::Error::other);
        let entries = offset(offsets.desc)?;
        let length = (size as usize)
            .checked_mul(N)
            .and_then(|octets| octets.checked_add(entries))
            .ok_or(io::ErrorKind::InvalidData)?;
        let ring = Self {
            mapping: Mapping::of(socket, length, page)?,
            producer: offset(offsets.producer)?,
            consumer: offset(offsets.consumer)?,
            entries,
            size,
        };
        let (producer, consumer) = (ring.producer, ring.consumer);
        if ring.mapping.atomic(producer).is_none() || ring.mapping.atomic(consumer).is_none() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(ring)
    }

    /// The producer index; entries before it may be read.
    pub(super) fn producer(&self) -> u32 {
        self.index(self.producer).load(Ordering::Acquire)
    }

    /// The consumer index; entries before it have been read.
    pub(super) fn consumer(&self) -> u32 {
        self.index(self.consumer).load(Ordering::Acquire)
    }

    /// Gives the entries before `index` to the kernel.
    pub(super) fn produce(&self, index: u32) {
        self.index(self.producer).store(index, Ordering::Release);
    }

    /// Gives the places of the entries before `index` back to the kernel.
    pub(super) fn consume(&self, index: u32) {
        self.index(self.consumer).store(index, Ordering::Release);
    }

    /// An entry that is this process's, which the kernel does not write.
    pub(super) fn entry(&self, index: u32) -> Option<&[u8; N]> {
        self.mapping.part(self.place(index), N)?.first_chunk()
    }

    /// An entry that is this process's, which the kernel does not read or write.
    pub(super) fn entry_mut(&mut self, index: u32) -> Option<&mut [u8; N]> {
        self.mapping
            .part_mut(self.place(index), N)?
            .first_chunk_mut()
    }

    fn place(&self, index: u32) -> usize {
        self.entries + (index & (self.size - 1)) as usize * N
    }

    fn index(&self, offset: usize) -> &AtomicU32 {
        static NOWHERE: AtomicU32 = AtomicU32::new(0);
        // `map` has checked both.
        self.mapping.atomic(offset).unwrap_or(&NOWHERE)
    }
}
