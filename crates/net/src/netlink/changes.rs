//! Word of changes.

use std::io::ErrorKind;

use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

use super::NetlinkError;

/// Tells whether links, IPv4 addresses, routes or rules of the network namespace changed.
#[derive(Debug)]
pub struct RouteChanges {
    socket: Socket,
}

impl RouteChanges {
    /// Listens to the network namespace of the calling thread.
    ///
    /// # Errors
    /// The kernel has no rtnetlink for this process.
    pub fn open() -> Result<Self, NetlinkError> {
        let groups = libc::RTMGRP_LINK
            | libc::RTMGRP_IPV4_IFADDR
            | libc::RTMGRP_IPV4_ROUTE
            | libc::RTMGRP_IPV4_RULE;
        let open = || {
            let mut socket = Socket::new(NETLINK_ROUTE)?;
            socket.set_non_blocking(true)?;
            socket.bind(&SocketAddr::new(0, groups as u32))?;
            Ok(Self { socket })
        };
        open().map_err(|source| NetlinkError::new("listen to changes of routes", source))
    }

    /// Whether something changed since the last call. Does not wait.
    pub fn take(&mut self) -> bool {
        // What changed does not matter, so that a message may be cut off.
        let mut buffer = [0u8; 16];
        let mut changed = false;
        loop {
            match self
                .socket
                .recv(&mut buffer.as_mut_slice(), libc::MSG_TRUNC)
            {
                Ok(_) => changed = true,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return changed,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // ENOBUFS: messages were lost, which is a change as well.
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => changed = true,
                Err(_) => return true,
            }
        }
    }
}
