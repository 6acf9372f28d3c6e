//! Logins: what the back ends say to them, and what a session gets that has logged in.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use adit_engine::{Answer, CallKey, RateLimit, RateLimits, RouterConfig};
use adit_ppp::auth::{Acceptance, Credentials, Proven, Refusal, Ticket, Verdict};

use super::{Server, unix_time};
use crate::aaa::facts::Cause;
use crate::aaa::{Happening, Judged, Login, Profile, Refused, Refusing};
use crate::diagnosis::{Obstacle, Trouble};
use crate::pool::{Lease, LeaseError};
use crate::sessions::{Grant, Held};
use crate::users::{Policy, Simultaneous};
use crate::worker::message::Command;

/// The smallest bucket of a rate limit in octets: some packets must fit at any rate.
const SMALLEST_BURST: u64 = 16 * 1024;

impl Server {
    /// A peer wants to log in.
    pub(super) fn on_login(&mut self, call: CallKey, ticket: Ticket, credentials: Credentials) {
        let Some(session) = self.sessions.get(call) else {
            return;
        };
        let login = Box::new(Login {
            call,
            ticket,
            credentials,
            session: session.id.clone(),
            peer: session.peer,
            local: session.local,
            asked: 0,
            unreachable: false,
        });
        self.trace_login(call, &login.credentials.name);
        self.sent_name(call, login.sent_name());
        if let Some(judged) = self.authority.ask(login) {
            self.on_judged(judged);
        }
    }

    /// Takes the answers of the back ends.
    pub(super) fn take_answers(&mut self) {
        while let Some(judged) = self.authority.next_judged() {
            self.on_judged(judged);
        }
    }

    fn on_judged(&mut self, judged: Judged) {
        let Judged {
            login,
            back_end,
            result,
        } = judged;
        let accepted = match result {
            Ok(accepted) => *accepted,
            Err(refused) => return self.on_refused(&login, back_end, refused),
        };
        let admitted = Box::new(Admitted {
            login,
            back_end: back_end.unwrap_or_default(),
            proven: accepted.proven,
            profile: accepted.profile,
            has_taken_over: false,
        });
        self.on_accepted(admitted);
    }

    fn on_refused(&mut self, login: &Login, back_end: Option<&'static str>, refused: Refused) {
        let user = login.sent_name();
        log_refused(login, &user, &refused);
        self.login_failed(
            login.call,
            Trouble {
                name: user.clone(),
                obstacle: refused.obstacle,
                why: refused.why.clone(),
            },
        );
        self.refuse(login.call, login.ticket, refused.refusal);
        let refusing = Refusing {
            peer: login.peer,
            user,
            method: method_name(&login.credentials),
            back_end,
            refusal: refused.refusal,
            why: refused.why,
        };
        self.tell(&Happening::LoginRefused(Arc::new(refusing)));
    }

    /// Gives an accepted user what it may have. A session that is challenged again keeps what it has.
    fn on_accepted(&mut self, mut admitted: Box<Admitted>) {
        let Some(session) = self.sessions.get(admitted.login.call) else {
            return;
        };
        let user = &admitted.profile.user;
        match &session.user {
            Some(before) if before == user => return self.accept_login(admitted),
            Some(before) => {
                let why = format!("it was {before} before");
                let refused = Refused::new(Refusal::WrongPassword, why);
                return self.on_refused(&admitted.login, Some(admitted.back_end), refused);
            }
            None => {}
        }
        let profile = &mut admitted.profile;
        let own = std::mem::take(&mut profile.policy);
        profile.policy = own.or(self.config.policy.fallback());
        self.leases.reserve(admitted.back_end, &profile.reserved);
        if let Err(refused) = self.admit(&admitted.login, &admitted.profile) {
            let refused = refused.because(Obstacle::Policy);
            return self.on_refused(&admitted.login, Some(admitted.back_end), refused);
        }
        match self.shared_leases.is_some() {
            true => self.apply(admitted),
            false => {
                let lease = self.lease(&admitted.profile);
                self.on_leased(admitted, lease);
            }
        }
    }

    /// What came of the wish for an address.
    pub(super) fn on_leased(&mut self, admitted: Box<Admitted>, lease: Result<Lease, Refused>) {
        match lease {
            Ok(lease) => {
                self.endow(&admitted, lease);
                self.accept_login(admitted);
            }
            Err(refused) => self.on_refused(&admitted.login, Some(admitted.back_end), refused),
        }
    }

    /// Tells the link of a session that has its leases.
    fn accept_login(&mut self, admitted: Box<Admitted>) {
        let Admitted {
            login,
            back_end,
            proven,
            profile,
            ..
        } = *admitted;
        let (acceptance, router) = match self.acceptance(login.call, proven, profile.message) {
            Ok(accepted) => accepted,
            Err(refused) => return self.on_refused(&login, Some(back_end), refused),
        };
        let session = self.sessions.get(login.call);
        let networks = session.map(|it| it.networks.clone()).unwrap_or_default();
        self.tally.login_accepted();
        self.tell(&Happening::LoggedIn {
            session: login.session.clone(),
            peer: login.peer,
            user: login.sent_name(),
            method: method_name(&login.credentials),
            back_end,
        });
        let answer = Answer {
            verdict: Verdict::Accept(Box::new(acceptance)),
            router,
            networks,
        };
        self.answer(login.call, login.ticket, answer);
    }

    /// What the link is told of a session that has its leases.
    fn acceptance(
        &self,
        call: CallKey,
        proven: Proven,
        message: String,
    ) -> Result<(Acceptance, Option<RouterConfig>), Refused> {
        let session = self.sessions.get(call);
        let parts = session.and_then(|it| Some((it.grant.as_deref()?, it.address?, it.prefix)));
        let (grant, address, prefix) =
            parts.ok_or_else(|| Refused::new(Refusal::Unavailable, "its address is gone"))?;
        let router = prefix.map(|prefix| RouterConfig {
            prefix,
            dns_servers: match &grant.profile.ipv6_dns {
                Some(servers) => servers.clone(),
                None => self.config.network.ipv6_dns.clone(),
            },
        });
        let acceptance = Acceptance {
            proven,
            ipv4: Some(self.leases.offer(address, &grant.profile)),
            interface_id: grant.profile.interface_id,
            message: match message.is_empty() {
                true => "Welcome".to_owned(),
                false => message,
            },
        };
        Ok((acceptance, router))
    }

    /// Whether the user may have a session now, from there and beside the others.
    fn admit(&mut self, login: &Login, profile: &Profile) -> Result<(), Refused> {
        let (policy, user) = (&profile.policy, &profile.user);
        let peer = login.peer.ip();
        let sources = policy.sources.as_deref().unwrap_or_default();
        if !sources.is_empty() && !sources.iter().any(|network| network.contains(peer)) {
            let why = format!("{user} may not connect from {peer}");
            return Err(Refused::new(Refusal::NoDialInPermission, why));
        }
        if policy
            .expires
            .is_some_and(|end| end > 0 && end <= unix_time())
        {
            let why = format!("the account of {user} has expired");
            return Err(Refused::new(Refusal::AccountDisabled, why));
        }
        let others = self.sessions.of_user(user);
        let limit = match policy.simultaneous {
            None => return Ok(()),
            Some(Simultaneous::Replace) => {
                others.into_iter().for_each(|other| self.replace(other));
                return Ok(());
            }
            Some(Simultaneous::Refuse) => 1,
            Some(Simultaneous::Allow(limit)) => limit as usize,
        };
        if others.len() >= limit {
            let why = format!("{user} has {} sessions, as many as may be", others.len());
            return Err(Refused::new(Refusal::NoDialInPermission, why));
        }
        Ok(())
    }

    /// Ends a session for a newer one of the same user, which may have its leases at once: the old
    /// one is usually dead and would block them until its keep-alive notices.
    fn replace(&mut self, old: CallKey) {
        let Some(session) = self.sessions.get(old) else {
            return;
        };
        tracing::info!(
            session = old.number(),
            user = session.user.as_deref().unwrap_or_default(),
            "replaced by a new session of the same user"
        );
        let held = self.sessions.dispossess(old);
        self.end_lease(old, held);
        self.end_session(old, Cause::Replaced);
    }

    /// Gives the session its leases, and limits its rate.
    fn endow(&mut self, admitted: &Admitted, lease: Lease) {
        let (call, profile) = (admitted.login.call, &admitted.profile);
        if let Some(error) = &lease.no_prefix {
            tracing::warn!(user = profile.user, "no IPv6 prefix: {error}");
        }
        self.connections.stranger_less(*admitted.login.peer.ip());
        let limits = rate_limits(&profile.policy, self.config.policy.burst);
        let networks = profile.policy.routes.as_deref().unwrap_or_default();
        let held = Held {
            address: Some(lease.address),
            prefix: lease.prefix,
            networks: self.leases.lead(&profile.user, networks),
        };
        let grant = Grant {
            profile: profile.clone(),
            back_end: admitted.back_end,
        };
        self.sessions.log_in(call, grant);
        self.sessions.endow(call, &held);
        self.begin_lease(call, &held);
        if limits != RateLimits::default() {
            self.crew
                .tell_of_call(call, Command::Limit { call, limits });
        }
    }

    /// Leases an address, the user's own one also where an older session of the same user holds it.
    fn lease(&mut self, profile: &Profile) -> Result<Lease, Refused> {
        let leased = match self.leases.lease(profile) {
            Err(LeaseError::InUse(address)) => {
                self.take_over(address, &profile.user);
                self.leases.lease(profile)
            }
            other => other,
        };
        leased.map_err(|error| no_address(&profile.user, &error))
    }

    pub(super) fn take_over(&mut self, address: Ipv4Addr, user: &str) {
        if let Some((old, session)) = self.sessions.holder(address)
            && session.user.as_deref() == Some(user)
        {
            self.replace(old);
        }
    }
}

/// A login whose user may have a session.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) login: Box<Login>,
    pub(super) back_end: &'static str,
    proven: Proven,
    pub(super) profile: Profile,
    /// Whether an older session of the user had to give up the address that it wants.
    pub(super) has_taken_over: bool,
}

/// No address was leased to this user.
pub(super) fn no_address(user: &str, error: &dyn std::fmt::Display) -> Refused {
    let why = format!("no address for {user}: {error}");
    Refused::new(Refusal::Unavailable, why).because(Obstacle::NoAddress)
}

/// The method of a login, as `mschap-v2`.
fn method_name(credentials: &Credentials) -> String {
    let method = credentials.proof.method().to_string();
    method.to_lowercase().replace("ms-chap", "mschap-")
}

/// Writes down why a login was refused: as an error if the server could not tell whether it is right.
fn log_refused(login: &Login, user: &str, refused: &Refused) {
    let session = login.call.number();
    let peer = login.peer;
    if refused.refusal == Refusal::Unavailable {
        tracing::error!(session, user, %peer, "login refused: {refused}");
    } else {
        tracing::warn!(session, user, %peer, "login refused: {refused}");
    }
}

/// Token buckets for a user's rates, each holding what passes in the time of a burst.
pub(super) fn rate_limits(policy: &Policy, burst: Duration) -> RateLimits {
    let limit = |rate: Option<u64>| {
        let bits_per_second = rate.filter(|rate| *rate > 0)?;
        let octets = u128::from(bits_per_second / 8) * burst.as_millis() / 1000;
        let octets = u64::try_from(octets)
            .unwrap_or(u64::MAX)
            .max(SMALLEST_BURST);
        Some(RateLimit {
            bits_per_second,
            burst: u32::try_from(octets).unwrap_or(u32::MAX),
        })
    };
    RateLimits {
        to_peer: limit(policy.rate_down),
        from_peer: limit(policy.rate_up),
    }
}
