//! Routes of the main table.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteProtocol, RouteScope,
    RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::address::{family, host_length};
use super::{Address, Mode, Netlink, NetlinkError};

/// A route to a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Where it leads; `0.0.0.0/0` is the default route.
    pub destination: IpNet,
    /// The index of the link that packets leave by.
    pub interface: u32,
    /// The next router; none if the destination is on the link.
    pub gateway: Option<IpAddr>,
    /// The source address that it prefers.
    pub source: Option<IpAddr>,
    /// Its priority, the lower the better; none for the kernel's default.
    pub metric: Option<u32>,
}

/// How packets to one address leave this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteTo {
    /// The index of the link.
    pub interface: u32,
    /// The next router; none if the destination is on the link.
    pub gateway: Option<IpAddr>,
    /// The source address that packets get.
    pub source: Option<IpAddr>,
}

/// A route as the kernel showed it, with what [`Route`] does not tell: who made it, its own MTU.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) route: Route,
    message: RouteMessage,
}

/// Something of this host that lies within a prefix, or the other way around.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlap {
    /// An address or the network that it puts on its link.
    Address(Address),
    /// A route other than a default route.
    Route(Route),
}

impl Route {
    /// A route straight to a link.
    pub fn on_link(destination: IpNet, interface: u32) -> Self {
        Self {
            destination,
            interface,
            gateway: None,
            source: None,
            metric: None,
        }
    }

    /// A route through a router.
    pub fn through(destination: IpNet, interface: u32, gateway: IpAddr) -> Self {
        Self {
            gateway: Some(gateway),
            ..Self::on_link(destination, interface)
        }
    }

    /// Whether two routes cannot stand side by side: same destination, same metric.
    fn displaces(&self, other: &Self) -> bool {
        self.destination.trunc() == other.destination.trunc()
            && self.effective_metric() == other.effective_metric()
    }

    fn effective_metric(&self) -> u32 {
        // An IPv6 route without a metric gets 1024 (IP6_RT_PRIO_USER).
        match (self.metric, self.destination) {
            (None | Some(0), IpNet::V6(_)) => 1024,
            (metric, _) => metric.unwrap_or(0),
        }
    }

    fn message(&self) -> RouteMessage {
        let destination = self.destination.trunc();
        let mut message = RouteMessage::default();
        message.header = RouteHeader {
            address_family: family(destination.addr()),
            destination_prefix_length: destination.prefix_len(),
            table: RouteHeader::RT_TABLE_MAIN,
            protocol: RouteProtocol::Static,
            scope: RouteScope::Universe,
            kind: RouteType::Unicast,
            ..RouteHeader::default()
        };
        if self.gateway.is_none() && destination.addr().is_ipv4() {
            message.header.scope = RouteScope::Link;
        }
        message
            .attributes
            .push(RouteAttribute::Destination(destination.addr().into()));
        message.attributes.push(RouteAttribute::Oif(self.interface));
        let gateway = self
            .gateway
            .map(|address| RouteAttribute::Gateway(address.into()));
        let source = self
            .source
            .map(|address| RouteAttribute::PrefSource(address.into()));
        let metric = self.metric.map(RouteAttribute::Priority);
        message
            .attributes
            .extend(gateway.into_iter().chain(source).chain(metric));
        message
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.destination)?;
        if let Some(gateway) = self.gateway {
            write!(f, " via {gateway}")?;
        }
        write!(f, " through link {}", self.interface)
    }
}

impl fmt::Display for Overlap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => {
                write!(f, "the address {address} of link {}", address.interface)
            }
            Self::Route(route) => write!(f, "the route to {route}"),
        }
    }
}

impl Netlink {
    /// Adds a route.
    ///
    /// # Errors
    /// One with the same destination and metric exists ([`NetlinkError::is_present`]), the gateway
    /// cannot be reached, the link is down, or no permission.
    pub fn add_route(&mut self, route: &Route) -> Result<(), NetlinkError> {
        self.change(
            RouteNetlinkMessage::NewRoute(route.message()),
            Mode::Create,
            || format!("add the route to {route}"),
        )
    }

    /// Adds a route, in place of one with the same destination and metric if there is one.
    ///
    /// # Errors
    /// The gateway cannot be reached, the link is down, or no permission.
    pub fn replace_route(&mut self, route: &Route) -> Result<(), NetlinkError> {
        self.change(
            RouteNetlinkMessage::NewRoute(route.message()),
            Mode::Replace,
            || format!("set the route to {route}"),
        )
    }

    /// Deletes a route.
    ///
    /// # Errors
    /// There is none such ([`NetlinkError::is_absent`]), or no permission.
    pub fn delete_route(&mut self, route: &Route) -> Result<(), NetlinkError> {
        let mut message = route.message();
        // Unspecified fields match any value, so that also a route that the kernel made matches.
        message.header.protocol = RouteProtocol::Unspec;
        message.header.scope = RouteScope::NoWhere;
        self.change(RouteNetlinkMessage::DelRoute(message), Mode::Plain, || {
            format!("delete the route to {route}")
        })
    }

    /// The unicast routes of the main table. A route with several next hops is left out.
    ///
    /// # Errors
    /// The kernel refuses the list.
    pub fn routes(&mut self) -> Result<Vec<Route>, NetlinkError> {
        let standing = self.standing()?.into_iter();
        Ok(standing.map(|standing| standing.route).collect())
    }

    /// The route that stands where `route` would.
    pub(crate) fn displaced(&mut self, route: &Route) -> Result<Option<Standing>, NetlinkError> {
        let mut standing = self.standing()?.into_iter();
        Ok(standing.find(|standing| standing.route.displaces(route)))
    }

    /// Puts a route back as it stood, in place of the one that displaced it.
    pub(crate) fn restore_route(&mut self, standing: &Standing) -> Result<(), NetlinkError> {
        let mut message = standing.message.clone();
        // The other flags and the cache are the kernel's own, which refuses some of them.
        message.header.flags &= RouteFlags::Onlink;
        message
            .attributes
            .retain(|attribute| !matches!(attribute, RouteAttribute::CacheInfo(_)));
        self.change(
            RouteNetlinkMessage::NewRoute(message),
            Mode::Replace,
            || format!("put back the route to {}", standing.route),
        )
    }

    fn standing(&mut self) -> Result<Vec<Standing>, NetlinkError> {
        let request = RouteNetlinkMessage::GetRoute(RouteMessage::default());
        let answers = self
            .request(request, Mode::Dump)
            .map_err(|source| NetlinkError::new("list the routes", source))?;
        Ok(answers.into_iter().filter_map(standing_of).collect())
    }

    /// How packets to `destination` leave this host.
    ///
    /// # Errors
    /// No route leads there ([`NetlinkError::is_unreachable`]).
    pub fn route_to(&mut self, destination: IpAddr) -> Result<RouteTo, NetlinkError> {
        let mut message = RouteMessage::default();
        message.header.address_family = family(destination);
        message.header.destination_prefix_length = host_length(destination);
        message
            .attributes
            .push(RouteAttribute::Destination(destination.into()));
        let failure = |source| NetlinkError::new(format!("find a route to {destination}"), source);
        self.request(RouteNetlinkMessage::GetRoute(message), Mode::Plain)
            .map_err(failure)?
            .into_iter()
            .find_map(route_to_of)
            .ok_or_else(|| failure(std::io::Error::from_raw_os_error(libc::ENETUNREACH)))
    }

    /// The addresses and routes of this host that share addresses with `prefix`. Default routes
    /// share addresses with everything and do not count.
    ///
    /// # Errors
    /// The kernel refuses a list.
    pub fn overlapping(&mut self, prefix: IpNet) -> Result<Vec<Overlap>, NetlinkError> {
        let shares = |net: IpNet| net.contains(&prefix) || prefix.contains(&net);
        let addresses = self.addresses()?.into_iter().filter(|address| {
            address.network().is_some_and(shares) || prefix.contains(&address.local)
        });
        let mut overlaps: Vec<_> = addresses.map(Overlap::Address).collect();
        let routes = self.routes()?.into_iter();
        let routes = routes.filter(|r| r.destination.prefix_len() > 0 && shares(r.destination));
        overlaps.extend(routes.map(Overlap::Route));
        Ok(overlaps)
    }
}

/// The attributes that matter here.
#[derive(Default)]
struct Attributes {
    destination: Option<IpAddr>,
    interface: Option<u32>,
    gateway: Option<IpAddr>,
    source: Option<IpAddr>,
    metric: Option<u32>,
    table: Option<u32>,
}

impl Attributes {
    fn of(attributes: &[RouteAttribute]) -> Self {
        let mut found = Self::default();
        for attribute in attributes {
            match attribute {
                RouteAttribute::Destination(address) => found.destination = ip(address),
                RouteAttribute::Gateway(address) => found.gateway = ip(address),
                RouteAttribute::PrefSource(address) => found.source = ip(address),
                RouteAttribute::Oif(index) => found.interface = Some(*index),
                RouteAttribute::Priority(metric) => found.metric = Some(*metric),
                RouteAttribute::Table(table) => found.table = Some(*table),
                _ => {}
            }
        }
        found
    }
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(v4) => Some((*v4).into()),
        RouteAddress::Inet6(v6) => Some((*v6).into()),
        _ => None,
    }
}

fn standing_of(message: RouteNetlinkMessage) -> Option<Standing> {
    let RouteNetlinkMessage::NewRoute(message) = message else {
        return None;
    };
    let route = route_of(&message)?;
    Some(Standing { route, message })
}

fn route_of(message: &RouteMessage) -> Option<Route> {
    let header = &message.header;
    let attributes = Attributes::of(&message.attributes);
    let table = attributes.table.unwrap_or(header.table.into());
    if header.kind != RouteType::Unicast || table != u32::from(RouteHeader::RT_TABLE_MAIN) {
        return None;
    }
    let any = match header.address_family {
        AddressFamily::Inet => IpAddr::from([0; 4]),
        AddressFamily::Inet6 => IpAddr::from([0; 16]),
        _ => return None,
    };
    let address = attributes.destination.unwrap_or(any);
    Some(Route {
        destination: IpNet::new(address, header.destination_prefix_length).ok()?,
        interface: attributes.interface?,
        gateway: attributes.gateway,
        source: attributes.source,
        metric: attributes.metric,
    })
}

fn route_to_of(message: RouteNetlinkMessage) -> Option<RouteTo> {
    let RouteNetlinkMessage::NewRoute(message) = message else {
        return None;
    };
    let attributes = Attributes::of(&message.attributes);
    Some(RouteTo {
        interface: attributes.interface?,
        gateway: attributes.gateway,
        source: attributes.source,
    })
}
