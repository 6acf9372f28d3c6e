//! Getting everything that a server needs, or saying what is missing.

use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::time::Instant;

use adit_engine::{Endpoint, EndpointConfig, Shard};
use adit_io::{PacketIo, SourceAddress, SystemEntropy};
use adit_net::gre::{CallIdShare, RawGre, RawGreOptions};
use adit_net::tun::{Tun, TunQueue};
use adit_ppp::Entropy;
use adit_wire::ipv6cp::InterfaceId;
use mio::unix::SourceFd;
use mio::{Interest, Poll};
use signal_hook::consts::signal::{SIGHUP, SIGINT, SIGTERM};
use signal_hook_mio::v1_0::Signals;

use super::{
    BELL, Backlog, Connections, EndedSessions, Ending, Gathering, Inquiries, Leases, Listeners,
    Refusals, SIGNALS, ServeError, Server, Throttle, Traces, unix_time,
};
use crate::aaa::dynamic::DynamicAuthorization;
use crate::aaa::facts::SessionIds;
use crate::aaa::{
    self, Authority, BackEnd, LocalBackEnd, Observer, PostgresqlBackEnd, RadiusAccounting,
    RadiusBackEnd,
};
use crate::config::{self, BackEndName, Config, Mtu};
use crate::control_socket::ControlSocket;
use crate::doorbell::Doorbell;
use crate::events::Events;
use crate::hooks::Hooks;
use crate::host::{Host, advice};
use crate::log_control::LogControl;
use crate::metrics::{Counted, Listener};
use crate::pool::RouteKeeper;
use crate::postgresql::{SessionRecorder, SessionTable, SharedLeases};
use crate::service::Service;
use crate::sessions::Sessions;
use crate::settings::ETHERNET;
use crate::tally::Tally;
use crate::users::{StoreError, UserStore};
use crate::worker::{self, Crew, Tools};
use crate::{settings, users};

/// IPv4, the longest GRE header, PPP and MPPE.
const OVERHEAD: u16 = 20 + 16 + 4 + 4;

impl Server {
    /// Sets everything up: sockets, TUN device, addresses, users. What was changed on the host is
    /// undone when the server is dropped. `log` is what a reload and the control socket change the log by.
    ///
    /// # Errors
    /// [`ServeError`] says what is missing and what to do.
    pub fn start(config: Config, log: Arc<dyn LogControl>) -> Result<Self, ServeError> {
        let mut stores = stores(&config)?;
        make_room_for(config.limits.connections);
        let poll = Poll::new()?;
        let mut listeners = Listeners::default();
        listeners.set(poll.registry(), &config.listen)?;
        let cores = usable_cores();
        let workers = config.workers.count.on(cores.len());
        let sockets = gre_sockets(&config.gre, workers)?;
        let bell = Arc::new(Doorbell::new(poll.registry(), BELL)?);
        let asked = Arc::clone(&bell);
        let control_socket = ControlSocket::bind(&config.control_socket, move || asked.ring())?;
        // From here on a signal ends the server in order, so that the host is put back.
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
        poll.registry()
            .register(&mut signals, SIGNALS, Interest::READABLE)?;
        let id = interface_id();
        let (mut host, tun) = set_up_host(&config, id, workers)?;
        let mut leases = Leases::new(&config, RouteKeeper::start(tun.index())?);
        for (name, store) in &mut stores {
            leases.reserve(name.as_str(), &store.fixed_addresses()?);
        }
        let (interface, link) = (tun.name().to_owned(), tun.index());
        let endpoint = settings::endpoint(&config, id);
        let source = match config.gre.any_source {
            true => SourceAddress::Any,
            false => SourceAddress::MustMatch,
        };
        let tools = sockets.into_iter().zip(tun.into_queues()).zip(0..);
        let tools = tools.map(|((socket, queue), index)| {
            let core = cores.get(usize::from(index) % cores.len().max(1));
            let core = core.copied().filter(|_| config.workers.pin);
            let endpoint =
                Endpoint::new(shard_of(&endpoint, index, workers), Arc::new(SystemEntropy));
            let packets = packets_through(socket, &config.gre)?;
            equip(endpoint, packets, queue, source, core)
        });
        let crew = Crew::start(tools.collect::<Result<_, _>>()?, &bell)?;
        let shared_leases = shared_leases(&config, &bell)?;
        let authority = authority(&config, stores, &bell)?;
        let metrics = Listener::start(&config.metrics.listen, &bell)?;
        let mut observers = observers(&config, &interface)?;
        observers.extend(host_keepers(&mut host, &config, &interface, link)?);
        let dynamic = dynamic_authorization(&config, &bell)?;
        Ok(Self {
            interface,
            poll,
            bell,
            listeners,
            connections: Connections::default(),
            crew,
            host: Some(host),
            call_limit: endpoint.maximum_calls,
            link_id: id,
            reloader: None,
            authority,
            interim: observers.iter().filter_map(|it| it.interim()).min(),
            observers,
            shared_leases,
            counted: Counted::default(),
            metrics,
            gathering: Gathering::default(),
            dynamic,
            names: SessionIds::new(&SystemEntropy),
            facts: leases.facts(),
            control_socket,
            inquiries: Inquiries::default(),
            traces: Traces::default(),
            ended: EndedSessions::default(),
            tally: Tally::default(),
            signals,
            sessions: Sessions::default(),
            leases,
            started: unix_time(),
            ending: Ending::NotYet,
            backlog: Backlog::default(),
            strangers: Throttle::default(),
            refusals: Refusals::default(),
            log,
            service: Service::from_environment(Instant::now(), workers.into()),
            config,
        })
    }
}

/// The leases that several servers share, where they do.
fn shared_leases<T: Send + 'static>(
    config: &Config,
    bell: &Arc<Doorbell>,
) -> Result<Option<SharedLeases<T>>, ServeError> {
    let settings = config.postgresql.as_ref().filter(|it| it.leases);
    let leases = settings.map(|it| SharedLeases::start(&Arc::new(it.clone()), Arc::clone(bell)));
    Ok(leases.transpose()?)
}

/// All who are told what happens.
fn observers(config: &Config, interface: &str) -> Result<Vec<Box<dyn Observer>>, ServeError> {
    let mut observers: Vec<Box<dyn Observer>> = vec![
        Box::new(Hooks::new(config.hooks.clone(), interface)),
        Box::new(Events::new(config.events.file.as_deref())?),
    ];
    if let Some(radius) = &config.radius
        && let Some(accounting) = radius.accounts()
    {
        observers.push(Box::new(RadiusAccounting::start(radius, accounting)?));
    }
    if let Some(settings) = &config.postgresql {
        let table = SessionTable::new(Arc::new(settings.clone()))?;
        let recorder = SessionRecorder::start(table, settings.lease)?;
        observers.push(Box::new(recorder));
    }
    Ok(observers)
}

/// Those who keep the host as the sessions are.
fn host_keepers(
    host: &mut Host,
    config: &Config,
    interface: &str,
    link: u32,
) -> Result<Vec<Box<dyn Observer>>, ServeError> {
    let mut keepers: Vec<Box<dyn Observer>> = Vec::new();
    if let Some(firewall) = host.firewall(config, interface)? {
        keepers.push(Box::new(firewall));
    }
    if let Some(proxy_arp) = host.proxy_arp(config, link)? {
        keepers.push(Box::new(proxy_arp));
    }
    Ok(keepers)
}

/// Takes requests of RADIUS servers to end and change sessions, where that is configured.
fn dynamic_authorization(
    config: &Config,
    bell: &Arc<Doorbell>,
) -> Result<Option<DynamicAuthorization>, ServeError> {
    let Some(radius) = &config.radius else {
        return Ok(None);
    };
    let dynamic = radius.dynamic_authorization.as_ref();
    let dynamic =
        dynamic.map(|dynamic| DynamicAuthorization::start(radius, dynamic, Arc::clone(bell)));
    Ok(dynamic.transpose()?)
}

type Stores = Vec<(BackEndName, Box<dyn UserStore>)>;

/// The stores on this host that the configuration names, and what an operator should know of them.
fn stores(config: &Config) -> Result<Stores, StoreError> {
    let mut stores = Vec::new();
    for name in config.back_ends() {
        let users = &config.users;
        let store = match name {
            BackEndName::Database => users.database.as_deref().map(users::open_database),
            BackEndName::Secrets => users.secrets.as_ref().map(users::open_secrets),
            BackEndName::Postgresql | BackEndName::Radius => None,
        };
        if let Some(mut store) = store.transpose()? {
            for warning in store.warnings() {
                tracing::warn!("{warning}");
            }
            stores.push((name, store));
        }
    }
    Ok(stores)
}

/// All that know users, in the configured order.
fn authority(
    config: &Config,
    stores: Stores,
    bell: &Arc<Doorbell>,
) -> Result<Authority, ServeError> {
    let (answers, receiver) = aaa::answers(Arc::clone(bell));
    let mut back_ends: Vec<Box<dyn BackEnd>> = Vec::new();
    let mut stores = stores.into_iter().peekable();
    for name in config.back_ends() {
        // Stores come in the same order.
        if let Some((_, store)) = stores.next_if(|(store, _)| *store == name) {
            let back_end = LocalBackEnd::start(name.as_str(), store, answers.clone())?;
            back_ends.push(Box::new(back_end));
        } else if let (BackEndName::Radius, Some(radius)) = (name, &config.radius) {
            back_ends.push(Box::new(RadiusBackEnd::start(radius, answers.clone())?));
        } else if let (BackEndName::Postgresql, Some(settings)) = (name, &config.postgresql) {
            let fallback = config.policy.fallback();
            let settings = Arc::new(settings.clone());
            let back_end = PostgresqlBackEnd::start(&settings, &fallback, &answers)?;
            back_ends.push(Box::new(back_end));
        }
    }
    let unreachable = config.authentication.on_unreachable;
    Ok(Authority::new(back_ends, unreachable, receiver))
}

/// What a worker needs: a part of the calls, its own socket for their packets, its own queue.
fn equip(
    endpoint: Endpoint,
    mut packets: PacketIo,
    tun: TunQueue,
    source: SourceAddress,
    core: Option<usize>,
) -> Result<Tools, ServeError> {
    let poll = Poll::new()?;
    let registry = poll.registry();
    let bell = Arc::new(Doorbell::new(registry, worker::BELL)?);
    for (fd, token) in [
        (packets.gre().as_fd().as_raw_fd(), worker::GRE),
        (tun.as_fd().as_raw_fd(), worker::TUN),
    ] {
        registry.register(&mut SourceFd(&fd), token, Interest::READABLE)?;
    }
    packets.attach(tun);
    Ok(Tools {
        poll,
        bell,
        endpoint,
        packets,
        source,
        core,
    })
}

fn packets_through(socket: RawGre, config: &config::Gre) -> Result<PacketIo, ServeError> {
    let mut packets = PacketIo::new(socket);
    if let Some(transmit) = config.transmit.direct() {
        packets.send_directly(transmit)?;
    }
    Ok(packets)
}

fn shard_of(config: &EndpointConfig, index: u16, count: u16) -> EndpointConfig {
    EndpointConfig {
        shard: Shard::new(index, count).unwrap_or_default(),
        ..config.clone()
    }
}

/// A socket for each worker, which receives the packets of its calls.
fn gre_sockets(config: &config::Gre, workers: u16) -> Result<Vec<RawGre>, ServeError> {
    let wanted = (config.receive_buffer, config.send_buffer);
    let open = |index| {
        let options = RawGreOptions {
            local: None,
            share: CallIdShare::new(index, workers),
            receive_buffer: wanted.0,
            send_buffer: wanted.1,
        };
        options.open()
    };
    let sockets: Vec<RawGre> = (0..workers).map(open).collect::<Result<_, _>>()?;
    let granted = sockets.first().map(RawGre::buffers).transpose()?;
    if let Some((receive, send)) = granted
        && (receive < wanted.0 || send < wanted.1)
    {
        tracing::info!(
            "the system grants buffers of {receive} octets to receive and {send} to send, less than \
             gre.receive_buffer and gre.send_buffer ask for; raise net.core.rmem_max and \
             net.core.wmem_max, or give the capability CAP_NET_ADMIN"
        );
    }
    Ok(sockets)
}

/// The cores that workers may run on; none where the system does not tell.
fn usable_cores() -> Vec<usize> {
    adit_net::cpu::usable_cores().unwrap_or_else(|error| {
        tracing::warn!("cannot find out on which cores to run: {error}");
        Vec::new()
    })
}

/// Files that the server holds open beside its control connections: with the most workers, of which each
/// has a poll, a waker, sockets and a queue.
const OTHER_FILES: u64 = 256;

/// Sees to it that the system lets as many connections in as the configuration does.
pub(super) fn make_room_for(connections: usize) {
    let wanted = OTHER_FILES + connections as u64;
    match adit_net::open_files::allow(wanted) {
        Ok(allowed) if allowed >= wanted => {}
        Ok(allowed) => tracing::warn!(
            "the system allows {allowed} open files, too few for {connections} connections; raise \
             the hard limit (`ulimit -Hn`, LimitNOFILE=) or lower limits.connections"
        ),
        Err(error) => tracing::warn!("cannot raise the limit of open files: {error}"),
    }
}

fn set_up_host(config: &Config, id: InterfaceId, workers: u16) -> Result<(Host, Tun), ServeError> {
    let mtu = match config.network.mtu {
        Mtu::Auto => ETHERNET - OVERHEAD,
        Mtu::Octets(mtu) => mtu,
    };
    let (mut host, tun) = Host::set_up(config, mtu, workers.into())?;
    if config.network.ipv6
        && let Err(error) = host.add_link_local(&tun, id.link_local())
    {
        tracing::warn!("IPv6 is not to be had on this host: {error}");
    }
    for advice in advice(config) {
        tracing::info!("{advice}");
    }
    Ok((host, tun))
}

/// A random identifier of our end of all links (RFC 5072 §4.1).
fn interface_id() -> InterfaceId {
    let mut octets = [0; 8];
    SystemEntropy.fill(&mut octets);
    octets[0] &= !0x02;
    octets[7] |= 0x01;
    InterfaceId(octets)
}
