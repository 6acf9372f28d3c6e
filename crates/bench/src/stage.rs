//! Two hosts, and how they reach each other.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use adit_net::namespace::{Host, Lab};
use adit_net::netlink::Address;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::cpu::CpuTime;
use crate::program::Program;

/// Addresses outside of the tunnels, of networks that documents use (RFC 5737, RFC 3849).
pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
pub(crate) const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const SERVER_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const CLIENT_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);

/// One end of the path that is measured.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) host: Host,
    /// The interface of the path.
    pub(crate) interface: String,
    /// Its addresses, which the other end reaches.
    pub(crate) v4: Ipv4Addr,
    pub(crate) v6: Ipv6Addr,
}

/// A version of IP.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub enum IpVersion {
    /// IPv4.
    #[serde(rename = "4")]
    V4,
    /// IPv6.
    #[serde(rename = "6")]
    V6,
}

impl End {
    pub(crate) fn address(&self, version: IpVersion) -> IpAddr {
        match version {
            IpVersion::V4 => self.v4.into(),
            IpVersion::V6 => self.v6.into(),
        }
    }
}

/// Two hosts that are joined by a cable, and the path between them that is measured: the cable, or a tunnel.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) server: End,
    pub(crate) client: End,
    /// The two ends of a tunnel; none for the cable.
    pub(crate) programs: Vec<Program>,
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
        let end = |host: Host, link: adit_net::netlink::Link, v4, v6| {
            let address = Address::in_network(link.index, Ipv6Net::new_assert(v6, 64).into());
            host.netlink().add_address(&address)?;
            anyhow::Ok(End {
                host,
                interface: link.name,
                v4,
                v6,
            })
        };
        Ok(Self {
            server: end(server, cable.left, SERVER, SERVER_V6)?,
            client: end(client, cable.right, CLIENT, CLIENT_V6)?,
            programs: Vec::new(),
            _lab: lab,
        })
    }

    /// Processor time that the ends of the tunnel have used.
    pub(crate) fn tunnel_time(&self) -> anyhow::Result<CpuTime> {
        let times = self.programs.iter().map(|it| CpuTime::of_process(it.pid()));
        times.sum()
    }
}
