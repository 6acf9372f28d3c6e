//! Who may connect, and where: places to listen at, and lists of outer addresses.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::str::FromStr;

use ipnet::Ipv4Net;
use serde::de::{Deserialize, Deserializer, Error};
use serde::{Serialize, Serializer};

use super::error::Problem;

/// IFNAMSIZ without its terminating zero.
pub(super) const INTERFACE_OCTETS: usize = 15;

/// Where control connections are accepted: `192.0.2.1:1723`, or `eth1:1723` for all addresses of an interface,
/// through that interface only.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Listen {
    /// The only interface through which connections come.
    pub interface: Option<String>,
    /// The address and port; the address is unspecified (all addresses) with an interface.
    pub address: SocketAddrV4,
}

impl From<SocketAddrV4> for Listen {
    fn from(address: SocketAddrV4) -> Self {
        Self {
            interface: None,
            address,
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.interface {
            Some(interface) => write!(f, "{interface}:{}", self.address.port()),
            None => self.address.fmt(f),
        }
    }
}

/// Why a text is no place to listen at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no place to listen at; use ADDRESS:PORT as in \"0.0.0.0:1723\", or INTERFACE:PORT as in \
     \"eth1:1723\""
)]
pub struct ListenError(String);

impl FromStr for Listen {
    type Err = ListenError;

    fn from_str(text: &str) -> Result<Self, ListenError> {
        if let Ok(address) = text.parse::<SocketAddrV4>() {
            return Ok(address.into());
        }
        let wrong = || ListenError(text.to_owned());
        let (interface, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let port = port.parse().map_err(|_| wrong())?;
        // A mistyped address must not pass as the name of an interface.
        let like_address = interface
            .chars()
            .all(|c| c.is_ascii_digit() || c == '.' || c == '[' || c == ']' || c == ':');
        let printable = interface
            .chars()
            .all(|c| c.is_ascii_graphic() && c != '/' && c != ':');
        if like_address || !printable || interface.len() > INTERFACE_OCTETS {
            return Err(wrong());
        }
        Ok(Self {
            interface: Some(interface.to_owned()),
            address: SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port),
        })
    }
}

impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

impl Serialize for Listen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Which outer addresses may connect: what the longest prefix that holds an address says; of two that are as
/// long, the one that denies. An address that no prefix holds may not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Those that may.
    pub allow: Vec<Ipv4Net>,
    /// Those that may not.
    pub deny: Vec<Ipv4Net>,
}

impl Default for Access {
    fn default() -> Self {
        Self {
            allow: vec![Ipv4Net::default()],
            deny: Vec::new(),
        }
    }
}

impl Access {
    /// Whether connections from this address are taken.
    pub fn admits(&self, address: Ipv4Addr) -> bool {
        let longest = |networks: &[Ipv4Net]| {
            let holding = networks.iter().filter(|network| network.contains(&address));
            holding.map(Ipv4Net::prefix_len).max()
        };
        longest(&self.allow) > longest(&self.deny)
    }

    pub(super) fn check(&self) -> Result<(), Problem> {
        if self.allow.is_empty() {
            return Err(Problem::new(
                "limits.allow",
                "nobody could connect; leave it out to allow all addresses",
            ));
        }
        for (key, networks) in [("limits.allow", &self.allow), ("limits.deny", &self.deny)] {
            if let Some(odd) = networks.iter().find(|it| it.addr() != it.network()) {
                return Err(Problem::new(
                    key,
                    format!("{odd} has host bits set; did you mean {}?", odd.trunc()),
                ));
            }
        }
        if let Some(both) = self
            .allow
            .iter()
            .find(|network| self.deny.contains(network))
        {
            return Err(Problem::new(
                "limits.deny",
                format!("{both} is in limits.allow too; take it out of one of them"),
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn networks(texts: &[&str]) -> Vec<Ipv4Net> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn the_longest_prefix_decides() {
        let access = Access {
            allow: networks(&["0.0.0.0/0", "192.0.2.64/26", "192.0.2.70/32"]),
            deny: networks(&["192.0.2.0/24", "192.0.2.70/31"]),
        };
        for (address, admitted) in [
            ("198.51.100.1", true),
            ("192.0.2.1", false),
            ("192.0.2.65", true),
            ("192.0.2.71", false),
            ("192.0.2.70", true),
        ] {
            assert_eq!(
                access.admits(address.parse().unwrap()),
                admitted,
                "{address}"
            );
        }
        let few = Access {
            allow: networks(&["10.0.0.0/8"]),
            deny: Vec::new(),
        };
        assert!(few.admits(Ipv4Addr::new(10, 1, 2, 3)));
        assert!(!few.admits(Ipv4Addr::new(192, 0, 2, 1)));
        let tie = Access {
            allow: networks(&["10.0.0.0/8"]),
            deny: networks(&["10.0.0.0/8"]),
        };
        assert!(!tie.admits(Ipv4Addr::new(10, 1, 2, 3)));
    }

    #[test]
    fn a_place_is_an_address_or_an_interface() {
        let place: Listen = "192.0.2.1:1723".parse().unwrap();
        assert_eq!((place.interface, place.address.port()), (None, 1723));
        let place: Listen = "eth1.100:1724".parse().unwrap();
        assert_eq!(place.interface.as_deref(), Some("eth1.100"));
        assert_eq!(place.address, "0.0.0.0:1724".parse().unwrap());
        assert_eq!(place.to_string(), "eth1.100:1724");
        for text in [
            "",
            "eth1",
            "eth1:",
            "eth1:65536",
            ":1723",
            "192.0.2:1723",
            "192.0.2.256:1723",
            "[::1]:1723",
            "a name:1723",
            "an-interface-too-long:1723",
        ] {
            assert!(text.parse::<Listen>().is_err(), "{text}");
        }
    }
    #[test]
    fn mistakes_are_told_with_their_place() {
        for (text, expected) in [
            (
                "listen = [\"eth1\"]",
                "x:1:10: `eth1` is no place to listen at",
            ),
            (
                "listen = [\"eth1:1723\", \"0.0.0.0:1723\"]",
                "x:1:10: listen: 0.0.0.0:1723 takes the connections for eth1:1723 too",
            ),
            (
                "listen = [\"eth1:1723\", \"eth1:1723\"]",
                "eth1:1723 is given twice",
            ),
            (
                "[limits]\nallow = []",
                "x:2:9: limits.allow: nobody could connect",
            ),
            (
                "[limits]\ndeny = [\"10.0.0.1/8\"]",
                "x:2:8: limits.deny: 10.0.0.1/8 has host bits set; did you mean 10.0.0.0/8?",
            ),
            (
                "[limits]\ndeny = [\"0.0.0.0/0\"]",
                "limits.deny: 0.0.0.0/0 is in limits.allow too",
            ),
            ("[limits]\nallow = [\"10.0.0.0/33\"]", "x:2:"),
        ] {
            let error = Config::parse(text, "x").unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn values_reach_their_fields() {
        let config = Config::parse(
            "listen = [\"eth1:1723\", \"eth2:1723\", \"10.0.0.1:1723\"]\n\
             [limits]\nallow = [\"10.0.0.0/8\"]\ndeny = [\"10.1.0.0/16\"]",
            "x",
        )
        .unwrap();
        assert_eq!(config.listen.len(), 3);
        assert!(config.limits.access.admits(Ipv4Addr::new(10, 0, 0, 1)));
        assert!(!config.limits.access.admits(Ipv4Addr::new(10, 1, 0, 1)));
    }
}
