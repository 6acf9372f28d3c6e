//! The thread that takes requests and answers them, when the front has done what they ask for.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use adit_radius::SharedSecret;
use adit_radius::packet::{self, MAX_LENGTH};
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};

use super::gate::{self, Admission, Gate, Rules};
use super::request::{Answering, ErrorCause, Identity, Order};
use crate::aaa::radius::error::RadiusError;
use crate::aaa::radius::nas::Nas;
use crate::config;
use crate::doorbell::Doorbell;
use crate::server::{Throttle, unix_time};

const BELL: Token = Token(0);
/// Sockets follow.
const SOCKETS: usize = 1;
/// Requests that may wait for the front.
const MAX_WAITING: usize = 256;
/// Datagrams that are read from a socket before others get their turn.
const TAKEN: usize = 64;

/// A request that the front is to carry out.
pub(crate) struct Inquiry {
    pub(crate) order: Order,
    /// Who has sent it.
    pub(crate) from: SocketAddr,
    number: u64,
    answers: Sender<Answer>,
    bell: Arc<Doorbell>,
}

type Answer = (u64, Result<(), ErrorCause>);

impl Inquiry {
    /// Tells what came of it.
    pub(crate) fn answer(self, result: Result<(), ErrorCause>) {
        // The thread has ended where nobody listens.
        if self.answers.send((self.number, result)).is_ok() {
            self.bell.ring();
        }
    }
}

/// The front's end. Requests are taken no more when it is dropped.
pub(crate) struct DynamicAuthorization {
    inquiries: Receiver<Inquiry>,
    ends: Arc<AtomicBool>,
    bell: Arc<Doorbell>,
    thread: Option<JoinHandle<()>>,
}

impl DynamicAuthorization {
    /// Takes requests as configured; `front` is rung for each that is to be carried out.
    ///
    /// # Errors
    /// An address cannot be listened on, or a secret cannot be read.
    pub(crate) fn start(
        radius: &config::Radius,
        config: &config::DynamicAuthorization,
        front: Arc<Doorbell>,
    ) -> Result<Self, RadiusError> {
        let poll = Poll::new()?;
        let bell = Arc::new(Doorbell::new(poll.registry(), BELL)?);
        let mut sockets = Vec::new();
        for (address, token) in config.listen.iter().zip(SOCKETS..) {
            let open = || {
                let mut socket = UdpSocket::bind(*address)?;
                let registry = poll.registry();
                registry.register(&mut socket, Token(token), Interest::READABLE)?;
                Ok(socket)
            };
            let listen = |source| RadiusError::Listen {
                address: *address,
                source,
            };
            sockets.push(open().map_err(listen)?);
        }
        let (ask, inquiries) = sync_channel(MAX_WAITING);
        let (answers, answered) = channel();
        let ends = Arc::new(AtomicBool::new(false));
        let listener = Listener {
            poll,
            sockets,
            gate: Gate::new(rules(config)?),
            identity: identity(radius, config),
            front: Front { ask, bell: front },
            answers,
            bell: Arc::clone(&bell),
            ends: Arc::clone(&ends),
            throttle: Throttle::default(),
            open: HashMap::new(),
            next: 0,
        };
        let thread = std::thread::Builder::new()
            .name("dynamic".to_owned())
            .spawn(move || listener.run(&answered))?;
        Ok(Self {
            inquiries,
            ends,
            bell,
            thread: Some(thread),
        })
    }

    /// The next request that is to be carried out.
    pub(crate) fn next_inquiry(&self) -> Option<Inquiry> {
        self.inquiries.try_recv().ok()
    }
}

impl Drop for DynamicAuthorization {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Release);
        self.bell.ring();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn rules(config: &config::DynamicAuthorization) -> Result<Rules, RadiusError> {
    let mut clients = Vec::new();
    for client in &config.clients {
        clients.push(gate::Client {
            network: client.address,
            secret: client.secret.read()?,
        });
    }
    Ok(Rules {
        clients,
        window: config.window,
        without_timestamp: !config.require_event_timestamp,
    })
}

/// What this server may be called in requests.
fn identity(radius: &config::Radius, config: &config::DynamicAuthorization) -> Identity {
    let configured = radius.nas_ip_address.map(IpAddr::V4);
    let known = configured.into_iter().chain(radius.source_address);
    let listened = config.listen.iter().map(SocketAddr::ip);
    let mut identity = Identity {
        nas: Nas::of(radius),
        addresses: Vec::new(),
        addresses_v6: Vec::new(),
    };
    for address in known.chain(listened) {
        match address {
            IpAddr::V4(address) if !address.is_unspecified() => identity.addresses.push(address),
            IpAddr::V6(address) if !address.is_unspecified() => identity.addresses_v6.push(address),
            IpAddr::V4(_) | IpAddr::V6(_) => {}
        }
    }
    identity
}

/// The way to the front.
struct Front {
    ask: SyncSender<Inquiry>,
    bell: Arc<Doorbell>,
}

struct Listener {
    poll: Poll,
    sockets: Vec<UdpSocket>,
    gate: Gate,
    identity: Identity,
    front: Front,
    answers: Sender<Answer>,
    bell: Arc<Doorbell>,
    ends: Arc<AtomicBool>,
    /// Strangers can send more than a log should hold.
    throttle: Throttle,
    /// Requests that the front is asked about.
    open: HashMap<u64, Open>,
    next: u64,
}

/// A request that is to be answered.
struct Open {
    socket: usize,
    identity: gate::Identity,
    secret: SharedSecret,
    answering: Answering,
}

impl Listener {
    fn run(mut self, answered: &Receiver<Answer>) {
        let mut events = Events::with_capacity(64);
        let mut readable: BTreeSet<usize> = BTreeSet::new();
        loop {
            let wait = (!readable.is_empty()).then_some(Duration::ZERO);
            match self.poll.poll(&mut events, wait) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                    tracing::error!("dynamic authorization ends: cannot wait for events: {error}");
                    return;
                }
                Err(_) => continue,
                Ok(()) => {}
            }
            for event in &events {
                match event.token() {
                    BELL => self.bell.answer(),
                    Token(token) => {
                        readable.insert(token - SOCKETS);
                    }
                }
            }
            if self.ends.load(Ordering::Acquire) {
                return;
            }
            readable.retain(|socket| self.receive(*socket));
            while let Ok((number, result)) = answered.try_recv() {
                if let Some(open) = self.open.remove(&number) {
                    self.answer(open, result);
                }
            }
        }
    }

    /// Takes a fair share of what has come; whether there may be more.
    fn receive(&mut self, socket: usize) -> bool {
        let mut buffer = [0; MAX_LENGTH];
        for _ in 0..TAKEN {
            let Some(receiver) = self.sockets.get(socket) else {
                return false;
            };
            match receiver.recv_from(&mut buffer) {
                Ok((length, from)) => self.take(socket, from, &buffer[..length]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                // Errors that ICMP reports of an answer.
                Err(error) => tracing::debug!("dynamic authorization: {error}"),
            }
        }
        true
    }

    fn take(&mut self, socket: usize, from: SocketAddr, datagram: &[u8]) {
        let (now, unix_time) = (Instant::now(), unix_time());
        match self.gate.admit(now, unix_time, from, datagram) {
            Ok((identity, Admission::New(packet, secret))) => {
                let answering = Answering::to(&packet);
                let order = Order::read(&packet, &self.identity);
                let open = Open {
                    socket,
                    identity,
                    secret,
                    answering,
                };
                self.ask(open, from, order);
            }
            Ok((_, Admission::Again(answer))) => self.send(socket, from, &answer),
            Ok((_, Admission::Pending)) => {}
            Err(dropped) if self.throttle.allows(now) => {
                tracing::warn!(
                    "a request for dynamic authorization from {from} is dropped: {dropped}"
                );
            }
            Err(_) => {}
        }
    }

    /// Has an order carried out, or answers at once what is none.
    fn ask(&mut self, open: Open, from: SocketAddr, order: Result<Order, ErrorCause>) {
        let order = match order {
            Ok(order) => order,
            Err(cause) => {
                tracing::warn!(
                    "a request for dynamic authorization from {from} is refused: {cause}"
                );
                return self.answer(open, Err(cause));
            }
        };
        let number = self.next;
        self.next += 1;
        let inquiry = Inquiry {
            order,
            from,
            number,
            answers: self.answers.clone(),
            bell: Arc::clone(&self.bell),
        };
        match self.front.ask.try_send(inquiry) {
            Ok(()) => {
                self.open.insert(number, open);
                self.front.bell.ring();
            }
            Err(_) => self.answer(open, Err(ErrorCause::ResourcesUnavailable)),
        }
    }

    fn answer(&mut self, open: Open, result: Result<(), ErrorCause>) {
        let (from, identifier, authenticator) = open.identity;
        let (code, list) = open.answering.with(result);
        let octets = packet::reply(code, identifier, &authenticator, &list, &open.secret);
        self.gate.answered(&open.identity, &octets);
        self.send(open.socket, from, &octets);
    }

    fn send(&self, socket: usize, to: SocketAddr, octets: &[u8]) {
        // Who gets no answer asks again.
        if let Some(socket) = self.sockets.get(socket)
            && let Err(error) = socket.send_to(octets, to)
        {
            tracing::debug!("dynamic authorization: cannot answer {to}: {error}");
        }
    }
}
