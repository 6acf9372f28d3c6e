//! Next hops.

use std::net::Ipv4Addr;

use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteMessage, RouteMetric, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::{Mode, Netlink, NetlinkError};

/// Where packets from one address of this host to another host are handed to a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextHop {
    /// The index of the link.
    pub interface: u32,
    /// The router, or the destination itself where it is on the link.
    pub address: Ipv4Addr,
    /// The longest packet in octets that the route allows, where it has a limit of its own.
    pub mtu: Option<u32>,
}

impl Netlink {
    /// The next hop of packets from `source`, an address of this host, to `destination`; none where
    /// the kernel does more with them than handing them to a neighbour on a link: local,
    /// broadcast and multicast destinations, encapsulating routes, IPv6 gateways.
    ///
    /// # Errors
    /// No route leads there ([`NetlinkError::is_unreachable`]), or `source` is not an address of this
    /// host.
    pub fn next_hop(
        &mut self,
        source: Ipv4Addr,
        destination: Ipv4Addr,
    ) -> Result<Option<NextHop>, NetlinkError> {
        let mut message = RouteMessage::default();
        message.header.address_family = AddressFamily::Inet;
        message.header.destination_prefix_length = 32;
        message.header.source_prefix_length = 32;
        let attributes = &mut message.attributes;
        attributes.push(RouteAttribute::Destination(RouteAddress::Inet(destination)));
        attributes.push(RouteAttribute::Source(RouteAddress::Inet(source)));
        let answers = self
            .request(RouteNetlinkMessage::GetRoute(message), Mode::Plain)
            .map_err(|error| {
                let operation = format!("find a route from {source} to {destination}");
                NetlinkError::new(operation, error)
            })?;
        Ok(answers
            .into_iter()
            .find_map(|answer| next_hop_of(answer, destination)))
    }
}

fn next_hop_of(message: RouteNetlinkMessage, destination: Ipv4Addr) -> Option<NextHop> {
    let RouteNetlinkMessage::NewRoute(message) = message else {
        return None;
    };
    if message.header.kind != RouteType::Unicast {
        return None;
    }
    let mut interface = None;
    let mut address = destination;
    let mut mtu = None;
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Oif(index) => interface = Some(*index),
            RouteAttribute::Gateway(RouteAddress::Inet(router)) => address = *router,
            RouteAttribute::Metrics(metrics) => mtu = mtu_of(metrics),
            RouteAttribute::Gateway(_)
            | RouteAttribute::Via(_)
            | RouteAttribute::MultiPath(_)
            | RouteAttribute::EncapType(_)
            | RouteAttribute::Encap(_) => return None,
            _ => {}
        }
    }
    Some(NextHop {
        interface: interface?,
        address,
        mtu,
    })
}

fn mtu_of(metrics: &[RouteMetric]) -> Option<u32> {
    metrics.iter().find_map(|metric| match metric {
        RouteMetric::Mtu(octets) => Some(*octets),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use netlink_packet_route::route::{RouteLwEnCapType, RouteVia};
    use std::net::Ipv6Addr;

    use super::*;

    const DESTINATION: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
    const ROUTER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

    fn hop(kind: RouteType, attributes: &[RouteAttribute]) -> Option<NextHop> {
        let mut message = RouteMessage::default();
        message.header.kind = kind;
        message.attributes = vec![RouteAttribute::Oif(3)];
        message.attributes.extend_from_slice(attributes);
        next_hop_of(RouteNetlinkMessage::NewRoute(message), DESTINATION)
    }

    #[test]
    fn the_next_hop_is_the_router_or_the_destination() {
        let expected = NextHop {
            interface: 3,
            address: DESTINATION,
            mtu: None,
        };
        assert_eq!(hop(RouteType::Unicast, &[]), Some(expected));
        let routed = [
            RouteAttribute::Gateway(RouteAddress::Inet(ROUTER)),
            RouteAttribute::Metrics(vec![RouteMetric::Window(7), RouteMetric::Mtu(1300)]),
        ];
        let expected = NextHop {
            address: ROUTER,
            mtu: Some(1300),
            ..expected
        };
        assert_eq!(hop(RouteType::Unicast, &routed), Some(expected));
    }

    #[test]
    fn routes_that_do_more_than_lead_to_a_neighbour_have_none() {
        for kind in [RouteType::Local, RouteType::Broadcast, RouteType::Multicast] {
            assert_eq!(hop(kind, &[]), None, "{kind:?}");
        }
        for attribute in [
            RouteAttribute::Gateway(RouteAddress::Inet6(Ipv6Addr::LOCALHOST)),
            RouteAttribute::Via(RouteVia::Inet6(Ipv6Addr::LOCALHOST)),
            RouteAttribute::MultiPath(Vec::new()),
            RouteAttribute::EncapType(RouteLwEnCapType::Mpls),
            RouteAttribute::Encap(Vec::new()),
        ] {
            let found = hop(RouteType::Unicast, std::slice::from_ref(&attribute));
            assert_eq!(found, None, "{attribute:?}");
        }
    }
}
