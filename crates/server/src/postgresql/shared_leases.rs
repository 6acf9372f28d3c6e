//! The thread that leases addresses from the database for the front.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SendError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::leases::{Held, LeaseKeeper, Place, Taken, Wish};
use crate::config::Postgresql;
use crate::doorbell::Doorbell;
use crate::pool::Candidates;
use crate::users::StoreError;

/// Wishes that may wait for the database.
const MAX_WAITING: usize = 1024;
/// Leases are renewed in this part of the time that they last.
const RENEWALS: u32 = 3;
/// The wait after a renewal that failed.
const RETRY: Duration = Duration::from_secs(1);

/// The front's end of the thread. `T` is what a wish is for; it comes back with the answer.
#[derive(Debug)]
pub(crate) struct SharedLeases<T> {
    /// What waits is bounded: wishes are counted, and each release is of a lease.
    orders: Option<Sender<Order<T>>>,
    waiting: usize,
    outcomes: Receiver<Outcome<T>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
enum Order<T> {
    Take(Application<T>),
    /// A session with this name has no address any more.
    Release(String, Ipv4Addr),
}

/// One who wants an address.
#[derive(Debug)]
pub(crate) struct Application<T> {
    pub(crate) what_for: T,
    /// The session's name.
    pub(crate) session: String,
    pub(crate) user: String,
    /// Where to look, in this order.
    pub(crate) candidates: Vec<Candidates>,
    /// Addresses that are kept for users of other stores.
    pub(crate) reserved: Vec<Ipv4Addr>,
}

/// What the thread has to say.
#[derive(Debug)]
pub(crate) enum Outcome<T> {
    /// To an application.
    Judged(T, Result<Ipv4Addr, NotLeased>),
    /// The session with this name has lost its address to another server's while the database could not
    /// be reached.
    Lost(String),
}

/// Why no address was leased.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotLeased {
    #[error("no address is free for this user; give the pool more ranges")]
    Exhausted,
    #[error("the user's fixed address {address} is in use by {user} on the server {node}")]
    InUse {
        address: Ipv4Addr,
        user: String,
        node: String,
    },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl<T: Send + 'static> SharedLeases<T> {
    /// Starts the thread; `bell` wakes the one who takes the outcomes.
    ///
    /// # Errors
    /// The server has no name, or there can be no thread.
    pub(crate) fn start(
        settings: &Arc<Postgresql>,
        bell: Arc<Doorbell>,
    ) -> Result<Self, StoreError> {
        let (orders, received) = channel();
        let (sender, outcomes) = channel();
        let clerk = Clerk {
            keeper: LeaseKeeper::new(Arc::clone(settings))?,
            has_started: false,
            held: HashMap::new(),
            in_trouble: false,
            renew_every: settings.lease / RENEWALS,
            outcomes: sender,
            bell,
        };
        let run = move || clerk.run(&received);
        let thread = std::thread::Builder::new().name("leases".to_owned());
        Ok(Self {
            orders: Some(orders),
            waiting: 0,
            outcomes,
            thread: Some(thread.spawn(run).map_err(StoreError::Thread)?),
        })
    }

    /// Asks for an address.
    ///
    /// # Errors
    /// Gives back what it is for where too many wait.
    pub(crate) fn apply(&mut self, application: Application<T>) -> Result<(), T> {
        let orders = self.orders.as_ref().filter(|_| self.waiting < MAX_WAITING);
        let Some(orders) = orders else {
            return Err(application.what_for);
        };
        match orders.send(Order::Take(application)) {
            Ok(()) => {
                self.waiting += 1;
                Ok(())
            }
            Err(SendError(Order::Take(application))) => Err(application.what_for),
            Err(SendError(Order::Release(..))) => Ok(()),
        }
    }

    /// Gives an address back.
    pub(crate) fn release(&self, session: String, address: Ipv4Addr) {
        if let Some(orders) = &self.orders {
            // A thread that has panicked releases nothing; the lease ends by itself.
            let _ = orders.send(Order::Release(session, address));
        }
    }

    /// The next thing that the thread has to say.
    pub(crate) fn next_outcome(&mut self) -> Option<Outcome<T>> {
        let outcome = self.outcomes.try_recv().ok()?;
        if matches!(outcome, Outcome::Judged(..)) {
            self.waiting = self.waiting.saturating_sub(1);
        }
        Some(outcome)
    }
}

impl<T> Drop for SharedLeases<T> {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The thread's end.
struct Clerk<T> {
    keeper: LeaseKeeper,
    /// Whether what an earlier run has left was given back.
    has_started: bool,
    held: HashMap<String, Held>,
    /// Whether it was told that leases are not renewed.
    in_trouble: bool,
    renew_every: Duration,
    outcomes: Sender<Outcome<T>>,
    bell: Arc<Doorbell>,
}

impl<T> Clerk<T> {
    fn run(mut self, orders: &Receiver<Order<T>>) {
        self.begin();
        let mut renew = Instant::now() + self.renew_every;
        loop {
            let now = Instant::now();
            if renew <= now {
                // A database that is back is to hear of the leases before they run out.
                let wait = match self.renew() {
                    true => self.renew_every,
                    false => RETRY,
                };
                renew = Instant::now() + wait;
            }
            match orders.recv_timeout(renew.saturating_duration_since(now)) {
                Ok(Order::Take(application)) => {
                    let result = self.take(&application);
                    self.say(Outcome::Judged(application.what_for, result));
                }
                Ok(Order::Release(session, address)) => self.give_back(&session, address),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn begin(&mut self) {
        match self.keeper.start() {
            Ok(freed) => {
                self.has_started = true;
                if freed > 0 {
                    tracing::info!("{freed} leases of an earlier run are given back");
                }
            }
            Err(error) => tracing::error!("no addresses can be leased now: {error}"),
        }
    }

    fn take(&mut self, application: &Application<T>) -> Result<Ipv4Addr, NotLeased> {
        if !self.has_started {
            self.keeper.start()?;
            self.has_started = true;
        }
        let Application { session, user, .. } = application;
        for candidates in &application.candidates {
            let ranges: Vec<_> = candidates.ranges.iter().map(|(a, b)| *a..=*b).collect();
            let fixed = candidates.ranges.first().map(|(first, _)| *first);
            let place = match fixed.filter(|_| candidates.fixed) {
                Some(address) => Place::Fixed(address),
                None => Place::Any {
                    ranges: &ranges,
                    reserved: &application.reserved,
                    sticky: candidates.sticky,
                },
            };
            let wish = Wish {
                session,
                user,
                place,
            };
            match self.keeper.take(&wish)? {
                Taken::Leased(address) => {
                    let held = Held {
                        session: session.clone(),
                        user: user.clone(),
                        address,
                    };
                    self.held.insert(session.clone(), held);
                    return Ok(address);
                }
                Taken::Exhausted => {}
                Taken::InUse { node, user, .. } if application.candidates.len() == 1 => {
                    return Err(NotLeased::InUse {
                        address: fixed.unwrap_or(Ipv4Addr::UNSPECIFIED),
                        user,
                        node,
                    });
                }
                Taken::InUse { .. } => {}
            }
        }
        Err(NotLeased::Exhausted)
    }

    /// Gives an address back. What cannot be given back ends when it is not renewed.
    fn give_back(&mut self, session: &str, address: Ipv4Addr) {
        if self.held.remove(session).is_none() {
            return;
        }
        if let Err(error) = self.keeper.release(session, address) {
            tracing::warn!("the lease of {address} ends when its time is over: {error}");
        }
    }

    /// Whether the database has renewed what is held.
    fn renew(&mut self) -> bool {
        let held: Vec<Held> = self.held.values().cloned().collect();
        match self.keeper.renew(&held) {
            Ok(lost) => {
                for lost in lost {
                    self.held.remove(&lost.session);
                    self.say(Outcome::Lost(lost.session));
                }
                if std::mem::take(&mut self.in_trouble) {
                    tracing::info!("the leases are renewed again");
                }
                true
            }
            Err(error) => {
                if !std::mem::replace(&mut self.in_trouble, true) {
                    tracing::warn!("the leases are not renewed: {error}");
                }
                false
            }
        }
    }

    fn say(&self, outcome: Outcome<T>) {
        // Who no longer listens is ending.
        if self.outcomes.send(outcome).is_ok() {
            self.bell.ring();
        }
    }
}
