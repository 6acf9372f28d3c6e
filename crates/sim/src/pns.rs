//! A PNS led by hand: its control connection, sessions and links without an endpoint around them,
//! so that it can have several calls on one control connection and do what no endpoint does.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use adit_engine::ConnectionId;
use adit_ppp::link::{self, IpVersion, Link, Received};
use adit_ppp::{Entropy, Ipv4Network};
use adit_pptp::control_connection::{CallUp, CloseReason, Config, Event, Output};
use adit_pptp::session::SessionConfig;
use adit_pptp::{CallDownReason, CallHandle, ControlConnection, Session};
use adit_wire::control::{DisconnectResult, Message, OutgoingCallRequest, StopReason};
use adit_wire::gre::Header;

use crate::config::client_link;
use crate::rng::SeededEntropy;
use crate::world::World;

/// The PNS. What passes between it and the server takes no time.
pub struct Pns {
    id: ConnectionId,
    address: IpAddr,
    control: ControlConnection,
    entropy: Arc<dyn Entropy>,
    calls: BTreeMap<CallHandle, PnsCall>,
    refused: Vec<CallDownReason>,
    closed: Option<CloseReason>,
}

/// One call of it.
pub struct PnsCall {
    /// The data session.
    pub session: Session,
    /// The link, that of the user with index 0.
    pub link: Link,
    /// While IPv4 is up.
    pub ipv4: Option<Ipv4Network>,
    /// Inner packets that came.
    pub received: VecDeque<Vec<u8>>,
    /// Why the link is over, once it is.
    pub over: Option<link::CloseReason>,
}

impl Pns {
    /// Opens a connection to the server of `world` from an address that no client has.
    pub fn connect(world: &mut World, address: IpAddr, seed: u64) -> Self {
        let id = world.raw_connect(address);
        let mut pns = Self {
            id,
            address,
            control: ControlConnection::new_originator(Config::default(), world.now()),
            entropy: SeededEntropy::new(seed),
            calls: BTreeMap::new(),
            refused: Vec::new(),
            closed: None,
        };
        pns.exchange(world);
        pns
    }

    /// The calls that are up.
    pub fn calls(&self) -> &BTreeMap<CallHandle, PnsCall> {
        &self.calls
    }

    /// A call that is up.
    ///
    /// # Panics
    /// Where there is none of this name.
    pub fn call(&mut self, call: CallHandle) -> &mut PnsCall {
        self.calls.get_mut(&call).expect("the call is up")
    }

    /// Why calls that were asked for did not come up, or came down from the server's side.
    pub fn refused(&self) -> &[CallDownReason] {
        &self.refused
    }

    /// Why the control connection is over, once it is.
    pub fn closed(&self) -> Option<CloseReason> {
        self.closed
    }

    /// Asks for a call with this Call ID, and sees to what comes of it at once.
    ///
    /// # Panics
    /// Where the control connection does not allow it.
    pub fn request(&mut self, world: &mut World, call_id: u16) -> CallHandle {
        let request = OutgoingCallRequest {
            call_id,
            window: 64,
            ..OutgoingCallRequest::default()
        };
        let call = self.control.request_outgoing_call(world.now(), request);
        let call = call.expect("the connection is established");
        self.exchange(world);
        call
    }

    /// Asks for a call with a Call ID that is in use, which no sound PNS does.
    pub fn request_again(&mut self, world: &mut World, call_id: u16) {
        let mut octets = Vec::new();
        Message::from(OutgoingCallRequest {
            call_id,
            window: 64,
            ..OutgoingCallRequest::default()
        })
        .encode(&mut octets);
        world.raw_write(self.id, &octets);
    }

    /// Clears a call (RFC 2637 §2.12) without a word on its link.
    pub fn clear(&mut self, world: &mut World, call: CallHandle) {
        let result = DisconnectResult::Request;
        let _ = self.control.disconnect_call(world.now(), call, result);
        self.exchange(world);
    }

    /// Stops the control connection.
    pub fn stop(&mut self, world: &mut World) {
        self.control.stop(world.now(), StopReason::None);
        self.exchange(world);
    }

    /// Sends an inner packet; tells whether the link took it.
    pub fn send(&mut self, world: &mut World, call: CallHandle, packet: &[u8]) -> bool {
        let version = IpVersion::of(packet).expect("it is an IP packet");
        let mut frame = Vec::new();
        let sealed = self.call(call).link.seal(version, packet, &mut frame);
        if sealed.is_ok() {
            self.send_frame(world, call, &frame);
        }
        self.exchange(world);
        sealed.is_ok()
    }

    /// Sends a PPP frame of any content in the session of a call.
    pub fn send_frame(&mut self, world: &mut World, call: CallHandle, frame: &[u8]) {
        let packet = self.gre(world.now(), call, frame);
        world.inject_gre(self.address, packet);
    }

    /// The GRE packet for a PPP frame of any content, which takes a sequence number.
    pub fn gre(&mut self, now: Instant, call: CallHandle, frame: &[u8]) -> Vec<u8> {
        let length = u16::try_from(frame.len()).expect("a frame is shorter than 64 KiB");
        let mut packet = Vec::new();
        self.call(call)
            .session
            .header(now, length)
            .append_to(&mut packet);
        packet.extend_from_slice(frame);
        packet
    }

    /// Runs the world and the PNS for some time.
    pub fn run_for(&mut self, world: &mut World, span: Duration) {
        let end = world.now() + span;
        loop {
            self.exchange(world);
            let next = [self.deadline(), world.deadline()]
                .into_iter()
                .flatten()
                .min();
            match next.filter(|next| *next <= end) {
                Some(next) => world.run_for(next.saturating_duration_since(world.now())),
                None => break,
            }
            self.handle_timeout(world.now());
        }
        world.run_for(end - world.now());
    }

    /// Carries everything between the two until both are content.
    pub fn exchange(&mut self, world: &mut World) {
        while self.send_all(world) || self.receive_all(world) {}
    }

    fn deadline(&self) -> Option<Instant> {
        let calls = self.calls.values();
        calls
            .flat_map(|call| [call.session.deadline(), call.link.deadline()])
            .chain([self.control.deadline()])
            .flatten()
            .min()
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.control.handle_timeout(now);
        for call in self.calls.values_mut() {
            let (link, received) = (&mut call.link, &mut call.received);
            call.session
                .handle_timeout(now, |frame| take(now, link, received, frame));
            call.link.handle_timeout(now);
        }
    }

    /// Tells whether anything was done.
    fn send_all(&mut self, world: &mut World) -> bool {
        let mut done = false;
        while let Some(output) = self.control.poll_output() {
            done = true;
            match output {
                Output::Send(message) => {
                    let mut octets = Vec::new();
                    message.encode(&mut octets);
                    world.raw_write(self.id, &octets);
                }
                Output::Event(event) => self.on_event(world.now(), event),
                Output::Close => world.raw_close(self.id),
            }
        }
        let handles: Vec<_> = self.calls.keys().copied().collect();
        for handle in handles {
            done |= self.send_call(world, handle);
        }
        done
    }

    fn on_event(&mut self, now: Instant, event: Event) {
        match event {
            Event::CallUp(up) => self.on_call_up(now, up),
            Event::CallDown { call, why } => {
                self.calls.remove(&call);
                self.refused.push(why);
            }
            Event::Closed(why) => self.closed = Some(why),
            _ => {}
        }
    }

    fn on_call_up(&mut self, now: Instant, up: CallUp) {
        let config = SessionConfig::default();
        let entropy = Arc::clone(&self.entropy);
        let mut call = PnsCall {
            session: Session::new(&config, up.local_call_id, up.peer_call_id, up.peer_window),
            link: Link::new(Arc::new(client_link(0)), entropy),
            ipv4: None,
            received: VecDeque::new(),
            over: None,
        };
        call.link.open(now);
        self.calls.insert(up.call, call);
    }

    fn send_call(&mut self, world: &mut World, handle: CallHandle) -> bool {
        let mut done = false;
        while let Some(output) = self.call(handle).link.poll_output() {
            done = true;
            match output {
                link::Output::Frame(frame) => self.send_frame(world, handle, &frame),
                link::Output::Ipv4Up(network) => self.call(handle).ipv4 = Some(network),
                link::Output::Ipv4Down => self.call(handle).ipv4 = None,
                link::Output::Closed(why) => self.call(handle).over = Some(why),
                _ => {}
            }
        }
        if let Some(header) = self.call(handle).session.poll_transmit(world.now()) {
            world.inject_gre(self.address, header.encode().as_octets().to_vec());
            done = true;
        }
        done
    }

    /// Tells whether anything came.
    fn receive_all(&mut self, world: &mut World) -> bool {
        let now = world.now();
        let octets = world.raw_read(self.id);
        let mut done = !octets.is_empty();
        self.control.handle_stream(now, &octets);
        if world.raw_is_closed(self.id) && self.closed.is_none() {
            self.control.handle_stream_closed(now);
            done = true;
        }
        while let Some(mut packet) = world.raw_packet(self.id) {
            done = true;
            self.receive(now, &mut packet);
        }
        done
    }

    fn receive(&mut self, now: Instant, packet: &mut [u8]) {
        let Ok(header) = Header::decode(packet) else {
            return;
        };
        let mut calls = self.calls.values_mut();
        let call = calls.find(|call| call.session.local_call_id() == header.call_id);
        if let Some(call) = call {
            let (link, received) = (&mut call.link, &mut call.received);
            let _ = call.session.receive(now, packet, |mut frame| {
                take(now, link, received, &mut frame)
            });
        }
    }
}

fn take(now: Instant, link: &mut Link, received: &mut VecDeque<Vec<u8>>, frame: &mut [u8]) {
    if let Ok(Received::Packet(_, packet)) = link.receive(now, frame) {
        received.push_back(packet.to_vec());
    }
}
