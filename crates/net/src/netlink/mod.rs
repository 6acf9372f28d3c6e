//! Links, addresses, routes and neighbours of one network namespace, through rtnetlink.
//!
//! Every call sends one request and waits for the kernel's answer, which comes at once. An
//! interface is named by its index.

mod address;
mod changes;
mod error;
mod link;
mod neighbour;
mod next_hop;
mod route;

use std::io;
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkHeader,
    NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::{Socket, protocols::NETLINK_ROUTE};

pub use address::Address;
pub use changes::RouteChanges;
pub use error::NetlinkError;
pub use link::Link;
pub use neighbour::{EthernetLink, HardwareAddress, Neighbour};
pub use next_hop::NextHop;
pub(crate) use route::Standing;
pub use route::{Overlap, Route, RouteTo};

/// More than the kernel puts into one datagram (32 KiB).
const REPLY_BUFFER: usize = 64 << 10;

/// A connection to the kernel about the network namespace in which it was opened.
#[derive(Debug)]
pub struct Netlink {
    socket: Socket,
    sequence: u32,
    buffer: Vec<u8>,
}

/// What a request does with objects that exist.
#[derive(Debug, Clone, Copy)]
enum Mode {
    /// Reads one object, or changes or deletes one that exists.
    Plain,
    /// Creates one that must not exist.
    Create,
    /// Creates one or takes the place of one.
    Replace,
    /// Reads all objects.
    Dump,
}

impl Mode {
    fn flags(self) -> u16 {
        let mode = match self {
            Self::Plain => NLM_F_ACK,
            Self::Create => NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
            Self::Replace => NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE,
            Self::Dump => NLM_F_DUMP,
        };
        NLM_F_REQUEST | mode
    }
}

impl Netlink {
    /// Opens a connection about the network namespace of the calling thread.
    ///
    /// # Errors
    /// The kernel has no rtnetlink for this process.
    pub fn open() -> Result<Self, NetlinkError> {
        Socket::new(NETLINK_ROUTE)
            .map(Self::with)
            .map_err(|source| NetlinkError::new("open a netlink socket", source))
    }

    /// Takes a `NETLINK_ROUTE` socket opened elsewhere, for instance in another network namespace,
    /// which is then the one spoken about.
    pub fn from_socket(socket: OwnedFd) -> Self {
        // SAFETY: the descriptor is open and owned by nobody else, since it was taken out of an
        // `OwnedFd`.
        Self::with(unsafe { Socket::from_raw_fd(socket.into_raw_fd()) })
    }

    fn with(socket: Socket) -> Self {
        Self {
            socket,
            sequence: 0,
            buffer: vec![0; REPLY_BUFFER],
        }
    }

    /// Sends a request and returns the objects in the answer.
    fn request(
        &mut self,
        message: RouteNetlinkMessage,
        mode: Mode,
    ) -> io::Result<Vec<RouteNetlinkMessage>> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut header = NetlinkHeader::default();
        header.flags = mode.flags();
        header.sequence_number = self.sequence;
        let mut request = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(message));
        request.finalize();
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);
        self.socket.send(&bytes, 0)?;

        let mut answers = Vec::new();
        while !self.read_answers(&mut answers)? {}
        Ok(answers)
    }

    /// Reads one datagram of the answer; true when the answer is complete.
    fn read_answers(&mut self, answers: &mut Vec<RouteNetlinkMessage>) -> io::Result<bool> {
        let length = self.socket.recv(&mut self.buffer.as_mut_slice(), 0)?;
        let mut rest = self.buffer.get(..length).unwrap_or_default();
        while let Some((message, tail)) = split_message(rest) {
            rest = tail;
            // An object of a newer kernel that cannot be read must not hide the others.
            let Ok(message) = NetlinkMessage::<RouteNetlinkMessage>::deserialize(message) else {
                continue;
            };
            if message.header.sequence_number != self.sequence {
                continue;
            }
            match message.payload {
                NetlinkPayload::InnerMessage(answer) => answers.push(answer),
                NetlinkPayload::Done(done) if done.code == 0 => return Ok(true),
                NetlinkPayload::Done(done) => {
                    return Err(io::Error::from_raw_os_error(done.code.saturating_abs()));
                }
                NetlinkPayload::Error(error) if error.code.is_none() => return Ok(true),
                NetlinkPayload::Error(error) => return Err(error.to_io()),
                _ => {}
            }
        }
        Ok(false)
    }

    /// Sends a request whose answer is only "done" or an error.
    fn change(
        &mut self,
        message: RouteNetlinkMessage,
        mode: Mode,
        operation: impl FnOnce() -> String,
    ) -> Result<(), NetlinkError> {
        match self.request(message, mode) {
            Ok(_) => Ok(()),
            Err(source) => Err(NetlinkError::new(operation(), source)),
        }
    }
}

/// Splits the first message off a datagram, by the length in its header (RFC 3549 §2.3.2).
fn split_message(datagram: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = u32::from_ne_bytes(*datagram.first_chunk()?) as usize;
    let message = datagram
        .get(..length)
        .filter(|message| message.len() >= 16)?;
    let rest = datagram
        .get(length.next_multiple_of(4)..)
        .unwrap_or_default();
    Some((message, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_a_datagram_and_stops_at_a_length_that_lies() {
        let mut datagram = vec![0; 36];
        datagram[..4].copy_from_slice(&17u32.to_ne_bytes());
        datagram[20..24].copy_from_slice(&16u32.to_ne_bytes());
        let (first, rest) = split_message(&datagram).unwrap();
        let (second, end) = split_message(rest).unwrap();
        assert_eq!((first.len(), second.len(), end.len()), (17, 16, 0));

        for lie in [0u32, 15, 37, u32::MAX] {
            datagram[..4].copy_from_slice(&lie.to_ne_bytes());
            assert!(split_message(&datagram).is_none(), "{lie}");
        }
    }

    #[test]
    fn the_loopback_device_has_its_address() {
        let mut netlink = Netlink::open().unwrap();
        let loopback = netlink.link_by_name("lo").unwrap();
        assert_eq!(netlink.link(loopback.index).unwrap().name, "lo");
        if loopback.up {
            let addresses = netlink.addresses().unwrap();
            assert!(
                addresses
                    .iter()
                    .any(|a| a.interface == loopback.index && a.local.is_loopback())
            );
        }
    }

    #[test]
    fn a_refusal_names_the_object() {
        let error = Netlink::open()
            .unwrap()
            .link_by_name("no-such-link")
            .unwrap_err();
        assert!(error.is_absent());
        assert_eq!(error.to_string(), "cannot find the link no-such-link");
    }
}
