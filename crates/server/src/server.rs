//! The server's front: what is not the matter of one session. Sessions are the workers'.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use adit_engine::CallLimit;
use adit_wire::ipv6cp::InterfaceId;
use mio::{Events, Poll, Token};
use signal_hook::consts::signal::SIGHUP;
use signal_hook_mio::v1_0::Signals;

use crate::aaa::dynamic::DynamicAuthorization;
use crate::aaa::facts::{Cause, SessionIds};
use crate::aaa::{Authority, Observer};
use crate::config::Config;
use crate::control_socket::ControlSocket;
use crate::doorbell::Doorbell;
use crate::host::Host;
use crate::log_control::LogControl;
use crate::metrics::{Counted, Listener};
use crate::postgresql::SharedLeases;
use crate::service::Service;
use crate::sessions::{ServerFacts, Sessions};
use crate::tally::Tally;
use crate::worker::Crew;
use crate::worker::message::Command;

mod accept;
mod admin;
mod audit;
mod connections;
mod dynamic;
mod ended;
mod error;
mod events;
mod leases;
mod listeners;
mod logins;
mod rates;
mod reach;
mod refusals;
mod reload;
mod scrape;
mod sharing;
mod start;
mod terms;
mod throttle;
mod traces;

use admin::Inquiries;
use connections::Connections;
use ended::EndedSessions;
pub use error::ServeError;
use leases::Leases;
use listeners::Listeners;
use logins::Admitted;
use refusals::Refusals;
use reload::Reloader;
pub use reload::{Asker, Reloaded};
use scrape::Gathering;
pub(crate) use terms::Terms;
pub(crate) use throttle::Throttle;
use traces::Traces;

const SIGNALS: Token = Token(0);
const BELL: Token = Token(1);
/// Listeners follow.
const LISTENERS: usize = 16;

/// How long the peers get to take leave of PPP when the server ends, and then of PPTP.
const FAREWELL: Duration = Duration::from_secs(2);

/// How long the workers get to tell how the sessions were when the server ends at once.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// How long those who are told what happens get to finish what they have begun: records to be sent, programs to be
/// run.
const SETTLING: Duration = Duration::from_secs(10);

/// A server that is ready to run.
pub struct Server {
    config: Config,
    /// The name of the TUN device.
    interface: String,
    poll: Poll,
    bell: Arc<Doorbell>,
    listeners: Listeners,
    connections: Connections,
    crew: Crew,
    host: Option<Host>,
    /// How many calls there may be in all workers together.
    call_limit: CallLimit,
    /// Our end of every link in IPv6.
    link_id: InterfaceId,
    authority: Authority,
    reloader: Option<Reloader>,
    observers: Vec<Box<dyn Observer>>,
    /// Where addresses are leased that several servers share; none where they are this server's own.
    shared_leases: Option<SharedLeases<Box<Admitted>>>,
    counted: Counted,
    metrics: Listener,
    gathering: Gathering,
    /// Where RADIUS servers ask for sessions to be ended or changed.
    dynamic: Option<DynamicAuthorization>,
    /// Between two tellings of how a session goes, where nothing else is said.
    interim: Option<Duration>,
    names: SessionIds,
    facts: ServerFacts,
    control_socket: ControlSocket,
    inquiries: Inquiries,
    traces: Traces,
    ended: EndedSessions,
    tally: Tally,
    signals: Signals,
    sessions: Sessions,
    leases: Leases,
    started: u64,
    ending: Ending,
    backlog: Backlog,
    strangers: Throttle,
    refusals: Refusals,
    log: Arc<dyn LogControl>,
    service: Service,
}

/// What is to be gone on with. Readiness is reported once, so what is left when a turn is over must
/// be remembered.
#[derive(Debug, Default)]
struct Backlog {
    /// Whether the workers may have said more.
    notices: bool,
    /// Listeners by their number.
    listeners: BTreeSet<usize>,
    /// When the system may have room for a connection again that it had not.
    accept_again: Option<Instant>,
}

impl Backlog {
    /// Whether there is something to do at once.
    fn is_due(&self) -> bool {
        let accepts = !self.listeners.is_empty() && self.accept_again.is_none();
        self.notices || accepts
    }
}

/// How far the end of the server has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    NotYet,
    /// The PPP links take leave until then.
    HangingUp(Instant),
    /// The control connections are stopped; this is the end, whoever has not answered.
    Stopping(Instant),
}

impl Ending {
    fn deadline(self) -> Option<Instant> {
        match self {
            Self::NotYet => None,
            Self::HangingUp(deadline) | Self::Stopping(deadline) => Some(deadline),
        }
    }
}

impl Server {
    /// One line for people: where it serves and the tunnel's inside.
    pub fn summary(&self) -> String {
        let listen: Vec<String> = self.config.listen.iter().map(ToString::to_string).collect();
        let network = &self.config.network;
        format!(
            "serving on {}: interface {}, server {}, clients from {}",
            listen.join(", "),
            self.interface,
            network.server_address(),
            network.pool.trunc(),
        )
    }

    /// What can be changed about its log.
    pub fn log(&self) -> &Arc<dyn LogControl> {
        &self.log
    }

    /// Serves until a signal ends it.
    ///
    /// # Errors
    /// The system refused to wait for events, or a worker has failed, which ends everything.
    pub fn run(mut self) -> Result<(), ServeError> {
        let mut events = Events::with_capacity(1024);
        self.service.ready();
        while !self.is_finished() {
            let wait = self.wait();
            match self.poll.poll(&mut events, wait) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => result?,
            }
            for event in &events {
                self.on_ready(event);
            }
            self.turn()?;
        }
        self.tear_down();
        Ok(())
    }

    fn on_ready(&mut self, event: &mio::event::Event) {
        match event.token() {
            SIGNALS => self.on_signals(),
            BELL => {
                self.bell.answer();
                self.backlog.notices = true;
            }
            Token(token) => {
                self.backlog.listeners.insert(token - LISTENERS);
            }
        }
    }

    /// Goes on with what is ready and does what is due; each gets its share of the time.
    fn turn(&mut self) -> Result<(), ServeError> {
        let now = Instant::now();
        self.accept_connections(now);
        if self.backlog.notices {
            self.take_answers();
            self.take_shared_leases();
            self.take_queries();
            self.take_scrapes(now);
            self.take_configuration();
            let asked = self.take_inquiries(now);
            self.backlog.notices = self.hear(now)? || asked;
        }
        self.look_after(now);
        self.end_farewell(now);
        if self.service.turn(now, self.sessions.len()) {
            self.crew.tell_all(|| Command::Beat);
        }
        self.crew.ring();
        Ok(())
    }

    fn wait(&self) -> Option<Duration> {
        if self.backlog.is_due() {
            return Some(Duration::ZERO);
        }
        let now = Instant::now();
        let look = self.sessions.next_look();
        let (ending, again) = (self.ending.deadline(), self.backlog.accept_again);
        [ending, again, look, self.service.deadline()]
            .into_iter()
            .flatten()
            .min()
            .map(|deadline| deadline.saturating_duration_since(now))
    }

    fn is_finished(&self) -> bool {
        match self.ending {
            Ending::NotYet => false,
            Ending::HangingUp(_) => self.connections.is_empty(),
            Ending::Stopping(deadline) => self.connections.is_empty() || Instant::now() >= deadline,
        }
    }

    /// SIGHUP has the configuration read again. The first one of the others ends the server in order, a second one
    /// at once.
    fn on_signals(&mut self) {
        let now = Instant::now();
        let (reloads, ends): (Vec<i32>, Vec<i32>) =
            self.signals.pending().partition(|signal| *signal == SIGHUP);
        if !reloads.is_empty() && self.ending == Ending::NotYet {
            self.reload(None);
        }
        if ends.is_empty() {
            return;
        }
        if self.ending != Ending::NotYet {
            self.ending = Ending::Stopping(now + LAST_WORDS);
            self.crew.tell_all(|| Command::StopAll);
            return;
        }
        self.service.stopping();
        tracing::info!("ending: {} sessions are told", self.sessions.len());
        self.ending = Ending::HangingUp(now + FAREWELL);
        self.listeners.clear();
        self.sessions.end_all(Cause::NasReboot);
        self.crew.tell_all(|| Command::ShutDown);
    }

    fn end_farewell(&mut self, now: Instant) {
        if let Ending::HangingUp(deadline) = self.ending
            && now >= deadline
        {
            self.ending = Ending::Stopping(now + FAREWELL);
            self.crew.tell_all(|| Command::StopAll);
        }
    }

    fn tear_down(mut self) {
        let deadline = Instant::now() + SETTLING;
        // Nobody is to wait for what is not answered any more.
        self.inquiries = Inquiries::default();
        for observer in &mut self.observers {
            observer.finish(deadline);
        }
        let problems = self.host.take().map(Host::undo).unwrap_or_default();
        for problem in problems {
            tracing::warn!("left behind on the host: {problem}");
        }
        if self.refusals != Refusals::default() {
            tracing::info!("connections refused since the start: {}", self.refusals);
        }
        tracing::info!("ended");
    }
}

/// Seconds since 1970.
pub(crate) fn unix_time() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |time| time.as_secs())
}
