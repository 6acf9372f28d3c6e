//! Metrics: asking the workers, and answering when all have answered.

use std::time::{Duration, Instant};

use super::Server;
use crate::metrics::{Scrape, Snapshot};
use crate::worker::message::{Command, WorkerTotals};

/// Those who wait for metrics, and what the workers have said so far.
#[derive(Default)]
pub(super) struct Gathering {
    waiting: Vec<Scrape>,
    /// When the workers were asked.
    asked: Option<Instant>,
    answers: Vec<Option<(WorkerTotals, Duration)>>,
}

impl Server {
    /// Takes requests for metrics. Those that come while the workers are being asked share the answer.
    pub(super) fn take_scrapes(&mut self, now: Instant) {
        while let Some(scrape) = self.metrics.next_scrape() {
            self.gathering.waiting.push(scrape);
        }
        if self.gathering.waiting.is_empty() || self.gathering.asked.is_some() {
            return;
        }
        self.gathering.asked = Some(now);
        self.gathering.answers = vec![None; self.crew.count()];
        self.crew.tell_all(|| Command::Totals(now));
    }

    /// A worker's answer.
    pub(super) fn on_totals(&mut self, now: Instant, worker: usize, totals: WorkerTotals) {
        let lag = now.saturating_duration_since(totals.asked);
        if let Some(answer) = self.gathering.answers.get_mut(worker) {
            *answer = Some((totals, lag));
        }
        let Some(workers) = self.gathering.answers.iter().copied().collect() else {
            return;
        };
        self.gathering.asked = None;
        let snapshot = self.snapshot(workers);
        for scrape in std::mem::take(&mut self.gathering.waiting) {
            scrape.answer(snapshot.clone());
        }
    }

    fn snapshot(&self, workers: Vec<(WorkerTotals, Duration)>) -> Snapshot {
        let mut sessions = vec![0; self.crew.count()];
        for (call, _) in self.sessions.iter() {
            if let Some(sessions) = sessions.get_mut(self.crew.of_call(call)) {
                *sessions += 1;
            }
        }
        Snapshot {
            sessions,
            connections: self.connections.len(),
            half_open: self.connections.half_open(),
            refused_connections: self.refusals.iter().collect(),
            counted: self.counted.clone(),
            pools: self.leases.usage(),
            radius: self.authority.radius(),
            workers,
            started: self.started,
        }
    }
}
