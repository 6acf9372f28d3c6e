//! One measurement with TCP.

use std::time::{Duration, Instant};

use super::case::Case;
use super::report::{CpuPerGigabyte, Drops, Sample};
use crate::cpu::{CpuTime, machine_busy};
use crate::interface::Counters;
use crate::ping::Pinger;
use crate::stage::{End, Stage};
use crate::stop::Stop;
use crate::traffic::TcpLoad;

/// How often an echo is sent under load, whether those before have been answered or not: who waits for the answer
/// measures quick times more often than slow ones.
const PACE: Duration = Duration::from_millis(1);

/// Measures for this time, after a tenth of it to get going; then, under the same load and for a third of the
/// time, the round trips.
pub(super) fn measure(
    stage: &Stage,
    case: Case,
    time: Duration,
    stop: &Stop,
) -> anyhow::Result<(Sample, Vec<Duration>)> {
    let (from, to) = case.ends(stage);
    let load = TcpLoad::start(from, to, case.ip, case.streams)?;
    stop.wait(time / 10)?;
    let before = Moment::of(stage, to, &load)?;
    stop.wait(time)?;
    let after = Moment::of(stage, to, &load)?;
    let sample = after.since(&before);

    let mut pinger = Pinger::open(&stage.client.host, stage.server.address(case.ip))?;
    stop.check()?;
    let loaded = pinger.round_trips_paced(PACE, time / 3)?;
    Ok((sample, loaded))
}

/// Everything that is counted, at one moment.
struct Moment {
    at: Instant,
    octets: u64,
    machine: f64,
    run: f64,
    tunnel: f64,
    path: [Counters; 2],
    cable: [Counters; 2],
    arrived: Counters,
}

impl Moment {
    fn of(stage: &Stage, to: &End, load: &TcpLoad) -> anyhow::Result<Self> {
        let ends = [&stage.server, &stage.client];
        let [server, client] = ends;
        let tunnel = stage.tunnel_time()?.total();
        Ok(Self {
            at: Instant::now(),
            octets: load.octets(),
            machine: machine_busy()?,
            run: tunnel + CpuTime::of_process(std::process::id())?.total(),
            tunnel,
            path: [server.path_counters()?, client.path_counters()?],
            cable: [server.cable_counters()?, client.cable_counters()?],
            arrived: to.cable_counters()?,
        })
    }

    fn since(&self, before: &Self) -> Sample {
        let seconds = (self.at - before.at).as_secs_f64();
        let octets = (self.octets - before.octets) as f64;
        let per_gigabyte = |now: f64, then: f64| (now - then) * 1e9 / octets.max(1.0);
        let drops = |now: [Counters; 2], then: [Counters; 2]| {
            let pairs = now.into_iter().zip(then);
            pairs.map(|(now, then)| (now - then).dropped).sum()
        };
        Sample {
            mbit_per_second: octets * 8.0 / 1e6 / seconds,
            packets_per_second: (self.arrived - before.arrived).received as f64 / seconds,
            cpu_seconds_per_gigabyte: CpuPerGigabyte {
                machine: per_gigabyte(self.machine, before.machine),
                run: per_gigabyte(self.run, before.run),
                tunnel: per_gigabyte(self.tunnel, before.tunnel),
            },
            drops: Drops {
                path: drops(self.path, before.path),
                cable: drops(self.cable, before.cable),
            },
        }
    }
}
