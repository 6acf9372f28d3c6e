//! Answers to ARP requests for clients whose addresses are in the network of a link of this host.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use adit_net::netlink::{Address, Netlink, NetlinkError};

use crate::aaa::{Happening, Observer};
use crate::ledger::{Holders, Keeper, Ledger};

/// Keeps the entries as the sessions are; all are gone when it is dropped.
pub(crate) struct ProxyArp {
    ledger: Ledger<Ipv4Addr, ()>,
    holders: Holders<Ipv4Addr>,
}

impl ProxyArp {
    /// For clients behind the link with this index, in the network namespace of the calling thread.
    ///
    /// # Errors
    /// No netlink for this process, or no further thread.
    pub(crate) fn start(tunnels: u32) -> std::io::Result<Self> {
        let entries = Entries {
            netlink: Netlink::open().map_err(std::io::Error::other)?,
            tunnels,
            made: HashMap::new(),
        };
        Ok(Self {
            ledger: Ledger::start("proxy-arp", entries)?,
            holders: Holders::new(),
        })
    }
}

impl Observer for ProxyArp {
    fn observe(&mut self, happening: &Happening) {
        match happening {
            Happening::Up(facts) => {
                if let Some(address) = facts.address {
                    self.holders.take(facts.number, vec![address]);
                    self.ledger.set(address, ());
                }
            }
            Happening::Down(facts, ..) => {
                for address in self.holders.leave(facts.number) {
                    self.ledger.remove(address);
                }
            }
            _ => {}
        }
    }

    fn finish(&mut self, deadline: Instant) {
        self.ledger.finish(deadline);
    }
}

/// The entries in the kernel.
struct Entries {
    netlink: Netlink,
    tunnels: u32,
    /// On which link each address is answered for.
    made: HashMap<Ipv4Addr, u32>,
}

impl Entries {
    fn add(&mut self, address: Ipv4Addr, links: &[Address]) -> Result<(), NetlinkError> {
        if self.made.contains_key(&address) {
            return Ok(());
        }
        let Some(link) = link_of(address, links, self.tunnels) else {
            return Ok(());
        };
        self.netlink.add_proxy(link, address)?;
        self.made.insert(address, link);
        Ok(())
    }

    fn remove(&mut self, address: Ipv4Addr) -> Result<(), NetlinkError> {
        let Some(link) = self.made.remove(&address) else {
            return Ok(());
        };
        match self.netlink.delete_proxy(link, address) {
            Err(error) if !error.is_absent() => Err(error),
            _ => Ok(()),
        }
    }
}

impl Keeper<Ipv4Addr, ()> for Entries {
    fn change(&mut self, changes: &[(Ipv4Addr, Option<()>)]) {
        let links = match self.netlink.addresses() {
            Ok(links) => links,
            Err(error) => {
                tracing::warn!("{error}");
                Vec::new()
            }
        };
        for (address, wanted) in changes {
            let done = match wanted {
                Some(()) => self.add(*address, &links),
                None => self.remove(*address),
            };
            if let Err(error) = done {
                tracing::warn!("{error}");
            }
        }
    }

    fn renew(&mut self, all: &HashMap<Ipv4Addr, ()>) {
        self.undo();
        let all: Vec<_> = all.keys().map(|address| (*address, Some(()))).collect();
        self.change(&all);
    }

    fn undo(&mut self) {
        let made: Vec<Ipv4Addr> = self.made.keys().copied().collect();
        for address in made {
            if let Err(error) = self.remove(address) {
                tracing::warn!("{error}");
            }
        }
    }
}

/// The link in whose network an address is: in the smallest, where there are several.
fn link_of(address: Ipv4Addr, links: &[Address], tunnels: u32) -> Option<u32> {
    let holds = |link: &&Address| {
        let network = link.network();
        network.is_some_and(|network| {
            network.prefix_len() < 32 && network.contains(&IpAddr::V4(address))
        })
    };
    let others = links.iter().filter(|link| link.interface != tunnels);
    let best = others.filter(holds).max_by_key(|link| link.prefix_length)?;
    Some(best.interface)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_network_of_another_link_decides() {
        let link =
            |interface, network: &str| Address::in_network(interface, network.parse().unwrap());
        let links = [
            link(1, "10.0.0.1/8"),
            link(2, "10.1.0.1/16"),
            link(3, "10.1.0.193/27"),
            link(4, "10.1.0.200/32"),
        ];
        let of = |address: &str| link_of(address.parse().unwrap(), &links, 3);
        assert_eq!(of("10.2.0.1"), Some(1));
        assert_eq!(of("10.1.0.200"), Some(2));
        assert_eq!(of("192.0.2.1"), None);
    }
}
