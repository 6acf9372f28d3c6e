//! Accounting by RADIUS: records go to the disk, and from there to a server (RFC 2866).

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, channel, sync_channel};
use std::time::{Duration, Instant};

use adit_io::SystemEntropy;
use adit_ppp::Entropy;
use adit_radius::attribute::{AttributeError, AttributeList};
use adit_radius::authenticator::MessageAuthenticator;
use adit_radius::client::{ClientConfig, ServerConfig};
use adit_radius::packet::Code;
use ipnet::Ipv6Net;
use mio::{Poll, Token};

use super::courier::Courier;
use super::error::RadiusError;
use super::exchange::Exchange;
use super::nas::Nas;
use super::records::{self, Status};
use crate::aaa::accounting::{Entry, Spool, Weight};
use crate::aaa::facts::Facts;
use crate::aaa::{Happening, Observer, SessionId};
use crate::config;
use crate::doorbell::Doorbell;
use crate::server::unix_time;

/// Records that may wait for the thread, which waits for the disk.
const MAX_WAITING: usize = 16_384;
/// How long the thread may take beyond a deadline, to write what is left.
const GRACE: Duration = Duration::from_secs(1);

pub(super) const BELL: Token = Token(0);

/// The front's end: it hands over what happens, and the thread does the rest.
pub(crate) struct RadiusAccounting {
    orders: SyncSender<Order>,
    bell: Arc<Doorbell>,
    /// Disconnected when the thread has ended.
    ended: Receiver<()>,
    interim: Option<Duration>,
    lost: u64,
}

/// What the thread is told.
pub(super) enum Order {
    /// To tell of a session, at this time in seconds since 1970.
    Tell(Status, Arc<Facts>, u64),
    /// To end, until then at most.
    Finish(Instant),
}

impl RadiusAccounting {
    /// Starts the thread, which tells the servers that this one begins, and delivers what a predecessor
    /// has left.
    ///
    /// # Errors
    /// The directory for records cannot be used, or no thread can be had.
    pub(crate) fn start(
        config: &config::Radius,
        accounting: &config::RadiusAccounting,
    ) -> Result<Self, RadiusError> {
        let client = client_config(config)?;
        let spool = Spool::open(&accounting.spool)?;
        let poll = Poll::new()?;
        let bell = Arc::new(Doorbell::new(poll.registry(), BELL)?);
        let (orders, waiting) = sync_channel(MAX_WAITING);
        let (end, ended) = channel();
        let writer = Writer::new(Nas::of(config));
        let exchange = Exchange::new(client, config.source_address);
        let courier = Courier::new(poll, Arc::clone(&bell), exchange, spool);
        std::thread::Builder::new()
            .name("accounting".to_owned())
            .spawn(move || {
                // Dropped when the thread ends, however it does.
                let _end = end;
                courier.run(&waiting, writer);
            })?;
        Ok(Self {
            orders,
            bell,
            ended,
            interim: accounting.interim,
            lost: 0,
        })
    }

    fn order(&mut self, order: Order) {
        match self.orders.try_send(order) {
            Ok(()) => self.bell.ring(),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.lost += 1;
                if self.lost.is_power_of_two() {
                    tracing::error!(
                        "the disk for accounting records is too slow: {} records are lost so far",
                        self.lost
                    );
                }
            }
        }
    }
}

/// The servers that take accounting.
fn client_config(config: &config::Radius) -> Result<ClientConfig, RadiusError> {
    let mut servers = Vec::new();
    for server in &config.servers {
        if let Some(address) = server.accounting() {
            let secret = server.secret.read()?;
            servers.push(ServerConfig { address, secret });
        }
    }
    Ok(ClientConfig {
        code: Code::AccountingRequest,
        servers,
        timeout: config.timeout,
        tries: config.tries,
        dead_time: config.dead_time,
        // RFC 2866 §4.2 knows none there, and the reply says nothing but that it is one.
        message_authenticator: MessageAuthenticator::Optional,
    })
}

impl Observer for RadiusAccounting {
    fn observe(&mut self, happening: &Happening) {
        let (status, facts) = match happening {
            Happening::Up(facts) => (Status::Start, facts),
            Happening::Goes(facts) => (Status::Interim, facts),
            Happening::Down(facts, ending) => (Status::Stop(ending.cause), facts),
            Happening::Connected { .. }
            | Happening::TurnedAway { .. }
            | Happening::LoggedIn { .. }
            | Happening::LoginRefused(_)
            | Happening::Failed { .. } => return,
        };
        self.order(Order::Tell(status, Arc::clone(facts), unix_time()));
    }

    fn interim(&self) -> Option<Duration> {
        self.interim
    }

    fn finish(&mut self, deadline: Instant) {
        self.order(Order::Finish(deadline));
        let wait = deadline.saturating_duration_since(Instant::now()) + GRACE;
        // Nothing is ever sent: this waits for the end of the thread.
        let _ = self.ended.recv_timeout(wait);
    }
}

/// Makes records of what happens.
pub(super) struct Writer {
    nas: Nas,
    /// The name under which the server itself begins and ends.
    run: String,
    /// Addresses of sessions: one that was replaced has none any more when it ends.
    addresses: HashMap<SessionId, (Option<Ipv4Addr>, Option<Ipv6Net>)>,
}

impl Writer {
    fn new(nas: Nas) -> Self {
        let mut run = [0; 8];
        SystemEntropy.fill(&mut run);
        Self {
            nas,
            run: format!("{:016x}", u64::from_be_bytes(run)),
            addresses: HashMap::new(),
        }
    }

    /// The record of a session.
    pub(super) fn session(&mut self, status: Status, facts: &Facts, at: u64) -> Option<Entry> {
        let mut whole = None;
        match status {
            Status::Stop(_) => {
                let before = self.addresses.remove(&facts.session);
                if let Some((address, prefix)) = before {
                    let whole = whole.insert(facts.clone());
                    whole.address = facts.address.or(address);
                    whole.prefix = facts.prefix.or(prefix);
                }
            }
            _ => {
                let addresses = (facts.address, facts.prefix);
                self.addresses.insert(facts.session.clone(), addresses);
            }
        }
        let facts = whole.as_ref().unwrap_or(facts);
        let list = records::of_session(&self.nas, status, facts, at);
        let weight = match status {
            Status::Interim => Weight::Interim,
            _ => Weight::Lasting,
        };
        entry(facts.session.as_str(), weight, at, list)
    }

    /// The record that the server begins or ends.
    pub(super) fn server(&self, status: Status, at: u64) -> Option<Entry> {
        let list = records::of_server(&self.nas, status, &self.run, at);
        entry("", Weight::Lasting, at, list)
    }
}

fn entry(
    session: &str,
    weight: Weight,
    at: u64,
    list: Result<AttributeList, AttributeError>,
) -> Option<Entry> {
    match list {
        Ok(list) => Some(Entry {
            session: session.into(),
            weight,
            at,
            body: list.as_octets().into(),
        }),
        Err(error) => {
            tracing::error!(session, "cannot make an accounting record: {error}");
            None
        }
    }
}
