//! Ranges of addresses as they are written.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use ipnet::Ipv4Net;
use serde::Deserialize;

/// Addresses that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum AddressRange {
    /// All of a network, as `10.1.0.0/24`.
    Network(Ipv4Net),
    /// From the first address to the last one, as `10.2.0.10-10.2.0.99`; one address alone stands for
    /// itself.
    Span(Ipv4Addr, Ipv4Addr),
}

/// Why a text is no range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoSuchRange {
    /// Nothing that is known.
    #[error(
        "`{0}` is no range of IPv4 addresses; write 10.1.0.0/24, 10.1.0.10-10.1.0.99 or 10.1.0.10"
    )]
    Unreadable(String),
    /// The ends are the wrong way round.
    #[error("{0}-{1} begins behind its end")]
    Backwards(Ipv4Addr, Ipv4Addr),
    /// A network with bits behind its prefix.
    #[error("{0} has host bits set; did you mean {net}?", net = .0.trunc())]
    HostBits(Ipv4Net),
}

impl AddressRange {
    /// The first address.
    pub fn first(&self) -> Ipv4Addr {
        match self {
            Self::Network(network) => network.network(),
            Self::Span(first, _) => *first,
        }
    }

    /// The last address.
    pub fn last(&self) -> Ipv4Addr {
        match self {
            Self::Network(network) => network.broadcast(),
            Self::Span(_, last) => *last,
        }
    }

    /// The network and the broadcast address of a network that has both. RFC 3021 §2.1: a /31 has none.
    pub(super) fn ends(&self) -> Option<[Ipv4Addr; 2]> {
        match self {
            Self::Network(network) if network.prefix_len() < 31 => {
                Some([network.network(), network.broadcast()])
            }
            Self::Network(_) | Self::Span(..) => None,
        }
    }

    /// Whether both have an address.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        self.first() <= other.last() && other.first() <= self.last()
    }
}

impl FromStr for AddressRange {
    type Err = NoSuchRange;

    fn from_str(text: &str) -> Result<Self, NoSuchRange> {
        let unreadable = || NoSuchRange::Unreadable(text.to_owned());
        let address = |part: &str| part.trim().parse::<Ipv4Addr>().map_err(|_| unreadable());
        if let Some((first, last)) = text.split_once('-') {
            let (first, last) = (address(first)?, address(last)?);
            return match first <= last {
                true => Ok(Self::Span(first, last)),
                false => Err(NoSuchRange::Backwards(first, last)),
            };
        }
        if text.contains('/') {
            let network: Ipv4Net = text.trim().parse().map_err(|_| unreadable())?;
            return match network.addr() == network.network() {
                true => Ok(Self::Network(network)),
                false => Err(NoSuchRange::HostBits(network)),
            };
        }
        address(text).map(|single| Self::Span(single, single))
    }
}

impl TryFrom<String> for AddressRange {
    type Error = NoSuchRange;

    fn try_from(text: String) -> Result<Self, NoSuchRange> {
        text.parse()
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) => write!(f, "{network}"),
            Self::Span(first, last) if first == last => write!(f, "{first}"),
            Self::Span(first, last) => write!(f, "{first}-{last}"),
        }
    }
}
