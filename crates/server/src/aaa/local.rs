//! Users that this host keeps: each store has a thread of its own, because it may wait for a disk.

use std::io;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use adit_ppp::auth::{Credentials, Refusal};

use super::{Accepted, Answers, BackEnd, Finding, Login, Profile, Refused};
use crate::users::{StoreError, User, UserStore};

/// Logins that may wait: peers can ask faster than a store answers.
pub(super) const MAX_WAITING: usize = 1024;

/// A store of users and its thread.
#[derive(Debug)]
pub(crate) struct LocalBackEnd {
    name: &'static str,
    questions: Option<SyncSender<Box<Login>>>,
    thread: Option<JoinHandle<()>>,
}

impl LocalBackEnd {
    /// Starts the thread.
    pub(crate) fn start(
        name: &'static str,
        mut store: Box<dyn UserStore>,
        answers: Answers,
    ) -> io::Result<Self> {
        let (questions, asked) = sync_channel::<Box<Login>>(MAX_WAITING);
        let thread = std::thread::Builder::new()
            .name(format!("users-{name}"))
            .spawn(move || {
                for login in asked {
                    let finding = judge(store.as_mut(), &login.sent_name(), &login.credentials)
                        .unwrap_or_else(|error| Finding::Unreachable(error.to_string()));
                    if !answers.give(login, finding) {
                        return;
                    }
                }
            })?;
        Ok(Self {
            name,
            questions: Some(questions),
            thread: Some(thread),
        })
    }
}

impl BackEnd for LocalBackEnd {
    fn name(&self) -> &'static str {
        self.name
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

impl Drop for LocalBackEnd {
    fn drop(&mut self) {
        self.questions = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Checks credentials against what a store has of the user.
///
/// # Errors
/// The store cannot be read.
pub(crate) fn judge(
    store: &mut dyn UserStore,
    name: &str,
    credentials: &Credentials,
) -> Result<Finding, StoreError> {
    let Some(user) = store.find(name)? else {
        return Ok(Finding::Unknown);
    };
    let proven = match credentials.verify(&user.secret) {
        Ok(proven) => proven,
        Err(refusal) => return Ok(Finding::Refused(refusal.into())),
    };
    // Only one who knows the password learns that the account is closed.
    if let Some(refused) = standing(&user, credentials) {
        return Ok(Finding::Refused(refused));
    }
    if let Some(new) = &proven.new_password
        && let Err(error) = store.set_password(&user.name, new.nt_hash())
    {
        let why = format!("the changed password cannot be stored: {error}");
        let refused = Refused::new(Refusal::ChangingPassword, why);
        return Ok(Finding::Refused(refused));
    }
    let profile = Profile {
        reserved: store.fixed_addresses()?,
        addresses: user.addresses,
        group: user.group,
        policy: user.policy,
        ..Profile::of(user.name)
    };
    Ok(Finding::Accepted(Box::new(Accepted { proven, profile })))
}

fn standing(user: &User, credentials: &Credentials) -> Option<Refused> {
    if user.disabled {
        Some(Refusal::AccountDisabled.into())
    } else if user.must_change_password && !credentials.proof.is_change() {
        Some(Refusal::PasswordExpired.into())
    } else {
        None
    }
}
