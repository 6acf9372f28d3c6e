//! The client's machine: several servers in order, retransmission, fail-over, and no reply believed that
//! does not verify.
//!
//! Inputs are contents to send, datagrams and `now`, which never goes back. After each input, drain
//! [`poll_output`](Client::poll_output), then wait until [`deadline`](Client::deadline) and call
//! [`handle_timeout`](Client::handle_timeout); a call that comes early changes nothing.
//!
//! A request goes to the first server that is not known to be dead, `tries` times with `timeout` between,
//! the same octets from the same port each time (RFC 2865 §2.5). Then it goes to the next one; a late reply
//! of an earlier server still counts. A server that let a request pass without a reply to anything since
//! is dead for `dead_time`. After that, one request tries it while the others still pass it over; any
//! reply revives it at once. Where all are dead, all are tried.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

mod reply;
mod request;
mod server;
mod statistics;

pub use reply::Reply;
pub use server::{IDENTIFIERS, MAX_SOCKETS};
pub use statistics::{LATENCY_BOUNDS, Latency, ServerStatistics};

use crate::SharedSecret;
use crate::authenticator::{Forged, MessageAuthenticator, RequestAuthenticator};
use crate::hidden::HiddenError;
use crate::packet::{self, Code, Contents, Datagram};
use request::{Attempt, Request};
use server::Server;

/// Requests that wait for a reply at most: as many as a server has ports and identifiers for.
pub const MAX_WAITING: usize = MAX_SOCKETS * IDENTIFIERS;

/// One server.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Where requests go, and the only place that replies are taken from.
    pub address: SocketAddr,
    /// The secret shared with it.
    pub secret: SharedSecret,
}

/// Settings of a client.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// What its requests are.
    pub code: Code,
    /// The servers in order.
    pub servers: Vec<ServerConfig>,
    /// Time between two tries.
    pub timeout: Duration,
    /// How often a server is sent a request, at least once.
    pub tries: u32,
    /// For how long a dead server is passed over.
    pub dead_time: Duration,
    /// What is asked of replies.
    pub message_authenticator: MessageAuthenticator,
}

/// A port to send from: requests to one server share it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId {
    /// The server's place in the configuration.
    pub server: usize,
    /// Which of its sockets: less than [`MAX_SOCKETS`].
    pub number: usize,
}

/// What the owner is to do.
#[derive(Debug)]
pub enum Output<T> {
    /// Open a socket with a port of its own, for datagrams to and from this address only.
    Open(SocketId, SocketAddr),
    /// Send from this socket. A datagram that cannot be sent is one that was lost.
    Send(SocketId, Vec<u8>),
    /// A request has ended.
    Done(T, Result<Reply, NoReply>),
}

/// Why a request ended without a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoReply {
    /// Nothing came.
    #[error("no server answered")]
    Silence,
    /// Something came that does not verify.
    #[error("no server gave an answer that can be trusted: {0}")]
    Forged(Forged),
    /// Something came that is no packet.
    #[error("no server gave an answer that can be read")]
    Malformed,
}

/// Why a request is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// As many wait as there can be.
    #[error("{MAX_WAITING} requests wait for RADIUS servers already")]
    Full,
    /// The password cannot be sent.
    #[error("the password cannot be sent: {0}")]
    Password(HiddenError),
    /// There is no server.
    #[error("no RADIUS server is configured for this")]
    NoServer,
}

/// The machine; `T` is what the owner wants back with the end of a request.
pub struct Client<T> {
    config: ClientConfig,
    servers: Vec<Server>,
    requests: BTreeMap<u64, Request<T>>,
    timers: BTreeSet<(Instant, u64)>,
    outputs: VecDeque<Output<T>>,
    next_request: u64,
    random: Box<dyn FnMut() -> RequestAuthenticator + Send>,
}

impl<T> Client<T> {
    /// A client without requests. `random` makes the Authenticator fields of Access-Requests, which nobody
    /// may foresee (RFC 2865 §3).
    pub fn new(
        config: ClientConfig,
        random: Box<dyn FnMut() -> RequestAuthenticator + Send>,
    ) -> Self {
        let servers = config.servers.iter().map(|_| Server::default()).collect();
        Self {
            config,
            servers,
            requests: BTreeMap::new(),
            timers: BTreeSet::new(),
            outputs: VecDeque::new(),
            next_request: 0,
            random,
        }
    }

    /// Sends a request.
    ///
    /// # Errors
    /// [`SubmitError`], with `tag` given back: no [`Output::Done`] will come.
    pub fn submit(
        &mut self,
        now: Instant,
        contents: Contents,
        tag: T,
    ) -> Result<(), (SubmitError, T)> {
        if self.requests.len() >= MAX_WAITING {
            return Err((SubmitError::Full, tag));
        }
        let trial = self.trial();
        let plan = server::in_order(&mut self.servers, now, trial);
        let Some((&first, _)) = plan.split_first() else {
            return Err((SubmitError::NoServer, tag));
        };
        let number = self.next_request;
        self.next_request += 1;
        let mut request = Request::new(contents, tag, plan);
        match self.attempt(now, number, first, &mut request) {
            Ok(()) => {
                self.requests.insert(number, request);
                Ok(())
            }
            Err(error) => Err((error, request.tag)),
        }
    }

    /// Takes a datagram that came at a socket.
    pub fn receive(&mut self, now: Instant, socket: SocketId, from: SocketAddr, datagram: &[u8]) {
        let Some(config) = self.config.servers.get(socket.server) else {
            return;
        };
        let server = &mut self.servers[socket.server];
        if from != config.address {
            server.statistics.strange += 1;
            return;
        }
        let Ok(datagram) = Datagram::parse(datagram) else {
            server.statistics.bad += 1;
            // Nobody can tell which request it was for: all that wait there learn of it.
            for number in server.waiting_at(socket.number) {
                if let Some(request) = self.requests.get_mut(&number) {
                    request.fault = NoReply::Malformed;
                }
            }
            return;
        };
        let Some(number) = server.holder(socket.number, datagram.identifier()) else {
            server.statistics.late += 1;
            return;
        };
        self.match_reply(now, number, socket.server, datagram);
    }

    fn match_reply(&mut self, now: Instant, number: u64, at: usize, datagram: Datagram<'_>) {
        let Some(request) = self.requests.get_mut(&number) else {
            return;
        };
        let Some(attempt) = request.attempt_at(at) else {
            return;
        };
        let (authenticator, sent) = (attempt.authenticator, attempt.sent);
        let secret = &self.config.servers[at].secret;
        let server = &mut self.servers[at];
        let policy = self.config.message_authenticator;
        match datagram.verify_reply(self.config.code, &authenticator, secret, policy) {
            Ok(packet) => {
                server.replied(now, now.saturating_duration_since(sent));
                let reply = Reply::new(packet, authenticator, secret.clone(), at);
                self.finish(number, reply);
            }
            Err(forged) => {
                server.statistics.bad += 1;
                request.fault = NoReply::Forged(forged);
            }
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Sends again, elsewhere, or gives up what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(&(at, number)) = self.timers.first()
            && at <= now
        {
            self.timers.pop_first();
            let Some(mut request) = self.requests.remove(&number) else {
                continue;
            };
            if self.go_on(now, number, &mut request) {
                self.requests.insert(number, request);
            } else {
                self.end(request, number, None);
            }
        }
    }

    /// The next try of a request. `false` where there is none.
    fn go_on(&mut self, now: Instant, number: u64, request: &mut Request<T>) -> bool {
        let Some(attempt) = request.attempts.last_mut() else {
            return false;
        };
        let server = &mut self.servers[attempt.socket.server];
        if attempt.tries < self.config.tries {
            attempt.tries += 1;
            attempt.deadline = now + self.config.timeout;
            server.statistics.retransmissions += 1;
            self.timers.insert((attempt.deadline, number));
            let again = Output::Send(attempt.socket, attempt.octets.clone());
            self.outputs.push_back(again);
            return true;
        }
        server.gave_nothing(now, attempt.sent, self.config.dead_time);
        let Some(&next) = request.plan.get(request.attempts.len()) else {
            return false;
        };
        server.statistics.fail_overs += 1;
        // What could be sent once can be again: the password is the same, and there are places for all.
        self.attempt(now, number, next, request).is_ok()
    }

    /// Sends a request to a server for the first time.
    fn attempt(
        &mut self,
        now: Instant,
        number: u64,
        at: usize,
        request: &mut Request<T>,
    ) -> Result<(), SubmitError> {
        let ServerConfig { address, secret } = &self.config.servers[at];
        let server = &mut self.servers[at];
        let place = server.take_place(number).ok_or(SubmitError::Full)?;
        let socket = SocketId {
            server: at,
            number: place.socket,
        };
        if place.is_new {
            self.outputs.push_back(Output::Open(socket, *address));
        }
        let (code, random) = (self.config.code, (self.random)());
        let identifier = place.identifier;
        let packet = packet::request(code, identifier, random, &request.contents, secret, now);
        let (octets, authenticator) = packet.map_err(|error| {
            server.free_place(place.socket, identifier);
            SubmitError::Password(error)
        })?;
        server.statistics.requests += 1;
        self.outputs.push_back(Output::Send(socket, octets.clone()));
        let deadline = now + self.config.timeout;
        self.timers.insert((deadline, number));
        request.attempts.push(Attempt {
            socket,
            identifier,
            authenticator,
            octets,
            sent: now,
            tries: 1,
            deadline,
        });
        Ok(())
    }

    fn finish(&mut self, number: u64, reply: Reply) {
        if let Some(request) = self.requests.remove(&number) {
            self.end(request, number, Some(reply));
        }
    }

    fn end(&mut self, request: Request<T>, number: u64, reply: Option<Reply>) {
        for attempt in &request.attempts {
            self.timers.remove(&(attempt.deadline, number));
            self.servers[attempt.socket.server]
                .free_place(attempt.socket.number, attempt.identifier);
        }
        let result = reply.ok_or(request.fault);
        self.outputs.push_back(Output::Done(request.tag, result));
    }

    /// What the owner is to do next.
    pub fn poll_output(&mut self) -> Option<Output<T>> {
        self.outputs.pop_front()
    }

    /// Requests that wait for a reply.
    pub fn waiting(&self) -> usize {
        self.requests.len()
    }

    /// Ends every request without a reply, and gives back what came with them, oldest first.
    pub fn abandon(&mut self) -> Vec<T> {
        self.timers.clear();
        let requests = std::mem::take(&mut self.requests);
        for request in requests.values() {
            for attempt in &request.attempts {
                self.servers[attempt.socket.server]
                    .free_place(attempt.socket.number, attempt.identifier);
            }
        }
        requests.into_values().map(|request| request.tag).collect()
    }

    /// What came of each server so far, in the configuration's order.
    pub fn statistics(&self, now: Instant) -> Vec<ServerStatistics> {
        let servers = self.servers.iter().zip(&self.config.servers);
        servers
            .map(|(server, config)| server.statistics(config.address, now))
            .collect()
    }

    /// The longest that a trial of a dead server takes.
    fn trial(&self) -> Duration {
        self.config.timeout.saturating_mul(self.config.tries)
    }
}

#[cfg(test)]
mod tests;
