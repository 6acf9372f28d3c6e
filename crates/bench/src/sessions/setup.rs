//! Bringing sessions up, and ending them.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::{Duration, Instant};

use super::Watch;
use super::client::Stage;
use super::generator::{Generator, Happening};

/// How long one session may take to carry its first packet, and how long the end of all may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// When the first packet is sent again that has not come back.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Numbers of the first packet, which no packet of the load has.
const FIRST: (u16, u16) = (u16::MAX, 0);

/// What the first packet carries.
const FIRST_DATA: &[u8] = &[0xa5; 36];

/// Sessions that are being brought up.
struct SetUp<'a> {
    generator: &'a mut Generator,
    /// Those that are not settled yet, the oldest first, with the end of their time.
    waiting: VecDeque<(Instant, usize)>,
    /// Whose first packet is out, with the time to send it again.
    asked: VecDeque<(Instant, usize)>,
    settled: usize,
    in_flight: usize,
}

/// Brings sessions up, at most `parallel` at a time, until each carries packets or has failed; returns the time
/// that it took.
///
/// # Errors
/// The generator failed, or somebody asked to stop.
pub(super) fn bring_up(
    generator: &mut Generator,
    numbers: Range<usize>,
    parallel: usize,
    watch: &mut Watch<'_>,
) -> anyhow::Result<Duration> {
    let start = Instant::now();
    let all = numbers.len();
    let mut numbers = numbers;
    let mut set_up = SetUp {
        generator,
        waiting: VecDeque::new(),
        asked: VecDeque::new(),
        settled: 0,
        in_flight: 0,
    };
    while set_up.settled < all {
        watch.check()?;
        let now = Instant::now();
        while set_up.in_flight < parallel
            && let Some(number) = numbers.next()
        {
            set_up.begin(now, number);
        }
        set_up.generator.turn(set_up.deadline(now))?;
        set_up.note();
        set_up.handle_due(Instant::now());
        let (settled, time) = (set_up.settled, start.elapsed());
        watch.tell(|| {
            let rate = settled as f64 / time.as_secs_f64();
            format!("{settled} of {all} sessions set up, {rate:.0} a second")
        });
    }
    Ok(start.elapsed())
}

impl SetUp<'_> {
    fn begin(&mut self, now: Instant, number: usize) {
        self.in_flight += 1;
        self.waiting.push_back((now + PATIENCE, number));
        self.generator.start(now, number);
    }

    fn deadline(&self, now: Instant) -> Instant {
        let first = |queue: &VecDeque<(Instant, usize)>| queue.front().map(|(due, _)| *due);
        let dues = [first(&self.waiting), first(&self.asked)];
        dues.into_iter().flatten().min().unwrap_or(now + ASK_AGAIN)
    }

    fn note(&mut self) {
        while let Some(happening) = self.generator.poll_happening() {
            let now = Instant::now();
            match happening {
                Happening::Up(number) => self.ask(now, number),
                Happening::Answered(number, _) => self.on_answer(now, number),
                Happening::Over(number) => {
                    if self.generator.client(number).first_packet.is_none() {
                        self.settle();
                    }
                }
            }
        }
        self.generator.flush();
    }

    fn ask(&mut self, now: Instant, number: usize) {
        if self.generator.ask(now, number, FIRST, FIRST_DATA) {
            self.asked.push_back((now + ASK_AGAIN, number));
        }
    }

    fn on_answer(&mut self, now: Instant, number: usize) {
        let client = self.generator.client_mut(number);
        if let (None, Some(started)) = (client.first_packet, client.started) {
            client.first_packet = Some(now - started);
            self.settle();
        }
    }

    fn settle(&mut self) {
        self.settled += 1;
        self.in_flight -= 1;
    }

    fn is_settled(&self, number: usize) -> bool {
        let client = self.generator.client(number);
        client.first_packet.is_some() || client.stage == Stage::Over
    }

    fn handle_due(&mut self, now: Instant) {
        while let Some(&(due, number)) = self.asked.front()
            && (due <= now || self.is_settled(number))
        {
            self.asked.pop_front();
            if !self.is_settled(number) {
                self.ask(now, number);
            }
        }
        while let Some(&(due, number)) = self.waiting.front()
            && (due <= now || self.is_settled(number))
        {
            self.waiting.pop_front();
            if !self.is_settled(number) {
                let client = self.generator.client_mut(number);
                let stage = client.stage_name();
                client.blame(format!("after {} s, {stage}", PATIENCE.as_secs()));
                self.generator.abandon(now, number);
            }
        }
        self.generator.flush();
    }
}

/// How the sessions ended.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize)]
pub struct Ending {
    /// Sessions that took leave of PPP and PPTP and were answered.
    pub in_order: usize,
    /// Sessions that were not answered in time.
    pub unanswered: usize,
    /// How long it took, in seconds.
    pub seconds: f64,
}

/// Ends all sessions that are there, at most `parallel` at a time, in order as far as the server answers in time.
///
/// # Errors
/// The generator failed.
pub(super) fn end_all(
    generator: &mut Generator,
    numbers: Range<usize>,
    parallel: usize,
    watch: &mut Watch<'_>,
) -> anyhow::Result<Ending> {
    let start = Instant::now();
    let is_there = |stage: Stage| !matches!(stage, Stage::Idle | Stage::Over);
    let mut there: Vec<usize> = numbers
        .filter(|number| is_there(generator.client(*number).stage))
        .collect();
    let all = there.len();
    let mut next = 0;
    let mut over = 0;
    let end = start + PATIENCE;
    while over < all && Instant::now() < end {
        let now = Instant::now();
        while next < all && next - over.min(next) < parallel {
            generator.leave(now, there[next]);
            next += 1;
        }
        generator.turn(end)?;
        while let Some(happening) = generator.poll_happening() {
            over += usize::from(matches!(happening, Happening::Over(_)));
        }
        watch.tell(|| format!("{over} of {all} sessions ended"));
    }
    there.retain(|number| is_there(generator.client(*number).stage));
    for number in &there {
        generator.abandon(Instant::now(), *number);
    }
    Ok(Ending {
        in_order: all - there.len(),
        unanswered: there.len(),
        seconds: start.elapsed().as_secs_f64(),
    })
}
