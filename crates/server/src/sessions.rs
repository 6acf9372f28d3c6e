//! The sessions of the server: who they are, what they have leased.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4};
use std::time::Instant;

use adit_engine::{CallKey, CallReport, SessionIds};
use adit_pptp::session::Stats;
use adit_wire::ipv6cp::InterfaceId;
use ipnet::{IpNet, Ipv6Net};

use crate::aaa::facts::{Cause, Facts};
use crate::aaa::{Profile, SessionId};
use crate::control_socket::{Losses, SessionInfo, Traffic};
use crate::diagnosis::Trouble;
use crate::server::Terms;

/// What is the same for all sessions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ServerFacts {
    /// The server's end of all tunnels.
    pub(crate) address: Ipv4Addr,
}

/// One call and what the server knows of it.
#[derive(Debug)]
pub(crate) struct Session {
    /// Its name for ever.
    pub(crate) id: SessionId,
    pub(crate) ids: SessionIds,
    pub(crate) peer: SocketAddrV4,
    /// Where the peer has connected to.
    pub(crate) local: SocketAddrV4,
    pub(crate) host: String,
    pub(crate) vendor: String,
    /// Seconds since 1970.
    pub(crate) since: u64,
    pub(crate) started: Instant,
    pub(crate) user: Option<String>,
    /// What the user may have, once logged in.
    pub(crate) grant: Option<Box<Grant>>,
    pub(crate) address: Option<Ipv4Addr>,
    /// The address that it had until another session took it.
    pub(crate) former_address: Option<Ipv4Addr>,
    pub(crate) prefix: Option<Ipv6Net>,
    /// Networks behind the client that lead to it.
    pub(crate) networks: Vec<IpNet>,
    /// What it keeps to, while it is up.
    pub(crate) terms: Option<Terms>,
    /// When it is to be looked at.
    pub(crate) look: Option<Instant>,
    /// Why the server ends it, once it does.
    pub(crate) ending: Option<Cause>,
    /// The interface identifier of its peer, while IPv6 is up.
    pub(crate) interface_id: Option<InterfaceId>,
    /// What it has met with, for those who ask why it failed.
    pub(crate) story: Story,
}

/// What a session has met with.
#[derive(Debug, Default)]
pub(crate) struct Story {
    /// The name that the client sent.
    pub(crate) sent_name: Option<String>,
    /// What kept the last login from being accepted.
    pub(crate) trouble: Option<Trouble>,
    /// What an operator who ended it gave as the reason.
    pub(crate) reason: Option<String>,
}

/// What leads to a session from inside: its leases, and networks behind the client.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub(crate) address: Option<Ipv4Addr>,
    pub(crate) prefix: Option<Ipv6Net>,
    pub(crate) networks: Vec<IpNet>,
}

/// What a user who has logged in may have.
#[derive(Debug)]
pub(crate) struct Grant {
    /// With the configuration's policy behind the user's own.
    pub(crate) profile: Profile,
    pub(crate) back_end: &'static str,
}

/// All sessions.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    by_call: BTreeMap<CallKey, Session>,
    by_address: HashMap<Ipv4Addr, CallKey>,
    by_user: HashMap<String, BTreeSet<CallKey>>,
    looks: BTreeSet<(Instant, CallKey)>,
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

    /// A session belongs to this user.
    pub(crate) fn log_in(&mut self, call: CallKey, grant: Grant) {
        if let Some(session) = self.by_call.get_mut(&call) {
            let user = grant.profile.user.clone();
            self.by_user.entry(user.clone()).or_default().insert(call);
            session.user = Some(user);
            session.grant = Some(Box::new(grant));
        }
    }

    /// A session has these leases.
    pub(crate) fn endow(&mut self, call: CallKey, held: &Held) {
        if let Some(session) = self.by_call.get_mut(&call) {
            session.address = held.address;
            session.prefix = held.prefix;
            session.networks.clone_from(&held.networks);
            if let Some(address) = held.address {
                self.by_address.insert(address, call);
            }
        }
    }

    /// Takes a session's leases away.
    pub(crate) fn dispossess(&mut self, call: CallKey) -> Held {
        let Some(session) = self.by_call.get_mut(&call) else {
            return Held::default();
        };
        let held = session.give_up();
        session.former_address = held.address;
        self.forget(held.address);
        held
    }

    pub(crate) fn remove(&mut self, call: CallKey) -> Option<Session> {
        let session = self.by_call.remove(&call)?;
        self.forget(session.address);
        if let Some(look) = session.look {
            self.looks.remove(&(look, call));
        }
        if let Some(user) = &session.user
            && let Some(calls) = self.by_user.get_mut(user)
        {
            calls.remove(&call);
            if calls.is_empty() {
                self.by_user.remove(user);
            }
        }
        Some(session)
    }

    /// The sessions of a user that are not being ended.
    pub(crate) fn of_user(&self, user: &str) -> Vec<CallKey> {
        let calls = self.by_user.get(user).into_iter().flatten();
        let lasting = |call: &&CallKey| self.get(**call).is_some_and(|it| it.ending.is_none());
        calls.filter(lasting).copied().collect()
    }

    /// Has a session looked at when its terms ask for it.
    pub(crate) fn schedule(&mut self, call: CallKey) {
        let Some(session) = self.by_call.get_mut(&call) else {
            return;
        };
        let next = session.terms.as_ref().and_then(Terms::next_look);
        if let Some(before) = std::mem::replace(&mut session.look, next) {
            self.looks.remove(&(before, call));
        }
        if let Some(next) = next {
            self.looks.insert((next, call));
        }
    }

    /// When the next session is to be looked at.
    pub(crate) fn next_look(&self) -> Option<Instant> {
        self.looks.first().map(|(look, _)| *look)
    }

    /// A session that is to be looked at now; once for each time it was scheduled.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<CallKey> {
        let (look, call) = *self.looks.first().filter(|(look, _)| *look <= now)?;
        self.looks.remove(&(look, call));
        if let Some(session) = self.by_call.get_mut(&call) {
            session.look = None;
        }
        Some(call)
    }

    fn forget(&mut self, address: Option<Ipv4Addr>) {
        if let Some(address) = address {
            self.by_address.remove(&address);
        }
    }

    /// All sessions are being ended, for this reason where there was none before.
    pub(crate) fn end_all(&mut self, cause: Cause) {
        for session in self.by_call.values_mut() {
            session.ending.get_or_insert(cause);
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
    /// Its leases, which it has no longer.
    pub(crate) fn give_up(&mut self) -> Held {
        Held {
            address: self.address.take(),
            prefix: self.prefix.take(),
            networks: std::mem::take(&mut self.networks),
        }
    }

    /// Whether it carries packets.
    pub(crate) fn is_up(&self) -> bool {
        self.terms.is_some()
    }

    /// The link-local address of its peer, while IPv6 is up.
    pub(crate) fn link_local(&self) -> Option<Ipv6Addr> {
        self.interface_id.map(InterfaceId::link_local)
    }

    /// The session as it is now; nothing where nobody has logged in.
    pub(crate) fn facts(
        &self,
        call: CallKey,
        report: &CallReport,
        server: &ServerFacts,
    ) -> Option<Facts> {
        let grant = self.grant.as_deref()?;
        let profile = &grant.profile;
        let info = self.info(call, report);
        Some(Facts {
            session: self.id.clone(),
            number: call.number(),
            user: profile.user.clone(),
            group: profile.group.clone(),
            class: profile.class.clone(),
            back_end: grant.back_end,
            peer: self.peer,
            local: self.local,
            address: self.address.or(self.former_address),
            server_address: server.address,
            prefix: self.prefix,
            interface_id: self.interface_id,
            routes: self.networks.clone(),
            method: info.authentication,
            encryption: info.encryption,
            since: self.since,
            lasted: self.started.elapsed(),
            received: info.received,
            sent: info.sent,
        })
    }

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
            rate: None,
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
