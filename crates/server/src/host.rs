//! The server's changes to its host: the TUN device, its addresses, forwarding and masquerading.

mod advice;
mod journal;
mod masquerade;
mod proxy_arp;

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;

use adit_net::host::{HostError, HostSetup};
use adit_net::netlink::{Address, Overlap, Route};
use adit_net::tun::{self, OffloadSupport, Tun, TunError, TunOptions};
use ipnet::{IpNet, Ipv4Net};

pub use advice::advice;
use journal::Journal;
use masquerade::Masquerade;
pub(crate) use proxy_arp::ProxyArp;

use crate::config::Config;
use crate::firewall::Firewall;

/// Why the host cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// No TUN device.
    #[error(transparent)]
    Tun(#[from] TunError),
    /// An address, a route or a setting was refused.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The pool's addresses are in use elsewhere on the host.
    #[error(
        "the pool {pool} overlaps {other}; choose another with --pool, under [network] or [[pools]]"
    )]
    Overlap {
        /// The pool.
        pool: Ipv4Net,
        /// What is there.
        other: String,
    },
    /// nftables cannot be used.
    #[error("cannot masquerade: `nft` {problem}; install nftables or set masquerade = false")]
    Masquerade {
        /// What it said.
        problem: String,
    },
    /// nftables cannot be used.
    #[error(
        "cannot make sets of addresses: `nft` {problem}; install nftables or leave the section [firewall] out"
    )]
    Firewall {
        /// What it said.
        problem: String,
    },
    /// What is changed on the host cannot be written down for a successor.
    #[error("cannot write beside the control socket {}: {source}", path.display())]
    Journal {
        /// The control socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// What was changed; undone when dropped.
pub(crate) struct Host {
    masquerade: Option<Masquerade>,
    setup: HostSetup,
    /// What the above have changed; the last to go.
    journal: Journal,
}

impl Host {
    /// Makes the TUN device, with so many queues, with the server's address and the way to the pool.
    pub(crate) fn set_up(
        config: &Config,
        mtu: u16,
        queues: usize,
    ) -> Result<(Self, Tun), SetupError> {
        let network = &config.network;
        let unwritten = |source| SetupError::Journal {
            path: config.control_socket.clone(),
            source,
        };
        let mut journal = Journal::begin(&config.control_socket).map_err(unwritten)?;
        let mut setup = HostSetup::new()?;
        refuse_overlap(&mut setup, network.pool, network.proxy_arp)?;
        let options = TunOptions {
            name: network.interface.clone(),
            queues,
            offload: network.offload,
        };
        let tun = options.open()?;
        if network.offload {
            tell_offload(tun.offload());
        }
        let index = tun.index();
        setup.set_mtu(index, u32::from(mtu))?;
        setup.set_queue_length(index, tun::QUEUE_LENGTH)?;
        if network.ipv6 {
            // The kernel must not make a link-local address of its own: each link has one.
            let own = format!("net.ipv6.conf.{}.addr_gen_mode", tun.name());
            ignore_absent(setup.set_sysctl(&own, "1"))?;
        }
        setup.bring_up(index)?;
        let server = IpNet::new(network.server_address().into(), network.pool.prefix_len())
            .unwrap_or_else(|_| IpNet::from(IpAddr::from(network.server_address())));
        setup.add_address(&Address::in_network(index, server))?;
        // The first one is the way that the address makes.
        for further in config.client_networks().into_iter().skip(1) {
            if let IpNet::V4(pool) = further {
                refuse_overlap(&mut setup, pool, network.proxy_arp)?;
            }
            setup.add_route(&Route::on_link(further, index))?;
        }
        let parameters = network.forward.then(|| parameters(config));
        for name in parameters.unwrap_or_default() {
            journal.note_parameter(name, "1").map_err(unwritten)?;
            setup.set_sysctl(name, "1")?;
        }
        let networks = config.client_networks();
        let masquerade = if network.masquerade {
            let tables = Masquerade::tables(&networks, tun.name());
            journal.note_tables(&tables).map_err(unwritten)?;
            let made = Masquerade::set_up(&networks, tun.name());
            Some(made.map_err(|problem| SetupError::Masquerade { problem })?)
        } else {
            None
        };
        let host = Self {
            masquerade,
            setup,
            journal,
        };
        Ok((host, tun))
    }

    /// Begins to keep sets of addresses in nftables, where they are wanted.
    pub(crate) fn firewall(
        &mut self,
        config: &Config,
        interface: &str,
    ) -> Result<Option<Firewall>, SetupError> {
        if !config.firewall.user_sets && !config.firewall.refused_set {
            return Ok(None);
        }
        let noted = self.journal.note_sets(&Firewall::table(interface));
        noted.map_err(|source| SetupError::Journal {
            path: config.control_socket.clone(),
            source,
        })?;
        match Firewall::start(&config.firewall, interface) {
            Ok(firewall) => Ok(Some(firewall)),
            Err(problem) => Err(SetupError::Firewall { problem }),
        }
    }

    /// Begins to answer ARP requests for clients behind the link with this index, where that is wanted.
    pub(crate) fn proxy_arp(
        &mut self,
        config: &Config,
        tunnels: u32,
    ) -> Result<Option<ProxyArp>, SetupError> {
        if !config.network.proxy_arp {
            return Ok(None);
        }
        let networks = config.client_networks().into_iter();
        let networks = networks.filter_map(|network| match network {
            IpNet::V4(network) => Some(network),
            IpNet::V6(_) => None,
        });
        let noted = self.journal.note_proxied(&networks.collect::<Vec<_>>());
        let started = noted.and_then(|()| ProxyArp::start(tunnels));
        match started {
            Ok(proxy_arp) => Ok(Some(proxy_arp)),
            Err(source) => Err(SetupError::Journal {
                path: config.control_socket.clone(),
                source,
            }),
        }
    }

    /// Gives the device a link-local address: our end of the links.
    pub(crate) fn add_link_local(
        &mut self,
        tun: &Tun,
        address: std::net::Ipv6Addr,
    ) -> Result<(), HostError> {
        let network =
            IpNet::new(address.into(), 64).unwrap_or_else(|_| IpNet::from(IpAddr::from(address)));
        self.setup
            .add_address(&Address::in_network(tun.index(), network))
    }

    /// Undoes everything and says what could not be undone.
    pub(crate) fn undo(mut self) -> Vec<HostError> {
        self.masquerade = None;
        self.setup.undo()
    }
}

/// The kernel parameters that let clients' packets pass.
fn parameters(config: &Config) -> Vec<&'static str> {
    let [v4, v6] = journal::PARAMETERS;
    match config.all_ipv6_pools().is_empty() {
        true => vec![v4],
        false => vec![v4, v6],
    }
}

/// Says what this kernel lacks.
fn tell_offload(support: OffloadSupport) {
    match support {
        OffloadSupport::TcpAndUdp => {}
        OffloadSupport::Tcp => {
            tracing::info!("this kernel exchanges long packets of TCP only, none of UDP");
        }
        OffloadSupport::None => tracing::info!("this kernel exchanges no long packets"),
    }
}

/// A host without IPv6 has no setting for it.
fn ignore_absent(result: Result<(), HostError>) -> Result<(), HostError> {
    match result {
        Err(HostError::Sysctl(error)) if error.is_absent() => Ok(()),
        other => other,
    }
}

/// The pool may be cut out of a wider route, but not out of a network that is on a link, nor hold
/// anything that has a route already.
fn refuse_overlap(setup: &mut HostSetup, pool: Ipv4Net, proxy_arp: bool) -> Result<(), SetupError> {
    let found = setup
        .netlink()
        .overlapping(pool.into())
        .map_err(HostError::from)?;
    // With proxy ARP it may be a part of the network of a link, unless that has this host in it.
    let is_part = |address: &Address| {
        let wider =
            |it: IpNet| it.prefix_len() < pool.prefix_len() && it.contains(&IpNet::V4(pool));
        let local = matches!(address.local, IpAddr::V4(local) if pool.contains(&local));
        address.network().is_some_and(wider) && !local
    };
    let obstacle = found.into_iter().find(|overlap| match overlap {
        Overlap::Address(address) => !(proxy_arp && is_part(address)),
        Overlap::Route(route) => route.destination.prefix_len() >= pool.prefix_len(),
    });
    match obstacle {
        None => Ok(()),
        Some(overlap) => Err(SetupError::Overlap {
            pool,
            other: match &overlap {
                Overlap::Address(address) if is_part(address) => {
                    format!("{overlap}, of whose network it can be a part with proxy_arp = true")
                }
                other => other.to_string(),
            },
        }),
    }
}
