//! Rules that single values and combinations of them must keep.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::access::{INTERFACE_OCTETS, Listen};
use super::error::Problem;
use super::pools::check_prefix;
use super::radius::Radius;
use super::types::{AuthMethod, BackEndName, Config, EncryptionPolicy, Mtu, Network, WorkerCount};

/// Octets in the Host Name and Vendor Name fields (RFC 2637 §2.2).
const NAME_OCTETS: usize = 64;
/// RFC 8200 §5: the smallest MTU of a link that carries IPv6.
const IPV6_MINIMUM_MTU: u16 = 1280;
/// From some packets to more than a network delivers in a second.
const BUFFER_RANGE: RangeInclusive<u64> = 64 * 1024..=1024 * 1024 * 1024;

impl Config {
    /// Checks every rule. [`Config::parse`] has done so already; values changed afterwards, as by the
    /// command line, need it again.
    ///
    /// # Errors
    /// The first rule broken, with the key at fault.
    pub fn check(&self) -> Result<(), Problem> {
        self.check_ranges()?;
        self.check_listen()?;
        self.check_texts()?;
        self.network.check_pool()?;
        self.network.check_servers()?;
        self.check_ipv6()?;
        self.check_pools()?;
        if let Some(postgresql) = &self.postgresql {
            postgresql.check()?;
        }
        self.check_authentication()?;
        self.check_back_ends()?;
        self.policy.check()?;
        self.radius.as_ref().map_or(Ok(()), Radius::check)?;
        self.check_encryption()?;
        self.check_limits()?;
        self.limits.access.check()?;
        self.hooks.check()?;
        self.firewall.check()?;
        self.log.check()
    }

    fn check_ranges(&self) -> Result<(), Problem> {
        for (key, value, range) in self.ranges() {
            if !range.contains(&value) {
                let (low, high) = (range.start(), range.end());
                return Err(Problem::new(
                    key,
                    format!("{value} is out of range; use {low} to {high}"),
                ));
            }
        }
        Ok(())
    }

    fn ranges(&self) -> [(&'static str, u64, RangeInclusive<u64>); 26] {
        let (authentication, ppp, pptp, gre) =
            (&self.authentication, &self.ppp, &self.pptp, &self.gre);
        let never_or = |interval: Option<Duration>, floor: u64| interval.map_or(floor, seconds);
        [
            ("network.mtu", octets(self.network.mtu), 576..=1500),
            (
                "authentication.attempts",
                authentication.attempts.into(),
                1..=100,
            ),
            (
                "authentication.timeout_seconds",
                seconds(authentication.timeout),
                1..=3600,
            ),
            (
                "authentication.rechallenge_seconds",
                never_or(authentication.rechallenge, 10),
                10..=86_400,
            ),
            (
                "ppp.lcp_echo_interval_seconds",
                never_or(ppp.lcp_echo_interval, 1),
                1..=3600,
            ),
            (
                "ppp.lcp_echo_failures",
                ppp.lcp_echo_failures.into(),
                1..=100,
            ),
            (
                "ppp.restart_timer_ms",
                millis(ppp.restart_timer),
                100..=60_000,
            ),
            (
                "ppp.first_retransmit_ms",
                millis(ppp.first_retransmit),
                100..=60_000,
            ),
            ("ppp.max_configure", ppp.max_configure.into(), 1..=255),
            ("ppp.max_terminate", ppp.max_terminate.into(), 1..=255),
            ("ppp.max_failure", ppp.max_failure.into(), 1..=255),
            ("ppp.mru", octets(ppp.mru), 576..=1500),
            (
                "pptp.echo_interval_seconds",
                seconds(pptp.echo_interval),
                1..=3600,
            ),
            (
                "pptp.echo_timeout_seconds",
                seconds(pptp.echo_timeout),
                1..=3600,
            ),
            ("pptp.half_open_seconds", seconds(pptp.half_open), 1..=3600),
            (
                "pptp.max_calls_per_connection",
                pptp.max_calls_per_connection.into(),
                1..=1024,
            ),
            ("gre.reorder_ms", millis(gre.reorder), 0..=10_000),
            ("gre.reorder_packets", gre.reorder_packets.into(), 1..=4096),
            ("gre.ack_delay_ms", millis(gre.ack_delay), 0..=1000),
            (
                "gre.receive_buffer",
                gre.receive_buffer as u64,
                BUFFER_RANGE,
            ),
            ("gre.send_buffer", gre.send_buffer as u64, BUFFER_RANGE),
            (
                "workers.count",
                workers(self.workers.count),
                1..=WorkerCount::MOST.into(),
            ),
            ("limits.sessions", self.limits.sessions as u64, 1..=65_535),
            (
                "limits.connections",
                self.limits.connections as u64,
                1..=65_535,
            ),
            (
                "limits.connections_per_address",
                self.limits.connections_per_address as u64,
                1..=65_535,
            ),
            ("limits.half_open", self.limits.half_open as u64, 1..=65_535),
        ]
    }

    fn check_listen(&self) -> Result<(), Problem> {
        if self.listen.is_empty() {
            return Err(Problem::new(
                "listen",
                "no address is given; try \"0.0.0.0:1723\"",
            ));
        }
        for (index, place) in self.listen.iter().enumerate() {
            let address = place.address;
            if self.network.pool.contains(address.ip()) {
                return Err(Problem::new(
                    "network.pool",
                    format!(
                        "{} holds {}, where the server listens; tunnels would run inside themselves, \
                         so use another range",
                        self.network.pool,
                        address.ip()
                    ),
                ));
            }
            if self.listen[..index].contains(place) {
                return Err(Problem::new("listen", format!("{place} is given twice")));
            }
            // The system has one socket for all addresses at a port, or one for each address or interface.
            let all = |it: &&Listen| it.interface.is_none() && it.address.ip().is_unspecified();
            let same_port = |it: &&Listen| it.address.port() == address.port();
            let others = self.listen.iter().filter(|it| *it != place);
            if let Some(wider) = others.filter(all).find(same_port) {
                return Err(Problem::new(
                    "listen",
                    format!("{wider} takes the connections for {place} too; leave one of them out"),
                ));
            }
        }
        Ok(())
    }

    fn check_texts(&self) -> Result<(), Problem> {
        for (key, text) in [
            ("pptp.host_name", &self.pptp.host_name),
            ("pptp.vendor", &self.pptp.vendor),
        ] {
            if text.len() > NAME_OCTETS || text.contains('\0') {
                return Err(Problem::new(
                    key,
                    format!("a name has at most {NAME_OCTETS} octets and no zero octet"),
                ));
            }
        }
        if self.control_socket.as_os_str().is_empty() {
            return Err(Problem::new("control_socket", "the path is empty"));
        }
        let interface = &self.network.interface;
        let printable = interface
            .chars()
            .all(|c| c.is_ascii_graphic() && c != '/' && c != ':');
        // The kernel replaces one `%d` and refuses any other `%`.
        let pattern = interface.replacen("%d", "", 1).contains('%');
        if interface.is_empty() || interface.len() > INTERFACE_OCTETS || !printable || pattern {
            return Err(Problem::new(
                "network.interface",
                format!(
                    "`{interface}` is no interface name; use 1 to {INTERFACE_OCTETS} letters and digits \
                     with at most one %d"
                ),
            ));
        }
        Ok(())
    }

    fn check_ipv6(&self) -> Result<(), Problem> {
        let network = &self.network;
        if let (true, Mtu::Octets(mtu)) = (network.ipv6, network.mtu)
            && mtu < IPV6_MINIMUM_MTU
        {
            return Err(Problem::new(
                "network.mtu",
                format!("IPv6 needs {IPV6_MINIMUM_MTU} or more; raise it or set ipv6 = false"),
            ));
        }
        let Some(prefix) = network.ipv6_prefix else {
            return match network.ipv6_dns.is_empty() || !self.ipv6_pools.is_empty() {
                true => Ok(()),
                false => Err(Problem::new(
                    "network.ipv6_dns",
                    "clients can reach IPv6 servers only with an ipv6_prefix",
                )),
            };
        };
        const KEY: &str = "network.ipv6_prefix";
        if !network.ipv6 {
            return Err(Problem::new(KEY, "it is given, but ipv6 = false"));
        }
        check_prefix(KEY, prefix)
    }

    fn check_authentication(&self) -> Result<(), Problem> {
        const KEY: &str = "authentication.methods";
        let methods = &self.authentication.methods;
        if methods.is_empty() {
            return Err(Problem::new(KEY, "no method is given; try [\"mschap-v2\"]"));
        }
        no_duplicates(KEY, methods)?;
        let required = self.encryption.policy == EncryptionPolicy::Required;
        if required && !methods.iter().any(|method| method.can_key_mppe()) {
            return Err(Problem::new(
                KEY,
                "encryption is required, but none of these methods yields keys for it; add \"mschap-v2\" \
                 or set encryption.policy",
            ));
        }
        let holds_hashes = [BackEndName::Database, BackEndName::Postgresql];
        let hashes_only = self.back_ends().iter().all(|it| holds_hashes.contains(it));
        if methods.contains(&AuthMethod::ChapMd5) && hashes_only {
            return Err(Problem::new(
                KEY,
                "\"chap-md5\" needs clear passwords, but a user database holds none; remove it or use \
                 users.secrets",
            ));
        }
        Ok(())
    }

    fn check_back_ends(&self) -> Result<(), Problem> {
        const KEY: &str = "authentication.order";
        no_duplicates(KEY, &self.authentication.order)?;
        let configured = self.configured_back_ends();
        for name in &self.authentication.order {
            if !configured.contains(name) {
                return Err(Problem::new(
                    KEY,
                    format!(
                        "\"{}\" is named, but nothing says where it is; configure it or leave it out",
                        name.as_str()
                    ),
                ));
            }
        }
        Ok(())
    }

    fn check_encryption(&self) -> Result<(), Problem> {
        let encryption = &self.encryption;
        no_duplicates("encryption.strengths", &encryption.strengths)?;
        no_duplicates("encryption.modes", &encryption.modes)?;
        if encryption.policy == EncryptionPolicy::Off {
            return Ok(());
        }
        if encryption.strengths.is_empty() {
            return Err(Problem::new(
                "encryption.strengths",
                "none is given; try [128]",
            ));
        }
        if encryption.modes.is_empty() {
            return Err(Problem::new(
                "encryption.modes",
                "none is given; try [\"stateless\"]",
            ));
        }
        Ok(())
    }

    fn check_limits(&self) -> Result<(), Problem> {
        let limits = &self.limits;
        for (key, value) in [
            (
                "limits.connections_per_address",
                limits.connections_per_address,
            ),
            ("limits.half_open", limits.half_open),
        ] {
            if value > limits.connections {
                return Err(Problem::new(
                    key,
                    format!(
                        "{value} is more than limits.connections ({})",
                        limits.connections
                    ),
                ));
            }
        }
        Ok(())
    }
}

impl Network {
    fn check_pool(&self) -> Result<(), Problem> {
        const KEY: &str = "network.pool";
        let pool = self.pool;
        if !(8..=30).contains(&pool.prefix_len()) {
            return Err(Problem::new(
                KEY,
                format!("{pool} has the wrong size; use a prefix from /8 to /30"),
            ));
        }
        if pool.addr() != pool.network() {
            return Err(Problem::new(
                KEY,
                format!("{pool} has host bits set; did you mean {}?", pool.trunc()),
            ));
        }
        let first = pool.network();
        if first.is_multicast()
            || first.is_loopback()
            || first.octets()[0] == 0
            || first.octets()[0] >= 240
        {
            return Err(Problem::new(
                KEY,
                format!("{pool} is not for hosts; use a private range such as 10.77.0.0/24"),
            ));
        }
        Ok(())
    }

    fn check_servers(&self) -> Result<(), Problem> {
        // RFC 1877 has a primary and a secondary server of each kind.
        for (key, servers) in [("network.dns", &self.dns), ("network.wins", &self.wins)] {
            if servers.len() > 2 {
                return Err(Problem::new(key, "a client can be given at most two"));
            }
            if let Some(bad) = servers
                .iter()
                .find(|s| s.is_unspecified() || s.is_multicast())
            {
                return Err(Problem::new(key, format!("{bad} is no host's address")));
            }
        }
        Ok(())
    }
}

fn no_duplicates<T: PartialEq>(key: &'static str, values: &[T]) -> Result<(), Problem> {
    let repeated = |(index, value): (usize, &T)| values[..index].contains(value);
    if values.iter().enumerate().any(repeated) {
        return Err(Problem::new(key, "the same value is given twice"));
    }
    Ok(())
}

/// `Auto` is always in range.
fn octets(mtu: Mtu) -> u64 {
    match mtu {
        Mtu::Auto => 1500,
        Mtu::Octets(octets) => octets.into(),
    }
}

/// `Auto` is always in range.
fn workers(count: WorkerCount) -> u64 {
    match count {
        WorkerCount::Auto => 1,
        WorkerCount::Number(number) => number.into(),
    }
}

fn seconds(duration: Duration) -> u64 {
    duration.as_secs()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
