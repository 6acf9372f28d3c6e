//! The phases of a link (RFC 1661 §3.2): establish, authenticate, network, terminate.
//!
//! Every method that takes `now` may be called at any time with a clock that never goes back.
//! After each of them drain [`Link::poll_output`], then wait until [`Link::deadline`] and call
//! [`Link::handle_timeout`]; a call that comes early changes nothing. Nothing that the peer sends is
//! an error: it is answered, counted, or ends the link with a [`CloseReason`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use adit_wire::cp::{Body, Magic, Packet};
use adit_wire::ipv6cp::InterfaceId;
use adit_wire::lcp::LcpOption;
use adit_wire::ppp::{Encapsulation, Protocol};

use crate::auth::{Authenticator, Credentials, History, Method, Peer, PeerConfig, Ticket};
use crate::ccp::{CcpPolicy, Cipher, EncryptionPolicy};
use crate::entropy::Entropy;
use crate::ipcp::{IpcpPolicy, Ipv4Config, Ipv4Network};
use crate::ipv6cp::{Ipv6Network, Ipv6cpPolicy};
use crate::lcp::{Agreed, LcpPolicy, Obstacle};
use crate::negotiator::{Finish, Negotiator, Signal};
use crate::queue::Queue;

mod authentication;
mod config;
mod control;
mod data;
mod encryption;
mod keepalive;
mod network;
mod reason;

pub use config::{EchoConfig, LinkConfig, Role};
pub use data::{Discard, IpVersion, Opened, OpenedPacket, Received, SEAL_ROOM, SealError, Sealed};
pub use reason::{CloseReason, Farewell, NoEncryption};

use encryption::Encryption;
use keepalive::{Due, Keepalive};
use network::Announced;

/// What a link wants done or known.
pub enum Output {
    /// Send this frame to the peer.
    Frame(Vec<u8>),
    /// Check these credentials and answer with [`Link::answer`].
    Authenticate(Ticket, Credentials),
    /// The password was wrong; another may be given with [`Link::supply_password`].
    AskPassword,
    /// IPv4 packets may pass.
    Ipv4Up(Ipv4Network),
    /// IPv4 packets no longer pass.
    Ipv4Down,
    /// IPv6 packets may pass.
    Ipv6Up(Ipv6Network),
    /// IPv6 packets no longer pass.
    Ipv6Down,
    /// The link is over; nothing follows.
    Closed(CloseReason),
}

/// Which phase a link is in (RFC 1661 §3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Not opened yet, or over.
    Dead,
    /// LCP negotiates.
    Establish,
    /// One side or both prove who they are.
    Authenticate,
    /// Encryption and network-layer protocols negotiate or are up.
    Network,
    /// A Terminate-Request is out.
    Terminate,
}

/// What a link has come to, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// How the peer authenticated to us.
    pub peer_authentication: Option<Method>,
    /// How we authenticated to the peer.
    pub our_authentication: Option<Method>,
    /// The name that the peer gave.
    pub peer_name: Vec<u8>,
    /// The ciphers in use, the one that we send with first.
    pub encryption: Option<(Cipher, Cipher)>,
    /// The largest network-layer packet that can be sent, in octets.
    pub mtu: u16,
    /// Reset-Requests of MPPE (RFC 3078 §8.2) that we and the peer have sent.
    pub resets: Resets,
}

/// Reset-Requests of MPPE: a packet was lost that stateful encryption cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Resets {
    /// To the peer.
    pub sent: u64,
    /// From the peer, those within the permitted rate.
    pub received: u64,
}

/// One end of one PPP link.
pub struct Link {
    config: Arc<LinkConfig>,
    entropy: Arc<dyn Entropy>,
    phase: Phase,
    lcp: Negotiator<LcpPolicy>,
    agreed: Agreed,
    authenticator: Option<Authenticator>,
    peer: Option<Peer>,
    /// What an authenticator before this one has left.
    history: History,
    /// Our credentials as a peer before this one has left them.
    credentials: Option<PeerConfig>,
    encryption: Encryption,
    ccp: Option<Negotiator<CcpPolicy>>,
    /// What CCP is to start with, while the peer's first request is awaited.
    waiting_ccp: Option<CcpPolicy>,
    ccp_due: Option<Instant>,
    ipcp: Option<Negotiator<IpcpPolicy>>,
    ipv6cp: Option<Negotiator<Ipv6cpPolicy>>,
    ipv4: Option<Ipv4Config>,
    /// The identifier that the peer is meant to have.
    interface_id: Option<InterfaceId>,
    announced: Announced,
    /// Packets of network control protocols that came before their time.
    early: Vec<(Protocol, Vec<u8>)>,
    keepalive: Keepalive,
    setup_deadline: Option<Instant>,
    closing: Option<CloseReason>,
    farewell: Vec<u8>,
    /// The peer's Terminate-Request has come.
    peer_left: bool,
    outputs: Queue<Output>,
}

/// Octets that encryption puts before a packet: coherency count and inner protocol (RFC 3078 §3.1).
const MPPE_OVERHEAD: u16 = 4;

impl Link {
    /// A link that waits for [`open`](Self::open).
    pub fn new(config: Arc<LinkConfig>, entropy: Arc<dyn Entropy>) -> Self {
        let policy = LcpPolicy::new(
            config.lcp.clone(),
            config.role.demand(),
            config.willing(),
            Arc::clone(&entropy),
        );
        Self {
            lcp: Negotiator::new(policy, config.timers),
            encryption: Encryption::new(&config.mppe, config.receiver),
            keepalive: Keepalive::new(config.echo),
            agreed: Agreed::default(),
            phase: Phase::Dead,
            authenticator: None,
            peer: None,
            history: History::default(),
            credentials: None,
            ccp: None,
            waiting_ccp: None,
            ccp_due: None,
            ipcp: None,
            ipv6cp: None,
            ipv4: None,
            interface_id: None,
            announced: Announced::default(),
            early: Vec::new(),
            setup_deadline: None,
            closing: None,
            farewell: Vec::new(),
            peer_left: false,
            outputs: Queue::new(),
            config,
            entropy,
        }
    }

    /// The path to the peer is there: starts LCP.
    pub fn open(&mut self, now: Instant) {
        self.phase = Phase::Establish;
        self.setup_deadline = Some(now + self.config.setup_time);
        self.lcp.open(now);
        self.lcp.lower_up(now);
        self.settle(now);
    }

    /// Ends the link in order: a Terminate-Request, its answer, then [`Output::Closed`].
    pub fn close(&mut self, now: Instant) {
        self.terminate(now, CloseReason::Requested);
        self.settle(now);
    }

    /// Why the link ends, from the moment when it begins to take leave until [`Output::Closed`].
    pub fn closing(&self) -> Option<&CloseReason> {
        self.closing.as_ref()
    }

    /// The path to the peer is gone: no frame is sent any more.
    pub fn abandon(&mut self) {
        self.outputs.clear();
        self.finish(CloseReason::Requested);
    }

    /// Everything whose time has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.setup_deadline.is_some_and(|deadline| now >= deadline) {
            self.setup_deadline = None;
            self.terminate(now, CloseReason::SetupTimeout);
        }
        self.lcp.handle_timeout(now);
        if let Some(authenticator) = &mut self.authenticator {
            authenticator.handle_timeout(now);
        }
        if let Some(peer) = &mut self.peer {
            peer.handle_timeout(now);
        }
        if self.ccp_due.is_some_and(|due| now >= due) {
            self.start_ccp(now);
        }
        if let Some(ccp) = &mut self.ccp {
            ccp.handle_timeout(now);
        }
        if let Some(ipcp) = &mut self.ipcp {
            ipcp.handle_timeout(now);
        }
        if let Some(ipv6cp) = &mut self.ipv6cp {
            ipv6cp.handle_timeout(now);
        }
        match self.keepalive.handle_timeout(now) {
            Due::Nothing => {}
            Due::SendEchoRequest => self.send_echo_request(),
            Due::PeerIsSilent => self.terminate(now, CloseReason::PeerSilent),
        }
        self.settle(now);
    }

    /// When [`handle_timeout`](Self::handle_timeout) is wanted next.
    pub fn deadline(&self) -> Option<Instant> {
        [
            self.setup_deadline,
            self.ccp_due,
            self.lcp.deadline(),
            self.authenticator
                .as_ref()
                .and_then(Authenticator::deadline),
            self.peer.as_ref().and_then(Peer::deadline),
            self.ccp.as_ref().and_then(Negotiator::deadline),
            self.ipcp.as_ref().and_then(Negotiator::deadline),
            self.ipv6cp.as_ref().and_then(Negotiator::deadline),
            self.keepalive.deadline(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// The next thing to do; `None` until something happens again.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Whether [`poll_output`](Self::poll_output) has something.
    pub fn has_output(&self) -> bool {
        !self.outputs.is_empty()
    }

    /// Which phase the link is in.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// What the link has come to.
    pub fn summary(&self) -> Summary {
        Summary {
            peer_authentication: self.authenticator.as_ref().map(Authenticator::method),
            our_authentication: self.agreed.authenticate_us,
            peer_name: self
                .authenticator
                .as_ref()
                .map(|authenticator| authenticator.peer_name().to_vec())
                .unwrap_or_default(),
            encryption: self.encryption.ciphers(),
            mtu: self.mtu(),
            resets: self.resets(),
        }
    }

    /// Reset-Requests so far.
    pub fn resets(&self) -> Resets {
        self.encryption.resets()
    }

    /// The largest network-layer packet that can be sent, in octets: what the peer receives and
    /// what the path carries, less what encryption takes.
    pub fn mtu(&self) -> u16 {
        let mru = self.agreed.peer_mru.min(self.config.lcp.mru);
        match self.config.mppe.policy {
            EncryptionPolicy::Off => mru,
            EncryptionPolicy::Required | EncryptionPolicy::Optional => {
                mru.saturating_sub(MPPE_OVERHEAD)
            }
        }
    }

    fn send_echo_request(&mut self) {
        let identifier = self.lcp.identifier();
        let magic = Magic {
            magic: self.agreed.our_magic,
            data: Vec::new(),
        };
        self.send_lcp(&Packet {
            identifier,
            body: Body::EchoRequest(magic),
        });
    }

    fn send_lcp(&mut self, packet: &Packet<LcpOption>) {
        let mut octets = Vec::new();
        packet.encode(&mut octets);
        self.send(Protocol::LCP, &octets);
    }

    /// Sends a control packet; LCP's headers are never compressed (RFC 1661 §6.5, §6.6).
    fn send(&mut self, protocol: Protocol, octets: &[u8]) {
        let encapsulation = if protocol == Protocol::LCP {
            Encapsulation::PLAIN
        } else {
            self.agreed.send
        };
        let mut frame = encapsulation.header(protocol).as_ref().to_vec();
        frame.extend_from_slice(octets);
        self.outputs.push_back(Output::Frame(frame));
    }

    /// Ends the link for a reason of ours; the first reason stays.
    fn terminate(&mut self, now: Instant, reason: CloseReason) {
        if self.closing.is_some() || self.phase == Phase::Dead {
            return;
        }
        self.take_leave(reason.clone());
        self.lcp.close(now);
        if !self.lcp.is_terminating() && !self.lcp.has_signals() {
            self.finish(reason);
        }
    }

    /// Notes why the link ends, for its owner and for the peer; the first reason stays.
    fn take_leave(&mut self, reason: CloseReason) {
        if self.closing.is_none() {
            self.farewell = reason.to_string().into_bytes();
            self.closing = Some(reason);
        }
        self.phase = Phase::Terminate;
        self.setup_deadline = None;
    }

    /// The last word.
    fn finish(&mut self, reason: CloseReason) {
        if self.phase == Phase::Dead {
            return;
        }
        self.phase = Phase::Dead;
        self.lcp.lower_down();
        self.take_down();
        self.setup_deadline = None;
        self.outputs.push_back(Output::Closed(reason));
    }

    /// Takes down all that stands on LCP.
    fn take_down(&mut self) {
        self.announce_ipv4_down();
        self.announce_ipv6_down();
        self.ipcp = None;
        self.ipv6cp = None;
        self.ccp = None;
        self.waiting_ccp = None;
        self.ccp_due = None;
        self.encryption.stop();
        self.encryption.set_keys(None);
        if let Some(authenticator) = self.authenticator.take() {
            self.history = authenticator.history();
        }
        if let Some(peer) = self.peer.take() {
            self.credentials = Some(peer.into_config());
        }
        self.early.clear();
        self.keepalive.stop();
    }

    /// Carries the signals of all layers to the layers that they concern, until none is left.
    fn settle(&mut self, now: Instant) {
        while self.settle_lcp(now)
            || self.settle_authenticator(now)
            || self.settle_peer(now)
            || self.settle_ccp(now)
            || self.settle_ipcp(now)
            || self.settle_ipv6cp(now)
        {}
    }

    fn settle_lcp(&mut self, now: Instant) -> bool {
        let Some(signal) = self.lcp.poll_signal() else {
            return false;
        };
        match signal {
            Signal::Send(mut packet) => {
                if let Body::TerminateRequest(data) = &mut packet.body {
                    // LCP may end by itself, where its options cannot be agreed on.
                    self.take_leave(self.lcp_failure(self.lcp.finish()));
                    data.clone_from(&self.farewell);
                }
                self.send_lcp(&packet);
            }
            Signal::Acknowledge {
                identifier,
                options,
            } => {
                self.send_lcp(&Packet {
                    identifier,
                    body: Body::ConfigureAck(options),
                });
            }
            Signal::Up => self.on_lcp_up(now),
            Signal::Down => {
                self.take_down();
                if self.phase != Phase::Terminate {
                    self.phase = Phase::Establish;
                    // A peer that was never let in gets no more time by negotiating again.
                    self.setup_deadline
                        .get_or_insert(now + self.config.setup_time);
                }
            }
            Signal::PeerTerminates(data) => {
                let farewell = Farewell { data };
                self.closing
                    .get_or_insert(CloseReason::PeerTerminated(farewell));
                self.phase = Phase::Terminate;
                self.peer_left = true;
            }
            Signal::Finished(finish) => {
                let reason = self
                    .closing
                    .take()
                    .unwrap_or_else(|| self.lcp_failure(finish));
                self.finish(reason);
            }
        }
        // A peer that said goodbye and got its answer is gone; nothing is worth waiting for.
        if self.peer_left && !self.lcp.has_signals() {
            let reason = self.closing.take();
            self.finish(reason.unwrap_or(CloseReason::Requested));
        }
        true
    }

    fn lcp_failure(&self, finish: Finish) -> CloseReason {
        match (self.lcp.policy.obstacle, finish) {
            (Some(Obstacle::Loop), _) => CloseReason::Loop,
            (Some(Obstacle::Authentication), _) => CloseReason::AuthenticationProtocol,
            (None, Finish::NoAnswer) => CloseReason::NoAnswer,
            (None, Finish::Closed) => CloseReason::Requested,
            (None, Finish::NoAgreement | Finish::Rejected) => CloseReason::NoAgreement,
            (None, Finish::Terminated) => CloseReason::PeerTerminated(Farewell::default()),
        }
    }

    fn send_signal<O: adit_wire::cp::ConfigOption>(&mut self, signal: Signal<O>, of: Protocol) {
        let packet = match signal {
            Signal::Send(packet) => packet,
            Signal::Acknowledge {
                identifier,
                options,
            } => Packet {
                identifier,
                body: Body::ConfigureAck(options),
            },
            Signal::Up | Signal::Down | Signal::Finished(_) | Signal::PeerTerminates(_) => return,
        };
        let mut octets = Vec::new();
        packet.encode(&mut octets);
        self.send(of, &octets);
    }
}

/// A default that suits both ends.
impl LinkConfig {
    /// The defaults for `role`: MPPE with 128-bit stateless required, IPv6 on.
    pub fn new(role: Role) -> Self {
        Self {
            role,
            lcp: crate::LcpConfig::default(),
            mppe: crate::MppeConfig::default(),
            receiver: crate::mppe::ReceiverConfig::default(),
            ipv6: Some(adit_wire::ipv6cp::InterfaceId::ZERO),
            timers: crate::NegotiationTimers::default(),
            echo: EchoConfig::default(),
            setup_time: Duration::from_secs(90),
        }
    }
}
