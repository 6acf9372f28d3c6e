use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use adit_ip::ndp::{PrefixInformation, RouterAdvertisement, router_solicitation};
use adit_ppp::Ipv6Network;
use ipnet::Ipv6Net;

/// What a call's peer is told of IPv6 beyond its link-local address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouterConfig {
    /// The prefix of 64 bits that its addresses are made of.
    pub prefix: Ipv6Net,
    /// DNS servers.
    pub dns_servers: Vec<Ipv6Addr>,
}

/// All nodes of a link (RFC 4291 §2.7.1).
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// Between two advertisements that nobody asked for (RFC 4861 §6.2.1 has at most 30 minutes).
const INTERVAL: Duration = Duration::from_secs(600);

/// Three intervals, as RFC 4861 §6.2.1 has it.
const ROUTER_LIFETIME: u16 = 1800;

/// The default lifetimes of RFC 4861 §6.2.1, in seconds.
const VALID: u32 = 2_592_000;
const PREFERRED: u32 = 604_800;

const HOP_LIMIT: u8 = 64;

/// The advertising of one call.
#[derive(Debug, Default)]
pub(crate) struct Advertiser {
    config: Option<RouterConfig>,
    network: Option<Ipv6Network>,
    /// The next one that nobody asked for.
    next: Option<Instant>,
    /// Since when somebody waits for an answer, and where it goes.
    asked: Option<(Instant, Ipv6Addr)>,
}

impl Advertiser {
    pub(crate) fn configure(&mut self, config: Option<RouterConfig>) {
        self.config = config;
    }

    pub(crate) fn prefix(&self) -> Option<Ipv6Net> {
        self.config.as_ref().map(|config| config.prefix)
    }

    /// IPv6 came up: the first advertisement is due at once.
    pub(crate) fn start(&mut self, now: Instant, network: Ipv6Network) {
        self.network = Some(network);
        self.next = self.config.is_some().then_some(now);
    }

    pub(crate) fn stop(&mut self) {
        self.network = None;
        self.next = None;
        self.asked = None;
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        let asked = self.asked.map(|(since, _)| since);
        asked.into_iter().chain(self.next).min()
    }

    /// An advertisement that is due, for a link of this MTU.
    pub(crate) fn poll(&mut self, now: Instant, mtu: u16) -> Option<Vec<u8>> {
        if let Some((_, to)) = self.asked.take() {
            return self.packet(to, mtu);
        }
        if self.next.is_none_or(|next| now < next) {
            return None;
        }
        self.next = Some(now + INTERVAL);
        self.packet(ALL_NODES, mtu)
    }

    /// Takes a solicitation of the peer; `false` where the packet is none. The answer is due at once, and
    /// one answers all that come until then.
    pub(crate) fn take_solicitation(&mut self, now: Instant, packet: &[u8]) -> bool {
        if self.config.is_none() || self.network.is_none() {
            return false;
        }
        let Some(solicitor) = router_solicitation(packet) else {
            return false;
        };
        let (since, to) = match self.asked {
            None if !solicitor.is_unspecified() => (now, solicitor),
            Some((since, to)) if to == solicitor => (since, to),
            asked => (asked.map_or(now, |(since, _)| since), ALL_NODES),
        };
        self.asked = Some((since, to));
        true
    }

    fn packet(&self, destination: Ipv6Addr, mtu: u16) -> Option<Vec<u8>> {
        let (config, network) = (self.config.as_ref()?, self.network?);
        RouterAdvertisement {
            source: network.local.link_local(),
            destination,
            hop_limit: HOP_LIMIT,
            router_lifetime: ROUTER_LIFETIME,
            prefixes: vec![PrefixInformation {
                prefix: config.prefix.network(),
                length: config.prefix.prefix_len(),
                valid_lifetime: VALID,
                preferred_lifetime: PREFERRED,
            }],
            dns_servers: config.dns_servers.clone(),
            dns_lifetime: u32::from(ROUTER_LIFETIME),
            mtu: Some(u32::from(mtu)),
        }
        .to_packet()
    }
}
