//! The thread that runs programs.

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use super::child::{Errors, Running};
use super::facts::{Login, SessionFacts, SessionTally};
use super::lanes::Lanes;
use crate::config;
use crate::doorbell::Doorbell;

/// The doorbell.
pub(super) const BELL: Token = Token(0);

/// Standard errors that are read on after the end of their programs, for what these have left running. Beyond
/// that the oldest is closed.
const MAX_LINGERING: usize = 64;

/// What the front wants.
#[derive(Debug)]
pub(super) enum Order {
    /// Run the program for this occasion.
    Run(Job),
    /// Programs that are begun from now on.
    Configure(config::Hooks),
}

/// A run that is wanted.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) occasion: Occasion,
    /// The session's number, for people.
    pub(super) number: u32,
    pub(super) facts: Arc<SessionFacts>,
}

/// Which program.
#[derive(Debug)]
pub(super) enum Occasion {
    Up,
    Down(Option<SessionTally>),
}

/// What the front sees of the runner.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Jobs that wait or run.
    pub(super) jobs: AtomicUsize,
    /// Whether all is to end at once.
    pub(super) abort: AtomicBool,
}

pub(super) struct Runner {
    poll: Poll,
    bell: Arc<Doorbell>,
    orders: Receiver<Order>,
    shared: Arc<Shared>,
    config: config::Hooks,
    login: Login,
    /// By the client's inner address: what is done for one holder of an address is done before the next one's.
    lanes: Lanes<Ipv4Addr, Job>,
    /// By token; the next token is that of its standard error.
    running: BTreeMap<usize, (Ipv4Addr, Running)>,
    errors: BTreeMap<usize, Errors>,
    next: usize,
    /// Whether no more orders come.
    dismissed: bool,
}

impl Runner {
    pub(super) fn new(
        poll: Poll,
        bell: Arc<Doorbell>,
        orders: Receiver<Order>,
        shared: Arc<Shared>,
        config: config::Hooks,
    ) -> Self {
        Self {
            poll,
            bell,
            orders,
            shared,
            config,
            login: Login::own(),
            lanes: Lanes::new(),
            running: BTreeMap::new(),
            errors: BTreeMap::new(),
            next: 1,
            dismissed: false,
        }
    }

    /// Runs programs until no more orders come and all is done.
    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(128);
        loop {
            self.take_orders();
            if self.shared.abort.load(Ordering::Acquire) {
                return self.abort();
            }
            self.begin_jobs(Instant::now());
            if self.dismissed && self.lanes.is_idle() {
                return;
            }
            let wait = self.wait();
            match self.poll.poll(&mut events, wait) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    tracing::error!("ip_up and ip_down are run no more: {error}");
                    return self.abort();
                }
                Ok(()) => {}
            }
            for event in &events {
                self.on_ready(event.token());
            }
            self.kill_overdue(Instant::now());
        }
    }

    fn take_orders(&mut self) {
        loop {
            match self.orders.try_recv() {
                Ok(Order::Run(job)) => self.lanes.push(job.facts.address, job),
                Ok(Order::Configure(config)) => self.config = config,
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => {
                    self.dismissed = true;
                    return;
                }
            }
        }
    }

    fn wait(&self) -> Option<Duration> {
        let deadlines = self.running.values().map(|(_, it)| it);
        let next = deadlines
            .filter(|it| !it.killed)
            .map(|it| it.deadline)
            .min();
        next.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    fn on_ready(&mut self, token: Token) {
        if token == BELL {
            self.bell.answer();
        } else if self.running.contains_key(&token.0) {
            self.on_end(token.0);
        } else if let Some(errors) = self.errors.get_mut(&token.0)
            && !errors.read()
        {
            self.forget_errors(token.0);
        }
    }

    fn begin_jobs(&mut self, now: Instant) {
        while self.running.len() < self.config.parallel {
            let Some((lane, job)) = self.lanes.begin() else {
                return;
            };
            match self.begin(now, lane, &job) {
                Ok(true) => {}
                Ok(false) => self.job_done(lane),
                Err((label, error)) => {
                    tracing::warn!("{label} cannot be run: {error}");
                    self.job_done(lane);
                }
            }
        }
    }

    /// Starts a program; false if there is none for this occasion.
    fn begin(
        &mut self,
        now: Instant,
        lane: Ipv4Addr,
        job: &Job,
    ) -> Result<bool, (String, io::Error)> {
        let (program, key, tally) = match &job.occasion {
            Occasion::Up => (&self.config.ip_up, "ip_up", None),
            Occasion::Down(tally) => (&self.config.ip_down, "ip_down", tally.as_ref()),
        };
        let Some(program) = program else {
            return Ok(false);
        };
        let facts = &job.facts;
        let label = format!(
            "{key} ({}) for session {} of {}",
            program.display(),
            job.number,
            facts.user.escape_debug()
        );
        let failed = |error| (label.clone(), error);
        let (mut running, pipe) = Running::start(
            program,
            &facts.arguments(),
            facts.environment(tally, &self.login),
            now + self.config.timeout,
            label.clone(),
        )
        .map_err(failed)?;
        let token = self.next;
        self.next += 2;
        let registry = self.poll.registry();
        let descriptor = running.end_descriptor();
        let mut source = SourceFd(&descriptor);
        if let Err(error) = registry.register(&mut source, Token(token), Interest::READABLE) {
            running.kill();
            let _ = running.reap();
            return Err(failed(error));
        }
        self.running.insert(token, (lane, running));
        if let Some(pipe) = pipe {
            self.watch_errors(token + 1, Errors::new(pipe, label));
        }
        Ok(true)
    }

    fn watch_errors(&mut self, token: usize, mut errors: Errors) {
        let registry = self.poll.registry();
        if let Err(error) = registry.register(errors.pipe(), Token(token), Interest::READABLE) {
            tracing::warn!("cannot read what a program says: {error}");
            return;
        }
        self.errors.insert(token, errors);
        let lingering = |token: &&usize| !self.running.contains_key(&(**token - 1));
        if self.errors.len() > self.config.parallel + MAX_LINGERING
            && let Some(oldest) = self.errors.keys().find(lingering).copied()
        {
            self.forget_errors(oldest);
        }
    }

    fn forget_errors(&mut self, token: usize) {
        if let Some(mut errors) = self.errors.remove(&token) {
            // Closing it deregisters it anyway.
            let _ = self.poll.registry().deregister(errors.pipe());
        }
    }

    fn on_end(&mut self, token: usize) {
        let Some((lane, mut running)) = self.running.remove(&token) else {
            return;
        };
        // What it said last comes before how it ended.
        if let Some(errors) = self.errors.get_mut(&(token + 1))
            && !errors.read()
        {
            self.forget_errors(token + 1);
        }
        let _ = self
            .poll
            .registry()
            .deregister(&mut SourceFd(&running.end_descriptor()));
        let status = running.reap();
        tell_end(&running, status, self.config.timeout);
        self.lanes.done(lane);
        self.job_counted();
    }

    fn job_done(&mut self, lane: Ipv4Addr) {
        self.lanes.done(lane);
        self.job_counted();
    }

    fn job_counted(&mut self) {
        self.shared.jobs.fetch_sub(1, Ordering::AcqRel);
    }

    fn kill_overdue(&mut self, now: Instant) {
        for (_, running) in self.running.values_mut() {
            if running.deadline <= now && !running.killed {
                running.kill();
            }
        }
    }

    /// Kills what runs and gives up what waits.
    fn abort(mut self) {
        let given_up = self.lanes.clear();
        for (_, running) in self.running.values_mut() {
            running.kill();
            tracing::warn!("{} was killed before its time", running.label);
            let _ = running.reap();
        }
        if given_up > 0 {
            tracing::warn!("{given_up} runs of ip_up and ip_down were given up");
        }
        self.shared.jobs.store(0, Ordering::Release);
    }
}

fn tell_end(running: &Running, status: io::Result<ExitStatus>, timeout: Duration) {
    let label = &running.label;
    match status {
        _ if running.killed => tracing::warn!(
            "{label} was killed: it took more than hooks.timeout_seconds = {}",
            timeout.as_secs()
        ),
        Ok(status) if status.success() => tracing::debug!("{label} has ended"),
        Ok(status) => tracing::warn!("{label} has failed: {status}"),
        Err(error) => tracing::warn!("{label} has ended, nobody knows how: {error}"),
    }
}
