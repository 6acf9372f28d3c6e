//! Memory that this process shares with the kernel.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;
use std::sync::atomic::AtomicU32;

/// A mapping that lives as long as this value.
#[derive(Debug)]
pub(super) struct Mapping {
    base: NonNull<u8>,
    length: usize,
}

// SAFETY: the mapping belongs to the process and not to a thread; whoever owns this value is the only
// one of the process who has its address.
unsafe impl Send for Mapping {}

impl Mapping {
    /// Maps memory of `length` octets, all zeroes.
    pub(super) fn anonymous(length: usize) -> io::Result<Self> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_POPULATE;
        Self::map(length, flags, -1, 0)
    }

    /// Maps `length` octets of what `file` has at `offset`.
    pub(super) fn of(file: BorrowedFd<'_>, length: usize, offset: libc::off_t) -> io::Result<Self> {
        let flags = libc::MAP_SHARED | libc::MAP_POPULATE;
        Self::map(length, flags, file.as_raw_fd(), offset)
    }

    fn map(length: usize, flags: i32, file: i32, offset: libc::off_t) -> io::Result<Self> {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping at an address of the kernel's choice overlaps nothing.
        let base = unsafe { libc::mmap(std::ptr::null_mut(), length, access, flags, file, offset) };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { base, length })
    }

    /// The address that the kernel is told.
    pub(super) fn address(&self) -> u64 {
        self.base.as_ptr().addr() as u64
    }

    /// Its length in octets.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// A part of the mapping. The kernel must not write to it meanwhile.
    pub(super) fn part_mut(&mut self, offset: usize, length: usize) -> Option<&mut [u8]> {
        self.contains(offset, length).then(|| {
            // SAFETY: the range lies within the mapping, which is readable, writable and initialised
            // and lives as long as `self`, which is borrowed exclusively.
            unsafe { std::slice::from_raw_parts_mut(self.base.as_ptr().add(offset), length) }
        })
    }

    /// A part of the mapping. The kernel must not write to it meanwhile.
    pub(super) fn part(&self, offset: usize, length: usize) -> Option<&[u8]> {
        self.contains(offset, length).then(|| {
            // SAFETY: as in `part_mut`, with a shared borrow for a shared one.
            unsafe { std::slice::from_raw_parts(self.base.as_ptr().add(offset), length) }
        })
    }

    /// An integer that the kernel reads and writes too; none outside the mapping.
    pub(super) fn atomic(&self, offset: usize) -> Option<&AtomicU32> {
        let fits = self.contains(offset, size_of::<AtomicU32>());
        (fits && offset.is_multiple_of(align_of::<AtomicU32>())).then(|| {
            // SAFETY: within the mapping, whose beginning is aligned to a page, and aligned itself; all
            // accesses to it are atomic, the kernel's as well.
            unsafe { AtomicU32::from_ptr(self.base.as_ptr().add(offset).cast()) }
        })
    }

    fn contains(&self, offset: usize, length: usize) -> bool {
        offset
            .checked_add(length)
            .is_some_and(|end| end <= self.length)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range is the one that was mapped; no reference into it outlives `self`.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.length) };
    }
}
