//! What a simulated world is made of.

use std::time::Duration;

use adit_crypto::mppe_keys::Strength;
use adit_engine::{CallLimit, EndpointConfig, Shard, SourceCheck};
use adit_ppp::auth::{AuthenticatorConfig, Method, PeerConfig};
use adit_ppp::link::Role;
use adit_ppp::mppe::Mode;
use adit_ppp::{EncryptionPolicy, Ipv4Config, LinkConfig, MppeConfig};
use adit_pptp::control_connection;
use adit_pptp::session::SessionConfig;

use crate::directory::Routing;
use crate::netem::Impairment;
use crate::rng::Chance;
use crate::stream::StreamConfig;
use crate::traffic::Paths;

/// A server and its clients. Together with the seed it decides everything that happens.
#[derive(Debug, Clone)]
pub struct WorldConfig {
    /// Where all randomness comes from.
    pub seed: u64,
    /// How the server behaves.
    pub server: EndpointConfig,
    /// The clients, each with a way to the server of its own.
    pub clients: Vec<ClientConfig>,
    /// How long an answer about credentials takes.
    pub answer_delay: Duration,
    /// What peers are told of IPv6.
    pub routing: Routing,
}

/// One client host and its way to the server.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// How it behaves.
    pub endpoint: EndpointConfig,
    /// Where it is.
    pub site: Site,
    /// What its GRE packets to the server suffer.
    pub up: Impairment,
    /// What GRE packets to it suffer.
    pub down: Impairment,
    /// How its TCP connection carries octets.
    pub stream: StreamConfig,
    /// What both ends believe that the path carries, in octets of an outer IP packet.
    pub path_mtu: u16,
    /// Passwords to try when the configured one is wrong.
    pub more_passwords: Vec<String>,
}

/// Where a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Site {
    /// It has an address of its own.
    Public,
    /// It shares the address of the NAT with this number.
    Behind(u8),
}

impl WorldConfig {
    /// A server that takes what it gets, and this many clients that can connect to it over paths
    /// without impairment.
    pub fn new(seed: u64, clients: usize) -> Self {
        Self {
            seed,
            server: server(),
            clients: (0..clients).map(ClientConfig::new).collect(),
            answer_delay: Duration::from_millis(5),
            routing: Routing::LinkLocal,
        }
    }

    /// Has all clients' paths suffer the same in both directions.
    #[must_use]
    pub fn impaired(mut self, impairment: Impairment) -> Self {
        for client in &mut self.clients {
            client.up = impairment;
            client.down = impairment;
        }
        self
    }

    /// What the paths do to packets.
    pub(crate) fn paths(&self) -> Paths {
        let damages = |path: &Impairment| path.corruption > Chance::NEVER;
        let mut clients = self.clients.iter();
        if clients.any(|client| damages(&client.up) || damages(&client.down)) {
            Paths::Damaging
        } else {
            Paths::Faithful
        }
    }

    /// Has both ends allow these authentication methods and this encryption only.
    #[must_use]
    pub fn secured(mut self, methods: &[Method], mppe: &MppeConfig) -> Self {
        set_security(&mut self.server.link, methods, mppe);
        for client in &mut self.clients {
            set_security(&mut client.endpoint.link, methods, mppe);
        }
        self
    }

    /// Has all endpoints treat their GRE sessions so.
    #[must_use]
    pub fn sessions(mut self, session: &SessionConfig) -> Self {
        self.server.session = session.clone();
        for client in &mut self.clients {
            client.endpoint.session = session.clone();
        }
        self
    }
}

impl ClientConfig {
    /// A client that can connect, with a name and a password of its own.
    pub fn new(index: usize) -> Self {
        Self {
            endpoint: endpoint(client_link(index)),
            site: Site::Public,
            up: Impairment::NONE,
            down: Impairment::NONE,
            stream: StreamConfig::default(),
            path_mtu: 1500,
            more_passwords: Vec::new(),
        }
    }
}

/// The name of the client with this index.
pub fn user_name(index: usize) -> String {
    format!("user{index}")
}

/// The password of the client with this index; short enough for an LM hash, of which the shorter
/// keys of MS-CHAPv1 are made (RFC 3079 §2).
pub fn password(index: usize) -> String {
    format!("secret {index}")
}

/// Encryption that must be had, of one kind.
pub fn required(strength: Strength, mode: Mode) -> MppeConfig {
    MppeConfig {
        policy: EncryptionPolicy::Required,
        strengths: vec![strength],
        modes: vec![mode],
    }
}

/// No encryption.
pub fn unencrypted() -> MppeConfig {
    MppeConfig {
        policy: EncryptionPolicy::Off,
        ..MppeConfig::default()
    }
}

/// The wishes of the client with this index.
pub fn client_link(index: usize) -> LinkConfig {
    LinkConfig::new(Role::Client {
        credentials: PeerConfig {
            methods: vec![Method::MsChapV2],
            name: user_name(index),
            password: password(index).into(),
            new_password: None,
            can_ask_again: true,
        },
        ipv4: Ipv4Config::Ask {
            local: std::net::Ipv4Addr::UNSPECIFIED,
        },
    })
}

fn server() -> EndpointConfig {
    let authenticator = AuthenticatorConfig::default();
    EndpointConfig {
        source_check: SourceCheck::Assigned,
        ..endpoint(LinkConfig::new(Role::Server(authenticator)))
    }
}

fn endpoint(link: LinkConfig) -> EndpointConfig {
    EndpointConfig {
        control: control_connection::Config::default(),
        session: SessionConfig::default(),
        link,
        clamp_mss: true,
        source_check: SourceCheck::None,
        maximum_calls: CallLimit::new(1_000),
        shard: Shard::default(),
    }
}

fn set_security(link: &mut LinkConfig, methods: &[Method], mppe: &MppeConfig) {
    match &mut link.role {
        Role::Server(authenticator) => authenticator.methods = methods.to_vec(),
        Role::Client { credentials, .. } => credentials.methods = methods.to_vec(),
    }
    link.mppe = mppe.clone();
}
