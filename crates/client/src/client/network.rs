//! What the tunnel changes on this host, and when the user is told that it is up.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4};
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use adit_ppp::link::Summary;
use adit_ppp::{EncryptionPolicy, Ipv4Network, Ipv6Network};
use mio::Interest;
use mio::unix::SourceFd;

use super::{Client, TUN};
use crate::config::{ClientConfig, DnsPolicy, NetworkConfig};
use crate::dns::{HostDns, System};
use crate::error::ClientError;
use crate::observer::{Connected, Notice};
use crate::tunnel::{Tunnel, chain};
use crate::warning::Warning;

/// How long one protocol may come up after the other before the user is told without it.
const COMPANION_TIME: Duration = Duration::from_secs(3);

/// How long IPv6 may come up after IPv4 before it is taken for missing.
const IPV6_TIME: Duration = Duration::from_secs(5);

/// The tunnel's part of this host.
pub(super) struct HostNetwork {
    server: SocketAddrV4,
    wishes: NetworkConfig,
    tunnel: Option<Tunnel>,
    dns: Option<HostDns>,
    ipv4: Option<Ipv4Network>,
    ipv6: Option<Ipv6Addr>,
    announcement: Announcement,
    /// When IPv6 is taken for missing.
    ipv6_due: Option<Instant>,
}

/// Whether the user knows that the tunnel is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Announcement {
    NotYet,
    /// At this time at the latest.
    Pending(Instant),
    Made,
}

impl HostNetwork {
    pub(super) fn new(server: SocketAddrV4, config: &ClientConfig) -> Self {
        Self {
            server,
            wishes: config.network.clone(),
            tunnel: None,
            dns: None,
            ipv4: None,
            ipv6: None,
            announcement: Announcement::NotYet,
            ipv6_due: None,
        }
    }

    pub(super) fn server(&self) -> Ipv4Addr {
        *self.server.ip()
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let pending = match self.announcement {
            Announcement::Pending(due) => Some(due),
            Announcement::NotYet | Announcement::Made => None,
        };
        [pending, self.ipv6_due].into_iter().flatten().min()
    }

    pub(super) fn ipv4_up(
        &mut self,
        now: Instant,
        network: Ipv4Network,
        mtu: u16,
    ) -> Result<Vec<Notice<'static>>, ClientError> {
        let Some(tunnel) = &mut self.tunnel else {
            return Ok(Vec::new());
        };
        let warnings = tunnel.ipv4_up(network, mtu)?;
        let mut notices: Vec<Notice<'static>> = warnings.into_iter().map(Notice::Warning).collect();
        if self.wishes.dns == DnsPolicy::Use {
            notices.push(self.set_dns(&servers(&network)));
        }
        self.ipv4 = Some(network);
        self.ipv6_due = self.ipv6.is_none().then(|| now + IPV6_TIME);
        self.expect_announcement(now);
        Ok(notices)
    }

    pub(super) fn ipv6_up(
        &mut self,
        now: Instant,
        network: Ipv6Network,
        mtu: u16,
    ) -> Result<Vec<Warning>, ClientError> {
        let Some(tunnel) = &mut self.tunnel else {
            return Ok(Vec::new());
        };
        let warnings = tunnel.ipv6_up(network, mtu)?;
        self.ipv6 = tunnel.link_local();
        if self.ipv6.is_some() {
            self.ipv6_due = None;
        }
        self.expect_announcement(now);
        Ok(warnings)
    }

    fn expect_announcement(&mut self, now: Instant) {
        if self.announcement == Announcement::NotYet {
            self.announcement = Announcement::Pending(now + COMPANION_TIME);
        }
    }

    /// The call is over: what has not come up will not.
    pub(super) fn expect_nothing(&mut self) {
        if let Announcement::Pending(_) = self.announcement {
            self.announcement = Announcement::NotYet;
        }
        self.ipv6_due = None;
    }

    /// What to tell the user, once there is all of it, or the rest is not waited for any longer:
    /// IPv6 is mostly up before IPv4, and encryption that is optional comes up beside both.
    pub(super) fn poll_connected(
        &mut self,
        now: Instant,
        link: &Summary,
        policy: EncryptionPolicy,
    ) -> Option<Connected> {
        let Announcement::Pending(due) = self.announcement else {
            return None;
        };
        let encryption_may_come = policy == EncryptionPolicy::Optional && link.encryption.is_none();
        if now < due && (self.ipv4.is_none() || encryption_may_come) {
            return None;
        }
        let tunnel = self.tunnel.as_ref()?;
        self.announcement = Announcement::Made;
        Some(Connected {
            server: self.server,
            interface: tunnel.name().to_owned(),
            address: self.ipv4.map(|network| network.local),
            peer: self.ipv4.and_then(|network| network.peer),
            ipv6: self.ipv6,
            dns: self.ipv4.as_ref().map(servers).unwrap_or_default(),
            authentication: link.our_authentication,
            encryption: link.encryption,
            mtu: link.mtu,
        })
    }

    /// What goes past the tunnel, once IPv6 is taken for missing.
    pub(super) fn poll_without_ipv6(&mut self, now: Instant) -> Vec<Warning> {
        match (self.ipv6_due.take_if(|due| now >= *due), &mut self.tunnel) {
            (Some(_), Some(tunnel)) => tunnel.without_ipv6(),
            _ => Vec::new(),
        }
    }

    fn set_dns(&mut self, servers: &[Ipv4Addr]) -> Notice<'static> {
        // Other servers may have come with a link that came up anew.
        self.dns = None;
        let Some(tunnel) = self.tunnel.as_ref().filter(|_| !servers.is_empty()) else {
            return Notice::Warning(Warning::NoDnsServers);
        };
        match HostDns::set(&System::default(), tunnel.name(), servers) {
            Ok(dns) => {
                let sentence = dns.describe();
                self.dns = Some(dns);
                Notice::Dns(sentence)
            }
            Err(error) => Notice::Warning(Warning::Dns(format!(
                "the DNS servers are not set: {error}"
            ))),
        }
    }

    /// Takes everything back and tells what could not be.
    pub(super) fn restore(&mut self) -> Vec<Warning> {
        let mut warnings = Vec::new();
        if let Some(mut dns) = self.dns.take()
            && let Err(error) = dns.restore()
        {
            warnings.push(Warning::Dns(chain(&error)));
        }
        if let Some(mut tunnel) = self.tunnel.take() {
            warnings.extend(tunnel.undo());
        }
        warnings
    }
}

impl Client<'_> {
    /// Makes the interface, where there is none yet.
    pub(super) fn open_tunnel(&mut self) -> Result<(), ClientError> {
        if self.network.tunnel.is_some() {
            return Ok(());
        }
        let (tunnel, tun) = Tunnel::open(&self.config.network, self.network.server())?;
        self.poll
            .registry()
            .register(
                &mut SourceFd(&tun.as_fd().as_raw_fd()),
                TUN,
                Interest::READABLE,
            )
            .map_err(ClientError::io("wait for the tunnel's interface"))?;
        if let Some(queue) = tun.into_queues().pop() {
            self.packets.attach(queue);
        }
        self.network.tunnel = Some(tunnel);
        Ok(())
    }
}

fn servers(network: &Ipv4Network) -> Vec<Ipv4Addr> {
    let named = [network.dns.primary, network.dns.secondary];
    named.into_iter().flatten().collect()
}
