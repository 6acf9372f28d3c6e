//! Getting everything that a server needs, or saying what is missing.

use std::collections::BTreeMap;
use std::net::{SocketAddr, SocketAddrV4};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;

use adit_engine::Endpoint;
use adit_io::{PacketIo, SystemEntropy};
use adit_net::gre::RawGre;
use adit_ppp::Entropy;
use adit_wire::ipv6cp::InterfaceId;
use mio::net::TcpListener;
use mio::unix::SourceFd;
use mio::{Interest, Poll, Token, Waker};
use signal_hook::consts::signal::{SIGHUP, SIGINT, SIGTERM};
use signal_hook_mio::v1_0::Signals;

use super::{
    Backlog, ETHERNET, Ending, GRE, LISTENERS, Leases, OVERHEAD, SIGNALS, ServeError, Server, TUN,
    Throttle, WAKE, unix_time,
};
use crate::aaa::Authentication;
use crate::config::{Config, Mtu};
use crate::control_socket::ControlSocket;
use crate::host::Host;
use crate::sessions::Sessions;
use crate::{settings, users};

impl Server {
    /// Sets everything up: sockets, TUN device, addresses, users. What was changed on the host is
    /// undone when the server is dropped.
    ///
    /// # Errors
    /// [`ServeError`] says what is missing and what to do.
    pub fn start(config: Config) -> Result<Self, ServeError> {
        let mut store = users::open_store(&config.users)?;
        for warning in store.warnings() {
            tracing::warn!("{warning}");
        }
        make_room_for(config.limits.connections);
        let poll = Poll::new()?;
        let listeners = listen(&poll, &config.listen)?;
        let mut packets = PacketIo::new(RawGre::open(None)?);
        let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
        let woken = Arc::clone(&waker);
        let control_socket = ControlSocket::bind(&config.control_socket, move || {
            // The loop has ended where this fails, and nobody waits for the answer.
            let _ = woken.wake();
        })?;
        // From here on a signal ends the server in order, so that the host is put back.
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
        let registry = poll.registry();
        registry.register(&mut signals, SIGNALS, Interest::READABLE)?;
        let id = interface_id();
        let endpoint = Endpoint::new(settings::endpoint(&config, id), Arc::new(SystemEntropy));
        let leases = Leases::new(&config, store.fixed_addresses()?);
        let (host, tun) = set_up_host(&config, id)?;
        let gre = packets.gre().as_fd().as_raw_fd();
        registry.register(&mut SourceFd(&gre), GRE, Interest::READABLE)?;
        registry.register(
            &mut SourceFd(&tun.as_fd().as_raw_fd()),
            TUN,
            Interest::READABLE,
        )?;
        let interface = tun.name().to_owned();
        if let Some(queue) = tun.into_queues().pop() {
            packets.attach(queue);
        }
        let authentication = Authentication::start(store, waker)?;
        Ok(Self {
            poll,
            listeners,
            connections: BTreeMap::new(),
            next_connection: 0,
            endpoint,
            packets,
            interface,
            host: Some(host),
            authentication,
            control_socket,
            signals,
            sessions: Sessions::default(),
            leases,
            started: unix_time(),
            ending: Ending::NotYet,
            backlog: Backlog::default(),
            strangers: Throttle::default(),
            config,
        })
    }
}

/// Files that the server holds open beside its control connections.
const OTHER_FILES: u64 = 64;

/// Sees to it that the system lets as many connections in as the configuration does.
fn make_room_for(connections: usize) {
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

fn listen(poll: &Poll, addresses: &[SocketAddrV4]) -> Result<Vec<TcpListener>, ServeError> {
    let mut listeners = Vec::new();
    for (index, &address) in addresses.iter().enumerate() {
        let failed = |source| ServeError::Listen { address, source };
        let mut listener = TcpListener::bind(SocketAddr::V4(address)).map_err(failed)?;
        poll.registry()
            .register(&mut listener, Token(LISTENERS + index), Interest::READABLE)?;
        listeners.push(listener);
    }
    Ok(listeners)
}

fn set_up_host(config: &Config, id: InterfaceId) -> Result<(Host, adit_net::tun::Tun), ServeError> {
    let mtu = match config.network.mtu {
        Mtu::Auto => ETHERNET - OVERHEAD,
        Mtu::Octets(mtu) => mtu,
    };
    let (mut host, tun) = Host::set_up(config, mtu)?;
    if config.network.ipv6
        && let Err(error) = host.add_link_local(&tun, id.link_local())
    {
        tracing::warn!("IPv6 is not to be had on this host: {error}");
    }
    if !config.network.forward && !forwards() {
        tracing::info!(
            "this host does not forward packets, so clients reach it and nothing behind it; set \
             forward = true in the section [network] to change that"
        );
    }
    Ok((host, tun))
}

fn forwards() -> bool {
    adit_net::sysctl::read("net.ipv4.ip_forward").is_ok_and(|value| value.trim() == "1")
}

/// A random identifier of our end of all links (RFC 5072 §4.1).
fn interface_id() -> InterfaceId {
    let mut octets = [0; 8];
    SystemEntropy.fill(&mut octets);
    octets[0] &= !0x02;
    octets[7] |= 0x01;
    InterfaceId(octets)
}
