//! A server whose addresses, password and encryption a test chooses.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use adit_engine::{
    Answer, CallLimit, ConnectionId, Endpoint, EndpointConfig, Event, Output, Path, Shard,
    SourceCheck,
};
use adit_io::{ControlStream, PacketIo, Progress, SourceAddress, StreamState, SystemEntropy};
use adit_net::gre::RawGre;
use adit_net::namespace::Host;
use adit_ppp::auth::{Acceptance, AuthenticatorConfig, Refusal, Secret, Verdict};
use adit_ppp::link::Role;
use adit_ppp::{Ipv4Config, LinkConfig, MppeConfig, NameServers};
use adit_pptp::control_connection;
use adit_pptp::session::SessionConfig;
use mio::net::TcpListener;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};

use crate::lab::PASSWORD;

const LISTENER: Token = Token(0);
const GRE: Token = Token(1);
const STREAM: Token = Token(2);
const COMMAND: Token = Token(3);

const CONNECTION: ConnectionId = ConnectionId(1);

/// What a test chooses.
#[derive(Debug, Clone)]
pub(crate) struct Wishes {
    /// The server's address inside the tunnel.
    pub(crate) local: Ipv4Addr,
    /// The client's address.
    pub(crate) peer: Ipv4Addr,
    pub(crate) mppe: MppeConfig,
    /// What every right password is answered with, if it is not accepted.
    pub(crate) refusal: Option<Refusal>,
}

impl Default for Wishes {
    fn default() -> Self {
        Self {
            local: Ipv4Addr::new(10, 77, 0, 1),
            peer: Ipv4Addr::new(10, 77, 0, 2),
            mppe: MppeConfig::default(),
            refusal: None,
        }
    }
}

/// Commands for a running server.
#[derive(Clone)]
pub(crate) struct Remote {
    waker: Arc<Waker>,
    hang_up: Arc<AtomicBool>,
}

impl Remote {
    /// Ends everything in order.
    pub(crate) fn hang_up(&self) {
        self.hang_up.store(true, Ordering::SeqCst);
        self.waker.wake().unwrap();
    }
}

/// Runs a server for one connection while `body` runs; it has to end that connection.
pub(crate) fn with_server<T>(host: &Host, wishes: Wishes, body: impl FnOnce(Remote) -> T) -> T {
    let mut server = host.run(|| Server::start(wishes)).unwrap();
    let remote = server.remote.clone();
    thread::scope(|scope| {
        let serving = scope.spawn(move || while server.turn().unwrap() {});
        let result = body(remote);
        serving.join().unwrap();
        result
    })
}

struct Server {
    poll: Poll,
    listener: TcpListener,
    packets: PacketIo,
    endpoint: Endpoint,
    stream: Option<ControlStream>,
    wishes: Wishes,
    remote: Remote,
    accepted: bool,
    waiting: bool,
}

impl Server {
    fn start(wishes: Wishes) -> Self {
        let poll = Poll::new().unwrap();
        let mut listener = TcpListener::bind("0.0.0.0:1723".parse().unwrap()).unwrap();
        let packets = PacketIo::new(RawGre::open(None).unwrap());
        let gre = packets.gre().as_fd().as_raw_fd();
        let registry = poll.registry();
        registry
            .register(&mut listener, LISTENER, Interest::READABLE)
            .unwrap();
        registry
            .register(&mut SourceFd(&gre), GRE, Interest::READABLE)
            .unwrap();
        let remote = Remote {
            waker: Arc::new(Waker::new(registry, COMMAND).unwrap()),
            hang_up: Arc::default(),
        };
        let mut link = LinkConfig::new(Role::Server(AuthenticatorConfig::default()));
        link.mppe = wishes.mppe.clone();
        link.ipv6 = None;
        let config = EndpointConfig {
            control: control_connection::Config::default(),
            session: SessionConfig::default(),
            link,
            clamp_mss: false,
            source_check: SourceCheck::None,
            maximum_calls: CallLimit::new(1),
            shard: Shard::default(),
        };
        Self {
            poll,
            listener,
            packets,
            endpoint: Endpoint::new(config, Arc::new(SystemEntropy)),
            stream: None,
            wishes,
            remote,
            accepted: false,
            waiting: false,
        }
    }

    /// Goes once around; false when the connection is over.
    fn turn(&mut self) -> io::Result<bool> {
        let now = Instant::now();
        let wait = match self.endpoint.deadline() {
            _ if self.waiting => Some(Duration::ZERO),
            deadline => deadline.map(|deadline| deadline.saturating_duration_since(now)),
        };
        let mut events = Events::with_capacity(8);
        self.poll.poll(&mut events, wait)?;
        let now = Instant::now();
        for event in &events {
            match event.token() {
                LISTENER if !self.accepted => self.accept(now)?,
                STREAM => self.read(now)?,
                _ => {}
            }
        }
        let progress =
            self.packets
                .receive_gre(now, &mut self.endpoint, SourceAddress::MustMatch)?;
        self.waiting = progress == Progress::More;
        self.drain(now);
        self.packets.handle_timeout(now, &mut self.endpoint);
        self.drain(now);
        if self.remote.hang_up.swap(false, Ordering::SeqCst) {
            self.endpoint.shut_down(now);
            self.drain(now);
        }
        Ok(!self.accepted || self.stream.is_some())
    }

    fn accept(&mut self, now: Instant) -> io::Result<()> {
        let (stream, peer) = self.listener.accept()?;
        let (SocketAddr::V4(local), SocketAddr::V4(peer)) = (stream.local_addr()?, peer) else {
            panic!("the listener is an IPv4 one");
        };
        let mut stream = ControlStream::new(stream);
        self.poll
            .registry()
            .register(&mut stream, STREAM, Interest::READABLE)?;
        self.stream = Some(stream);
        self.accepted = true;
        let path = Path {
            local: IpAddr::V4(*local.ip()),
            peer: IpAddr::V4(*peer.ip()),
            mtu: 1500,
        };
        self.endpoint.accept(now, CONNECTION, path);
        self.read(now)
    }

    fn read(&mut self, now: Instant) -> io::Result<()> {
        let mut octets = [0; 1024];
        while let Some(stream) = &mut self.stream {
            match stream.read(&mut octets) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Ok(length) if length > 0 => {
                    self.endpoint
                        .handle_stream(now, CONNECTION, &octets[..length]);
                }
                Ok(_) | Err(_) => {
                    self.stream = None;
                    self.endpoint.handle_stream_closed(now, CONNECTION);
                }
            }
            self.drain(now);
        }
        Ok(())
    }

    fn drain(&mut self, now: Instant) {
        while let Some(output) = self.endpoint.poll_output() {
            match output {
                Output::Stream(_, octets) => {
                    if let Some(stream) = &mut self.stream {
                        assert_eq!(stream.send(&octets), StreamState::Open);
                    }
                }
                Output::CloseStream(_) => self.stream = None,
                Output::Gre(path, packet) => self.packets.send_gre(&path, &packet),
                Output::Event(Event::Authenticate {
                    call,
                    ticket,
                    credentials,
                }) => {
                    let proven = credentials.verify(&Secret::clear(PASSWORD));
                    let verdict = match (proven, self.wishes.refusal) {
                        (Err(refusal), _) | (Ok(_), Some(refusal)) => Verdict::Refuse(refusal),
                        (Ok(proven), None) => Verdict::Accept(Box::new(Acceptance {
                            proven,
                            ipv4: Some(self.offer()),
                            interface_id: None,
                            message: String::new(),
                        })),
                    };
                    let answer = Answer {
                        networks: Vec::new(),
                        verdict,
                        router: None,
                    };
                    self.endpoint.answer(now, call, ticket, answer);
                }
                Output::Event(_) => {}
            }
        }
        self.packets.flush();
    }

    fn offer(&self) -> Ipv4Config {
        Ipv4Config::Assign {
            local: self.wishes.local,
            peer: self.wishes.peer,
            dns: NameServers::default(),
            wins: NameServers::default(),
        }
    }
}
