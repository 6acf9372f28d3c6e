use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use adit_net::host::{HostError, HostSetup};
use adit_net::netlink::{Address, Route};
use adit_net::sysctl;
use adit_net::tun::{self, Tun, TunOptions};
use adit_ppp::{Ipv4Network, Ipv6Network};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::config::{NetworkConfig, Routing};
use crate::error::ClientError;
use crate::warning::Warning;

/// The smallest MTU of a link with IPv6 (RFC 8200 §5).
const MINIMUM_MTU_OF_IPV6: u16 = 1280;

/// The tunnel's interface with its addresses and routes; taken back when dropped.
pub(crate) struct Tunnel {
    host: HostSetup,
    name: String,
    index: u32,
    server: Ipv4Addr,
    wishes: NetworkConfig,
    ipv4: Option<Ipv4Network>,
    ipv6: Option<Ipv6Network>,
    /// Our address, where this host speaks IPv6 too.
    link_local: Option<Ipv6Addr>,
}

impl Tunnel {
    /// Makes the interface, which is still down.
    pub(crate) fn open(
        wishes: &NetworkConfig,
        server: Ipv4Addr,
    ) -> Result<(Self, Tun), ClientError> {
        let host = HostSetup::new()?;
        let options = TunOptions {
            name: wishes.interface.clone(),
            queues: 1,
            offload: true,
        };
        let tun = options.open()?;
        let tunnel = Self {
            host,
            name: tun.name().to_owned(),
            index: tun.index(),
            server,
            wishes: wishes.clone(),
            ipv4: None,
            ipv6: None,
            link_local: None,
        };
        Ok((tunnel, tun))
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The link-local address, where there is one.
    pub(crate) fn link_local(&self) -> Option<Ipv6Addr> {
        self.link_local
    }

    /// IPv4 packets pass: sets the address and the routes.
    pub(crate) fn ipv4_up(
        &mut self,
        network: Ipv4Network,
        mtu: u16,
    ) -> Result<Vec<Warning>, ClientError> {
        if !self.is_usable(network.local) {
            return Err(ClientError::Address(network.local));
        }
        let mut warnings = Vec::new();
        let mut network = network;
        if network.peer == Some(self.server) {
            network.peer = None;
            warnings.push(Warning::PeerIsServer(self.server));
        }
        if self.ipv4.is_some_and(|before| before != network) {
            self.start_over();
        }
        self.ipv4 = Some(network);
        warnings.extend(self.configure(mtu)?);
        Ok(warnings)
    }

    /// IPv6 packets pass: sets the link-local address and the routes. The kernel makes the other
    /// addresses from the server's advertisements.
    pub(crate) fn ipv6_up(
        &mut self,
        network: Ipv6Network,
        mtu: u16,
    ) -> Result<Vec<Warning>, ClientError> {
        if self.ipv6.is_some_and(|before| before != network) {
            self.start_over();
        }
        self.ipv6 = Some(network);
        self.configure(mtu)
    }

    /// What goes past the tunnel though it should not, where the tunnel has no IPv6.
    pub(crate) fn without_ipv6(&mut self) -> Vec<Warning> {
        if self.link_local.is_some() {
            return Vec::new();
        }
        let wanted = self.wishes.routes.iter();
        let mut warnings: Vec<Warning> = wanted
            .filter(|route| matches!(route, IpNet::V6(_)))
            .map(|route| Warning::NoIpv6(*route))
            .collect();
        if self.wishes.routing == Routing::Everything && self.has_ipv6_elsewhere() {
            warnings.push(Warning::Ipv6Outside);
        }
        warnings
    }

    /// Takes everything back and tells what could not be.
    pub(crate) fn undo(&mut self) -> Vec<Warning> {
        let failures = self.host.undo().into_iter();
        failures
            .map(|error| Warning::NotUndone(chain(&error)))
            .collect()
    }

    /// The link came up anew with other addresses.
    fn start_over(&mut self) {
        for warning in self.undo() {
            tracing::debug!("{warning}");
        }
        self.link_local = None;
    }

    /// What is there already is left alone, so this may be done again.
    fn configure(&mut self, mtu: u16) -> Result<Vec<Warning>, ClientError> {
        let mut warnings = Vec::new();
        self.prepare_ipv6();
        self.host.set_mtu(self.index, u32::from(mtu))?;
        self.host.set_queue_length(self.index, tun::QUEUE_LENGTH)?;
        self.host.bring_up(self.index)?;
        if let Some(network) = self.ipv4 {
            self.configure_ipv4(network)?;
        }
        if let Some(network) = self.ipv6 {
            if mtu < MINIMUM_MTU_OF_IPV6 {
                warnings.push(Warning::TooNarrowForIpv6(mtu));
            } else if self.speaks_ipv6() {
                self.configure_ipv6(network)?;
            }
        }
        Ok(warnings)
    }

    /// Has an effect only before the interface comes up. The parameters are read-only in many
    /// containers, where IPv6 works with the kernel's own choices.
    fn prepare_ipv6(&mut self) {
        for (parameter, value) in IPV6_PARAMETERS {
            let name = parameter_of(&self.name, parameter);
            if let Err(error) = self.host.set_sysctl(&name, value) {
                tracing::debug!("{error}");
            }
        }
    }

    fn configure_ipv4(&mut self, network: Ipv4Network) -> Result<(), HostError> {
        let local = IpAddr::V4(network.local);
        let address = match network.peer {
            Some(peer) => Address::point_to_point(self.index, local, peer.into()),
            None => Address::in_network(self.index, IpNet::from(local)),
        };
        self.host.add_address(&address)?;
        let routes = self.routes(HALVES_OF_IPV4.map(IpNet::V4), |route| {
            matches!(route, IpNet::V4(_))
        });
        let server = IpAddr::V4(self.server);
        if routes.iter().any(|route| route.contains(&server)) {
            self.keep_way_to_server()?;
        }
        for route in routes {
            self.host
                .add_route(&Route::on_link(route.trunc(), self.index))?;
        }
        Ok(())
    }

    fn configure_ipv6(&mut self, network: Ipv6Network) -> Result<(), HostError> {
        let link_local = network.local.link_local();
        let address = Address {
            interface: self.index,
            local: link_local.into(),
            peer: None,
            prefix_length: 64,
        };
        self.host.add_address(&address)?;
        self.link_local = Some(link_local);
        let routes = self.routes(HALVES_OF_IPV6.map(IpNet::V6), |route| {
            matches!(route, IpNet::V6(_))
        });
        for route in routes {
            self.host
                .add_route(&Route::on_link(route.trunc(), self.index))?;
        }
        Ok(())
    }

    /// The routes of one address family. Two halves stand for everything: they go before the default
    /// route without touching it, and disappear with the interface even where this process is
    /// killed.
    fn routes(&self, halves: [IpNet; 2], of_family: impl Fn(&IpNet) -> bool) -> Vec<IpNet> {
        let mut routes: Vec<IpNet> = match self.wishes.routing {
            Routing::Everything => halves.to_vec(),
            Routing::Routes => Vec::new(),
        };
        for route in self.wishes.routes.iter().filter(|route| of_family(route)) {
            if route.prefix_len() == 0 {
                routes.extend(halves);
            } else {
                routes.push(*route);
            }
        }
        routes
    }

    /// The server stays where it is while routes that lead into the tunnel come to contain it.
    fn keep_way_to_server(&mut self) -> Result<(), HostError> {
        let server = IpAddr::V4(self.server);
        let own = self.host.netlink().addresses()?;
        if self.server.is_loopback() || own.iter().any(|address| address.local == server) {
            // Packets to an address of this host never ask for a route.
            return Ok(());
        }
        let way = self.host.netlink().route_to(server)?;
        let route = Route {
            destination: IpNet::from(server),
            interface: way.interface,
            gateway: way.gateway,
            source: None,
            metric: None,
        };
        self.host.add_route(&route)
    }

    fn is_usable(&self, local: Ipv4Addr) -> bool {
        !(local.is_unspecified()
            || local.is_loopback()
            || local.is_multicast()
            || local.is_broadcast()
            || local == self.server)
    }

    fn speaks_ipv6(&self) -> bool {
        sysctl::read(&parameter_of(&self.name, "disable_ipv6")).is_ok_and(|value| value == "0")
    }

    fn has_ipv6_elsewhere(&mut self) -> bool {
        let routes = self.host.netlink().routes().unwrap_or_default();
        routes
            .iter()
            .any(|route| matches!(route.destination, IpNet::V6(net) if net.prefix_len() == 0))
    }
}

/// The route to the server's own address among those that are to go through the tunnel.
pub(crate) fn route_to_server(routes: &[IpNet], server: Ipv4Addr) -> Option<IpNet> {
    let only_server = IpNet::from(IpAddr::V4(server));
    routes.iter().copied().find(|route| *route == only_server)
}

/// An error with what caused it.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    words
}

/// The kernel makes no link-local address of its own, takes router advertisements also where it
/// forwards packets, makes addresses of them with the identifier that IPV6CP agreed on, and leaves
/// the default route alone.
const IPV6_PARAMETERS: [(&str, &str); 4] = [
    ("addr_gen_mode", "1"),
    ("accept_ra", "2"),
    ("autoconf", "1"),
    ("accept_ra_defrtr", "0"),
];

fn parameter_of(interface: &str, parameter: &str) -> String {
    // A dot within a name is written as a slash.
    format!("net.ipv6.conf.{}.{parameter}", interface.replace('.', "/"))
}

const HALVES_OF_IPV4: [Ipv4Net; 2] = [
    Ipv4Net::new_assert(Ipv4Addr::new(0, 0, 0, 0), 1),
    Ipv4Net::new_assert(Ipv4Addr::new(128, 0, 0, 0), 1),
];

const HALVES_OF_IPV6: [Ipv6Net; 2] = [
    Ipv6Net::new_assert(Ipv6Addr::new(0, 0, 0, 0, 0, 0, 0, 0), 1),
    Ipv6Net::new_assert(Ipv6Addr::new(0x8000, 0, 0, 0, 0, 0, 0, 0), 1),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_server_s_own_address_is_no_route() {
        let server = Ipv4Addr::new(192, 0, 2, 1);
        let routes = |text: &[&str]| -> Vec<IpNet> {
            text.iter().map(|route| route.parse().unwrap()).collect()
        };
        let wide = routes(&["192.0.2.0/24", "0.0.0.0/0", "2001:db8::/32"]);
        assert_eq!(route_to_server(&wide, server), None);
        let own = routes(&["10.0.0.0/8", "192.0.2.1/32"]);
        assert_eq!(route_to_server(&own, server), Some(own[1]));
    }

    #[test]
    fn a_dot_in_a_name_is_no_separator() {
        assert_eq!(
            parameter_of("vpn.1", "accept_ra"),
            "net.ipv6.conf.vpn/1.accept_ra"
        );
    }
}
