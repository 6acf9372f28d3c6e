//! The account of what one endpoint says and does, and the laws that it must keep.
//!
//! Every breach panics at once, so that the state that led to it can be looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use adit_engine::{CallEnd, CallKey, CallReport, ConnectionId, Endpoint, Event, Path, SessionIds};
use adit_ppp::link::IpVersion;
use adit_ppp::{Ipv4Network, Ipv6Network};
use adit_pptp::CallDownReason;
use adit_pptp::control_connection::CloseReason;
use adit_wire::gre::Header;

/// What is known of one endpoint from what came out of it.
#[derive(Debug, Default)]
pub struct Ledger {
    connections: BTreeMap<ConnectionId, Connection>,
    calls: BTreeMap<CallKey, CallRecord>,
    /// All calls that ever were up.
    known: BTreeSet<CallKey>,
    finished: Vec<FinishedCall>,
    refused: Vec<(ConnectionId, CallDownReason)>,
    closed: Vec<(ConnectionId, CloseReason)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Connection {
    Opening {
        peer: IpAddr,
    },
    Up {
        peer: IpAddr,
    },
    /// Told to be over; the stream is still to be closed.
    Down,
}

/// A call that is up.
#[derive(Debug, Clone)]
pub struct CallRecord {
    /// Its control connection.
    pub connection: ConnectionId,
    /// Its numbers.
    pub ids: SessionIds,
    /// While IPv4 is up.
    pub ipv4: Option<Ipv4Network>,
    /// While IPv6 is up.
    pub ipv6: Option<Ipv6Network>,
}

/// A call that is over.
#[derive(Debug)]
pub struct FinishedCall {
    /// Which.
    pub call: CallKey,
    /// Why.
    pub why: CallEnd,
    /// What it came to.
    pub report: Box<CallReport>,
}

impl Ledger {
    /// The calls that are up.
    pub fn calls(&self) -> &BTreeMap<CallKey, CallRecord> {
        &self.calls
    }

    /// The calls that are over, in the order in which they ended.
    pub fn finished(&self) -> &[FinishedCall] {
        &self.finished
    }

    /// The calls that never came up.
    pub fn refused(&self) -> &[(ConnectionId, CallDownReason)] {
        &self.refused
    }

    /// The control connections that are over.
    pub fn closed(&self) -> &[(ConnectionId, CloseReason)] {
        &self.closed
    }

    /// Whether the endpoint still cares for a connection's stream.
    pub fn has_connection(&self, id: ConnectionId) -> bool {
        self.connections.contains_key(&id)
    }

    /// The endpoint was given a connection.
    pub(crate) fn opened(&mut self, id: ConnectionId, peer: IpAddr) {
        let before = self.connections.insert(id, Connection::Opening { peer });
        assert_eq!(before, None, "connection {id:?} is given twice");
    }

    /// The endpoint writes to a connection's stream.
    pub(crate) fn stream(&self, id: ConnectionId) {
        assert!(
            self.peer(id).is_some(),
            "octets for connection {id:?} that is over"
        );
    }

    /// The endpoint closes a connection's stream.
    pub(crate) fn close_stream(&mut self, id: ConnectionId) {
        let before = self.connections.remove(&id);
        assert_eq!(
            before,
            Some(Connection::Down),
            "connection {id:?} is closed without having gone down"
        );
    }

    /// The endpoint sends a GRE packet.
    pub(crate) fn gre(&self, path: &Path, packet: &[u8]) {
        let header = Header::decode(packet).expect("an endpoint sends well-formed packets");
        let of_a_call = self.calls.values().any(|call| {
            call.ids.peer_call_id == header.call_id && self.peer(call.connection) == Some(path.peer)
        });
        assert!(of_a_call, "a GRE packet of no call: {header}");
    }

    /// The endpoint hands out an inner packet.
    pub(crate) fn network(&self, call: CallKey, packet: &[u8]) {
        let record = self.calls.get(&call).expect("an inner packet of no call");
        let up = match IpVersion::of(packet) {
            Some(IpVersion::V4) => record.ipv4.is_some(),
            Some(IpVersion::V6) => record.ipv6.is_some(),
            None => panic!("an inner packet that is no IP packet"),
        };
        assert!(
            up,
            "an inner packet of call {call} before its network is up"
        );
    }

    /// The endpoint tells something.
    pub(crate) fn event(&mut self, event: &Event) {
        match event {
            Event::ConnectionUp { connection, .. } => self.connection_up(*connection),
            Event::ConnectionDown { connection, why } => self.connection_down(*connection, *why),
            Event::CallUp {
                call,
                connection,
                ids,
            } => self.call_up(*call, *connection, *ids),
            Event::CallRefused { connection, why } => {
                assert!(self.peer(*connection).is_some(), "refused on no connection");
                self.refused.push((*connection, why.clone()));
            }
            Event::Authenticate { call, .. } | Event::AskPassword { call } => {
                self.call(*call);
            }
            Event::Ipv4Up { call, network } => {
                let before = self.call(*call).ipv4.replace(*network);
                assert_eq!(before, None, "IPv4 of call {call} comes up twice");
            }
            Event::Ipv4Down { call } => {
                let before = self.call(*call).ipv4.take();
                assert!(before.is_some(), "IPv4 of call {call} was not up");
            }
            Event::Ipv6Up { call, network } => {
                let before = self.call(*call).ipv6.replace(*network);
                assert_eq!(before, None, "IPv6 of call {call} comes up twice");
            }
            Event::Ipv6Down { call } => {
                let before = self.call(*call).ipv6.take();
                assert!(before.is_some(), "IPv6 of call {call} was not up");
            }
            Event::CallDown {
                call, why, report, ..
            } => self.call_down(*call, why, report),
        }
    }

    /// Compares the account with the endpoint, all of whose outputs have been taken.
    pub(crate) fn check(&self, endpoint: &Endpoint) {
        assert_eq!(endpoint.call_count(), self.calls.len(), "calls");
        assert_eq!(
            endpoint.connection_count(),
            self.connections.len(),
            "connections"
        );
    }

    fn connection_up(&mut self, id: ConnectionId) {
        let Some(Connection::Opening { peer }) = self.connections.get(&id).copied() else {
            panic!("connection {id:?} comes up out of its time");
        };
        self.connections.insert(id, Connection::Up { peer });
    }

    fn connection_down(&mut self, id: ConnectionId, why: CloseReason) {
        assert!(self.peer(id).is_some(), "connection {id:?} goes down twice");
        assert!(
            self.calls.values().all(|call| call.connection != id),
            "connection {id:?} goes down before its calls"
        );
        self.connections.insert(id, Connection::Down);
        self.closed.push((id, why));
    }

    fn call_up(&mut self, key: CallKey, connection: ConnectionId, ids: SessionIds) {
        assert!(self.known.insert(key), "call {key} comes up twice");
        assert!(
            matches!(
                self.connections.get(&connection),
                Some(Connection::Up { .. })
            ),
            "call {key} comes up on a connection that is not"
        );
        assert!(
            self.calls
                .values()
                .all(|call| call.ids.local_call_id != ids.local_call_id),
            "call {key} has the Call ID of another one"
        );
        let record = CallRecord {
            connection,
            ids,
            ipv4: None,
            ipv6: None,
        };
        self.calls.insert(key, record);
    }

    fn call_down(&mut self, key: CallKey, why: &CallEnd, report: &CallReport) {
        let record = self.calls.remove(&key).expect("a call goes down once");
        assert!(
            record.ipv4.is_none() && record.ipv6.is_none(),
            "call {key} goes down before its networks"
        );
        self.finished.push(FinishedCall {
            call: key,
            why: why.clone(),
            report: Box::new(report.clone()),
        });
    }

    fn call(&mut self, key: CallKey) -> &mut CallRecord {
        self.calls
            .get_mut(&key)
            .expect("an event of a call that is not up")
    }

    fn peer(&self, id: ConnectionId) -> Option<IpAddr> {
        match self.connections.get(&id) {
            Some(Connection::Opening { peer } | Connection::Up { peer }) => Some(*peer),
            Some(Connection::Down) | None => None,
        }
    }
}
