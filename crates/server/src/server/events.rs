//! What the endpoint reports, and the answers of the user store.

use std::time::Instant;

use adit_engine::{Answer, CallEnd, CallKey, CallReport, Event, RouterConfig, SessionIds};
use adit_ppp::auth::{Acceptance, Refusal, Verdict};
use adit_pptp::control_connection::PeerInformation;

use super::{ConnectionId, Server, unix_time};
use crate::aaa::{Accepted, Checked};
use crate::pool::LeaseError;
use crate::sessions::Session;

impl Server {
    pub(super) fn on_event(&mut self, now: Instant, event: Event) {
        match event {
            Event::ConnectionUp { connection, peer } => self.on_connection_up(connection, &peer),
            Event::ConnectionDown { connection, why } => {
                if let Some(it) = self.connections.get(&connection) {
                    tracing::debug!(peer = %it.peer, "connection ended: {why}");
                }
            }
            Event::CallUp {
                call,
                connection,
                ids,
            } => self.on_call_up(now, call, connection, ids),
            Event::CallRefused { connection, why } => {
                if let Some(it) = self.connections.get(&connection)
                    && self.strangers.allows(now)
                {
                    tracing::warn!(peer = %it.peer, "a call did not come up: {why}");
                }
            }
            Event::Authenticate {
                call,
                ticket,
                credentials,
            } => {
                if !self.authentication.ask(call, ticket, credentials) {
                    let answer = Answer {
                        verdict: Verdict::Refuse(Refusal::Unavailable),
                        router: None,
                    };
                    self.endpoint.answer(now, call, ticket, answer);
                }
            }
            // Only a client asks its user.
            Event::AskPassword { call } => self.endpoint.supply_password(now, call, None),
            Event::Ipv4Up { call, .. } | Event::Ipv6Up { call, .. } => self.announce(call),
            Event::Ipv4Down { .. } | Event::Ipv6Down { .. } => {}
            Event::CallDown {
                call, why, report, ..
            } => self.on_call_down(now, call, &why, &report),
        }
    }

    fn on_connection_up(&mut self, id: ConnectionId, peer: &PeerInformation) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.host = peer.host_name.to_string();
            connection.vendor = peer.vendor.to_string();
        }
    }

    fn on_call_up(&mut self, now: Instant, call: CallKey, id: ConnectionId, ids: SessionIds) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        connection.had_call = true;
        let peer = connection.peer;
        let session = Session {
            ids,
            peer: connection.peer,
            host: connection.host.clone(),
            vendor: connection.vendor.clone(),
            since: unix_time(),
            user: None,
            address: None,
            prefix: None,
            announced: false,
        };
        self.sessions.insert(call, session);
        let limit = self.config.limits.connections_per_address;
        if self.sessions.strangers_from(*peer.ip()) > limit {
            if self.strangers.allows(now) {
                tracing::warn!(
                    %peer,
                    "connection ended: {limit} calls from one address that have not logged in are the limit",
                );
            }
            self.endpoint.stop(now, id);
        }
    }

    /// One line when a session carries packets.
    fn announce(&mut self, call: CallKey) {
        let Some(report) = self.endpoint.report(call) else {
            return;
        };
        let Some(session) = self.sessions.get_mut(call) else {
            return;
        };
        if std::mem::replace(&mut session.announced, true) {
            return;
        }
        let encryption = report
            .link
            .encryption
            .map_or("not encrypted".to_owned(), |(send, _)| send.to_string());
        tracing::info!(
            session = call.number(),
            user = session.user.as_deref().unwrap_or_default(),
            peer = %session.peer,
            address = session.address.map(tracing::field::display),
            prefix = session.prefix.map(tracing::field::display),
            "session up: {}, {encryption}",
            report.link.peer_authentication.map_or("no authentication".to_owned(), |m| m.to_string()),
        );
    }

    fn on_call_down(&mut self, now: Instant, call: CallKey, why: &CallEnd, report: &CallReport) {
        let Some(session) = self.sessions.remove(call) else {
            return;
        };
        self.leases.release(session.address, session.prefix);
        if session.user.is_none() && !self.strangers.allows(now) {
            return;
        }
        let packets = &report.packets;
        tracing::info!(
            session = call.number(),
            user = session.user.as_deref().unwrap_or_default(),
            peer = %session.peer,
            received = packets.received_octets,
            sent = packets.sent_octets,
            seconds = unix_time().saturating_sub(session.since),
            "session ended: {why}",
        );
    }

    /// Answers of the user store and requests at the control socket.
    pub(super) fn on_wake(&mut self) {
        let now = Instant::now();
        while let Some(checked) = self.authentication.next_answer() {
            self.on_checked(now, checked);
        }
        while let Some(query) = self.control_socket.next_query() {
            let reply = self.on_request(now, &query.request);
            query.answer(reply);
        }
        self.drain(now);
    }

    fn on_checked(&mut self, now: Instant, checked: Checked) {
        let Checked {
            call,
            ticket,
            sent_name,
            result,
        } = checked;
        let (verdict, router) = match result.and_then(|accepted| self.grant(now, call, accepted)) {
            Ok((acceptance, router)) => (Verdict::Accept(Box::new(acceptance)), router),
            Err(refusal) => {
                let peer = self.sessions.get_mut(call).map(|session| session.peer);
                tracing::warn!(
                    session = call.number(),
                    user = sent_name,
                    peer = peer.map(tracing::field::display),
                    "login refused: {refusal}",
                );
                (Verdict::Refuse(refusal), None)
            }
        };
        self.endpoint
            .answer(now, call, ticket, Answer { verdict, router });
    }

    /// Leases what an accepted user gets. A session that is challenged again keeps what it has.
    fn grant(
        &mut self,
        now: Instant,
        call: CallKey,
        accepted: Accepted,
    ) -> Result<(Acceptance, Option<RouterConfig>), Refusal> {
        let Accepted {
            user,
            addresses,
            proven,
            reserved,
        } = accepted;
        let session = self.sessions.get_mut(call).ok_or(Refusal::Unavailable)?;
        if session.user.as_ref().is_some_and(|before| *before != user) {
            return Err(Refusal::WrongPassword);
        }
        let (address, prefix) = match session.address {
            Some(address) => (address, session.prefix),
            None => {
                let leased = match self.leases.lease(&user, &addresses, reserved.clone()) {
                    Err(LeaseError::InUse(address)) => {
                        self.take_over(now, address, &user);
                        self.leases.lease(&user, &addresses, reserved)
                    }
                    other => other,
                };
                leased.map_err(|error| {
                    tracing::warn!(user, "no address: {error}");
                    Refusal::Unavailable
                })?
            }
        };
        let session = self.sessions.get_mut(call).ok_or(Refusal::Unavailable)?;
        session.user = Some(user);
        session.address = Some(address);
        session.prefix = prefix;
        let router = prefix.map(|prefix| RouterConfig {
            prefix,
            dns_servers: self.config.network.ipv6_dns.clone(),
        });
        let acceptance = Acceptance {
            proven,
            ipv4: Some(self.leases.offer(address)),
            message: "Welcome".to_owned(),
        };
        Ok((acceptance, router))
    }

    /// Ends the session that holds a user's own address, for the same user who comes back: the old
    /// one is usually dead and would block it until its keep-alive notices.
    fn take_over(&mut self, now: Instant, address: std::net::Ipv4Addr, user: &str) {
        let Some((old, session)) = self.sessions.holder(address) else {
            return;
        };
        if session.user.as_deref() != Some(user) {
            return;
        }
        tracing::info!(
            session = old.number(),
            user,
            "replaced by a new session of the same user"
        );
        if let Some(session) = self.sessions.get_mut(old) {
            let (address, prefix) = (session.address.take(), session.prefix.take());
            self.leases.release(address, prefix);
        }
        self.hang_up(now, old);
    }
}
