//! One server, its clients and all that is between them.

mod carry;
mod command;
mod raw;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use adit_engine::{Burst, CallKey, ConnectionId, Endpoint, EndpointConfig, Path, Sink};

use crate::agenda::Agenda;
use crate::config::{ClientConfig, Site, WorldConfig};
use crate::directory::Directory;
use crate::ledger::Ledger;
use crate::nat::{Nat, Translation};
use crate::netem::Netem;
use crate::rng::{Rng, SeededEntropy};
use crate::stream::Stream;
use crate::traffic::Traffic;
pub use command::Death;
use raw::RawPeer;

/// The server's outer address.
pub const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// Steps without any passing of time after which a world is taken to run in circles.
const MOST_STEPS_AT_ONCE: u32 = 200_000;

/// One of the hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Party {
    /// The server.
    Server,
    /// The client with this index.
    Client(usize),
}

/// A simulated network; see the crate's documentation.
pub struct World {
    config: WorldConfig,
    origin: Instant,
    now: Instant,
    rng: Rng,
    server: Option<Host>,
    clients: Vec<Client>,
    lines: BTreeMap<ConnectionId, Line>,
    nats: BTreeMap<u8, Nat>,
    raw: BTreeMap<ConnectionId, RawPeer>,
    directory: Directory,
    traffic: Traffic,
    /// Inner packets that were no probes.
    inbox: Vec<(Party, CallKey, Vec<u8>)>,
    agenda: Agenda<Actor>,
    /// Connections and endpoints get numbers of their own, never used again.
    numbers: u64,
    steps_at_once: u32,
    fingerprint: u64,
}

/// Whose deadline it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Actor {
    Directory,
    Host(Party),
    Up(usize),
    Down(usize),
    Line(ConnectionId),
}

/// An endpoint and the account of it.
struct Host {
    endpoint: Endpoint,
    ledger: Ledger,
    out: Packets,
}

/// What an endpoint's sink has got.
#[derive(Default)]
struct Packets {
    burst: Burst,
    gre: Vec<(Path, Vec<u8>)>,
    network: Vec<(CallKey, Vec<u8>)>,
}

impl Packets {
    /// Takes the packets for peers.
    fn take_gre(&mut self) -> Vec<(Path, Vec<u8>)> {
        self.flush();
        std::mem::take(&mut self.gre)
    }

    fn flush(&mut self) {
        self.burst.encrypt();
        let packets = self.burst.packets();
        self.gre
            .extend(packets.map(|(path, packet)| (*path, packet.to_vec())));
        self.burst.clear();
    }
}

impl Sink for Packets {
    fn burst(&mut self) -> &mut Burst {
        if self.burst.is_full() {
            self.flush();
        }
        &mut self.burst
    }

    fn network(&mut self, call: CallKey, packet: &mut [u8]) {
        self.network.push((call, packet.to_vec()));
    }
}

/// A client host and its way to the server.
struct Client {
    host: Option<Host>,
    config: ClientConfig,
    up: Netem,
    down: Netem,
    /// Passwords that it has not tried yet, the next one last.
    passwords: Vec<String>,
}

/// A TCP connection between a client and the server.
struct Line {
    client: usize,
    translation: Option<Translation>,
    to_server: Stream,
    to_client: Stream,
}

impl Client {
    fn new(index: usize, config: ClientConfig, rng: &Rng) -> Self {
        let label = index as u64 * 2;
        let mut passwords = config.more_passwords.clone();
        passwords.reverse();
        Self {
            host: None,
            up: Netem::new(config.up, rng.fork(label)),
            down: Netem::new(config.down, rng.fork(label + 1)),
            config,
            passwords,
        }
    }

    /// The address that the server sees.
    fn outside(&self, index: usize) -> IpAddr {
        match self.config.site {
            Site::Public => self.inside(index),
            Site::Behind(nat) => Ipv4Addr::new(203, 0, 113, nat).into(),
        }
    }

    /// Its own address.
    fn inside(&self, index: usize) -> IpAddr {
        let [.., high, low] = (index as u64 + 1).to_be_bytes();
        match self.config.site {
            Site::Public => Ipv4Addr::new(198, 18, high, low).into(),
            Site::Behind(_) => Ipv4Addr::new(192, 168, high, low).into(),
        }
    }
}

impl World {
    /// A world in which all hosts run and nobody is connected.
    pub fn new(config: WorldConfig) -> Self {
        // An instant can be had from the clock only; nothing depends on which one it is.
        let origin = Instant::now();
        let rng = Rng::new(config.seed);
        let mut directory = Directory::new(config.answer_delay, config.routing);
        for index in 0..config.clients.len() {
            directory.set_password(&crate::user_name(index), &crate::password(index));
        }
        let paths = rng.fork(1);
        let clients = config.clients.iter().cloned().enumerate();
        let mut world = Self {
            clients: clients
                .map(|(index, config)| Client::new(index, config, &paths))
                .collect(),
            origin,
            now: origin,
            rng: rng.fork(2),
            server: None,
            lines: BTreeMap::new(),
            nats: BTreeMap::new(),
            raw: BTreeMap::new(),
            directory,
            traffic: Traffic::new(config.paths()),
            inbox: Vec::new(),
            agenda: Agenda::new(),
            numbers: 0,
            steps_at_once: 0,
            fingerprint: config.seed,
            config,
        };
        world.start(Party::Server);
        (0..world.clients.len()).for_each(|index| world.start(Party::Client(index)));
        world
    }

    /// The time.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// How long it has been running.
    pub fn elapsed(&self) -> Duration {
        self.now - self.origin
    }

    /// The server's endpoint, while it lives.
    pub fn server(&self) -> Option<&Endpoint> {
        self.server.as_ref().map(|host| &host.endpoint)
    }

    /// A client's endpoint, while it lives.
    pub fn client(&self, index: usize) -> Option<&Endpoint> {
        let host = self.clients.get(index)?.host.as_ref();
        host.map(|host| &host.endpoint)
    }

    /// The account of a host that lives.
    ///
    /// # Panics
    /// Where it does not live.
    pub fn ledger(&self, party: Party) -> &Ledger {
        let host = self.host(party).expect("the host lives");
        &host.ledger
    }

    /// Whether a client's tunnel carries IPv4 and IPv6 at both ends.
    pub fn is_up(&self, index: usize) -> bool {
        let complete = |ledger: &Ledger, call: Option<CallKey>| {
            call.and_then(|call| ledger.calls().get(&call))
                .is_some_and(|call| call.ipv4.is_some() && call.ipv6.is_some())
        };
        self.host(Party::Server)
            .zip(self.host(Party::Client(index)))
            .is_some_and(|(server, client)| {
                complete(&server.ledger, self.call(Party::Server, index))
                    && complete(&client.ledger, self.call(Party::Client(index), index))
            })
    }

    /// The call of a client's latest connection, by the name that `party` has for it.
    pub fn call(&self, party: Party, index: usize) -> Option<CallKey> {
        let calls = self.host(party)?.ledger.calls();
        let is_own = |id: ConnectionId| {
            let line = self.lines.get(&id);
            line.is_some_and(|line| line.client == index)
        };
        calls
            .iter()
            .filter(|(_, record)| is_own(record.connection))
            .max_by_key(|(_, record)| record.connection)
            .map(|(call, _)| *call)
    }

    /// The probes.
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// The users.
    pub fn directory(&mut self) -> &mut Directory {
        &mut self.directory
    }

    /// Takes the inner packets that a host has got and that were no probes.
    pub fn take_inbox(&mut self, party: Party) -> Vec<(CallKey, Vec<u8>)> {
        let (own, rest) = std::mem::take(&mut self.inbox)
            .into_iter()
            .partition::<Vec<_>, _>(|(to, ..)| *to == party);
        self.inbox = rest;
        own.into_iter()
            .map(|(_, call, packet)| (call, packet))
            .collect()
    }

    /// A number that stands for all that has happened so far.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// When something happens next.
    pub fn deadline(&self) -> Option<Instant> {
        self.agenda.next().map(|at| at.max(self.now))
    }

    /// Does what happens next; tells whether there was anything.
    pub fn step(&mut self) -> bool {
        let Some(at) = self.deadline() else {
            return false;
        };
        if at > self.now {
            self.now = at;
            self.steps_at_once = 0;
        }
        self.steps_at_once += 1;
        assert!(
            self.steps_at_once < MOST_STEPS_AT_ONCE,
            "the world runs in circles"
        );
        if let Some(actor) = self.agenda.pop_due(self.now) {
            self.act(actor);
        }
        true
    }

    /// Runs for some time.
    pub fn run_for(&mut self, span: Duration) {
        let end = self.now + span;
        while self.deadline().is_some_and(|at| at <= end) {
            self.step();
        }
        self.now = end;
        self.steps_at_once = 0;
    }

    /// Runs until something is so; tells whether it came to be within `limit`.
    pub fn run_until(&mut self, limit: Duration, mut done: impl FnMut(&Self) -> bool) -> bool {
        let end = self.now + limit;
        while !done(self) {
            if self.deadline().is_none_or(|at| at > end) {
                self.now = end;
                return done(self);
            }
            self.step();
        }
        true
    }

    /// Something for the fingerprint.
    fn note(&mut self, what: u64, octets: &[u8]) {
        let time = u64::try_from(self.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let words = octets.chunks(8).map(|chunk| {
            let mut word = [0; 8];
            let (used, _) = word.split_at_mut(chunk.len());
            used.copy_from_slice(chunk);
            u64::from_le_bytes(word)
        });
        for word in [what, time].into_iter().chain(words) {
            self.fingerprint = (self.fingerprint ^ word).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn host(&self, party: Party) -> Option<&Host> {
        match party {
            Party::Server => self.server.as_ref(),
            Party::Client(index) => self.clients.get(index)?.host.as_ref(),
        }
    }

    fn host_mut(&mut self, party: Party) -> Option<&mut Host> {
        match party {
            Party::Server => self.server.as_mut(),
            Party::Client(index) => self.clients.get_mut(index)?.host.as_mut(),
        }
    }

    fn new_host(&mut self, config: EndpointConfig) -> Host {
        let number = self.number();
        let entropy = SeededEntropy::new(self.rng.fork(number).next_u64());
        Host {
            endpoint: Endpoint::new(config, entropy),
            ledger: Ledger::default(),
            out: Packets::default(),
        }
    }

    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let (seed, elapsed) = (self.config.seed, self.elapsed());
            eprintln!("the world of seed {seed} stopped after {elapsed:?}");
        }
    }
}
