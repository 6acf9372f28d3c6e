//! The control connections and the addresses that they come from.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddrV4};

use adit_engine::ConnectionId;
use adit_net::gre::PathErrorCause;

use super::refusals::Refused;
use crate::config::Limits;

/// What is known of one control connection's peer.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) peer: SocketAddrV4,
    /// Where the peer has connected to.
    pub(super) local: SocketAddrV4,
    /// The worker that serves it.
    pub(super) worker: usize,
    pub(super) host: String,
    pub(super) vendor: String,
    /// Whether it has had a call: until then it is half-open.
    had_call: bool,
}

/// All control connections, counted by what limits bound.
#[derive(Debug, Default)]
pub(super) struct Connections {
    by_id: HashMap<ConnectionId, Connection>,
    addresses: HashMap<Ipv4Addr, Address>,
    half_open: usize,
    next: u64,
}

/// An outer address that has connections, or calls that have not logged in.
#[derive(Debug, Default)]
struct Address {
    connections: usize,
    strangers: usize,
    /// What was told last of GRE packets that do not reach it.
    path_error: Option<PathErrorCause>,
}

impl Connections {
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Those that have had no call.
    pub(super) fn half_open(&self) -> usize {
        self.half_open
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    pub(super) fn get(&self, id: ConnectionId) -> Option<&Connection> {
        self.by_id.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        self.by_id.get_mut(&id)
    }

    /// The connections from an address, each with its worker.
    pub(super) fn from(&self, peer: Ipv4Addr) -> Vec<(ConnectionId, usize)> {
        let from_there = self.by_id.iter().filter(|(_, it)| *it.peer.ip() == peer);
        from_there.map(|(id, it)| (*id, it.worker)).collect()
    }

    /// Adds a connection that a worker is to serve.
    pub(super) fn add(
        &mut self,
        peer: SocketAddrV4,
        local: SocketAddrV4,
        worker: usize,
    ) -> ConnectionId {
        let id = ConnectionId(self.next);
        self.next += 1;
        let connection = Connection {
            peer,
            local,
            worker,
            host: String::new(),
            vendor: String::new(),
            had_call: false,
        };
        self.by_id.insert(id, connection);
        self.addresses.entry(*peer.ip()).or_default().connections += 1;
        self.half_open += 1;
        id
    }

    pub(super) fn remove(&mut self, id: ConnectionId) -> Option<Connection> {
        let connection = self.by_id.remove(&id)?;
        if !connection.had_call {
            self.half_open -= 1;
        }
        self.with_address(*connection.peer.ip(), |address| {
            address.connections = address.connections.saturating_sub(1);
        });
        Some(connection)
    }

    /// The connection has a call, whose peer is a stranger until it logs in. Returns how many of
    /// those its address has.
    pub(super) fn call_up(&mut self, id: ConnectionId) -> usize {
        let Some(connection) = self.by_id.get_mut(&id) else {
            return 0;
        };
        if !std::mem::replace(&mut connection.had_call, true) {
            self.half_open -= 1;
        }
        let address = self.addresses.entry(*connection.peer.ip()).or_default();
        address.strangers += 1;
        address.strangers
    }

    /// A stranger from this address has logged in or gone.
    pub(super) fn stranger_less(&mut self, address: Ipv4Addr) {
        self.with_address(address, |address| {
            address.strangers = address.strangers.saturating_sub(1);
        });
    }

    fn with_address(&mut self, address: Ipv4Addr, change: impl FnOnce(&mut Address)) {
        if let Some(entry) = self.addresses.get_mut(&address) {
            change(entry);
            if entry.connections == 0 && entry.strangers == 0 {
                self.addresses.remove(&address);
            }
        }
    }

    /// What was told last of GRE packets that do not reach a peer.
    pub(super) fn path_error(&self, peer: Ipv4Addr) -> Option<PathErrorCause> {
        self.addresses.get(&peer).and_then(|it| it.path_error)
    }

    /// Whether what keeps GRE packets from a peer is something else than was told last.
    pub(super) fn is_news(&mut self, peer: Ipv4Addr, cause: PathErrorCause) -> bool {
        self.addresses
            .get_mut(&peer)
            .is_some_and(|it| it.path_error.replace(cause) != Some(cause))
    }

    /// Which limit a new connection from this address would pass.
    pub(super) fn limit_reached(&self, peer: Ipv4Addr, limits: &Limits) -> Option<Refused> {
        let of_peer = self.addresses.get(&peer).map_or(0, |it| it.connections);
        if self.len() >= limits.connections {
            Some(Refused::Connections(limits.connections))
        } else if of_peer >= limits.connections_per_address {
            Some(Refused::ConnectionsOfAddress(of_peer))
        } else if self.half_open >= limits.half_open {
            Some(Refused::HalfOpen(self.half_open))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits {
            sessions: 10,
            connections: 4,
            connections_per_address: 2,
            half_open: 3,
            ..Limits::default()
        }
    }

    const LOCAL: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 254), 1723);

    fn peer(last: u8) -> SocketAddrV4 {
        SocketAddrV4::new(address(last), 1)
    }

    fn address(last: u8) -> Ipv4Addr {
        Ipv4Addr::new(192, 0, 2, last)
    }

    fn refused(connections: &Connections, last: u8) -> String {
        let limit = connections.limit_reached(address(last), &limits());
        limit.map(|limit| limit.to_string()).unwrap_or_default()
    }

    #[test]
    fn each_limit_holds_and_is_free_again() {
        let mut connections = Connections::default();
        let first = connections.add(peer(1), LOCAL, 0);
        let second = connections.add(peer(1), LOCAL, 0);
        assert!(refused(&connections, 1).contains("2 connections from one address"));
        assert_eq!(refused(&connections, 2), "");
        let third = connections.add(peer(2), LOCAL, 0);
        assert!(refused(&connections, 3).contains("3 connections without a call"));
        assert_eq!(connections.call_up(first), 1);
        assert_eq!(connections.call_up(first), 2);
        assert_eq!(refused(&connections, 3), "");
        connections.add(peer(3), LOCAL, 0);
        assert!(refused(&connections, 4).contains("4 connections are the limit"));
        for id in [first, second, third] {
            assert!(connections.remove(id).is_some());
            assert!(connections.remove(id).is_none());
        }
        assert_eq!(refused(&connections, 1), "");
        assert_eq!(connections.half_open, 1);
    }

    #[test]
    fn addresses_without_anything_are_forgotten() {
        let mut connections = Connections::default();
        let id = connections.add(peer(1), LOCAL, 0);
        assert_eq!(connections.call_up(id), 1);
        assert!(connections.is_news(address(1), PathErrorCause::HostUnreachable));
        assert!(!connections.is_news(address(1), PathErrorCause::HostUnreachable));
        connections.remove(id);
        assert_eq!(connections.addresses.len(), 1);
        connections.stranger_less(address(1));
        assert_eq!(connections.addresses.len(), 0);
        assert!(!connections.is_news(address(1), PathErrorCause::HostUnreachable));
    }
}
