//! The MTU of the path to a destination.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;

use crate::sys;

/// Any port will do: connecting a UDP socket sends nothing.
const DISCARD_PORT: u16 = 9;

/// The MTU in octets, IP header included, of the path to `destination` as the host knows it: the MTU
/// of the link of its route, or a smaller one learnt by path MTU discovery (RFC 1191, RFC 8201).
///
/// A larger MTU than an IP packet can be long (a loopback device has 65536) reads as 65535.
///
/// # Errors
/// The error of the system: usually that no route leads to the destination.
pub fn path_mtu(destination: IpAddr) -> io::Result<u16> {
    let (any, level, name): (IpAddr, _, _) = match destination {
        IpAddr::V4(_) => (Ipv4Addr::UNSPECIFIED.into(), libc::IPPROTO_IP, libc::IP_MTU),
        IpAddr::V6(_) => (
            Ipv6Addr::UNSPECIFIED.into(),
            libc::IPPROTO_IPV6,
            libc::IPV6_MTU,
        ),
    };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
    socket.connect(SocketAddr::new(destination, DISCARD_PORT))?;
    let mtu = sys::option(socket.as_fd(), level, name)?;
    Ok(u16::try_from(mtu).unwrap_or(u16::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_carries_the_largest_packet() {
        assert_eq!(path_mtu(Ipv4Addr::LOCALHOST.into()).unwrap(), u16::MAX);
    }

    #[test]
    fn a_destination_that_cannot_be_routed_is_an_error() {
        assert!(path_mtu(Ipv4Addr::BROADCAST.into()).is_err());
    }
}
