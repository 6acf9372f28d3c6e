//! One direction of a path that carries datagrams badly.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use crate::rng::{Chance, Rng};

/// How badly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Impairment {
    /// How long every packet takes.
    pub latency: Duration,
    /// How much longer it may take, evenly spread; packets overtake each other within it.
    pub jitter: Duration,
    /// Packets that never arrive.
    pub loss: Chance,
    /// Packets that arrive twice.
    pub duplication: Chance,
    /// Packets that are held up so that later ones overtake them.
    pub reordering: Chance,
    /// For how long they are held up.
    pub reorder_by: Duration,
    /// Packets in which one bit is turned over.
    pub corruption: Chance,
    /// The longest packet that passes, in octets.
    pub mtu: usize,
    /// Octets per second that pass; none for as many as come.
    pub rate: Option<u32>,
    /// Packets that wait for their turn at that rate; further ones are lost.
    pub queue: usize,
}

impl Impairment {
    /// 10 ms and nothing else.
    pub const NONE: Self = Self {
        latency: Duration::from_millis(10),
        jitter: Duration::ZERO,
        loss: Chance::NEVER,
        duplication: Chance::NEVER,
        reordering: Chance::NEVER,
        reorder_by: Duration::ZERO,
        corruption: Chance::NEVER,
        mtu: usize::MAX,
        rate: None,
        queue: 100,
    };

    /// The longest that a packet takes which arrives, its wait for the rate left aside.
    pub fn longest(&self) -> Duration {
        self.latency + self.jitter + self.reorder_by
    }
}

impl Default for Impairment {
    fn default() -> Self {
        Self::NONE
    }
}

/// What became of the packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NetemStats {
    /// Handed in.
    pub sent: u64,
    /// Handed out, duplicates too.
    pub arrived: u64,
    /// Lost by chance.
    pub lost: u64,
    /// Sent twice.
    pub duplicated: u64,
    /// Held up.
    pub reordered: u64,
    /// Handed out with a wrong bit.
    pub corrupted: u64,
    /// Dropped for their length.
    pub too_long: u64,
    /// Dropped because the queue was full.
    pub queue_full: u64,
}

/// The emulator: packets in with the time, packets out when their time has come.
#[derive(Debug)]
pub struct Netem {
    impairment: Impairment,
    rng: Rng,
    /// By arrival, those of the same time in the order in which they were sent.
    on_the_way: BTreeMap<(Instant, u64), Vec<u8>>,
    next_number: u64,
    /// When the packets leave that wait for the rate.
    departures: VecDeque<Instant>,
    stats: NetemStats,
}

impl Netem {
    /// A path with nothing on it.
    pub fn new(impairment: Impairment, rng: Rng) -> Self {
        Self {
            impairment,
            rng,
            on_the_way: BTreeMap::new(),
            next_number: 0,
            departures: VecDeque::new(),
            stats: NetemStats::default(),
        }
    }

    /// Changes how badly it carries what is sent from here on.
    pub fn set_impairment(&mut self, impairment: Impairment) {
        self.impairment = impairment;
    }

    /// How badly it carries.
    pub fn impairment(&self) -> &Impairment {
        &self.impairment
    }

    /// Takes a packet.
    pub fn send(&mut self, now: Instant, packet: Vec<u8>) {
        self.stats.sent += 1;
        if packet.len() > self.impairment.mtu {
            self.stats.too_long += 1;
            return;
        }
        if self.rng.happens(self.impairment.loss) {
            self.stats.lost += 1;
            return;
        }
        if self.rng.happens(self.impairment.duplication) {
            self.stats.duplicated += 1;
            self.carry(now, packet.clone());
        }
        self.carry(now, packet);
    }

    /// When the next packet arrives.
    pub fn deadline(&self) -> Option<Instant> {
        self.on_the_way.keys().next().map(|(at, _)| *at)
    }

    /// A packet that has arrived.
    pub fn poll(&mut self, now: Instant) -> Option<Vec<u8>> {
        let first = self.on_the_way.first_entry()?;
        if first.key().0 > now {
            return None;
        }
        self.stats.arrived += 1;
        Some(first.remove())
    }

    /// Loses everything that is on the way.
    pub fn clear(&mut self) {
        self.stats.lost += self.on_the_way.len() as u64;
        self.on_the_way.clear();
    }

    /// What became of the packets.
    pub fn stats(&self) -> &NetemStats {
        &self.stats
    }

    fn carry(&mut self, now: Instant, mut packet: Vec<u8>) {
        let Some(leaves) = self.leave(now, packet.len()) else {
            self.stats.queue_full += 1;
            return;
        };
        let mut arrival = leaves + self.impairment.latency;
        arrival += self.rng.up_to(self.impairment.jitter);
        if self.rng.happens(self.impairment.reordering) {
            self.stats.reordered += 1;
            arrival += self.impairment.reorder_by;
        }
        if self.rng.happens(self.impairment.corruption) {
            self.stats.corrupted += 1;
            let at = self.rng.index(packet.len());
            if let Some(octet) = packet.get_mut(at) {
                *octet ^= 1 << self.rng.below(8);
            }
        }
        self.on_the_way.insert((arrival, self.next_number), packet);
        self.next_number += 1;
    }

    /// When a packet of this length has left at the path's rate; none where the queue is full.
    fn leave(&mut self, now: Instant, length: usize) -> Option<Instant> {
        let Some(rate) = self.impairment.rate else {
            return Some(now);
        };
        while self.departures.front().is_some_and(|at| *at <= now) {
            self.departures.pop_front();
        }
        if self.departures.len() >= self.impairment.queue {
            return None;
        }
        let start = self.departures.back().map_or(now, |last| (*last).max(now));
        let takes = Duration::from_secs_f64(length as f64 / f64::from(rate.max(1)));
        self.departures.push_back(start + takes);
        Some(start + takes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn run(impairment: Impairment, packets: u16) -> (Vec<(Duration, u16)>, NetemStats) {
        let start = Instant::now();
        let mut netem = Netem::new(impairment, Rng::new(5));
        for number in 0..packets {
            let sent = start + MS * u32::from(number);
            netem.send(sent, number.to_be_bytes().to_vec());
        }
        let mut arrived = Vec::new();
        while let Some(at) = netem.deadline() {
            assert_eq!(netem.poll(at - Duration::from_nanos(1)), None);
            let packet = netem.poll(at).unwrap();
            arrived.push((at - start, u16::from_be_bytes([packet[0], packet[1]])));
        }
        (arrived, *netem.stats())
    }

    #[test]
    fn an_unimpaired_path_carries_all_in_order_after_its_latency() {
        let (arrived, _) = run(Impairment::NONE, 100);
        let expected: Vec<_> = (0..100u16)
            .map(|number| (MS * (10 + u32::from(number)), number))
            .collect();
        assert_eq!(arrived, expected);
    }

    #[test]
    fn losses_and_duplicates_are_as_many_as_counted() {
        let impairment = Impairment {
            loss: Chance::percent(20),
            duplication: Chance::percent(10),
            ..Impairment::NONE
        };
        let (arrived, stats) = run(impairment, 1_000);
        assert_eq!(
            arrived.len() as u64,
            stats.sent - stats.lost + stats.duplicated
        );
        assert!((150..250).contains(&stats.lost), "{stats:?}");
        assert!((50..130).contains(&stats.duplicated), "{stats:?}");
    }

    #[test]
    fn jitter_lets_packets_overtake_each_other_within_its_bound() {
        let jitter = MS * 20;
        let (arrived, _) = run(
            Impairment {
                jitter,
                ..Impairment::NONE
            },
            500,
        );
        assert!(arrived.windows(2).any(|pair| pair[0].1 > pair[1].1));
        for (at, number) in arrived {
            let transit = at - MS * u32::from(number);
            assert!((MS * 10..=MS * 30).contains(&transit), "{transit:?}");
        }
    }

    #[test]
    fn a_held_up_packet_comes_behind_later_ones() {
        let impairment = Impairment {
            reordering: Chance::percent(10),
            reorder_by: MS * 5,
            ..Impairment::NONE
        };
        let (arrived, stats) = run(impairment, 500);
        let late = arrived
            .iter()
            .filter(|(at, number)| *at == MS * (15 + u32::from(*number)))
            .count();
        assert_eq!(late as u64, stats.reordered);
        assert!(late > 20);
    }

    #[test]
    fn a_corrupted_packet_differs_in_one_bit() {
        let now = Instant::now();
        let corruption = Chance::ALWAYS;
        let mut netem = Netem::new(
            Impairment {
                corruption,
                ..Impairment::NONE
            },
            Rng::new(1),
        );
        netem.send(now, vec![0; 40]);
        netem.send(now, Vec::new());
        let packet = netem.poll(now + MS * 10).unwrap();
        let bits: u32 = packet.iter().map(|octet| octet.count_ones()).sum();
        assert_eq!(bits, 1);
        assert_eq!(netem.poll(now + MS * 10), Some(Vec::new()));
    }

    #[test]
    fn a_rate_spaces_packets_and_its_queue_is_bounded() {
        let now = Instant::now();
        let impairment = Impairment {
            rate: Some(1_000),
            queue: 3,
            latency: Duration::ZERO,
            ..Impairment::NONE
        };
        let mut netem = Netem::new(impairment, Rng::new(1));
        for _ in 0..5 {
            netem.send(now, vec![0; 100]);
        }
        let mut arrivals = Vec::new();
        while let Some(at) = netem.deadline() {
            netem.poll(at);
            arrivals.push(at - now);
        }
        assert_eq!(arrivals, [MS * 100, MS * 200, MS * 300]);
        assert_eq!(netem.stats().queue_full, 2);
        netem.send(now + MS * 1_000, vec![0; 100]);
        assert_eq!(netem.deadline(), Some(now + MS * 1_100));
    }

    #[test]
    fn packets_longer_than_the_path_carries_are_dropped() {
        let now = Instant::now();
        let mut netem = Netem::new(
            Impairment {
                mtu: 50,
                ..Impairment::NONE
            },
            Rng::new(1),
        );
        netem.send(now, vec![0; 51]);
        assert_eq!(netem.deadline(), None);
        netem.send(now, vec![0; 50]);
        assert_eq!(netem.stats().too_long, 1);
        netem.clear();
        assert_eq!(netem.deadline(), None);
        assert_eq!(netem.stats().lost, 1);
    }
}
