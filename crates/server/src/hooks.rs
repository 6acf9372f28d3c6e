//! Programs that are run when sessions begin and end, as pppd runs its ip-up and ip-down.
//!
//! The front says what has happened; a thread runs the programs, some at once, and kills those that take too
//! long. What concerns one inner address is done in order: ip_down of a session after its ip_up has ended,
//! and before the ip_up of the next session that has the address.

mod child;
mod facts;
mod lanes;
mod runner;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Instant;

use mio::Poll;

use facts::{SessionFacts, SessionTally};
use runner::{BELL, Job, Occasion, Order, Runner, Shared};

use crate::aaa::{Happening, Observer};
use crate::config::{self, Config};
use crate::doorbell::Doorbell;

/// Runs that may wait before sessions begin without one. A session that has had no ip_up gets no ip_down, so
/// that there are at most as many more as there are sessions.
const MAX_WAITING: usize = 4096;

/// The front's end of the thread that runs programs. Dropping it kills those that run.
pub(crate) struct Hooks {
    config: config::Hooks,
    /// The TUN interface, which all sessions share.
    interface: String,
    /// Started when it is first needed.
    runner: Option<Handle>,
    /// Sessions that have had their ip_up, by their numbers.
    begun: HashMap<u32, Arc<SessionFacts>>,
    /// Which of them has an inner address.
    holders: HashMap<Ipv4Addr, u32>,
    /// Sessions without an ip_up since this was last told.
    left_out: u64,
}

struct Handle {
    /// None once it is to end.
    orders: Option<Sender<Order>>,
    bell: Arc<Doorbell>,
    shared: Arc<Shared>,
    /// Disconnected when the thread has ended.
    ended: Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

impl Hooks {
    /// For sessions through this interface.
    pub(crate) fn new(config: config::Hooks, interface: &str) -> Self {
        Self {
            config,
            interface: interface.to_owned(),
            runner: None,
            begun: HashMap::new(),
            holders: HashMap::new(),
            left_out: 0,
        }
    }

    /// The session with this number carries packets.
    fn up(&mut self, number: u32, facts: SessionFacts) {
        if self.config.programs().next().is_none() || self.begun.contains_key(&number) {
            return;
        }
        // Its last holder has lost it, which may not have been told yet.
        if let Some(before) = self.holders.get(&facts.address).copied() {
            self.down(before, None);
        }
        if self.is_overrun() {
            return;
        }
        let facts = Arc::new(facts);
        self.order(Job {
            occasion: Occasion::Up,
            number,
            facts: Arc::clone(&facts),
        });
        self.holders.insert(facts.address, number);
        self.begun.insert(number, facts);
    }

    /// The session with this number has ended, or has lost its address.
    fn down(&mut self, number: u32, tally: Option<SessionTally>) {
        let Some(facts) = self.begun.remove(&number) else {
            return;
        };
        if self.holders.get(&facts.address) == Some(&number) {
            self.holders.remove(&facts.address);
        }
        self.order(Job {
            occasion: Occasion::Down(tally),
            number,
            facts,
        });
    }

    /// Whether so many runs wait that a session begins without.
    fn is_overrun(&mut self) -> bool {
        if self.waiting() >= MAX_WAITING {
            if self.left_out == 0 {
                tracing::warn!(
                    "sessions begin without ip_up: {MAX_WAITING} runs wait already; make the programs \
                     faster or raise hooks.parallel"
                );
            }
            self.left_out += 1;
            return true;
        }
        if self.left_out > 0 {
            tracing::warn!("{} sessions have begun without ip_up", self.left_out);
            self.left_out = 0;
        }
        false
    }

    /// How many runs wait, or go on.
    fn waiting(&self) -> usize {
        let jobs = |runner: &Handle| runner.shared.jobs.load(Ordering::Acquire);
        self.runner.as_ref().map_or(0, jobs)
    }

    fn order(&mut self, job: Job) {
        if self.runner.is_none() {
            match Handle::start(&self.config) {
                Ok(runner) => self.runner = Some(runner),
                Err(error) => {
                    tracing::error!("ip_up and ip_down cannot be run: {error}");
                    return;
                }
            }
        }
        if let Some(runner) = &self.runner {
            runner.shared.jobs.fetch_add(1, Ordering::AcqRel);
            runner.order(Order::Run(job));
        }
    }
}

impl Observer for Hooks {
    fn observe(&mut self, happening: &Happening) {
        match happening {
            Happening::Up(facts) => {
                if let Some(session) = SessionFacts::of(facts, &self.interface) {
                    self.up(facts.number, session);
                }
            }
            Happening::Down(facts, ..) => self.down(facts.number, Some(SessionTally::of(facts))),
            _ => {}
        }
    }

    fn reconfigure(&mut self, config: &Config) {
        if self.config == config.hooks {
            return;
        }
        self.config.clone_from(&config.hooks);
        if let Some(runner) = &self.runner {
            runner.order(Order::Configure(config.hooks.clone()));
        }
    }

    fn finish(&mut self, deadline: Instant) {
        // Of sessions whose end nobody could tell any more.
        let left: Vec<u32> = self.begun.keys().copied().collect();
        left.into_iter().for_each(|number| self.down(number, None));
        if let Some(runner) = &mut self.runner {
            runner.finish(deadline);
        }
    }
}

impl Handle {
    fn start(config: &config::Hooks) -> io::Result<Self> {
        let poll = Poll::new()?;
        let bell = Arc::new(Doorbell::new(poll.registry(), BELL)?);
        let (sender, orders) = channel();
        let (end, ended) = channel();
        let shared = Arc::new(Shared::default());
        let config = config.clone();
        let (own_bell, own_shared) = (Arc::clone(&bell), Arc::clone(&shared));
        let thread = std::thread::Builder::new()
            .name("hooks".to_owned())
            .spawn(move || {
                Runner::new(poll, own_bell, orders, own_shared, config).run();
                drop::<Sender<()>>(end);
            })?;
        Ok(Self {
            orders: Some(sender),
            bell,
            shared,
            ended,
            thread: Some(thread),
        })
    }

    fn order(&self, order: Order) {
        // Where this fails the thread has ended, and has said why.
        if let Some(orders) = &self.orders
            && orders.send(order).is_err()
        {
            self.shared.jobs.store(0, Ordering::Release);
        }
        self.bell.ring();
    }

    /// Waits until all runs have ended, until the deadline at most.
    fn finish(&mut self, deadline: Instant) {
        self.orders = None;
        self.bell.ring();
        let left = deadline.saturating_duration_since(Instant::now());
        // It is disconnected, or time is up.
        let _ = self.ended.recv_timeout(left);
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.abort.store(true, Ordering::Release);
        self.orders = None;
        self.bell.ring();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
