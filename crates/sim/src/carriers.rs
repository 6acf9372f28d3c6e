//! A server and a client with the data path of the program between memory instead of devices.
//!
//! A [`World`](crate::World) gives packets to endpoints one at a time. Here they pass through
//! [`Carrier`], as they do in the program: in batches, with offload, in and out of a TUN device.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use adit_engine::{
    CallKey, CallReport, ConnectionId, Destination, Dial, Endpoint, Event, Output, Path, RateLimits,
};
use adit_io::{Carrier, Dropped, GreReceiver, GreSender, SourceAddress, TunPort};
use adit_net::gre::BATCH;
use adit_net::tun::{OffloadSupport, VnetHeader};
use adit_ppp::Ipv4Network;

use crate::config::{WorldConfig, password, user_name};
use crate::directory::Directory;
use crate::netem::Netem;
use crate::rng::{Rng, SeededEntropy};

/// A packet at a TUN device, with what it still needs.
pub type TunPacket = (VnetHeader, Vec<u8>);

type Shared<T> = Rc<RefCell<VecDeque<T>>>;

/// The one control connection.
const CONNECTION: ConnectionId = ConnectionId(1);

/// Which end of the tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The server.
    Server,
    /// The client.
    Client,
}

/// A server and a client, the GRE path between them, and memory in place of their TUN devices.
pub struct Tunnel {
    now: Instant,
    server: Host,
    client: Host,
    directory: Directory,
}

struct Host {
    address: IpAddr,
    endpoint: Endpoint,
    carrier: Carrier<Arrivals, Departures, Device>,
    arrivals: Shared<(IpAddr, Vec<u8>)>,
    departures: Shared<Vec<u8>>,
    device: Device,
    /// The way of its GRE packets to the other end.
    way: Netem,
    call: Option<CallKey>,
    ipv4: Option<Ipv4Network>,
}

/// GRE packets that have arrived.
struct Arrivals {
    waiting: Shared<(IpAddr, Vec<u8>)>,
    batch: Vec<(IpAddr, Vec<u8>)>,
}

/// GRE packets that were sent.
struct Departures(Shared<Vec<u8>>);

/// A TUN device.
#[derive(Clone)]
struct Device {
    offload: OffloadSupport,
    from_host: Shared<TunPacket>,
    to_host: Shared<TunPacket>,
    /// Whether it refuses packets, as one does that is down.
    down: Rc<Cell<bool>>,
}

impl GreReceiver for Arrivals {
    fn receive(&mut self) -> io::Result<usize> {
        let mut waiting = self.waiting.borrow_mut();
        let count = waiting.len().min(BATCH);
        self.batch = waiting.drain(..count).collect();
        Ok(count)
    }

    fn packets(&mut self) -> impl Iterator<Item = (IpAddr, &mut [u8])> {
        let packets = self.batch.iter_mut();
        packets.map(|(source, packet)| (*source, packet.as_mut_slice()))
    }
}

impl GreSender for Departures {
    fn send<'a>(&mut self, packets: impl ExactSizeIterator<Item = (&'a Path, &'a [u8])>) {
        let packets = packets.map(|(_, packet)| packet.to_vec());
        self.0.borrow_mut().extend(packets);
    }

    fn refresh(&mut self, _now: Instant) {}
}

impl TunPort for Device {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<(VnetHeader, usize)> {
        let next = self.from_host.borrow_mut().pop_front();
        let (header, packet) = next.ok_or(io::ErrorKind::WouldBlock)?;
        let room = buffer
            .get_mut(..packet.len())
            .ok_or(io::ErrorKind::InvalidInput)?;
        room.copy_from_slice(&packet);
        Ok((header, packet.len()))
    }

    fn write(&mut self, header: &VnetHeader, packet: &[u8]) -> io::Result<()> {
        if self.down.get() {
            return Err(io::Error::other("the device is down"));
        }
        let packet = (*header, packet.to_vec());
        self.to_host.borrow_mut().push_back(packet);
        Ok(())
    }

    fn offload(&self) -> OffloadSupport {
        self.offload
    }
}

impl Host {
    fn new(address: IpAddr, endpoint: Endpoint, way: Netem, offload: OffloadSupport) -> Self {
        let (arrivals, departures) = (Shared::default(), Shared::default());
        let device = Device {
            offload,
            from_host: Shared::default(),
            to_host: Shared::default(),
            down: Rc::default(),
        };
        let receiver = Arrivals {
            waiting: Rc::clone(&arrivals),
            batch: Vec::new(),
        };
        let mut carrier = Carrier::between(receiver, Departures(Rc::clone(&departures)));
        carrier.attach(device.clone());
        Self {
            address,
            endpoint,
            carrier,
            arrivals,
            departures,
            device,
            way,
            call: None,
            ipv4: None,
        }
    }

    fn deadline(&mut self) -> Option<Instant> {
        let due = [self.endpoint.deadline(), self.way.deadline()];
        due.into_iter().flatten().min()
    }
}

impl Tunnel {
    /// A server and the first client of `config`, whose TUN devices have this offload.
    pub fn new(config: &WorldConfig, offload: OffloadSupport) -> Self {
        let rng = Rng::new(config.seed);
        let client = &config.clients[0];
        let endpoint = |config, label| {
            let seed = rng.fork(label).next_u64();
            Endpoint::new(config, SeededEntropy::new(seed))
        };
        let mut directory = Directory::new(config.answer_delay, config.routing);
        directory.set_password(&user_name(0), &password(0));
        Self {
            now: Instant::now(),
            server: Host::new(
                crate::SERVER,
                endpoint(config.server.clone(), 1),
                Netem::new(client.down, rng.fork(2)),
                offload,
            ),
            client: Host::new(
                IpAddr::from([198, 18, 0, 1]),
                endpoint(client.endpoint.clone(), 3),
                Netem::new(client.up, rng.fork(4)),
                offload,
            ),
            directory,
        }
    }

    /// Connects the client; tells whether IPv4 passes at both ends within a minute.
    pub fn connect(&mut self) -> bool {
        let (server, client) = (self.server.address, self.client.address);
        let path = |local, peer| Path {
            local,
            peer,
            mtu: 1500,
        };
        let now = self.now;
        let (to_client, to_server) = (path(server, client), path(client, server));
        self.server.endpoint.accept(now, CONNECTION, to_client);
        let dial = Dial::default();
        self.client.endpoint.dial(now, CONNECTION, to_server, dial);
        let end = now + Duration::from_secs(60);
        self.turn_both();
        while self.now < end && !(self.server.ipv4.is_some() && self.client.ipv4.is_some()) {
            self.step();
        }
        self.server.ipv4.is_some() && self.client.ipv4.is_some()
    }

    /// The inner addresses of server and client.
    ///
    /// # Panics
    /// Where IPv4 is not up.
    pub fn addresses(&self) -> (IpAddr, IpAddr) {
        let network = self.server.ipv4.expect("IPv4 is up");
        let peer = network.peer.expect("the client has an address");
        (network.local.into(), peer.into())
    }

    /// The host at one end has sent these packets into the tunnel, all before the program runs.
    pub fn send(&mut self, from: End, packets: impl IntoIterator<Item = TunPacket>) {
        let host = self.host(from);
        host.device.from_host.borrow_mut().extend(packets);
    }

    /// What the host at one end has received from the tunnel since it was asked last.
    pub fn take_received(&mut self, at: End) -> Vec<TunPacket> {
        let host = self.host(at);
        host.device.to_host.borrow_mut().drain(..).collect()
    }

    /// Takes the TUN device at one end down.
    pub fn take_down(&mut self, at: End) {
        self.host(at).device.down.set(true);
    }

    /// Limits the rate of the client's session at the server.
    ///
    /// # Panics
    /// Where there is none.
    pub fn limit(&mut self, limits: RateLimits) {
        let call = self.server.call.expect("the call is up");
        self.server.endpoint.limit(self.now, call, limits);
    }

    /// Runs for some time.
    pub fn run_for(&mut self, span: Duration) {
        let end = self.now + span;
        self.turn_both();
        while self.deadline().is_some_and(|at| at <= end) {
            self.step();
        }
        self.now = end;
    }

    /// Runs for some time in which the program at one end does not: what comes to it waits.
    pub fn run_without(&mut self, stalled: End, span: Duration) {
        let end = self.now + span;
        let running = match stalled {
            End::Server => End::Client,
            End::Client => End::Server,
        };
        loop {
            self.turn(running);
            let ways = [self.server.way.deadline(), self.client.way.deadline()];
            let due = ways
                .into_iter()
                .chain([self.host(running).endpoint.deadline()]);
            match due.flatten().min().filter(|at| *at <= end) {
                Some(next) => self.now = self.now.max(next),
                None => break,
            }
            self.arrive();
        }
        self.now = end;
    }

    /// What the call at one end has come to.
    ///
    /// # Panics
    /// Where there is none.
    pub fn report(&mut self, at: End) -> CallReport {
        let host = self.host(at);
        let report = host.call.and_then(|call| host.endpoint.report(call));
        report.expect("the call is up")
    }

    /// Inner packets that went nowhere at one end.
    pub fn dropped(&mut self, at: End) -> Dropped {
        self.host(at).carrier.dropped()
    }

    fn host(&mut self, end: End) -> &mut Host {
        match end {
            End::Server => &mut self.server,
            End::Client => &mut self.client,
        }
    }

    fn deadline(&mut self) -> Option<Instant> {
        let due = [
            self.server.deadline(),
            self.client.deadline(),
            self.directory.deadline(),
        ];
        due.into_iter().flatten().min()
    }

    /// Goes on to what happens next.
    fn step(&mut self) {
        let next = self.deadline().expect("keep-alives never end");
        self.now = self.now.max(next);
        self.arrive();
        if let Some((call, ticket, answer)) = self.directory.poll(self.now, |_| true) {
            self.server.endpoint.answer(self.now, call, ticket, answer);
        }
        self.turn_both();
    }

    /// All packets that arrive now arrive together.
    fn arrive(&mut self) {
        let now = self.now;
        let (server, client) = (&mut self.server, &mut self.client);
        deliver(now, client, server);
        deliver(now, server, client);
    }

    fn turn_both(&mut self) {
        for end in [End::Server, End::Client] {
            self.turn(end);
        }
        // What the one says on the control connection, the other answers at once.
        while self.drain(End::Server) || self.drain(End::Client) {}
    }

    /// What an event loop does in one turn.
    fn turn(&mut self, end: End) {
        let now = self.now;
        let host = self.host(end);
        let (endpoint, carrier) = (&mut host.endpoint, &mut host.carrier);
        carrier
            .receive_gre(now, endpoint, SourceAddress::MustMatch)
            .expect("memory can be read");
        self.drain(end);
        let host = self.host(end);
        let call = host.call;
        let find = |endpoint: &Endpoint, packet: &[u8]| match (end, call) {
            (End::Server, _) => endpoint.route(packet),
            (End::Client, Some(call)) => Destination::Call(call),
            (End::Client, None) => Destination::Unknown,
        };
        host.carrier
            .read_tun(now, &mut host.endpoint, find, &mut ())
            .expect("memory can be read");
        if host.endpoint.deadline().is_some_and(|due| due <= now) {
            host.carrier.handle_timeout(now, &mut host.endpoint);
        }
        self.drain(end);
    }

    /// Carries out what an endpoint wants, and puts its packets on their way; tells whether it wanted
    /// anything.
    fn drain(&mut self, end: End) -> bool {
        let now = self.now;
        let mut wanted = false;
        while let Some(output) = self.host(end).endpoint.poll_output() {
            wanted = true;
            match output {
                Output::Stream(id, octets) => {
                    self.other(end).endpoint.handle_stream(now, id, &octets);
                }
                Output::CloseStream(id) => self.other(end).endpoint.handle_stream_closed(now, id),
                Output::Gre(path, packet) => self.host(end).carrier.send_gre(&path, &packet),
                Output::Event(event) => self.on_event(end, event),
            }
        }
        let host = self.host(end);
        host.carrier.flush();
        let departures = std::mem::take(&mut *host.departures.borrow_mut());
        for packet in departures {
            host.way.send(now, packet);
        }
        wanted
    }

    fn other(&mut self, end: End) -> &mut Host {
        match end {
            End::Server => &mut self.client,
            End::Client => &mut self.server,
        }
    }

    fn on_event(&mut self, end: End, event: Event) {
        match event {
            Event::CallUp { call, .. } => self.host(end).call = Some(call),
            Event::Authenticate {
                call,
                ticket,
                credentials,
            } => self.directory.ask(self.now, call, ticket, credentials),
            Event::Ipv4Up { network, .. } => self.host(end).ipv4 = Some(network),
            Event::Ipv4Down { .. } => self.host(end).ipv4 = None,
            _ => {}
        }
    }
}

fn deliver(now: Instant, from: &mut Host, to: &mut Host) {
    let mut arrivals = to.arrivals.borrow_mut();
    while let Some(packet) = from.way.poll(now) {
        arrivals.push_back((from.address, packet));
    }
}
