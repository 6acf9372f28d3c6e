//! What came of a measurement, for programs and for people.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::load::Flow;
use super::memory::Memory;
use super::setup::Ending;
use super::users::Users;
use crate::stats::{median, median_ratio, percentile};

/// What came of a measurement.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Who judged the logins, where it was a server of its own.
    pub users: Option<Users>,
    /// Sessions asked for.
    pub sessions: usize,
    /// Sessions that carried packets to the end.
    pub up: usize,
    /// Why the others did not.
    pub failures: Vec<Failure>,
    /// How sessions came up, all but the first one.
    pub set_up: SetUp,
    /// What they cost the server, where its process can be looked at.
    pub memory: Option<MemoryReport>,
    /// How fast packets passed.
    pub forwarding: Vec<Forwarding>,
    /// GRE packets that the clients' host did not send, its queues being full or for other reasons.
    pub unsent: u64,
    /// How the sessions ended.
    pub ending: Ending,
}

/// Sessions that did not come up, or ended too early.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Why.
    pub reason: String,
    /// How many.
    pub sessions: usize,
}

/// How fast sessions came up: from the TCP connection to the first packet that came back through the tunnel.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SetUp {
    /// Sessions that came up.
    pub sessions: usize,
    /// From the first TCP connection to the last session's first packet, in seconds.
    pub seconds: f64,
    /// Sessions in a second.
    pub per_second: f64,
    /// Sessions that were being brought up at once.
    pub parallel: usize,
    /// From a session's TCP connection to its first packet; none where none came up.
    pub first_packet: Option<Milliseconds>,
}

/// Times in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Milliseconds {
    /// Half of the samples are not longer.
    pub median: f64,
    /// 99 of 100 samples are not longer.
    pub p99: f64,
}

/// Memory of the server's process. What the kernel keeps for its sockets is not in it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MemoryReport {
    /// With one session that has carried packets.
    pub before: Memory,
    /// With all sessions up.
    pub idle: Memory,
    /// After packets passed through all of them.
    pub after: Memory,
    /// Resident octets that each session added to `before`, after packets passed.
    pub per_session: f64,
}

/// How fast packets passed: medians of all rounds. A packet of so many octets goes from a client to the server's
/// host and is answered by one as long; both are counted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Forwarding {
    /// Length of the inner packets.
    pub octets: usize,
    /// Sessions that took turns carrying them.
    pub carrying: usize,
    /// Sessions that were up.
    pub up: usize,
    /// Inner packets in a second, of both directions together.
    pub packets_per_second: f64,
    /// The same in millions of bits in a second.
    pub megabits_per_second: f64,
    /// The rate as a share of that of one session in the same round, with as many up.
    pub of_one_session: Option<f64>,
    /// Processor time of the server's process for one inner packet, in microseconds.
    pub server_microseconds: Option<f64>,
    /// The same of the clients' process.
    pub clients_microseconds: f64,
    /// Packets that were not answered within a second, of all rounds.
    pub lost: u64,
}

impl SetUp {
    /// `first_packets` in milliseconds.
    pub(super) fn new(parallel: usize, first_packets: &[f64], time: Duration) -> Self {
        let seconds = time.as_secs_f64();
        let times = median(first_packets).zip(percentile(first_packets, 99.0));
        let per_second = first_packets.len() as f64 / seconds;
        Self {
            sessions: first_packets.len(),
            seconds,
            per_second: if per_second.is_finite() {
                per_second
            } else {
                0.0
            },
            parallel,
            first_packet: times.map(|(median, p99)| Milliseconds { median, p99 }),
        }
    }
}

impl MemoryReport {
    pub(super) fn new(before: Memory, idle: Memory, after: Memory, added: usize) -> Self {
        let grown = after.resident.saturating_sub(before.resident);
        Self {
            before,
            idle,
            after,
            per_session: grown as f64 / added.max(1) as f64,
        }
    }
}

/// Sums up the rounds of one measurement; `one` has those of one session.
pub(super) fn forwarding(
    octets: usize,
    (carrying, up): (usize, usize),
    flows: &[Flow],
    one: Option<&[Flow]>,
    server_watched: bool,
) -> Forwarding {
    let of =
        |flows: &[Flow], what: fn(&Flow) -> f64| -> Vec<f64> { flows.iter().map(what).collect() };
    let rates = of(flows, Flow::rate);
    let middle = |samples: &[f64]| median(samples).unwrap_or_default();
    let rate = middle(&rates);
    Forwarding {
        octets,
        carrying,
        up,
        packets_per_second: rate,
        megabits_per_second: rate * octets as f64 * 8.0 / 1e6,
        of_one_session: one.and_then(|one| median_ratio(&rates, &of(one, Flow::rate))),
        server_microseconds: server_watched.then(|| middle(&of(flows, Flow::server_microseconds))),
        clients_microseconds: middle(&of(flows, Flow::clients_microseconds)),
        lost: flows.iter().map(|flow| flow.lost).sum(),
    }
}

impl Flow {
    /// Inner packets in a second, requests and answers.
    fn rate(&self) -> f64 {
        self.packets() / self.time.as_secs_f64()
    }

    fn packets(&self) -> f64 {
        self.answered as f64 * 2.0
    }

    fn server_microseconds(&self) -> f64 {
        self.processor[0] * 1e6 / self.packets().max(1.0)
    }

    fn clients_microseconds(&self) -> f64 {
        self.processor[1] * 1e6 / self.packets().max(1.0)
    }
}

/// Octets in a KiB.
const KIB: f64 = 1024.0;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Sessions          {} of {} up", self.up, self.sessions)?;
        if let Some(users) = self.users {
            writeln!(f, "Logins judged by  {users}")?;
        }
        for failure in &self.failures {
            writeln!(
                f,
                "  failed          {} times: {}",
                failure.sessions, failure.reason
            )?;
        }
        self.set_up.fmt(f)?;
        if let Some(memory) = &self.memory {
            memory.fmt(f)?;
        }
        writeln!(
            f,
            "Ended in order    {} in {:.1} s, {} without an answer",
            self.ending.in_order, self.ending.seconds, self.ending.unanswered
        )?;
        if self.unsent > 0 {
            writeln!(
                f,
                "Not sent          {} packets, by the clients' host",
                self.unsent
            )?;
        }
        if !self.forwarding.is_empty() {
            writeln!(f, "\n{HEADING}")?;
        }
        self.forwarding.iter().try_for_each(|row| row.fmt(f))
    }
}

impl fmt::Display for SetUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "Set up            {:.0} a second: {} in {:.2} s, {} at once",
            self.per_second, self.sessions, self.seconds, self.parallel
        )?;
        match self.first_packet {
            Some(Milliseconds { median, p99 }) => writeln!(
                f,
                "First packet      {median:.1} ms after the TCP connection began (median), {p99:.1} ms (p99)"
            ),
            None => Ok(()),
        }
    }
}

impl fmt::Display for MemoryReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kib = |memory: Memory| memory.resident as f64 / KIB;
        writeln!(
            f,
            "Server's memory   {:.1} KiB a session: {:.0} KiB resident with one, {:.0} with all, {:.0} after packets",
            self.per_session / KIB,
            kib(self.before),
            kib(self.idle),
            kib(self.after)
        )
    }
}

const HEADING: &str = "\
octets  carrying      up   packets/s    Mbit/s  of one  server us  clients us    lost";

impl fmt::Display for Forwarding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let server = self.server_microseconds;
        writeln!(
            f,
            "{:>6}  {:>8}  {:>6}  {:>10.0}  {:>8.1}  {:>6}  {:>9}  {:>10.2}  {:>6}",
            self.octets,
            self.carrying,
            self.up,
            self.packets_per_second,
            self.megabits_per_second,
            or_dash(
                self.of_one_session
                    .map(|share| format!("{:.0} %", share * 100.0))
            ),
            or_dash(server.map(|time| format!("{time:.2}"))),
            self.clients_microseconds,
            self.lost,
        )
    }
}

fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(answered: u64, server: f64) -> Flow {
        Flow {
            answered,
            lost: 1,
            time: Duration::from_secs(2),
            processor: [server, 0.5],
        }
    }

    #[test]
    fn both_directions_count_and_rounds_are_compared_with_themselves() {
        let flows = [flow(1_000, 0.01), flow(500, 0.01), flow(4_000, 0.04)];
        let one = [flow(2_000, 0.01), flow(500, 0.01), flow(40_000, 0.04)];
        let row = forwarding(1_000, (7, 9), &flows, Some(&one), true);
        assert_eq!((row.carrying, row.up, row.lost), (7, 9, 3));
        assert!((row.packets_per_second - 1_000.0).abs() < 1e-9);
        assert!((row.megabits_per_second - 8.0).abs() < 1e-9);
        assert_eq!(row.of_one_session, Some(0.5));
        assert_eq!(row.server_microseconds, Some(5.0));
        assert_eq!(row.clients_microseconds, 250.0);
        let unwatched = forwarding(64, (1, 1), &flows, None, false);
        assert_eq!(
            (unwatched.server_microseconds, unwatched.of_one_session),
            (None, None)
        );
    }

    #[test]
    fn memory_is_shared_out_among_the_sessions_that_were_added() {
        let memory = |resident| Memory {
            resident,
            proportional: 0,
        };
        let report = MemoryReport::new(memory(5_000), memory(9_000), memory(10_000), 10);
        assert_eq!(report.per_session, 500.0);
        assert_eq!(
            MemoryReport::new(memory(9), memory(9), memory(8), 0).per_session,
            0.0
        );
    }

    #[test]
    fn no_sessions_make_no_times() {
        let none = SetUp::new(4, &[], Duration::ZERO);
        assert_eq!((none.per_second, none.first_packet), (0.0, None));
        let times: Vec<f64> = (1..=100).map(f64::from).collect();
        let some = SetUp::new(4, &times, Duration::from_secs(2));
        assert_eq!(some.per_second, 50.0);
        let expected = Milliseconds {
            median: 50.5,
            p99: 99.0,
        };
        assert_eq!(some.first_packet, Some(expected));
    }
}
