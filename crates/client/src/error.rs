use std::io;
use std::net::Ipv4Addr;

use adit_net::capability::Missing;
use adit_net::direct::DirectError;
use adit_net::gre::RawGreError;
use adit_net::host::HostError;
use adit_net::tun::TunError;
use ipnet::IpNet;

use crate::dial::ConnectFailure;
use crate::server_name::NameError;
use crate::verdict::Cause;

/// Why there is no connection, or no more.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Wishes that contradict each other.
    #[error("{0}")]
    Contradiction(&'static str),
    /// A privilege or a device is missing.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// The server's name leads nowhere.
    #[error(transparent)]
    Name(#[from] NameError),
    /// No TCP connection to any of the server's addresses.
    #[error("{}", failures(.0))]
    Connect(Vec<ConnectFailure>),
    /// A route through the tunnel would lead to the server itself.
    #[error("the route to {0} is the way to the server itself and cannot go through the tunnel")]
    RouteToServer(IpNet),
    /// The raw GRE socket cannot be had.
    #[error(transparent)]
    Gre(#[from] RawGreError),
    /// Packets cannot be sent past the firewall.
    #[error(transparent)]
    Direct(#[from] DirectError),
    /// The TUN device cannot be had.
    #[error(transparent)]
    Tun(#[from] TunError),
    /// This host refused an address, a route or a setting.
    #[error("cannot set up the tunnel on this host")]
    Host(#[from] HostError),
    /// The server gave an address that this host cannot have.
    #[error("the server gave the address {0}, which cannot be used")]
    Address(Ipv4Addr),
    /// The system refused something else.
    #[error("cannot {doing}")]
    Io {
        /// What was to be done.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The connection ended.
    #[error(transparent)]
    Ended(#[from] Cause),
}

/// Kinds of failures that a caller may want to tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The wishes contradict each other.
    Usage,
    /// Something that has no kind of its own.
    Failed,
    /// The server cannot be reached.
    Unreachable,
    /// The server refused the connection or the call.
    Refused,
    /// The control connection works, but no GRE packet comes through.
    GreFiltered,
    /// The user name or the password is wrong, or the password has expired.
    WrongPassword,
    /// The account is refused, or the authentication itself does not hold.
    AccountRefused,
    /// There is no encryption that both sides allow.
    NoEncryption,
    /// A connection is lost, or the server ended it.
    Lost,
    /// A privilege or a device is missing.
    MissingPrivilege,
}

impl ClientError {
    /// The kind of the failure.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Contradiction(_) | Self::RouteToServer(_) => Kind::Usage,
            Self::Name(NameError::Form(_)) => Kind::Usage,
            Self::Name(NameError::OnlyIpv6(_) | NameError::Lookup { .. }) => Kind::Unreachable,
            Self::Missing(_) => Kind::MissingPrivilege,
            Self::Connect(failures) if failures.iter().any(ConnectFailure::is_refused) => {
                Kind::Refused
            }
            Self::Connect(_) => Kind::Unreachable,
            Self::Gre(RawGreError::Permission) | Self::Direct(DirectError::Permission) => {
                Kind::MissingPrivilege
            }
            Self::Tun(
                TunError::Missing | TunError::DevicePermission | TunError::Permission { .. },
            ) => Kind::MissingPrivilege,
            Self::Tun(TunError::Name { .. }) => Kind::Usage,
            Self::Host(HostError::Netlink(error)) if error.is_permission() => {
                Kind::MissingPrivilege
            }
            Self::Gre(_)
            | Self::Direct(_)
            | Self::Tun(_)
            | Self::Host(_)
            | Self::Address(_)
            | Self::Io { .. } => Kind::Failed,
            Self::Ended(cause) => cause.kind(),
        }
    }

    pub(crate) fn io(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, source }
    }
}

fn failures(failures: &[ConnectFailure]) -> String {
    let sentences: Vec<String> = failures.iter().map(ToString::to_string).collect();
    sentences.join("; ")
}
