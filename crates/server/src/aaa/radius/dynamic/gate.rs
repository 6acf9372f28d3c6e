//! Which requests are let in: those of known clients, made with their secret, of now, and once only.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use adit_radius::SharedSecret;
use adit_radius::attribute::EVENT_TIMESTAMP;
use adit_radius::authenticator::{Forged, MessageAuthenticator, RequestAuthenticator};
use adit_radius::packet::{Code, Datagram, Packet, ParseError};
use ipnet::IpNet;

/// Requests of one window that are remembered. While so many are, no new ones are let in: whoever is
/// forgotten could come again.
const MAX_REMEMBERED: usize = 65_536;

/// One who may send requests.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    /// The addresses that it sends from.
    pub(crate) network: IpNet,
    pub(crate) secret: SharedSecret,
}

/// What requests must be like.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) clients: Vec<Client>,
    /// How far the Event-Timestamp may be from now, and how long requests are remembered.
    pub(crate) window: Duration,
    /// Whether requests without Event-Timestamp are let in. Such a request can be repeated by others
    /// when the window is over.
    pub(crate) without_timestamp: bool,
}

/// A request by what makes it one: where it comes from, its identifier and its authenticator, which
/// covers all of it.
pub(crate) type Identity = (SocketAddr, u8, RequestAuthenticator);

/// What becomes of a datagram.
#[derive(Debug)]
pub(crate) enum Admission<'a> {
    /// A request to be answered.
    New(Packet<'a>, SharedSecret),
    /// It was answered so before, and is again.
    Again(Vec<u8>),
    /// It came before and is being answered.
    Pending,
}

/// Why a datagram is dropped without a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Dropped {
    #[error(
        "nobody at that address may send such requests (see [[radius.dynamic_authorization.clients]])"
    )]
    Stranger,
    #[error("{0}")]
    Malformed(#[from] ParseError),
    #[error("{0} is none of the requests that can be made here")]
    Code(Code),
    #[error("{0}")]
    Forged(#[from] Forged),
    #[error(
        "its Event-Timestamp is {0} seconds from now: the clocks differ, or somebody repeats it"
    )]
    Stale(u64),
    #[error("it has no Event-Timestamp, which is required")]
    NoTimestamp,
    #[error("{MAX_REMEMBERED} requests came within the window already")]
    TooMany,
}

/// The gate with its memory.
#[derive(Debug)]
pub(crate) struct Gate {
    rules: Rules,
    /// The answer of each request of the window, once there is one.
    remembered: BTreeMap<Identity, Option<Vec<u8>>>,
    order: VecDeque<(Instant, Identity)>,
}

impl Gate {
    pub(crate) fn new(rules: Rules) -> Self {
        Self {
            rules,
            remembered: BTreeMap::new(),
            order: VecDeque::new(),
        }
    }

    /// Judges a datagram that comes `now`, which is `unix_time` seconds since 1970.
    ///
    /// # Errors
    /// Why it is to be dropped without a word.
    pub(crate) fn admit<'a>(
        &mut self,
        now: Instant,
        unix_time: u64,
        from: SocketAddr,
        datagram: &'a [u8],
    ) -> Result<(Identity, Admission<'a>), Dropped> {
        let secret = self.secret(from.ip()).ok_or(Dropped::Stranger)?.clone();
        let datagram = Datagram::parse(datagram)?;
        let code = datagram.code();
        if !matches!(code, Code::DisconnectRequest | Code::CoaRequest) {
            return Err(Dropped::Code(code));
        }
        let packet = datagram.verify_request(&secret, MessageAuthenticator::Optional)?;
        self.forget(now);
        let identity = (from, packet.identifier(), *packet.authenticator());
        // Before its age: the answer may come again as long as the request is remembered.
        match self.remembered.get(&identity) {
            Some(Some(answer)) => return Ok((identity, Admission::Again(answer.clone()))),
            Some(None) => return Ok((identity, Admission::Pending)),
            None => {}
        }
        self.check_age(&packet, unix_time)?;
        if self.remembered.len() >= MAX_REMEMBERED {
            return Err(Dropped::TooMany);
        }
        self.remembered.insert(identity, None);
        self.order.push_back((now, identity));
        Ok((identity, Admission::New(packet, secret)))
    }

    /// Remembers the answer to a request that was let in.
    pub(crate) fn answered(&mut self, identity: &Identity, answer: &[u8]) {
        if let Some(remembered) = self.remembered.get_mut(identity) {
            *remembered = Some(answer.to_vec());
        }
    }

    /// The secret of whoever the longest prefix stands for.
    fn secret(&self, address: IpAddr) -> Option<&SharedSecret> {
        let clients = self.rules.clients.iter();
        let known = clients.filter(|client| client.network.contains(&address));
        let closest = known.max_by_key(|client| client.network.prefix_len())?;
        Some(&closest.secret)
    }

    /// RFC 5176 §6.3.
    fn check_age(&self, packet: &Packet<'_>, unix_time: u64) -> Result<(), Dropped> {
        let Some(stamp) = packet.attributes().find(EVENT_TIMESTAMP) else {
            return match self.rules.without_timestamp {
                true => Ok(()),
                false => Err(Dropped::NoTimestamp),
            };
        };
        // A stamp of another length than four octets is of no time at all.
        let stamp = stamp.u32().ok_or(Dropped::NoTimestamp)?;
        let difference = u64::from(stamp).abs_diff(unix_time);
        match difference <= self.rules.window.as_secs() {
            true => Ok(()),
            false => Err(Dropped::Stale(difference)),
        }
    }

    /// Forgets requests for which a repetition would be too old. A stamp may be as far ahead as behind.
    fn forget(&mut self, now: Instant) {
        let lifetime = self.rules.window * 2;
        while let Some((at, identity)) = self.order.front()
            && now.saturating_duration_since(*at) > lifetime
        {
            self.remembered.remove(identity);
            self.order.pop_front();
        }
    }
}

#[cfg(test)]
mod tests;
