//! The TCP streams of control connections: accepted within limits, read, written, closed.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Instant;

use adit_engine::{ConnectionId, Path};
use adit_io::{ControlStream, StreamState};
use mio::{Interest, Token};

use super::{CONNECTIONS, Connection, ETHERNET, Server};

impl Server {
    pub(super) fn accept(&mut self, index: usize) {
        loop {
            let Some(listener) = self.listeners.get(index) else {
                return;
            };
            match listener.accept() {
                Ok((stream, SocketAddr::V4(peer))) => self.take_connection(stream, peer),
                Ok((_, SocketAddr::V6(_))) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    tracing::warn!("cannot accept a connection: {error}");
                    return;
                }
            }
        }
    }

    fn take_connection(&mut self, stream: mio::net::TcpStream, peer: SocketAddrV4) {
        if let Some(limit) = self.limit_reached(*peer.ip()) {
            tracing::warn!(%peer, "connection refused: {limit}");
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
            tracing::warn!(%peer, "cannot watch a connection: {error}");
            return;
        }
        tracing::debug!(%peer, "connection accepted");
        let connection = Connection {
            stream,
            peer,
            host: String::new(),
            vendor: String::new(),
            had_call: false,
        };
        self.connections.insert(id, connection);
        let now = Instant::now();
        let path = Path {
            local: IpAddr::V4(*local.ip()),
            peer: IpAddr::V4(*peer.ip()),
            mtu,
        };
        self.endpoint.accept(now, id, path);
        self.drain(now);
        self.read_stream(id);
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
                "{} connections from one address are the limit",
                of_peer
            ))
        } else if half_open >= limits.half_open {
            Some(format!(
                "{half_open} connections without a call are the limit"
            ))
        } else {
            None
        }
    }

    /// Reads a control connection until nothing is left.
    pub(super) fn read_stream(&mut self, id: ConnectionId) {
        let mut buffer = [0; 4096];
        let now = Instant::now();
        while let Some(connection) = self.connections.get_mut(&id) {
            match connection.stream.read(&mut buffer) {
                Ok(0) => return self.drop_stream(now, id),
                Ok(length) => {
                    self.endpoint.handle_stream(now, id, &buffer[..length]);
                    self.drain(now);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => return self.drop_stream(now, id),
            }
        }
    }

    pub(super) fn flush_stream(&mut self, id: ConnectionId) {
        let state = self
            .connections
            .get_mut(&id)
            .map(|connection| connection.stream.flush());
        if state == Some(StreamState::Finished) {
            self.drop_stream(Instant::now(), id);
        }
    }

    /// The stream is broken or closed by the peer.
    pub(super) fn drop_stream(&mut self, now: Instant, id: ConnectionId) {
        self.remove_stream(id);
        self.endpoint.handle_stream_closed(now, id);
        self.drain(now);
    }

    pub(super) fn remove_stream(&mut self, id: ConnectionId) {
        if let Some(mut connection) = self.connections.remove(&id) {
            // Closing the descriptor takes it out of the poll as well.
            let _ = self.poll.registry().deregister(&mut connection.stream);
        }
    }
}

fn token_of(id: ConnectionId) -> Token {
    Token(CONNECTIONS + usize::try_from(id.0).unwrap_or(usize::MAX - CONNECTIONS))
}
