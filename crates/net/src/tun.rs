//! TUN devices: virtual links whose far end is this process, one IP packet per read or write.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;

use nix::net::if_::if_nametoindex;

use crate::sys::check;

pub(crate) const DEVICE: &str = "/dev/net/tun";

/// A TUN device of the network namespace in which it was opened.
///
/// Packets have no header before the IP header. Reads and writes never block. The device, its
/// addresses and its routes disappear when this is dropped, even by a crash; a child that is just being
/// forked holds them until it executes its program.
#[derive(Debug)]
pub struct Tun {
    device: File,
    name: String,
    index: u32,
}

/// Why a TUN device cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum TunError {
    /// The kernel or the container has no TUN driver to offer.
    #[error(
        "{DEVICE} is missing: load the driver with `modprobe tun`, or give the container the device \
         with `--device {DEVICE}`"
    )]
    Missing,
    /// The device file cannot be opened by this user.
    #[error("no permission to open {DEVICE}: run as root, or make the file readable and writable")]
    DevicePermission,
    /// The process may not make interfaces.
    #[error(
        "no permission to create the interface {name}: it takes the capability CAP_NET_ADMIN (in a \
         container, `--cap-add NET_ADMIN`)"
    )]
    Permission {
        /// The name asked for.
        name: String,
    },
    /// Another process holds the interface.
    #[error("the interface {name} is in use by another process")]
    Busy {
        /// The name asked for.
        name: String,
    },
    /// The name cannot be that of a TUN device.
    #[error(
        "`{name}` cannot be a TUN interface: a name has 1 to 15 characters without `/` or blanks, at \
         most one `%d`, and no interface of another kind may have it"
    )]
    Name {
        /// The name asked for.
        name: String,
    },
    /// Any other refusal by the system.
    #[error("cannot create the interface {name}")]
    Io {
        /// The name asked for.
        name: String,
        /// What the system said.
        source: io::Error,
    },
}

impl Tun {
    /// Creates a TUN device, or attaches to a persistent one that bears the name.
    ///
    /// `%d` in the name stands for the first free number: `adit%d` gives `adit0`.
    ///
    /// # Errors
    /// [`TunError`] says what is missing and how to get it.
    pub fn open(name: &str) -> Result<Self, TunError> {
        let request = request(name)?;
        let device = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(DEVICE)
            .map_err(|source| open_error(name, source))?;
        let io = |source| TunError::Io {
            name: name.to_owned(),
            source,
        };
        let granted =
            set_interface(device.as_fd(), request).map_err(|source| create_error(name, source))?;
        let index = if_nametoindex(granted.as_str()).map_err(|errno| io(errno.into()))?;
        Ok(Self {
            device,
            name: granted,
            index,
        })
    }

    /// The name of the interface.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The index of the interface in its network namespace.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// Reads one packet that the host sends into the tunnel and returns its length in octets. What
    /// does not fit in `buffer` is lost.
    ///
    /// # Errors
    /// `WouldBlock` if no packet waits; else the error of the system.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        (&self.device).read(buffer)
    }

    /// Writes one packet, which the host receives from the tunnel.
    ///
    /// # Errors
    /// `EIO` while the interface is down, `EINVAL` for what is not an IP packet.
    pub fn write(&self, packet: &[u8]) -> io::Result<usize> {
        (&self.device).write(packet)
    }
}

impl AsFd for Tun {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}

impl From<Tun> for OwnedFd {
    fn from(tun: Tun) -> Self {
        tun.device.into()
    }
}

fn request(name: &str) -> Result<libc::ifreq, TunError> {
    let valid = (1..libc::IFNAMSIZ).contains(&name.len())
        && !name.contains(|c: char| c == '/' || c.is_whitespace() || c.is_control());
    if !valid {
        return Err(TunError::Name {
            name: name.to_owned(),
        });
    }
    let mut ifr_name = [0; libc::IFNAMSIZ];
    for (to, from) in ifr_name.iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    let ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as libc::c_short;
    Ok(libc::ifreq {
        ifr_name,
        ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_flags },
    })
}

/// Binds the open device to an interface and returns the name that the kernel gave it.
fn set_interface(device: BorrowedFd<'_>, mut request: libc::ifreq) -> io::Result<String> {
    // SAFETY: TUNSETIFF reads and writes one `ifreq`, which lives on this stack for the call.
    check(unsafe { libc::ioctl(device.as_raw_fd(), libc::TUNSETIFF as _, &raw mut request) })?;
    let name = request
        .ifr_name
        .iter()
        .take_while(|c| **c != 0)
        .map(|c| *c as u8)
        .collect();
    String::from_utf8(name).map_err(|_| ErrorKind::InvalidData.into())
}

pub(crate) fn open_error(name: &str, source: io::Error) -> TunError {
    match source.raw_os_error() {
        Some(libc::ENOENT | libc::ENODEV | libc::ENXIO) => TunError::Missing,
        // A container's device controller refuses with EPERM, the mode of the file with EACCES.
        Some(libc::EACCES | libc::EPERM) => TunError::DevicePermission,
        _ => TunError::Io {
            name: name.to_owned(),
            source,
        },
    }
}

fn create_error(name: &str, source: io::Error) -> TunError {
    let name = name.to_owned();
    match source.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => TunError::Permission { name },
        Some(libc::EBUSY) => TunError::Busy { name },
        Some(libc::EINVAL) => TunError::Name { name },
        _ => TunError::Io { name, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_names_that_the_kernel_would_cut_or_misread() {
        for name in ["", "sixteen-letters!", "a/b", "a b"] {
            assert!(
                matches!(Tun::open(name), Err(TunError::Name { .. })),
                "{name}"
            );
        }
    }

    #[test]
    fn tells_apart_what_is_missing() {
        let errno = io::Error::from_raw_os_error;
        assert!(matches!(
            open_error("t", errno(libc::ENOENT)),
            TunError::Missing
        ));
        assert!(matches!(
            open_error("t", errno(libc::EACCES)),
            TunError::DevicePermission
        ));
        assert!(matches!(
            create_error("t", errno(libc::EPERM)),
            TunError::Permission { .. }
        ));
        assert!(matches!(
            create_error("t", errno(libc::EBUSY)),
            TunError::Busy { .. }
        ));
        assert!(matches!(
            create_error("t", errno(libc::ENOMEM)),
            TunError::Io { .. }
        ));
    }
}
