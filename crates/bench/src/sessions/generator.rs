//! Many clients of one server, driven by one event loop.

mod events;

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use adit_engine::{
    CallKey, CallLimit, ConnectionId, Dial, Endpoint, EndpointConfig, Path, Shard, SourceCheck,
};
use adit_io::{ControlStream, Progress, StreamState, SystemEntropy, established};
use adit_ppp::auth::{Method, PeerConfig};
use adit_ppp::{Ipv4Config, LinkConfig, link::Role};
use adit_pptp::control_connection;
use adit_pptp::session::SessionConfig;
use adit_wire::text::Text;
use anyhow::Context;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use zeroize::Zeroizing;

use super::client::{Client, Stage, connect};
use super::packets::{Answer, Packets, Question};
use super::sources::Sources;

const GRE: Token = Token(0);
/// Tokens of the clients' streams follow.
const STREAMS: usize = 1;

/// Longest wait for something to happen, so that a wish to stop is seen.
const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// Batches of GRE packets before the control connections get their turn.
const SHARE: usize = 4;

/// Acknowledgments wait so long for a packet to travel on, so that they nearly always find one.
const ACKNOWLEDGMENT_DELAY: Duration = Duration::from_secs(5);

/// Files that are open beside the clients' streams.
const OTHER_FILES: u64 = 64;

/// Where the clients connect to, and as whom.
#[derive(Debug, Clone)]
pub struct Target {
    /// The server.
    pub server: SocketAddrV4,
    /// The user that all clients are.
    pub user: String,
    /// The user's password.
    pub password: Zeroizing<String>,
    /// The addresses that the clients connect from.
    pub sources: Sources,
}

/// What has become of a client.
#[derive(Debug, Clone, Copy)]
pub(super) enum Happening {
    /// IPv4 packets pass.
    Up(usize),
    /// An echo reply came out of its tunnel.
    Answered(usize, Answer),
    /// Nothing is left of it.
    Over(usize),
}

/// The clients, by their numbers, and all that they share.
pub(super) struct Generator {
    target: Target,
    /// Of the path to the server.
    mtu: u16,
    poll: Poll,
    events: Events,
    endpoint: Endpoint,
    packets: Packets,
    clients: Vec<Client>,
    /// The client of each Call ID.
    by_call: Vec<u32>,
    happenings: VecDeque<Happening>,
    /// Room that is used again.
    answers: Vec<Answer>,
    gre_ready: bool,
    readable: BTreeSet<usize>,
    /// Clients that have asked for a call and have none yet.
    calls_awaited: usize,
}

impl Generator {
    /// Gets ready for clients with the numbers from 0 to `count`, on the host of the calling thread.
    ///
    /// # Errors
    /// The system refuses the raw socket or has not room for so many files, or no route leads to the
    /// server.
    pub(super) fn new(target: Target, count: usize) -> anyhow::Result<Self> {
        let files = OTHER_FILES + count as u64;
        let allowed = adit_net::open_files::allow(files)?;
        anyhow::ensure!(
            allowed >= files,
            "the system allows {allowed} open files, too few for {count} sessions; raise the hard \
             limit (`ulimit -Hn`)"
        );
        let server = *target.server.ip();
        let mtu = adit_net::path_mtu(IpAddr::V4(server))
            .with_context(|| format!("no route leads to {server}"))?;
        let poll = Poll::new()?;
        // Before the first call: the server's first packets would else be answered with "protocol
        // unreachable".
        let packets = Packets::open()?;
        poll.registry().register(
            &mut SourceFd(&packets.as_fd().as_raw_fd()),
            GRE,
            Interest::READABLE,
        )?;
        let endpoint = Endpoint::new(endpoint_config(&target, count), Arc::new(SystemEntropy));
        Ok(Self {
            target,
            mtu,
            poll,
            events: Events::with_capacity(1024),
            endpoint,
            packets,
            clients: std::iter::repeat_with(Client::default)
                .take(count)
                .collect(),
            by_call: vec![0; 1 << 16],
            happenings: VecDeque::new(),
            answers: Vec::new(),
            gre_ready: false,
            readable: BTreeSet::new(),
            calls_awaited: 0,
        })
    }

    /// A client.
    pub(super) fn client(&self, number: usize) -> &Client {
        &self.clients[number]
    }

    pub(super) fn client_mut(&mut self, number: usize) -> &mut Client {
        &mut self.clients[number]
    }

    /// GRE packets that this host did not send.
    pub(super) fn unsent(&self) -> u64 {
        self.packets.unsent()
    }

    /// Has a client connect.
    pub(super) fn start(&mut self, now: Instant, number: usize) {
        let source = self.target.sources.address(number);
        let client = &mut self.clients[number];
        client.started = Some(now);
        client.stage = Stage::Connecting;
        let connected = connect(source, self.target.server).and_then(|stream| {
            let mut stream = ControlStream::new(stream);
            let interests = Interest::READABLE | Interest::WRITABLE;
            self.poll
                .registry()
                .register(&mut stream, Token(STREAMS + number), interests)?;
            Ok(stream)
        });
        match connected {
            Ok(stream) => client.stream = Some(stream),
            Err(error) => {
                client.blame(format!("cannot connect: {error}"));
                self.finish(number);
            }
        }
    }

    /// Has a client take leave: of PPP first, then of PPTP.
    pub(super) fn leave(&mut self, now: Instant, number: usize) {
        let client = &mut self.clients[number];
        if client.stage == Stage::Connecting {
            self.finish(number);
            return;
        }
        client.stage = Stage::Leaving;
        match client.call {
            Some(call) => self.endpoint.hang_up(now, call),
            None => self.endpoint.stop(now, id_of(number)),
        }
        self.drain(now);
    }

    /// Has a client that has taken leave wait for nothing more.
    pub(super) fn abandon(&mut self, now: Instant, number: usize) {
        self.endpoint.stop(now, id_of(number));
        self.endpoint.handle_stream_closed(now, id_of(number));
        self.drain(now);
        self.finish(number);
    }

    /// Sends an echo request through a client's tunnel, once [`flush`](Self::flush) is called; `false`
    /// where it has none.
    pub(super) fn ask(
        &mut self,
        now: Instant,
        number: usize,
        (identifier, sequence): (u16, u16),
        data: &[u8],
    ) -> bool {
        let client = &self.clients[number];
        let (Some(call), Some(inner)) = (client.call, client.inner()) else {
            return false;
        };
        let question = Question {
            from: inner.own,
            to: inner.target,
            identifier,
            sequence,
            data,
        };
        self.packets.ask(now, &mut self.endpoint, call, &question);
        true
    }

    /// Sends what has been collected.
    pub(super) fn flush(&mut self) {
        self.packets.flush();
    }

    /// The next thing that has become of a client; none until [`turn`](Self::turn) is called again.
    pub(super) fn poll_happening(&mut self) -> Option<Happening> {
        self.happenings.pop_front()
    }

    /// Waits until something happens, at most until `until`, and takes it in.
    ///
    /// # Errors
    /// The system refuses to wait, or the raw socket fails.
    pub(super) fn turn(&mut self, until: Instant) -> anyhow::Result<()> {
        self.look(until)?;
        let now = Instant::now();
        self.read_streams(now);
        self.move_packets(now)?;
        if self.endpoint.deadline().is_some_and(|due| due <= now) {
            self.packets.handle_timeout(now, &mut self.endpoint);
            self.drain(now);
        }
        Ok(())
    }

    fn move_packets(&mut self, now: Instant) -> anyhow::Result<()> {
        for _ in 0..SHARE {
            if !self.gre_ready || self.packets.fetch()? == Progress::Drained {
                self.gre_ready = false;
                break;
            }
            if self.calls_awaited > 0 {
                // A server sends its first packet at once after the reply that tells the Call ID: the reply to
                // whatever is in the batch has come, but perhaps after the last look.
                self.look(now)?;
                self.read_streams(now);
            }
            self.packets.deliver(now, &mut self.endpoint);
            self.note_answers();
            self.drain(now);
        }
        Ok(())
    }

    /// Waits until something is ready, at most until `until`, and notes what.
    fn look(&mut self, until: Instant) -> anyhow::Result<()> {
        let now = Instant::now();
        let next = self.endpoint.deadline().map_or(until, |due| due.min(until));
        let timeout = if self.gre_ready || !self.readable.is_empty() {
            Duration::ZERO
        } else {
            next.saturating_duration_since(now).min(LONGEST_WAIT)
        };
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error.into()),
            _ => {}
        }
        let mut writable = Vec::new();
        for event in &self.events {
            match event.token() {
                GRE => self.gre_ready = true,
                Token(token) => {
                    let number = token - STREAMS;
                    if event.is_writable() || event.is_error() {
                        writable.push(number);
                    }
                    if event.is_readable() || event.is_read_closed() {
                        self.readable.insert(number);
                    }
                }
            }
        }
        let now = Instant::now();
        for number in writable {
            self.on_writable(now, number);
        }
        Ok(())
    }

    fn on_writable(&mut self, now: Instant, number: usize) {
        let client = &mut self.clients[number];
        let Some(stream) = &mut client.stream else {
            return;
        };
        if client.stage != Stage::Connecting {
            if stream.flush() == StreamState::Finished {
                self.on_stream_over(now, number);
            }
            return;
        }
        match established(stream.get()) {
            None => {}
            Some(Ok(())) => self.dial(now, number),
            Some(Err(error)) => {
                client.blame(format!("cannot connect: {error}"));
                self.finish(number);
            }
        }
    }

    /// TCP is there: asks for a call.
    fn dial(&mut self, now: Instant, number: usize) {
        let client = &mut self.clients[number];
        let local = client.stream.as_ref().map(|it| it.get().local_addr());
        let Some(Ok(local)) = local else {
            client.blame("the system does not tell the connection's own address");
            return self.finish(number);
        };
        client.stage = Stage::Negotiating;
        client.awaits_call = true;
        self.calls_awaited += 1;
        let path = Path {
            local: local.ip(),
            peer: IpAddr::V4(*self.target.server.ip()),
            mtu: self.mtu,
        };
        self.endpoint
            .dial(now, id_of(number), path, Dial::default());
        self.drain(now);
    }

    fn read_streams(&mut self, now: Instant) {
        for number in std::mem::take(&mut self.readable) {
            self.read_stream(now, number);
        }
    }

    fn read_stream(&mut self, now: Instant, number: usize) {
        let mut buffer = [0; 4096];
        loop {
            let client = &mut self.clients[number];
            let Some(stream) = &mut client.stream else {
                return;
            };
            if client.stage == Stage::Connecting {
                // Its being writable tells what has become of it.
                return;
            }
            match stream.read(&mut buffer) {
                Ok(length) if length > 0 => {
                    let octets = buffer.get(..length).unwrap_or_default();
                    self.endpoint.handle_stream(now, id_of(number), octets);
                    self.drain(now);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Ok(_) | Err(_) => return self.on_stream_over(now, number),
            }
        }
    }

    fn on_stream_over(&mut self, now: Instant, number: usize) {
        self.endpoint.handle_stream_closed(now, id_of(number));
        self.drain(now);
        self.finish(number);
    }

    /// Nothing is left to do for a client.
    fn finish(&mut self, number: usize) {
        let client = &mut self.clients[number];
        client.stream = None;
        client.call = None;
        self.calls_awaited -= usize::from(std::mem::take(&mut client.awaits_call));
        if client.stage != Stage::Over {
            client.stage = Stage::Over;
            self.happenings.push_back(Happening::Over(number));
        }
    }

    fn note_answers(&mut self) {
        self.packets.take_answers(&mut self.answers);
        for answer in &self.answers {
            let number = self.by_call[usize::from(answer.call.local_call_id())] as usize;
            if self.clients[number].call == Some(answer.call) {
                self.happenings
                    .push_back(Happening::Answered(number, *answer));
            }
        }
    }

    fn number_of(&self, call: CallKey) -> Option<usize> {
        let number = self.by_call[usize::from(call.local_call_id())] as usize;
        (self.clients[number].call == Some(call)).then_some(number)
    }
}

fn id_of(number: usize) -> ConnectionId {
    ConnectionId(number as u64)
}

/// The defaults of `adit connect`, with a server that is under load in mind.
fn endpoint_config(target: &Target, count: usize) -> EndpointConfig {
    let link = LinkConfig::new(Role::Client {
        credentials: PeerConfig {
            methods: vec![Method::MsChapV2],
            name: target.user.clone(),
            password: target.password.clone(),
            new_password: None,
            can_ask_again: false,
        },
        ipv4: Ipv4Config::Ask {
            local: Ipv4Addr::UNSPECIFIED,
        },
    });
    EndpointConfig {
        control: control_connection::Config {
            host_name: Text::new("adit"),
            vendor: Text::new("Adit"),
            maximum_channels: 0,
            maximum_calls: 1,
            stop_timeout: Duration::from_secs(2),
            ..control_connection::Config::default()
        },
        session: SessionConfig {
            // Linux' kernel drops a first packet with the number 0.
            first_sequence: 1,
            // Of many sessions each sends seldom; what is to be measured is data, not acknowledgments.
            acknowledgment_delay: ACKNOWLEDGMENT_DELAY,
            ..SessionConfig::default()
        },
        link,
        clamp_mss: false,
        source_check: SourceCheck::None,
        maximum_calls: CallLimit::new(count),
        shard: Shard::default(),
    }
}
