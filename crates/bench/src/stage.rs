//! Two hosts, and how they reach each other.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use adit_net::namespace::{Host, Lab};
use adit_net::netlink::{Address, Link};
use anyhow::Context;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::cpu::CpuTime;
use crate::interface::Counters;
use crate::program::Program;

/// Addresses outside of the tunnels, of networks that documents use (RFC 5737, RFC 3849).
pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
pub(crate) const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const SERVER_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const CLIENT_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);

/// A version of IP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum IpVersion {
    /// IPv4.
    #[serde(rename = "4")]
    V4,
    /// IPv6.
    #[serde(rename = "6")]
    V6,
}

/// One end of the path that is measured.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) host: Host,
    /// The interface at the cable.
    pub(crate) cable: String,
    /// Where the path that is measured begins: the cable too, or a tunnel's interface.
    pub(crate) path: Attachment,
}

/// An interface and its addresses, which the other end reaches.
#[derive(Debug, Clone)]
pub(crate) struct Attachment {
    pub(crate) interface: String,
    pub(crate) v4: Ipv4Addr,
    pub(crate) v6: Ipv6Addr,
}

impl End {
    /// Its address on the path, with the port 0.
    pub(crate) fn address(&self, version: IpVersion) -> SocketAddr {
        let address = match version {
            IpVersion::V4 => IpAddr::from(self.path.v4),
            IpVersion::V6 => IpAddr::from(self.path.v6),
        };
        SocketAddr::new(address, 0)
    }

    /// What the interface at the cable has carried.
    pub(crate) fn cable_counters(&self) -> anyhow::Result<Counters> {
        Counters::of(&self.host, &self.cable)
    }

    /// What the interface of the path has carried.
    pub(crate) fn path_counters(&self) -> anyhow::Result<Counters> {
        Counters::of(&self.host, &self.path.interface)
    }

    /// Gives an interface of this host addresses in their networks and makes it the path.
    pub(crate) fn configure(
        &mut self,
        path: Attachment,
        (v4_length, v6_length): (u8, u8),
    ) -> anyhow::Result<()> {
        let networks = [
            IpNet::new(path.v4.into(), v4_length)?,
            IpNet::new(path.v6.into(), v6_length)?,
        ];
        let mut netlink = self.host.netlink();
        let index = netlink.link_by_name(&path.interface)?.index;
        netlink.set_up(index)?;
        for network in networks {
            netlink.add_address(&Address::in_network(index, network))?;
        }
        drop(netlink);
        self.path = path;
        Ok(())
    }

    fn at_cable(host: Host, link: Link, (v4, v6): (Ipv4Addr, Ipv6Addr)) -> anyhow::Result<Self> {
        let address = Address::in_network(link.index, Ipv6Net::new_assert(v6, 64).into());
        host.netlink().add_address(&address)?;
        let path = Attachment {
            interface: link.name.clone(),
            v4,
            v6,
        };
        Ok(Self {
            host,
            cable: link.name,
            path,
        })
    }
}

/// Two hosts that are joined by a cable, and the path between them that is measured: the cable, or a tunnel.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) server: End,
    pub(crate) client: End,
    /// The two ends of a tunnel; none for the cable.
    pub(crate) programs: Vec<Program>,
    directory: TempDir,
    /// Ends all processes on the hosts when it is dropped.
    _lab: Lab,
}

impl Stage {
    /// The path is the cable.
    pub(crate) fn cable() -> anyhow::Result<Self> {
        let mut lab = Lab::new();
        let (server, client) = (lab.host("server")?, lab.host("client")?);
        for host in [&server, &client] {
            // An address serves at once, without a search for others that have it.
            host.set_sysctl("net.ipv6.conf.default.accept_dad", "0")?;
        }
        let network = |address| IpNet::from(Ipv4Net::new_assert(address, 24));
        let cable = lab.connect((&server, network(SERVER)), (&client, network(CLIENT)))?;
        Ok(Self {
            server: End::at_cable(server, cable.left, (SERVER, SERVER_V6))?,
            client: End::at_cable(client, cable.right, (CLIENT, CLIENT_V6))?,
            programs: Vec::new(),
            directory: tempfile::tempdir().context("cannot make a directory for files")?,
            _lab: lab,
        })
    }

    /// Where the ends of the tunnel have their files.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Processor time that the ends of the tunnel have used.
    pub(crate) fn tunnel_time(&self) -> anyhow::Result<CpuTime> {
        let times = self.programs.iter().map(|it| CpuTime::of_process(it.pid()));
        times.sum()
    }

    /// The longest packet that the path takes, in octets.
    pub(crate) fn mtu(&self) -> anyhow::Result<u32> {
        let mut netlink = self.client.host.netlink();
        Ok(netlink.link_by_name(&self.client.path.interface)?.mtu)
    }
}
