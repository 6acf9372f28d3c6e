//! Rates, processor time, round trips and losses through one tunnel, beside the bare cable.
//!
//! Every subject has two hosts of its own. In each round, every case is measured once with every subject, one
//! after the other, so that what else the machine does meets all of them alike.

mod case;
mod charts;
mod datagrams;
mod report;
mod sample;
mod tables;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;

use crate::machine::Machine;
use crate::ping::Pinger;
use crate::progress::Progress;
use crate::stage::Stage;
use crate::stop::Stop;
use crate::subject::Subject;

pub use crate::stage::IpVersion;

pub use self::case::{Case, Direction};
pub use self::charts::charts;
pub use self::report::{
    CpuPerGigabyte, Drops, IdleResult, Ratio, Report, RoundTrips, Sample, SubjectInfo, TcpResult,
    UdpResult,
};
pub use self::tables::tables;

/// Echoes per subject over an idle path, in all rounds together.
const PINGS: usize = 2000;
/// Echoes before those, which find the processes where the scheduler has put them meanwhile.
const WARM_UP: usize = 200;

/// What to measure, and for how long.
#[derive(Debug, Clone)]
pub struct Settings {
    /// This program's file.
    pub adit: PathBuf,
    /// What is measured; those that are not installed are left out and named in the report.
    pub subjects: Vec<Subject>,
    /// The traffic.
    pub cases: Vec<Case>,
    /// Length of one measurement.
    pub time: Duration,
    /// TCP measurements of each case and subject.
    pub rounds: u16,
}

/// Measures.
///
/// # Errors
/// The hosts cannot be made, a tunnel does not work, or somebody asked to stop.
pub fn run(
    settings: &Settings,
    progress: &mut dyn Progress,
    stop: &Stop,
) -> anyhow::Result<Report> {
    let (missing, present) = sort_out(&settings.subjects);
    progress.tell("making hosts and tunnels");
    let mut running = Vec::new();
    for subject in present {
        running.push(Running {
            subject,
            stage: subject.set_up(&settings.adit, stop)?,
        });
    }
    let mut run = Run {
        settings,
        stop,
        progress,
        report: Report::new(Machine::here_and_now(), settings, missing),
    };
    let measured = run.measure(&running);
    // When a signal has ended the programs, that is what happened.
    stop.check()?;
    measured?;
    run.report.compare();
    Ok(run.report)
}

/// What is missing, as sentences, and what is there.
fn sort_out(subjects: &[Subject]) -> (Vec<String>, Vec<Subject>) {
    let missing = subjects.iter().filter_map(|subject| subject.missing());
    let present = subjects.iter().filter(|it| it.missing().is_none());
    (missing.collect(), present.copied().collect())
}

/// A subject that is set up.
struct Running {
    subject: Subject,
    stage: Stage,
}

/// A run of all measurements.
struct Run<'a> {
    settings: &'a Settings,
    stop: &'a Stop,
    progress: &'a mut dyn Progress,
    report: Report,
}

impl Run<'_> {
    fn measure(&mut self, running: &[Running]) -> anyhow::Result<()> {
        for it in running {
            let info = SubjectInfo::of(it.subject, it.stage.mtu()?);
            self.report.subjects.push(info);
        }
        for round in 1..=self.settings.rounds {
            // Nobody always comes after the same one.
            let turns = running.iter().cycle().skip(usize::from(round) - 1);
            let turns = turns.take(running.len());
            for it in turns.clone() {
                let what = format!("round {round}: round trips, {}", it.subject);
                self.measure_round_trips(it)
                    .with_context(|| format!("{what} failed"))?;
            }
            for case in &self.settings.cases {
                for it in turns.clone() {
                    let what = format!("round {round}: TCP, {case}, {}", it.subject);
                    self.progress.tell(&what);
                    self.measure_tcp(it, *case)
                        .with_context(|| format!("{what} failed"))?;
                }
            }
        }
        for case in &self.settings.cases {
            for it in running.iter().filter(|it| it.subject != Subject::Veth) {
                let what = format!("UDP, {case}, {}", it.subject);
                self.progress.tell(&what);
                self.measure_udp(it, *case)
                    .with_context(|| format!("{what} failed"))?;
            }
        }
        Ok(())
    }

    fn measure_round_trips(&mut self, it: &Running) -> anyhow::Result<()> {
        self.stop.check()?;
        let count = PINGS.div_ceil(usize::from(self.settings.rounds));
        let mut versions: Vec<IpVersion> = self.settings.cases.iter().map(|it| it.ip).collect();
        versions.sort_unstable();
        versions.dedup();
        for version in versions {
            let target = it.stage.server.address(version);
            let mut pinger = Pinger::open(&it.stage.client.host, target)?;
            pinger.round_trips(WARM_UP)?;
            let times = pinger.round_trips(count)?;
            self.report.add_round_trips(it.subject, version, &times);
        }
        Ok(())
    }

    fn measure_tcp(&mut self, it: &Running, case: Case) -> anyhow::Result<()> {
        let (sample, loaded) = sample::measure(&it.stage, case, self.settings.time, self.stop)?;
        self.report.add_sample(it.subject, case, sample, &loaded);
        Ok(())
    }

    fn measure_udp(&mut self, it: &Running, case: Case) -> anyhow::Result<()> {
        let time = self.settings.time;
        let mut result = datagrams::measure(it.subject, &it.stage, case, time, self.stop)?;
        result.counters = it.subject.losses(&it.stage, &self.settings.adit)?;
        self.report.udp.push(result);
        Ok(())
    }
}
