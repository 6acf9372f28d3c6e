//! What control connections want done, and the calls that come up and go down on them.

use std::sync::Arc;
use std::time::Instant;

use adit_ppp::link::{self, Link};
use adit_pptp::control_connection::{self, CallUp, PeerInformation};
use adit_pptp::{CallDownReason, CallHandle, Refusal, Session, call};
use adit_wire::control::{Bearer, ErrorCode, Framing, Message, OutgoingCallRequest, StopReason};
use adit_wire::text::Text;
use tracing::{debug, info_span};

use crate::advertise::Advertiser;
use crate::call::{Call, CallCounters};
use crate::config::Dial;
use crate::connection::{Connection, Purpose};
use crate::event::{CallEnd, CallKey, ConnectionId, Event, Output, Path, SessionIds, Totals};
use crate::tap::{Place, Seen, Sender};
use crate::timers::Armed;

use super::{Endpoint, OUTER_OVERHEAD, Owner, PPP_HEADER};

impl Endpoint {
    /// Carries out what a control connection wants, until it wants nothing more.
    pub(super) fn settle(&mut self, now: Instant, id: ConnectionId) {
        while let Some(connection) = self.connections.get_mut(&id) {
            tell_received(id, connection);
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
        if let Some(connection) = self.connections.get(&id)
            && !connection.taps.is_empty()
        {
            let seen = Seen::Message(Sender::Us, message);
            connection.taps.see(Place::of_connection(id), seen);
        }
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
                if let Some(connection) = self.connections.get(&id)
                    && !connection.taps.is_empty()
                {
                    connection
                        .taps
                        .see(Place::of_connection(id), Seen::Ended(&why));
                }
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
            self.reserved.insert(call_id);
            self.places.take_any();
        }
    }

    /// Accepts a call that the peer asked for or announced, where there is room for it.
    fn take_call(&mut self, now: Instant, id: ConnectionId, handle: CallHandle) {
        let call_id = if self.shutting_down {
            None
        } else {
            self.free_call_id()
        };
        let window = self.config.session.window;
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let Some(call_id) = call_id.filter(|_| self.places.take()) else {
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
            self.reserved.insert(call_id);
        } else {
            self.places.give_back();
            let refusal = Refusal::Error(ErrorCode::NoResource);
            let _ = connection.control.refuse_call(now, handle, refusal);
        }
    }

    /// A random Call ID of ours that no call of any peer has. Forging a packet takes guessing it.
    fn free_call_id(&self) -> Option<u16> {
        const ATTEMPTS: usize = 64;
        let shard = self.config.shard;
        let is_free = |id: &u16| !self.calls.contains_key(id) && !self.reserved.contains(id);
        let random = |_| shard.call_id(u16::from_be_bytes(self.entropy.array()));
        let start = (0..ATTEMPTS).map(random);
        start.chain(shard.call_ids()).find(is_free)
    }

    fn on_call_up(&mut self, now: Instant, id: ConnectionId, up: CallUp) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        if let Some(call_id) = connection.reserved.remove(&up.call) {
            self.reserved.remove(&call_id);
        }
        let key = CallKey {
            call_id: up.local_call_id,
            generation: self.next_generation,
        };
        self.next_generation = self.config.shard.next_number(self.next_generation);
        connection.calls.insert(up.call, key);
        let path = connection.path;
        let taps = connection.call_taps.clone();
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
            networks: Box::default(),
            ending: None,
            counters: CallCounters::default(),
            buckets: None,
            taps,
        };
        call.link.open(now);
        self.calls.insert(key.call_id, Box::new(call));
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
        let reserved = connection.reserved.remove(&handle);
        if let Some(call_id) = reserved {
            self.reserved.remove(&call_id);
        }
        let key = connection.calls.remove(&handle);
        if reserved.is_some() || key.is_some() {
            self.places.give_back();
        }
        let idle = connection.calls.is_empty() && connection.reserved.is_empty();
        if matches!(connection.purpose, Purpose::Dial(_)) {
            connection.control.stop(now, StopReason::None);
        } else if self.shutting_down && idle {
            connection.control.stop(now, StopReason::StopLocalShutdown);
        }
        match key.and_then(|key| self.calls.remove(&key.call_id)) {
            Some(call) => self.bury(*call, why),
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
        self.finished.add(&Totals::from(&*report));
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
        if !call.taps.is_empty() {
            call.taps.see(call.place(), Seen::Ended(&why));
        }
        let event = Event::CallDown {
            call: call.key,
            connection: call.connection,
            why,
            report,
        };
        self.outputs.push_back(Output::Event(event));
    }
}

/// One line for each control message that came.
fn tell_received(id: ConnectionId, connection: &mut Connection) {
    while let Some(message) = connection.control.poll_received() {
        debug!(parent: &connection.span, "received {message}");
        if !connection.taps.is_empty() {
            let seen = Seen::Message(Sender::Peer, &message);
            connection.taps.see(Place::of_connection(id), seen);
        }
    }
}
