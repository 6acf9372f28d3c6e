//! The server's event loop.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use adit_engine::{CallKey, ConnectionId, Endpoint, Output, Path};
use adit_io::{ControlStream, PacketIo, Progress, SourceAddress, StreamState, SystemEntropy};
use adit_net::gre::{RawGre, RawGreError};
use adit_ppp::Entropy;
use adit_wire::ipv6cp::InterfaceId;
use mio::net::TcpListener;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};
use signal_hook::consts::signal::{SIGHUP, SIGINT, SIGTERM};
use signal_hook_mio::v1_0::Signals;

use crate::aaa::Authentication;
use crate::config::{Config, Mtu};
use crate::control_socket::{BindError, ControlSocket};
use crate::host::{Host, SetupError};
use crate::sessions::Sessions;
use crate::users::StoreError;
use crate::{settings, users};

mod admin;
mod events;
mod leases;

use leases::Leases;

/// Why the server cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The user store cannot be opened.
    #[error(transparent)]
    Users(#[from] StoreError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {}", listen_problem(source))]
    Listen {
        /// Which.
        address: SocketAddrV4,
        /// What the system said.
        source: io::Error,
    },
    /// No raw socket for GRE.
    #[error(transparent)]
    Gre(#[from] RawGreError),
    /// The TUN device, its addresses or the firewall.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// Another server has the control socket.
    #[error(transparent)]
    ControlSocket(#[from] BindError),
    /// Anything else that the system refused.
    #[error("the system refused what the server needs: {0}")]
    System(#[from] io::Error),
}

fn listen_problem(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "another program uses this port; stop it, or choose another \
                                     address or port with --listen"
            .to_owned(),
        io::ErrorKind::PermissionDenied => "a port below 1024 takes root or the capability \
                                            CAP_NET_BIND_SERVICE"
            .to_owned(),
        io::ErrorKind::AddrNotAvailable => "it is not an address of this host".to_owned(),
        _ => error.to_string(),
    }
}

const GRE: Token = Token(0);
const TUN: Token = Token(1);
const SIGNALS: Token = Token(2);
const WAKE: Token = Token(3);
/// Listeners follow; connections come far behind them.
const LISTENERS: usize = 16;
const CONNECTIONS: usize = 1 << 16;

/// What the TUN device's MTU is made of where nothing is configured: an Ethernet path.
const ETHERNET: u16 = 1500;
/// IPv4, the longest GRE header, PPP and MPPE.
const OVERHEAD: u16 = 20 + 16 + 4 + 4;

/// How long the peers get to take leave of PPP when the server ends, and then of PPTP.
const FAREWELL: Duration = Duration::from_secs(2);

/// A server that is ready to run.
pub struct Server {
    config: Config,
    poll: Poll,
    listeners: Vec<TcpListener>,
    connections: BTreeMap<ConnectionId, Connection>,
    next_connection: u64,
    endpoint: Endpoint,
    packets: PacketIo,
    host: Option<Host>,
    authentication: Authentication,
    control_socket: ControlSocket,
    signals: Signals,
    sessions: Sessions,
    leases: Leases,
    started: u64,
    ending: Ending,
    gre_waits: bool,
    tun_waits: bool,
}

/// How far the end of the server has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    NotYet,
    /// The PPP links take leave until then.
    HangingUp(Instant),
    /// The control connections are stopped; this is the end, whoever has not answered.
    Stopping(Instant),
}

impl Ending {
    fn deadline(self) -> Option<Instant> {
        match self {
            Self::NotYet => None,
            Self::HangingUp(deadline) | Self::Stopping(deadline) => Some(deadline),
        }
    }
}

/// One control connection's stream and what is known of its peer.
struct Connection {
    stream: ControlStream,
    peer: SocketAddrV4,
    host: String,
    vendor: String,
    /// Whether it has had a call: until then it is half-open.
    had_call: bool,
}

impl Server {
    /// Sets everything up: sockets, TUN device, addresses, users. What was changed on the host is
    /// undone when the server is dropped.
    ///
    /// # Errors
    /// [`ServeError`] says what is missing and what to do.
    pub fn start(config: Config) -> Result<Self, ServeError> {
        let mut store = users::open_store(&config.users)?;
        for warning in store.warnings() {
            tracing::warn!("{warning}");
        }
        let poll = Poll::new()?;
        let listeners = listen(&poll, &config.listen)?;
        let mut packets = PacketIo::new(RawGre::open(None)?);
        let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
        let woken = Arc::clone(&waker);
        let control_socket = ControlSocket::bind(&config.control_socket, move || {
            // The loop has ended where this fails, and nobody waits for the answer.
            let _ = woken.wake();
        })?;
        let id = interface_id();
        let endpoint = Endpoint::new(settings::endpoint(&config, id), Arc::new(SystemEntropy));
        let leases = Leases::new(&config, store.fixed_addresses()?);
        let (host, tun) = set_up_host(&config, id)?;
        let registry = poll.registry();
        let gre = packets.gre().as_fd().as_raw_fd();
        registry.register(&mut SourceFd(&gre), GRE, Interest::READABLE)?;
        registry.register(
            &mut SourceFd(&tun.as_fd().as_raw_fd()),
            TUN,
            Interest::READABLE,
        )?;
        packets.attach(tun);
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
        registry.register(&mut signals, SIGNALS, Interest::READABLE)?;
        let authentication = Authentication::start(store, waker)?;
        Ok(Self {
            poll,
            listeners,
            connections: BTreeMap::new(),
            next_connection: 0,
            endpoint,
            packets,
            host: Some(host),
            authentication,
            control_socket,
            signals,
            sessions: Sessions::default(),
            leases,
            started: unix_time(),
            ending: Ending::NotYet,
            gre_waits: false,
            tun_waits: false,
            config,
        })
    }

    /// One line for people: where it serves and the tunnel's inside.
    pub fn summary(&self) -> String {
        let listen: Vec<String> = self.config.listen.iter().map(ToString::to_string).collect();
        let network = &self.config.network;
        let interface = self.packets.tun().map_or("", |tun| tun.name());
        format!(
            "serving on {}: interface {interface}, server {}, clients from {}",
            listen.join(", "),
            network.server_address(),
            network.pool.trunc(),
        )
    }

    /// Serves until a signal ends it.
    ///
    /// # Errors
    /// The system refused to wait for events, which ends everything.
    pub fn run(mut self) -> Result<(), ServeError> {
        let mut events = Events::with_capacity(1024);
        while !self.is_finished() {
            let wait = self.wait();
            match self.poll.poll(&mut events, wait) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => result?,
            }
            for event in &events {
                self.on_ready(event);
            }
            self.turn();
        }
        self.tear_down();
        Ok(())
    }

    fn on_ready(&mut self, event: &mio::event::Event) {
        match event.token() {
            GRE => self.gre_waits = true,
            TUN => self.tun_waits = true,
            SIGNALS => self.on_signals(),
            WAKE => self.on_wake(),
            Token(token) if token >= CONNECTIONS => {
                let id = ConnectionId((token - CONNECTIONS) as u64);
                if event.is_writable() {
                    self.flush_stream(id);
                }
                if event.is_readable() || event.is_read_closed() {
                    self.read_stream(id);
                }
            }
            Token(token) => self.accept(token - LISTENERS),
        }
    }

    /// Moves packets and does what is due.
    fn turn(&mut self) {
        let now = Instant::now();
        if self.gre_waits {
            let source = if self.config.gre.any_source {
                SourceAddress::Any
            } else {
                SourceAddress::MustMatch
            };
            let result = self.packets.receive_gre(now, &mut self.endpoint, source);
            self.gre_waits = more(result, "the GRE socket");
            self.drain(now);
        }
        if self.tun_waits {
            let result = self
                .packets
                .read_tun(now, &mut self.endpoint, Endpoint::route);
            self.tun_waits = more(result, "the TUN device");
            self.drain(now);
        }
        if self
            .endpoint
            .deadline()
            .is_some_and(|deadline| deadline <= now)
        {
            self.packets.handle_timeout(now, &mut self.endpoint);
            self.drain(now);
        }
        self.end_farewell(now);
    }

    /// Carries out what the endpoint wants.
    fn drain(&mut self, now: Instant) {
        while let Some(output) = self.endpoint.poll_output() {
            match output {
                Output::Stream(id, octets) => {
                    let state = self
                        .connections
                        .get_mut(&id)
                        .map(|it| it.stream.send(&octets));
                    if state == Some(StreamState::Finished) {
                        self.drop_stream(now, id);
                    }
                }
                Output::CloseStream(id) => {
                    let state = self.connections.get_mut(&id).map(|it| it.stream.close());
                    if state == Some(StreamState::Finished) {
                        self.remove_stream(id);
                    }
                }
                Output::Gre(path, packet) => self.packets.send_gre(&path, &packet),
                Output::Event(event) => self.on_event(now, event),
            }
        }
        self.packets.flush();
    }

    fn wait(&self) -> Option<Duration> {
        if self.gre_waits || self.tun_waits {
            return Some(Duration::ZERO);
        }
        let now = Instant::now();
        [self.endpoint.deadline(), self.ending.deadline()]
            .into_iter()
            .flatten()
            .min()
            .map(|deadline| deadline.saturating_duration_since(now))
    }

    fn is_finished(&self) -> bool {
        match self.ending {
            Ending::NotYet => false,
            Ending::HangingUp(_) => self.connections.is_empty(),
            Ending::Stopping(deadline) => self.connections.is_empty() || Instant::now() >= deadline,
        }
    }

    /// The first signal ends the server in order, a second one at once.
    fn on_signals(&mut self) {
        let now = Instant::now();
        if self.signals.pending().count() == 0 {
            return;
        }
        if self.ending != Ending::NotYet {
            self.ending = Ending::Stopping(now);
            return;
        }
        tracing::info!("ending: {} sessions are told", self.sessions.len());
        self.ending = Ending::HangingUp(now + FAREWELL);
        self.listeners.clear();
        self.endpoint.shut_down(now);
        self.drain(now);
    }

    fn end_farewell(&mut self, now: Instant) {
        if let Ending::HangingUp(deadline) = self.ending
            && now >= deadline
        {
            self.ending = Ending::Stopping(now + FAREWELL);
            self.endpoint.stop_all(now);
            self.drain(now);
        }
    }

    fn accept(&mut self, index: usize) {
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
    fn read_stream(&mut self, id: ConnectionId) {
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

    fn flush_stream(&mut self, id: ConnectionId) {
        let state = self
            .connections
            .get_mut(&id)
            .map(|connection| connection.stream.flush());
        if state == Some(StreamState::Finished) {
            self.drop_stream(Instant::now(), id);
        }
    }

    /// The stream is broken or closed by the peer.
    fn drop_stream(&mut self, now: Instant, id: ConnectionId) {
        self.remove_stream(id);
        self.endpoint.handle_stream_closed(now, id);
        self.drain(now);
    }

    fn remove_stream(&mut self, id: ConnectionId) {
        if let Some(mut connection) = self.connections.remove(&id) {
            // Closing the descriptor takes it out of the poll as well.
            let _ = self.poll.registry().deregister(&mut connection.stream);
        }
    }

    fn tear_down(mut self) {
        let problems = self.host.take().map(Host::undo).unwrap_or_default();
        for problem in problems {
            tracing::warn!("left behind on the host: {problem}");
        }
        tracing::info!("ended");
    }

    /// Ends a session in order.
    fn hang_up(&mut self, now: Instant, call: CallKey) {
        self.endpoint.hang_up(now, call);
    }
}

fn token_of(id: ConnectionId) -> Token {
    Token(CONNECTIONS + usize::try_from(id.0).unwrap_or(usize::MAX - CONNECTIONS))
}

/// Whether a reader has more; its failure is told and does not end the server.
fn more(result: io::Result<Progress>, what: &str) -> bool {
    match result {
        Ok(progress) => progress == Progress::More,
        Err(error) => {
            tracing::warn!("cannot read {what}: {error}");
            false
        }
    }
}

fn listen(poll: &Poll, addresses: &[SocketAddrV4]) -> Result<Vec<TcpListener>, ServeError> {
    let mut listeners = Vec::new();
    for (index, &address) in addresses.iter().enumerate() {
        let failed = |source| ServeError::Listen { address, source };
        let mut listener = TcpListener::bind(SocketAddr::V4(address)).map_err(failed)?;
        poll.registry()
            .register(&mut listener, Token(LISTENERS + index), Interest::READABLE)?;
        listeners.push(listener);
    }
    Ok(listeners)
}

fn set_up_host(config: &Config, id: InterfaceId) -> Result<(Host, adit_net::tun::Tun), ServeError> {
    let mtu = match config.network.mtu {
        Mtu::Auto => ETHERNET - OVERHEAD,
        Mtu::Octets(mtu) => mtu,
    };
    let (mut host, tun) = Host::set_up(config, mtu)?;
    if config.network.ipv6
        && let Err(error) = host.add_link_local(&tun, id.link_local())
    {
        tracing::warn!("IPv6 is not to be had on this host: {error}");
    }
    if !config.network.forward && !forwards() {
        tracing::info!(
            "this host does not forward packets, so clients reach it and nothing behind it; set \
             forward = true in the section [network] to change that"
        );
    }
    Ok((host, tun))
}

fn forwards() -> bool {
    adit_net::sysctl::read("net.ipv4.ip_forward").is_ok_and(|value| value.trim() == "1")
}

/// A random identifier of our end of all links (RFC 5072 §4.1).
fn interface_id() -> InterfaceId {
    let mut octets = [0; 8];
    SystemEntropy.fill(&mut octets);
    octets[0] &= !0x02;
    octets[7] |= 0x01;
    InterfaceId(octets)
}

/// Seconds since 1970.
fn unix_time() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |time| time.as_secs())
}
