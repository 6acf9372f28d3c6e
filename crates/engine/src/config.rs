use adit_ppp::LinkConfig;
use adit_pptp::control_connection;
use adit_pptp::session::SessionConfig;

use crate::shard::{CallLimit, Shard};

/// How an endpoint behaves.
#[derive(Debug, Clone)]
pub struct EndpointConfig {
    /// Of its control connections.
    pub control: control_connection::Config,
    /// Of its GRE sessions.
    pub session: SessionConfig,
    /// Of its PPP links. The MRU is lowered to what a call's path carries.
    pub link: LinkConfig,
    /// Whether to lower the MSS of TCP connections to the tunnel's MTU, in both directions.
    pub clamp_mss: bool,
    /// Which inner source addresses a peer may use.
    pub source_check: SourceCheck,
    /// Calls that there may be at once; further ones are told that we are busy.
    pub maximum_calls: CallLimit,
    /// Which Call IDs and numbers its calls get.
    pub shard: Shard,
}

/// Which inner source addresses a peer may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceCheck {
    /// Those that it was given, and its link-local address: a server's choice.
    Assigned,
    /// Any: a client's choice, and a server's with networks behind its peers.
    None,
}

/// What a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dial {
    /// Minimum BPS, in bit/s.
    pub minimum_bps: u32,
    /// Maximum BPS, in bit/s.
    pub maximum_bps: u32,
}

impl Default for Dial {
    /// The values that Windows sends.
    fn default() -> Self {
        Self {
            minimum_bps: 300,
            maximum_bps: 100_000_000,
        }
    }
}
