use std::io;
use std::net::{IpAddr, SocketAddr};

use crate::aaa::accounting::SpoolError;
use crate::config::SecretError;

/// Why RADIUS cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RadiusError {
    /// A secret that is shared with a server or client.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The address to send from is not this host's.
    #[error("radius.source_address {address} cannot be used: {source}")]
    Source {
        /// The address.
        address: IpAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The directory for accounting records.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// Requests cannot be taken at an address.
    #[error("cannot take requests for dynamic authorization at {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Anything else that the system refused.
    #[error("the system refused what RADIUS needs: {0}")]
    System(#[from] io::Error),
}
