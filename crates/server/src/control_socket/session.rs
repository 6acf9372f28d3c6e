//! What is told about sessions.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

use ipnet::Ipv6Net;
use serde::{Deserialize, Serialize};

/// One session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionInfo {
    /// Number of the session, never used again while the server runs.
    pub id: u64,
    /// The user, once logged in.
    pub user: Option<String>,
    /// Where the control connection comes from.
    pub peer: SocketAddrV4,
    /// The client's address in the tunnel, once it has one.
    pub address: Option<Ipv4Addr>,
    /// The IPv6 prefix advertised to the client, if any.
    pub ipv6_prefix: Option<Ipv6Net>,
    /// Start of the session in seconds since 1970.
    pub since: u64,
    /// The authentication protocol, once agreed on, as `mschap-v2`.
    pub authentication: Option<String>,
    /// The encryption, as `128-bit stateless`; none means in the clear.
    pub encryption: Option<String>,
    /// From the client.
    pub received: Traffic,
    /// To the client.
    pub sent: Traffic,
    /// What went wrong on the way from the client.
    pub losses: Losses,
    /// The Call ID that this server chose (RFC 2637 §2.7).
    pub call_id: u16,
    /// The Call ID that the client chose.
    pub peer_call_id: u16,
    /// The Host Name that the client gave (RFC 2637 §2.1).
    pub peer_host: String,
    /// The Vendor Name that the client gave (RFC 2637 §2.1).
    pub peer_vendor: String,
    /// How fast it was of late; none where it has not been looked at twice.
    #[serde(default)]
    pub rate: Option<Rate>,
}

/// How fast a session was between the last two looks at it, which are some seconds apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// Bits of inner packets from the client, for each second.
    pub received: u64,
    /// Bits of inner packets to the client, for each second.
    pub sent: u64,
}

/// Everything about one session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionDetail {
    /// What is told in a list too.
    #[serde(flatten)]
    pub info: SessionInfo,
    /// Whether packets pass: whether IPv4 or IPv6 has come up.
    pub up: bool,
    /// The name as the client sent it.
    pub sent_name: Option<String>,
    /// The largest packet that the client takes through the tunnel, in octets.
    pub mtu: u16,
    /// The encryption from the client; what is told in a list is that to the client.
    pub encryption_received: Option<String>,
    /// What the user may have, by name, each as text for people: limits, time left, group, pool, name
    /// servers, routes.
    pub terms: BTreeMap<String, String>,
    /// Counters of the GRE session, by the names that `docs/control-api.md` lists.
    pub gre: BTreeMap<String, u64>,
    /// Counters of the inner packets, by the names that `docs/control-api.md` lists.
    pub packets: BTreeMap<String, u64>,
    /// What seems to be wrong with it, if anything.
    pub diagnosis: Option<Diagnosis>,
}

/// A session that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedInfo {
    /// Number of the session.
    pub id: u64,
    /// The user, if there was a login.
    pub user: Option<String>,
    /// The name as the client sent it, if it came to that.
    pub sent_name: Option<String>,
    /// Where the control connection came from.
    pub peer: SocketAddrV4,
    /// The client's address in the tunnel, if it had one.
    pub address: Option<Ipv4Addr>,
    /// Start of the session in seconds since 1970.
    pub since: u64,
    /// Its end in seconds since 1970.
    pub ended: u64,
    /// Whether packets had passed.
    pub was_up: bool,
    /// From the client.
    pub received: Traffic,
    /// To the client.
    pub sent: Traffic,
    /// Why it ended and what to do.
    pub diagnosis: Diagnosis,
}

/// Why a session ended or does not work, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// A short name of the cause that does not change from version to version, as `gre-filtered`.
    pub code: String,
    /// The cause as a sentence.
    pub cause: String,
    /// What to do, as a sentence; none where there is nothing to do.
    pub advice: Option<String>,
}

/// IP packets inside the tunnel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Packets.
    pub packets: u64,
    /// Their octets.
    pub octets: u64,
}

impl Traffic {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            packets: self.packets.saturating_add(other.packets),
            octets: self.octets.saturating_add(other.octets),
        }
    }
}

/// Packets of the client that did not arrive as sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Losses {
    /// Never seen, by their sequence numbers.
    pub lost: u64,
    /// Arrived out of order and put right.
    pub reordered: u64,
    /// Dropped because they came too late.
    pub late: u64,
    /// Dropped because they came twice.
    pub duplicate: u64,
    /// Dropped because they could not be decrypted.
    pub undecryptable: u64,
    /// Dropped because they were malformed or not allowed.
    pub invalid: u64,
}

impl Losses {
    /// Packets of the client that were not delivered.
    pub fn undelivered(&self) -> u64 {
        [self.lost, self.late, self.undecryptable, self.invalid]
            .iter()
            .fold(0, |sum, count| sum.saturating_add(*count))
    }
}
