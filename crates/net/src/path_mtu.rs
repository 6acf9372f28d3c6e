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

/// The MTU in octets, IP header included, of the path of a connected IPv4 socket, as
/// [`path_mtu`] tells it, without opening another one.
///
/// # Errors
/// The error of the system: usually that the socket is not connected.
pub fn connected_mtu(socket: impl AsFd) -> io::Result<u16> {
    let mtu = sys::option(socket.as_fd(), libc::IPPROTO_IP, libc::IP_MTU)?;
    Ok(u16::try_from(mtu).unwrap_or(u16::MAX))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn loopback_carries_the_largest_packet() {
        assert_eq!(path_mtu(Ipv4Addr::LOCALHOST.into()).unwrap(), u16::MAX);
    }

    #[test]
    fn a_connection_has_the_mtu_of_its_path() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        for stream in [&client, &accepted] {
            assert_eq!(connected_mtu(stream).unwrap(), u16::MAX);
        }
        assert!(connected_mtu(&listener).is_err());
    }

    #[test]
    fn a_destination_that_cannot_be_routed_is_an_error() {
        assert!(path_mtu(Ipv4Addr::BROADCAST.into()).is_err());
    }
}
