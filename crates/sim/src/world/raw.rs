//! Peers of the server that a test plays itself, without any network in between.

use std::collections::VecDeque;
use std::net::IpAddr;

use adit_engine::{ConnectionId, Incoming};

use super::{Party, World};

/// What a peer has got that is kept for the test; more is forgotten.
const KEPT: usize = 4_096;

/// A peer that has a connection to the server.
#[derive(Debug)]
pub(super) struct RawPeer {
    address: IpAddr,
    stream: Vec<u8>,
    gre: VecDeque<Vec<u8>>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    ClosedByServer,
}

impl World {
    /// Opens a connection to the server from an address that no client has.
    pub fn raw_connect(&mut self, address: IpAddr) -> ConnectionId {
        let id = ConnectionId(self.number());
        let peer = RawPeer {
            address,
            stream: Vec::new(),
            gre: VecDeque::new(),
            state: State::Open,
        };
        self.raw.insert(id, peer);
        self.accept(id, address, 1500);
        id
    }

    /// Sends octets on a connection; the server reads them in one piece.
    pub fn raw_write(&mut self, id: ConnectionId, octets: &[u8]) {
        self.drive(Party::Server, |endpoint, now, _| {
            endpoint.handle_stream(now, id, octets);
        });
    }

    /// Closes a connection.
    pub fn raw_close(&mut self, id: ConnectionId) {
        self.drive(Party::Server, |endpoint, now, _| {
            endpoint.handle_stream_closed(now, id);
        });
    }

    /// Whether the server has closed a connection.
    pub fn raw_is_closed(&self, id: ConnectionId) -> bool {
        let peer = self.raw.get(&id);
        peer.is_none_or(|peer| peer.state == State::ClosedByServer)
    }

    /// Takes what the server has written to a connection.
    pub fn raw_read(&mut self, id: ConnectionId) -> Vec<u8> {
        let peer = self.raw.get_mut(&id);
        peer.map(|peer| std::mem::take(&mut peer.stream))
            .unwrap_or_default()
    }

    /// Takes a GRE packet that the server has sent to the address of a connection.
    pub fn raw_packet(&mut self, id: ConnectionId) -> Option<Vec<u8>> {
        self.raw.get_mut(&id)?.gre.pop_front()
    }

    /// Gives the server a GRE packet from any address.
    pub fn inject_gre(&mut self, source: IpAddr, mut packet: Vec<u8>) {
        self.drive(Party::Server, |endpoint, now, sink| {
            endpoint.receive(now, [Incoming::new(source, &mut packet)], sink);
        });
    }

    /// Gives a client a GRE packet that seems to come from any address.
    pub fn inject_gre_to_client(&mut self, index: usize, source: IpAddr, mut packet: Vec<u8>) {
        self.drive(Party::Client(index), |endpoint, now, sink| {
            endpoint.receive(now, [Incoming::new(source, &mut packet)], sink);
        });
    }

    /// The server writes; tells whether to such a peer.
    pub(super) fn raw_stream(&mut self, id: ConnectionId, octets: &[u8]) -> bool {
        let Some(peer) = self.raw.get_mut(&id) else {
            return false;
        };
        if peer.stream.len() < KEPT * 64 {
            peer.stream.extend_from_slice(octets);
        }
        true
    }

    /// The server sends a GRE packet; tells whether to such a peer.
    pub(super) fn raw_gre(&mut self, address: IpAddr, packet: &[u8]) -> bool {
        let peer = self.raw.values_mut().find(|peer| peer.address == address);
        let Some(peer) = peer else {
            return false;
        };
        if peer.gre.len() < KEPT {
            peer.gre.push_back(packet.to_vec());
        }
        true
    }

    /// The server has closed a connection.
    pub(super) fn raw_closed(&mut self, id: ConnectionId) {
        if let Some(peer) = self.raw.get_mut(&id) {
            peer.state = State::ClosedByServer;
        }
    }
}
