use std::time::Duration;

use adit_wire::ipv6cp::InterfaceId;

use crate::auth::{AuthenticatorConfig, Method, PeerConfig};
use crate::ccp::{EncryptionPolicy, MppeConfig};
use crate::ipcp::Ipv4Config;
use crate::lcp::LcpConfig;
use crate::mppe::ReceiverConfig;
use crate::negotiator::NegotiationTimers;

/// All wishes of one end of a link.
#[derive(Debug, Clone)]
pub struct LinkConfig {
    /// Which end this is.
    pub role: Role,
    /// For LCP.
    pub lcp: LcpConfig,
    /// For CCP.
    pub mppe: MppeConfig,
    /// For decryption.
    pub receiver: ReceiverConfig,
    /// For IPV6CP: our identifier, a random one where it is zero; `None` leaves IPv6 out.
    pub ipv6: Option<InterfaceId>,
    /// Of every negotiation.
    pub timers: NegotiationTimers,
    /// LCP's keep-alive.
    pub echo: EchoConfig,
    /// From the first packet to the first network-layer protocol: a link that takes longer is
    /// closed.
    pub setup_time: Duration,
}

/// Which end of the link this is.
#[derive(Debug, Clone)]
pub enum Role {
    /// Authenticates the peer and hands out addresses, which come with each verdict.
    Server(AuthenticatorConfig),
    /// Proves who it is and asks for addresses.
    Client {
        /// Who it is.
        credentials: PeerConfig,
        /// Which address to ask for.
        ipv4: Ipv4Config,
    },
}

impl Role {
    pub(super) fn demand(&self) -> Vec<Method> {
        match self {
            Self::Server(authenticator) => authenticator.methods.clone(),
            Self::Client { .. } => Vec::new(),
        }
    }
}

impl LinkConfig {
    /// How we authenticate. Where encryption is required, not by what gives no keys for it: the link
    /// would fail, but only when a password in the clear or a weak digest is with whoever asked.
    pub(super) fn willing(&self) -> Vec<Method> {
        let Role::Client { credentials, .. } = &self.role else {
            return Vec::new();
        };
        let needs_keys = self.mppe.policy == EncryptionPolicy::Required;
        let methods = credentials.methods.iter().copied();
        methods
            .filter(|method| method.makes_keys() || !needs_keys)
            .collect()
    }
}

/// When a silent peer is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EchoConfig {
    /// Silence after which an Echo-Request is sent, and between two of them; zero for never.
    pub interval: Duration,
    /// Echo-Requests in a row without a sign of life.
    pub failures: u32,
}

impl Default for EchoConfig {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(30),
            failures: 4,
        }
    }
}
