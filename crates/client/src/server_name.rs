use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV4, ToSocketAddrs};
use std::str::FromStr;

/// The TCP port of control connections (RFC 2637 §1.3).
const PORT: u16 = 1723;

/// A server by name or address, with its port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerName {
    host: String,
    port: u16,
}

/// Why a server's name leads nowhere.
#[derive(Debug, thiserror::Error)]
pub enum NameError {
    /// It is not a name with an optional port.
    #[error("`{0}` is not a host name or IPv4 address with an optional port")]
    Form(String),
    /// PPTP runs over IPv4 alone here: enhanced GRE over IPv6 is spoken by nobody.
    #[error("{0} has no IPv4 address, and PPTP servers are reached over IPv4 only")]
    OnlyIpv6(String),
    /// The name cannot be looked up.
    #[error("cannot find the address of {host}")]
    Lookup {
        /// The name.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
}

impl ServerName {
    /// All its IPv4 addresses, in the order in which the resolver gives them.
    ///
    /// # Errors
    /// It has none, or nobody knows the name.
    pub fn resolve(&self) -> Result<Vec<SocketAddrV4>, NameError> {
        let found = (self.host.as_str(), self.port)
            .to_socket_addrs()
            .map_err(|source| NameError::Lookup {
                host: self.host.clone(),
                source,
            })?;
        let mut addresses: Vec<SocketAddrV4> = Vec::new();
        for address in found {
            match address {
                SocketAddr::V4(v4) if !addresses.contains(&v4) => addresses.push(v4),
                SocketAddr::V4(_) | SocketAddr::V6(_) => {}
            }
        }
        if addresses.is_empty() {
            return Err(NameError::OnlyIpv6(self.host.clone()));
        }
        Ok(addresses)
    }
}

impl FromStr for ServerName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let bare = text.trim_start_matches('[').trim_end_matches(']');
        if bare.parse::<Ipv6Addr>().is_ok() {
            return Err(NameError::OnlyIpv6(bare.to_owned()));
        }
        let form = || NameError::Form(text.to_owned());
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => (host, port.parse().map_err(|_| form())?),
            None => (text, PORT),
        };
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
        if host.is_empty() || port == 0 || !host.chars().all(is_name) {
            return Err(form());
        }
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }
}

impl fmt::Display for ServerName {
    /// The port is shown where it is not PPTP's own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            PORT => f.write_str(&self.host),
            port => write!(f, "{}:{port}", self.host),
        }
    }
}

impl From<SocketAddrV4> for ServerName {
    fn from(address: SocketAddrV4) -> Self {
        Self {
            host: IpAddr::V4(*address.ip()).to_string(),
            port: address.port(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_optional() {
        for (text, shown) in [
            ("vpn.example.com", "vpn.example.com"),
            ("192.0.2.1:1723", "192.0.2.1"),
            ("192.0.2.1:17230", "192.0.2.1:17230"),
        ] {
            let name: ServerName = text.parse().unwrap();
            assert_eq!(name.to_string(), shown);
        }
    }

    #[test]
    fn what_cannot_be_a_server_is_refused() {
        for text in [
            "",
            ":1723",
            "host:",
            "host:0",
            "host:70000",
            "a b",
            "http://host",
        ] {
            let refused = text.parse::<ServerName>();
            assert!(matches!(refused, Err(NameError::Form(_))), "{text}");
        }
        for text in ["::1", "[2001:db8::1]"] {
            let refused = text.parse::<ServerName>();
            assert!(matches!(refused, Err(NameError::OnlyIpv6(_))), "{text}");
        }
    }

    #[test]
    fn an_address_is_its_own_answer() {
        let name: ServerName = "192.0.2.1:99".parse().unwrap();
        assert_eq!(name.resolve().unwrap(), ["192.0.2.1:99".parse().unwrap()]);
    }
}
