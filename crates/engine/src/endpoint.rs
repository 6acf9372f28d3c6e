mod control;
mod links;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
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

use crate::burst::Burst;
use crate::call::{Call, DataPolicy};
use crate::config::{Dial, EndpointConfig};
use crate::connection::{Connection, Purpose};
use crate::event::{Answer, CallKey, CallReport, ConnectionId, Output, Path, Totals};
use crate::opening::{Ciphers, Opening};
use crate::rate::{Buckets, RateLimits};
use crate::router::{Destination, Router};
use crate::shard::Places;
use crate::tap::{Tap, Taps};
use crate::timers::{Armed, Timers};

/// Where packets go that leave an endpoint. Both are called from within the endpoint, so they should do
/// no more than sort the packets into batches.
pub trait Sink {
    /// Packets for peers. There is room for one more: a full burst is sent before.
    fn burst(&mut self) -> &mut Burst;
    /// An inner IP packet from a call's peer.
    fn network(&mut self, call: CallKey, packet: &mut [u8]);
}

/// A GRE packet that has come.
#[derive(Debug)]
pub struct Incoming<'p> {
    /// From where. One from another address than the call's peer is dropped, unless this is `None`,
    /// which says that addresses are not to be trusted either way.
    pub source: Option<IpAddr>,
    /// The packet from the GRE header on; it is decrypted in place.
    pub octets: &'p mut [u8],
}

impl<'p> Incoming<'p> {
    /// A packet whose source address has to be that of its call's peer.
    pub const fn new(source: IpAddr, octets: &'p mut [u8]) -> Self {
        Self {
            source: Some(source),
            octets,
        }
    }
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
    calls: HashMap<u16, Box<Call>, BuildHasherDefault<CallIdHasher>>,
    /// Call IDs of calls that are not up yet.
    reserved: BTreeSet<u16>,
    places: Places,
    next_generation: u32,
    shutting_down: bool,
    router: Router,
    /// What the calls that are over came to.
    finished: Totals,
    timers: Timers<Owner>,
    outputs: VecDeque<Output>,
    /// Calls that have received packets since their timers were looked at.
    moved: Vec<CallKey>,
    ciphers: Ciphers,
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
            calls: HashMap::default(),
            reserved: BTreeSet::new(),
            places,
            next_generation,
            shutting_down: false,
            router: Router::default(),
            finished: Totals::default(),
            timers: Timers::new(),
            outputs: VecDeque::new(),
            moved: Vec::new(),
            ciphers: Ciphers::new(),
            unknown_calls: 0,
            foreign_packets: 0,
        }
    }

    /// Takes another configuration for control connections and calls that come up from now on; those that
    /// are up keep theirs. Whether the MSS is lowered and source addresses are checked changes for all at once.
    /// [`maximum_calls`](EndpointConfig::maximum_calls) and [`shard`](EndpointConfig::shard) stay what they
    /// were: calls are counted by the one and numbered by the other.
    pub fn reconfigure(&mut self, config: EndpointConfig) {
        self.config = EndpointConfig {
            maximum_calls: self.config.maximum_calls.clone(),
            shard: self.config.shard,
            ..config
        };
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
            taps: Taps::default(),
            call_taps: Taps::default(),
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

    /// GRE packets that came together, in order. What they carry has gone to `sink` when this returns.
    pub fn receive<'p>(
        &mut self,
        now: Instant,
        packets: impl IntoIterator<Item = Incoming<'p>>,
        sink: &mut impl Sink,
    ) {
        let mut opening = Opening::default();
        for packet in packets {
            self.receive_one(now, packet, &mut opening, sink);
        }
        self.deliver(now, &mut opening, sink);
    }

    fn receive_one<'p>(
        &mut self,
        now: Instant,
        packet: Incoming<'p>,
        opening: &mut Opening<'p>,
        sink: &mut impl Sink,
    ) {
        let policy = self.data_policy();
        let call_id = Header::decode(packet.octets).map(|header| header.call_id);
        let Some(call) = call_id.ok().and_then(|id| self.calls.get_mut(&id)) else {
            self.unknown_calls += 1;
            return;
        };
        if packet.source.is_some_and(|source| source != call.path.peer) {
            self.foreign_packets += 1;
            return;
        }
        // What it may release at once comes after the packets before it.
        let key = call.key;
        if opening.is_full() || call.session.is_holding() {
            self.deliver(now, opening, sink);
        }
        let Some(call) = self.calls.get_mut(&key.call_id) else {
            return;
        };
        let cipher = self.ciphers.next(opening);
        if let Some(accepted) = call.receive(now, packet.octets, policy, cipher, sink) {
            opening.add(accepted);
        }
        if call.link.has_output() || call.ending.is_some() {
            self.deliver(now, opening, sink);
            self.settle_call(now, key);
        } else if self.moved.last() != Some(&key) {
            self.moved.push(key);
        }
    }

    /// Decrypts the packets that were accepted and hands them on.
    fn deliver(&mut self, now: Instant, opening: &mut Opening<'_>, sink: &mut impl Sink) {
        if opening.is_empty() {
            return;
        }
        let policy = self.data_policy();
        for packet in opening.complete(&mut self.ciphers) {
            if let Some(call) = self.call_mut(packet.call) {
                call.deliver(now, packet, policy, sink);
            }
        }
    }

    /// Which call an inner packet is for.
    pub fn route(&self, packet: &[u8]) -> Destination {
        self.router.find(packet)
    }

    /// An inner packet for a call's peer: the first `length` octets in the [`room`](Burst::room) of the
    /// sink's burst. It may be changed: its MSS is lowered.
    pub fn send(&mut self, now: Instant, key: CallKey, length: usize, sink: &mut impl Sink) {
        let policy = self.data_policy();
        let call = self.calls.get_mut(&key.call_id);
        if let Some(call) = call.filter(|call| call.key == key) {
            call.transmit(now, length, policy, sink);
        }
    }

    /// As [`send`](Self::send), for a packet that is elsewhere. It may be longer than the room in a burst:
    /// it then goes in fragments, or its sender is told.
    pub fn send_packet(&mut self, now: Instant, key: CallKey, packet: &[u8], sink: &mut impl Sink) {
        if let Some(room) = sink.burst().room().get_mut(..packet.len()) {
            room.copy_from_slice(packet);
            self.send(now, key, packet.len(), sink);
        } else if let Some(call) = self.call_mut(key) {
            call.transmit_long(now, packet, sink);
        }
    }

    /// Limits a call's rate from now on; what is over the limit is dropped and counted.
    pub fn limit(&mut self, now: Instant, key: CallKey, limits: RateLimits) {
        if let Some(call) = self.call_mut(key) {
            call.buckets = Buckets::new(limits, now);
        }
    }

    /// Has somebody look on at a connection from now on, and at the calls that come up on it.
    pub fn tap_connection(&mut self, id: ConnectionId, tap: &Arc<dyn Tap>) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.taps.add(tap);
            connection.call_taps.add(tap);
        }
    }

    /// Has somebody look on at a call from now on, and at the messages of its connection.
    pub fn tap_call(&mut self, key: CallKey, tap: &Arc<dyn Tap>) {
        let Some(call) = self.call_mut(key) else {
            return;
        };
        call.taps.add(tap);
        let id = call.connection;
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.taps.add(tap);
        }
    }

    /// Ends what [`tap_connection`](Self::tap_connection) and [`tap_call`](Self::tap_call) have begun for
    /// this one.
    pub fn untap(&mut self, tap: &Arc<dyn Tap>) {
        for connection in self.connections.values_mut() {
            connection.taps.remove(tap);
            connection.call_taps.remove(tap);
        }
        for call in self.calls.values_mut() {
            call.taps.remove(tap);
        }
    }

    /// The answer to [`Event::Authenticate`](crate::Event::Authenticate).
    pub fn answer(&mut self, now: Instant, key: CallKey, ticket: Ticket, answer: Answer) {
        if let Some(call) = self.call_mut(key) {
            if matches!(answer.verdict, Verdict::Accept(_)) {
                call.advertiser.configure(answer.router);
                call.networks = answer.networks.into();
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
                    let call = self.calls.get_mut(&key.call_id);
                    if let Some(call) = call.filter(|call| call.key == key) {
                        call.armed.clear();
                        // Most were to wake for an acknowledgment that has long travelled on a packet.
                        if call.deadline().is_some_and(|due| due <= now) {
                            let span = call.span.clone();
                            let _entered = span.enter();
                            let cipher = self.ciphers.next(&Opening::default());
                            call.handle_timeout(now, policy, cipher, sink);
                        }
                    }
                    self.settle_call(now, key);
                }
            }
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is wanted next.
    ///
    /// To be asked when all packets that wait have been moved: what is sent by then has carried
    /// acknowledgments, which need no timer any more.
    pub fn deadline(&mut self) -> Option<Instant> {
        for key in self.moved.drain(..) {
            let call = self.calls.get_mut(&key.call_id);
            if let Some(call) = call.filter(|call| call.key == key) {
                let wanted = call.reaction_deadline();
                self.timers.arm(Owner::Call(key), &mut call.armed, wanted);
            }
        }
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
            .map(|call| call.report())
    }

    /// What all calls came to, those that are over among them. It looks at each call.
    pub fn totals(&self) -> Totals {
        let mut totals = self.finished;
        for call in self.calls.values() {
            totals.add(&Totals {
                session: *call.session.stats(),
                packets: call.counters,
                resets: call.link.resets(),
            });
        }
        totals
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
            .map(Box::as_mut)
            .filter(|call| call.key == key)
    }
}

/// Spreads Call IDs, which are random already: nobody but us chooses them.
#[derive(Debug, Default)]
struct CallIdHasher(u64);

impl Hasher for CallIdHasher {
    fn finish(&self) -> u64 {
        // A table looks at the highest and the lowest bits.
        self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn write(&mut self, octets: &[u8]) {
        for octet in octets {
            self.0 = self.0 << 8 | u64::from(*octet);
        }
    }

    fn write_u16(&mut self, id: u16) {
        self.0 = u64::from(id);
    }
}
