use std::fmt;
use std::net::IpAddr;

use adit_ppp::auth::{Credentials, Ticket, Verdict};
use adit_ppp::link::{Resets, Summary};
use adit_ppp::{Ipv4Network, Ipv6Network, link};
use adit_pptp::CallDownReason;
use adit_pptp::control_connection::{self, PeerInformation};
use adit_pptp::session::Stats;
use ipnet::IpNet;

use crate::advertise::RouterConfig;
use crate::call::CallCounters;

/// Names a control connection; given by the owner, never used again for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// Names a call; a call that takes a former one's Call ID has another key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallKey {
    pub(crate) call_id: u16,
    pub(crate) generation: u32,
}

impl CallKey {
    /// The Call ID of packets to us.
    pub const fn local_call_id(self) -> u16 {
        self.call_id
    }

    /// A number that no other call of this endpoint has had, for people to name it by.
    pub const fn number(self) -> u32 {
        self.generation
    }
}

impl fmt::Display for CallKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.generation.fmt(f)
    }
}

/// The way between the two ends outside the tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Path {
    /// Our address.
    pub local: IpAddr,
    /// The peer's address.
    pub peer: IpAddr,
    /// The largest outer IP packet that passes, in octets.
    pub mtu: u16,
}

/// What an endpoint wants done or known.
pub enum Output {
    /// Send these octets on the connection's TCP stream.
    Stream(ConnectionId, Vec<u8>),
    /// Close the connection's TCP stream once all is sent.
    CloseStream(ConnectionId),
    /// Send this GRE packet.
    Gre(Path, Vec<u8>),
    /// Take note, and answer where it is a question.
    Event(Event),
}

/// What has happened.
pub enum Event {
    /// A control connection is established.
    ConnectionUp {
        /// Which.
        connection: ConnectionId,
        /// What the peer tells of itself.
        peer: PeerInformation,
    },
    /// A control connection is over; its calls are over too.
    ConnectionDown {
        /// Which.
        connection: ConnectionId,
        /// Why.
        why: control_connection::CloseReason,
    },
    /// A call is up; its link negotiates.
    CallUp {
        /// Which.
        call: CallKey,
        /// Its control connection.
        connection: ConnectionId,
        /// Its numbers.
        ids: SessionIds,
    },
    /// The peer refused the call that we asked for.
    CallRefused {
        /// The control connection.
        connection: ConnectionId,
        /// Why.
        why: CallDownReason,
    },
    /// Are these credentials good? Answer with [`Endpoint::answer`](crate::Endpoint::answer).
    Authenticate {
        /// Whose.
        call: CallKey,
        /// To be given back.
        ticket: Ticket,
        /// What the peer sent.
        credentials: Credentials,
    },
    /// The password was wrong; another may be given with
    /// [`Endpoint::supply_password`](crate::Endpoint::supply_password).
    AskPassword {
        /// In which call.
        call: CallKey,
    },
    /// IPv4 packets pass.
    Ipv4Up {
        /// In which call.
        call: CallKey,
        /// The addresses.
        network: Ipv4Network,
    },
    /// IPv4 packets no longer pass.
    Ipv4Down {
        /// In which call.
        call: CallKey,
    },
    /// IPv6 packets pass.
    Ipv6Up {
        /// In which call.
        call: CallKey,
        /// The identifiers.
        network: Ipv6Network,
    },
    /// IPv6 packets no longer pass.
    Ipv6Down {
        /// In which call.
        call: CallKey,
    },
    /// A call that was up is over.
    CallDown {
        /// Which.
        call: CallKey,
        /// Its control connection.
        connection: ConnectionId,
        /// Why.
        why: CallEnd,
        /// What it came to.
        report: Box<CallReport>,
    },
}

/// The numbers of a call in enhanced GRE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionIds {
    /// The Call ID of packets to us.
    pub local_call_id: u16,
    /// The Call ID of packets to the peer.
    pub peer_call_id: u16,
}

/// Why a call is over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallEnd {
    /// The PPP link was closed.
    #[error(transparent)]
    Link(#[from] link::CloseReason),
    /// The call was ended on the control connection.
    #[error(transparent)]
    Control(#[from] CallDownReason),
}

/// What a call came to.
#[derive(Debug, Clone)]
pub struct CallReport {
    /// Of the PPP link.
    pub link: Summary,
    /// Of the GRE session.
    pub session: Stats,
    /// Of the inner packets.
    pub packets: CallCounters,
}

/// What all calls of an endpoint came to, those that are over among them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Totals {
    /// Of the GRE sessions.
    pub session: Stats,
    /// Of the inner packets.
    pub packets: CallCounters,
    /// Of stateful encryption.
    pub resets: Resets,
}

impl Totals {
    /// Counts what others have counted as well.
    pub fn add(&mut self, other: &Self) {
        self.session.add(&other.session);
        self.packets.add(&other.packets);
        self.resets.sent += other.resets.sent;
        self.resets.received += other.resets.received;
    }
}

impl From<&CallReport> for Totals {
    fn from(report: &CallReport) -> Self {
        Self {
            session: report.session,
            packets: report.packets,
            resets: report.link.resets,
        }
    }
}

/// The answer to [`Event::Authenticate`].
#[derive(Debug)]
pub struct Answer {
    /// For the link.
    pub verdict: Verdict,
    /// What to advertise to the peer over IPv6, where it is accepted.
    pub router: Option<RouterConfig>,
    /// Networks behind the peer, where it is accepted: packets to them are its own, and it may send from
    /// them.
    pub networks: Vec<IpNet>,
}
