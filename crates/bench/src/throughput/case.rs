//! The traffic of one measurement.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::stage::{End, IpVersion, Stage};

/// The traffic of one measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Case {
    /// Version of IP inside the tunnel.
    pub ip: IpVersion,
    /// Streams at once, 1 or more.
    pub streams: u16,
    /// Which way the data goes.
    pub direction: Direction,
}

/// Which way data goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From the server to the client.
    Down,
    /// From the client to the server.
    Up,
}

impl Case {
    /// Who sends, and who receives.
    pub(crate) fn ends(self, stage: &Stage) -> (&End, &End) {
        match self.direction {
            Direction::Down => (&stage.server, &stage.client),
            Direction::Up => (&stage.client, &stage.server),
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let streams = if self.streams == 1 {
            "stream"
        } else {
            "streams"
        };
        let Self {
            ip,
            streams: count,
            direction,
        } = self;
        write!(f, "{count} {streams} {direction}, {ip}")
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Down => "down",
            Self::Up => "up",
        })
    }
}

impl FromStr for Direction {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "down" => Ok(Self::Down),
            "up" => Ok(Self::Up),
            _ => Err("there are down and up"),
        }
    }
}

impl fmt::Display for IpVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

impl FromStr for IpVersion {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "4" => Ok(Self::V4),
            "6" => Ok(Self::V6),
            _ => Err("there are 4 and 6"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_are_told_in_words() {
        let case = |ip, streams, direction| Case {
            ip,
            streams,
            direction,
        };
        let one = case(IpVersion::V4, 1, Direction::Down);
        assert_eq!(one.to_string(), "1 stream down, IPv4");
        let many = case(IpVersion::V6, 16, "up".parse().unwrap());
        assert_eq!(many.to_string(), "16 streams up, IPv6");
        assert!("5".parse::<IpVersion>().is_err());
        assert!("left".parse::<Direction>().is_err());
    }
}
