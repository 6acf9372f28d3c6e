//! What is told about sessions, and to whom: accounting, hooks, firewall, events, metrics.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::{Duration, Instant};

use adit_engine::CallEnd;
use adit_ppp::Entropy;
use adit_ppp::auth::Refusal;
use adit_ppp::link::CloseReason;
use adit_pptp::CallDownReason;
use adit_pptp::control_connection::CloseReason as ControlEnd;
use adit_wire::cp::RasError;
use adit_wire::ipv6cp::InterfaceId;
use ipnet::{IpNet, Ipv6Net};

use crate::config::Config;
use crate::control_socket::Traffic;

/// Names a session for ever, over restarts too (Acct-Session-Id, RFC 2866 §5.5).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SessionId(Box<str>);

impl SessionId {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Makes the names of a server's sessions.
#[derive(Debug)]
pub(crate) struct SessionIds {
    run: u64,
}

impl SessionIds {
    /// For one run of a server: random, so that no other run's names come again.
    pub(crate) fn new(entropy: &dyn Entropy) -> Self {
        let mut run = [0; 8];
        entropy.fill(&mut run);
        Self {
            run: u64::from_be_bytes(run),
        }
    }

    /// The name of the session with this number.
    pub(crate) fn name(&self, number: u32) -> SessionId {
        SessionId(format!("{:016x}{number:08x}", self.run).into())
    }
}

/// A session at one moment. It stands for itself: whoever has it needs nothing else of the session.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) session: SessionId,
    /// The session's number while the server runs (NAS-Port).
    pub(crate) number: u32,
    pub(crate) user: String,
    pub(crate) group: Option<String>,
    pub(crate) class: Vec<Vec<u8>>,
    /// The back end that has let the user in.
    pub(crate) back_end: &'static str,
    /// Where the client's control connection comes from.
    pub(crate) peer: SocketAddrV4,
    /// Where the client has connected to.
    pub(crate) local: SocketAddrV4,
    /// The client's address in the tunnel.
    pub(crate) address: Option<Ipv4Addr>,
    /// The server's address in the tunnel.
    pub(crate) server_address: Ipv4Addr,
    pub(crate) prefix: Option<Ipv6Net>,
    /// The client's interface identifier, once IPv6 is up.
    pub(crate) interface_id: Option<InterfaceId>,
    /// Networks behind the client.
    pub(crate) routes: Vec<IpNet>,
    /// The authentication protocol, as `mschap-v2`.
    pub(crate) method: Option<String>,
    /// The encryption, as `128-bit stateless`; none means in the clear.
    pub(crate) encryption: Option<String>,
    /// Start of the session in seconds since 1970.
    pub(crate) since: u64,
    /// How long it has lasted, by a clock that nobody sets.
    pub(crate) lasted: Duration,
    /// Of IP packets from the client.
    pub(crate) received: Traffic,
    /// Of IP packets to the client.
    pub(crate) sent: Traffic,
}

/// Something that others may want to know.
#[derive(Debug, Clone)]
pub(crate) enum Happening {
    /// A control connection was accepted.
    Connected { peer: SocketAddrV4 },
    /// A control connection was refused, for a reason with a stable name.
    TurnedAway {
        peer: SocketAddrV4,
        reason: &'static str,
    },
    /// A user has logged in.
    LoggedIn {
        session: SessionId,
        peer: SocketAddrV4,
        user: String,
        /// The method, as `mschap-v2`.
        method: String,
        back_end: &'static str,
    },
    /// A login was refused.
    LoginRefused(Arc<Refusing>),
    /// A session carries packets.
    Up(Arc<Facts>),
    /// It goes on; told about every so often.
    Goes(Arc<Facts>),
    /// It is over.
    Down(Arc<Facts>, Arc<Ending>),
    /// A call is over that never was a session, because nobody logged in or no packet could pass.
    Failed {
        peer: SocketAddrV4,
        /// The user, where one has logged in.
        user: Option<String>,
        ending: Arc<Ending>,
    },
}

/// Why a call is over.
#[derive(Debug, Clone)]
pub(crate) struct Ending {
    pub(crate) cause: Cause,
    /// The same as a sentence.
    pub(crate) why: String,
    /// The error that Windows named as its reason.
    pub(crate) ras_error: Option<RasError>,
}

impl Ending {
    /// Of a call that ended so, where `ours` is why the server ended it, if it did.
    pub(crate) fn new(end: &CallEnd, ours: Option<Cause>) -> Self {
        let ras_error = match end {
            CallEnd::Link(CloseReason::PeerTerminated(farewell)) => farewell.ras_error(),
            CallEnd::Link(_) | CallEnd::Control(_) => None,
        };
        Self {
            cause: ours.unwrap_or_else(|| Cause::of(end)),
            why: ours.map_or_else(|| end.to_string(), |cause| cause.to_string()),
            ras_error,
        }
    }
}

/// A login that was refused.
#[derive(Debug, Clone)]
pub(crate) struct Refusing {
    pub(crate) peer: SocketAddrV4,
    /// The name as sent, not to be trusted.
    pub(crate) user: String,
    /// The method, as `mschap-v2`.
    pub(crate) method: String,
    /// The back end that has refused it, where one did.
    pub(crate) back_end: Option<&'static str>,
    pub(crate) refusal: Refusal,
    /// Why, as a sentence.
    pub(crate) why: String,
}

/// One who is told what happens. It must not wait: what takes time has a thread of its own.
pub(crate) trait Observer: Send {
    /// Takes note.
    fn observe(&mut self, happening: &Happening);

    /// How often it wants to be told how a session goes, where the user's back end names no time.
    fn interim(&self) -> Option<Duration> {
        None
    }

    /// The configuration is another one from now on.
    fn reconfigure(&mut self, config: &Config) {
        let _ = config;
    }

    /// The server ends, and all sessions have been told to be over: finishes what was begun, until
    /// the deadline at most.
    fn finish(&mut self, deadline: Instant) {
        let _ = deadline;
    }
}

/// Why a session ended, in the terms of accounting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub(crate) enum Cause {
    /// The client ended it.
    #[error("the client ended it")]
    UserRequest,
    /// The client or the way to it is dead.
    #[error("the client no longer answers")]
    LostCarrier,
    /// No packets for longer than the user may be idle.
    #[error("there was no traffic for as long as the user may be idle")]
    IdleTimeout,
    /// The user's time is over.
    #[error("the user's time is over")]
    SessionTimeout,
    /// The account has expired.
    #[error("the account has expired")]
    Expired,
    /// The user's data volume is used up.
    #[error("the user's data volume is used up")]
    Volume,
    /// An operator, or a Disconnect-Request, ended it.
    #[error("an operator ended it")]
    AdminReset,
    /// A newer session of the same user took its place.
    #[error("a newer session of the same user took its place")]
    Replaced,
    /// The server ends.
    #[error("the server ends")]
    NasReboot,
    /// What was agreed on no longer holds: encryption, authentication, addresses.
    #[error("what was agreed on no longer holds")]
    ServiceUnavailable,
    /// The peer broke the protocol.
    #[error("the peer broke the protocol")]
    NasError,
    /// The user failed to log in again.
    #[error("the user failed to log in again")]
    Refused,
}

impl Cause {
    /// The cause as machines know it; these names stay as they are.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::UserRequest => "user-request",
            Self::LostCarrier => "lost-carrier",
            Self::IdleTimeout => "idle-timeout",
            Self::SessionTimeout => "session-timeout",
            Self::Expired => "expired",
            Self::Volume => "volume",
            Self::AdminReset => "admin-reset",
            Self::Replaced => "replaced",
            Self::NasReboot => "server-stops",
            Self::ServiceUnavailable => "service-unavailable",
            Self::NasError => "protocol-error",
            Self::Refused => "refused",
        }
    }

    /// What the end of a call means where the server has not brought it about.
    pub(crate) fn of(end: &CallEnd) -> Self {
        match end {
            CallEnd::Link(reason) => Self::of_link(reason),
            CallEnd::Control(reason) => Self::of_control(reason),
        }
    }

    fn of_link(reason: &CloseReason) -> Self {
        match reason {
            CloseReason::Requested => Self::AdminReset,
            CloseReason::PeerTerminated(_) => Self::UserRequest,
            CloseReason::PeerSilent | CloseReason::NoAnswer => Self::LostCarrier,
            CloseReason::PeerRefused(_)
            | CloseReason::AuthenticationTimeout
            | CloseReason::AuthenticationProtocol
            | CloseReason::AuthenticationRefused(_)
            | CloseReason::ServerNotProven => Self::Refused,
            CloseReason::NoEncryption(_) | CloseReason::NoNetwork | CloseReason::SetupTimeout => {
                Self::ServiceUnavailable
            }
            CloseReason::NoAgreement | CloseReason::Loop => Self::NasError,
        }
    }

    fn of_control(reason: &CallDownReason) -> Self {
        match reason {
            CallDownReason::PeerDisconnected { .. } | CallDownReason::PeerCleared => {
                Self::UserRequest
            }
            CallDownReason::LocalRequest => Self::AdminReset,
            CallDownReason::ConnectionClosed(reason) => Self::of_connection(reason),
            CallDownReason::OutgoingRefused { .. }
            | CallDownReason::IncomingRefused { .. }
            | CallDownReason::NotAnswered => Self::NasError,
        }
    }

    fn of_connection(reason: &ControlEnd) -> Self {
        match reason {
            ControlEnd::Peer(_) => Self::UserRequest,
            ControlEnd::StreamClosed | ControlEnd::NoEchoReply => Self::LostCarrier,
            ControlEnd::Local(_) => Self::NasReboot,
            _ => Self::NasError,
        }
    }
}
