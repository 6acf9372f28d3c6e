//! The server's changes to its host: the TUN device, its addresses, forwarding and masquerading.

use std::io::{self, Write};
use std::net::IpAddr;
use std::process::{Command, Stdio};

use adit_net::host::{HostError, HostSetup};
use adit_net::netlink::{Address, Overlap, Route};
use adit_net::tun::{self, OffloadSupport, Tun, TunError, TunOptions};
use ipnet::{IpNet, Ipv4Net};

use crate::config::{Config, Network};

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
        "the pool {pool} overlaps {other}; choose another with --pool or in the section [network]"
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
}

/// What was changed; undone when dropped.
pub(crate) struct Host {
    setup: HostSetup,
    masquerade: Option<Masquerade>,
}

impl Host {
    /// Makes the TUN device, with so many queues, with the server's address and the way to the pool.
    pub(crate) fn set_up(
        config: &Config,
        mtu: u16,
        queues: usize,
    ) -> Result<(Self, Tun), SetupError> {
        let network = &config.network;
        let mut setup = HostSetup::new()?;
        refuse_overlap(&mut setup, network.pool)?;
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
                refuse_overlap(&mut setup, pool)?;
            }
            setup.add_route(&Route::on_link(further, index))?;
        }
        if network.forward {
            setup.set_sysctl("net.ipv4.ip_forward", "1")?;
            if !config.all_ipv6_pools().is_empty() {
                setup.set_sysctl("net.ipv6.conf.all.forwarding", "1")?;
            }
        }
        let masquerade = network
            .masquerade
            .then(|| Masquerade::set_up(network, tun.name()))
            .transpose()?;
        Ok((Self { setup, masquerade }, tun))
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
fn refuse_overlap(setup: &mut HostSetup, pool: Ipv4Net) -> Result<(), SetupError> {
    let found = setup
        .netlink()
        .overlapping(pool.into())
        .map_err(HostError::from)?;
    let obstacle = found.into_iter().find(|overlap| match overlap {
        Overlap::Address(_) => true,
        Overlap::Route(route) => route.destination.prefix_len() >= pool.prefix_len(),
    });
    match obstacle {
        None => Ok(()),
        Some(overlap) => Err(SetupError::Overlap {
            pool,
            other: overlap.to_string(),
        }),
    }
}

/// A table of nftables that is there as long as this is.
struct Masquerade {
    table: String,
}

impl Masquerade {
    fn set_up(network: &Network, interface: &str) -> Result<Self, SetupError> {
        let table = format!("adit_{interface}");
        let pool = network.pool.trunc();
        let rules = format!(
            "add table ip {table}\n\
             flush table ip {table}\n\
             add chain ip {table} postrouting {{ type nat hook postrouting priority srcnat ; }}\n\
             add rule ip {table} postrouting ip saddr {pool} oifname != \"{interface}\" masquerade\n"
        );
        nft(&rules).map_err(|problem| SetupError::Masquerade { problem })?;
        Ok(Self { table })
    }
}

impl Drop for Masquerade {
    fn drop(&mut self) {
        if let Err(problem) = nft(&format!("delete table ip {}\n", self.table)) {
            tracing::warn!(
                "the nftables table {} is left behind: nft {problem}",
                self.table
            );
        }
    }
}

fn nft(script: &str) -> Result<(), String> {
    let run = || -> io::Result<std::process::Output> {
        let mut child = Command::new("nft")
            .args(["-f", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(script.as_bytes())?;
        }
        child.wait_with_output()
    };
    match run() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(format!(
                "says: {}",
                said.lines().next().unwrap_or("nothing")
            ))
        }
        Err(error) => Err(format!("cannot be run ({error})")),
    }
}
