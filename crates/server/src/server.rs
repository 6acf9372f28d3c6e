//! The server's event loop.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddrV4;
use std::time::{Duration, Instant, SystemTime};

use adit_engine::{CallKey, ConnectionId, Endpoint, Output};
use adit_io::{ControlStream, PacketIo, Progress, SourceAddress, StreamState};
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

pub use error::ServeError;
use leases::Leases;

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
                    // What PPP said last must not arrive after the end of the call.
                    self.packets.flush();
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
