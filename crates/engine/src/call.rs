use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use adit_ip::{fragment, icmp, mss};
use adit_ppp::link::{Discard, IpVersion, Link, Received, SealError};
use adit_ppp::{Ipv4Network, Ipv6Network};
use adit_pptp::{CallHandle, Session};
use adit_wire::frame::Described;
use adit_wire::gre::MAX_HEADER_LENGTH;
use adit_wire::ppp::{Encapsulation, Protocol};
use ipnet::Ipv6Net;
use tracing::{Span, debug, trace};

use crate::advertise::Advertiser;
use crate::config::SourceCheck;
use crate::endpoint::Sink;
use crate::event::{CallEnd, CallKey, CallReport, ConnectionId, Path};
use crate::router::{is_link_local, upper_half};
use crate::timers::Armed;

/// Counters of a call's inner packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CallCounters {
    /// Inner packets from the peer.
    pub received_packets: u64,
    /// Their octets.
    pub received_octets: u64,
    /// Inner packets to the peer.
    pub sent_packets: u64,
    /// Their octets.
    pub sent_octets: u64,
    /// Frames dropped because their fields do not have their form.
    pub malformed: u64,
    /// Frames dropped because they had no place in the link's phase.
    pub unexpected: u64,
    /// Packets dropped because they came in the clear.
    pub clear_text: u64,
    /// Packets dropped because they could not be decrypted.
    pub undecryptable: u64,
    /// Packets dropped because their source is not the peer's.
    pub foreign_source: u64,
    /// Packets to the peer that were too big, refused or sent in fragments.
    pub too_big: u64,
    /// Packets to the peer dropped because the link was not up.
    pub not_up: u64,
}

/// One call: its GRE session, its PPP link and what passes through them.
pub(crate) struct Call {
    pub(crate) key: CallKey,
    pub(crate) connection: ConnectionId,
    pub(crate) handle: CallHandle,
    pub(crate) session: Session,
    pub(crate) link: Link,
    pub(crate) path: Path,
    pub(crate) armed: Armed,
    pub(crate) span: Span,
    pub(crate) advertiser: Advertiser,
    pub(crate) ipv4: Option<Ipv4Network>,
    pub(crate) ipv6: Option<Ipv6Network>,
    /// The prefix that leads to the peer, while IPv6 is up.
    pub(crate) prefix: Option<Ipv6Net>,
    /// Why the link closed, once it has.
    pub(crate) ending: Option<CallEnd>,
    pub(crate) counters: CallCounters,
}

/// What the data path needs to know of the endpoint.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DataPolicy {
    pub(crate) clamp_mss: bool,
    pub(crate) source_check: SourceCheck,
}

impl Call {
    pub(crate) fn deadline(&self) -> Option<Instant> {
        [
            self.session.deadline(),
            self.link.deadline(),
            self.advertiser.deadline(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    pub(crate) fn report(&self) -> CallReport {
        CallReport {
            link: self.link.summary(),
            session: *self.session.stats(),
            packets: self.counters,
        }
    }

    /// The session, and where the frames that it delivers go.
    fn parts(&mut self, policy: DataPolicy) -> (&mut Session, Inner<'_>) {
        let inner = Inner {
            key: self.key,
            link: &mut self.link,
            ipv4: self.ipv4,
            ipv6: self.ipv6,
            prefix: self.prefix,
            advertiser: &self.advertiser,
            span: &self.span,
            counters: &mut self.counters,
            policy,
            reply: None,
        };
        (&mut self.session, inner)
    }

    /// A GRE packet from the peer.
    pub(crate) fn receive(
        &mut self,
        now: Instant,
        packet: &mut [u8],
        policy: DataPolicy,
        sink: &mut impl Sink,
    ) {
        let (session, mut inner) = self.parts(policy);
        let result = session.receive(now, packet, |frame| inner.frame(now, frame, sink));
        let reply = inner.reply.take();
        if let Err(discard) = result {
            trace!(parent: &self.span, %discard, "dropped a GRE packet");
        }
        if let Some(advertisement) = reply {
            self.send(now, &advertisement, &mut Vec::new(), sink);
        }
    }

    /// What is due: held packets, acknowledgments, the link's timers, advertisements.
    pub(crate) fn handle_timeout(
        &mut self,
        now: Instant,
        policy: DataPolicy,
        sink: &mut impl Sink,
    ) {
        let (session, mut inner) = self.parts(policy);
        session.handle_timeout(now, |frame| inner.frame(now, frame, sink));
        let reply = inner.reply.take();
        self.link.handle_timeout(now);
        let unasked = self.advertiser.poll(now, self.link.mtu());
        for advertisement in reply.into_iter().chain(unasked) {
            self.send(now, &advertisement, &mut Vec::new(), sink);
        }
        self.acknowledge(now, sink);
    }

    /// Sends an acknowledgment that can wait no longer.
    pub(crate) fn acknowledge(&mut self, now: Instant, sink: &mut impl Sink) {
        if let Some(header) = self.session.poll_transmit(now) {
            sink.gre(&self.path, header.encode().as_octets());
        }
    }

    /// An inner packet for the peer; `out` is room that is used again.
    pub(crate) fn transmit(
        &mut self,
        now: Instant,
        packet: &mut [u8],
        policy: DataPolicy,
        out: &mut Vec<u8>,
        sink: &mut impl Sink,
    ) {
        if policy.clamp_mss {
            mss::clamp(packet, self.link.mtu());
        }
        if let Some(SealError::TooBig { mtu }) = self.send(now, packet, out, sink) {
            self.too_big(now, packet, mtu, out, sink);
        }
    }

    fn send(
        &mut self,
        now: Instant,
        packet: &[u8],
        out: &mut Vec<u8>,
        sink: &mut impl Sink,
    ) -> Option<SealError> {
        let version = IpVersion::of(packet)?;
        out.clear();
        out.resize(MAX_HEADER_LENGTH, 0);
        match self.link.seal(version, packet, out) {
            Ok(()) => {
                self.counters.sent_packets += 1;
                self.counters.sent_octets += packet.len() as u64;
                self.emit(now, out, sink);
                None
            }
            Err(error @ SealError::TooBig { .. }) => {
                self.counters.too_big += 1;
                Some(error)
            }
            Err(error) => {
                self.counters.not_up += 1;
                Some(error)
            }
        }
    }

    /// Puts the GRE header in front of the frame that begins behind its room in `out`.
    pub(crate) fn emit(&mut self, now: Instant, out: &mut [u8], sink: &mut impl Sink) {
        let Ok(length) = u16::try_from(out.len() - MAX_HEADER_LENGTH) else {
            return;
        };
        let header = self.session.header(now, length).encode();
        let header = header.as_octets();
        let start = MAX_HEADER_LENGTH - header.len();
        out[start..MAX_HEADER_LENGTH].copy_from_slice(header);
        sink.gre(&self.path, &out[start..]);
    }

    /// A packet that is longer than the link carries: in fragments where its sender allows it, else
    /// the sender is told.
    fn too_big(
        &mut self,
        now: Instant,
        packet: &mut [u8],
        mtu: u16,
        out: &mut Vec<u8>,
        sink: &mut impl Sink,
    ) {
        let mut scratch = Vec::new();
        let split = fragment::split(packet, mtu, &mut scratch, |piece| {
            self.send(now, piece, out, sink);
        });
        if split.is_ok() {
            return;
        }
        // An address of this host would be refused as a martian, and a link-local one not forwarded.
        let from = adit_ip::header::destination(packet);
        if let Some(mut answer) = from.and_then(|from| icmp::too_big(packet, mtu, from)) {
            sink.network(self.key, &mut answer);
        }
    }
}

/// The parts of a call that frames from the session go to.
struct Inner<'a> {
    key: CallKey,
    link: &'a mut Link,
    ipv4: Option<Ipv4Network>,
    ipv6: Option<Ipv6Network>,
    prefix: Option<Ipv6Net>,
    advertiser: &'a Advertiser,
    span: &'a Span,
    counters: &'a mut CallCounters,
    policy: DataPolicy,
    /// An advertisement that the peer asked for.
    reply: Option<Vec<u8>>,
}

impl Inner<'_> {
    fn frame(&mut self, now: Instant, frame: &mut [u8], sink: &mut impl Sink) {
        let _entered = is_control(frame).then(|| {
            let entered = self.span.enter();
            debug!("received {}", Described(frame));
            entered
        });
        let mtu = self.link.mtu();
        let packet = match self.link.receive(now, frame) {
            // The frame before this one may have brought the network up, but the owner is told of
            // that only once all of them are through.
            Ok(Received::Packet(version, _)) if !self.is_announced(version) => {
                return self.count(Discard::Unexpected);
            }
            // Whoever gets it goes by its first four bits.
            Ok(Received::Packet(version, packet)) if IpVersion::of(packet) != Some(version) => {
                self.counters.malformed += 1;
                return;
            }
            Ok(Received::Packet(_, packet)) => packet,
            Ok(Received::Control) => return,
            Err(discard) => return self.count(discard),
        };
        if let Some(answer) = self.advertiser.answer(packet, mtu) {
            self.reply = Some(answer);
            return;
        }
        if self.policy.source_check == SourceCheck::Assigned && !self.is_own(packet) {
            self.counters.foreign_source += 1;
            return;
        }
        if self.policy.clamp_mss {
            mss::clamp(packet, mtu);
        }
        self.counters.received_packets += 1;
        self.counters.received_octets += packet.len() as u64;
        sink.network(self.key, packet);
    }

    /// Whether the owner knows that packets of this version pass.
    fn is_announced(&self, version: IpVersion) -> bool {
        match version {
            IpVersion::V4 => self.ipv4.is_some(),
            IpVersion::V6 => self.ipv6.is_some(),
        }
    }

    fn is_own(&self, packet: &[u8]) -> bool {
        match adit_ip::header::source(packet) {
            Some(IpAddr::V4(source)) => self.is_own_v4(source),
            Some(IpAddr::V6(source)) => {
                let link_local = self
                    .ipv6
                    .is_some_and(|network| network.peer.link_local() == source);
                let in_prefix = self.prefix.is_some_and(|prefix| {
                    upper_half(prefix.network()) == upper_half(source) && !is_link_local(source)
                });
                link_local || in_prefix
            }
            None => false,
        }
    }

    fn is_own_v4(&self, source: Ipv4Addr) -> bool {
        self.ipv4
            .is_some_and(|network| network.peer == Some(source))
    }

    fn count(&mut self, discard: Discard) {
        let counter = match discard {
            Discard::Malformed(_) => &mut self.counters.malformed,
            Discard::Unexpected | Discard::UnknownProtocol => &mut self.counters.unexpected,
            Discard::ClearText => &mut self.counters.clear_text,
            Discard::Undecryptable(_) => &mut self.counters.undecryptable,
        };
        *counter += 1;
        trace!(parent: self.span, %discard, "dropped a frame");
    }
}

/// Whether a frame is worth a line in a log: everything but network-layer packets.
pub(crate) fn is_control(frame: &[u8]) -> bool {
    match Encapsulation::split(frame) {
        Ok((_, protocol, _)) => {
            !protocol.is_network_layer() && protocol != Protocol::COMPRESSED_DATAGRAM
        }
        Err(_) => true,
    }
}
