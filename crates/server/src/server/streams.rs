//! The TCP streams of control connections: accepted within limits, read, written, closed.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::{Duration, Instant};

use adit_engine::{ConnectionId, Path};
use adit_io::{ControlStream, Progress, StreamState};
use mio::net::TcpStream;
use mio::{Interest, Token};

use super::{CONNECTIONS, Connection, ETHERNET, Server};

/// Connections taken from one listener before others get their turn.
const ACCEPTED: usize = 64;

/// Until a connection is asked for again that the system had no room for.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Reads from one stream before others get their turn.
const READS: usize = 8;

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
            let Some(listener) = self.listeners.get(index) else {
                return Progress::Drained;
            };
            match listener.accept() {
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
        if let Some(limit) = self.limit_reached(*peer.ip()) {
            if self.strangers.allows(now) {
                tracing::warn!(%peer, "connection refused: {limit}");
            }
            return;
        }
        let Ok(SocketAddr::V4(local)) = stream.local_addr() else {
            return;
        };
        let mtu = adit_net::path_mtu(IpAddr::V4(*peer.ip())).unwrap_or(ETHERNET);
        let id = ConnectionId(self.next_connection);
        self.next_connection += 1;
        let mut stream = ControlStream::new(stream);
        let token = token_of(id);
        let interests = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = self.poll.registry().register(&mut stream, token, interests) {
            if self.strangers.allows(now) {
                tracing::warn!(%peer, "cannot watch a connection: {error}");
            }
            return;
        }
        tracing::debug!(%peer, "connection accepted");
        let connection = Connection {
            stream,
            peer,
            host: String::new(),
            vendor: String::new(),
            had_call: false,
            path_error: None,
        };
        self.connections.insert(id, connection);
        let path = Path {
            local: IpAddr::V4(*local.ip()),
            peer: IpAddr::V4(*peer.ip()),
            mtu,
        };
        self.endpoint.accept(now, id, path);
        self.drain(now);
        self.backlog.streams.insert(id);
    }

    /// Which limit a new connection from this address would pass.
    fn limit_reached(&self, peer: Ipv4Addr) -> Option<String> {
        let limits = &self.config.limits;
        let network = &self.config.network;
        let of_peer = self
            .connections
            .values()
            .filter(|it| *it.peer.ip() == peer)
            .count();
        let half_open = self.connections.values().filter(|it| !it.had_call).count();
        if network.pool.contains(&peer) {
            Some(format!(
                "its address is within the tunnel's own pool {}",
                network.pool
            ))
        } else if self.connections.len() >= limits.connections {
            Some(format!("{} connections are the limit", limits.connections))
        } else if of_peer >= limits.connections_per_address {
            Some(format!(
                "{of_peer} connections from one address are the limit"
            ))
        } else if half_open >= limits.half_open {
            Some(format!(
                "{half_open} connections without a call are the limit"
            ))
        } else {
            None
        }
    }

    /// Reads the control connections that have something.
    pub(super) fn read_streams(&mut self, now: Instant) {
        for id in std::mem::take(&mut self.backlog.streams) {
            if self.read_stream(now, id) == Progress::More {
                self.backlog.streams.insert(id);
            }
        }
    }

    fn read_stream(&mut self, now: Instant, id: ConnectionId) -> Progress {
        let mut buffer = [0; 4096];
        for _ in 0..READS {
            let Some(connection) = self.connections.get_mut(&id) else {
                return Progress::Drained;
            };
            match connection.stream.read(&mut buffer) {
                Ok(length @ 1..) => self.endpoint.handle_stream(now, id, &buffer[..length]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Progress::Drained;
                }
                Ok(0) | Err(_) => self.drop_stream(now, id),
            }
            self.drain(now);
        }
        Progress::More
    }

    pub(super) fn send_stream(&mut self, now: Instant, id: ConnectionId, octets: &[u8]) {
        // What PPP said last must not arrive after the end of the call.
        self.packets.flush();
        let state = self
            .connections
            .get_mut(&id)
            .map(|connection| connection.stream.send(octets));
        if state == Some(StreamState::Finished) {
            self.drop_stream(now, id);
        }
    }

    pub(super) fn flush_stream(&mut self, id: ConnectionId) {
        let state = self
            .connections
            .get_mut(&id)
            .map(|connection| connection.stream.flush());
        if state == Some(StreamState::Finished) {
            let now = Instant::now();
            self.drop_stream(now, id);
            self.drain(now);
        }
    }

    /// The stream is broken or closed by the peer. What comes of that is left to be drained.
    fn drop_stream(&mut self, now: Instant, id: ConnectionId) {
        self.remove_stream(id);
        self.endpoint.handle_stream_closed(now, id);
    }

    pub(super) fn remove_stream(&mut self, id: ConnectionId) {
        if let Some(mut connection) = self.connections.remove(&id) {
            // Closing the descriptor takes it out of the poll as well.
            let _ = self.poll.registry().deregister(&mut connection.stream);
        }
    }

    /// Tells what keeps GRE packets from a peer, once for each cause.
    pub(super) fn tell_path_errors(&mut self, now: Instant) {
        for error in self.packets.take_errors() {
            let connection = self
                .connections
                .values_mut()
                .find(|it| *it.peer.ip() == error.destination);
            if connection.is_some_and(|it| it.path_error.replace(error.cause) != Some(error.cause))
                && self.strangers.allows(now)
            {
                tracing::warn!("{error}");
            }
        }
    }
}

fn token_of(id: ConnectionId) -> Token {
    Token(CONNECTIONS + usize::try_from(id.0).unwrap_or(usize::MAX - CONNECTIONS))
}
