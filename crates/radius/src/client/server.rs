//! What is known of one server, and its ports and identifiers.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::statistics::ServerStatistics;

/// Sockets for one server at most, each with a port of its own.
pub const MAX_SOCKETS: usize = 64;
/// Identifiers of a socket.
pub const IDENTIFIERS: usize = 256;

/// One server's state.
#[derive(Default)]
pub(super) struct Server {
    sockets: Vec<Identifiers>,
    /// Passed over until then.
    dead_until: Option<Instant>,
    last_reply: Option<Instant>,
    pub(super) statistics: ServerStatistics,
}

/// Which request each identifier of a socket stands for.
struct Identifiers {
    holders: Box<[Option<u64>; IDENTIFIERS]>,
    /// Where to look first, so that an identifier rests for long before it is used again.
    next: u8,
    free: usize,
}

/// A port and an identifier for one request.
pub(super) struct Place {
    pub(super) socket: usize,
    pub(super) identifier: u8,
    /// Whether the socket is to be opened.
    pub(super) is_new: bool,
}

impl Identifiers {
    fn new() -> Self {
        Self {
            holders: Box::new([None; IDENTIFIERS]),
            next: 0,
            free: IDENTIFIERS,
        }
    }

    fn take(&mut self, request: u64) -> Option<u8> {
        if self.free == 0 {
            return None;
        }
        let mut identifier = self.next;
        while self.holders[usize::from(identifier)].is_some() {
            identifier = identifier.wrapping_add(1);
        }
        self.holders[usize::from(identifier)] = Some(request);
        self.next = identifier.wrapping_add(1);
        self.free -= 1;
        Some(identifier)
    }

    fn give_back(&mut self, identifier: u8) {
        if self.holders[usize::from(identifier)].take().is_some() {
            self.free += 1;
        }
    }
}

impl Server {
    /// Takes a free identifier, of a new socket where the others have none.
    pub(super) fn take_place(&mut self, request: u64) -> Option<Place> {
        let is_full = self.sockets.iter().all(|socket| socket.free == 0);
        let is_new = is_full && self.sockets.len() < MAX_SOCKETS;
        if is_new {
            self.sockets.push(Identifiers::new());
        }
        let socket = self.sockets.iter().position(|socket| socket.free > 0)?;
        let identifier = self.sockets[socket].take(request)?;
        Some(Place {
            socket,
            identifier,
            is_new,
        })
    }

    pub(super) fn free_place(&mut self, socket: usize, identifier: u8) {
        if let Some(socket) = self.sockets.get_mut(socket) {
            socket.give_back(identifier);
        }
    }

    /// The request that an identifier stands for.
    pub(super) fn holder(&self, socket: usize, identifier: u8) -> Option<u64> {
        self.sockets.get(socket)?.holders[usize::from(identifier)]
    }

    /// The requests that wait at a socket.
    pub(super) fn waiting_at(&self, socket: usize) -> impl Iterator<Item = u64> {
        let socket = self.sockets.get(socket);
        socket
            .into_iter()
            .flat_map(|socket| socket.holders.iter().flatten().copied())
    }

    /// A reply came, `latency` after its request was sent first.
    pub(super) fn replied(&mut self, now: Instant, latency: Duration) {
        self.dead_until = None;
        self.last_reply = Some(now);
        self.statistics.latency.add(latency);
    }

    /// All tries of a request that was first sent at `since` were for nothing.
    pub(super) fn gave_nothing(&mut self, now: Instant, since: Instant, dead_time: Duration) {
        self.statistics.timeouts += 1;
        // A server that answers others lives; it has dropped this one for a reason of its own.
        if self.last_reply.is_none_or(|reply| reply < since) {
            self.dead_until = Some(now + dead_time);
        }
    }

    fn is_dead(&self, now: Instant) -> bool {
        self.dead_until.is_some_and(|until| now < until)
    }

    pub(super) fn statistics(&self, address: SocketAddr, now: Instant) -> ServerStatistics {
        ServerStatistics {
            address: Some(address),
            is_dead: self.is_dead(now),
            ..self.statistics.clone()
        }
    }
}

/// The servers to try: those that live, or all where none does.
///
/// The one whose dead time is over gets this request as a trial, and counts as dead for the others until
/// the trial can have ended.
pub(super) fn in_order(servers: &mut [Server], now: Instant, trial: Duration) -> Vec<usize> {
    let living: Vec<usize> = (0..servers.len())
        .filter(|&at| !servers[at].is_dead(now))
        .collect();
    if living.is_empty() {
        return (0..servers.len()).collect();
    }
    if let Some(&first) = living.first()
        && servers[first].dead_until.is_some()
    {
        servers[first].dead_until = Some(now + trial);
    }
    living
}
