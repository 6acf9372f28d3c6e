//! What the server does when the file is silent. `default.toml` says the same in words.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::Ipv4Net;

use super::access::Access;
use super::events::Events;
use super::firewall::Firewall;
use super::hooks::Hooks;
use super::log::Log;
use super::metrics::Metrics;
use super::policy::UserPolicy;
use super::types::{
    AuthMethod, Authentication, Config, Encryption, EncryptionPolicy, Gre, Limits, MppeMode,
    MppeStrength, Mtu, Network, Ppp, Pptp, Transmit, Users, WhenUnreachable, WorkerCount, Workers,
};

/// The port of PPTP control connections (RFC 2637 §1.3).
const PORT: u16 = 1723;

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, PORT).into()],
            control_socket: PathBuf::from("/run/adit/control.sock"),
            network: Network::default(),
            pools: Vec::new(),
            ipv6_pools: Vec::new(),
            users: Users::default(),
            postgresql: None,
            authentication: Authentication::default(),
            policy: UserPolicy::default(),
            radius: None,
            events: Events::default(),
            metrics: Metrics::default(),
            encryption: Encryption::default(),
            ppp: Ppp::default(),
            pptp: Pptp::default(),
            gre: Gre::default(),
            workers: Workers::default(),
            limits: Limits::default(),
            hooks: Hooks::default(),
            firewall: Firewall::default(),
            log: Log::default(),
        }
    }
}

impl Default for Network {
    fn default() -> Self {
        Self {
            interface: "adit%d".to_owned(),
            pool: Ipv4Net::new_assert(Ipv4Addr::new(10, 77, 0, 0), 24),
            dns: Vec::new(),
            wins: Vec::new(),
            mtu: Mtu::Auto,
            clamp_mss: true,
            ipv6: true,
            ipv6_prefix: None,
            ipv6_dns: Vec::new(),
            forward: false,
            masquerade: false,
            proxy_arp: false,
            offload: true,
        }
    }
}

impl Default for Users {
    fn default() -> Self {
        Self {
            database: Some(PathBuf::from("/var/lib/adit/users.db")),
            secrets: None,
        }
    }
}

impl Default for Authentication {
    fn default() -> Self {
        Self {
            methods: vec![AuthMethod::MsChapV2],
            attempts: 3,
            timeout: Duration::from_secs(60),
            rechallenge: None,
            password_change: true,
            order: Vec::new(),
            on_unreachable: WhenUnreachable::default(),
        }
    }
}

impl Default for Encryption {
    fn default() -> Self {
        Self {
            policy: EncryptionPolicy::Required,
            strengths: vec![MppeStrength::Bits128],
            modes: vec![MppeMode::Stateless],
        }
    }
}

impl Default for Ppp {
    fn default() -> Self {
        Self {
            lcp_echo_interval: Some(Duration::from_secs(30)),
            lcp_echo_failures: 4,
            // RFC 1661 §4.6 gives 3 s, 10, 2 and 5.
            restart_timer: Duration::from_secs(3),
            first_retransmit: Duration::from_millis(400),
            max_configure: 10,
            max_terminate: 2,
            max_failure: 5,
            mru: Mtu::Auto,
        }
    }
}

impl Default for Pptp {
    fn default() -> Self {
        Self {
            // RFC 2637 §3.1.4 gives 60 s for both.
            echo_interval: Duration::from_secs(60),
            echo_timeout: Duration::from_secs(60),
            half_open: Duration::from_secs(30),
            host_name: String::new(),
            vendor: "Adit".to_owned(),
            max_calls_per_connection: 16,
        }
    }
}

impl Default for Gre {
    fn default() -> Self {
        Self {
            reorder: Duration::from_millis(50),
            reorder_packets: 64,
            ack_delay: Duration::from_millis(100),
            any_source: false,
            transmit: Transmit::Socket,
            receive_buffer: 4 << 20,
            send_buffer: 1 << 20,
        }
    }
}

impl Default for Workers {
    fn default() -> Self {
        Self {
            count: WorkerCount::Auto,
            pin: false,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions: 10_000,
            connections: 12_000,
            connections_per_address: 50,
            half_open: 1000,
            access: Access::default(),
        }
    }
}
