//! A worker: a thread that owns some of the control connections, their calls and everything that packets
//! of these pass through.

mod crew;
pub(crate) mod elsewhere;
mod front;
pub(crate) mod message;
mod strays;
mod streams;

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use adit_engine::{CallKey, CallReport, ConnectionId, Endpoint, Event, Output};
use adit_io::{ControlStream, Dropped, PacketIo, Progress, SourceAddress};
use mio::{Events, Poll, Token};

pub(crate) use crew::Crew;
use front::Front;
use message::{Command, Notice, Report, WorkerTotals};
use strays::Exchange;

use crate::control_socket::Drops;
use crate::doorbell::Doorbell;

/// The raw GRE socket.
pub(crate) const GRE: Token = Token(0);
/// The queue of the TUN device.
pub(crate) const TUN: Token = Token(1);
/// The doorbell.
pub(crate) const BELL: Token = Token(2);
/// Connections follow.
const CONNECTIONS: usize = 16;

/// What a worker works with; [`GRE`], [`TUN`] and [`BELL`] are registered with the poll.
pub(crate) struct Tools {
    pub(crate) poll: Poll,
    pub(crate) bell: Arc<Doorbell>,
    pub(crate) endpoint: Endpoint,
    pub(crate) packets: PacketIo,
    pub(crate) source: SourceAddress,
    /// The only core to run on, if any.
    pub(crate) core: Option<usize>,
}

struct Worker {
    poll: Poll,
    bell: Arc<Doorbell>,
    commands: Receiver<Command>,
    front: Front,
    endpoint: Endpoint,
    packets: PacketIo,
    source: SourceAddress,
    core: Option<usize>,
    exchange: Exchange,
    streams: HashMap<ConnectionId, ControlStream>,
    backlog: Backlog,
    /// Whether the front wants no more.
    dismissed: bool,
}

/// What is to be gone on with. Readiness is reported once, so what is left when a turn is over must
/// be remembered.
#[derive(Debug, Default)]
struct Backlog {
    bell: bool,
    strays: bool,
    gre: bool,
    tun: bool,
    streams: BTreeSet<ConnectionId>,
}

impl Backlog {
    /// Whether there is something to do at once.
    fn is_due(&self) -> bool {
        self.bell || self.strays || self.gre || self.tun || !self.streams.is_empty()
    }
}

impl Worker {
    fn new(tools: Tools, commands: Receiver<Command>, exchange: Exchange, front: Front) -> Self {
        let Tools {
            poll,
            bell,
            endpoint,
            packets,
            source,
            core,
        } = tools;
        Self {
            poll,
            bell,
            commands,
            front,
            endpoint,
            packets,
            source,
            core,
            exchange,
            streams: HashMap::new(),
            backlog: Backlog::default(),
            dismissed: false,
        }
    }

    /// Works until it is dismissed.
    fn work(mut self) {
        if let Some(core) = self.core
            && let Err(error) = adit_net::cpu::pin_current_thread(core)
        {
            tracing::warn!("a worker cannot stay on core {core}: {error}");
        }
        if let Err(error) = self.run() {
            self.front.fail(error);
        }
    }

    fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        while !self.dismissed {
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
        Ok(())
    }

    fn on_ready(&mut self, event: &mio::event::Event) {
        match event.token() {
            GRE => self.backlog.gre = true,
            TUN => self.backlog.tun = true,
            BELL => self.backlog.bell = true,
            token => {
                let Some(id) = connection_of(token) else {
                    return;
                };
                if event.is_writable() {
                    self.flush_stream(id);
                }
                if event.is_readable() || event.is_read_closed() {
                    self.backlog.streams.insert(id);
                }
            }
        }
    }

    /// Goes on with what is ready and does what is due; each gets its share of the time.
    fn turn(&mut self) {
        let now = Instant::now();
        if std::mem::take(&mut self.backlog.bell) {
            self.bell.answer();
            self.backlog.strays = true;
            self.obey(now);
        }
        self.move_packets(now);
        self.read_streams(now);
        if self
            .endpoint
            .deadline()
            .is_some_and(|deadline| deadline <= now)
        {
            self.packets.handle_timeout(now, &mut self.endpoint);
            self.drain(now);
        }
        for error in self.packets.take_errors() {
            self.front.say(Notice::PathError(error));
        }
        self.front.ring();
    }

    fn move_packets(&mut self, now: Instant) {
        if self.backlog.gre {
            let result = self
                .packets
                .receive_gre(now, &mut self.endpoint, self.source);
            self.backlog.gre = more(result, "the GRE socket");
            self.drain(now);
        }
        // Before the device: what another worker read of a flow is older than what waits there.
        if self.backlog.strays {
            let (packets, endpoint) = (&mut self.packets, &mut self.endpoint);
            let give =
                |header: &_, packet: &mut [u8]| packets.inject(now, endpoint, header, packet);
            self.backlog.strays = self.exchange.take_in(give) == Progress::More;
            self.drain(now);
        }
        if self.backlog.tun {
            let result =
                self.packets
                    .read_tun(now, &mut self.endpoint, Endpoint::route, &mut self.exchange);
            self.backlog.tun = more(result, "the TUN device");
            self.exchange.hand_over();
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
                Output::CloseStream(id) => {
                    self.remove_stream(id);
                    self.front.say(Notice::Closed(id, None));
                }
                Output::Gre(path, packet) => self.packets.send_gre(&path, &packet),
                Output::Event(event) => self.on_event(now, event),
            }
        }
        self.packets.flush();
    }

    fn on_event(&mut self, now: Instant, event: Event) {
        let report = match event {
            // Only a client asks its user.
            Event::AskPassword { call } => return self.endpoint.supply_password(now, call, None),
            Event::Ipv4Up { call, .. } | Event::Ipv6Up { call, .. } => {
                self.endpoint.report(call).map(Box::new)
            }
            _ => None,
        };
        self.front.say(Notice::Event(event, report));
    }

    fn wait(&mut self) -> Option<Duration> {
        if self.backlog.is_due() {
            return Some(Duration::ZERO);
        }
        let now = Instant::now();
        self.endpoint
            .deadline()
            .map(|deadline| deadline.saturating_duration_since(now))
    }

    /// Does what the front wants.
    fn obey(&mut self, now: Instant) {
        loop {
            match self.commands.try_recv() {
                Ok(command) => self.carry_out(now, command),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => {
                    self.dismissed = true;
                    return;
                }
            }
        }
    }

    fn carry_out(&mut self, now: Instant, command: Command) {
        match command {
            Command::Accept { id, stream, peer } => self.accept(now, id, stream, peer),
            Command::Answer {
                call,
                ticket,
                answer,
            } => self.endpoint.answer(now, call, ticket, answer),
            Command::HangUp(call) => self.endpoint.hang_up(now, call),
            Command::Stop(id) => self.endpoint.stop(now, id),
            Command::Elsewhere(change) => self.exchange.change(change),
            Command::TapConnection(id, viewer) => self.endpoint.tap_connection(id, viewer.tap()),
            Command::TapCall(call, viewer) => self.endpoint.tap_call(call, viewer.tap()),
            Command::Untap(viewer) => self.endpoint.untap(viewer.tap()),
            Command::Report { number, calls } => self.report(number, calls),
            Command::Look(calls) => self.front.say(Notice::Seen(self.reports(calls))),
            Command::Totals(asked) => self.totals(asked),
            Command::Limit { call, limits } => self.endpoint.limit(now, call, limits),
            Command::Beat => self.front.say(Notice::Beat),
            Command::Reconfigure(config) => self.endpoint.reconfigure((*config).clone()),
            Command::ShutDown => self.endpoint.shut_down(now),
            Command::StopAll => self.endpoint.stop_all(now),
        }
        self.drain(now);
    }

    fn reports(&self, calls: Vec<CallKey>) -> Vec<(CallKey, CallReport)> {
        let of_call = |call| self.endpoint.report(call).map(|report| (call, report));
        calls.into_iter().filter_map(of_call).collect()
    }

    fn report(&mut self, number: u64, calls: Vec<CallKey>) {
        let calls = self.reports(calls);
        self.front.say(Notice::Report(Report {
            number,
            calls,
            drops: self.drops(),
            strays: self.exchange.counts(),
        }));
    }

    fn totals(&mut self, asked: Instant) {
        self.front.say(Notice::Totals(Box::new(WorkerTotals {
            asked,
            totals: self.endpoint.totals(),
            drops: self.drops(),
            strays: self.exchange.counts(),
        })));
    }

    /// Packets that came to no session.
    fn drops(&self) -> Drops {
        let Dropped {
            undelivered,
            unrouted,
            malformed,
        } = self.packets.dropped();
        Drops {
            overflown: self.packets.gre().receive_drops().unwrap_or_default(),
            unknown_calls: self.endpoint.unknown_calls(),
            foreign: self.endpoint.foreign_packets(),
            undelivered,
            unrouted,
            malformed,
        }
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

fn token_of(id: ConnectionId) -> Token {
    Token(CONNECTIONS + usize::try_from(id.0).unwrap_or(usize::MAX - CONNECTIONS))
}

fn connection_of(token: Token) -> Option<ConnectionId> {
    token
        .0
        .checked_sub(CONNECTIONS)
        .map(|id| ConnectionId(id as u64))
}
