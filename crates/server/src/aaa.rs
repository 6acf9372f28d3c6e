//! Checking users on a thread of its own: the store may have to wait for a disk.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

use crate::doorbell::Doorbell;
use crate::users::{AllowedAddresses, StoreError, User, UserStore};
use adit_engine::CallKey;
use adit_ppp::auth::{Credentials, Proven, Refusal, Ticket};

/// The thread and the channels to it.
#[derive(Debug)]
pub(crate) struct Authentication {
    questions: Option<SyncSender<Question>>,
    answers: Receiver<Checked>,
    thread: Option<JoinHandle<()>>,
}

/// Questions that may wait: peers can ask faster than a store answers.
const MAX_WAITING: usize = 1024;

#[derive(Debug)]
struct Question {
    call: CallKey,
    ticket: Ticket,
    credentials: Credentials,
}

/// What came of one question.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) call: CallKey,
    pub(crate) ticket: Ticket,
    /// The name as the peer sent it.
    pub(crate) sent_name: String,
    pub(crate) result: Result<Accepted, Refusal>,
}

/// A user who is who it says.
#[derive(Debug)]
pub(crate) struct Accepted {
    /// The name as the store has it.
    pub(crate) user: String,
    pub(crate) addresses: AllowedAddresses,
    pub(crate) proven: Proven,
    /// Addresses that are one user's alone, as the store has them now.
    pub(crate) reserved: Arc<[std::net::Ipv4Addr]>,
}

impl Authentication {
    /// Starts the thread; `bell` wakes the one who takes the answers.
    pub(crate) fn start(mut store: Box<dyn UserStore>, bell: Arc<Doorbell>) -> io::Result<Self> {
        let (questions, asked) = sync_channel::<Question>(MAX_WAITING);
        let (answer, answers) = channel();
        let thread = std::thread::Builder::new()
            .name("users".to_owned())
            .spawn(move || {
                for question in asked {
                    let checked = check(store.as_mut(), question);
                    if answer.send(checked).is_err() {
                        return;
                    }
                    bell.ring();
                }
            })?;
        Ok(Self {
            questions: Some(questions),
            answers,
            thread: Some(thread),
        })
    }

    /// Has credentials checked. `false` where too much waits already, or the thread has panicked:
    /// no answer will come.
    pub(crate) fn ask(&self, call: CallKey, ticket: Ticket, credentials: Credentials) -> bool {
        let question = Question {
            call,
            ticket,
            credentials,
        };
        self.questions
            .as_ref()
            .is_some_and(|questions| questions.try_send(question).is_ok())
    }

    /// The next answer.
    pub(crate) fn next_answer(&self) -> Option<Checked> {
        self.answers.try_recv().ok()
    }
}

impl Drop for Authentication {
    fn drop(&mut self) {
        self.questions = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn check(store: &mut dyn UserStore, question: Question) -> Checked {
    let Question {
        call,
        ticket,
        credentials,
    } = question;
    let sent_name = String::from_utf8_lossy(&credentials.name).into_owned();
    let result = judge(store, &sent_name, &credentials).unwrap_or_else(|error| {
        tracing::error!("cannot look up a user: {error}");
        Err(Refusal::Unavailable)
    });
    Checked {
        call,
        ticket,
        sent_name,
        result,
    }
}

fn judge(
    store: &mut dyn UserStore,
    name: &str,
    credentials: &Credentials,
) -> Result<Result<Accepted, Refusal>, StoreError> {
    let Some(user) = store.find(name)? else {
        return Ok(Err(Refusal::WrongPassword));
    };
    let proven = match credentials.verify(&user.secret) {
        Ok(proven) => proven,
        Err(refusal) => return Ok(Err(refusal)),
    };
    // Only one who knows the password learns that the account is closed.
    if let Some(refusal) = standing(&user, credentials) {
        return Ok(Err(refusal));
    }
    if let Some(new) = &proven.new_password
        && let Err(error) = store.set_password(&user.name, new.nt_hash())
    {
        tracing::warn!(user = user.name, "cannot store a changed password: {error}");
        return Ok(Err(Refusal::ChangingPassword));
    }
    let reserved = store.fixed_addresses()?;
    let User {
        name, addresses, ..
    } = user;
    Ok(Ok(Accepted {
        user: name,
        addresses,
        proven,
        reserved,
    }))
}

fn standing(user: &User, credentials: &Credentials) -> Option<Refusal> {
    if user.disabled {
        Some(Refusal::AccountDisabled)
    } else if user.must_change_password && !credentials.proof.is_change() {
        Some(Refusal::PasswordExpired)
    } else {
        None
    }
}
