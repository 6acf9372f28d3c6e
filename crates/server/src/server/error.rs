use std::io;

use adit_net::direct::DirectError;
use adit_net::gre::RawGreError;

use crate::aaa::RadiusError;
use crate::config::Listen;
use crate::control_socket::BindError;
use crate::events::EventsError;
use crate::host::SetupError;
use crate::metrics::MetricsError;
use crate::users::StoreError;

/// Why the server cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The user store cannot be opened.
    #[error(transparent)]
    Users(#[from] StoreError),
    /// An address cannot be listened on.
    #[error("cannot listen on {place}: {}", listen_problem(source))]
    Listen {
        /// Where.
        place: Listen,
        /// What the system said.
        source: io::Error,
    },
    /// No raw socket for GRE.
    #[error(transparent)]
    Gre(#[from] RawGreError),
    /// Packets cannot be sent past the firewall.
    #[error(transparent)]
    Direct(#[from] DirectError),
    /// The TUN device, its addresses or the firewall.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// Another server has the control socket.
    #[error(transparent)]
    ControlSocket(#[from] BindError),
    /// RADIUS servers, clients or records.
    #[error(transparent)]
    Radius(#[from] RadiusError),
    /// A worker has ended that was to go on.
    #[error("a worker has failed: {}", worker_problem(.0.as_ref()))]
    Worker(Option<io::Error>),
    /// The file for events cannot be written.
    #[error(transparent)]
    Events(#[from] EventsError),
    /// No listener for metrics.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// Anything else that the system refused.
    #[error("the system refused what the server needs: {0}")]
    System(#[from] io::Error),
}

fn listen_problem(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "another program uses this port; stop it, or choose another \
                                     address or port with --listen"
            .to_owned(),
        io::ErrorKind::PermissionDenied => "a port below 1024 takes root or the capability \
                                            CAP_NET_BIND_SERVICE"
            .to_owned(),
        io::ErrorKind::AddrNotAvailable => "it is not an address of this host".to_owned(),
        _ if error.raw_os_error() == Some(nix::libc::ENODEV) => {
            "this host has no such interface".to_owned()
        }
        _ => error.to_string(),
    }
}

fn worker_problem(error: Option<&io::Error>) -> String {
    error.map_or_else(
        || "it panicked, which is a fault of this program".to_owned(),
        |error| format!("the system refused what it needs: {error}"),
    )
}
