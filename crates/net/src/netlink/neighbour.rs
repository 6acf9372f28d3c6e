//! Ethernet links and the neighbours on them.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkLayerType, LinkMessage};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::route::RouteProtocol;
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::{Mode, Netlink, NetlinkError};

/// An Ethernet address (IEEE 802 EUI-48).
pub type HardwareAddress = [u8; 6];

/// A link with Ethernet framing that is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EthernetLink {
    /// The address of this host on it.
    pub address: HardwareAddress,
    /// The longest IP packet in octets.
    pub mtu: u32,
}

/// A neighbour whose Ethernet address the kernel holds for usable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neighbour {
    /// Its Ethernet address.
    pub hardware: HardwareAddress,
    /// Whether nothing has confirmed the address for a while (`NUD_STALE`).
    pub stale: bool,
}

impl Netlink {
    /// The link with this index if it has Ethernet framing and is up.
    ///
    /// # Errors
    /// There is no such link ([`NetlinkError::is_absent`]).
    pub fn ethernet_link(&mut self, index: u32) -> Result<Option<EthernetLink>, NetlinkError> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        let answers = self
            .request(RouteNetlinkMessage::GetLink(message), Mode::Plain)
            .map_err(|source| NetlinkError::new(format!("find the link number {index}"), source))?;
        Ok(answers.into_iter().find_map(ethernet_link_of))
    }

    /// The IPv4 neighbours whose Ethernet address is usable, by link and address.
    ///
    /// # Errors
    /// The kernel refuses the list.
    pub fn neighbours(&mut self) -> Result<HashMap<(u32, Ipv4Addr), Neighbour>, NetlinkError> {
        let mut message = NeighbourMessage::default();
        message.header.family = AddressFamily::Inet;
        let answers = self
            .request(RouteNetlinkMessage::GetNeighbour(message), Mode::Dump)
            .map_err(|source| NetlinkError::new("list the neighbours", source))?;
        Ok(answers.into_iter().filter_map(neighbour_of).collect())
    }

    /// Tells the kernel that a neighbour is in use, as if a packet had been sent to it: a stale
    /// address is confirmed or looked up anew within seconds.
    ///
    /// # Errors
    /// No such link, or no permission.
    pub fn use_neighbour(&mut self, interface: u32, address: Ipv4Addr) -> Result<(), NetlinkError> {
        let mut message = NeighbourMessage::default();
        message.header.family = AddressFamily::Inet;
        message.header.ifindex = interface;
        message.header.flags = NeighbourFlags::Use;
        message
            .attributes
            .push(NeighbourAttribute::Destination(NeighbourAddress::Inet(
                address,
            )));
        self.change(
            RouteNetlinkMessage::NewNeighbour(message),
            Mode::Replace,
            || format!("confirm the neighbour {address} on link {interface}"),
        )
    }
}

/// Who has made an entry for another host, as the kernel keeps it (`rtm_protocol` of rtnetlink(7)); nobody else is
/// known to use this number.
const OWN_PROTOCOL: RouteProtocol = RouteProtocol::Other(0xAD);

impl Netlink {
    /// Has the kernel answer ARP requests for `address` on this link, while the host forwards packets and reaches
    /// the address through another link.
    ///
    /// # Errors
    /// No such link, or no permission.
    pub fn add_proxy(&mut self, interface: u32, address: Ipv4Addr) -> Result<(), NetlinkError> {
        let mut message = proxy_message(interface, address);
        message
            .attributes
            .push(NeighbourAttribute::Protocol(OWN_PROTOCOL));
        self.change(
            RouteNetlinkMessage::NewNeighbour(message),
            Mode::Replace,
            || format!("answer ARP requests for {address} on link {interface}"),
        )
    }

    /// Takes [`add_proxy`](Self::add_proxy) back.
    ///
    /// # Errors
    /// There is none such ([`NetlinkError::is_absent`]), or no permission.
    pub fn delete_proxy(&mut self, interface: u32, address: Ipv4Addr) -> Result<(), NetlinkError> {
        self.change(
            RouteNetlinkMessage::DelNeighbour(proxy_message(interface, address)),
            Mode::Plain,
            || format!("leave ARP requests for {address} on link {interface} alone"),
        )
    }

    /// What [`add_proxy`](Self::add_proxy) has made, in this process or another one: links and addresses.
    ///
    /// # Errors
    /// The kernel refuses the list.
    pub fn own_proxies(&mut self) -> Result<Vec<(u32, Ipv4Addr)>, NetlinkError> {
        let mut message = NeighbourMessage::default();
        message.header.family = AddressFamily::Inet;
        message.header.flags = NeighbourFlags::Proxy;
        let answers = self
            .request(RouteNetlinkMessage::GetNeighbour(message), Mode::Dump)
            .map_err(|source| NetlinkError::new("list what ARP is answered for", source))?;
        Ok(answers.into_iter().filter_map(own_proxy_of).collect())
    }
}

fn proxy_message(interface: u32, address: Ipv4Addr) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    message.header.family = AddressFamily::Inet;
    message.header.ifindex = interface;
    message.header.flags = NeighbourFlags::Proxy;
    message
        .attributes
        .push(NeighbourAttribute::Destination(NeighbourAddress::Inet(
            address,
        )));
    message
}

fn own_proxy_of(message: RouteNetlinkMessage) -> Option<(u32, Ipv4Addr)> {
    let RouteNetlinkMessage::NewNeighbour(message) = message else {
        return None;
    };
    let mut address = None;
    let mut own = false;
    for attribute in &message.attributes {
        match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Inet(v4)) => address = Some(*v4),
            NeighbourAttribute::Protocol(protocol) => own = *protocol == OWN_PROTOCOL,
            _ => {}
        }
    }
    let is_proxy = message.header.flags.contains(NeighbourFlags::Proxy);
    (own && is_proxy).then_some((message.header.ifindex, address?))
}

fn ethernet_link_of(message: RouteNetlinkMessage) -> Option<EthernetLink> {
    let RouteNetlinkMessage::NewLink(message) = message else {
        return None;
    };
    let header = &message.header;
    if header.link_layer_type != LinkLayerType::Ether || !header.flags.contains(LinkFlags::Up) {
        return None;
    }
    let mut address = None;
    let mut mtu = None;
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::Address(octets) => address = octets.as_slice().try_into().ok(),
            LinkAttribute::Mtu(octets) => mtu = Some(*octets),
            _ => {}
        }
    }
    Some(EthernetLink {
        address: address?,
        mtu: mtu?,
    })
}

fn neighbour_of(message: RouteNetlinkMessage) -> Option<((u32, Ipv4Addr), Neighbour)> {
    let RouteNetlinkMessage::NewNeighbour(message) = message else {
        return None;
    };
    let stale = match message.header.state {
        NeighbourState::Stale => true,
        NeighbourState::Reachable
        | NeighbourState::Delay
        | NeighbourState::Probe
        | NeighbourState::Permanent => false,
        _ => return None,
    };
    let mut address = None;
    let mut hardware = None;
    for attribute in &message.attributes {
        match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Inet(v4)) => address = Some(*v4),
            NeighbourAttribute::LinkLayerAddress(octets) => {
                hardware = octets.as_slice().try_into().ok();
            }
            _ => {}
        }
    }
    let neighbour = Neighbour {
        hardware: hardware?,
        stale,
    };
    Some(((message.header.ifindex, address?), neighbour))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

    fn neighbour(state: NeighbourState, hardware: &[u8]) -> Option<Neighbour> {
        let mut message = NeighbourMessage::default();
        message.header.ifindex = 3;
        message.header.state = state;
        message.attributes = vec![
            NeighbourAttribute::Destination(NeighbourAddress::Inet(ROUTER)),
            NeighbourAttribute::LinkLayerAddress(hardware.to_vec()),
        ];
        let (key, neighbour) = neighbour_of(RouteNetlinkMessage::NewNeighbour(message))?;
        assert_eq!(key, (3, ROUTER));
        Some(neighbour)
    }

    #[test]
    fn a_neighbour_is_usable_while_its_address_is_held_for_valid() {
        use NeighbourState::{
            Delay, Failed, Incomplete, Noarp, Permanent, Probe, Reachable, Stale,
        };
        let hardware = [2, 0, 0, 0, 0, 1];
        for state in [Reachable, Delay, Probe, Permanent, Stale] {
            let stale = state == Stale;
            let expected = Neighbour { hardware, stale };
            assert_eq!(neighbour(state, &hardware), Some(expected), "{state}");
        }
        for state in [Incomplete, Failed, Noarp, NeighbourState::None] {
            assert_eq!(neighbour(state, &hardware), None, "{state}");
        }
        assert_eq!(neighbour(Reachable, &[0; 4]), None);
    }
}
