//! Requests at the control socket.

mod list;
mod stats;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Instant;

use adit_engine::{CallKey, CallReport};

use super::rates::Rates;
use super::{Reloaded, Server};
use crate::aaa::facts::Cause;
use crate::control_socket::{
    Drops, Query, Reply, Request, SessionQuery, StatusInfo, StrayCounts, Target, WorkerInfo,
};
use crate::sessions::Session;
use crate::worker::message::{Command, Report};

/// Questions that workers have not answered yet. Each client has one at a time; one that has given up
/// may have left some.
const MOST_OPEN: usize = 128;

/// What the workers are asked for, for those who wait at the control socket.
#[derive(Default)]
pub(super) struct Inquiries {
    /// The number of the last one.
    last: u64,
    open: BTreeMap<u64, Inquiry>,
    pub(super) rates: Rates,
}

struct Inquiry {
    query: Query,
    calls: Vec<(CallKey, CallReport)>,
    /// By the number of the worker, once it has answered.
    counts: Vec<Option<(Drops, StrayCounts)>>,
}

impl Server {
    pub(super) fn take_queries(&mut self) {
        self.end_traces();
        while let Some(query) = self.control_socket.next_query() {
            match &query.request {
                Request::Sessions(wanted) => {
                    let calls = self.calls(|session, _| is_listed(wanted, session));
                    self.inquire(query, &calls);
                }
                Request::Session { target } => {
                    let calls = self.targets(target);
                    self.inquire(query, &calls);
                }
                Request::Stats => {
                    let calls = self.targets(&Target::All);
                    self.inquire(query, &calls);
                }
                Request::Status => self.inquire(query, &[]),
                Request::Pools => {
                    let reply = self.pools();
                    query.answer(reply);
                }
                Request::Disconnect { target, reason } => {
                    let sessions = self.disconnect(target, reason.as_deref());
                    query.answer(Reply::Disconnected { sessions });
                }
                Request::LogLevel { filter } => {
                    let reply = self.set_log_level(filter);
                    query.answer(reply);
                }
                Request::Reload => self.reload(Some(Box::new(|result| query.answer(told(result))))),
                Request::Trace(_) => self.begin_trace(query),
            }
        }
    }

    /// Ends the sessions that are meant.
    fn disconnect(&mut self, target: &Target, reason: Option<&str>) -> usize {
        let calls = self.targets(target);
        for call in &calls {
            if let Some(session) = self.sessions.get_mut(*call) {
                session.story.reason = reason.map(str::to_owned);
            }
            self.end_session(*call, Cause::AdminReset);
        }
        calls.len()
    }

    /// Asks the workers for these calls and for their own counters.
    fn inquire(&mut self, query: Query, calls: &[CallKey]) {
        let mut by_worker: Vec<Vec<CallKey>> = vec![Vec::new(); self.crew.count()];
        for call in calls {
            if let Some(calls) = by_worker.get_mut(self.crew.of_call(*call)) {
                calls.push(*call);
            }
        }
        self.inquiries.last += 1;
        let number = self.inquiries.last;
        let inquiry = Inquiry {
            query,
            calls: Vec::new(),
            counts: vec![None; self.crew.count()],
        };
        self.inquiries.open.insert(number, inquiry);
        if self.inquiries.open.len() > MOST_OPEN {
            self.inquiries.open.pop_first();
        }
        for (worker, calls) in by_worker.into_iter().enumerate() {
            self.crew.tell(worker, Command::Report { number, calls });
        }
    }

    /// A worker's answer. The query is answered when all have come.
    pub(super) fn on_report(&mut self, now: Instant, worker: usize, report: Report) {
        let Some(inquiry) = self.inquiries.open.get_mut(&report.number) else {
            return;
        };
        inquiry.calls.extend(report.calls);
        if let Some(counts) = inquiry.counts.get_mut(worker) {
            *counts = Some((report.drops, report.strays));
        }
        if inquiry.counts.iter().any(Option::is_none) {
            return;
        }
        if let Some(inquiry) = self.inquiries.open.remove(&report.number) {
            self.answer_inquiry(now, inquiry);
        }
    }

    fn answer_inquiry(&mut self, now: Instant, inquiry: Inquiry) {
        let Inquiry {
            query,
            calls,
            counts,
        } = inquiry;
        let reply = match &query.request {
            Request::Sessions(wanted) => self.session_list(now, wanted, &calls),
            Request::Session { target } => self.session_details(now, target, &calls),
            Request::Stats => self.stats(&calls, &counts),
            _ => self.status(&counts),
        };
        query.answer(reply);
    }

    fn status(&self, counts: &[Option<(Drops, StrayCounts)>]) -> Reply {
        let mut sessions = vec![0; self.crew.count()];
        for (call, _) in self.sessions.iter() {
            if let Some(sessions) = sessions.get_mut(self.crew.of_call(call)) {
                *sessions += 1;
            }
        }
        let workers = self.crew.connections().zip(sessions).zip(counts);
        let workers = workers.map(|((connections, sessions), counts)| {
            let (drops, strays) = counts.unwrap_or_default();
            WorkerInfo {
                connections,
                sessions,
                drops,
                strays,
            }
        });
        let status = StatusInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            since: self.started,
            listen: self.config.listen.clone(),
            interface: self.interface.clone(),
            connections: self.connections.len(),
            sessions: self.sessions.len(),
            workers: workers.collect(),
        };
        Reply::Status { status }
    }

    /// The calls of the sessions that are meant.
    pub(super) fn targets(&self, target: &Target) -> Vec<CallKey> {
        self.calls(|session, call| match target {
            Target::Session(id) => u64::from(call.number()) == *id,
            Target::User(user) => session.user.as_ref() == Some(user),
            Target::Address(address) => has_address(session, *address),
            Target::Peer(peer) => session.peer.ip() == peer,
            Target::All => true,
        })
    }

    fn calls(&self, is_meant: impl Fn(&Session, CallKey) -> bool) -> Vec<CallKey> {
        let meant = self
            .sessions
            .iter()
            .filter(|(call, session)| is_meant(session, *call));
        meant.map(|(call, _)| call).collect()
    }
}

fn is_listed(wanted: &SessionQuery, session: &Session) -> bool {
    let user = wanted.user.as_ref();
    user.is_none_or(|user| session.user.as_ref() == Some(user))
        && wanted
            .address
            .is_none_or(|address| has_address(session, address))
        && wanted.peer.is_none_or(|peer| *session.peer.ip() == peer)
}

/// Whether a session has this address in the tunnel: the one it was given, or one of its prefix.
fn has_address(session: &Session, address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => session.address == Some(address),
        IpAddr::V6(address) => {
            session.link_local() == Some(address)
                || session
                    .prefix
                    .is_some_and(|prefix| prefix.contains(&address))
        }
    }
}

/// What a client at the control socket is told of a reload.
fn told(result: &Result<Reloaded, String>) -> Reply {
    match result {
        Ok(reloaded) => Reply::Reloaded {
            changed: reloaded.changed.clone(),
            needs_restart: reloaded.needs_restart.clone(),
        },
        Err(message) => Reply::Error {
            message: message.clone(),
        },
    }
}
