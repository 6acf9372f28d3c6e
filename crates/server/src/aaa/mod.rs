//! Authentication, authorization and accounting: who a peer is, what it may have, and what came of it.
//!
//! A [`Login`] goes through the configured back ends in their order. Each says one of four things:
//! *unknown* asks the next one, *refused* is final, *accepted* is final and brings a [`Profile`], and
//! *unreachable* is what the configuration makes of it. Whatever may wait for a disk or a network does
//! so on the back end's own threads.

pub(crate) mod accounting;
pub(crate) mod facts;
mod local;
mod login;
mod postgresql;
mod profile;
mod radius;

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, PoisonError};

use adit_ppp::auth::Refusal;
use adit_radius::client::ServerStatistics;
use radius::SharedStatistics;

pub use accounting::SpoolError;
pub(crate) use facts::{Happening, Observer, Refusing, SessionId};
pub(crate) use local::LocalBackEnd;
pub(crate) use login::{Accepted, BackEnd, Finding, Login, Refused};
pub(crate) use postgresql::PostgresqlBackEnd;
pub(crate) use profile::Profile;
pub use radius::RadiusError;
pub(crate) use radius::{RadiusAccounting, RadiusBackEnd, dynamic};

use crate::config::WhenUnreachable;
use crate::diagnosis::Obstacle;
use crate::doorbell::Doorbell;

/// Where back ends put what they found.
#[derive(Debug, Clone)]
pub(crate) struct Answers {
    sender: Sender<(Box<Login>, Finding)>,
    bell: Arc<Doorbell>,
}

impl Answers {
    /// Gives a login back with what was found; `false` where nobody listens any more.
    pub(crate) fn give(&self, login: Box<Login>, finding: Finding) -> bool {
        let given = self.sender.send((login, finding)).is_ok();
        if given {
            self.bell.ring();
        }
        given
    }
}

/// All back ends, asked in order.
pub(crate) struct Authority {
    back_ends: Vec<Box<dyn BackEnd>>,
    unreachable: WhenUnreachable,
    answers: Receiver<(Box<Login>, Finding)>,
}

/// What came of one login.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) login: Box<Login>,
    /// The back end that decided, where one did.
    pub(crate) back_end: Option<&'static str>,
    pub(crate) result: Result<Box<Accepted>, Refused>,
}

/// The way for answers: what back ends are made with, and what [`Authority::new`] takes.
pub(crate) fn answers(bell: Arc<Doorbell>) -> (Answers, Receiver<(Box<Login>, Finding)>) {
    let (sender, receiver) = channel();
    (Answers { sender, bell }, receiver)
}

impl Authority {
    /// Back ends in the order in which they are asked.
    pub(crate) fn new(
        back_ends: Vec<Box<dyn BackEnd>>,
        unreachable: WhenUnreachable,
        answers: Receiver<(Box<Login>, Finding)>,
    ) -> Self {
        Self {
            back_ends,
            unreachable,
            answers,
        }
    }

    /// How RADIUS servers do that are asked about logins.
    pub(crate) fn radius(&self) -> Vec<ServerStatistics> {
        let shared = self.back_ends.iter().filter_map(|it| it.radius());
        let read = |it: SharedStatistics| {
            let servers = it.lock().unwrap_or_else(PoisonError::into_inner);
            servers.clone()
        };
        shared.flat_map(read).collect()
    }

    /// What it means from now on if a back end cannot be reached.
    pub(crate) fn set_unreachable(&mut self, unreachable: WhenUnreachable) {
        self.unreachable = unreachable;
    }

    /// Has a login judged. What is decided at once comes back.
    pub(crate) fn ask(&self, login: Box<Login>) -> Option<Judged> {
        let Some(back_end) = self.back_ends.get(login.asked) else {
            let refused = Refused::new(Refusal::WrongPassword, "no back end knows this user")
                .because(Obstacle::UnknownUser);
            return Some(Judged {
                back_end: None,
                result: Err(refused),
                login,
            });
        };
        let busy = back_end.ask(login).err()?;
        let why = format!("{}: too many logins wait already", back_end.name());
        self.weigh(busy, Finding::Unreachable(why))
    }

    /// The next login that is decided. Those that are not go on to the next back end.
    pub(crate) fn next_judged(&self) -> Option<Judged> {
        while let Ok((login, finding)) = self.answers.try_recv() {
            if let Some(judged) = self.weigh(login, finding) {
                return Some(judged);
            }
        }
        None
    }

    /// What the configured order makes of a finding; nothing where another back end is asked.
    fn weigh(&self, mut login: Box<Login>, finding: Finding) -> Option<Judged> {
        let name = self.back_ends.get(login.asked).map(|it| it.name());
        let result = match finding {
            Finding::Accepted(accepted) => Ok(accepted),
            Finding::Refused(refused) => Err(refused),
            Finding::Unreachable(why) if self.unreachable == WhenUnreachable::Refuse => {
                tracing::error!("{why}");
                Err(Refused::new(Refusal::Unavailable, why).because(Obstacle::Unreachable))
            }
            Finding::Unreachable(why) => {
                tracing::error!("{why}; the next back end is asked");
                login.unreachable = true;
                return self.ask_next(login);
            }
            Finding::Unknown => return self.ask_next(login),
        };
        Some(Judged {
            login,
            back_end: name,
            result,
        })
    }

    fn ask_next(&self, mut login: Box<Login>) -> Option<Judged> {
        login.asked += 1;
        let missed = login.unreachable && login.asked >= self.back_ends.len();
        if missed {
            // A user whom one of them may know has not given a wrong password.
            let refused = Refused::new(
                Refusal::Unavailable,
                "no back end that was reached knows this user",
            )
            .because(Obstacle::Unreachable);
            return Some(Judged {
                login,
                back_end: None,
                result: Err(refused),
            });
        }
        self.ask(login)
    }
}
