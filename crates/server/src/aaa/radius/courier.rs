//! The thread that delivers accounting records: to the disk first, then to a server, in their order.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use adit_radius::attribute::AttributeList;
use adit_radius::client::NoReply;
use adit_radius::packet::{Contents, Delay};
use mio::{Events, Poll};

use super::accountant::{BELL, Order, Writer};
use super::exchange::Exchange;
use super::records::Status;
use crate::aaa::accounting::{Entry, Schedule, Spool};
use crate::doorbell::Doorbell;
use crate::server::unix_time;

/// Orders that are taken before what they led to is written and sent.
const TAKEN: usize = 4096;

/// Everything the thread has.
pub(super) struct Courier {
    poll: Poll,
    bell: Arc<Doorbell>,
    exchange: Exchange<u64>,
    spool: Spool,
    schedule: Schedule,
    /// Whether the last that was heard is that no server answers.
    is_cut_off: bool,
    /// When to end, once the server does.
    end: Option<Instant>,
    /// Whether there may be more orders.
    more: bool,
}

impl Courier {
    /// With the records that are in the spool already to be delivered first.
    pub(super) fn new(
        poll: Poll,
        bell: Arc<Doorbell>,
        exchange: Exchange<u64>,
        spool: Spool,
    ) -> Self {
        let mut schedule = Schedule::new();
        for (number, entry) in spool.iter() {
            schedule.push(number, &entry.session);
        }
        if schedule.len() > 0 {
            tracing::info!(
                "{} accounting records are left from before and will be delivered",
                schedule.len()
            );
        }
        Self {
            poll,
            bell,
            exchange,
            spool,
            schedule,
            is_cut_off: false,
            end: None,
            more: true,
        }
    }

    /// Works until it is told to finish.
    pub(super) fn run(mut self, orders: &Receiver<Order>, mut writer: Writer) {
        self.keep(writer.server(Status::On, unix_time()));
        let mut events = Events::with_capacity(256);
        loop {
            self.take(orders, &mut writer);
            self.spool.sync();
            let now = Instant::now();
            self.deliver(now);
            if self.is_finished(now) {
                break;
            }
            if let Err(error) = self.poll.poll(&mut events, self.wait(now))
                && error.kind() != std::io::ErrorKind::Interrupted
            {
                tracing::error!("accounting ends: cannot wait for events: {error}");
                break;
            }
            for event in &events {
                match event.token() {
                    BELL => {
                        self.bell.answer();
                        self.more = true;
                    }
                    token => self.exchange.on_ready(token),
                }
            }
        }
        self.spool.sync();
        if self.spool.len() > 0 {
            tracing::warn!(
                "{} accounting records are not delivered yet; they are kept for the next start",
                self.spool.len()
            );
        }
    }

    fn take(&mut self, orders: &Receiver<Order>, writer: &mut Writer) {
        if !self.more {
            return;
        }
        for _ in 0..TAKEN {
            match orders.try_recv() {
                Ok(Order::Tell(status, facts, at)) => {
                    self.keep(writer.session(status, &facts, at));
                }
                Ok(Order::Finish(deadline)) => {
                    self.keep(writer.server(Status::Off, unix_time()));
                    self.end = Some(deadline);
                }
                Err(TryRecvError::Empty) => {
                    self.more = false;
                    return;
                }
                Err(TryRecvError::Disconnected) => {
                    self.more = false;
                    self.end.get_or_insert_with(Instant::now);
                    return;
                }
            }
        }
    }

    fn keep(&mut self, entry: Option<Entry>) {
        let Some(entry) = entry else {
            return;
        };
        let session = entry.session.clone();
        let (number, gone) = self.spool.append(entry);
        for number in gone {
            self.schedule.forget(number);
        }
        self.schedule.push(number, &session);
    }

    /// Sends what is to be sent and hears what came of it, until nothing more can be done now.
    fn deliver(&mut self, now: Instant) {
        loop {
            while let Some(number) = self.schedule.next(now) {
                self.send(number, now);
            }
            let done = self.exchange.turn(self.poll.registry(), now);
            if done.is_empty() {
                return;
            }
            for (number, outcome) in done {
                match outcome {
                    Ok(_) => self.on_acknowledged(number, now),
                    Err(why) => self.on_failed(number, now, why),
                }
            }
        }
    }

    fn send(&mut self, number: u64, now: Instant) {
        let Some(entry) = self.spool.get(number) else {
            self.schedule.forget(number);
            return;
        };
        let Some(attributes) = AttributeList::from_octets(&entry.body) else {
            tracing::error!(session = %entry.session, "an accounting record cannot be read and is dropped");
            self.spool.done(number);
            self.schedule.forget(number);
            return;
        };
        let age = unix_time().saturating_sub(entry.at);
        let contents = Contents {
            attributes,
            password: None,
            delay: Some(Delay {
                seconds: u32::try_from(age).unwrap_or(u32::MAX),
                at: now,
            }),
        };
        if let Err((error, _)) = self.exchange.submit(now, contents, number) {
            tracing::debug!("an accounting record is not sent now: {error}");
            self.schedule.failed(number, now);
        }
    }

    fn on_acknowledged(&mut self, number: u64, now: Instant) {
        self.spool.done(number);
        self.schedule.acknowledged(number, now);
        if std::mem::take(&mut self.is_cut_off) {
            tracing::info!(
                "accounting records are acknowledged again; {} are left to be delivered",
                self.schedule.len()
            );
        }
    }

    fn on_failed(&mut self, number: u64, now: Instant, why: NoReply) {
        self.schedule.failed(number, now);
        if !self.schedule.is_cut_off() {
            let session = self.spool.get(number).map(|entry| entry.session.clone());
            tracing::warn!(
                session = session.as_deref().unwrap_or_default(),
                "an accounting record is not acknowledged, while others are: {why}"
            );
        } else if !std::mem::replace(&mut self.is_cut_off, true) {
            tracing::error!(
                "RADIUS accounting: {why}; {} records are kept on disk until one does (check the address, the port and the secret)",
                self.spool.len()
            );
        }
    }

    fn is_finished(&self, now: Instant) -> bool {
        !self.more
            && self
                .end
                .is_some_and(|end| end <= now || self.schedule.len() == 0)
    }

    fn wait(&self, now: Instant) -> Option<Duration> {
        if self.more {
            return Some(Duration::ZERO);
        }
        let deadlines = [
            self.exchange.deadline(now),
            self.schedule.deadline(),
            self.end,
        ];
        let next = deadlines.into_iter().flatten().min();
        next.map(|at| at.saturating_duration_since(now))
    }
}
