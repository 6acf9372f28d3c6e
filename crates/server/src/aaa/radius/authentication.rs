//! Users that RADIUS servers know: one thread asks them about logins.

use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use adit_ppp::auth::Refusal;
use adit_radius::authenticator::{Forged, MessageAuthenticator};
use adit_radius::client::{ClientConfig, NoReply, ServerConfig, ServerStatistics, SubmitError};
use adit_radius::packet::Code;
use mio::{Events, Poll, Token};

use super::error::RadiusError;
use super::exchange::{Exchange, Outcome};
use super::nas::Nas;
use super::{request, verdict};
use crate::aaa::{Answers, BackEnd, Finding, Login, Refused};
use crate::config::{BackEndName, Radius};
use crate::doorbell::Doorbell;

/// Logins that may wait for the thread to take them.
const MAX_WAITING: usize = 1024;
const BELL: Token = Token(0);
/// Events that one turn takes; the others come with the next one.
const EVENTS: usize = 256;

/// What came of each server so far, for whoever shows it.
pub(crate) type SharedStatistics = Arc<Mutex<Vec<ServerStatistics>>>;

/// The front's end of the thread.
pub(crate) struct RadiusBackEnd {
    questions: Option<SyncSender<Box<Login>>>,
    bell: Arc<Doorbell>,
    statistics: SharedStatistics,
    thread: Option<JoinHandle<()>>,
}

impl RadiusBackEnd {
    /// Reads the secrets and starts the thread.
    ///
    /// # Errors
    /// [`RadiusError`] says what is missing.
    pub(crate) fn start(config: &Radius, answers: Answers) -> Result<Self, RadiusError> {
        let client = client_config(config)?;
        if let Some(source) = config.source_address {
            std::net::UdpSocket::bind(SocketAddr::new(source, 0)).map_err(|error| {
                RadiusError::Source {
                    address: source,
                    source: error,
                }
            })?;
        }
        let poll = Poll::new()?;
        let bell = Arc::new(Doorbell::new(poll.registry(), BELL)?);
        let statistics = SharedStatistics::default();
        let (questions, asked) = sync_channel(MAX_WAITING);
        let mut worker = Worker {
            poll,
            bell: Arc::clone(&bell),
            asked,
            answers,
            nas: Nas::of(config),
            servers: client.servers.iter().map(|it| it.address).collect(),
            exchange: Exchange::new(client, config.source_address),
            statistics: Arc::clone(&statistics),
        };
        let thread = std::thread::Builder::new()
            .name("radius".to_owned())
            .spawn(move || {
                if let Err(error) = worker.run() {
                    tracing::error!("RADIUS servers can no longer be asked: {error}");
                }
            })?;
        Ok(Self {
            questions: Some(questions),
            bell,
            statistics,
            thread: Some(thread),
        })
    }
}

impl BackEnd for RadiusBackEnd {
    fn name(&self) -> &'static str {
        BackEndName::Radius.as_str()
    }

    fn radius(&self) -> Option<SharedStatistics> {
        Some(Arc::clone(&self.statistics))
    }

    fn ask(&self, login: Box<Login>) -> Result<(), Box<Login>> {
        let Some(questions) = &self.questions else {
            return Err(login);
        };
        questions.try_send(login).map_err(|error| match error {
            TrySendError::Full(login) | TrySendError::Disconnected(login) => login,
        })?;
        self.bell.ring();
        Ok(())
    }
}

impl Drop for RadiusBackEnd {
    fn drop(&mut self) {
        self.questions = None;
        self.bell.ring();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The machine's settings for logins.
fn client_config(config: &Radius) -> Result<ClientConfig, RadiusError> {
    let mut servers = Vec::new();
    for server in &config.servers {
        if let Some(address) = server.authentication() {
            let secret = server.secret.read()?;
            servers.push(ServerConfig { address, secret });
        }
    }
    let message_authenticator = match config.require_message_authenticator {
        true => MessageAuthenticator::Required,
        false => MessageAuthenticator::Optional,
    };
    Ok(ClientConfig {
        code: Code::AccessRequest,
        servers,
        timeout: config.timeout,
        tries: config.tries,
        dead_time: config.dead_time,
        message_authenticator,
    })
}

/// What the thread owns.
struct Worker {
    poll: Poll,
    bell: Arc<Doorbell>,
    asked: Receiver<Box<Login>>,
    answers: Answers,
    nas: Nas,
    servers: Vec<SocketAddr>,
    exchange: Exchange<Box<Login>>,
    statistics: SharedStatistics,
}

impl Worker {
    /// Goes on until nobody asks any more.
    fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        loop {
            let now = Instant::now();
            let deadline = self.exchange.deadline(now);
            let wait = deadline.map(|at| at.saturating_duration_since(now));
            match self.poll.poll(&mut events, wait) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            self.bell.answer();
            for event in &events {
                self.exchange.on_ready(event.token());
            }
            if !self.take_questions() || !self.give_answers() {
                return Ok(());
            }
        }
    }

    /// Takes what is asked; `false` where nobody asks any more.
    fn take_questions(&mut self) -> bool {
        loop {
            let login = match self.asked.try_recv() {
                Ok(login) => login,
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            };
            let (login, finding) = match request::contents(&self.nas, &login) {
                Err(error) => (login, unsendable(error)),
                Ok(contents) => match self.exchange.submit(Instant::now(), contents, login) {
                    Ok(()) => continue,
                    Err((SubmitError::Password(error), login)) => (login, unsendable(error)),
                    Err((error, login)) => (login, Finding::Unreachable(error.to_string())),
                },
            };
            if !self.answers.give(login, finding) {
                return false;
            }
        }
    }

    /// Gives back what is answered; `false` where nobody listens any more.
    fn give_answers(&mut self) -> bool {
        let now = Instant::now();
        let ended = self.exchange.turn(self.poll.registry(), now);
        let statistics = self.exchange.statistics(now);
        *self
            .statistics
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = statistics;
        ended.into_iter().all(|(login, outcome)| {
            let finding = self.finding(&login, outcome);
            self.answers.give(login, finding)
        })
    }

    fn finding(&self, login: &Login, outcome: Outcome) -> Finding {
        match outcome {
            Ok(reply) => verdict::finding(&login.credentials, &reply),
            Err(no_reply) => Finding::Unreachable(self.no_reply(no_reply)),
        }
    }

    /// Why nothing came of a request, and what to do.
    fn no_reply(&self, no_reply: NoReply) -> String {
        let servers: Vec<String> = self.servers.iter().map(SocketAddr::to_string).collect();
        let advice = match no_reply {
            NoReply::Silence => {
                "check that it runs and can be reached, and that it knows this host as a client with the \
                 same secret"
            }
            NoReply::Forged(Forged::NoMessageAuthenticator) => {
                "make the server add it, or set radius.require_message_authenticator = false where the \
                 path to it is safe"
            }
            NoReply::Forged(_) | NoReply::Malformed => "check the shared secret on both sides",
        };
        format!("RADIUS ({}): {no_reply}; {advice}", servers.join(", "))
    }
}

/// A login that no server would be able to judge.
fn unsendable(error: impl std::fmt::Display) -> Finding {
    Finding::Refused(Refused::new(
        Refusal::WrongPassword,
        format!("it cannot be put to a RADIUS server: {error}"),
    ))
}
