//! Sets of addresses in nftables, for rules that name groups of users, or keep out who fails to log in.

mod sets;

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Instant;

use ipnet::{IpNet, Ipv4Net};

use sets::Sets;
pub(crate) use sets::remove as remove_sets;

use crate::aaa::facts::Facts;
use crate::aaa::{Happening, Observer};
use crate::config;
use crate::ledger::{Holders, Ledger};

/// Addresses that failed to log in and wait to be added; whoever can connect can fail.
const MOST_WAITING: usize = 16_384;

/// What is in the sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Entry {
    /// A client's network, in the set of its group.
    Member(IpNet),
    /// An outer address that has just failed to log in.
    Refused(Ipv4Addr),
}

/// Keeps the sets as the sessions are. What it made is gone when it is dropped, except for sets that rules of
/// somebody else use.
pub(crate) struct Firewall {
    ledger: Ledger<Entry, Arc<str>>,
    config: config::Firewall,
    holders: Holders<IpNet>,
}

impl Firewall {
    /// The table in which the sets are, as `inet adit_eth1`.
    pub(crate) fn table(interface: &str) -> String {
        sets::table_name(interface)
    }

    /// Makes the table for sessions through this interface.
    ///
    /// # Errors
    /// What nftables said.
    pub(crate) fn start(config: &config::Firewall, interface: &str) -> Result<Self, String> {
        let refused = config.refused_set.then_some(config.refused);
        let sets = Sets::set_up(interface, refused)?;
        let ledger =
            Ledger::start("firewall", sets).map_err(|error: io::Error| error.to_string())?;
        Ok(Self {
            ledger,
            config: config.clone(),
            holders: Holders::new(),
        })
    }

    fn up(&mut self, facts: &Facts) {
        let Some(group) = &facts.group else {
            return;
        };
        let group: Arc<str> = group.as_str().into();
        let address = facts
            .address
            .map(|address| IpNet::V4(Ipv4Net::from(address)));
        let networks: Vec<IpNet> = address
            .into_iter()
            .chain(facts.prefix.map(IpNet::V6))
            .collect();
        for network in &networks {
            self.ledger.set(Entry::Member(*network), Arc::clone(&group));
        }
        self.holders.take(facts.number, networks);
    }

    fn down(&mut self, number: u32) {
        for network in self.holders.leave(number) {
            self.ledger.remove(Entry::Member(network));
        }
    }
}

impl Observer for Firewall {
    fn observe(&mut self, happening: &Happening) {
        match happening {
            // A RADIUS server can change the group of a session that goes on.
            Happening::Up(facts) | Happening::Goes(facts) if self.config.user_sets => {
                self.up(facts);
            }
            Happening::Down(facts, ..) => self.down(facts.number),
            Happening::LoginRefused(refusing) if self.config.refused_set => {
                // Where too many wait, that is all of them.
                self.ledger
                    .note(Entry::Refused(*refusing.peer.ip()), MOST_WAITING);
            }
            _ => {}
        }
    }

    fn reconfigure(&mut self, _: &config::Config) {
        // Somebody may have loaded the host's rules anew, which takes the sets away.
        self.ledger.renew();
    }

    fn finish(&mut self, deadline: Instant) {
        self.ledger.finish(deadline);
    }
}
