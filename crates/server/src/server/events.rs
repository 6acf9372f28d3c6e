//! What the workers say.

use std::sync::Arc;
use std::time::Instant;

use adit_engine::{CallEnd, CallKey, CallReport, ConnectionId, Event, SessionIds};
use adit_ppp::auth::{Refusal, Ticket, Verdict};
use adit_pptp::control_connection::PeerInformation;
use adit_wire::ipv6cp::InterfaceId;

use super::reach::Reach;
use super::{ServeError, Server, Terms, unix_time};
use crate::aaa::Happening;
use crate::aaa::facts::{Cause, Ending};
use crate::sessions::{Session, Story};
use crate::worker::elsewhere::InnerAddress;
use crate::worker::message::{Command, Notice};

/// Notices that are taken before others get their turn.
const TAKEN: usize = 1024;

impl Server {
    /// Takes what the workers have said; whether there may be more.
    pub(super) fn hear(&mut self, now: Instant) -> Result<bool, ServeError> {
        for _ in 0..TAKEN {
            let Some((worker, notice)) = self.crew.next_notice() else {
                return Ok(false);
            };
            match notice {
                Notice::Event(event, report) => self.on_event(now, event, report.as_deref()),
                Notice::Closed(id, problem) => {
                    let closed = self.connections.remove(id);
                    self.crew.relieve(worker);
                    if let (Some(closed), Some(problem)) = (closed, problem)
                        && self.strangers.allows(now)
                    {
                        tracing::warn!(peer = %closed.peer, "cannot serve a connection: {problem}");
                    }
                }
                Notice::PathError(error) => {
                    if self.connections.is_news(error.destination, error.cause)
                        && self.strangers.allows(now)
                    {
                        tracing::warn!("{error}");
                    }
                }
                Notice::Beat => self.service.alive(worker),
                Notice::Report(report) => self.on_report(now, worker, report),
                Notice::Totals(totals) => self.on_totals(now, worker, *totals),
                Notice::Seen(reports) => self.on_seen(now, reports),
                Notice::Ended(problem) => return Err(ServeError::Worker(problem)),
            }
        }
        Ok(true)
    }

    fn on_event(&mut self, now: Instant, event: Event, report: Option<&CallReport>) {
        match event {
            Event::ConnectionUp { connection, peer } => self.on_connection_up(connection, &peer),
            Event::ConnectionDown { connection, why } => {
                if let Some(it) = self.connections.get(connection) {
                    tracing::debug!(peer = %it.peer, "connection ended: {why}");
                }
            }
            Event::CallUp {
                call,
                connection,
                ids,
            } => self.on_call_up(now, call, connection, ids),
            Event::CallRefused { connection, why } => {
                if let Some(it) = self.connections.get(connection)
                    && self.strangers.allows(now)
                {
                    tracing::warn!(peer = %it.peer, "a call did not come up: {why}");
                }
            }
            Event::Authenticate {
                call,
                ticket,
                credentials,
            } => self.on_login(call, ticket, credentials),
            Event::AskPassword { .. } => {}
            Event::Ipv4Up { call, .. } => self.announce(now, call, report),
            Event::Ipv4Down { .. } => {}
            Event::Ipv6Up { call, network } => {
                self.on_interface_id(call, Some(network.peer));
                self.announce(now, call, report);
            }
            Event::Ipv6Down { call } => self.on_interface_id(call, None),
            Event::CallDown {
                call, why, report, ..
            } => self.on_call_down(now, call, &why, &report),
        }
    }

    fn on_connection_up(&mut self, id: ConnectionId, peer: &PeerInformation) {
        if let Some(connection) = self.connections.get_mut(id) {
            connection.host = peer.host_name.to_string();
            connection.vendor = peer.vendor.to_string();
        }
    }

    fn on_call_up(&mut self, now: Instant, call: CallKey, id: ConnectionId, ids: SessionIds) {
        let strangers = self.connections.call_up(id);
        let Some(connection) = self.connections.get(id) else {
            return;
        };
        let (peer, worker) = (connection.peer, connection.worker);
        let session = Session {
            id: self.names.name(call.number()),
            ids,
            peer,
            local: connection.local,
            host: connection.host.clone(),
            vendor: connection.vendor.clone(),
            since: unix_time(),
            started: now,
            user: None,
            grant: None,
            address: None,
            former_address: None,
            prefix: None,
            networks: Vec::new(),
            terms: None,
            look: None,
            ending: None,
            interface_id: None,
            story: Story::default(),
        };
        self.tally.begun += 1;
        self.sessions.insert(call, session);
        let limit = self.config.limits.connections_per_address;
        if strangers > limit {
            if self.strangers.allows(now) {
                tracing::warn!(
                    %peer,
                    "connection ended: {limit} calls from one address that have not logged in are the limit",
                );
            }
            self.crew.tell(worker, Command::Stop(id));
        }
    }

    /// A session carries packets.
    fn announce(&mut self, now: Instant, call: CallKey, report: Option<&CallReport>) {
        let (Some(report), Some(session)) = (report, self.sessions.get_mut(call)) else {
            return;
        };
        let (Some(grant), None) = (&session.grant, &session.terms) else {
            return;
        };
        let profile = &grant.profile;
        let interim = profile.interim.or(self.interim);
        let mut terms = Terms::new(now, unix_time(), &profile.policy, interim);
        terms.spread(now, call.number());
        session.terms = Some(terms);
        self.tally.came_up += 1;
        let encryption = report
            .link
            .encryption
            .map_or("not encrypted".to_owned(), |(send, _)| send.to_string());
        tracing::info!(
            session = call.number(),
            user = profile.user,
            peer = %session.peer,
            address = session.address.map(tracing::field::display),
            prefix = session.prefix.map(tracing::field::display),
            "session up: {}, {encryption}",
            report.link.peer_authentication.map_or("no authentication".to_owned(), |m| m.to_string()),
        );
        let facts = session.facts(call, report, &self.facts);
        self.sessions.schedule(call);
        if let Some(facts) = facts {
            self.tell(&Happening::Up(Arc::new(facts)));
        }
    }

    /// A call's peer has this interface identifier from now on.
    fn on_interface_id(&mut self, call: CallKey, id: Option<InterfaceId>) {
        let Some(session) = self.sessions.get_mut(call) else {
            return;
        };
        let before = session.link_local();
        session.interface_id = id;
        let after = session.link_local();
        if let Some(before) = before {
            self.tell_others(call, InnerAddress::LinkLocal(before), Reach::Lost);
        }
        if let Some(after) = after {
            self.tell_others(call, InnerAddress::LinkLocal(after), Reach::Leads);
        }
    }

    fn on_call_down(&mut self, now: Instant, call: CallKey, why: &CallEnd, report: &CallReport) {
        let Some(mut session) = self.sessions.remove(call) else {
            return;
        };
        let is_stranger = session.user.is_none();
        if is_stranger {
            self.connections.stranger_less(*session.peer.ip());
        }
        let diagnosis = self.remember(call, &session, why, report);
        let mut ending = Ending::new(why, session.ending);
        ending.why.clone_from(&diagnosis.cause);
        self.tell_of_end(call, &session, report, &Arc::new(ending));
        self.end_lease(call, session.give_up());
        if is_stranger && !self.strangers.allows(now) {
            return;
        }
        let packets = &report.packets;
        tracing::info!(
            session = call.number(),
            user = session.user.as_deref().unwrap_or_default(),
            peer = %session.peer,
            received = packets.received_octets,
            sent = packets.sent_octets,
            seconds = now.saturating_duration_since(session.started).as_secs(),
            "session ended: {}",
            diagnosis.line(),
        );
    }

    fn tell_of_end(
        &mut self,
        call: CallKey,
        session: &Session,
        report: &CallReport,
        ending: &Arc<Ending>,
    ) {
        let facts = session.facts(call, report, &self.facts);
        let ending = Arc::clone(ending);
        let happening = match facts.filter(|_| session.is_up()) {
            Some(facts) => Happening::Down(Arc::new(facts), ending),
            None => Happening::Failed {
                peer: session.peer,
                user: session.user.clone(),
                ending,
            },
        };
        self.tell(&happening);
    }

    /// Tells all who follow what happens.
    pub(super) fn tell(&mut self, happening: &Happening) {
        self.counted.count(happening);
        for observer in &mut self.observers {
            observer.observe(happening);
        }
    }

    /// Ends a session for this reason, in order.
    pub(super) fn end_session(&mut self, call: CallKey, cause: Cause) {
        if let Some(session) = self.sessions.get_mut(call) {
            session.ending.get_or_insert(cause);
            self.crew.tell_of_call(call, Command::HangUp(call));
        }
    }

    pub(super) fn refuse(&mut self, call: CallKey, ticket: Ticket, refusal: Refusal) {
        let answer = adit_engine::Answer {
            verdict: Verdict::Refuse(refusal),
            router: None,
            networks: Vec::new(),
        };
        self.answer(call, ticket, answer);
    }

    pub(super) fn answer(&mut self, call: CallKey, ticket: Ticket, answer: adit_engine::Answer) {
        let command = Command::Answer {
            call,
            ticket,
            answer,
        };
        self.crew.tell_of_call(call, command);
    }
}
