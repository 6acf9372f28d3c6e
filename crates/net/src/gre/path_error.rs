//! What the network and the host say about packets that did not arrive.

use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg};

/// Destinations remembered between two looks.
const REMEMBERED: usize = 16;
/// Messages read from the error queue at a time, so that a flood of ICMP cannot hold the caller.
const DRAINED: usize = 64;

/// An error about the way to one destination. An ICMP message can be forged: it is a hint for a
/// sentence, not a reason to close anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathError {
    /// Where the packet went.
    pub destination: Ipv4Addr,
    /// The host that reported the error by ICMP; none if this host refused to send.
    pub reporter: Option<Ipv4Addr>,
    /// What happened.
    pub cause: PathErrorCause,
}

/// Why a packet did not arrive (RFC 792, RFC 1122 §3.2.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathErrorCause {
    /// No route to the network.
    NetworkUnreachable,
    /// No answer from the host, or no route to it.
    HostUnreachable,
    /// The destination has nothing that takes GRE (ICMP code 2).
    ProtocolUnreachable,
    /// A firewall forbids it.
    Prohibited,
    /// Longer than the path takes.
    TooBig {
        /// The MTU of the path in octets; 0 if unknown.
        mtu: u32,
    },
    /// Any other error, as the number that the system gives it.
    Other {
        /// errno(3).
        errno: i32,
    },
}

impl PathError {
    pub(super) fn local(destination: Ipv4Addr, error: &io::Error) -> Self {
        let errno = error.raw_os_error().unwrap_or(0);
        Self {
            destination,
            reporter: None,
            cause: PathErrorCause::from_errno(errno, 0),
        }
    }
}

impl PathErrorCause {
    fn from_errno(errno: i32, info: u32) -> Self {
        match errno {
            libc::ENETUNREACH => Self::NetworkUnreachable,
            libc::EHOSTUNREACH | libc::EHOSTDOWN => Self::HostUnreachable,
            libc::ENOPROTOOPT | libc::ECONNREFUSED => Self::ProtocolUnreachable,
            libc::EPERM | libc::EACCES => Self::Prohibited,
            libc::EMSGSIZE => Self::TooBig { mtu: info },
            errno => Self::Other { errno },
        }
    }

    fn from_queue(error: &libc::sock_extended_err) -> Self {
        const UNREACHABLE: u8 = 3;
        const PROHIBITED: [u8; 3] = [9, 10, 13];
        let icmp = error.ee_origin == libc::SO_EE_ORIGIN_ICMP;
        if icmp && error.ee_type == UNREACHABLE && PROHIBITED.contains(&error.ee_code) {
            return Self::Prohibited;
        }
        Self::from_errno(i32::try_from(error.ee_errno).unwrap_or(0), error.ee_info)
    }
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GRE to {}: {}", self.destination, self.cause)?;
        match self.reporter {
            Some(reporter) => write!(f, " (reported by {reporter})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for PathErrorCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NetworkUnreachable => f.write_str("no route to the network"),
            Self::HostUnreachable => f.write_str("the host is unreachable"),
            Self::ProtocolUnreachable => f.write_str("the host does not accept GRE"),
            Self::Prohibited => f.write_str("a firewall forbids it"),
            Self::TooBig { mtu: 0 } => f.write_str("the packet is too long for the path"),
            Self::TooBig { mtu } => write!(f, "the path takes packets of {mtu} octets"),
            Self::Other { errno } => write!(f, "{}", io::Error::from_raw_os_error(*errno)),
        }
    }
}

/// The last error of each of a few destinations.
#[derive(Debug, Default)]
pub(super) struct PathErrors(Vec<PathError>);

impl PathErrors {
    pub(super) fn add(&mut self, error: PathError) {
        let known = self
            .0
            .iter()
            .position(|known| known.destination == error.destination);
        if let Some(known) = known.and_then(|index| self.0.get_mut(index)) {
            *known = error;
        } else if self.0.len() < REMEMBERED {
            self.0.push(error);
        }
    }

    pub(super) fn take(&mut self) -> Vec<PathError> {
        std::mem::take(&mut self.0)
    }
}

/// Reads the error queue of the socket, which also clears the error that waits on it. Returns how
/// many messages of the network it held.
pub(super) fn drain(socket: BorrowedFd<'_>, errors: &mut PathErrors) -> usize {
    let mut reported = 0;
    for _ in 0..DRAINED {
        match next_error(socket) {
            Some(error) => {
                reported += usize::from(error.reporter.is_some());
                errors.add(error);
            }
            None => break,
        }
    }
    reported
}

fn next_error(socket: BorrowedFd<'_>) -> Option<PathError> {
    let mut control = [0; 512];
    let mut packet = [0; 64];
    let mut parts = [IoSliceMut::new(&mut packet)];
    let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
    let message =
        recvmsg::<SockaddrIn>(socket.as_raw_fd(), &mut parts, Some(&mut control), flags).ok()?;
    let destination = message
        .address
        .map_or(Ipv4Addr::UNSPECIFIED, |address| address.ip());
    let (error, offender) = message.cmsgs().ok()?.find_map(|control| match control {
        ControlMessageOwned::Ipv4RecvErr(error, offender) => Some((error, offender)),
        _ => None,
    })?;
    let icmp = error.ee_origin == libc::SO_EE_ORIGIN_ICMP;
    let reporter = offender
        .filter(|_| icmp)
        .map(|address| SockaddrIn::from(address).ip());
    Some(PathError {
        destination,
        reporter,
        cause: PathErrorCause::from_queue(&error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_the_last_error_of_a_bounded_number_of_destinations() {
        let error = |last, cause| PathError {
            destination: Ipv4Addr::new(10, 0, 0, last),
            reporter: None,
            cause,
        };
        let mut errors = PathErrors::default();
        for last in 0..40 {
            errors.add(error(last, PathErrorCause::HostUnreachable));
        }
        errors.add(error(3, PathErrorCause::Prohibited));
        let taken = errors.take();
        assert_eq!(taken.len(), REMEMBERED);
        assert_eq!(taken[3].cause, PathErrorCause::Prohibited);
        assert!(errors.take().is_empty());
    }

    #[test]
    fn says_what_happened() {
        let destination = Ipv4Addr::new(192, 0, 2, 1);
        let error = PathError {
            destination,
            reporter: Some(destination),
            cause: PathErrorCause::ProtocolUnreachable,
        };
        assert_eq!(
            error.to_string(),
            "GRE to 192.0.2.1: the host does not accept GRE (reported by 192.0.2.1)"
        );
        let refused = io::Error::from_raw_os_error(libc::ENETUNREACH);
        let local = PathError::local(destination, &refused);
        assert_eq!(
            local.to_string(),
            "GRE to 192.0.2.1: no route to the network"
        );
    }
}
