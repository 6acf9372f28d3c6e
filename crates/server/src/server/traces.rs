//! The traces that clients of the control socket look at.

use std::net::SocketAddrV4;
use std::sync::Arc;

use adit_engine::{CallKey, ConnectionId};

use super::Server;
use crate::control_socket::{Feed, Query, Reply, Request, Target, TraceQuery, TraceTarget};
use crate::viewer::Viewer;
use crate::worker::message::Command;

/// Traces at once.
const MOST_TRACES: usize = 8;

/// All traces.
#[derive(Debug, Default)]
pub(super) struct Traces(Vec<Trace>);

#[derive(Debug)]
struct Trace {
    of: TraceTarget,
    feed: Arc<Feed>,
    viewer: Viewer,
}

impl Traces {
    /// Those who want to see a new session, as far as is known of it.
    fn viewers(&self, is_wanted: impl Fn(&TraceTarget) -> bool) -> Vec<Viewer> {
        let wanted = self.0.iter().filter(|trace| is_wanted(&trace.of));
        wanted.map(|trace| trace.viewer.clone()).collect()
    }
}

impl Server {
    /// Begins to show what passes through the sessions that a client asks for.
    pub(super) fn begin_trace(&mut self, query: Query) {
        let (Request::Trace(wanted), Some(feed)) = (&query.request, &query.feed) else {
            return;
        };
        let reply = match self.trace(wanted.clone(), Arc::clone(feed)) {
            Ok(sessions) => Reply::Tracing { sessions },
            Err(message) => Reply::Error { message },
        };
        query.answer(reply);
    }

    /// How many sessions are shown already, or why there is nothing to be shown.
    fn trace(&mut self, wanted: TraceQuery, feed: Arc<Feed>) -> Result<usize, String> {
        if self.traces.0.len() >= MOST_TRACES {
            return Err(format!("{MOST_TRACES} traces at once are the limit"));
        }
        let target = match &wanted.of {
            TraceTarget::User(user) => Target::User(user.clone()),
            TraceTarget::Session(id) => Target::Session(*id),
            TraceTarget::Address(address) => Target::Address(*address),
            TraceTarget::Peer(peer) => Target::Peer(*peer),
        };
        let calls = self.targets(&target);
        match &wanted.of {
            TraceTarget::Session(id) if calls.is_empty() => {
                return Err(format!("there is no session {id}"));
            }
            TraceTarget::Address(address) if calls.is_empty() => {
                return Err(format!("no session has the address {address}"));
            }
            _ => {}
        }
        let viewer = Viewer::new(Arc::clone(&feed), wanted.octets);
        if let TraceTarget::Peer(peer) = wanted.of {
            for (id, worker) in self.connections.from(peer) {
                self.crew
                    .tell(worker, Command::TapConnection(id, viewer.clone()));
            }
        }
        for call in &calls {
            self.crew
                .tell_of_call(*call, Command::TapCall(*call, viewer.clone()));
        }
        tracing::info!("a trace begins: {:?}", wanted.of);
        self.traces.0.push(Trace {
            of: wanted.of,
            feed,
            viewer,
        });
        Ok(calls.len())
    }

    /// Ends the traces whose clients have gone.
    pub(super) fn end_traces(&mut self) {
        let ended = self.traces.0.extract_if(.., |it| it.feed.is_closed());
        for trace in ended {
            tracing::info!("a trace ends: {:?}", trace.of);
            self.crew.tell_all(|| Command::Untap(trace.viewer.clone()));
        }
    }

    /// A worker has been given a connection.
    pub(super) fn trace_connection(&mut self, worker: usize, id: ConnectionId, peer: SocketAddrV4) {
        let wanted = |of: &TraceTarget| *of == TraceTarget::Peer(*peer.ip());
        for viewer in self.traces.viewers(wanted) {
            self.crew.tell(worker, Command::TapConnection(id, viewer));
        }
    }

    /// The client of a session says who it is.
    pub(super) fn trace_login(&mut self, call: CallKey, name: &[u8]) {
        let wanted = |of: &TraceTarget| match of {
            TraceTarget::User(user) => is_name_of(name, user),
            _ => false,
        };
        for viewer in self.traces.viewers(wanted) {
            self.crew.tell_of_call(call, Command::TapCall(call, viewer));
        }
    }
}

/// Whether a name that was sent is a user's, with or without a domain.
fn is_name_of(name: &[u8], user: &str) -> bool {
    let name = String::from_utf8_lossy(name);
    let without_domain = name.rsplit_once('\\').map_or(&*name, |(_, name)| name);
    name == user || without_domain == user
}
