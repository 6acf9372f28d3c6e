//! What RADIUS servers want done to sessions while they last (RFC 5176).

use std::time::{Duration, Instant};

use adit_engine::CallKey;

use super::Server;
use super::logins::rate_limits;
use crate::aaa::Profile;
use crate::aaa::dynamic::{Action, ErrorCause, Order};
use crate::aaa::facts::Cause;
use crate::worker::message::Command;

/// Requests that are carried out before others get their turn.
const TAKEN: usize = 64;

impl Server {
    /// Carries out what was asked for; whether there may be more.
    pub(super) fn take_inquiries(&mut self, now: Instant) -> bool {
        for _ in 0..TAKEN {
            let inquiry = self.dynamic.as_ref().and_then(|it| it.next_inquiry());
            let Some(inquiry) = inquiry else {
                return false;
            };
            let calls = self.selected(&inquiry.order);
            if calls.is_empty() {
                tracing::info!("a RADIUS request of {} names no session here", inquiry.from);
                inquiry.answer(Err(ErrorCause::SessionNotFound));
                continue;
            }
            for call in calls {
                self.carry_out(now, call, &inquiry.order.action);
            }
            inquiry.answer(Ok(()));
        }
        true
    }

    /// The sessions that are meant: of those that somebody has logged in to and that go on.
    fn selected(&self, order: &Order) -> Vec<CallKey> {
        let sessions = self.sessions.iter();
        let lasting = sessions.filter(|(_, it)| it.grant.is_some() && it.ending.is_none());
        lasting
            .filter(|(call, session)| order.selector.matches(call.number(), session))
            .map(|(call, _)| call)
            .collect()
    }

    fn carry_out(&mut self, now: Instant, call: CallKey, action: &Action) {
        match action {
            Action::Disconnect => {
                tracing::info!(session = call.number(), "ended by a RADIUS request");
                self.end_session(call, Cause::AdminReset);
            }
            Action::Change {
                grants,
                has_interim,
            } => {
                tracing::info!(session = call.number(), "changed by a RADIUS request");
                self.change_rates(call, grants);
                self.change_terms(now, call, grants, *has_interim);
            }
        }
    }

    fn change_rates(&mut self, call: CallKey, grants: &Profile) {
        let Some(session) = self.sessions.get_mut(call) else {
            return;
        };
        let Some(grant) = session.grant.as_deref_mut() else {
            return;
        };
        let new = &grants.policy;
        let policy = &mut grant.profile.policy;
        let before = (policy.rate_down, policy.rate_up);
        policy.rate_down = new.rate_down.or(policy.rate_down);
        policy.rate_up = new.rate_up.or(policy.rate_up);
        if before != (policy.rate_down, policy.rate_up) {
            let limits = rate_limits(policy, self.config.policy.burst);
            self.crew
                .tell_of_call(call, Command::Limit { call, limits });
        }
    }

    fn change_terms(&mut self, now: Instant, call: CallKey, grants: &Profile, has_interim: bool) {
        let Some(session) = self.sessions.get_mut(call) else {
            return;
        };
        let Some(grant) = session.grant.as_deref_mut() else {
            return;
        };
        let profile = &mut grant.profile;
        let new = &grants.policy;
        profile.policy.session_limit = new.session_limit.or(profile.policy.session_limit);
        profile.policy.idle_limit = new.idle_limit.or(profile.policy.idle_limit);
        if has_interim {
            profile.interim = grants.interim;
        }
        let has_group = grants.group.is_some();
        profile.group = grants.group.clone().or(profile.group.take());
        // A session that is not up yet gets its terms from the profile when it is.
        if let Some(terms) = &mut session.terms {
            let positive = |limit: Duration| Some(limit).filter(|it| !it.is_zero());
            if let Some(limit) = new.session_limit {
                terms.limit_time(now, positive(limit));
            }
            if let Some(limit) = new.idle_limit {
                terms.limit_idle(positive(limit));
            }
            if has_interim {
                terms.tell_every(now, grants.interim);
            }
            if has_group {
                terms.tell_now();
            }
            self.sessions.schedule(call);
        }
    }
}
