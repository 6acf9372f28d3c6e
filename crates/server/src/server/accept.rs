//! New control connections: accepted within limits and given to a worker.

use std::io;
use std::net::{SocketAddr, SocketAddrV4};
use std::time::{Duration, Instant};

use adit_io::Progress;
use mio::net::TcpStream;

use super::Server;
use super::refusals::Refused;
use crate::aaa::Happening;
use crate::worker::message::Command;

/// Connections taken from one listener before others get their turn.
const ACCEPTED: usize = 64;

/// Until a connection is asked for again that the system had no room for.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

impl Server {
    /// Takes what waits at the listeners.
    pub(super) fn accept_connections(&mut self, now: Instant) {
        if self.backlog.accept_again.is_some_and(|again| now < again) {
            return;
        }
        self.backlog.accept_again = None;
        for index in std::mem::take(&mut self.backlog.listeners) {
            if self.accept(now, index) == Progress::More {
                self.backlog.listeners.insert(index);
            }
        }
    }

    fn accept(&mut self, now: Instant, index: usize) -> Progress {
        for _ in 0..ACCEPTED {
            let Some(accepted) = self.listeners.accept(index) else {
                return Progress::Drained;
            };
            match accepted {
                Ok((stream, SocketAddr::V4(peer))) => self.take_connection(now, stream, peer),
                Ok((_, SocketAddr::V6(_))) => {}
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return Progress::Drained,
                    io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted => {}
                    _ => {
                        // The connection still waits, and nothing will report it once more.
                        self.backlog.accept_again = Some(now + ACCEPT_AGAIN);
                        if self.strangers.allows(now) {
                            tracing::warn!("cannot accept a connection: {error}");
                        }
                        return Progress::More;
                    }
                },
            }
        }
        Progress::More
    }

    fn take_connection(&mut self, now: Instant, stream: TcpStream, peer: SocketAddrV4) {
        if let Some(why) = self.refuses(peer) {
            self.refusals.count(why);
            let reason = why.name();
            self.tell(&Happening::TurnedAway { peer, reason });
            if self.strangers.allows(now) {
                tracing::warn!(%peer, "connection refused: {why}");
            }
            return;
        }
        // Where the peer is gone already there is no address, and nobody who asks for it.
        let Ok(SocketAddr::V4(local)) = stream.local_addr() else {
            return;
        };
        tracing::debug!(%peer, "connection accepted");
        let worker = self.crew.assign();
        let id = self.connections.add(peer, local, worker);
        self.tell(&Happening::Connected { peer });
        self.crew.tell(worker, Command::Accept { id, stream, peer });
        self.tally.accepted += 1;
        self.trace_connection(worker, id, peer);
    }

    /// Why a new connection from this address is not taken, if it is not.
    fn refuses(&self, peer: SocketAddrV4) -> Option<Refused> {
        let limits = &self.config.limits;
        if let Some(pool) = self.leases.network_of(*peer.ip()) {
            return Some(Refused::OwnPool(pool));
        }
        if !limits.access.admits(*peer.ip()) {
            return Some(Refused::Denied);
        }
        self.connections.limit_reached(*peer.ip(), limits)
    }
}
