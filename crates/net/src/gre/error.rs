//! Why a raw GRE socket cannot be had.

use std::io::{self, ErrorKind};
use std::net::Ipv4Addr;

/// Why a raw GRE socket cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum RawGreError {
    /// The process may not open raw sockets.
    #[error(
        "no permission for a raw GRE socket: it takes the capability CAP_NET_RAW (in a container, \
         `--cap-add NET_RAW`)"
    )]
    Permission,
    /// The address is not one of this host.
    #[error("{address} is not an address of this host")]
    NotLocal {
        /// The address asked for.
        address: Ipv4Addr,
    },
    /// Any other refusal by the system.
    #[error("cannot open a raw GRE socket")]
    Io(#[from] io::Error),
}

impl RawGreError {
    pub(super) fn of_open(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::PermissionDenied => Self::Permission,
            _ => Self::Io(error),
        }
    }
}
