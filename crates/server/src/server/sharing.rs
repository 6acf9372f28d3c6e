//! Leases that several servers share: a login waits until the database has answered.

use super::Server;
use super::logins::{Admitted, no_address};
use crate::aaa::Refused;
use crate::aaa::facts::Cause;
use crate::postgresql::{Application, NotLeased, Outcome};

use adit_ppp::auth::Refusal;

impl Server {
    /// Asks for an address of a user who may have a session.
    pub(super) fn apply(&mut self, admitted: Box<Admitted>) {
        let (candidates, reserved) = match self.leases.candidates(&admitted.profile) {
            Ok(candidates) => candidates,
            Err(error) => {
                let refused = no_address(&admitted.profile.user, &error);
                return self.on_leased(admitted, Err(refused));
            }
        };
        let application = Application {
            session: admitted.login.session.to_string(),
            user: admitted.profile.user.clone(),
            what_for: admitted,
            candidates,
            reserved,
        };
        let Some(shared) = &mut self.shared_leases else {
            return;
        };
        if let Err(admitted) = shared.apply(application) {
            let why = "too many logins wait for the database already";
            let refused = Refused::new(Refusal::Unavailable, why);
            self.on_leased(admitted, Err(refused));
        }
    }

    /// Takes what the database has answered.
    pub(super) fn take_shared_leases(&mut self) {
        while let Some(outcome) = self.shared_leases.as_mut().and_then(|it| it.next_outcome()) {
            match outcome {
                Outcome::Judged(admitted, result) => self.on_applied(admitted, result),
                Outcome::Lost(session) => self.on_lost(&session),
            }
        }
    }

    fn on_applied(
        &mut self,
        mut admitted: Box<Admitted>,
        result: Result<std::net::Ipv4Addr, NotLeased>,
    ) {
        let call = admitted.login.call;
        let address = match result {
            Ok(address) if self.sessions.get(call).is_some() => address,
            Ok(address) => {
                // The client has not waited.
                let session = admitted.login.session.to_string();
                if let Some(shared) = &self.shared_leases {
                    shared.release(session, address);
                }
                return;
            }
            Err(NotLeased::InUse { address, user, .. })
                if user == admitted.profile.user
                    && !admitted.has_taken_over
                    && self.sessions.holder(address).is_some() =>
            {
                // The release goes to the database before the wish does once more.
                self.take_over(address, &user);
                admitted.has_taken_over = true;
                return self.apply(admitted);
            }
            Err(error) => {
                let refused = no_address(&admitted.profile.user, &error);
                return self.on_leased(admitted, Err(refused));
            }
        };
        let lease = self.leases.adopt(&admitted.profile, address);
        let lease = lease.map_err(|error| no_address(&admitted.profile.user, &error));
        if lease.is_err()
            && let Some(shared) = &self.shared_leases
        {
            shared.release(admitted.login.session.to_string(), address);
        }
        self.on_leased(admitted, lease);
    }

    /// A session has lost its address to one of another server.
    fn on_lost(&mut self, name: &str) {
        let mut sessions = self.sessions.iter();
        let found = sessions.find(|(_, session)| session.id.as_str() == name);
        let call = found.map(|(call, _)| call);
        drop(sessions);
        if let Some(call) = call {
            tracing::error!(
                session = call.number(),
                "ending a session whose address another server has leased while the database was away",
            );
            self.end_session(call, Cause::ServiceUnavailable);
        }
    }
}
