//! A RADIUS client's machine with its sockets, for a thread that waits for events.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Instant;

use adit_io::SystemEntropy;
use adit_ppp::Entropy;
use adit_radius::client::{
    Client, ClientConfig, MAX_SOCKETS, NoReply, Output, Reply, ServerStatistics, SocketId,
    SubmitError,
};
use adit_radius::packet::{Contents, MAX_LENGTH};
use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};

/// Datagrams that are read from a socket before others get their turn. Each answers one request or is
/// not for us.
const TAKEN: usize = 1024;

/// What came of a request.
pub(crate) type Outcome = Result<Reply, NoReply>;

/// A client whose sockets have the tokens from [`FIRST_TOKEN`](Self::FIRST_TOKEN) on.
pub(crate) struct Exchange<T> {
    client: Client<T>,
    /// Where requests come from; none leaves that to the system.
    source: Option<IpAddr>,
    sockets: BTreeMap<SocketId, UdpSocket>,
    /// Sockets that may have more to read.
    readable: Vec<SocketId>,
}

impl<T> Exchange<T> {
    /// Tokens below this are the owner's.
    pub(crate) const FIRST_TOKEN: usize = 16;

    pub(crate) fn new(config: ClientConfig, source: Option<IpAddr>) -> Self {
        let random = || {
            let mut octets = [0; 16];
            SystemEntropy.fill(&mut octets);
            octets
        };
        Self {
            client: Client::new(config, Box::new(random)),
            source,
            sockets: BTreeMap::new(),
            readable: Vec::new(),
        }
    }

    /// Sends a request; [`turn`](Self::turn) gives the tag back with what came of it.
    ///
    /// # Errors
    /// The tag, where nothing will come of it.
    pub(crate) fn submit(
        &mut self,
        now: Instant,
        contents: Contents,
        tag: T,
    ) -> Result<(), (SubmitError, T)> {
        self.client.submit(now, contents, tag)
    }

    /// A socket is ready.
    pub(crate) fn on_ready(&mut self, token: Token) {
        let Some(index) = token.0.checked_sub(Self::FIRST_TOKEN) else {
            return;
        };
        self.readable.push(SocketId {
            server: index / MAX_SOCKETS,
            number: index % MAX_SOCKETS,
        });
    }

    /// Receives what has come, does what is due and sends. Returns the requests that have ended.
    pub(crate) fn turn(&mut self, registry: &Registry, now: Instant) -> Vec<(T, Outcome)> {
        for socket in std::mem::take(&mut self.readable) {
            if self.receive(socket, now) {
                self.readable.push(socket);
            }
        }
        self.client.handle_timeout(now);
        let mut done = Vec::new();
        while let Some(output) = self.client.poll_output() {
            match output {
                Output::Open(id, server) => match self.open(registry, id, server) {
                    Ok(socket) => {
                        self.sockets.insert(id, socket);
                    }
                    Err(error) => {
                        tracing::error!("cannot open a socket to RADIUS server {server}: {error}");
                    }
                },
                Output::Send(id, octets) => {
                    // What cannot be sent is lost, as on any network, and sent again.
                    if let Some(socket) = self.sockets.get(&id)
                        && let Err(error) = socket.send(&octets)
                    {
                        tracing::debug!("cannot send to a RADIUS server: {error}");
                    }
                }
                Output::Done(tag, outcome) => done.push((tag, outcome)),
            }
        }
        done
    }

    /// How long the owner may wait for events.
    pub(crate) fn deadline(&self, now: Instant) -> Option<Instant> {
        match self.readable.is_empty() {
            true => self.client.deadline(),
            false => Some(now),
        }
    }

    /// What came of each server so far.
    pub(crate) fn statistics(&self, now: Instant) -> Vec<ServerStatistics> {
        self.client.statistics(now)
    }

    fn open(&self, registry: &Registry, id: SocketId, server: SocketAddr) -> io::Result<UdpSocket> {
        let any = match server {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        let source = self.source.filter(|it| it.is_ipv4() == server.is_ipv4());
        let mut socket = UdpSocket::bind(SocketAddr::new(source.unwrap_or(any), 0))?;
        socket.connect(server)?;
        let token = Token(Self::FIRST_TOKEN + id.server * MAX_SOCKETS + id.number);
        registry.register(&mut socket, token, Interest::READABLE)?;
        Ok(socket)
    }

    /// Receives a fair share; whether there may be more.
    fn receive(&mut self, id: SocketId, now: Instant) -> bool {
        let Some(socket) = self.sockets.get(&id) else {
            return false;
        };
        let mut buffer = [0; MAX_LENGTH];
        for _ in 0..TAKEN {
            match socket.recv_from(&mut buffer) {
                Ok((length, from)) => self.client.receive(now, id, from, &buffer[..length]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                // Errors that ICMP reports: the next datagram may still be there.
                Err(error) => tracing::debug!("a RADIUS server cannot be reached: {error}"),
            }
        }
        true
    }
}
