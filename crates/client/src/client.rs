mod events;
mod network;

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV4};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use adit_engine::{CallKey, ConnectionId, Destination, Dial, Endpoint, Path};
use adit_io::{ControlStream, PacketIo, Progress, SourceAddress, StreamState, SystemEntropy};
use adit_net::capability::{self, Need};
use adit_net::gre::RawGre;
use mio::net::TcpStream;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};

use crate::config::ClientConfig;
use crate::dial::Dialler;
use crate::error::ClientError;
use crate::observer::{End, Notice, Observer};
use crate::password::Asker;
use crate::signals::HangUpSignals;
use crate::stage::{Stage, StageClock};
use crate::tunnel::route_to_server;
use crate::verdict::Story;
use crate::warning::Warning;
use network::HostNetwork;

const STREAM: Token = Token(0);
const GRE: Token = Token(1);
const TUN: Token = Token(2);
const SIGNALS: Token = Token(3);
const PASSWORD: Token = Token(4);

/// The one control connection.
const CONNECTION: ConnectionId = ConnectionId(1);

/// How long an orderly end may take.
const GOODBYE_TIME: Duration = Duration::from_secs(5);

/// Reads of the control connection before others get their turn.
const STREAM_SHARE: usize = 16;

/// Connects and stays connected until the user hangs up, the server ends the connection, or
/// something fails. All changes of the host are taken back before this returns, and also where it
/// panics.
///
/// It takes over the signals SIGINT, SIGTERM and SIGHUP: the first one hangs up in order, a second
/// one leaves at once.
///
/// # Errors
/// [`ClientError`]; its [`kind`](ClientError::kind) tells the cases apart.
pub fn run(config: &ClientConfig, observer: &mut dyn Observer) -> Result<End, ClientError> {
    config.check()?;
    capability::check(Need::RawGre)?;
    capability::check(Need::Tun)?;
    for warning in Warning::of(config) {
        observer.notice(Notice::Warning(warning));
    }
    let addresses = config.server.resolve()?;
    let mut poll = Poll::new().map_err(ClientError::io("wait for events"))?;
    let mut signals = HangUpSignals::new(poll.registry(), SIGNALS)?;
    let dialled = Dialler {
        poll: &mut poll,
        signals: &mut signals,
        observer,
        token: STREAM,
    }
    .dial(&addresses)?;
    let Some((stream, server)) = dialled else {
        return Ok(End { report: None });
    };
    if let Some(route) = route_to_server(&config.network.routes, *server.ip()) {
        return Err(ClientError::RouteToServer(route));
    }
    Client::new(config, observer, (poll, signals), (stream, server))?.run()
}

/// A connection from TCP on.
struct Client<'a> {
    config: &'a ClientConfig,
    observer: &'a mut dyn Observer,
    poll: Poll,
    signals: HangUpSignals,
    asker: Asker,
    endpoint: Endpoint,
    packets: PacketIo,
    stream: Option<ControlStream>,
    ready: Ready,
    network: HostNetwork,
    call: Option<CallKey>,
    story: Story,
    clock: StageClock,
    asking: bool,
    hung_up: bool,
    /// When the end is waited for no longer.
    give_up: Option<Instant>,
}

/// What may have more to read, as readiness is told only once.
#[derive(Debug, Default)]
struct Ready {
    stream: bool,
    gre: bool,
    tun: bool,
}

impl Ready {
    const fn any(&self) -> bool {
        self.stream || self.gre || self.tun
    }
}

impl<'a> Client<'a> {
    fn new(
        config: &'a ClientConfig,
        observer: &'a mut dyn Observer,
        (poll, signals): (Poll, HangUpSignals),
        (stream, server): (TcpStream, SocketAddrV4),
    ) -> Result<Self, ClientError> {
        let now = Instant::now();
        let local = stream
            .local_addr()
            .map_err(ClientError::io("find out the own address"))?;
        // Before the call is requested: the server's first packet would else be answered with
        // "protocol unreachable", which some take for the end.
        let gre = RawGre::open(match local {
            SocketAddr::V4(local) => Some(*local.ip()),
            SocketAddr::V6(_) => None,
        })?;
        let wait = || ClientError::io("wait for events");
        let mut stream = ControlStream::new(stream);
        let registry = poll.registry();
        registry
            .reregister(&mut stream, STREAM, Interest::READABLE | Interest::WRITABLE)
            .map_err(wait())?;
        registry
            .register(
                &mut SourceFd(&gre.as_fd().as_raw_fd()),
                GRE,
                Interest::READABLE,
            )
            .map_err(wait())?;
        let waker = Waker::new(registry, PASSWORD).map_err(wait())?;
        let peer = IpAddr::V4(*server.ip());
        let path = Path {
            local: local.ip(),
            peer,
            mtu: adit_net::path_mtu(peer)
                .map_err(ClientError::io("find out the MTU of the path"))?,
        };
        let mut packets = PacketIo::new(gre);
        if let Some(transmit) = config.network.direct {
            packets.send_directly(transmit)?;
        }
        let mut endpoint = Endpoint::new(config.endpoint(), Arc::new(SystemEntropy));
        endpoint.dial(now, CONNECTION, path, Dial::default());
        Ok(Self {
            config,
            observer,
            poll,
            signals,
            asker: Asker::new(config.credentials.prompt.clone(), waker),
            endpoint,
            packets,
            stream: Some(stream),
            ready: Ready::default(),
            network: HostNetwork::new(server, config),
            call: None,
            story: Story::default(),
            clock: StageClock::new(Stage::ControlConnection, now),
            asking: false,
            hung_up: false,
            give_up: None,
        })
    }

    fn run(mut self) -> Result<End, ClientError> {
        let ended = self.converse();
        if self.stream.is_some() {
            self.take_leave();
        }
        for warning in self.network.restore() {
            self.observer.notice(Notice::Warning(warning));
        }
        ended?;
        let report = self.story.call_end.take_if(|_| self.hung_up);
        match report {
            Some(end) => Ok(End {
                report: Some(end.report),
            }),
            None if self.hung_up => Ok(End { report: None }),
            None => Err(self.story.cause().into()),
        }
    }

    /// The event loop, until the connection is over.
    fn converse(&mut self) -> Result<(), ClientError> {
        let mut events = Events::with_capacity(16);
        loop {
            let now = Instant::now();
            self.handle_due(now)?;
            if self.stream.is_none() || self.give_up.is_some_and(|end| now >= end) {
                return Ok(());
            }
            self.wait(now, &mut events)?;
            for event in &events {
                match event.token() {
                    STREAM => {
                        self.ready.stream = true;
                        self.flush_stream();
                    }
                    GRE => self.ready.gre = true,
                    TUN => self.ready.tun = true,
                    SIGNALS if self.signals.came() && self.hang_up()? == Patience::Ended => {
                        return Ok(());
                    }
                    _ => {}
                }
            }
            self.handle_ready()?;
        }
    }

    fn wait(&mut self, now: Instant, events: &mut Events) -> Result<(), ClientError> {
        let deadline = [
            self.endpoint.deadline(),
            self.clock.deadline(),
            self.network.deadline(),
            self.give_up,
        ];
        let timeout = if self.ready.any() {
            Some(Duration::ZERO)
        } else {
            let next = deadline.into_iter().flatten().min();
            next.map(|next| next.saturating_duration_since(now))
        };
        match self.poll.poll(events, timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                Err(ClientError::io("wait for events")(error))
            }
            _ => Ok(()),
        }
    }

    fn handle_due(&mut self, now: Instant) -> Result<(), ClientError> {
        if self.endpoint.deadline().is_some_and(|due| now >= due) {
            self.packets.handle_timeout(now, &mut self.endpoint);
        }
        self.settle(now)?;
        self.announce(now);
        self.clock.enter(self.stage(), now);
        if let Some(stage) = self.clock.poll(now) {
            self.observer.notice(Notice::Waiting(stage));
        }
        Ok(())
    }

    fn handle_ready(&mut self) -> Result<(), ClientError> {
        // A server's first packet comes right behind the reply that tells its Call ID.
        if self.ready.stream && self.call.is_none() {
            self.read_stream()?;
        }
        if self.ready.gre {
            let now = Instant::now();
            let progress = self
                .packets
                .receive_gre(now, &mut self.endpoint, SourceAddress::MustMatch)
                .map_err(ClientError::io("receive GRE packets"))?;
            self.ready.gre = progress == Progress::More;
            self.note_path_errors();
            self.settle(now)?;
        }
        // Its last packets, which say why, come before the end of the call.
        if self.ready.stream {
            self.read_stream()?;
        }
        if self.ready.tun {
            let now = Instant::now();
            let destination = self.call.map_or(Destination::Unknown, Destination::Call);
            let progress = self
                .packets
                .read_tun(now, &mut self.endpoint, |_, _| destination, &mut ())
                .map_err(ClientError::io("read from the tunnel's interface"))?;
            self.ready.tun = progress == Progress::More;
            self.settle(now)?;
        }
        if let Some(password) = self.asker.answer() {
            let now = Instant::now();
            self.asking = false;
            if let Some(call) = self.call {
                self.endpoint.supply_password(now, call, password);
            }
            self.settle(now)?;
        }
        Ok(())
    }

    fn read_stream(&mut self) -> Result<(), ClientError> {
        let mut buffer = [0; 4096];
        for _ in 0..STREAM_SHARE {
            let Some(stream) = &mut self.stream else {
                self.ready.stream = false;
                return Ok(());
            };
            let now = Instant::now();
            match stream.read(&mut buffer) {
                Ok(length) if length > 0 => {
                    let octets = buffer.get(..length).unwrap_or_default();
                    self.endpoint.handle_stream(now, CONNECTION, octets);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.ready.stream = false;
                    return Ok(());
                }
                Ok(_) | Err(_) => {
                    self.stream_broke(now);
                    return self.settle(now);
                }
            }
            self.settle(now)?;
        }
        Ok(())
    }

    fn stream_broke(&mut self, now: Instant) {
        self.stream = None;
        self.ready.stream = false;
        self.endpoint.handle_stream_closed(now, CONNECTION);
    }

    fn flush_stream(&mut self) {
        if let Some(stream) = &mut self.stream
            && stream.flush() == StreamState::Finished
        {
            // Reading tells why, where it was not ours to close.
            self.ready.stream = true;
        }
    }

    /// What the network says about GRE packets is a hint for the sentence in the end.
    fn note_path_errors(&mut self) {
        for error in self.packets.take_errors() {
            tracing::debug!("{error}");
            if IpAddr::V4(error.destination) == IpAddr::V4(self.network.server()) {
                self.story.path_error = Some(error);
            }
        }
    }

    /// The user wants to leave: in order the first time, at once the second time.
    fn hang_up(&mut self) -> Result<Patience, ClientError> {
        if self.hung_up {
            self.observer.notice(Notice::Leaving);
            return Ok(Patience::Ended);
        }
        let now = Instant::now();
        self.hung_up = true;
        self.give_up.get_or_insert(now + GOODBYE_TIME);
        self.observer.notice(Notice::HangingUp);
        match self.call {
            Some(call) => self.endpoint.hang_up(now, call),
            None => self.endpoint.stop(now, CONNECTION),
        }
        self.settle(now)?;
        Ok(Patience::Left)
    }

    fn stage(&self) -> Stage {
        match self.call {
            _ if self.story.network_up || self.give_up.is_some() => Stage::Up,
            _ if self.asking => Stage::Password,
            Some(call) => {
                let heard = self
                    .endpoint
                    .report(call)
                    .is_some_and(|report| report.session.received_packets > 0);
                if heard {
                    Stage::Ppp
                } else {
                    Stage::FirstPacket
                }
            }
            None if self.story.control_up => Stage::Call,
            None => Stage::ControlConnection,
        }
    }
}

/// Whether the user still waits for an orderly end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patience {
    Left,
    Ended,
}
