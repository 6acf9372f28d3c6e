//! Why the kernel refused a change of links, addresses or routes.

use std::io;

/// A refused operation: what was asked, of which object, and what the kernel answered.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation}")]
pub struct NetlinkError {
    operation: String,
    source: io::Error,
}

impl NetlinkError {
    pub(super) fn new(operation: impl Into<String>, source: io::Error) -> Self {
        Self {
            operation: operation.into(),
            source,
        }
    }

    /// Whether the object is there already.
    pub fn is_present(&self) -> bool {
        self.source.raw_os_error() == Some(libc::EEXIST)
    }

    /// Whether the object, or the link that bears it, is not there.
    pub fn is_absent(&self) -> bool {
        matches!(
            self.source.raw_os_error(),
            Some(libc::ENODEV | libc::ESRCH | libc::ENOENT | libc::EADDRNOTAVAIL | libc::ENXIO)
        )
    }

    /// Whether the process lacks CAP_NET_ADMIN.
    pub fn is_permission(&self) -> bool {
        self.source.kind() == io::ErrorKind::PermissionDenied
    }

    /// Whether no route leads to the destination.
    pub fn is_unreachable(&self) -> bool {
        matches!(
            self.source.raw_os_error(),
            Some(libc::ENETUNREACH | libc::EHOSTUNREACH | libc::EACCES | libc::EINVAL)
        )
    }
}
