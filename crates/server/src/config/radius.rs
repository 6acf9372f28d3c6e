//! The section `[radius]`: servers that know users.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use adit_radius::SharedSecret;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::error::Problem;

mod accounting;
mod dynamic;

pub use accounting::RadiusAccounting;
use dynamic::RawDynamicAuthorization;
pub use dynamic::{DynamicAuthorization, DynamicClient};

/// Most servers: more would only make logins fail later.
const MOST_SERVERS: usize = 16;
/// Octets of an attribute's value (RFC 2865 §5).
const TEXT_OCTETS: usize = 253;

/// RADIUS servers and how they are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Radius {
    /// The servers in the order in which they are asked.
    pub servers: Vec<RadiusServer>,
    /// NAS-Identifier; the host's name where it is not given.
    pub nas_identifier: Option<String>,
    /// NAS-IP-Address.
    pub nas_ip_address: Option<Ipv4Addr>,
    /// Where requests are sent from; any address where it is not given.
    pub source_address: Option<IpAddr>,
    /// Time between two tries.
    pub timeout: Duration,
    /// How often a server is sent a request.
    pub tries: u32,
    /// For how long a server that did not answer is passed over.
    pub dead_time: Duration,
    /// Whether replies to logins are refused that have no Message-Authenticator.
    pub require_message_authenticator: bool,
    /// What they are told of sessions; none if nothing.
    pub accounting: Option<RadiusAccounting>,
    /// Who may end and change sessions by RADIUS; none if nobody.
    pub dynamic_authorization: Option<DynamicAuthorization>,
}

/// One RADIUS server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RadiusServer {
    /// Where it is.
    pub address: IpAddr,
    /// Its port for logins; none where it is not asked about them.
    pub authentication_port: Option<u16>,
    /// Its port for accounting; none where it is told nothing.
    pub accounting_port: Option<u16>,
    /// What it shares with us.
    pub secret: SecretSource,
}

/// Where a shared secret stands.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// In the configuration.
    Given(Zeroizing<String>),
    /// In a file of its own: its text without white space around it.
    File(PathBuf),
}

/// Why there is no shared secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("cannot read the shared secret in {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file has nothing but white space.
    #[error("the shared secret in {} is empty", .0.display())]
    Empty(PathBuf),
    /// The configuration has an empty one.
    #[error("the shared secret is empty")]
    EmptyText,
}

impl SecretSource {
    /// The secret.
    ///
    /// # Errors
    /// [`SecretError`] where it cannot be read or is empty.
    pub fn read(&self) -> Result<SharedSecret, SecretError> {
        match self {
            Self::Given(text) => SharedSecret::new(text.as_bytes()).ok_or(SecretError::EmptyText),
            Self::File(path) => {
                let read = std::fs::read(path).map(Zeroizing::new);
                let octets = read.map_err(|source| SecretError::Read {
                    path: path.clone(),
                    source,
                })?;
                let secret = SharedSecret::new(octets.trim_ascii());
                secret.ok_or_else(|| SecretError::Empty(path.clone()))
            }
        }
    }

    /// Checks what can be checked without reading the file.
    fn check(&self, key: &'static str) -> Result<(), Problem> {
        match self {
            Self::Given(text) if text.is_empty() => {
                Err(Problem::new(key, "a server's `secret` is empty"))
            }
            Self::File(path) if !path.is_absolute() => Err(Problem::new(
                key,
                format!("`{}` is no absolute path; begin it with /", path.display()),
            )),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given(_) => f.write_str("***"),
            Self::File(path) => path.fmt(f),
        }
    }
}

impl RadiusServer {
    /// Where it takes logins.
    pub fn authentication(&self) -> Option<SocketAddr> {
        let port = self.authentication_port?;
        Some(SocketAddr::new(self.address, port))
    }

    /// Where it takes accounting.
    pub fn accounting(&self) -> Option<SocketAddr> {
        let port = self.accounting_port?;
        Some(SocketAddr::new(self.address, port))
    }
}

impl Default for Radius {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            nas_identifier: None,
            nas_ip_address: None,
            source_address: None,
            timeout: Duration::from_secs(3),
            tries: 3,
            dead_time: Duration::from_secs(60),
            require_message_authenticator: true,
            accounting: Some(RadiusAccounting::default()),
            dynamic_authorization: None,
        }
    }
}

impl Radius {
    /// Whether a server is asked about logins.
    pub fn authenticates(&self) -> bool {
        let ports = self.servers.iter().map(|it| it.authentication_port);
        ports.flatten().next().is_some()
    }

    /// What the servers are told of sessions, where one of them takes it.
    pub fn accounts(&self) -> Option<&RadiusAccounting> {
        let takes_it = self.servers.iter().any(|it| it.accounting_port.is_some());
        self.accounting.as_ref().filter(|_| takes_it)
    }

    /// The files that secrets are read from.
    pub fn secret_files(&self) -> impl Iterator<Item = &Path> {
        let dynamic = self.dynamic_authorization.iter();
        let clients = dynamic.flat_map(|it| it.clients.iter().map(|it| &it.secret));
        let sources = self.servers.iter().map(|it| &it.secret).chain(clients);
        sources.filter_map(|source| match source {
            SecretSource::File(path) => Some(path.as_path()),
            SecretSource::Given(_) => None,
        })
    }

    pub(super) fn check(&self) -> Result<(), Problem> {
        const SERVERS: &str = "radius.servers";
        if self.servers.is_empty() {
            return Err(Problem::new(
                SERVERS,
                "no server is given; add a [[radius.servers]] with `address` and `secret_file`",
            ));
        }
        if self.servers.len() > MOST_SERVERS {
            let message = format!("there can be at most {MOST_SERVERS} servers");
            return Err(Problem::new(SERVERS, message));
        }
        for (index, server) in self.servers.iter().enumerate() {
            self.check_server(server)?;
            let same = |other: &RadiusServer| {
                let ports = |it: &RadiusServer| (it.authentication_port, it.accounting_port);
                other.address == server.address && ports(other) == ports(server)
            };
            if self.servers[..index].iter().any(same) {
                let message = format!("{} is given twice with the same ports", server.address);
                return Err(Problem::new(SERVERS, message));
            }
        }
        self.accounting.as_ref().map_or(Ok(()), |it| it.check())?;
        let dynamic = self.dynamic_authorization.as_ref();
        dynamic.map_or(Ok(()), DynamicAuthorization::check)?;
        self.check_names()?;
        self.check_times()
    }

    fn check_server(&self, server: &RadiusServer) -> Result<(), Problem> {
        const KEY: &str = "radius.servers";
        let address = server.address;
        server.secret.check(KEY)?;
        if address.is_unspecified() || address.is_multicast() {
            return Err(Problem::new(KEY, format!("{address} is no host's address")));
        }
        if server.authentication_port.is_none() && server.accounting_port.is_none() {
            let message = format!("{address} has neither of its two ports; leave the server out");
            return Err(Problem::new(KEY, message));
        }
        match self.source_address {
            Some(source) if source.is_ipv4() != address.is_ipv4() => Err(Problem::new(
                "radius.source_address",
                format!("{source} cannot reach {address}, which is of the other IP version"),
            )),
            _ => Ok(()),
        }
    }

    fn check_names(&self) -> Result<(), Problem> {
        let name = self.nas_identifier.as_deref();
        if name.is_some_and(|name| name.is_empty() || name.len() > TEXT_OCTETS) {
            return Err(Problem::new(
                "radius.nas_identifier",
                format!("a name has 1 to {TEXT_OCTETS} octets"),
            ));
        }
        for (key, address) in [
            ("radius.nas_ip_address", self.nas_ip_address.map(IpAddr::V4)),
            ("radius.source_address", self.source_address),
        ] {
            if let Some(address) = address.filter(|it| it.is_unspecified() || it.is_multicast()) {
                return Err(Problem::new(key, format!("{address} is no host's address")));
            }
        }
        Ok(())
    }

    fn check_times(&self) -> Result<(), Problem> {
        let timeout = u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX);
        for (key, value, range) in [
            ("radius.timeout_ms", timeout, 10..=60_000),
            ("radius.tries", self.tries.into(), 1..=20),
            ("radius.dead_seconds", self.dead_time.as_secs(), 0..=86_400),
        ] {
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
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRadius {
    #[serde(default)]
    servers: Vec<RawServer>,
    nas_identifier: Option<String>,
    nas_ip_address: Option<Ipv4Addr>,
    source_address: Option<IpAddr>,
    timeout_ms: Option<u32>,
    tries: Option<u32>,
    dead_seconds: Option<u32>,
    require_message_authenticator: Option<bool>,
    accounting: Option<bool>,
    interim_seconds: Option<u32>,
    spool: Option<PathBuf>,
    dynamic_authorization: Option<RawDynamicAuthorization>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawServer {
    address: IpAddr,
    authentication_port: Option<u16>,
    accounting_port: Option<u16>,
    secret: Option<Zeroizing<String>>,
    secret_file: Option<PathBuf>,
}

impl RawRadius {
    pub(super) fn into_radius(self) -> Result<Radius, Problem> {
        let default = Radius::default();
        let servers = self.servers.into_iter().map(RawServer::into_server);
        let millis = |value: u32| Duration::from_millis(value.into());
        let seconds = |value: u32| Duration::from_secs(value.into());
        let accounting = RadiusAccounting::with(self.interim_seconds, self.spool);
        let dynamic = self.dynamic_authorization;
        Ok(Radius {
            servers: servers.collect::<Result<_, _>>()?,
            nas_identifier: self.nas_identifier,
            nas_ip_address: self.nas_ip_address,
            source_address: self.source_address,
            timeout: self.timeout_ms.map_or(default.timeout, millis),
            tries: self.tries.unwrap_or(default.tries),
            dead_time: self.dead_seconds.map_or(default.dead_time, seconds),
            require_message_authenticator: self
                .require_message_authenticator
                .unwrap_or(default.require_message_authenticator),
            accounting: self.accounting.unwrap_or(true).then_some(accounting),
            dynamic_authorization: dynamic.map(|it| it.into_checked()).transpose()?,
        })
    }
}

impl RawServer {
    fn into_server(self) -> Result<RadiusServer, Problem> {
        let address = self.address;
        // The ports that IANA has assigned (RFC 2865 §3, RFC 2866 §3); 0 stands for none.
        let port = |port: Option<u16>, default| Some(port.unwrap_or(default)).filter(|it| *it > 0);
        Ok(RadiusServer {
            address,
            authentication_port: port(self.authentication_port, 1812),
            accounting_port: port(self.accounting_port, 1813),
            secret: secret_source("radius.servers", address, self.secret, self.secret_file)?,
        })
    }
}

/// The one of two ways to give a secret that was taken.
pub(super) fn secret_source(
    key: &'static str,
    whose: impl fmt::Display,
    secret: Option<Zeroizing<String>>,
    file: Option<PathBuf>,
) -> Result<SecretSource, Problem> {
    match (secret, file) {
        (Some(text), None) => Ok(SecretSource::Given(text)),
        (None, Some(path)) => Ok(SecretSource::File(path)),
        (Some(_), Some(_)) => Err(Problem::new(
            key,
            format!("{whose} has both `secret` and `secret_file`; keep one of them"),
        )),
        (None, None) => Err(Problem::new(
            key,
            format!("{whose} has no secret; add `secret_file` (or `secret`)"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{BackEndName, Config};

    const SERVER: &str = "[[radius.servers]]\naddress = \"192.0.2.1\"\nsecret = \"x\"\n";

    const DYNAMIC: &str = "[radius.dynamic_authorization]\nlisten = [\"192.0.2.9:3799\"]\n";
    const CLIENT: &str =
        "[[radius.dynamic_authorization.clients]]\naddress = \"192.0.2.1\"\nsecret = \"x\"\n";

    fn parse(text: &str) -> Radius {
        Config::parse(text, "x").unwrap().radius.unwrap()
    }

    #[test]
    fn a_server_and_its_secret_are_enough() {
        let radius = parse(SERVER);
        let server = &radius.servers[0];
        assert_eq!(
            server.authentication().unwrap().to_string(),
            "192.0.2.1:1812"
        );
        assert_eq!(server.accounting().unwrap().to_string(), "192.0.2.1:1813");
        assert!(radius.authenticates());
        let servers = radius.servers.clone();
        let default = Radius::default();
        assert_eq!(radius, Radius { servers, ..default });
    }

    #[test]
    fn the_default_text_shows_a_section_that_parses() {
        let (_, section) = crate::config::DEFAULT_TEXT
            .split_once("# [radius]")
            .unwrap();
        let (section, _) = section.split_once("\n\n").unwrap();
        let lines = section.lines().filter_map(|line| line.strip_prefix("# "));
        let lines = lines.filter(|line| {
            line.split_once(" = ")
                .is_some_and(|(key, _)| !key.contains(' '))
        });
        let text = format!("[radius]\n{}\n", lines.collect::<Vec<_>>().join("\n"));
        assert_eq!(parse(&text).nas_identifier.as_deref(), Some("vpn1"));
    }

    #[test]
    fn values_reach_their_fields() {
        let radius = parse(&format!(
            "[radius]\nnas_identifier = \"vpn1\"\nnas_ip_address = \"192.0.2.9\"\n\
             source_address = \"192.0.2.9\"\ntimeout_ms = 500\ntries = 2\ndead_seconds = 5\n\
             require_message_authenticator = false\ninterim_seconds = 60\nspool = \"/spool\"\n\
             {SERVER}authentication_port = 0\n\
             accounting_port = 1646\n[[radius.servers]]\naddress = \"192.0.2.2\"\n\
             secret_file = \"/etc/adit/secret\"\n{DYNAMIC}window_seconds = 60\n\
             require_event_timestamp = true\n{CLIENT}[[radius.dynamic_authorization.clients]]\n\
             address = \"2001:db8::1/32\"\nsecret_file = \"/etc/adit/other\"\n"
        ));
        let client = |address: &str, secret| DynamicClient {
            address: address.parse().unwrap(),
            secret,
        };
        let address = Ipv4Addr::new(192, 0, 2, 9);
        let expected = Radius {
            servers: vec![
                RadiusServer {
                    address: Ipv4Addr::new(192, 0, 2, 1).into(),
                    authentication_port: None,
                    accounting_port: Some(1646),
                    secret: SecretSource::Given("x".to_owned().into()),
                },
                RadiusServer {
                    address: Ipv4Addr::new(192, 0, 2, 2).into(),
                    authentication_port: Some(1812),
                    accounting_port: Some(1813),
                    secret: SecretSource::File("/etc/adit/secret".into()),
                },
            ],
            nas_identifier: Some("vpn1".to_owned()),
            nas_ip_address: Some(address),
            source_address: Some(address.into()),
            timeout: Duration::from_millis(500),
            tries: 2,
            dead_time: Duration::from_secs(5),
            require_message_authenticator: false,
            accounting: Some(RadiusAccounting {
                interim: Some(Duration::from_secs(60)),
                spool: "/spool".into(),
            }),
            dynamic_authorization: Some(DynamicAuthorization {
                listen: vec!["192.0.2.9:3799".parse().unwrap()],
                window: Duration::from_secs(60),
                require_event_timestamp: true,
                clients: vec![
                    client("192.0.2.1/32", SecretSource::Given("x".to_owned().into())),
                    client(
                        "2001:db8::/32",
                        SecretSource::File("/etc/adit/other".into()),
                    ),
                ],
            }),
        };
        assert_eq!(radius, expected);
        assert_eq!(
            radius.secret_files().collect::<Vec<_>>(),
            [Path::new("/etc/adit/secret"), Path::new("/etc/adit/other")]
        );
    }

    #[test]
    fn servers_for_logins_are_a_back_end() {
        let config = Config::parse(SERVER, "x").unwrap();
        assert_eq!(config.back_ends(), [BackEndName::Radius]);
        let text = format!("[users]\ndatabase = \"/x.db\"\n{SERVER}");
        let config = Config::parse(&text, "x").unwrap();
        assert_eq!(
            config.back_ends(),
            [BackEndName::Database, BackEndName::Radius]
        );
        let config = Config::parse(&format!("{SERVER}authentication_port = 0"), "x").unwrap();
        assert_eq!(config.back_ends(), [BackEndName::Database]);
    }

    #[test]
    fn accounting_takes_a_port_and_the_will() {
        let with = |keys: &str| parse(&format!("[radius]\n{keys}\n{SERVER}"));
        assert_eq!(with("").accounts(), Some(&RadiusAccounting::default()));
        assert_eq!(
            with("interim_seconds = 0").accounts().unwrap().interim,
            None
        );
        assert_eq!(with("accounting = false").accounts(), None);
        assert_eq!(
            parse(&format!("{SERVER}accounting_port = 0")).accounts(),
            None
        );
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        let twice = format!("{SERVER}{SERVER}");
        let many: String = (0..=MOST_SERVERS)
            .map(|n| format!("{SERVER}accounting_port = {}\n", n + 1))
            .collect();
        let server = |keys: &str| format!("[[radius.servers]]\n{keys}");
        let with = |keys: &str| format!("[radius]\n{keys}\n{SERVER}");
        let dynamic = |keys: &str| format!("{SERVER}[radius.dynamic_authorization]\n{keys}");
        for (text, expected) in [
            ("[radius]".to_owned(), "radius.servers: no server is given"),
            (twice, "192.0.2.1 is given twice"),
            (many, "at most 16 servers"),
            (
                server("address = \"0.0.0.0\"\nsecret = \"x\""),
                "0.0.0.0 is no host's address",
            ),
            (server("address = \"host\"\nsecret = \"x\""), "x:2:11"),
            (server("secret = \"x\""), "missing field `address`"),
            (
                server("address = \"192.0.2.1\""),
                "192.0.2.1 has no secret; add `secret_file`",
            ),
            (
                format!("{SERVER}secret_file = \"/x\""),
                "192.0.2.1 has both `secret` and `secret_file`",
            ),
            (
                server("address = \"192.0.2.1\"\nsecret = \"\""),
                "a server's `secret` is empty",
            ),
            (
                server("address = \"192.0.2.1\"\nsecret_file = \"x\""),
                "`x` is no absolute path",
            ),
            (
                format!("{SERVER}authentication_port = 0\naccounting_port = 0"),
                "neither of its two ports",
            ),
            (
                with("source_address = \"2001:db8::1\""),
                "x:2:18: radius.source_address: 2001:db8::1 cannot reach",
            ),
            (
                with("source_address = \"0.0.0.0\""),
                "radius.source_address: 0.0.0.0 is no host's address",
            ),
            (
                with("nas_ip_address = \"224.0.0.1\""),
                "radius.nas_ip_address: 224.0.0.1 is no host's address",
            ),
            (
                with("nas_identifier = \"\""),
                "radius.nas_identifier: a name has 1 to 253 octets",
            ),
            (
                with("timeout_ms = 9"),
                "x:2:14: radius.timeout_ms: 9 is out",
            ),
            (with("tries = 0"), "x:2:9: radius.tries: 0 is out of range"),
            (with("dead_seconds = 86401"), "radius.dead_seconds: 86401"),
            (
                with("interim_seconds = 86401"),
                "x:2:19: radius.interim_seconds: 86401 is out of range",
            ),
            (
                with("spool = \"x\""),
                "x:2:9: radius.spool: `x` is no absolute path",
            ),
            (dynamic(""), "missing field `listen`"),
            (dynamic("listen = []"), "give 1 to 16 addresses"),
            (
                dynamic("listen = [\"192.0.2.9:0\"]"),
                "192.0.2.9:0 has no port",
            ),
            (dynamic("listen = [\"192.0.2.9\"]"), "x:5:11"),
            (
                format!("{SERVER}{DYNAMIC}"),
                "radius.dynamic_authorization.clients: give 1 to 256",
            ),
            (
                format!("{SERVER}{DYNAMIC}window_seconds = 0\n{CLIENT}"),
                "x:6:18: radius.dynamic_authorization.window_seconds: 0 is out of range",
            ),
            (
                format!("{SERVER}{DYNAMIC}{CLIENT}{CLIENT}"),
                "192.0.2.1/32 is given twice",
            ),
            (
                format!("{SERVER}{DYNAMIC}{CLIENT}secret_file = \"/x\""),
                "192.0.2.1/32 has both `secret` and `secret_file`",
            ),
            (
                format!(
                    "{SERVER}{DYNAMIC}[[radius.dynamic_authorization.clients]]\nsecret = \"x\""
                ),
                "missing field `address`",
            ),
        ] {
            let error = Config::parse(&text, "x").unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn secrets_are_read_and_do_not_print() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        let source = SecretSource::File(path.clone());
        let error = source.read().unwrap_err().to_string();
        assert!(error.contains("cannot read the shared secret"), "{error}");
        std::fs::write(&path, " \n").unwrap();
        let error = source.read().unwrap_err().to_string();
        assert!(error.ends_with("secret is empty"), "{error}");
        std::fs::write(&path, "xyzzy5461\n").unwrap();
        assert!(source.read().is_ok());
        let given = SecretSource::Given("xyzzy5461".to_owned().into());
        assert_eq!(format!("{given:?}"), "***");
    }
}
