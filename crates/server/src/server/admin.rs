//! Requests at the control socket.

use adit_engine::{CallKey, CallReport};

use super::Server;
use crate::aaa::facts::Cause;
use crate::control_socket::{
    Drops, Query, Reply, Request, SessionInfo, StatusInfo, StrayCounts, Target, WorkerInfo,
};
use crate::worker::message::{Command, Report};

/// What the workers are asked for, for somebody who waits at the control socket.
#[derive(Default)]
pub(super) struct Inquiries {
    /// The number of the last one.
    last: u64,
    open: Option<Inquiry>,
}

struct Inquiry {
    query: Query,
    calls: Vec<(CallKey, CallReport)>,
    /// By the number of the worker, once it has answered.
    counts: Vec<Option<(Drops, StrayCounts)>>,
}

impl Server {
    pub(super) fn take_queries(&mut self) {
        while let Some(query) = self.control_socket.next_query() {
            match &query.request {
                Request::Sessions | Request::Status => self.inquire(query),
                Request::Disconnect { target } => {
                    let calls = self.targets(target);
                    for call in &calls {
                        self.end_session(*call, Cause::AdminReset);
                    }
                    let sessions = calls.len();
                    query.answer(Reply::Disconnected { sessions });
                }
            }
        }
    }

    /// Asks the workers what the query takes. One that is still open is given up: whoever waited for
    /// it does so no longer.
    fn inquire(&mut self, query: Query) {
        let mut calls: Vec<Vec<CallKey>> = vec![Vec::new(); self.crew.count()];
        if query.request == Request::Sessions {
            for (call, _) in self.sessions.iter() {
                if let Some(calls) = calls.get_mut(self.crew.of_call(call)) {
                    calls.push(call);
                }
            }
        }
        self.inquiries.last += 1;
        self.inquiries.open = Some(Inquiry {
            query,
            calls: Vec::new(),
            counts: vec![None; self.crew.count()],
        });
        let number = self.inquiries.last;
        for (worker, calls) in calls.into_iter().enumerate() {
            self.crew.tell(worker, Command::Report { number, calls });
        }
    }

    /// A worker's answer. The query is answered when all have come.
    pub(super) fn on_report(&mut self, worker: usize, report: Report) {
        let Some(inquiry) = &mut self.inquiries.open else {
            return;
        };
        if report.number != self.inquiries.last {
            return;
        }
        inquiry.calls.extend(report.calls);
        if let Some(counts) = inquiry.counts.get_mut(worker) {
            *counts = Some((report.drops, report.strays));
        }
        if inquiry.counts.iter().any(Option::is_none) {
            return;
        }
        if let Some(inquiry) = self.inquiries.open.take() {
            let reply = match inquiry.query.request {
                Request::Sessions => self.session_list(&inquiry.calls),
                Request::Status | Request::Disconnect { .. } => self.status(&inquiry.counts),
            };
            inquiry.query.answer(reply);
        }
    }

    fn session_list(&self, calls: &[(CallKey, CallReport)]) -> Reply {
        let info = |(call, report): &(CallKey, CallReport)| {
            let session = self.sessions.get(*call)?;
            Some(session.info(*call, report))
        };
        let mut sessions: Vec<SessionInfo> = calls.iter().filter_map(info).collect();
        sessions.sort_by_key(|session| session.id);
        Reply::Sessions { sessions }
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

    fn targets(&self, target: &Target) -> Vec<CallKey> {
        self.sessions
            .iter()
            .filter(|(call, session)| match target {
                Target::Session(id) => u64::from(call.number()) == *id,
                Target::User(user) => session.user.as_ref() == Some(user),
            })
            .map(|(call, _)| call)
            .collect()
    }
}
