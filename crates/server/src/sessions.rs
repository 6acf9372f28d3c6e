//! The sessions of the server: who they are, what they have leased.

use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4};

use adit_engine::{CallKey, CallReport, SessionIds};
use adit_pptp::session::Stats;
use ipnet::Ipv6Net;

use crate::control_socket::{Losses, SessionInfo, Traffic};

/// One call and what the server knows of it.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) ids: SessionIds,
    pub(crate) peer: SocketAddrV4,
    pub(crate) host: String,
    pub(crate) vendor: String,
    /// Seconds since 1970.
    pub(crate) since: u64,
    pub(crate) user: Option<String>,
    pub(crate) address: Option<Ipv4Addr>,
    pub(crate) prefix: Option<Ipv6Net>,
    pub(crate) announced: bool,
    /// The link-local address of its peer, while IPv6 is up.
    pub(crate) link_local: Option<Ipv6Addr>,
}

/// All sessions.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    by_call: BTreeMap<CallKey, Session>,
    by_address: HashMap<Ipv4Addr, CallKey>,
}

impl Sessions {
    pub(crate) fn insert(&mut self, call: CallKey, session: Session) {
        self.by_call.insert(call, session);
    }

    pub(crate) fn get_mut(&mut self, call: CallKey) -> Option<&mut Session> {
        self.by_call.get_mut(&call)
    }

    pub(crate) fn get(&self, call: CallKey) -> Option<&Session> {
        self.by_call.get(&call)
    }

    /// A session belongs to this user and has these leases.
    pub(crate) fn log_in(
        &mut self,
        call: CallKey,
        user: String,
        address: Ipv4Addr,
        prefix: Option<Ipv6Net>,
    ) {
        if let Some(session) = self.by_call.get_mut(&call) {
            session.user = Some(user);
            session.address = Some(address);
            session.prefix = prefix;
            self.by_address.insert(address, call);
        }
    }

    /// Takes a session's leases away.
    pub(crate) fn dispossess(&mut self, call: CallKey) -> (Option<Ipv4Addr>, Option<Ipv6Net>) {
        let Some(session) = self.by_call.get_mut(&call) else {
            return (None, None);
        };
        let (address, prefix) = (session.address.take(), session.prefix.take());
        self.forget(address);
        (address, prefix)
    }

    pub(crate) fn remove(&mut self, call: CallKey) -> Option<Session> {
        let session = self.by_call.remove(&call)?;
        self.forget(session.address);
        Some(session)
    }

    fn forget(&mut self, address: Option<Ipv4Addr>) {
        if let Some(address) = address {
            self.by_address.remove(&address);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (CallKey, &Session)> {
        self.by_call.iter().map(|(call, session)| (*call, session))
    }

    pub(crate) fn len(&self) -> usize {
        self.by_call.len()
    }

    /// The call that holds an address.
    pub(crate) fn holder(&self, address: Ipv4Addr) -> Option<(CallKey, &Session)> {
        let call = *self.by_address.get(&address)?;
        self.get(call).map(|session| (call, session))
    }
}

impl Session {
    /// What is told about the session.
    pub(crate) fn info(&self, call: CallKey, report: &CallReport) -> SessionInfo {
        let packets = &report.packets;
        SessionInfo {
            id: u64::from(call.number()),
            user: self.user.clone(),
            peer: self.peer,
            address: self.address,
            ipv6_prefix: self.prefix,
            since: self.since,
            authentication: report.link.peer_authentication.map(|method| {
                method
                    .to_string()
                    .to_lowercase()
                    .replace("ms-chap", "mschap-")
            }),
            encryption: report.link.encryption.map(|(send, _)| send.to_string()),
            received: Traffic {
                packets: packets.received_packets,
                octets: packets.received_octets,
            },
            sent: Traffic {
                packets: packets.sent_packets,
                octets: packets.sent_octets,
            },
            losses: losses(&report.session, report),
            call_id: self.ids.local_call_id,
            peer_call_id: self.ids.peer_call_id,
            peer_host: self.host.clone(),
            peer_vendor: self.vendor.clone(),
        }
    }
}

fn losses(stats: &Stats, report: &CallReport) -> Losses {
    let packets = &report.packets;
    Losses {
        lost: stats.lost,
        reordered: stats.reordered,
        late: stats.late,
        duplicate: stats.duplicate,
        undecryptable: packets.undecryptable,
        invalid: packets.malformed
            + packets.unexpected
            + packets.clear_text
            + packets.foreign_source
            + stats.far,
    }
}
