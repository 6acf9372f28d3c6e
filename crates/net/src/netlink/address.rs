//! Addresses of links.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use netlink_packet_route::address::{
    AddressAttribute, AddressFlags, AddressHeaderFlags, AddressMessage, AddressScope,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::{Mode, Netlink, NetlinkError};

/// An address of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address {
    /// The index of the link.
    pub interface: u32,
    /// The address of this host.
    pub local: IpAddr,
    /// The address of the other end of a point-to-point link.
    pub peer: Option<IpAddr>,
    /// The length of the prefix that is on the link, counted on `peer` if there is one.
    pub prefix_length: u8,
}

impl Address {
    /// An address within a network: `192.0.2.1/24`.
    pub fn in_network(interface: u32, network: IpNet) -> Self {
        Self {
            interface,
            local: network.addr(),
            peer: None,
            prefix_length: network.prefix_len(),
        }
    }

    /// The two ends of a point-to-point link.
    pub fn point_to_point(interface: u32, local: IpAddr, peer: IpAddr) -> Self {
        Self {
            interface,
            local,
            peer: Some(peer),
            prefix_length: host_length(local),
        }
    }

    /// The network that the address puts on the link; none if the prefix length is out of range.
    pub fn network(&self) -> Option<IpNet> {
        IpNet::new(self.peer.unwrap_or(self.local), self.prefix_length)
            .ok()
            .map(|net| net.trunc())
    }

    fn message(&self) -> AddressMessage {
        let mut message = AddressMessage::default();
        message.header.family = family(self.local);
        message.header.prefix_len = self.prefix_length;
        message.header.index = self.interface;
        let link_local = matches!(self.local, IpAddr::V6(v6) if v6.is_unicast_link_local());
        if link_local {
            message.header.scope = AddressScope::Link;
        }
        message.attributes.push(AddressAttribute::Local(self.local));
        message
            .attributes
            .push(AddressAttribute::Address(self.peer.unwrap_or(self.local)));
        if self.local.is_ipv6() {
            // Duplicate detection would delay the address by a second on links that need none.
            message.header.flags = AddressHeaderFlags::Nodad;
            message
                .attributes
                .push(AddressAttribute::Flags(AddressFlags::Nodad));
        }
        message
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.peer {
            Some(peer) => write!(f, "{} peer {peer}/{}", self.local, self.prefix_length),
            None => write!(f, "{}/{}", self.local, self.prefix_length),
        }
    }
}

impl Netlink {
    /// Gives a link an address.
    ///
    /// # Errors
    /// The link has it already ([`NetlinkError::is_present`]), no such link, or no permission.
    pub fn add_address(&mut self, address: &Address) -> Result<(), NetlinkError> {
        self.change(
            RouteNetlinkMessage::NewAddress(address.message()),
            Mode::Create,
            || format!("add the address {address} to link {}", address.interface),
        )
    }

    /// Takes an address from a link.
    ///
    /// # Errors
    /// The link does not have it ([`NetlinkError::is_absent`]), or no permission.
    pub fn delete_address(&mut self, address: &Address) -> Result<(), NetlinkError> {
        self.change(
            RouteNetlinkMessage::DelAddress(address.message()),
            Mode::Plain,
            || format!("delete the address {address} of link {}", address.interface),
        )
    }

    /// The addresses of all links.
    ///
    /// # Errors
    /// The kernel refuses the list.
    pub fn addresses(&mut self) -> Result<Vec<Address>, NetlinkError> {
        let request = RouteNetlinkMessage::GetAddress(AddressMessage::default());
        let answers = self
            .request(request, Mode::Dump)
            .map_err(|source| NetlinkError::new("list the addresses", source))?;
        Ok(answers.into_iter().filter_map(address_of).collect())
    }
}

fn address_of(message: RouteNetlinkMessage) -> Option<Address> {
    let RouteNetlinkMessage::NewAddress(message) = message else {
        return None;
    };
    let (mut local, mut other) = (None, None);
    for attribute in message.attributes {
        match attribute {
            AddressAttribute::Local(address) => local = Some(address),
            AddressAttribute::Address(address) => other = Some(address),
            _ => {}
        }
    }
    let address = local.or(other)?;
    Some(Address {
        interface: message.header.index,
        local: address,
        peer: other.filter(|other| *other != address),
        prefix_length: message.header.prefix_len,
    })
}

pub(super) fn family(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}

/// The prefix length of a single address.
pub(super) fn host_length(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}
