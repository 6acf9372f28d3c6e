use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use adit_crypto::rc4::Rc4;
use adit_ip::{fragment, icmp, mss};
use adit_ppp::link::{Discard, IpVersion, Link, Opened, SealError};
use adit_ppp::{Ipv4Network, Ipv6Network};
use adit_pptp::session::Payload;
use adit_pptp::{CallHandle, Session};
use adit_wire::frame::Described;
use adit_wire::ppp::{Encapsulation, Protocol};
use ipnet::{IpNet, Ipv6Net};
use tracing::{Span, debug, trace};

use crate::advertise::Advertiser;
use crate::burst::{Burst, Placed, Slot};
use crate::config::SourceCheck;
use crate::endpoint::Sink;
use crate::event::{CallEnd, CallKey, CallReport, ConnectionId, Path};
use crate::opening::Accepted;
use crate::rate::Buckets;
use crate::router::{is_link_local, upper_half};
use crate::tap::{Place, Seen, Sender, Taps};
use crate::timers::Armed;

/// Said of a packet that was dropped for it.
const RATE_LIMIT: &str = "the call has a rate limit";

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
    /// Packets in either direction dropped because the call has a rate limit.
    pub rate_limited: u64,
}

impl CallCounters {
    /// Counts what another call has counted as well.
    pub fn add(&mut self, other: &Self) {
        for (sum, count) in [
            (&mut self.received_packets, other.received_packets),
            (&mut self.received_octets, other.received_octets),
            (&mut self.sent_packets, other.sent_packets),
            (&mut self.sent_octets, other.sent_octets),
            (&mut self.malformed, other.malformed),
            (&mut self.unexpected, other.unexpected),
            (&mut self.clear_text, other.clear_text),
            (&mut self.undecryptable, other.undecryptable),
            (&mut self.foreign_source, other.foreign_source),
            (&mut self.too_big, other.too_big),
            (&mut self.not_up, other.not_up),
            (&mut self.rate_limited, other.rate_limited),
        ] {
            *sum += count;
        }
    }

    /// All counters by name, in the order of the fields.
    pub fn counters(&self) -> impl Iterator<Item = (&'static str, u64)> {
        [
            ("received_packets", self.received_packets),
            ("received_octets", self.received_octets),
            ("sent_packets", self.sent_packets),
            ("sent_octets", self.sent_octets),
            ("malformed", self.malformed),
            ("unexpected", self.unexpected),
            ("clear_text", self.clear_text),
            ("undecryptable", self.undecryptable),
            ("foreign_source", self.foreign_source),
            ("too_big", self.too_big),
            ("not_up", self.not_up),
            ("rate_limited", self.rate_limited),
        ]
        .into_iter()
    }
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
    /// What lies behind the peer; each is routed while its version of IP is up.
    pub(crate) networks: Box<[IpNet]>,
    /// Why the link closed, once it has.
    pub(crate) ending: Option<CallEnd>,
    pub(crate) counters: CallCounters,
    /// The rate limits, if it has any.
    pub(crate) buckets: Option<Box<Buckets>>,
    /// Those who look on.
    pub(crate) taps: Taps,
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

    /// When what received packets bring about is due.
    pub(crate) fn reaction_deadline(&self) -> Option<Instant> {
        let deadlines = [self.session.deadline(), self.advertiser.deadline()];
        deadlines.into_iter().flatten().min()
    }

    /// Where those who look on see it.
    pub(crate) const fn place(&self) -> Place {
        Place {
            connection: self.connection,
            call: Some(self.key),
        }
    }

    pub(crate) fn report(&self) -> CallReport {
        CallReport {
            link: self.link.summary(),
            session: *self.session.stats(),
            packets: self.counters,
        }
    }

    /// The session, and where the frames that it delivers go.
    fn parts<'p>(&mut self, policy: DataPolicy) -> (&mut Session, Inner<'_, 'p>) {
        let inner = Inner {
            place: self.place(),
            key: self.key,
            taps: &self.taps,
            link: &mut self.link,
            ipv4: self.ipv4,
            ipv6: self.ipv6,
            prefix: self.prefix,
            networks: &self.networks,
            advertiser: &mut self.advertiser,
            span: &self.span,
            counters: &mut self.counters,
            buckets: self.buckets.as_deref_mut(),
            policy,
            accepted: None,
        };
        (&mut self.session, inner)
    }

    /// A GRE packet from the peer. Gives the inner packet that it has brought, unless that was
    /// delivered together with others that had waited for it.
    pub(crate) fn receive<'p>(
        &mut self,
        now: Instant,
        packet: &'p mut [u8],
        policy: DataPolicy,
        cipher: &mut Rc4,
        sink: &mut impl Sink,
    ) -> Option<Accepted<'p>> {
        let in_order = !self.session.is_holding();
        let (session, mut inner) = self.parts(policy);
        let result = session.receive(now, packet, |payload| match payload {
            Payload::Received(frame) if in_order => {
                inner.accepted = inner.open(now, frame, cipher);
            }
            Payload::Received(frame) => inner.frame(now, frame, cipher, sink),
            Payload::Held(frame) => inner.frame(now, frame, cipher, sink),
        });
        let accepted = inner.accepted;
        if let Err(discard) = result {
            trace!(parent: &self.span, %discard, "dropped a GRE packet");
            if !self.taps.is_empty() {
                let seen = Seen::Dropped(Sender::Peer, &discard);
                self.taps.see(self.place(), seen);
            }
        }
        accepted
    }

    /// An inner packet that was accepted and is decrypted now.
    pub(crate) fn deliver(
        &mut self,
        now: Instant,
        packet: Accepted<'_>,
        policy: DataPolicy,
        sink: &mut impl Sink,
    ) {
        let (_, mut inner) = self.parts(policy);
        inner.deliver(now, packet, sink);
    }

    /// What is due: held packets, acknowledgments, the link's timers, advertisements.
    pub(crate) fn handle_timeout(
        &mut self,
        now: Instant,
        policy: DataPolicy,
        cipher: &mut Rc4,
        sink: &mut impl Sink,
    ) {
        let (session, mut inner) = self.parts(policy);
        session.handle_timeout(now, |frame| inner.frame(now, frame, cipher, sink));
        self.link.handle_timeout(now);
        while let Some(advertisement) = self.advertiser.poll(now, self.link.mtu()) {
            self.send_copy(now, &advertisement, sink);
        }
        self.acknowledge(now, sink);
    }

    /// Sends an acknowledgment that can wait no longer.
    fn acknowledge(&mut self, now: Instant, sink: &mut impl Sink) {
        if let Some(header) = self.session.poll_transmit(now) {
            sink.burst().push(self.path, header.encode().as_octets());
        }
    }

    /// The inner packet for the peer that is in the next place of the burst.
    pub(crate) fn transmit(
        &mut self,
        now: Instant,
        length: usize,
        policy: DataPolicy,
        sink: &mut impl Sink,
    ) {
        let burst = sink.burst();
        if policy.clamp_mss
            && let Some(packet) = burst.room().get_mut(..length)
        {
            mss::clamp(packet, self.link.mtu());
        }
        if let Some(SealError::TooBig { mtu }) = self.send(now, length, burst)
            && let Some(packet) = sink.burst().room().get(..length)
        {
            let packet = packet.to_vec();
            self.too_big(now, &packet, mtu, sink);
        }
    }

    /// A packet that is longer than any link carries.
    pub(crate) fn transmit_long(&mut self, now: Instant, packet: &[u8], sink: &mut impl Sink) {
        match IpVersion::of(packet) {
            Some(version) if self.link.is_up(version) => {
                self.counters.too_big += 1;
                self.too_big(now, packet, self.link.mtu(), sink);
            }
            Some(_) => self.counters.not_up += 1,
            None => {}
        }
    }

    /// Sends a packet of our own.
    fn send_copy(&mut self, now: Instant, packet: &[u8], sink: &mut impl Sink) {
        let burst = sink.burst();
        if let Some(room) = burst.room().get_mut(..packet.len()) {
            room.copy_from_slice(packet);
            self.send(now, packet.len(), burst);
        }
    }

    /// Seals the inner packet in the next place of the burst, which takes it in.
    fn send(&mut self, now: Instant, length: usize, burst: &mut Burst) -> Option<SealError> {
        let mut slot = burst.slot(length)?;
        let version = IpVersion::of(slot.packet())?;
        let buckets = self.buckets.as_deref_mut();
        if let Some(bucket) = buckets.and_then(|it| it.to_peer.as_mut())
            && !bucket.admit(now, length)
        {
            self.counters.rate_limited += 1;
            if !self.taps.is_empty() {
                let seen = Seen::Dropped(Sender::Us, &RATE_LIMIT);
                self.taps.see(self.place(), seen);
            }
            return None;
        }
        if !self.taps.is_empty() {
            let seen = Seen::Packet(Sender::Us, slot.packet());
            self.taps.see(self.place(), seen);
        }
        match self
            .link
            .seal_in_place(version, slot.octets, Slot::START, slot.cipher)
        {
            Ok(sealed) => {
                self.counters.sent_packets += 1;
                self.counters.sent_octets += length as u64;
                let end = slot.octets.len();
                let payload = u16::try_from(end - sealed.start).unwrap_or(u16::MAX);
                let header = self.session.header(now, payload).encode();
                let start = slot.put_before(sealed.start, header.as_octets());
                burst.commit(Placed {
                    path: self.path,
                    start,
                    end,
                    clear_from: sealed.clear_from,
                });
                None
            }
            Err(error) => {
                match error {
                    SealError::TooBig { .. } => self.counters.too_big += 1,
                    _ => self.counters.not_up += 1,
                }
                if !self.taps.is_empty() {
                    let seen = Seen::Dropped(Sender::Us, &error);
                    self.taps.see(self.place(), seen);
                }
                Some(error)
            }
        }
    }

    /// A packet that is longer than the link carries: in fragments where its sender allows it, else
    /// the sender is told.
    fn too_big(&mut self, now: Instant, packet: &[u8], mtu: u16, sink: &mut impl Sink) {
        let mut scratch = Vec::new();
        let split = fragment::split(packet, mtu, &mut scratch, |piece| {
            self.send_copy(now, piece, sink);
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
struct Inner<'a, 'p> {
    key: CallKey,
    place: Place,
    taps: &'a Taps,
    link: &'a mut Link,
    ipv4: Option<Ipv4Network>,
    ipv6: Option<Ipv6Network>,
    prefix: Option<Ipv6Net>,
    networks: &'a [IpNet],
    advertiser: &'a mut Advertiser,
    span: &'a Span,
    counters: &'a mut CallCounters,
    buckets: Option<&'a mut Buckets>,
    policy: DataPolicy,
    /// The packet that can be decrypted together with others.
    accepted: Option<Accepted<'p>>,
}

impl Inner<'_, '_> {
    /// A frame by itself.
    fn frame(&mut self, now: Instant, frame: &mut [u8], cipher: &mut Rc4, sink: &mut impl Sink) {
        if let Some(mut packet) = self.open(now, frame, cipher) {
            packet.complete(cipher);
            self.deliver(now, packet, sink);
        }
    }

    /// Has the link look at a frame, and gives the inner packet if it is one.
    fn open<'f>(
        &mut self,
        now: Instant,
        frame: &'f mut [u8],
        cipher: &mut Rc4,
    ) -> Option<Accepted<'f>> {
        let _entered = is_control(frame).then(|| {
            let entered = self.span.enter();
            debug!("received {}", Described(frame));
            self.show(|| Seen::Frame(Sender::Peer, frame));
            entered
        });
        match self.link.open_frame(now, frame, cipher) {
            // The frame before this one may have brought the network up, but the owner is told of
            // that only once all of them are through.
            Ok(Opened::Packet(packet)) if !self.is_announced(packet.version) => {
                self.count(Discard::Unexpected);
                None
            }
            // Whoever gets it goes by its first four bits.
            Ok(Opened::Packet(packet)) if IpVersion::of(packet.octets) != Some(packet.version) => {
                self.counters.malformed += 1;
                None
            }
            Ok(Opened::Packet(packet)) => Some(Accepted::new(self.key, packet)),
            Ok(Opened::Control) => None,
            Err(discard) => {
                self.count(discard);
                None
            }
        }
    }

    /// An inner packet on its way to the network.
    fn deliver(&mut self, now: Instant, accepted: Accepted<'_>, sink: &mut impl Sink) {
        let packet = accepted.octets;
        if !self.is_announced(accepted.version) {
            return self.count(Discard::Unexpected);
        }
        // The answer takes a sequence number, and so its turn after what the link has to say already.
        if self.advertiser.take_solicitation(now, packet) {
            return;
        }
        if self.policy.source_check == SourceCheck::Assigned && !self.is_own(packet) {
            self.counters.foreign_source += 1;
            self.show(|| Seen::Dropped(Sender::Peer, &"its source is not the peer's address"));
            return;
        }
        let buckets = self.buckets.as_deref_mut();
        if let Some(bucket) = buckets.and_then(|it| it.from_peer.as_mut())
            && !bucket.admit(now, packet.len())
        {
            self.counters.rate_limited += 1;
            self.show(|| Seen::Dropped(Sender::Peer, &RATE_LIMIT));
            return;
        }
        if self.policy.clamp_mss {
            mss::clamp(packet, self.link.mtu());
        }
        self.show(|| Seen::Packet(Sender::Peer, packet));
        self.counters.received_packets += 1;
        self.counters.received_octets += packet.len() as u64;
        sink.network(self.key, packet);
    }

    /// Shows something to those who look on, if anybody does.
    fn show<'s>(&self, seen: impl FnOnce() -> Seen<'s>) {
        if !self.taps.is_empty() {
            self.taps.see(self.place, seen());
        }
    }

    /// Whether the owner knows that packets of this version pass.
    fn is_announced(&self, version: IpVersion) -> bool {
        match version {
            IpVersion::V4 => self.ipv4.is_some(),
            IpVersion::V6 => self.ipv6.is_some(),
        }
    }

    fn is_own(&self, packet: &[u8]) -> bool {
        let Some(source) = adit_ip::header::source(packet) else {
            return false;
        };
        let is_peer = match source {
            IpAddr::V4(source) => self.is_own_v4(source),
            IpAddr::V6(source) => {
                let link_local = self
                    .ipv6
                    .is_some_and(|network| network.peer.link_local() == source);
                let in_prefix = self.prefix.is_some_and(|prefix| {
                    upper_half(prefix.network()) == upper_half(source) && !is_link_local(source)
                });
                link_local || in_prefix
            }
        };
        is_peer
            || self
                .networks
                .iter()
                .any(|network| network.contains(&source))
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
        self.show(|| Seen::Dropped(Sender::Peer, &discard));
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
