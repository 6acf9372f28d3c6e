//! System calls that neither the standard library nor a dependency wraps safely.

use std::ffi::{c_char, c_int};
use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Turns the C convention "negative means look at errno" into a result.
pub(crate) fn check(result: c_int) -> io::Result<c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// Sets a socket option that is a C integer.
pub(crate) fn set_option(
    socket: BorrowedFd<'_>,
    level: c_int,
    name: c_int,
    value: c_int,
) -> io::Result<()> {
    // SAFETY: the descriptor is borrowed for the call; the pointer and the length describe `value`,
    // which the kernel only reads.
    check(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw const value).cast(),
            size_of::<c_int>() as libc::socklen_t,
        )
    })
    .map(drop)
}

/// Reads a socket option that is a C integer.
pub(crate) fn option(socket: BorrowedFd<'_>, level: c_int, name: c_int) -> io::Result<c_int> {
    let mut value: c_int = 0;
    let mut length = size_of::<c_int>() as libc::socklen_t;
    // SAFETY: the descriptor is borrowed for the call; the kernel writes at most `length` bytes,
    // the size of `value`, where any bit pattern is a valid integer.
    check(unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw mut value).cast(),
            &raw mut length,
        )
    })?;
    Ok(value)
}

/// Packets that a socket dropped because its receive buffer was full, modulo 2³².
pub(crate) fn socket_drops(socket: BorrowedFd<'_>) -> io::Result<u32> {
    let mut figures = [0u32; libc::SK_MEMINFO_DROPS as usize + 1];
    let mut length = size_of_val(&figures) as libc::socklen_t;
    // SAFETY: the descriptor is borrowed for the call; the kernel writes at most `length` octets, the
    // size of `figures`, where any bit pattern is a valid integer.
    check(unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            figures.as_mut_ptr().cast(),
            &raw mut length,
        )
    })?;
    let [.., drops] = figures;
    if length as usize == size_of_val(&figures) {
        Ok(drops)
    } else {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Has the calling process killed when the thread that forked it ends; fails if its parent is not
/// `parent` any more. Allocates nothing.
pub(crate) fn die_with_parent(parent: u32) -> io::Result<()> {
    set_parent_death_signal(libc::SIGKILL)?;
    // The parent may have ended before the request.
    if parent_id() == parent {
        Ok(())
    } else {
        Err(io::Error::from_raw_os_error(libc::ESRCH))
    }
}

fn set_parent_death_signal(signal: c_int) -> io::Result<()> {
    // SAFETY: the call takes integers only.
    check(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signal as libc::c_ulong) }).map(drop)
}

fn parent_id() -> u32 {
    std::os::unix::process::parent_id()
}

/// Calls `body`, which may change the working directory, and goes back to the path it had, if that
/// still exists. Allocates nothing.
pub(crate) fn keeping_directory(body: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    let mut path: [c_char; libc::PATH_MAX as usize] = [0; libc::PATH_MAX as usize];
    let known = current_directory(&mut path).is_ok();
    body()?;
    if known {
        // A directory that the new mount namespace lacks is no reason to fail.
        let _ = change_directory(&path);
    }
    Ok(())
}

fn current_directory(path: &mut [c_char]) -> io::Result<()> {
    // SAFETY: the kernel writes a C string of at most `path.len()` octets to `path`.
    let found = unsafe { libc::getcwd(path.as_mut_ptr(), path.len()) };
    if found.is_null() {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

fn change_directory(path: &[c_char]) -> io::Result<()> {
    if !path.contains(&0) {
        return Err(io::Error::from_raw_os_error(libc::ENAMETOOLONG));
    }
    // SAFETY: `path` holds a zero, so that it is a C string, which the kernel only reads.
    check(unsafe { libc::chdir(path.as_ptr()) }).map(drop)
}
