use std::io;
use std::net::SocketAddr;

use crate::aaa::accounting::SpoolError;
use crate::config::SecretError;

/// Why RADIUS cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RadiusError {
    /// A secret that is shared with a server or client.
    #[error(transparent)]
    Secret(#[from] SecretError),
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
