//! Requests to the TUN driver.

use std::ffi::{c_int, c_uint};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;

use super::queue::VNET_HEADER;
use super::{DEVICE, OffloadSupport, TunError};
use crate::sys::check;

/// A name that the kernel takes for an interface or a pattern of one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Name<'a>(&'a str);

impl<'a> Name<'a> {
    pub(super) fn new(name: &'a str) -> Result<Self, TunError> {
        let valid = (1..libc::IFNAMSIZ).contains(&name.len())
            && !name.contains(|c: char| c == '/' || c.is_whitespace() || c.is_control());
        if valid {
            Ok(Self(name))
        } else {
            Err(TunError::Name {
                name: name.to_owned(),
            })
        }
    }

    fn request(self, flags: c_int) -> libc::ifreq {
        let mut ifr_name = [0; libc::IFNAMSIZ];
        for (to, from) in ifr_name.iter_mut().zip(self.0.bytes()) {
            *to = from as libc::c_char;
        }
        let ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI | flags) as libc::c_short;
        libc::ifreq {
            ifr_name,
            ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_flags },
        }
    }
}

/// Opens a queue of the interface, which is made if there is none of the name. Returns the name that
/// the kernel gave it, too.
pub(super) fn open(name: Name<'_>, flags: c_int) -> Result<(File, String), TunError> {
    let device = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(DEVICE)
        .map_err(|source| TunError::of_open(name.0, source))?;
    let granted = set_interface(device.as_fd(), name.request(flags))
        .map_err(|source| TunError::of_create(name.0, source))?;
    Ok((device, granted))
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

/// Has the kernel hand over long packets and take them, as far as it can. The interface must have been
/// opened with `IFF_VNET_HDR`.
pub(super) fn enable_offload(device: &File) -> io::Result<OffloadSupport> {
    let device = device.as_fd();
    set_integer(device, libc::TUNSETVNETHDRSZ, VNET_HEADER as c_int)?;
    set_integer(device, libc::TUNSETVNETLE, 1)?;
    best_offload(|features| set_offload(device, features))
}

/// The most of what `set` accepts.
fn best_offload(set: impl Fn(c_uint) -> io::Result<()>) -> io::Result<OffloadSupport> {
    let tcp = libc::TUN_F_CSUM | libc::TUN_F_TSO4 | libc::TUN_F_TSO6 | libc::TUN_F_TSO_ECN;
    // The kernel takes both of these or none, and knows them since version 6.2.
    let udp = libc::TUN_F_USO4 | libc::TUN_F_USO6;
    match set(tcp | udp) {
        Ok(()) => Ok(OffloadSupport::TcpAndUdp),
        Err(_) => set(tcp).map(|()| OffloadSupport::Tcp),
    }
}

fn set_offload(device: BorrowedFd<'_>, features: c_uint) -> io::Result<()> {
    let features = libc::c_ulong::from(features);
    // SAFETY: TUNSETOFFLOAD takes an integer.
    check(unsafe { libc::ioctl(device.as_raw_fd(), libc::TUNSETOFFLOAD as _, features) }).map(drop)
}

fn set_integer(device: BorrowedFd<'_>, request: libc::Ioctl, value: c_int) -> io::Result<()> {
    // SAFETY: the requests of the callers read one C integer, which lives on this stack for the call.
    check(unsafe { libc::ioctl(device.as_raw_fd(), request, &raw const value) }).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_names_that_the_kernel_would_cut_or_misread() {
        for name in ["", "sixteen-letters!", "a/b", "a b"] {
            assert!(
                matches!(Name::new(name), Err(TunError::Name { .. })),
                "{name}"
            );
        }
        assert!(Name::new("fifteen-letters").is_ok());
    }

    #[test]
    fn takes_what_the_kernel_knows() {
        let knows = |known: c_uint| {
            best_offload(|features| match features & !known {
                0 => Ok(()),
                _ => Err(io::Error::from_raw_os_error(libc::EINVAL)),
            })
        };
        assert_eq!(knows(0x7f).unwrap(), OffloadSupport::TcpAndUdp);
        assert_eq!(knows(0x0f).unwrap(), OffloadSupport::Tcp);
        assert!(knows(0x01).is_err());
    }
}
