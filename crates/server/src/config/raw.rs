//! The file as written: every key optional, no rule checked but the types.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::{Ipv4Net, Ipv6Net};
use serde::de::{Deserialize, Deserializer, Error, Visitor};

use super::access::Listen;
use super::error::Problem;
use super::events::RawEvents;
use super::firewall::RawFirewall;
use super::hooks::RawHooks;
use super::log::RawLog;
use super::metrics::RawMetrics;
use super::policy::RawPolicy;
use super::pools::{Ipv6Pool, Pool};
use super::postgresql::RawPostgresql;
use super::radius::{Radius, RawRadius};
use super::types::{
    AuthMethod, Authentication, BackEndName, Config, Encryption, EncryptionPolicy, Gre, Limits,
    MppeMode, MppeStrength, Mtu, Network, Ppp, Pptp, SecretsFile, Transmit, Users, WhenUnreachable,
    WorkerCount, Workers,
};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    listen: Option<Vec<Listen>>,
    control_socket: Option<PathBuf>,
    #[serde(default)]
    network: RawNetwork,
    pools: Option<Vec<Pool>>,
    ipv6_pools: Option<Vec<Ipv6Pool>>,
    #[serde(default)]
    users: RawUsers,
    postgresql: Option<RawPostgresql>,
    #[serde(default)]
    authentication: RawAuthentication,
    #[serde(default)]
    policy: RawPolicy,
    radius: Option<RawRadius>,
    #[serde(default)]
    events: RawEvents,
    #[serde(default)]
    metrics: RawMetrics,
    #[serde(default)]
    encryption: RawEncryption,
    #[serde(default)]
    ppp: RawPpp,
    #[serde(default)]
    pptp: RawPptp,
    #[serde(default)]
    gre: RawGre,
    #[serde(default)]
    workers: RawWorkers,
    #[serde(default)]
    limits: RawLimits,
    #[serde(default)]
    hooks: RawHooks,
    #[serde(default)]
    firewall: RawFirewall,
    #[serde(default)]
    log: RawLog,
}

#[derive(Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RawNetwork {
    interface: Option<String>,
    pool: Option<Ipv4Net>,
    dns: Option<Vec<Ipv4Addr>>,
    wins: Option<Vec<Ipv4Addr>>,
    mtu: Option<Mtu>,
    clamp_mss: Option<bool>,
    ipv6: Option<bool>,
    ipv6_prefix: Option<Ipv6Net>,
    ipv6_dns: Option<Vec<Ipv6Addr>>,
    forward: Option<bool>,
    masquerade: Option<bool>,
    proxy_arp: Option<bool>,
    offload: Option<bool>,
}

#[derive(Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RawUsers {
    database: Option<PathBuf>,
    secrets: Option<PathBuf>,
    server_name: Option<String>,
}

#[derive(Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAuthentication {
    methods: Option<Vec<AuthMethod>>,
    attempts: Option<u32>,
    timeout_seconds: Option<u32>,
    rechallenge_seconds: Option<u32>,
    password_change: Option<bool>,
    order: Option<Vec<BackEndName>>,
    on_unreachable: Option<WhenUnreachable>,
}

#[derive(Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEncryption {
    policy: Option<EncryptionPolicy>,
    strengths: Option<Vec<MppeStrength>>,
    modes: Option<Vec<MppeMode>>,
}

#[derive(Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPpp {
    lcp_echo_interval_seconds: Option<u32>,
    lcp_echo_failures: Option<u32>,
    restart_timer_ms: Option<u32>,
    first_retransmit_ms: Option<u32>,
    max_configure: Option<u32>,
    max_terminate: Option<u32>,
    max_failure: Option<u32>,
    mru: Option<Mtu>,
}

#[derive(Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPptp {
    echo_interval_seconds: Option<u32>,
    echo_timeout_seconds: Option<u32>,
    half_open_seconds: Option<u32>,
    host_name: Option<String>,
    vendor: Option<String>,
    max_calls_per_connection: Option<u16>,
}

#[derive(Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGre {
    reorder_ms: Option<u32>,
    reorder_packets: Option<u16>,
    ack_delay_ms: Option<u32>,
    any_source: Option<bool>,
    transmit: Option<Transmit>,
    receive_buffer: Option<usize>,
    send_buffer: Option<usize>,
}

#[derive(Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWorkers {
    count: Option<WorkerCount>,
    pin: Option<bool>,
}

#[derive(Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLimits {
    sessions: Option<usize>,
    connections: Option<usize>,
    connections_per_address: Option<usize>,
    half_open: Option<usize>,
    allow: Option<Vec<Ipv4Net>>,
    deny: Option<Vec<Ipv4Net>>,
}

impl Raw {
    /// Lays what the file says over the defaults.
    pub(super) fn into_config(self) -> Result<Config, Problem> {
        let mut config = Config::default();
        set(&mut config.listen, self.listen);
        set(&mut config.control_socket, self.control_socket);
        self.network.apply(&mut config.network);
        set(&mut config.pools, self.pools);
        set(&mut config.ipv6_pools, self.ipv6_pools);
        config.radius = self.radius.map(RawRadius::into_radius).transpose()?;
        config.postgresql = self.postgresql.map(Into::into);
        let remote = config.postgresql.is_some()
            || config.radius.as_ref().is_some_and(Radius::authenticates);
        match self.users.into_users()? {
            Some(users) => config.users = users,
            // Nobody has asked for a store on this host.
            None if remote => config.users = Users::none(),
            None => {}
        }
        self.authentication.apply(&mut config.authentication);
        self.policy.apply(&mut config.policy);
        self.events.apply(&mut config.events);
        self.metrics.apply(&mut config.metrics);
        self.encryption.apply(&mut config.encryption);
        self.ppp.apply(&mut config.ppp);
        self.pptp.apply(&mut config.pptp);
        self.gre.apply(&mut config.gre);
        self.workers.apply(&mut config.workers);
        self.limits.apply(&mut config.limits);
        self.hooks.apply(&mut config.hooks);
        self.firewall.apply(&mut config.firewall);
        self.log.apply(&mut config.log);
        Ok(config)
    }
}

impl RawNetwork {
    fn apply(self, network: &mut Network) {
        set(&mut network.interface, self.interface);
        set(&mut network.pool, self.pool);
        set(&mut network.dns, self.dns);
        set(&mut network.wins, self.wins);
        set(&mut network.mtu, self.mtu);
        set(&mut network.clamp_mss, self.clamp_mss);
        set(&mut network.ipv6, self.ipv6);
        set(&mut network.ipv6_prefix, self.ipv6_prefix.map(Some));
        set(&mut network.ipv6_dns, self.ipv6_dns);
        set(&mut network.forward, self.forward);
        set(&mut network.masquerade, self.masquerade);
        set(&mut network.proxy_arp, self.proxy_arp);
        set(&mut network.offload, self.offload);
    }
}

impl RawUsers {
    /// What the section says; nothing where it says nothing.
    fn into_users(self) -> Result<Option<Users>, Problem> {
        let server_name = self.server_name;
        let secrets = match self.secrets {
            Some(path) => Some(SecretsFile { path, server_name }),
            None if server_name.is_some() => {
                return Err(Problem::new(
                    "users.server_name",
                    "it selects lines of a secrets file, but `secrets` is not given",
                ));
            }
            None => None,
        };
        let said = self.database.is_some() || secrets.is_some();
        Ok(said.then_some(Users {
            database: self.database,
            secrets,
        }))
    }
}

impl RawAuthentication {
    fn apply(self, authentication: &mut Authentication) {
        set(&mut authentication.methods, self.methods);
        set(&mut authentication.attempts, self.attempts);
        set_seconds(&mut authentication.timeout, self.timeout_seconds);
        set_optional(&mut authentication.rechallenge, self.rechallenge_seconds);
        set(&mut authentication.password_change, self.password_change);
        set(&mut authentication.order, self.order);
        set(&mut authentication.on_unreachable, self.on_unreachable);
    }
}

impl RawEncryption {
    fn apply(self, encryption: &mut Encryption) {
        set(&mut encryption.policy, self.policy);
        set(&mut encryption.strengths, self.strengths);
        set(&mut encryption.modes, self.modes);
    }
}

impl RawPpp {
    fn apply(self, ppp: &mut Ppp) {
        set_optional(&mut ppp.lcp_echo_interval, self.lcp_echo_interval_seconds);
        set(&mut ppp.lcp_echo_failures, self.lcp_echo_failures);
        set_millis(&mut ppp.restart_timer, self.restart_timer_ms);
        set_millis(&mut ppp.first_retransmit, self.first_retransmit_ms);
        set(&mut ppp.max_configure, self.max_configure);
        set(&mut ppp.max_terminate, self.max_terminate);
        set(&mut ppp.max_failure, self.max_failure);
        set(&mut ppp.mru, self.mru);
    }
}

impl RawPptp {
    fn apply(self, pptp: &mut Pptp) {
        set_seconds(&mut pptp.echo_interval, self.echo_interval_seconds);
        set_seconds(&mut pptp.echo_timeout, self.echo_timeout_seconds);
        set_seconds(&mut pptp.half_open, self.half_open_seconds);
        set(&mut pptp.host_name, self.host_name);
        set(&mut pptp.vendor, self.vendor);
        set(
            &mut pptp.max_calls_per_connection,
            self.max_calls_per_connection,
        );
    }
}

impl RawGre {
    fn apply(self, gre: &mut Gre) {
        set_millis(&mut gre.reorder, self.reorder_ms);
        set(&mut gre.reorder_packets, self.reorder_packets);
        set_millis(&mut gre.ack_delay, self.ack_delay_ms);
        set(&mut gre.any_source, self.any_source);
        set(&mut gre.transmit, self.transmit);
        set(&mut gre.receive_buffer, self.receive_buffer);
        set(&mut gre.send_buffer, self.send_buffer);
    }
}

impl RawWorkers {
    fn apply(self, workers: &mut Workers) {
        set(&mut workers.count, self.count);
        set(&mut workers.pin, self.pin);
    }
}

impl RawLimits {
    fn apply(self, limits: &mut Limits) {
        set(&mut limits.sessions, self.sessions);
        set(&mut limits.connections, self.connections);
        set(
            &mut limits.connections_per_address,
            self.connections_per_address,
        );
        set(&mut limits.half_open, self.half_open);
        set(&mut limits.access.allow, self.allow);
        set(&mut limits.access.deny, self.deny);
    }
}

fn set<T>(target: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *target = value;
    }
}

fn set_seconds(target: &mut Duration, seconds: Option<u32>) {
    set(target, seconds.map(|s| Duration::from_secs(s.into())));
}

fn set_millis(target: &mut Duration, millis: Option<u32>) {
    set(target, millis.map(|ms| Duration::from_millis(ms.into())));
}

/// Zero seconds mean never.
fn set_optional(target: &mut Option<Duration>, seconds: Option<u32>) {
    if let Some(seconds) = seconds {
        *target = (seconds > 0).then(|| Duration::from_secs(seconds.into()));
    }
}

impl<'de> Deserialize<'de> for Mtu {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberOrAuto {
            auto: Mtu::Auto,
            number: Mtu::Octets,
            expected: "a number of octets or \"auto\"",
            out_of_range: "a packet size is from 576 to 1500 octets",
        })
    }
}

impl<'de> Deserialize<'de> for WorkerCount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberOrAuto {
            auto: Self::Auto,
            number: Self::Number,
            expected: "a number of threads or \"auto\"",
            out_of_range: "there are 1 to 16 workers",
        })
    }
}

/// A number, or the choice left to the server.
struct NumberOrAuto<T> {
    auto: T,
    number: fn(u16) -> T,
    expected: &'static str,
    out_of_range: &'static str,
}

impl<T> Visitor<'_> for NumberOrAuto<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        u16::try_from(number)
            .map(self.number)
            .map_err(|_| E::custom(self.out_of_range))
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<T, E> {
        match word {
            "auto" => Ok(self.auto),
            other => Err(E::unknown_variant(other, &["auto"])),
        }
    }
}

impl<'de> Deserialize<'de> for MppeStrength {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match i64::deserialize(deserializer)? {
            128 => Ok(Self::Bits128),
            56 => Ok(Self::Bits56),
            40 => Ok(Self::Bits40),
            other => Err(D::Error::custom(format_args!(
                "{other} is no MPPE key length; use 128, 56 or 40"
            ))),
        }
    }
}
