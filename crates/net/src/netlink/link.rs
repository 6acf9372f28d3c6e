//! Links.

use std::os::fd::{AsRawFd, BorrowedFd};

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};

use super::{Mode, Netlink, NetlinkError};

/// A link as the kernel shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its index in the network namespace.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// The longest IP packet in octets.
    pub mtu: u32,
    /// Packets that may wait until the link takes them.
    pub queue_length: u32,
    /// Whether it is administratively up.
    pub up: bool,
}

impl Netlink {
    /// The link with this name.
    ///
    /// # Errors
    /// There is none ([`NetlinkError::is_absent`]).
    pub fn link_by_name(&mut self, name: &str) -> Result<Link, NetlinkError> {
        let mut message = LinkMessage::default();
        message
            .attributes
            .push(LinkAttribute::IfName(name.to_owned()));
        self.find_link(message, name)
    }

    /// The link with this index.
    ///
    /// # Errors
    /// There is none ([`NetlinkError::is_absent`]).
    pub fn link(&mut self, index: u32) -> Result<Link, NetlinkError> {
        self.find_link(about(index), &format!("number {index}"))
    }

    fn find_link(&mut self, message: LinkMessage, object: &str) -> Result<Link, NetlinkError> {
        let operation = || format!("find the link {object}");
        self.request(RouteNetlinkMessage::GetLink(message), Mode::Plain)
            .map_err(|source| NetlinkError::new(operation(), source))?
            .into_iter()
            .find_map(link_of)
            .ok_or_else(|| {
                NetlinkError::new(operation(), std::io::Error::from_raw_os_error(libc::ENODEV))
            })
    }

    /// All links of the network namespace.
    ///
    /// # Errors
    /// The kernel refuses the list.
    pub fn links(&mut self) -> Result<Vec<Link>, NetlinkError> {
        let request = RouteNetlinkMessage::GetLink(LinkMessage::default());
        let answers = self
            .request(request, Mode::Dump)
            .map_err(|source| NetlinkError::new("list the links", source))?;
        Ok(answers.into_iter().filter_map(link_of).collect())
    }

    /// Brings a link up.
    ///
    /// # Errors
    /// No such link, or no permission.
    pub fn set_up(&mut self, index: u32) -> Result<(), NetlinkError> {
        let mut message = about(index);
        message.header.flags = LinkFlags::Up;
        message.header.change_mask = LinkFlags::Up;
        self.change(RouteNetlinkMessage::SetLink(message), Mode::Plain, || {
            format!("bring link {index} up")
        })
    }

    /// Brings a link down; its routes disappear.
    ///
    /// # Errors
    /// No such link, or no permission.
    pub fn set_down(&mut self, index: u32) -> Result<(), NetlinkError> {
        let mut message = about(index);
        message.header.change_mask = LinkFlags::Up;
        self.change(RouteNetlinkMessage::SetLink(message), Mode::Plain, || {
            format!("bring link {index} down")
        })
    }

    /// Sets the longest IP packet of a link, in octets.
    ///
    /// # Errors
    /// No such link, an MTU that it cannot have, or no permission.
    pub fn set_mtu(&mut self, index: u32, mtu: u32) -> Result<(), NetlinkError> {
        let mut message = about(index);
        message.attributes.push(LinkAttribute::Mtu(mtu));
        self.change(RouteNetlinkMessage::SetLink(message), Mode::Plain, || {
            format!("set the MTU of link {index} to {mtu}")
        })
    }

    /// Sets how many packets may wait at a link until it takes them.
    ///
    /// # Errors
    /// No such link, or no permission.
    pub fn set_queue_length(&mut self, index: u32, packets: u32) -> Result<(), NetlinkError> {
        let mut message = about(index);
        message.attributes.push(LinkAttribute::TxQueueLen(packets));
        self.change(RouteNetlinkMessage::SetLink(message), Mode::Plain, || {
            format!("let {packets} packets wait at link {index}")
        })
    }

    /// Creates two virtual Ethernet links joined by a cable, both in this network namespace.
    ///
    /// # Errors
    /// A name is taken, the kernel has no veth driver, or no permission.
    pub fn create_veth(&mut self, left: &str, right: &str) -> Result<(), NetlinkError> {
        self.create_cable(left, right, None)
    }

    /// Creates two virtual Ethernet links joined by a cable: `left` in this network namespace,
    /// `right` in the one behind a descriptor.
    ///
    /// # Errors
    /// A name is taken, the kernel has no veth driver, or no permission on either side.
    pub fn create_veth_across(
        &mut self,
        left: &str,
        right: &str,
        namespace: BorrowedFd<'_>,
    ) -> Result<(), NetlinkError> {
        self.create_cable(
            left,
            right,
            Some(LinkAttribute::NetNsFd(namespace.as_raw_fd())),
        )
    }

    fn create_cable(
        &mut self,
        left: &str,
        right: &str,
        right_namespace: Option<LinkAttribute>,
    ) -> Result<(), NetlinkError> {
        let mut peer = LinkMessage::default();
        peer.attributes
            .push(LinkAttribute::IfName(right.to_owned()));
        peer.attributes.extend(right_namespace);
        let mut message = LinkMessage::default();
        message
            .attributes
            .push(LinkAttribute::IfName(left.to_owned()));
        message.attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Veth),
            LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
        ]));
        self.change(RouteNetlinkMessage::NewLink(message), Mode::Create, || {
            format!("create the virtual cable {left} - {right}")
        })
    }

    /// Moves a link to the network namespace behind a descriptor (`/proc/<pid>/ns/net`). It arrives
    /// down, with another index, without addresses.
    ///
    /// # Errors
    /// No such link, its name is taken there, or no permission on either side.
    pub fn move_to_namespace(
        &mut self,
        index: u32,
        namespace: BorrowedFd<'_>,
    ) -> Result<(), NetlinkError> {
        self.move_link(index, LinkAttribute::NetNsFd(namespace.as_raw_fd()))
    }

    /// Moves a link to the network namespace of a process, as
    /// [`move_to_namespace`](Self::move_to_namespace) does.
    ///
    /// # Errors
    /// No such link or process, its name is taken there, or no permission on either side.
    pub fn move_to_namespace_of(&mut self, index: u32, pid: u32) -> Result<(), NetlinkError> {
        self.move_link(index, LinkAttribute::NetNsPid(pid))
    }

    fn move_link(&mut self, index: u32, to: LinkAttribute) -> Result<(), NetlinkError> {
        let mut message = about(index);
        message.attributes.push(to);
        self.change(RouteNetlinkMessage::SetLink(message), Mode::Plain, || {
            format!("move link {index} to another network namespace")
        })
    }

    /// Deletes a link with its addresses and routes, and the other end of a virtual cable.
    ///
    /// # Errors
    /// No such link, one that cannot be deleted, or no permission.
    pub fn delete_link(&mut self, index: u32) -> Result<(), NetlinkError> {
        self.change(
            RouteNetlinkMessage::DelLink(about(index)),
            Mode::Plain,
            || format!("delete link {index}"),
        )
    }
}

fn about(index: u32) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message
}

fn link_of(message: RouteNetlinkMessage) -> Option<Link> {
    let RouteNetlinkMessage::NewLink(message) = message else {
        return None;
    };
    let mut link = Link {
        index: message.header.index,
        name: String::new(),
        mtu: 0,
        queue_length: 0,
        up: message.header.flags.contains(LinkFlags::Up),
    };
    for attribute in message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name = name,
            LinkAttribute::Mtu(mtu) => link.mtu = mtu,
            LinkAttribute::TxQueueLen(packets) => link.queue_length = packets,
            _ => {}
        }
    }
    Some(link)
}
