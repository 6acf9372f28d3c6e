//! Looking at sessions: whether they keep to their terms, and telling how they go.

use std::sync::Arc;
use std::time::Instant;

use adit_engine::{CallKey, CallReport};

use super::Server;
use super::terms::Due;
use crate::aaa::Happening;
use crate::worker::message::Command;

impl Server {
    /// Ends sessions whose time is over, and asks the workers how those do that are to be looked at.
    pub(super) fn look_after(&mut self, now: Instant) {
        let mut asked: Vec<Vec<CallKey>> = vec![Vec::new(); self.crew.count()];
        while let Some(call) = self.sessions.take_due(now) {
            let over = self.sessions.get(call).and_then(|session| {
                let terms = session.terms.as_ref()?;
                terms.is_over(now)
            });
            if let Some(cause) = over {
                self.end_session(call, cause);
            } else if let Some(calls) = asked.get_mut(self.crew.of_call(call)) {
                calls.push(call);
            }
        }
        for (worker, calls) in asked.into_iter().enumerate() {
            if !calls.is_empty() {
                self.crew.tell(worker, Command::Look(calls));
            }
        }
    }

    /// What the workers saw.
    pub(super) fn on_seen(&mut self, now: Instant, reports: Vec<(CallKey, CallReport)>) {
        for (call, report) in reports {
            let Some(session) = self.sessions.get_mut(call) else {
                continue;
            };
            let Some(terms) = &mut session.terms else {
                continue;
            };
            let packets = &report.packets;
            match terms.judge(now, packets.received_octets + packets.sent_octets) {
                Due::Nothing => {}
                Due::Interim => {
                    if let Some(facts) = session.facts(call, &report, &self.facts) {
                        self.tell(&Happening::Goes(Arc::new(facts)));
                    }
                }
                Due::End(cause) => {
                    self.end_session(call, cause);
                    continue;
                }
            }
            self.sessions.schedule(call);
        }
    }
}
