//! The server's event loop.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddrV4;
use std::time::{Duration, Instant, SystemTime};

use adit_engine::{CallKey, ConnectionId, Endpoint, Output};
use adit_io::{ControlStream, PacketIo, Progress, SourceAddress};
use adit_net::gre::PathErrorCause;
use mio::net::TcpListener;
use mio::{Events, Poll, Token};
use signal_hook_mio::v1_0::Signals;

use crate::aaa::Authentication;
use crate::config::Config;
use crate::control_socket::ControlSocket;
use crate::host::Host;
use crate::sessions::Sessions;

mod admin;
mod error;
mod events;
mod leases;
mod start;
mod streams;
mod throttle;

pub use error::ServeError;
use leases::Leases;
use throttle::Throttle;

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
    /// The name of the TUN device.
    interface: String,
    host: Option<Host>,
    authentication: Authentication,
    control_socket: ControlSocket,
    signals: Signals,
    sessions: Sessions,
    leases: Leases,
    started: u64,
    ending: Ending,
    backlog: Backlog,
    strangers: Throttle,
}

/// What is to be gone on with. Readiness is reported once, so what is left when a turn is over must
/// be remembered.
#[derive(Debug, Default)]
struct Backlog {
    gre: bool,
    tun: bool,
    /// Listeners by their index.
    listeners: BTreeSet<usize>,
    /// When the system may have room for a connection again that it had not.
    accept_again: Option<Instant>,
    streams: BTreeSet<ConnectionId>,
}

impl Backlog {
    /// Whether there is something to do at once.
    fn is_due(&self) -> bool {
        let accepts = !self.listeners.is_empty() && self.accept_again.is_none();
        self.gre || self.tun || accepts || !self.streams.is_empty()
    }
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
    /// What was told last of GRE packets that do not reach the peer.
    path_error: Option<PathErrorCause>,
}

impl Server {
    /// One line for people: where it serves and the tunnel's inside.
    pub fn summary(&self) -> String {
        let listen: Vec<String> = self.config.listen.iter().map(ToString::to_string).collect();
        let network = &self.config.network;
        format!(
            "serving on {}: interface {}, server {}, clients from {}",
            listen.join(", "),
            self.interface,
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
            GRE => self.backlog.gre = true,
            TUN => self.backlog.tun = true,
            SIGNALS => self.on_signals(),
            WAKE => self.on_wake(),
            Token(token) if token >= CONNECTIONS => {
                let id = ConnectionId((token - CONNECTIONS) as u64);
                if event.is_writable() {
                    self.flush_stream(id);
                }
                if event.is_readable() || event.is_read_closed() {
                    self.backlog.streams.insert(id);
                }
            }
            Token(token) => {
                self.backlog.listeners.insert(token - LISTENERS);
            }
        }
    }

    /// Goes on with what is ready and does what is due; each gets its share of the time.
    fn turn(&mut self) {
        let now = Instant::now();
        self.move_packets(now);
        self.accept_connections(now);
        self.read_streams(now);
        if self
            .endpoint
            .deadline()
            .is_some_and(|deadline| deadline <= now)
        {
            self.packets.handle_timeout(now, &mut self.endpoint);
            self.drain(now);
        }
        self.tell_path_errors(now);
        self.end_farewell(now);
    }

    fn move_packets(&mut self, now: Instant) {
        if self.backlog.gre {
            let source = if self.config.gre.any_source {
                SourceAddress::Any
            } else {
                SourceAddress::MustMatch
            };
            let result = self.packets.receive_gre(now, &mut self.endpoint, source);
            self.backlog.gre = more(result, "the GRE socket");
            self.drain(now);
        }
        if self.backlog.tun {
            let result = self
                .packets
                .read_tun(now, &mut self.endpoint, Endpoint::route, &mut ());
            self.backlog.tun = more(result, "the TUN device");
            self.drain(now);
        }
    }

    /// Carries out what the endpoint wants.
    fn drain(&mut self, now: Instant) {
        while let Some(output) = self.endpoint.poll_output() {
            match output {
                Output::Stream(id, octets) => self.send_stream(now, id, &octets),
                // What still waits for such a peer does so behind all that the kernel holds: it has
                // not read for long, and could keep its place for ever.
                Output::CloseStream(id) => self.remove_stream(id),
                Output::Gre(path, packet) => self.packets.send_gre(&path, &packet),
                Output::Event(event) => self.on_event(now, event),
            }
        }
        self.packets.flush();
    }

    fn wait(&self) -> Option<Duration> {
        if self.backlog.is_due() {
            return Some(Duration::ZERO);
        }
        let now = Instant::now();
        [
            self.endpoint.deadline(),
            self.ending.deadline(),
            self.backlog.accept_again,
        ]
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

/// Seconds since 1970.
fn unix_time() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |time| time.as_secs())
}
