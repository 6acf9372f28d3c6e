//! The two hosts, and whether they are as they were.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use adit_net::namespace::{Host, Lab};
use adit_net::netlink::{Address, Link, Route};
use anyhow::{Context, ensure};
use ipnet::{IpNet, Ipv4Net};

/// Addresses outside the tunnel, of a network that documents use (RFC 5737).
pub(super) const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
pub(super) const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

/// The TUN interface, the first of its name on either host.
const INTERFACE: &str = "adit0";

/// A server's host and a client's, joined by a cable.
pub(super) struct Hosts {
    pub(super) server: Host,
    pub(super) client: Host,
    before: [State; 2],
    /// Ends all processes on the hosts when it is dropped.
    _lab: Lab,
}

impl Hosts {
    pub(super) fn make() -> anyhow::Result<Self> {
        let mut lab = Lab::new();
        let (server, client) = (lab.host("server")?, lab.host("client")?);
        let network = |address| IpNet::from(Ipv4Net::new_assert(address, 24));
        lab.connect((&server, network(SERVER)), (&client, network(CLIENT)))?;
        let before = [State::of(&server)?, State::of(&client)?];
        Ok(Self {
            server,
            client,
            before,
            _lab: lab,
        })
    }

    /// # Errors
    /// A host has other links, addresses or routes than at first.
    pub(super) fn check_unchanged(&self) -> anyhow::Result<()> {
        for (host, before) in [&self.server, &self.client].into_iter().zip(&self.before) {
            let now = State::of(host)?;
            ensure!(
                now == *before,
                "the {} is not as it was: before {before:?}, now {now:?}",
                host.name()
            );
        }
        Ok(())
    }
}

/// The TUN interface of a host and its IPv6 addresses.
pub(super) struct Tunnel {
    pub(super) link: Link,
    addresses: Vec<Ipv6Addr>,
}

impl Tunnel {
    pub(super) fn of(host: &Host) -> anyhow::Result<Self> {
        let mut netlink = host.netlink();
        let link = netlink.link_by_name(INTERFACE)?;
        let of_link = |address: Address| match address.local {
            IpAddr::V6(v6) if address.interface == link.index => Some(v6),
            IpAddr::V6(_) | IpAddr::V4(_) => None,
        };
        let addresses = netlink.addresses()?.into_iter().filter_map(of_link);
        Ok(Self {
            addresses: addresses.collect(),
            link,
        })
    }

    pub(super) fn link_local(&self) -> anyhow::Result<Ipv6Addr> {
        let mut addresses = self.addresses.iter();
        let found = addresses.find(|address| address.is_unicast_link_local());
        found
            .copied()
            .context("the tunnel has no link-local IPv6 address")
    }

    /// The address that is made of the advertised prefix.
    pub(super) fn global(&self) -> anyhow::Result<Ipv6Addr> {
        let mut addresses = self.addresses.iter();
        let found = addresses.find(|address| !address.is_unicast_link_local());
        found
            .copied()
            .context("the tunnel has no global IPv6 address")
    }
}

/// What may not change, which leaves out the link-local addresses that the kernel makes when it likes.
#[derive(Debug, PartialEq, Eq)]
struct State {
    links: Vec<Link>,
    addresses: Vec<Address>,
    routes: Vec<Route>,
}

impl State {
    fn of(host: &Host) -> anyhow::Result<Self> {
        let mut netlink = host.netlink();
        let mut addresses = netlink.addresses()?;
        addresses.retain(|address| address.network().is_none_or(|network| lasts(&network)));
        let mut routes = netlink.routes()?;
        routes.retain(|route| lasts(&route.destination));
        Ok(Self {
            links: netlink.links()?,
            addresses,
            routes,
        })
    }
}

fn lasts(network: &IpNet) -> bool {
    !matches!(network, IpNet::V6(v6) if v6.network().is_unicast_link_local())
}
