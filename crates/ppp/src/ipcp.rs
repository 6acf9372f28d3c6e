//! What we ask for and accept in IPCP: RFC 1332 §3.3 and RFC 1877 §1.

use std::net::Ipv4Addr;

use adit_wire::ipcp::{Ipcp, IpcpOption};

use crate::negotiator::{NoAgreement, OptionPolicy, Review};

/// Name servers of one kind, primary and secondary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NameServers {
    /// Asked first.
    pub primary: Option<Ipv4Addr>,
    /// Asked where the first does not answer.
    pub secondary: Option<Ipv4Addr>,
}

/// The addresses of both ends, as one of them wants them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ipv4Config {
    /// Hand these out: a server's side.
    Assign {
        /// Our address.
        local: Ipv4Addr,
        /// The peer's address.
        peer: Ipv4Addr,
        /// DNS servers for the peer.
        dns: NameServers,
        /// WINS servers for the peer.
        wins: NameServers,
    },
    /// Ask for an address and DNS servers: a client's side.
    Ask {
        /// The address to ask for; unspecified for any.
        local: Ipv4Addr,
    },
}

/// What both sides agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ipv4Network {
    /// Our address.
    pub local: Ipv4Addr,
    /// The peer's address, where it told one.
    pub peer: Option<Ipv4Addr>,
    /// DNS servers that the peer named.
    pub dns: NameServers,
}

/// The policy of one link.
#[derive(Debug)]
pub(crate) struct IpcpPolicy {
    config: Ipv4Config,
    local: Ipv4Addr,
    peer: Option<Ipv4Addr>,
    /// What is asked for beside the address, and has been learnt of it.
    primary_dns: Option<Ipv4Addr>,
    secondary_dns: Option<Ipv4Addr>,
    /// Whether the peer was told that it has to name its address.
    asked_for_address: bool,
}

impl IpcpPolicy {
    pub(crate) fn new(config: Ipv4Config) -> Self {
        let (local, dns) = match config {
            Ipv4Config::Assign { local, .. } => (local, None),
            Ipv4Config::Ask { local } => (local, Some(Ipv4Addr::UNSPECIFIED)),
        };
        Self {
            config,
            local,
            peer: None,
            primary_dns: dns,
            secondary_dns: dns,
            asked_for_address: false,
        }
    }

    /// What the acknowledged requests of both sides come to.
    pub(crate) fn agreed(&self) -> Ipv4Network {
        let known = |address: Option<Ipv4Addr>| address.filter(|address| !address.is_unspecified());
        Ipv4Network {
            local: self.local,
            peer: self.peer,
            dns: NameServers {
                primary: known(self.primary_dns),
                secondary: known(self.secondary_dns),
            },
        }
    }

    /// What the peer should have instead of the option's address; `Err` where nothing.
    fn better(&self, option: &IpcpOption) -> Result<Option<IpcpOption>, ()> {
        let Ipv4Config::Assign {
            peer, dns, wins, ..
        } = self.config
        else {
            return match option {
                IpcpOption::Address(address) if !address.is_unspecified() => Ok(None),
                _ => Err(()),
            };
        };
        let (have, asked, make): (_, _, fn(Ipv4Addr) -> IpcpOption) = match option {
            IpcpOption::Address(asked) => (Some(peer), asked, IpcpOption::Address),
            IpcpOption::PrimaryDns(asked) => (dns.primary, asked, IpcpOption::PrimaryDns),
            IpcpOption::SecondaryDns(asked) => (dns.secondary, asked, IpcpOption::SecondaryDns),
            IpcpOption::PrimaryNbns(asked) => (wins.primary, asked, IpcpOption::PrimaryNbns),
            IpcpOption::SecondaryNbns(asked) => (wins.secondary, asked, IpcpOption::SecondaryNbns),
            IpcpOption::Addresses(_) | IpcpOption::Compression(_) | IpcpOption::Other { .. } => {
                return Err(());
            }
        };
        match have {
            None => Err(()),
            Some(address) if address == *asked => Ok(None),
            Some(address) => Ok(Some(make(address))),
        }
    }
}

impl OptionPolicy for IpcpPolicy {
    type Protocol = Ipcp;

    fn request(&mut self) -> Vec<IpcpOption> {
        let mut options = vec![IpcpOption::Address(self.local)];
        options.extend(self.primary_dns.map(IpcpOption::PrimaryDns));
        options.extend(self.secondary_dns.map(IpcpOption::SecondaryDns));
        options
    }

    fn review(&mut self, peer: &[IpcpOption]) -> Review<IpcpOption> {
        let (mut refused, mut better) = (Vec::new(), Vec::new());
        for option in peer {
            match self.better(option) {
                Ok(None) => {}
                Ok(Some(instead)) => better.push(instead),
                Err(()) => refused.push(option.clone()),
            }
        }
        if !refused.is_empty() {
            return Review::Reject(refused);
        }
        let named = peer.iter().find_map(|option| match option {
            IpcpOption::Address(address) => Some(*address),
            _ => None,
        });
        if let Ipv4Config::Assign { peer: assigned, .. } = self.config
            && named.is_none()
            && !self.asked_for_address
        {
            self.asked_for_address = true;
            better.push(IpcpOption::Address(assigned));
        }
        if !better.is_empty() {
            return Review::Nak(better);
        }
        self.peer = match self.config {
            Ipv4Config::Assign { peer, .. } => Some(peer),
            Ipv4Config::Ask { .. } => named,
        };
        Review::Ack
    }

    fn on_ack(&mut self) -> Result<(), NoAgreement> {
        // Some servers acknowledge the question instead of answering it.
        is_usable(self.local).then_some(()).ok_or(NoAgreement)
    }

    fn on_nak(&mut self, wanted: &[IpcpOption]) -> Result<(), NoAgreement> {
        for option in wanted {
            match (option, self.config) {
                // An assigned address is not given up: the peer must live with it.
                (IpcpOption::Address(_), Ipv4Config::Assign { .. }) => {}
                (IpcpOption::Address(address), Ipv4Config::Ask { .. }) => {
                    if !is_usable(*address) {
                        return Err(NoAgreement);
                    }
                    self.local = *address;
                }
                (IpcpOption::PrimaryDns(address), _) if self.primary_dns.is_some() => {
                    self.primary_dns = Some(*address);
                }
                (IpcpOption::SecondaryDns(address), _) if self.secondary_dns.is_some() => {
                    self.secondary_dns = Some(*address);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn on_reject(&mut self, rejected: &[IpcpOption]) -> Result<(), NoAgreement> {
        for option in rejected {
            match option {
                IpcpOption::Address(_) => return Err(NoAgreement),
                IpcpOption::PrimaryDns(_) => self.primary_dns = None,
                IpcpOption::SecondaryDns(_) => self.secondary_dns = None,
                _ => {}
            }
        }
        Ok(())
    }
}

/// Whether a host can have this address (RFC 1122 §3.2.1.3).
const fn is_usable(address: Ipv4Addr) -> bool {
    !(address.is_unspecified()
        || address.is_loopback()
        || address.is_multicast()
        || address.is_broadcast())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
    const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
    const DNS: Ipv4Addr = Ipv4Addr::new(9, 9, 9, 9);
    const NONE: Ipv4Addr = Ipv4Addr::UNSPECIFIED;

    fn server() -> IpcpPolicy {
        IpcpPolicy::new(Ipv4Config::Assign {
            local: SERVER,
            peer: CLIENT,
            dns: NameServers {
                primary: Some(DNS),
                secondary: None,
            },
            wins: NameServers::default(),
        })
    }

    #[test]
    fn a_windows_client_gets_what_there_is_and_a_reject_of_the_rest() {
        use IpcpOption::{Address, PrimaryDns, PrimaryNbns, SecondaryDns, SecondaryNbns};
        let mut server = server();
        let first = [
            Address(NONE),
            PrimaryDns(NONE),
            PrimaryNbns(NONE),
            SecondaryDns(NONE),
            SecondaryNbns(NONE),
        ];
        let rejected = vec![PrimaryNbns(NONE), SecondaryDns(NONE), SecondaryNbns(NONE)];
        assert_eq!(server.review(&first), Review::Reject(rejected));
        let naked = vec![Address(CLIENT), PrimaryDns(DNS)];
        assert_eq!(
            server.review(&[Address(NONE), PrimaryDns(NONE)]),
            Review::Nak(naked.clone())
        );
        assert_eq!(server.review(&naked), Review::Ack);
    }

    #[test]
    fn vj_compression_is_rejected() {
        let vj = IpcpOption::Compression(vec![0x00, 0x2d, 0x0f, 0x01]);
        let request = [IpcpOption::Address(CLIENT), vj.clone()];
        assert_eq!(server().review(&request), Review::Reject(vec![vj]));
    }

    #[test]
    fn a_client_takes_what_it_is_given() {
        let mut client = IpcpPolicy::new(Ipv4Config::Ask { local: NONE });
        assert_eq!(client.request().len(), 3);
        client
            .on_nak(&[IpcpOption::Address(CLIENT), IpcpOption::PrimaryDns(DNS)])
            .unwrap();
        client.on_reject(&[IpcpOption::SecondaryDns(NONE)]).unwrap();
        assert_eq!(
            client.request(),
            [IpcpOption::Address(CLIENT), IpcpOption::PrimaryDns(DNS)]
        );
        assert_eq!(client.review(&[IpcpOption::Address(SERVER)]), Review::Ack);
        let agreed = client.agreed();
        assert_eq!((agreed.local, agreed.peer), (CLIENT, Some(SERVER)));
        assert_eq!(
            agreed.dns,
            NameServers {
                primary: Some(DNS),
                secondary: None
            }
        );
    }

    #[test]
    fn a_request_without_an_address_is_asked_for_one_once() {
        let mut server = server();
        assert_eq!(
            server.review(&[]),
            Review::Nak(vec![IpcpOption::Address(CLIENT)])
        );
        assert_eq!(server.review(&[]), Review::Ack);
    }

    #[test]
    fn a_rejected_address_ends_it() {
        let mut client = IpcpPolicy::new(Ipv4Config::Ask { local: NONE });
        assert_eq!(
            client.on_reject(&[IpcpOption::Address(NONE)]),
            Err(NoAgreement)
        );
    }
}
