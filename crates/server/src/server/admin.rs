//! Requests at the control socket.

use std::time::Instant;

use adit_engine::CallKey;

use super::Server;
use crate::control_socket::{Reply, Request, SessionInfo, StatusInfo, Target};

impl Server {
    pub(super) fn on_request(&mut self, now: Instant, request: &Request) -> Reply {
        match request {
            Request::Sessions => Reply::Sessions {
                sessions: self.session_infos(),
            },
            Request::Status => Reply::Status {
                status: self.status(),
            },
            Request::Disconnect { target } => {
                let calls = self.targets(target);
                calls.iter().for_each(|call| self.hang_up(now, *call));
                Reply::Disconnected {
                    sessions: calls.len(),
                }
            }
        }
    }

    fn session_infos(&self) -> Vec<SessionInfo> {
        self.sessions
            .iter()
            .filter_map(|(call, session)| {
                self.endpoint
                    .report(call)
                    .map(|report| session.info(call, &report))
            })
            .collect()
    }

    fn status(&self) -> StatusInfo {
        StatusInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            since: self.started,
            listen: self.config.listen.clone(),
            interface: self.interface.clone(),
            connections: self.connections.len(),
            sessions: self.sessions.len(),
        }
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
