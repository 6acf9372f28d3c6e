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
    next: Option<Instant>,
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
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.next
    }

    /// The advertisement that is due, for a link of this MTU.
    pub(crate) fn poll(&mut self, now: Instant, mtu: u16) -> Option<Vec<u8>> {
        if self.next.is_none_or(|next| now < next) {
            return None;
        }
        self.next = Some(now + INTERVAL);
        self.packet(ALL_NODES, mtu)
    }

    /// The answer to a solicitation of the peer; `None` where the packet is none.
    pub(crate) fn answer(&self, packet: &[u8], mtu: u16) -> Option<Vec<u8>> {
        let solicitor = router_solicitation(packet)?;
        let to = if solicitor.is_unspecified() {
            ALL_NODES
        } else {
            solicitor
        };
        self.packet(to, mtu)
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
