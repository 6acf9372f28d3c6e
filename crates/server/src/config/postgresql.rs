//! `[postgresql]`: users, leases and sessions in a database that several servers share.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use postgres::config::{Host, SslMode};

use super::error::Problem;
use crate::users::StoreError;

const CONNECTIONS: RangeInclusive<usize> = 1..=64;
/// Less is lost to a busy database too soon; more keeps addresses of dead servers for long.
const LEASE_SECONDS: RangeInclusive<u64> = 15..=86_400;
/// As long as the name of a host.
const NODE_OCTETS: usize = 255;

/// How the database is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Postgresql {
    /// Words of a connection string, without a password.
    pub connection: String,
    /// A file whose first line is the password.
    pub password_file: Option<PathBuf>,
    /// Connections for logins, each with a thread of its own.
    pub connections: usize,
    /// The name of this server among those that share the database; without it, the name of the host.
    pub node: Option<String>,
    /// Whether addresses are leased in the database.
    pub leases: bool,
    /// How long the leases of a server last that does not renew them.
    pub lease: Duration,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPostgresql {
    connection: String,
    password_file: Option<PathBuf>,
    connections: Option<usize>,
    node: Option<String>,
    leases: Option<bool>,
    lease_seconds: Option<u32>,
}

impl From<RawPostgresql> for Postgresql {
    fn from(raw: RawPostgresql) -> Self {
        let seconds = raw.lease_seconds.unwrap_or(120);
        Self {
            connection: raw.connection,
            password_file: raw.password_file,
            connections: raw.connections.unwrap_or(4),
            node: raw.node,
            leases: raw.leases.unwrap_or(true),
            lease: Duration::from_secs(seconds.into()),
        }
    }
}

impl Postgresql {
    /// The name of this server among those that share the database.
    ///
    /// # Errors
    /// None is given, and that of the host cannot be read.
    pub fn node_name(&self) -> Result<String, StoreError> {
        match &self.node {
            Some(node) => Ok(node.clone()),
            None => match std::fs::read_to_string("/proc/sys/kernel/hostname") {
                Ok(name) => Ok(name.trim().to_owned()),
                Err(error) => Err(StoreError::NoHostName(error)),
            },
        }
    }

    pub(super) fn check(&self) -> Result<(), Problem> {
        let parsed: postgres::Config = self.connection.parse().map_err(|error| {
            Problem::new(
                "postgresql.connection",
                format!("it is no connection string: {error}"),
            )
        })?;
        check_password(&parsed)?;
        check_hosts(&parsed)?;
        if !CONNECTIONS.contains(&self.connections) {
            return Err(Problem::new(
                "postgresql.connections",
                format!("{} is out of range; use 1 to 64", self.connections),
            ));
        }
        if !LEASE_SECONDS.contains(&self.lease.as_secs()) {
            return Err(Problem::new(
                "postgresql.lease_seconds",
                format!("{} is out of range; use 15 to 86400", self.lease.as_secs()),
            ));
        }
        self.check_node()
    }

    fn check_node(&self) -> Result<(), Problem> {
        let fits = |node: &String| {
            (1..=NODE_OCTETS).contains(&node.len()) && !node.chars().any(char::is_control)
        };
        if self.node.as_ref().is_some_and(|node| !fits(node)) {
            return Err(Problem::new(
                "postgresql.node",
                "a name of a server has 1 to 255 octets without control characters",
            ));
        }
        Ok(())
    }
}

fn check_password(parsed: &postgres::Config) -> Result<(), Problem> {
    match parsed.get_password() {
        None => Ok(()),
        Some(_) => Err(Problem::new(
            "postgresql.connection",
            "the password does not belong here, where every reader of the configuration sees it; put it \
             into a file and name that as `password_file`",
        )),
    }
}

fn check_hosts(parsed: &postgres::Config) -> Result<(), Problem> {
    let (hosts, addresses) = (parsed.get_hosts(), parsed.get_hostaddrs());
    if hosts.is_empty() && addresses.is_empty() {
        return Err(Problem::new(
            "postgresql.connection",
            "no host is named; write host=/run/postgresql for a database on this machine",
        ));
    }
    let remote = match addresses.is_empty() {
        true => hosts.iter().any(is_remote),
        false => addresses.iter().any(|address| !address.is_loopback()),
    };
    match parsed.get_ssl_mode() {
        SslMode::Disable => Ok(()),
        SslMode::Prefer if !remote => Ok(()),
        _ => Err(Problem::new(
            "postgresql.connection",
            "this program does not speak TLS with databases, and what goes there serves as passwords do; \
             use a database on this machine, or a tunnel to it (WireGuard, stunnel), or write \
             sslmode=disable where the network between is safe",
        )),
    }
}

fn is_remote(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            let is_loopback = |address: IpAddr| address.is_loopback();
            name != "localhost" && !name.parse().is_ok_and(is_loopback)
        }
        Host::Unix(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    fn problem(section: &str) -> String {
        let text = format!("[postgresql]\n{section}");
        Config::parse(&text, "adit.toml").unwrap_err().to_string()
    }

    #[test]
    fn a_connection_alone_is_enough() {
        let text = "[postgresql]\nconnection = \"host=/run/postgresql user=adit dbname=adit\"";
        let config = Config::parse(text, "").unwrap().postgresql.unwrap();
        assert_eq!((config.connections, config.leases), (4, true));
        assert_eq!(config.lease.as_secs(), 120);
        assert_eq!(Config::parse("", "").unwrap().postgresql, None);
    }

    #[test]
    fn every_value_is_checked() {
        let local = "connection = \"host=localhost\"\n";
        for (section, told) in [
            ("".to_owned(), "missing field `connection`"),
            (
                "connection = \"colour=red\"".to_owned(),
                "postgresql.connection: it is no connection",
            ),
            ("connection = \"user=adit\"".to_owned(), "no host is named"),
            (
                "connection = \"host=localhost password=secret\"".to_owned(),
                "name that as `password_file`",
            ),
            (
                format!("{local}connections = 0"),
                "postgresql.connections: 0 is out of range",
            ),
            (
                format!("{local}lease_seconds = 1"),
                "postgresql.lease_seconds: 1 is out of range",
            ),
            (format!("{local}node = \"\""), "postgresql.node: a name"),
            (format!("{local}nodes = \"a\""), "unknown"),
        ] {
            let problem = problem(&section);
            assert!(problem.contains(told), "{section}: {problem}");
            assert!(!problem.contains("secret"), "{problem}");
        }
    }

    #[test]
    fn a_remote_database_needs_a_word() {
        for host in ["db.example.com", "192.0.2.1", "db hostaddr=192.0.2.1"] {
            let connection = format!("connection = \"host={host}\"");
            assert!(problem(&connection).contains("sslmode=disable"), "{host}");
            let text = format!("[postgresql]\nconnection = \"host={host} sslmode=disable\"");
            Config::parse(&text, "").unwrap();
        }
        assert!(problem("connection = \"host=localhost sslmode=require\"").contains("TLS"));
        for host in ["127.0.0.1", "::1", "localhost", "db hostaddr=127.0.0.1"] {
            let text = format!("[postgresql]\nconnection = \"host={host}\"");
            Config::parse(&text, "").unwrap();
        }
    }
}
