//! What the configuration means for the endpoint.

use std::time::Duration;

use adit_crypto::mppe_keys::Strength;
use adit_engine::{CallLimit, EndpointConfig, Shard, SourceCheck};
use adit_ppp::auth::{AuthenticatorConfig, Method};
use adit_ppp::link::{EchoConfig, Role};
use adit_ppp::mppe::Mode;
use adit_ppp::{DEFAULT_MRU, LinkConfig, MppeConfig, NegotiationTimers};
use adit_pptp::control_connection;
use adit_pptp::session::SessionConfig;
use adit_wire::ipv6cp::InterfaceId;
use adit_wire::text::Text;

use crate::config::{
    AuthMethod, Authentication, Config, Encryption, EncryptionPolicy, MppeMode, MppeStrength, Mtu,
};

/// Octets that encryption takes of the MRU, so that a fixed MTU inside the tunnel is reached.
const MPPE_OVERHEAD: u16 = 4;

/// What an MTU is made of where nothing is known of the path: Ethernet.
pub(crate) const ETHERNET: u16 = 1500;

/// The endpoint that the configuration describes; `id` is our end of every link in IPv6.
pub(crate) fn endpoint(config: &Config, id: InterfaceId) -> EndpointConfig {
    EndpointConfig {
        control: control(config),
        session: session(config),
        link: link(config, id),
        clamp_mss: config.network.clamp_mss,
        source_check: SourceCheck::Assigned,
        maximum_calls: CallLimit::new(config.limits.sessions),
        shard: Shard::default(),
    }
}

fn control(config: &Config) -> control_connection::Config {
    let pptp = &config.pptp;
    control_connection::Config {
        host_name: Text::new(&pptp.host_name),
        vendor: Text::new(&pptp.vendor),
        maximum_channels: pptp.max_calls_per_connection,
        maximum_calls: usize::from(pptp.max_calls_per_connection),
        start_timeout: pptp.half_open,
        call_timeout: Some(pptp.half_open),
        echo_interval: pptp.echo_interval,
        echo_timeout: pptp.echo_timeout,
        ..control_connection::Config::default()
    }
}

fn session(config: &Config) -> SessionConfig {
    SessionConfig {
        // Deviation (RFC 2637 §4.1 starts at 0): Linux' kernel receiver drops a first packet with
        // the number 0, and every peer takes 1.
        first_sequence: 1,
        reorder_packets: config.gre.reorder_packets,
        reorder_delay: config.gre.reorder,
        acknowledgment_delay: config.gre.ack_delay,
        ..SessionConfig::default()
    }
}

fn link(config: &Config, id: InterfaceId) -> LinkConfig {
    let ppp = &config.ppp;
    let role = Role::Server(authenticator(
        &config.authentication,
        &config.pptp.host_name,
    ));
    let mut link = LinkConfig::new(role);
    link.lcp.mru = mru(config);
    link.mppe = mppe(&config.encryption);
    link.ipv6 = config.network.ipv6.then_some(id);
    link.timers = NegotiationTimers {
        restart: ppp.restart_timer,
        first_restart: ppp.first_retransmit,
        max_configure: ppp.max_configure,
        max_terminate: ppp.max_terminate,
        max_failure: ppp.max_failure,
    };
    link.echo = EchoConfig {
        interval: ppp.lcp_echo_interval.unwrap_or(Duration::ZERO),
        failures: ppp.lcp_echo_failures,
    };
    link.setup_time = config.authentication.timeout;
    link
}

/// The smaller of what the two settings allow; the path's own limit comes on top of it.
fn mru(config: &Config) -> u16 {
    let from_mtu = match config.network.mtu {
        Mtu::Auto => DEFAULT_MRU,
        Mtu::Octets(mtu) => mtu.saturating_add(MPPE_OVERHEAD),
    };
    match config.ppp.mru {
        Mtu::Auto => from_mtu,
        Mtu::Octets(mru) => mru.min(from_mtu),
    }
}

fn authenticator(authentication: &Authentication, host_name: &str) -> AuthenticatorConfig {
    let name = if host_name.is_empty() {
        "adit"
    } else {
        host_name
    };
    AuthenticatorConfig {
        methods: authentication.methods.iter().copied().map(method).collect(),
        name: name.to_owned(),
        attempts: authentication.attempts,
        rechallenge: authentication.rechallenge,
        password_change: authentication.password_change,
        retry_wait: authentication.timeout,
        ..AuthenticatorConfig::default()
    }
}

fn method(method: AuthMethod) -> Method {
    match method {
        AuthMethod::MsChapV2 => Method::MsChapV2,
        AuthMethod::MsChapV1 => Method::MsChapV1,
        AuthMethod::ChapMd5 => Method::ChapMd5,
        AuthMethod::Pap => Method::Pap,
    }
}

fn mppe(encryption: &Encryption) -> MppeConfig {
    MppeConfig {
        policy: match encryption.policy {
            EncryptionPolicy::Required => adit_ppp::EncryptionPolicy::Required,
            EncryptionPolicy::Optional => adit_ppp::EncryptionPolicy::Optional,
            EncryptionPolicy::Off => adit_ppp::EncryptionPolicy::Off,
        },
        strengths: encryption
            .strengths
            .iter()
            .map(|strength| match strength {
                MppeStrength::Bits128 => Strength::Bits128,
                MppeStrength::Bits56 => Strength::Bits56,
                MppeStrength::Bits40 => Strength::Bits40,
            })
            .collect(),
        modes: encryption
            .modes
            .iter()
            .map(|mode| match mode {
                MppeMode::Stateless => Mode::Stateless,
                MppeMode::Stateful => Mode::Stateful,
            })
            .collect(),
    }
}
