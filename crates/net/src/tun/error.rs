//! Why a TUN device cannot be had.

use std::io;

use super::DEVICE;

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

impl TunError {
    /// What a refusal to open the device file means.
    pub(crate) fn of_open(name: &str, source: io::Error) -> Self {
        match source.raw_os_error() {
            Some(libc::ENOENT | libc::ENODEV | libc::ENXIO) => Self::Missing,
            // A container's device controller refuses with EPERM, the mode of the file with EACCES.
            Some(libc::EACCES | libc::EPERM) => Self::DevicePermission,
            _ => Self::io(name, source),
        }
    }

    /// What a refusal to bind the open file to an interface means.
    pub(super) fn of_create(name: &str, source: io::Error) -> Self {
        let name = name.to_owned();
        match source.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => Self::Permission { name },
            Some(libc::EBUSY) => Self::Busy { name },
            Some(libc::EINVAL) => Self::Name { name },
            _ => Self::Io { name, source },
        }
    }

    pub(super) fn io(name: &str, source: impl Into<io::Error>) -> Self {
        Self::Io {
            name: name.to_owned(),
            source: source.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_apart_what_is_missing() {
        let errno = io::Error::from_raw_os_error;
        let open = |number| TunError::of_open("t", errno(number));
        let create = |number| TunError::of_create("t", errno(number));
        assert!(matches!(open(libc::ENOENT), TunError::Missing));
        assert!(matches!(open(libc::EACCES), TunError::DevicePermission));
        assert!(matches!(create(libc::EPERM), TunError::Permission { .. }));
        assert!(matches!(create(libc::EBUSY), TunError::Busy { .. }));
        assert!(matches!(create(libc::ENOMEM), TunError::Io { .. }));
    }
}
