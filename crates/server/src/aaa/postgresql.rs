//! Users in a database that several servers share: some threads ask it, each on a connection of its own.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use adit_ppp::auth::Refusal;

use super::local::{MAX_WAITING, judge};
use super::{Answers, BackEnd, Finding, Login, Refused};
use crate::config::{BackEndName, Postgresql};
use crate::postgresql::{Admission, Admissions};
use crate::users::{Database, Policy, Simultaneous, StoreError};

/// The threads and the way to them.
#[derive(Debug)]
pub(crate) struct PostgresqlBackEnd {
    questions: Option<SyncSender<Box<Login>>>,
    threads: Vec<JoinHandle<()>>,
}

/// What each thread has.
struct Judge {
    store: Database,
    admissions: Admissions,
    /// What holds for users who have no value of their own.
    fallback: Policy,
}

impl PostgresqlBackEnd {
    /// Starts the threads. Whether the database can be reached shows with the first login.
    pub(crate) fn start(
        settings: &Arc<Postgresql>,
        fallback: &Policy,
        answers: &Answers,
    ) -> Result<Self, StoreError> {
        let (questions, asked) = sync_channel::<Box<Login>>(MAX_WAITING);
        let asked = Arc::new(Mutex::new(asked));
        let mut threads = Vec::new();
        for store in Database::several(settings, settings.connections) {
            let mut judge = Judge {
                store,
                admissions: Admissions::new(Arc::clone(settings))?,
                fallback: fallback.clone(),
            };
            let (asked, answers) = (Arc::clone(&asked), answers.clone());
            let run = move || {
                while let Some(login) = next(&asked) {
                    let finding = judge.judge(&login);
                    if !answers.give(login, finding) {
                        return;
                    }
                }
            };
            let thread = std::thread::Builder::new().name("users-postgresql".to_owned());
            threads.push(thread.spawn(run).map_err(StoreError::Thread)?);
        }
        Ok(Self {
            questions: Some(questions),
            threads,
        })
    }
}

fn next(asked: &Mutex<Receiver<Box<Login>>>) -> Option<Box<Login>> {
    let asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
    asked.recv().ok()
}

impl Judge {
    fn judge(&mut self, login: &Login) -> Finding {
        judge(&mut self.store, &login.sent_name(), &login.credentials)
            .and_then(|finding| self.admit(login, finding))
            .unwrap_or_else(|error| Finding::Unreachable(error.to_string()))
    }

    /// Counts the sessions that an accepted user has on all servers.
    fn admit(&mut self, login: &Login, finding: Finding) -> Result<Finding, StoreError> {
        let Finding::Accepted(accepted) = finding else {
            return Ok(finding);
        };
        let profile = &accepted.profile;
        let rule = profile.policy.simultaneous.or(self.fallback.simultaneous);
        let limit = match rule {
            None | Some(Simultaneous::Replace | Simultaneous::ANY) => {
                return Ok(Finding::Accepted(accepted));
            }
            Some(Simultaneous::Refuse) => 1,
            Some(Simultaneous::Allow(limit)) => limit,
        };
        let user = &profile.user;
        match self.admissions.admit(user, login.session.as_str(), limit)? {
            Admission::Admitted => Ok(Finding::Accepted(accepted)),
            Admission::TooMany(open) => {
                let why = format!(
                    "{user} has {open} sessions on the servers that share the database, as many as may be"
                );
                let refused = Refused::new(Refusal::NoDialInPermission, why);
                Ok(Finding::Refused(refused))
            }
        }
    }
}

impl BackEnd for PostgresqlBackEnd {
    fn name(&self) -> &'static str {
        BackEndName::Postgresql.as_str()
    }

    fn ask(&self, login: Box<Login>) -> Result<(), Box<Login>> {
        let Some(questions) = &self.questions else {
            return Err(login);
        };
        questions.try_send(login).map_err(|error| match error {
            TrySendError::Full(login) | TrySendError::Disconnected(login) => login,
        })
    }
}

impl Drop for PostgresqlBackEnd {
    fn drop(&mut self) {
        self.questions = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
