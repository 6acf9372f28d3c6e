//! Traffic through the tunnels: a fixed number of packets on their way, each answered before the next one of its
//! place is sent, so that nothing is lost by sending too much.

use std::time::{Duration, Instant};

use super::Watch;
use super::generator::{Generator, Happening};

/// Octets of an IPv4 header and of an ICMP echo's.
const HEADERS: usize = 20 + 8;

/// An answer that has not come by then is lost.
const LOST_AFTER: Duration = Duration::from_secs(1);

/// What is sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load<'a> {
    /// The clients that take turns.
    pub(super) clients: &'a [usize],
    /// Octets of an inner packet.
    pub(super) octets: usize,
    /// Packets on their way at once.
    pub(super) window: u16,
}

/// How long it is sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    /// Before anything is counted.
    pub(super) warm_up: Duration,
    /// While it is counted.
    pub(super) measured: Duration,
}

/// What came of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flow {
    /// Requests that were answered in the time measured.
    pub(super) answered: u64,
    /// Requests that were never answered, at any time.
    pub(super) lost: u64,
    pub(super) time: Duration,
    /// Processor time meanwhile, as the caller counts it.
    pub(super) processor: [f64; 2],
}

/// A packet on its way.
#[derive(Debug, Clone, Copy)]
struct Place {
    client: usize,
    sent: Instant,
    /// Tells the packets of one place apart.
    round: u16,
    waiting: bool,
}

struct Traffic<'a> {
    generator: &'a mut Generator,
    load: Load<'a>,
    data: Vec<u8>,
    places: Vec<Place>,
    next: usize,
    answered: u64,
    lost: u64,
    look_again: Instant,
}

/// Sends and counts. `processor` tells processor times, of the server and of this process.
///
/// # Errors
/// The generator failed, or somebody asked to stop.
pub(super) fn run(
    generator: &mut Generator,
    load: Load<'_>,
    span: Span,
    processor: impl Fn() -> anyhow::Result<[f64; 2]>,
    watch: &mut Watch<'_>,
) -> anyhow::Result<Flow> {
    let now = Instant::now();
    let mut traffic = Traffic {
        generator,
        load,
        data: vec![0xa5; load.octets.saturating_sub(HEADERS)],
        places: Vec::with_capacity(load.window.into()),
        next: 0,
        answered: 0,
        lost: 0,
        look_again: now + LOST_AFTER,
    };
    traffic.fill(now);
    traffic.go_on(now + span.warm_up, watch)?;
    let (start, before, answered) = (Instant::now(), processor()?, traffic.answered);
    traffic.go_on(start + span.measured, watch)?;
    let (time, after, answered) = (start.elapsed(), processor()?, traffic.answered - answered);
    traffic.run_dry()?;
    Ok(Flow {
        answered,
        lost: traffic.lost,
        time,
        processor: [after[0] - before[0], after[1] - before[1]],
    })
}

impl Traffic<'_> {
    fn fill(&mut self, now: Instant) {
        for place in 0..self.load.window {
            self.places.push(Place {
                client: 0,
                sent: now,
                round: 0,
                waiting: false,
            });
            self.send(now, place);
        }
        self.generator.flush();
    }

    /// Sends the next packet of a place, through the next client that can.
    fn send(&mut self, now: Instant, index: u16) {
        let place = &mut self.places[usize::from(index)];
        place.round = place.round.wrapping_add(1);
        place.sent = now;
        place.waiting = false;
        for _ in 0..self.load.clients.len() {
            place.client = self.load.clients[self.next];
            self.next = (self.next + 1) % self.load.clients.len();
            let numbers = (index, place.round);
            if self.generator.ask(now, place.client, numbers, &self.data) {
                place.waiting = true;
                return;
            }
        }
    }

    fn go_on(&mut self, until: Instant, watch: &mut Watch<'_>) -> anyhow::Result<()> {
        while Instant::now() < until {
            watch.check()?;
            self.generator.turn(until.min(self.look_again))?;
            let now = Instant::now();
            while let Some(happening) = self.generator.poll_happening() {
                if let Some(place) = self.take(happening) {
                    self.send(now, place);
                }
            }
            if now >= self.look_again {
                self.give_up_lost(now);
            }
            self.generator.flush();
        }
        Ok(())
    }

    /// The place whose packet has come back.
    fn take(&mut self, happening: Happening) -> Option<u16> {
        let Happening::Answered(client, answer) = happening else {
            return None;
        };
        let place = self.places.get_mut(usize::from(answer.identifier))?;
        let expected = place.waiting && (place.client, place.round) == (client, answer.sequence);
        if !expected {
            return None;
        }
        place.waiting = false;
        self.answered += 1;
        Some(answer.identifier)
    }

    fn give_up_lost(&mut self, now: Instant) {
        self.look_again = now + LOST_AFTER / 4;
        for index in 0..self.load.window {
            let place = self.places[usize::from(index)];
            if now.duration_since(place.sent) >= LOST_AFTER {
                self.lost += u64::from(place.waiting);
                self.send(now, index);
            }
        }
    }

    /// Waits for what is still on its way.
    fn run_dry(&mut self) -> anyhow::Result<()> {
        let end = Instant::now() + LOST_AFTER;
        while self.on_their_way() > 0 && Instant::now() < end {
            self.generator.turn(end)?;
            while let Some(happening) = self.generator.poll_happening() {
                self.take(happening);
            }
        }
        self.lost += self.on_their_way();
        Ok(())
    }

    fn on_their_way(&self) -> u64 {
        self.places.iter().filter(|place| place.waiting).count() as u64
    }
}
