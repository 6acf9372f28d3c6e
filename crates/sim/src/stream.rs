//! One direction of a TCP connection: nothing is lost or out of order, but everything comes in
//! pieces that have nothing to do with how it was written.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::rng::{Chance, Rng};

/// How a stream carries octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamConfig {
    /// How long every octet takes.
    pub latency: Duration,
    /// How much longer a piece may take.
    pub jitter: Duration,
    /// How often a piece is cut in two, again and again.
    pub split: Chance,
    /// How often two pieces that have arrived are read as one.
    pub join: Chance,
}

impl Default for StreamConfig {
    fn default() -> Self {
        Self {
            latency: Duration::from_millis(10),
            jitter: Duration::from_millis(2),
            split: Chance::percent(40),
            join: Chance::percent(50),
        }
    }
}

/// What a reader gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrival {
    /// Some octets.
    Octets(Vec<u8>),
    /// The writer has closed; nothing follows.
    Closed,
}

/// One direction of a TCP connection.
#[derive(Debug)]
pub struct Stream {
    config: StreamConfig,
    rng: Rng,
    on_the_way: VecDeque<(Instant, Arrival)>,
    /// When the last piece arrives: none overtakes another.
    last: Option<Instant>,
    writer: Writer,
    path: Path,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writer {
    Open,
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Path {
    Clear,
    Blocked,
}

impl Stream {
    /// An open stream with nothing in it.
    pub fn new(config: StreamConfig, rng: Rng) -> Self {
        Self {
            config,
            rng,
            on_the_way: VecDeque::new(),
            last: None,
            writer: Writer::Open,
            path: Path::Clear,
        }
    }

    /// Takes octets from the writer; ignored once it has closed.
    pub fn write(&mut self, now: Instant, mut octets: &[u8]) {
        if self.writer == Writer::Closed {
            return;
        }
        while octets.len() > 1 && self.rng.happens(self.config.split) {
            let (piece, rest) = octets.split_at(1 + self.rng.index(octets.len() - 1));
            self.push(now, Arrival::Octets(piece.to_vec()));
            octets = rest;
        }
        if !octets.is_empty() {
            self.push(now, Arrival::Octets(octets.to_vec()));
        }
    }

    /// The writer closes; what it has written still arrives.
    pub fn close(&mut self, now: Instant) {
        if self.writer == Writer::Open {
            self.push(now, Arrival::Closed);
            self.writer = Writer::Closed;
        }
    }

    /// Whether the writer has closed and the reader knows.
    pub fn is_over(&self) -> bool {
        self.writer == Writer::Closed && self.on_the_way.is_empty()
    }

    /// Lets nothing through until [`unblock`](Self::unblock): TCP keeps all it has and tries again.
    pub fn block(&mut self) {
        self.path = Path::Blocked;
    }

    /// Lets everything through again.
    pub fn unblock(&mut self) {
        self.path = Path::Clear;
    }

    /// When there is something to read.
    pub fn deadline(&self) -> Option<Instant> {
        match self.path {
            Path::Clear => self.on_the_way.front().map(|(at, _)| *at),
            Path::Blocked => None,
        }
    }

    /// What there is to read.
    pub fn poll(&mut self, now: Instant) -> Option<Arrival> {
        let mut arrival = self.pop(now)?;
        while let Arrival::Octets(octets) = &mut arrival
            && matches!(self.on_the_way.front(), Some((at, Arrival::Octets(_))) if *at <= now)
            && self.rng.happens(self.config.join)
            && let Some(Arrival::Octets(more)) = self.pop(now)
        {
            octets.extend(more);
        }
        Some(arrival)
    }

    fn pop(&mut self, now: Instant) -> Option<Arrival> {
        self.deadline()?;
        self.on_the_way
            .pop_front_if(|(at, _)| *at <= now)
            .map(|(_, arrival)| arrival)
    }

    fn push(&mut self, now: Instant, arrival: Arrival) {
        let at = now + self.config.latency + self.rng.up_to(self.config.jitter);
        let at = self.last.map_or(at, |last| last.max(at));
        self.last = Some(at);
        self.on_the_way.push_back((at, arrival));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_arrive_once_and_in_order_however_they_are_cut() {
        let start = Instant::now();
        let written: Vec<u8> = (0..=255).cycle().take(10_000).collect();
        let mut stream = Stream::new(StreamConfig::default(), Rng::new(9));
        for (number, message) in (0u32..).zip(written.chunks(156)) {
            stream.write(start + Duration::from_millis(1) * number, message);
        }
        stream.close(start);
        stream.write(start, b"too late");
        let (mut read, mut pieces) = (Vec::new(), 0);
        while let Some(at) = stream.deadline() {
            match stream.poll(at) {
                Some(Arrival::Octets(octets)) => {
                    read.extend(octets);
                    pieces += 1;
                }
                Some(Arrival::Closed) => assert_eq!(stream.deadline(), None),
                None => panic!("something was due"),
            }
        }
        assert_eq!(read, written);
        assert!(pieces > 70, "{pieces}");
        assert!(stream.is_over());
    }

    #[test]
    fn a_blocked_stream_keeps_what_is_written() {
        let now = Instant::now();
        let mut stream = Stream::new(StreamConfig::default(), Rng::new(9));
        stream.block();
        stream.write(now, b"x");
        let later = now + Duration::from_secs(60);
        assert_eq!((stream.deadline(), stream.poll(later)), (None, None));
        stream.unblock();
        assert_eq!(stream.poll(later), Some(Arrival::Octets(vec![b'x'])));
    }

    #[test]
    fn nothing_arrives_before_its_time() {
        let now = Instant::now();
        let config = StreamConfig {
            jitter: Duration::ZERO,
            ..StreamConfig::default()
        };
        let mut stream = Stream::new(config, Rng::new(9));
        stream.write(now, b"x");
        assert_eq!(stream.poll(now + Duration::from_millis(9)), None);
        assert_eq!(
            stream.poll(now + Duration::from_millis(10)),
            Some(Arrival::Octets(vec![b'x']))
        );
    }
}
