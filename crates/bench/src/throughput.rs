//! Rates, processor time, round trips and losses through one tunnel, beside the bare cable.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::cpu::{CpuTime, machine_busy};
use crate::interface::Counters;
use crate::stage::Stage;
use crate::stop::Stop;
use crate::traffic::TcpLoad;

pub use crate::stage::IpVersion;

/// What to measure.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Length of one measurement.
    pub time: Duration,
    /// Measurements of each case.
    pub rounds: u16,
}

/// One measurement of one case.
#[derive(Debug, Clone, Serialize)]
pub struct Sample {
    /// TCP payload that arrived, in Mbit/s.
    pub mbit_per_second: f64,
    /// Packets that arrived at the interface of the path, per second.
    pub packets_per_second: f64,
    /// Seconds that all processors together were busy, per gigabyte of payload.
    pub cpu_seconds_per_gigabyte: f64,
    /// The same of the two ends of the tunnel alone.
    pub tunnel_cpu_seconds_per_gigabyte: f64,
}

/// Measures.
///
/// # Errors
/// The hosts cannot be made, traffic does not pass, or somebody asked to stop.
pub fn run(settings: &Settings, stop: &Stop) -> anyhow::Result<Vec<Sample>> {
    let stage = Stage::cable()?;
    let measure = |_| measure(&stage, settings.time, stop);
    (0..settings.rounds).map(measure).collect()
}

fn measure(stage: &Stage, time: Duration, stop: &Stop) -> anyhow::Result<Sample> {
    let load = TcpLoad::start(&stage.server, &stage.client, IpVersion::V4, 1)?;
    stop.wait(time / 10)?;
    let before = Moment::of(stage, &load)?;
    stop.wait(time)?;
    let after = Moment::of(stage, &load)?;
    Ok(after.since(&before))
}

/// Everything that is counted, at one moment.
struct Moment {
    at: Instant,
    octets: u64,
    busy: f64,
    tunnel: CpuTime,
    counters: Counters,
}

impl Moment {
    fn of(stage: &Stage, load: &TcpLoad) -> anyhow::Result<Self> {
        Ok(Self {
            at: Instant::now(),
            octets: load.octets(),
            busy: machine_busy()?,
            tunnel: stage.tunnel_time()?,
            counters: Counters::of(&stage.client.host, &stage.client.interface)?,
        })
    }

    fn since(&self, before: &Self) -> Sample {
        let seconds = (self.at - before.at).as_secs_f64();
        let octets = (self.octets - before.octets) as f64;
        let gigabytes = octets / 1e9;
        let packets = self.counters - before.counters;
        Sample {
            mbit_per_second: octets * 8.0 / 1e6 / seconds,
            packets_per_second: packets.received as f64 / seconds,
            cpu_seconds_per_gigabyte: (self.busy - before.busy) / gigabytes,
            tunnel_cpu_seconds_per_gigabyte: (self.tunnel - before.tunnel).total() / gigabytes,
        }
    }
}
