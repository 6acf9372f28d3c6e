//! The section `[radius.dynamic_authorization]`: who may end and change sessions (RFC 5176).

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::super::error::Problem;
use super::{SecretSource, secret_source};

const LISTEN: &str = "radius.dynamic_authorization.listen";
const CLIENTS: &str = "radius.dynamic_authorization.clients";

/// Addresses that are listened on at most.
const MOST_ADDRESSES: usize = 16;
/// Clients at most.
const MOST_CLIENTS: usize = 256;

/// Where Disconnect- and CoA-Requests are taken, and from whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DynamicAuthorization {
    /// Where they are taken.
    pub listen: Vec<SocketAddr>,
    /// How far a request's Event-Timestamp may be from now.
    pub window: Duration,
    /// Whether requests without Event-Timestamp are dropped.
    pub require_event_timestamp: bool,
    /// Who may send them.
    pub clients: Vec<DynamicClient>,
}

/// One who may send requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DynamicClient {
    /// The addresses it sends from.
    pub address: IpNet,
    /// What it shares with us.
    pub secret: SecretSource,
}

impl DynamicAuthorization {
    pub(super) fn check(&self) -> Result<(), Problem> {
        if self.listen.is_empty() || self.listen.len() > MOST_ADDRESSES {
            let message = format!("give 1 to {MOST_ADDRESSES} addresses, as \"192.0.2.9:3799\"");
            return Err(Problem::new(LISTEN, message));
        }
        if let Some(address) = self.listen.iter().find(|it| it.port() == 0) {
            return Err(Problem::new(LISTEN, format!("{address} has no port")));
        }
        let seconds = self.window.as_secs();
        if !(1..=3600).contains(&seconds) {
            return Err(Problem::new(
                "radius.dynamic_authorization.window_seconds",
                format!("{seconds} is out of range; use 1 to 3600"),
            ));
        }
        if self.clients.is_empty() || self.clients.len() > MOST_CLIENTS {
            let message =
                format!("give 1 to {MOST_CLIENTS}, each with `address` and `secret_file`");
            return Err(Problem::new(CLIENTS, message));
        }
        for (index, client) in self.clients.iter().enumerate() {
            client.secret.check(CLIENTS)?;
            if self.clients[..index]
                .iter()
                .any(|it| it.address == client.address)
            {
                let message = format!("{} is given twice", client.address);
                return Err(Problem::new(CLIENTS, message));
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDynamicAuthorization {
    listen: Vec<SocketAddr>,
    window_seconds: Option<u32>,
    require_event_timestamp: Option<bool>,
    #[serde(default)]
    clients: Vec<RawClient>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawClient {
    address: Network,
    secret: Option<Zeroizing<String>>,
    secret_file: Option<PathBuf>,
}

/// A network, or one address.
#[derive(Deserialize)]
#[serde(untagged)]
enum Network {
    Many(IpNet),
    One(IpAddr),
}

impl RawDynamicAuthorization {
    pub(super) fn into_checked(self) -> Result<DynamicAuthorization, Problem> {
        let clients = self.clients.into_iter().map(|client| {
            let address = match client.address {
                Network::Many(network) => network.trunc(),
                Network::One(address) => address.into(),
            };
            let secret = secret_source(CLIENTS, address, client.secret, client.secret_file)?;
            Ok(DynamicClient { address, secret })
        });
        Ok(DynamicAuthorization {
            listen: self.listen,
            // RFC 5176 §6.3 suggests this one.
            window: Duration::from_secs(self.window_seconds.unwrap_or(300).into()),
            require_event_timestamp: self.require_event_timestamp.unwrap_or(false),
            clients: clients.collect::<Result<_, Problem>>()?,
        })
    }
}
