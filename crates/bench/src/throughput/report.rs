//! What came out of the measurements.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Settings;
use super::case::Case;
use crate::machine::Machine;
use crate::stage::IpVersion;
use crate::stats::{median, median_ratio, percentile};
use crate::subject::Subject;

/// Everything that was measured in one run. As JSON, it keeps its form between versions of the program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Where and when.
    pub machine: Machine,
    /// Length of one measurement in seconds.
    pub seconds: f64,
    /// TCP measurements of each case and subject.
    pub rounds: u16,
    /// What was measured.
    pub subjects: Vec<SubjectInfo>,
    /// What was asked for and is not installed, as sentences.
    pub missing: Vec<String>,
    /// Rates and processor time.
    pub tcp: Vec<TcpResult>,
    /// Round trips of ICMP echoes over an idle path.
    pub idle_round_trips: Vec<IdleResult>,
    /// Losses at 80 % of the highest rate.
    pub udp: Vec<UdpResult>,
    /// This program against other VPNs.
    pub ratios: Vec<Ratio>,
}

/// Something that was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectInfo {
    /// Its name on the command line.
    pub subject: Subject,
    /// What it is, for people.
    pub description: String,
    /// Version of its program, if it has one.
    pub version: Option<String>,
    /// The longest packet that it takes, in octets.
    pub mtu: u32,
}

/// A case with a subject.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TcpResult {
    /// What was measured.
    pub subject: Subject,
    /// The traffic.
    #[serde(flatten)]
    pub case: Case,
    /// All measurements, in the order of the rounds.
    pub samples: Vec<Sample>,
    /// The median of each figure.
    pub median: Sample,
    /// Round trips of ICMP echoes meanwhile.
    pub loaded_round_trips: RoundTrips,
}

/// One measurement of one case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// TCP payload that arrived, in Mbit/s (10^6).
    pub mbit_per_second: f64,
    /// Packets per second that arrived by the cable: those outside of a tunnel. A super-packet of offload,
    /// which the bare cable carries, counts once.
    pub packets_per_second: f64,
    /// Processor time for 10^9 octets of payload.
    pub cpu_seconds_per_gigabyte: CpuPerGigabyte,
    /// Packets that interfaces dropped.
    pub drops: Drops,
}

/// Seconds of processor time for 10^9 octets of payload.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct CpuPerGigabyte {
    /// That the whole machine was busy, whatever else ran on it.
    pub machine: f64,
    /// Of the tunnel's two ends and of the sender and receiver of the traffic.
    pub run: f64,
    /// Of the tunnel's two ends.
    pub tunnel: f64,
}

/// Packets dropped by interfaces, of both ends together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Drops {
    /// Of the path that was measured: of a tunnel's interface because nobody read it soon enough.
    pub path: u64,
    /// Of the cable.
    pub cable: u64,
}

/// Times of round trips in microseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RoundTrips {
    /// The median.
    pub median: f64,
    /// Of a hundred, 99 took no longer.
    pub p99: f64,
    /// How many there were.
    pub count: usize,
    /// All of them, while they are measured.
    #[serde(skip)]
    times: Vec<f64>,
}

/// Round trips over an idle path, one echo right after the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IdleResult {
    /// What was measured.
    pub subject: Subject,
    /// Version of IP.
    pub ip: IpVersion,
    /// The times.
    pub round_trips: RoundTrips,
    /// The median less that of the bare cable in the same run, in microseconds.
    pub added_median: Option<f64>,
    /// The same of the 99th percentile.
    pub added_p99: Option<f64>,
}

/// Numbered datagrams at 80 % of the highest rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UdpResult {
    /// What was measured.
    pub subject: Subject,
    /// The traffic.
    #[serde(flatten)]
    pub case: Case,
    /// UDP payload of a datagram in octets.
    pub payload: usize,
    /// Highest rate found at which at most one in a thousand was lost, in datagrams per second.
    pub highest_rate: f64,
    /// Rate at which the following was counted, in datagrams per second.
    pub rate: f64,
    /// The same in Mbit/s of payload.
    pub mbit_per_second: f64,
    /// Datagrams sent.
    pub sent: u64,
    /// Datagrams that did not come out of the path.
    pub lost: u64,
    /// Datagrams that came after one sent later.
    pub reordered: u64,
    /// Datagrams that came once more.
    pub duplicate: u64,
    /// Datagrams that came out of the path and that the receiver was too slow to read.
    pub unread: u64,
    /// What the tunnel's server has counted since its start, if it tells.
    pub counters: Option<serde_json::Value>,
}

/// This program against another VPN: medians of the ratios of the rounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ratio {
    /// The traffic.
    #[serde(flatten)]
    pub case: Case,
    /// This program.
    pub subject: Subject,
    /// The other.
    pub against: Subject,
    /// Of rates: more is better.
    pub throughput: f64,
    /// Of processor time of the machine for the same octets: less is better.
    pub cpu: f64,
    /// Of processor time of the tunnel's ends for the same octets: less is better.
    pub tunnel_cpu: f64,
}

impl Report {
    pub(super) fn new(machine: Machine, settings: &Settings, missing: Vec<String>) -> Self {
        Self {
            machine,
            seconds: settings.time.as_secs_f64(),
            rounds: settings.rounds,
            subjects: Vec::new(),
            missing,
            tcp: Vec::new(),
            idle_round_trips: Vec::new(),
            udp: Vec::new(),
            ratios: Vec::new(),
        }
    }

    pub(super) fn add_round_trips(&mut self, subject: Subject, ip: IpVersion, times: &[Duration]) {
        let known =
            (self.idle_round_trips.iter_mut()).find(|it| (it.subject, it.ip) == (subject, ip));
        match known {
            Some(known) => known.round_trips.extend(times),
            None => self.idle_round_trips.push(IdleResult {
                subject,
                ip,
                round_trips: RoundTrips::of(times),
                added_median: None,
                added_p99: None,
            }),
        }
    }

    pub(super) fn add_sample(
        &mut self,
        subject: Subject,
        case: Case,
        sample: Sample,
        loaded: &[Duration],
    ) {
        let known = self
            .tcp
            .iter_mut()
            .find(|it| (it.subject, it.case) == (subject, case));
        match known {
            Some(known) => {
                known.samples.push(sample);
                known.median = Sample::median(&known.samples);
                known.loaded_round_trips.extend(loaded);
            }
            None => self.tcp.push(TcpResult {
                subject,
                case,
                samples: vec![sample],
                median: sample,
                loaded_round_trips: RoundTrips::of(loaded),
            }),
        }
    }

    /// Sets this program against the others, and round trips against those of the bare cable.
    pub(super) fn compare(&mut self) {
        let bare = self.idle_round_trips.clone();
        for it in &mut self.idle_round_trips {
            let mut bare = bare.iter().filter(|bare| bare.subject == Subject::Veth);
            let bare = bare.find(|bare| bare.ip == it.ip && it.subject != Subject::Veth);
            let bare = bare.map(|bare| &bare.round_trips);
            it.added_median = bare.map(|bare| it.round_trips.median - bare.median);
            it.added_p99 = bare.map(|bare| it.round_trips.p99 - bare.p99);
        }
        let own = self.tcp.iter().filter(|it| it.subject.is_adit());
        self.ratios = own
            .flat_map(|own| {
                let peers = self.tcp.iter().filter(|it| it.subject.is_peer());
                let same = peers.filter(|peer| peer.case == own.case);
                same.filter_map(|peer| own.against(peer))
            })
            .collect();
    }
}

impl SubjectInfo {
    pub(super) fn of(subject: Subject, mtu: u32) -> Self {
        Self {
            subject,
            description: subject.description().to_owned(),
            version: subject.version(),
            mtu,
        }
    }
}

impl TcpResult {
    /// One figure of all samples.
    pub(super) fn figures(&self, figure: impl Fn(&Sample) -> f64) -> Vec<f64> {
        self.samples.iter().map(figure).collect()
    }

    fn against(&self, other: &Self) -> Option<Ratio> {
        let ratio = |figure: fn(&Sample) -> f64| {
            median_ratio(&self.figures(figure), &other.figures(figure))
        };
        Some(Ratio {
            case: self.case,
            subject: self.subject,
            against: other.subject,
            throughput: ratio(|it| it.mbit_per_second)?,
            cpu: ratio(|it| it.cpu_seconds_per_gigabyte.machine)?,
            tunnel_cpu: ratio(|it| it.cpu_seconds_per_gigabyte.tunnel)?,
        })
    }
}

impl Sample {
    /// The median of each figure.
    fn median(samples: &[Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| {
            let figures: Vec<f64> = samples.iter().map(figure).collect();
            median(&figures).unwrap_or_default()
        };
        Self {
            mbit_per_second: of(|it| it.mbit_per_second),
            packets_per_second: of(|it| it.packets_per_second),
            cpu_seconds_per_gigabyte: CpuPerGigabyte {
                machine: of(|it| it.cpu_seconds_per_gigabyte.machine),
                run: of(|it| it.cpu_seconds_per_gigabyte.run),
                tunnel: of(|it| it.cpu_seconds_per_gigabyte.tunnel),
            },
            drops: Drops {
                path: of(|it| it.drops.path as f64) as u64,
                cable: of(|it| it.drops.cable as f64) as u64,
            },
        }
    }
}

impl RoundTrips {
    fn of(times: &[Duration]) -> Self {
        let mut round_trips = Self::default();
        round_trips.extend(times);
        round_trips
    }

    fn extend(&mut self, times: &[Duration]) {
        let microseconds = times.iter().map(|time| time.as_secs_f64() * 1e6);
        self.times.extend(microseconds);
        self.count = self.times.len();
        self.median = median(&self.times).unwrap_or_default();
        self.p99 = percentile(&self.times, 99.0).unwrap_or_default();
    }
}
