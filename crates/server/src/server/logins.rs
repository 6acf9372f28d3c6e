//! The answers of the user store, and what a session gets that has logged in.

use std::net::Ipv4Addr;

use adit_engine::{Answer, CallKey, RouterConfig};
use adit_ppp::auth::{Acceptance, Refusal, Verdict};
use ipnet::Ipv6Net;

use super::Server;
use crate::aaa::{Accepted, Checked};
use crate::pool::LeaseError;
use crate::users::AllowedAddresses;
use crate::worker::message::Command;

impl Server {
    /// Takes the answers of the user store.
    pub(super) fn take_answers(&mut self) {
        while let Some(checked) = self.authentication.next_answer() {
            self.on_checked(checked);
        }
    }

    fn on_checked(&mut self, checked: Checked) {
        let Checked {
            call,
            ticket,
            sent_name,
            result,
        } = checked;
        match result.and_then(|accepted| self.grant(call, accepted)) {
            Ok((acceptance, router)) => {
                let verdict = Verdict::Accept(Box::new(acceptance));
                self.answer(call, ticket, Answer { verdict, router });
            }
            Err(refusal) => {
                let peer = self.sessions.get(call).map(|session| session.peer);
                tracing::warn!(
                    session = call.number(),
                    user = sent_name,
                    peer = peer.map(tracing::field::display),
                    "login refused: {refusal}",
                );
                self.refuse(call, ticket, refusal);
            }
        }
    }

    /// Leases what an accepted user gets. A session that is challenged again keeps what it has.
    fn grant(
        &mut self,
        call: CallKey,
        accepted: Accepted,
    ) -> Result<(Acceptance, Option<RouterConfig>), Refusal> {
        let Accepted {
            user,
            addresses,
            proven,
            reserved,
        } = accepted;
        self.leases.reserve(&reserved);
        let session = self.sessions.get(call).ok_or(Refusal::Unavailable)?;
        let before = session.address;
        if session.user.as_ref().is_some_and(|before| *before != user) {
            return Err(Refusal::WrongPassword);
        }
        let peer = *session.peer.ip();
        let is_stranger = session.user.is_none();
        let (address, prefix) = match before {
            Some(address) => (address, session.prefix),
            None => self.lease(&user, &addresses)?,
        };
        if is_stranger {
            self.connections.stranger_less(peer);
        }
        self.sessions.log_in(call, user, address, prefix);
        if before.is_none() {
            self.begin_lease(call, address, prefix);
        }
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

    /// Leases an address, the user's own one also where an older session of the same user holds it.
    fn lease(
        &mut self,
        user: &str,
        allowed: &AllowedAddresses,
    ) -> Result<(Ipv4Addr, Option<Ipv6Net>), Refusal> {
        let leased = match self.leases.lease(user, allowed) {
            Err(LeaseError::InUse(address)) => {
                self.take_over(address, user);
                self.leases.lease(user, allowed)
            }
            other => other,
        };
        leased.map_err(|error| {
            tracing::warn!(user, "no address: {error}");
            Refusal::Unavailable
        })
    }

    /// Ends the session that holds a user's own address, for the same user who comes back: the old
    /// one is usually dead and would block it until its keep-alive notices.
    fn take_over(&mut self, address: Ipv4Addr, user: &str) {
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
        let (address, prefix) = self.sessions.dispossess(old);
        self.end_lease(old, address, prefix);
        self.crew.tell_of_call(old, Command::HangUp(old));
    }
}
