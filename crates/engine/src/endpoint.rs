mod control;
mod links;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use adit_ppp::Entropy;
use adit_ppp::auth::{Ticket, Verdict};
use adit_pptp::ControlConnection;
use adit_wire::control::StopReason;
use adit_wire::gre::{Header, MAX_HEADER_LENGTH};
use tracing::info_span;
use zeroize::Zeroizing;

use crate::call::{Call, DataPolicy};
use crate::config::{Dial, EndpointConfig};
use crate::connection::{Connection, Purpose};
use crate::event::{Answer, CallKey, CallReport, ConnectionId, Output, Path};
use crate::router::{Destination, Router};
use crate::shard::Places;
use crate::timers::{Armed, Timers};

/// Where packets go that leave an endpoint. Both calls are made from within the endpoint, so they
/// should do no more than put the packet into a batch.
pub trait Sink {
    /// A GRE packet for the peer, from the GRE header on.
    fn gre(&mut self, path: &Path, packet: &[u8]);
    /// An inner IP packet from a call's peer.
    fn network(&mut self, call: CallKey, packet: &mut [u8]);
}

/// Many control connections and their calls.
///
/// After every call of a method that takes `now`, drain [`poll_output`](Self::poll_output) before
/// anything else, then wait until [`deadline`](Self::deadline) and call
/// [`handle_timeout`](Self::handle_timeout). `now` must never go backwards. Nothing that a peer
/// sends is an error.
pub struct Endpoint {
    config: EndpointConfig,
    entropy: Arc<dyn Entropy>,
    connections: BTreeMap<ConnectionId, Connection>,
    /// By the Call ID of packets to us, which is unique among the calls of all peers.
    calls: BTreeMap<u16, Call>,
    /// Call IDs of calls that are not up yet.
    reserved: BTreeSet<u16>,
    places: Places,
    next_generation: u32,
    shutting_down: bool,
    router: Router,
    timers: Timers<Owner>,
    outputs: VecDeque<Output>,
    scratch: Vec<u8>,
    unknown_calls: u64,
    foreign_packets: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Owner {
    Connection(ConnectionId),
    Call(CallKey),
}

/// Outer octets of every packet: the IPv4 header and the longest GRE header.
const OUTER_OVERHEAD: u16 = 20 + MAX_HEADER_LENGTH as u16;

/// Octets of an uncompressed PPP header.
const PPP_HEADER: u16 = 4;

impl Endpoint {
    /// An endpoint without connections.
    pub fn new(config: EndpointConfig, entropy: Arc<dyn Entropy>) -> Self {
        let places = Places::new(config.maximum_calls.clone());
        let next_generation = config.shard.first_number();
        Self {
            config,
            entropy,
            connections: BTreeMap::new(),
            calls: BTreeMap::new(),
            reserved: BTreeSet::new(),
            places,
            next_generation,
            shutting_down: false,
            router: Router::default(),
            timers: Timers::new(),
            outputs: VecDeque::new(),
            scratch: Vec::new(),
            unknown_calls: 0,
            foreign_packets: 0,
        }
    }

    /// A peer has opened a TCP connection to us.
    pub fn accept(&mut self, now: Instant, id: ConnectionId, path: Path) {
        let control = ControlConnection::new_receiver(self.config.control.clone(), now);
        self.insert(now, id, path, control, Purpose::Serve);
    }

    /// We have opened a TCP connection to a peer, for one call.
    pub fn dial(&mut self, now: Instant, id: ConnectionId, path: Path, dial: Dial) {
        let control = ControlConnection::new_originator(self.config.control.clone(), now);
        self.insert(now, id, path, control, Purpose::Dial(dial));
    }

    fn insert(
        &mut self,
        now: Instant,
        id: ConnectionId,
        path: Path,
        control: ControlConnection,
        purpose: Purpose,
    ) {
        let span = info_span!("connection", id = id.0, peer = %path.peer);
        let connection = Connection {
            control,
            path,
            purpose,
            calls: BTreeMap::new(),
            reserved: BTreeMap::new(),
            armed: Armed::default(),
            span,
        };
        self.connections.insert(id, connection);
        self.settle(now, id);
    }

    /// Octets of a connection's TCP stream, split in any way.
    pub fn handle_stream(&mut self, now: Instant, id: ConnectionId, octets: &[u8]) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.control.handle_stream(now, octets);
        }
        self.settle(now, id);
    }

    /// A connection's TCP stream is closed or broken.
    pub fn handle_stream_closed(&mut self, now: Instant, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.control.handle_stream_closed(now);
        }
        self.settle(now, id);
    }

    /// A GRE packet from `source`, from the GRE header on. One from another address than the call's
    /// peer is dropped, unless `any_source` says that addresses are not to be trusted either way.
    pub fn handle_gre(
        &mut self,
        now: Instant,
        source: Option<IpAddr>,
        packet: &mut [u8],
        sink: &mut impl Sink,
    ) {
        let Ok(header) = Header::decode(packet) else {
            self.unknown_calls += 1;
            return;
        };
        let policy = self.data_policy();
        let Some(call) = self.calls.get_mut(&header.call_id) else {
            self.unknown_calls += 1;
            return;
        };
        if source.is_some_and(|source| source != call.path.peer) {
            self.foreign_packets += 1;
            return;
        }
        call.receive(now, packet, policy, sink);
        call.acknowledge(now, sink);
        let key = call.key;
        self.settle_call(now, key);
    }

    /// Which call an inner packet is for.
    pub fn route(&self, packet: &[u8]) -> Destination {
        self.router.find(packet)
    }

    /// An inner packet for a call's peer. It may be changed: its MSS is lowered.
    pub fn send(&mut self, now: Instant, key: CallKey, packet: &mut [u8], sink: &mut impl Sink) {
        let policy = self.data_policy();
        let mut scratch = std::mem::take(&mut self.scratch);
        if let Some(call) = self
            .calls
            .get_mut(&key.call_id)
            .filter(|call| call.key == key)
        {
            call.transmit(now, packet, policy, &mut scratch, sink);
            let wanted = call.session.deadline();
            self.timers.arm(Owner::Call(key), &mut call.armed, wanted);
        }
        self.scratch = scratch;
    }

    /// The answer to [`Event::Authenticate`](crate::Event::Authenticate).
    pub fn answer(&mut self, now: Instant, key: CallKey, ticket: Ticket, answer: Answer) {
        if let Some(call) = self.call_mut(key) {
            if matches!(answer.verdict, Verdict::Accept(_)) {
                call.advertiser.configure(answer.router);
            }
            let span = call.span.clone();
            let _entered = span.enter();
            call.link.answer(now, ticket, answer.verdict);
        }
        self.settle_call(now, key);
    }

    /// The answer to [`Event::AskPassword`](crate::Event::AskPassword); `None` gives up.
    pub fn supply_password(
        &mut self,
        now: Instant,
        key: CallKey,
        password: Option<Zeroizing<String>>,
    ) {
        if let Some(call) = self.call_mut(key) {
            call.link.supply_password(now, password);
        }
        self.settle_call(now, key);
    }

    /// Ends one call in order: PPP first, then the call.
    pub fn hang_up(&mut self, now: Instant, key: CallKey) {
        if let Some(call) = self.call_mut(key) {
            call.link.close(now);
        }
        self.settle_call(now, key);
    }

    /// Ends everything in order: PPP links first, each control connection when its calls are over.
    /// [`stop_all`](Self::stop_all) ends the wait for peers that do not answer.
    pub fn shut_down(&mut self, now: Instant) {
        self.shutting_down = true;
        let calls: Vec<CallKey> = self.calls.values().map(|call| call.key).collect();
        calls.into_iter().for_each(|key| self.hang_up(now, key));
        // A call that is not up yet has nobody to take leave of.
        let without_calls =
            |(id, it): (&ConnectionId, &Connection)| it.calls.is_empty().then_some(*id);
        let idle: Vec<ConnectionId> = self.connections.iter().filter_map(without_calls).collect();
        idle.into_iter().for_each(|id| self.stop(now, id));
    }

    /// Stops all control connections, whatever becomes of their calls.
    pub fn stop_all(&mut self, now: Instant) {
        let connections: Vec<ConnectionId> = self.connections.keys().copied().collect();
        connections.into_iter().for_each(|id| self.stop(now, id));
    }

    /// Stops one control connection and with it its calls.
    pub fn stop(&mut self, now: Instant, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.control.stop(now, StopReason::StopLocalShutdown);
        }
        self.settle(now, id);
    }

    /// Everything whose time has come.
    pub fn handle_timeout(&mut self, now: Instant, sink: &mut impl Sink) {
        let policy = self.data_policy();
        while let Some(owner) = self.timers.pop_due(now) {
            match owner {
                Owner::Connection(id) => {
                    if let Some(connection) = self.connections.get_mut(&id) {
                        connection.armed.clear();
                        connection.control.handle_timeout(now);
                    }
                    self.settle(now, id);
                }
                Owner::Call(key) => {
                    if let Some(call) = self.call_mut(key) {
                        call.armed.clear();
                        let span = call.span.clone();
                        let _entered = span.enter();
                        call.handle_timeout(now, policy, sink);
                    }
                    self.settle_call(now, key);
                }
            }
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is wanted next.
    pub fn deadline(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// The next thing to do; `None` until something happens again.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What a call has come to so far.
    pub fn report(&self, key: CallKey) -> Option<CallReport> {
        self.calls
            .get(&key.call_id)
            .filter(|call| call.key == key)
            .map(Call::report)
    }

    /// How many calls are up.
    pub fn call_count(&self) -> usize {
        self.calls.len()
    }

    /// How many control connections there are.
    pub fn connection_count(&self) -> usize {
        self.connections.len()
    }

    /// GRE packets that belonged to no call.
    pub fn unknown_calls(&self) -> u64 {
        self.unknown_calls
    }

    /// GRE packets that came from another address than their call's peer.
    pub fn foreign_packets(&self) -> u64 {
        self.foreign_packets
    }

    fn data_policy(&self) -> DataPolicy {
        DataPolicy {
            clamp_mss: self.config.clamp_mss,
            source_check: self.config.source_check,
        }
    }

    fn call_mut(&mut self, key: CallKey) -> Option<&mut Call> {
        self.calls
            .get_mut(&key.call_id)
            .filter(|call| call.key == key)
    }
}
