//! The checked configuration.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::{Ipv4Net, Ipv6Net};
use serde::Deserialize;

use super::postgresql::Postgresql;

use super::access::{Access, Listen};
use super::events::Events;
use super::firewall::Firewall;
use super::hooks::Hooks;
use super::log::Log;
use super::metrics::Metrics;
use super::policy::UserPolicy;
use super::pools::{Ipv6Pool, Pool};
use super::radius::Radius;

/// Everything the server can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where control connections are accepted (TCP 1723, RFC 2637 §1.3).
    pub listen: Vec<Listen>,
    /// Path of the socket where `adit sessions` and `adit disconnect` ask.
    pub control_socket: PathBuf,
    /// The tunnel's inside: addresses, names, routing.
    pub network: Network,
    /// Further pools of IPv4 addresses, each with its name.
    pub pools: Vec<Pool>,
    /// Further prefixes of IPv6 for clients, each with its name.
    pub ipv6_pools: Vec<Ipv6Pool>,
    /// Where user names and secrets are kept.
    pub users: Users,
    /// The database that several servers share, if any.
    pub postgresql: Option<Postgresql>,
    /// How users prove who they are.
    pub authentication: Authentication,
    /// What holds for every user.
    pub policy: UserPolicy,
    /// RADIUS servers, where there are any.
    pub radius: Option<Radius>,
    /// Where events are written for machines.
    pub events: Events,
    /// Where metrics are to be had.
    pub metrics: Metrics,
    /// MPPE (RFC 3078).
    pub encryption: Encryption,
    /// The PPP links (RFC 1661).
    pub ppp: Ppp,
    /// The control connections (RFC 2637 §3.1).
    pub pptp: Pptp,
    /// The data sessions (RFC 2637 §4).
    pub gre: Gre,
    /// The threads among which the sessions are shared out.
    pub workers: Workers,
    /// How much of everything at once.
    pub limits: Limits,
    /// Programs that are run when sessions begin and end.
    pub hooks: Hooks,
    /// Sets of addresses in nftables.
    pub firewall: Firewall,
    /// Where log lines go, in which form, and how many.
    pub log: Log,
}

/// The tunnel's inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Name of the TUN interface; `%d` becomes the first free number.
    pub interface: String,
    /// Addresses of the tunnel. The first one is the server's end; clients lease the others, except the
    /// network and broadcast addresses.
    pub pool: Ipv4Net,
    /// DNS servers given to clients, at most two (RFC 1877).
    pub dns: Vec<Ipv4Addr>,
    /// WINS servers given to clients, at most two (RFC 1877).
    pub wins: Vec<Ipv4Addr>,
    /// Greatest packet inside the tunnel.
    pub mtu: Mtu,
    /// Whether the MSS of TCP handshakes is lowered to what fits the tunnel.
    pub clamp_mss: bool,
    /// Whether IPv6CP is offered (RFC 5072).
    pub ipv6: bool,
    /// Prefix out of which each client is advertised a /64; without it clients have link-local addresses
    /// only.
    pub ipv6_prefix: Option<Ipv6Net>,
    /// DNS servers advertised to clients by RDNSS (RFC 8106).
    pub ipv6_dns: Vec<Ipv6Addr>,
    /// Whether the host forwards IPv4 and IPv6 while the server runs.
    pub forward: bool,
    /// Whether clients leave the host under the host's own address.
    pub masquerade: bool,
    /// Whether this host answers ARP requests for clients whose addresses are in the network of one of its
    /// Ethernet links.
    pub proxy_arp: bool,
    /// Whether packets that stand for many are exchanged with the host, as far as its kernel is able to.
    pub offload: bool,
}

impl Config {
    /// The back ends that are configured.
    pub fn configured_back_ends(&self) -> Vec<BackEndName> {
        let configured = [
            (BackEndName::Database, self.users.database.is_some()),
            (BackEndName::Secrets, self.users.secrets.is_some()),
            (BackEndName::Postgresql, self.postgresql.is_some()),
            (
                BackEndName::Radius,
                self.radius.as_ref().is_some_and(Radius::authenticates),
            ),
        ];
        let names = configured.into_iter().filter(|(_, is_there)| *is_there);
        names.map(|(name, _)| name).collect()
    }

    /// The back ends in the order in which they are asked.
    pub fn back_ends(&self) -> Vec<BackEndName> {
        match self.authentication.order.as_slice() {
            [] => self.configured_back_ends(),
            order => order.to_vec(),
        }
    }
}

impl Network {
    /// The server's own address inside the tunnel: the first host address of the pool.
    pub fn server_address(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.pool.network().to_bits().saturating_add(1))
    }
}

/// A packet size in octets, or the choice left to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mtu {
    /// Derived from the path to each client.
    Auto,
    /// This many octets.
    Octets(u16),
}

/// Where user names and secrets are kept on this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Users {
    /// An SQLite file made by `adit user`; holds NT hashes only.
    pub database: Option<PathBuf>,
    /// A file in the syntax of pppd's `chap-secrets`.
    pub secrets: Option<SecretsFile>,
}

impl Users {
    /// Nowhere on this host.
    pub(super) const fn none() -> Self {
        Self {
            database: None,
            secrets: None,
        }
    }
}

/// A file in the syntax of pppd's `chap-secrets`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretsFile {
    /// The file.
    pub path: PathBuf,
    /// What the file's second column must name; `None` takes every line, whatever server it names.
    pub server_name: Option<String>,
}

/// Something that knows users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackEndName {
    /// The file of `users.database`.
    Database,
    /// The file of `users.secrets`.
    Secrets,
    /// The database of `postgresql.connection`.
    Postgresql,
    /// The servers of `radius.servers`.
    Radius,
}

impl BackEndName {
    /// As in the file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Secrets => "secrets",
            Self::Postgresql => "postgresql",
            Self::Radius => "radius",
        }
    }
}

/// What a back end means that cannot be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhenUnreachable {
    /// The login is refused.
    #[default]
    Refuse,
    /// The next back end is asked.
    Next,
}

/// How users prove who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authentication {
    /// Methods offered, the preferred one first; never empty.
    pub methods: Vec<AuthMethod>,
    /// Wrong passwords accepted on one link before it is closed.
    pub attempts: u32,
    /// Longest time from the opening of LCP to a verdict.
    pub timeout: Duration,
    /// Time between repeated challenges of an open link (RFC 1994 §4.1), if any.
    pub rechallenge: Option<Duration>,
    /// Whether users may change an expired password while they log in (RFC 2759 §7).
    pub password_change: bool,
    /// The back ends in the order in which they are asked; empty for all that are configured.
    pub order: Vec<BackEndName>,
    /// What a back end means that cannot be reached.
    pub on_unreachable: WhenUnreachable,
}

/// An authentication protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum AuthMethod {
    /// MS-CHAPv2 (RFC 2759).
    #[serde(rename = "mschap-v2")]
    MsChapV2,
    /// MS-CHAPv1 (RFC 2433).
    #[serde(rename = "mschap-v1")]
    MsChapV1,
    /// CHAP with MD5 (RFC 1994).
    #[serde(rename = "chap-md5")]
    ChapMd5,
    /// PAP (RFC 1334).
    #[serde(rename = "pap")]
    Pap,
}

impl AuthMethod {
    /// Whether the method yields the keys that MPPE needs (RFC 3079).
    pub fn can_key_mppe(self) -> bool {
        matches!(self, Self::MsChapV2 | Self::MsChapV1)
    }
}

/// MPPE (RFC 3078).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encryption {
    /// Whether a link must, may or must not be encrypted.
    pub policy: EncryptionPolicy,
    /// Key lengths accepted, the preferred one first.
    pub strengths: Vec<MppeStrength>,
    /// Key change modes accepted, the preferred one first.
    pub modes: Vec<MppeMode>,
}

/// Whether a link must, may or must not be encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EncryptionPolicy {
    /// A client that does not encrypt is refused.
    Required,
    /// Encryption is asked for; a client that refuses it is served in the clear.
    Optional,
    /// Encryption is never negotiated.
    Off,
}

/// Length of MPPE session keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MppeStrength {
    /// 128 bits.
    Bits128,
    /// 56 bits.
    Bits56,
    /// 40 bits.
    Bits40,
}

/// When MPPE session keys change (RFC 3078 §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MppeMode {
    /// Before every packet; a lost packet costs only itself.
    Stateless,
    /// Every 256 packets; a lost packet costs a resynchronization.
    Stateful,
}

/// The PPP links (RFC 1661).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ppp {
    /// Time between LCP Echo-Requests; `None` sends none.
    pub lcp_echo_interval: Option<Duration>,
    /// Echo-Requests without any answer after which the link is dead.
    pub lcp_echo_failures: u32,
    /// The Restart timer (RFC 1661 §4.6).
    pub restart_timer: Duration,
    /// The Restart timer of a first Configure-Request, which peers are known to miss.
    pub first_retransmit: Duration,
    /// Max-Configure (RFC 1661 §4.6).
    pub max_configure: u32,
    /// Max-Terminate (RFC 1661 §4.6).
    pub max_terminate: u32,
    /// Max-Failure (RFC 1661 §4.6).
    pub max_failure: u32,
    /// The Maximum-Receive-Unit asked for (RFC 1661 §6.1).
    pub mru: Mtu,
}

/// The control connections (RFC 2637 §3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pptp {
    /// Silence after which an Echo-Request is sent (§3.1.4).
    pub echo_interval: Duration,
    /// Time an Echo-Request waits for its reply (§3.1.4).
    pub echo_timeout: Duration,
    /// Time a new connection has to ask for a control connection, and then for a call.
    pub half_open: Duration,
    /// Host Name sent to clients, at most 64 octets; may be empty (§2.2).
    pub host_name: String,
    /// Vendor Name sent to clients, at most 64 octets; may be empty (§2.2).
    pub vendor: String,
    /// Calls one control connection may hold.
    pub max_calls_per_connection: u16,
}

/// The data sessions (RFC 2637 §4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gre {
    /// Longest time a packet waits for the ones before it; zero delivers in order of arrival.
    pub reorder: Duration,
    /// Most packets of one session that wait for the ones before them.
    pub reorder_packets: u16,
    /// Longest time an acknowledgment waits for a packet to travel on.
    pub ack_delay: Duration,
    /// Whether GRE packets of a call are accepted from any address, not only the control connection's.
    pub any_source: bool,
    /// How GRE packets are sent.
    pub transmit: Transmit,
    /// Octets of GRE packets that may wait to be received, for each worker.
    pub receive_buffer: usize,
    /// Octets of GRE packets that may wait to be sent, for each worker.
    pub send_buffer: usize,
}

/// How GRE packets are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transmit {
    /// By a raw socket, as everything that the host sends.
    Socket,
    /// As Ethernet frames by a packet socket, past the host's firewall.
    Packet,
    /// As Ethernet frames by an AF_XDP socket, past the host's firewall and queueing.
    Xdp,
}

impl Transmit {
    /// How frames are given to a network device, where they are.
    pub(crate) const fn direct(self) -> Option<adit_net::direct::Transmit> {
        match self {
            Self::Socket => None,
            Self::Packet => Some(adit_net::direct::Transmit::Packet),
            Self::Xdp => Some(adit_net::direct::Transmit::Xdp),
        }
    }
}

/// The threads among which the sessions are shared out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workers {
    /// How many.
    pub count: WorkerCount,
    /// Whether each stays on a core of its own.
    pub pin: bool,
}

/// How many threads share out the sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerCount {
    /// One for each core.
    Auto,
    /// So many, from 1 to [`Self::MOST`].
    Number(u16),
}

impl WorkerCount {
    /// The most that there may be.
    pub const MOST: u16 = 16;

    /// How many there are to be on a host with so many cores: a power of two, the next lower one if need
    /// be, because Call IDs are shared out by their lowest bits.
    pub fn on(self, cores: usize) -> u16 {
        let wanted = match self {
            Self::Auto => u16::try_from(cores).unwrap_or(Self::MOST),
            Self::Number(number) => number,
        };
        1 << wanted.clamp(1, Self::MOST).ilog2()
    }
}

/// How much of everything at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Sessions, logged in or logging in.
    pub sessions: usize,
    /// Control connections.
    pub connections: usize,
    /// Control connections from one address, and calls from it that have not logged in yet.
    pub connections_per_address: usize,
    /// Control connections that have no call yet.
    pub half_open: usize,
    /// Which outer addresses may connect.
    pub access: Access,
}
