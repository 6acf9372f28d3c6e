//! What the PPP links of calls want done.

use std::time::Instant;

use adit_ppp::link;
use adit_ppp::link::IpVersion;
use adit_ppp::{Ipv4Network, Ipv6Network};
use adit_wire::control::DisconnectResult;
use adit_wire::frame::Described;
use ipnet::IpNet;
use tracing::debug;

use crate::call::Call;
use crate::event::{CallEnd, CallKey, Event, Output};
use crate::tap::{Seen, Sender};

use super::{Endpoint, Owner};

impl Endpoint {
    /// Carries out what a call's link wants, until it wants nothing more.
    pub(super) fn settle_call(&mut self, now: Instant, key: CallKey) {
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
        if !call.taps.is_empty() {
            call.taps.see(call.place(), Seen::Frame(Sender::Us, frame));
        }
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
        for network in networks_of(call, IpVersion::V4) {
            self.router.add_network(network, call.key);
        }
    }

    pub(super) fn ipv4_down(&mut self, call: &mut Call) {
        if let Some(peer) = call.ipv4.take().and_then(|network| network.peer) {
            self.router.remove_ipv4(peer, call.key);
        }
        for network in networks_of(call, IpVersion::V4) {
            self.router.remove_network(network, call.key);
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
        for network in networks_of(call, IpVersion::V6) {
            self.router.add_network(network, call.key);
        }
        call.advertiser.start(now, network);
    }

    pub(super) fn ipv6_down(&mut self, call: &mut Call) {
        if let Some(network) = call.ipv6.take() {
            self.router.remove_link_local(network.peer, call.key);
        }
        if let Some(prefix) = call.prefix.take() {
            self.router.remove_prefix(prefix, call.key);
        }
        for network in networks_of(call, IpVersion::V6) {
            self.router.remove_network(network, call.key);
        }
        call.advertiser.stop();
        self.outputs
            .push_back(Output::Event(Event::Ipv6Down { call: call.key }));
    }
}

/// The networks of one version behind a call's peer.
fn networks_of(call: &Call, version: IpVersion) -> impl Iterator<Item = IpNet> {
    let wanted = version == IpVersion::V4;
    let networks = call.networks.iter().copied();
    networks.filter(move |network| network.addr().is_ipv4() == wanted)
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
