//! The receiving half: order, duplicates and losses (RFC 2637 §4.3).

use std::time::Instant;

use super::reorder::Reorder;
use super::sequence::{Arrival, Place, Sequence, distance};
use super::{Discard, Payload, SessionConfig, Stats};

/// Bounds the work that a single packet can cause.
const LARGEST_JUMP: u32 = 4096;

#[derive(Debug)]
pub(super) struct Receiver {
    sequence: Sequence,
    reorder: Reorder,
    /// The highest number received.
    highest: Option<u32>,
}

impl Receiver {
    pub(super) fn new(config: &SessionConfig) -> Self {
        let reorder = Reorder::new(config.reorder_packets, config.reorder_delay);
        let max_jump = config
            .max_jump
            .max(reorder.capacity())
            .clamp(1, LARGEST_JUMP);
        Self {
            sequence: Sequence::new(max_jump),
            reorder,
            highest: None,
        }
    }

    pub(super) const fn highest(&self) -> Option<u32> {
        self.highest
    }

    pub(super) const fn is_holding(&self) -> bool {
        !self.reorder.is_empty()
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.reorder.deadline()
    }

    /// Takes a payload, and hands on what is now in order.
    pub(super) fn receive<'p, F: FnMut(Payload<'p, '_>)>(
        &mut self,
        now: Instant,
        (sequence, payload): (u32, &'p mut [u8]),
        out: &mut Delivery<'_, F>,
    ) -> Result<(), Discard> {
        match self.sequence.place(sequence) {
            Place::Next => self.deliver_next(payload, out),
            Place::Ahead(_) if self.reorder.holds(sequence) => return Err(Discard::Duplicate),
            Place::Ahead(missing) => self.ahead(now, (sequence, missing), payload, out),
            Place::Duplicate => return Err(Discard::Duplicate),
            Place::Late => return Err(Discard::Late),
            Place::Far => return Err(Discard::Far),
            Place::Resynchronized => self.resynchronize(sequence, payload, out),
        }
        match self.highest {
            Some(highest) if distance(highest, sequence) <= 0 => {}
            _ => self.highest = Some(sequence),
        }
        Ok(())
    }

    /// Gives up what has been missing for too long.
    pub(super) fn handle_timeout<'p, F: FnMut(Payload<'p, '_>)>(
        &mut self,
        now: Instant,
        out: &mut Delivery<'_, F>,
    ) {
        while self
            .reorder
            .deadline()
            .is_some_and(|deadline| deadline <= now)
        {
            while !self.reorder.is_empty() && !self.pass_one(out) {}
            self.deliver_run(out);
        }
    }

    fn deliver_next<'p, F: FnMut(Payload<'p, '_>)>(
        &mut self,
        payload: &'p mut [u8],
        out: &mut Delivery<'_, F>,
    ) {
        self.sequence.advance(Arrival::Received);
        out.deliver(Payload::Received(payload));
        if !self.reorder.is_empty() {
            self.deliver_run(out);
        }
    }

    fn ahead<'p, F: FnMut(Payload<'p, '_>)>(
        &mut self,
        now: Instant,
        (sequence, missing): (u32, u32),
        payload: &'p mut [u8],
        out: &mut Delivery<'_, F>,
    ) {
        let keep = if self.reorder.has_room(payload) {
            self.reorder.capacity().saturating_sub(1)
        } else {
            0
        };
        for _ in keep..missing {
            self.pass_one(out);
        }
        if keep < missing {
            self.deliver_run(out);
        }
        if self.sequence.next_or(sequence) == sequence {
            self.deliver_next(payload, out);
        } else {
            self.reorder.hold(now, sequence, payload);
            out.stats.reordered += 1;
        }
    }

    /// Hands on what is held, and goes on from `sequence`.
    fn resynchronize<'p, F: FnMut(Payload<'p, '_>)>(
        &mut self,
        sequence: u32,
        payload: &'p mut [u8],
        out: &mut Delivery<'_, F>,
    ) {
        while !self.reorder.is_empty() {
            self.pass_one(out);
        }
        self.reorder.restart_wait();
        self.sequence.restart(sequence);
        out.stats.resynchronized += 1;
        self.deliver_next(payload, out);
    }

    /// Hands on what is held from the expected number to the next missing one.
    fn deliver_run<'p, F: FnMut(Payload<'p, '_>)>(&mut self, out: &mut Delivery<'_, F>) {
        while self.deliver_held(out) {}
        self.reorder.restart_wait();
    }

    /// Goes on by one number, received or not, and tells which.
    fn pass_one<'p, F: FnMut(Payload<'p, '_>)>(&mut self, out: &mut Delivery<'_, F>) -> bool {
        let received = self.deliver_held(out);
        if !received {
            self.sequence.advance(Arrival::Lost);
            out.stats.lost += 1;
        }
        received
    }

    fn deliver_held<'p, F: FnMut(Payload<'p, '_>)>(&mut self, out: &mut Delivery<'_, F>) -> bool {
        let next = self.sequence.next_or(0);
        let Some(mut payload) = self.reorder.take(next) else {
            return false;
        };
        self.sequence.advance(Arrival::Received);
        out.deliver(Payload::Held(&mut payload));
        self.reorder.recycle(payload);
        true
    }
}

/// Where payloads in order go.
pub(super) struct Delivery<'a, F> {
    pub(super) stats: &'a mut Stats,
    pub(super) deliver: F,
}

impl<F> Delivery<'_, F> {
    fn deliver<'p>(&mut self, payload: Payload<'p, '_>)
    where
        F: FnMut(Payload<'p, '_>),
    {
        // RFC 2637 §4.1: only a payload has a number, but some packet may have one without it.
        if !payload.is_empty() {
            self.stats.delivered(&payload);
            (self.deliver)(payload);
        }
    }
}
