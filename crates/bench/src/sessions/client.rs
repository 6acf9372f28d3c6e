//! One simulated client.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

use adit_engine::CallKey;
use adit_io::ControlStream;
use mio::net::TcpStream;
use socket2::{Domain, Socket, Type};

/// How far a client has come, and what it holds.
#[derive(Debug, Default)]
pub(super) struct Client {
    pub(super) stage: Stage,
    pub(super) stream: Option<ControlStream>,
    /// When the TCP connection was asked for.
    pub(super) started: Option<Instant>,
    pub(super) call: Option<CallKey>,
    /// Whether a call is asked for and not there yet.
    pub(super) awaits_call: bool,
    /// From the TCP connection to the first packet that came back through the tunnel.
    pub(super) first_packet: Option<Duration>,
    /// Why it is over, the first thing that was heard of it.
    pub(super) cause: Option<String>,
}

/// How far a client has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Stage {
    /// Nothing is done yet.
    #[default]
    Idle,
    /// TCP connects.
    Connecting,
    /// PPTP and PPP negotiate.
    Negotiating,
    /// IPv4 passes.
    Up(Inner),
    /// The end is on its way.
    Leaving,
    /// Nothing is left of it.
    Over,
}

/// The addresses inside a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Inner {
    pub(super) own: Ipv4Addr,
    /// The address that answers pings.
    pub(super) target: Ipv4Addr,
}

impl Client {
    /// Notes why it is over, unless something else was said before.
    pub(super) fn blame(&mut self, cause: impl ToString) {
        self.cause.get_or_insert_with(|| cause.to_string());
    }

    /// Whether packets pass.
    pub(super) fn inner(&self) -> Option<Inner> {
        match self.stage {
            Stage::Up(inner) => Some(inner),
            _ => None,
        }
    }

    /// In which state a client is whose patience is at its end, for people.
    pub(super) fn stage_name(&self) -> &'static str {
        match self.stage {
            Stage::Idle => "not begun",
            Stage::Connecting => "the TCP connection does not come about",
            Stage::Negotiating if self.call.is_none() => "no call comes up",
            Stage::Negotiating => "the call is up, but PPP does not come up",
            Stage::Up(_) => "the tunnel is up, but no packet comes back",
            Stage::Leaving => "the end is not answered",
            Stage::Over => "over",
        }
    }
}

/// Begins a TCP connection from an address of this host.
pub(super) fn connect(source: Option<Ipv4Addr>, server: SocketAddrV4) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking(), None)?;
    if let Some(source) = source {
        socket.bind(&SocketAddrV4::new(source, 0).into())?;
    }
    match socket.connect(&server.into()) {
        Err(error) if error.raw_os_error() != Some(nix::libc::EINPROGRESS) => Err(error),
        _ => Ok(TcpStream::from_std(socket.into())),
    }
}
