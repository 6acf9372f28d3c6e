//! What a user may have, whoever said so.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use adit_ppp::NameServers;
use adit_wire::ipv6cp::InterfaceId;
use ipnet::Ipv6Net;

use crate::users::{AllowedAddresses, Policy};

/// What a user may have. What is absent is as the configuration has it.
#[derive(Debug, Clone)]
pub(crate) struct Profile {
    /// The name as the back end has it.
    pub(crate) user: String,
    /// A name that several users share, for firewall rules.
    pub(crate) group: Option<String>,
    /// IPv4 addresses that the user may have.
    pub(crate) addresses: AllowedAddresses,
    /// Limits, pools and routes.
    pub(crate) policy: Policy,
    /// A prefix of 64 bits that is the user's own.
    pub(crate) ipv6_prefix: Option<Ipv6Net>,
    /// The interface identifier that the user is to have (RFC 5072 §4.1).
    pub(crate) interface_id: Option<InterfaceId>,
    pub(crate) dns: Option<NameServers>,
    /// DNS servers that are advertised to the user with its prefix.
    pub(crate) ipv6_dns: Option<Vec<Ipv6Addr>>,
    pub(crate) wins: Option<NameServers>,
    /// Between two interim records of the accounting.
    pub(crate) interim: Option<Duration>,
    /// Given back in accounting records, unread (RFC 2865 §5.25).
    pub(crate) class: Vec<Vec<u8>>,
    /// A text for the user, sent with the acceptance; empty for none.
    pub(crate) message: String,
    /// Addresses that are one user's alone, as the store has them now; empty where it has none.
    pub(crate) reserved: Arc<[Ipv4Addr]>,
}

impl Profile {
    /// A user to whom nothing special applies: any address, no limits of its own.
    pub(crate) fn of(user: impl Into<String>) -> Self {
        Self {
            user: user.into(),
            group: None,
            addresses: AllowedAddresses::any(),
            policy: Policy::default(),
            ipv6_prefix: None,
            interface_id: None,
            dns: None,
            ipv6_dns: None,
            wins: None,
            interim: None,
            class: Vec::new(),
            message: String::new(),
            reserved: Arc::from([]),
        }
    }
}
