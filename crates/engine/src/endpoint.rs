use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use adit_ppp::auth::{Ticket, Verdict};
use adit_ppp::link::{self, Link};
use adit_ppp::{Entropy, Ipv4Network, Ipv6Network};
use adit_pptp::control_connection::{self, CallUp, PeerInformation};
use adit_pptp::{CallDownReason, CallHandle, ControlConnection, Refusal, Session, call};
use adit_wire::control::{
    Bearer, DisconnectResult, ErrorCode, Framing, Message, OutgoingCallRequest, StopReason,
};
use adit_wire::frame::Described;
use adit_wire::gre::{Header, MAX_HEADER_LENGTH};
use adit_wire::text::Text;
use tracing::{debug, info_span};
use zeroize::Zeroizing;

use crate::advertise::Advertiser;
use crate::call::{Call, CallCounters, DataPolicy};
use crate::config::{Dial, EndpointConfig};
use crate::connection::{Connection, Purpose};
use crate::event::{
    Answer, CallEnd, CallKey, CallReport, ConnectionId, Event, Output, Path, SessionIds,
};
use crate::router::{Destination, Router};
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
    reserved: usize,
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
        Self {
            config,
            entropy,
            connections: BTreeMap::new(),
            calls: BTreeMap::new(),
            reserved: 0,
            next_generation: 1,
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

    /// The answer to [`Event::Authenticate`].
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

    /// The answer to [`Event::AskPassword`]; `None` gives up.
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

    /// Carries out what a control connection wants, until it wants nothing more.
    fn settle(&mut self, now: Instant, id: ConnectionId) {
        while let Some(connection) = self.connections.get_mut(&id) {
            log_received(connection);
            let Some(output) = connection.control.poll_output() else {
                let wanted = connection.deadline();
                self.timers
                    .arm(Owner::Connection(id), &mut connection.armed, wanted);
                return;
            };
            let span = connection.span.clone();
            let _entered = span.enter();
            match output {
                control_connection::Output::Send(message) => self.send_message(id, &message),
                control_connection::Output::Event(event) => self.on_control(now, id, event),
                control_connection::Output::Close => {
                    self.timers
                        .disarm(Owner::Connection(id), &mut connection.armed);
                    self.connections.remove(&id);
                    self.outputs.push_back(Output::CloseStream(id));
                }
            }
        }
    }

    fn send_message(&mut self, id: ConnectionId, message: &Message) {
        debug!("sent {message}");
        let mut octets = Vec::new();
        message.encode(&mut octets);
        self.outputs.push_back(Output::Stream(id, octets));
    }

    fn on_control(&mut self, now: Instant, id: ConnectionId, event: control_connection::Event) {
        use control_connection::Event as Control;
        match event {
            Control::Established(peer) => self.on_established(now, id, peer),
            Control::OutgoingCallRequested { call, .. }
            | Control::IncomingCallRequested { call, .. } => self.take_call(now, id, call),
            Control::CallUp(up) => self.on_call_up(now, id, up),
            Control::CallDown { call, why } => self.on_call_down(now, id, call, why),
            Control::LinkInfo { .. } | Control::WanError { .. } => {}
            Control::Violation(violation) => debug!("the peer broke the protocol: {violation}"),
            Control::Closed(why) => {
                debug!("control connection closed: {why}");
                let event = Event::ConnectionDown {
                    connection: id,
                    why,
                };
                self.outputs.push_back(Output::Event(event));
            }
        }
    }

    fn on_established(&mut self, now: Instant, id: ConnectionId, peer: PeerInformation) {
        debug!(host = %peer.host_name, vendor = %peer.vendor, "control connection established");
        self.outputs.push_back(Output::Event(Event::ConnectionUp {
            connection: id,
            peer,
        }));
        let purpose = self
            .connections
            .get(&id)
            .map(|connection| connection.purpose);
        if let Some(Purpose::Dial(dial)) = purpose {
            self.request_call(now, id, dial);
        }
    }

    fn request_call(&mut self, now: Instant, id: ConnectionId, dial: Dial) {
        let Some(call_id) = self.free_call_id() else {
            return;
        };
        let request = OutgoingCallRequest {
            reserved0: 0,
            call_id,
            serial: 1,
            minimum_bps: dial.minimum_bps,
            maximum_bps: dial.maximum_bps,
            bearer: Bearer::ANY,
            framing: Framing::ANY,
            window: self.config.session.window,
            delay: 0,
            phone_number_length: 0,
            reserved1: 0,
            phone_number: Text::default(),
            subaddress: Text::default(),
        };
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        if let Ok(handle) = connection.control.request_outgoing_call(now, request) {
            connection.reserved.insert(handle, call_id);
            self.reserved += 1;
        }
    }

    /// Accepts a call that the peer asked for or announced, where there is room for it.
    fn take_call(&mut self, now: Instant, id: ConnectionId, handle: CallHandle) {
        let busy =
            self.shutting_down || self.calls.len() + self.reserved >= self.config.maximum_calls;
        let call_id = if busy { None } else { self.free_call_id() };
        let window = self.config.session.window;
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let Some(call_id) = call_id else {
            let _ = connection.control.refuse_call(now, handle, Refusal::Busy);
            return;
        };
        let answer = call::Answer {
            window,
            ..call::Answer::default()
        };
        if connection
            .control
            .accept_call(now, handle, call_id, answer)
            .is_ok()
        {
            connection.reserved.insert(handle, call_id);
            self.reserved += 1;
        } else {
            let refusal = Refusal::Error(ErrorCode::NoResource);
            let _ = connection.control.refuse_call(now, handle, refusal);
        }
    }

    /// A random Call ID that no call of any peer has. Forging a packet takes guessing it.
    fn free_call_id(&self) -> Option<u16> {
        const ATTEMPTS: usize = 64;
        let is_free = |id: &u16| {
            !self.calls.contains_key(id)
                && !self
                    .connections
                    .values()
                    .any(|connection| connection.reserved.values().any(|other| other == id))
        };
        let start = (0..ATTEMPTS).map(|_| u16::from_be_bytes(self.entropy.array()));
        start.chain(0..=u16::MAX).find(is_free)
    }

    fn on_call_up(&mut self, now: Instant, id: ConnectionId, up: CallUp) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        if connection.reserved.remove(&up.call).is_some() {
            self.reserved -= 1;
        }
        let key = CallKey {
            call_id: up.local_call_id,
            generation: self.next_generation,
        };
        self.next_generation += 1;
        connection.calls.insert(up.call, key);
        let path = connection.path;
        let span = info_span!(parent: &connection.span, "call", id = key.number());
        let session = Session::new(
            &self.config.session,
            up.local_call_id,
            up.peer_call_id,
            up.peer_window,
        );
        let mut call = Call {
            key,
            connection: id,
            handle: up.call,
            session,
            link: Link::new(Arc::new(self.link_config(path)), Arc::clone(&self.entropy)),
            path,
            armed: Armed::default(),
            span,
            advertiser: Advertiser::default(),
            ipv4: None,
            ipv6: None,
            prefix: None,
            ending: None,
            counters: CallCounters::default(),
        };
        call.link.open(now);
        self.calls.insert(key.call_id, call);
        let ids = SessionIds {
            local_call_id: up.local_call_id,
            peer_call_id: up.peer_call_id,
        };
        let event = Event::CallUp {
            call: key,
            connection: id,
            ids,
        };
        self.outputs.push_back(Output::Event(event));
        if self.shutting_down {
            self.hang_up(now, key);
        } else {
            self.settle_call(now, key);
        }
    }

    /// The link's wishes, with the MRU that the path carries.
    fn link_config(&self, path: Path) -> adit_ppp::LinkConfig {
        let mut config = self.config.link.clone();
        let carried = path.mtu.saturating_sub(OUTER_OVERHEAD + PPP_HEADER);
        config.lcp.mru = config.lcp.mru.min(carried).max(adit_ppp::MINIMUM_MRU);
        config
    }

    fn on_call_down(
        &mut self,
        now: Instant,
        id: ConnectionId,
        handle: CallHandle,
        why: CallDownReason,
    ) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        if connection.reserved.remove(&handle).is_some() {
            self.reserved -= 1;
        }
        let key = connection.calls.remove(&handle);
        let idle = connection.calls.is_empty() && connection.reserved.is_empty();
        if matches!(connection.purpose, Purpose::Dial(_)) {
            connection.control.stop(now, StopReason::None);
        } else if self.shutting_down && idle {
            connection.control.stop(now, StopReason::StopLocalShutdown);
        }
        match key.and_then(|key| self.calls.remove(&key.call_id)) {
            Some(call) => self.bury(call, why),
            None => {
                let event = Event::CallRefused {
                    connection: id,
                    why,
                };
                self.outputs.push_back(Output::Event(event));
            }
        }
    }

    /// Reports the end of a call that is out of the table.
    fn bury(&mut self, mut call: Call, why: CallDownReason) {
        let report = Box::new(call.report());
        self.timers.disarm(Owner::Call(call.key), &mut call.armed);
        // Who has already begun to take leave knows more than the control connection does.
        let leaving = call.link.closing().cloned().map(CallEnd::Link);
        call.link.abandon();
        while let Some(output) = call.link.poll_output() {
            match output {
                link::Output::Ipv4Down => self.ipv4_down(&mut call),
                link::Output::Ipv6Down => self.ipv6_down(&mut call),
                _ => {}
            }
        }
        let ending = call.ending.take().or(leaving);
        let why = ending.unwrap_or(CallEnd::Control(why));
        let event = Event::CallDown {
            call: call.key,
            connection: call.connection,
            why,
            report,
        };
        self.outputs.push_back(Output::Event(event));
    }

    /// Carries out what a call's link wants, until it wants nothing more.
    fn settle_call(&mut self, now: Instant, key: CallKey) {
        let Some(call) = self
            .calls
            .get_mut(&key.call_id)
            .filter(|call| call.key == key)
        else {
            return;
        };
        if !call.link.has_output() && call.ending.is_none() {
            // Data packets end here.
            let wanted = call.deadline();
            self.timers.arm(Owner::Call(key), &mut call.armed, wanted);
            return;
        }
        let Some(mut call) = self.calls.remove(&key.call_id) else {
            return;
        };
        let span = call.span.clone();
        let entered = span.enter();
        while let Some(output) = call.link.poll_output() {
            self.on_link(now, &mut call, output);
        }
        let wanted = call.deadline();
        self.timers.arm(Owner::Call(key), &mut call.armed, wanted);
        let (id, handle) = (call.connection, call.handle);
        let ended = call.ending.as_ref().map(disconnect_result);
        self.calls.insert(key.call_id, call);
        drop(entered);
        if let Some(result) = ended {
            if let Some(connection) = self.connections.get_mut(&id) {
                let _ = connection.control.disconnect_call(now, handle, result);
            }
            self.settle(now, id);
        }
    }

    fn on_link(&mut self, now: Instant, call: &mut Call, output: link::Output) {
        let key = call.key;
        let event = match output {
            link::Output::Frame(frame) => return self.send_frame(now, call, &frame),
            link::Output::Authenticate(ticket, credentials) => Event::Authenticate {
                call: key,
                ticket,
                credentials,
            },
            link::Output::AskPassword => Event::AskPassword { call: key },
            link::Output::Ipv4Up(network) => {
                self.ipv4_up(call, network);
                Event::Ipv4Up { call: key, network }
            }
            link::Output::Ipv4Down => return self.ipv4_down(call),
            link::Output::Ipv6Up(network) => {
                self.ipv6_up(now, call, network);
                Event::Ipv6Up { call: key, network }
            }
            link::Output::Ipv6Down => return self.ipv6_down(call),
            link::Output::Closed(reason) => {
                debug!("link closed: {reason}");
                call.ending = Some(CallEnd::Link(reason));
                return;
            }
        };
        self.outputs.push_back(Output::Event(event));
    }

    fn send_frame(&mut self, now: Instant, call: &mut Call, frame: &[u8]) {
        debug!("sent {}", Described(frame));
        let Ok(length) = u16::try_from(frame.len()) else {
            return;
        };
        let mut packet = call
            .session
            .header(now, length)
            .encode()
            .as_octets()
            .to_vec();
        packet.extend_from_slice(frame);
        self.outputs.push_back(Output::Gre(call.path, packet));
    }

    fn ipv4_up(&mut self, call: &mut Call, network: Ipv4Network) {
        call.ipv4 = Some(network);
        if let Some(peer) = network.peer {
            self.router.add_ipv4(peer, call.key);
        }
    }

    fn ipv4_down(&mut self, call: &mut Call) {
        if let Some(peer) = call.ipv4.take().and_then(|network| network.peer) {
            self.router.remove_ipv4(peer, call.key);
        }
        self.outputs
            .push_back(Output::Event(Event::Ipv4Down { call: call.key }));
    }

    fn ipv6_up(&mut self, now: Instant, call: &mut Call, network: Ipv6Network) {
        call.ipv6 = Some(network);
        self.router.add_link_local(network.peer, call.key);
        call.prefix = call.advertiser.prefix();
        if let Some(prefix) = call.prefix {
            self.router.add_prefix(prefix, call.key);
        }
        call.advertiser.start(now, network);
    }

    fn ipv6_down(&mut self, call: &mut Call) {
        if let Some(network) = call.ipv6.take() {
            self.router.remove_link_local(network.peer, call.key);
        }
        if let Some(prefix) = call.prefix.take() {
            self.router.remove_prefix(prefix, call.key);
        }
        call.advertiser.stop();
        self.outputs
            .push_back(Output::Event(Event::Ipv6Down { call: call.key }));
    }
}

/// One line for each control message that came.
fn log_received(connection: &mut Connection) {
    while let Some(message) = connection.control.poll_received() {
        debug!(parent: &connection.span, "received {message}");
    }
}

/// What a Call-Disconnect-Notify says of a link's end (RFC 2637 §2.13).
fn disconnect_result(end: &CallEnd) -> DisconnectResult {
    use link::CloseReason as Link;
    match end {
        CallEnd::Link(Link::PeerSilent | Link::NoAnswer) => DisconnectResult::LostCarrier,
        CallEnd::Link(Link::Requested) => DisconnectResult::AdminShutdown,
        CallEnd::Link(Link::PeerTerminated(_)) => DisconnectResult::Request,
        CallEnd::Link(_) | CallEnd::Control(_) => DisconnectResult::GeneralError,
    }
}
