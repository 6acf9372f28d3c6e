//! Processes that are waited for along with other things.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// A descriptor of a process (pidfd, Linux 5.3), which becomes readable when the process has ended.
#[derive(Debug)]
pub struct ProcessHandle(OwnedFd);

impl ProcessHandle {
    /// The descriptor of a child of this process that has not been waited for yet, so that the number is still
    /// its own.
    ///
    /// # Errors
    /// No such process, too many open files, or a kernel before Linux 5.3.
    pub fn of_child(id: u32) -> io::Result<Self> {
        let id = libc::pid_t::try_from(id).map_err(io::Error::other)?;
        // SAFETY: the call takes two integers and touches no memory of ours.
        let result = unsafe { libc::syscall(libc::SYS_pidfd_open, id, 0) };
        if result < 0 {
            return Err(io::Error::last_os_error());
        }
        let descriptor = RawFd::try_from(result).map_err(io::Error::other)?;
        // SAFETY: the kernel has just made this descriptor for us; nobody else owns it. It is closed on exec.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(descriptor) }))
    }
}

impl AsFd for ProcessHandle {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for ProcessHandle {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    use super::*;

    fn is_readable(handle: &ProcessHandle, timeout: PollTimeout) -> bool {
        let mut wanted = [PollFd::new(handle.as_fd(), PollFlags::POLLIN)];
        poll(&mut wanted, timeout).unwrap() == 1
    }

    #[test]
    fn the_end_of_a_process_is_seen() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let handle = ProcessHandle::of_child(child.id()).unwrap();
        assert!(!is_readable(&handle, PollTimeout::ZERO));
        drop(child.stdin.take());
        assert!(is_readable(&handle, PollTimeout::NONE));
        child.wait().unwrap();
    }
}
