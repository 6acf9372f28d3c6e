//! The course of a measurement.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};

use super::generator::{Generator, Target};
use super::load::{self, Flow, Load, Span};
use super::memory::{Memory, Process};
use super::report::{Failure, Forwarding, MemoryReport, Report, SetUp, forwarding};
use super::server::OwnServer;
use super::users::Users;
use super::{Watch, setup};
use crate::cpu::CpuTime;

/// What is to be measured.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Sessions to bring up, at least one.
    pub sessions: usize,
    /// Sessions that are being brought up or ended at once.
    pub parallel: usize,
    /// How many sessions carry packets, one measurement for each; those beyond `sessions` are left out.
    pub carrying: Vec<usize>,
    /// Lengths of inner packets in octets, one measurement for each, at least 28.
    pub octets: Vec<usize>,
    /// Packets on their way at once.
    pub window: u16,
    /// How often everything is measured.
    pub rounds: usize,
    /// How long each measurement takes, but for its first tenth, which is not counted.
    pub time: Duration,
    /// Workers of a server of its own; none for as many as it finds fit.
    pub workers: Option<u16>,
    /// Who judges the logins at a server of its own.
    pub users: Users,
}

/// Measures a server of our own: the program `adit` on a host made of a network namespace.
///
/// # Errors
/// The machine allows no namespaces, the server does not start or does not let a first session in, or somebody
/// asked to stop.
pub fn with_own_server(adit: &Path, plan: &Plan, watch: &mut Watch<'_>) -> anyhow::Result<Report> {
    let server = OwnServer::start(adit, plan.sessions, plan.workers, plan.users)?;
    let (target, pid) = (server.target(), server.pid());
    let clients = server.clients.clone();
    let report = clients.run(|| against(target, Some(pid), plan, watch))??;
    server.end()?;
    Ok(Report {
        users: Some(plan.users),
        ..report
    })
}

/// Measures a server that is running; what its process uses too, where that is on this machine.
///
/// # Errors
/// The server does not let a first session in, its process cannot be looked at, or somebody asked to stop.
pub fn against(
    target: Target,
    server: Option<u32>,
    plan: &Plan,
    watch: &mut Watch<'_>,
) -> anyhow::Result<Report> {
    let server = server.map(Process::new).transpose();
    let server = server.context("cannot look at the server's process")?;
    let mut course = Course {
        generator: Generator::new(target, plan.sessions)?,
        server,
        plan,
        alone: Vec::new(),
        samples: BTreeMap::new(),
    };
    let report = course.run(watch);
    // Whatever has happened, the sessions take leave.
    let everyone = 0..plan.sessions;
    let ending = setup::end_all(&mut course.generator, everyone, plan.parallel, watch)?;
    Ok(Report { ending, ..report? })
}

struct Course<'a> {
    generator: Generator,
    server: Option<Process>,
    plan: &'a Plan,
    /// One session while there are no others, by the length of its packets.
    alone: Vec<(usize, Flow)>,
    /// By the length of packets and the number of sessions that carry them.
    samples: BTreeMap<(usize, usize), Vec<Flow>>,
}

impl Course<'_> {
    fn run(&mut self, watch: &mut Watch<'_>) -> anyhow::Result<Report> {
        let sessions = self.plan.sessions;
        // The first session, and packets through it, touch all that the server needs for any.
        setup::bring_up(&mut self.generator, 0..1, 1, watch)?;
        if let Some(cause) = &self.generator.client(0).cause {
            bail!("no session comes up: {cause}");
        }
        for octets in self.plan.octets.clone() {
            let flow = self.load(&[0], octets, watch)?;
            self.alone.push((octets, flow));
        }
        let before = self.memory()?;
        let rest = 1..sessions;
        let time = setup::bring_up(&mut self.generator, rest, self.plan.parallel, watch)?;
        let idle = self.memory()?;
        self.measure(watch)?;
        let after = self.memory()?;
        let memory = before.zip(idle).zip(after);
        let added = self.up().len().saturating_sub(1);
        Ok(Report {
            users: None,
            sessions,
            up: self.up().len(),
            failures: self.failures(),
            set_up: self.set_up(time),
            memory: memory
                .map(|((before, idle), after)| MemoryReport::new(before, idle, after, added)),
            forwarding: self.forwarding(),
            unsent: self.generator.unsent(),
            ending: setup::Ending::default(),
        })
    }

    /// The sessions that carry packets.
    fn up(&self) -> Vec<usize> {
        (0..self.plan.sessions)
            .filter(|number| self.generator.client(*number).inner().is_some())
            .collect()
    }

    fn measure(&mut self, watch: &mut Watch<'_>) -> anyhow::Result<()> {
        for round in 1..=self.plan.rounds {
            for octets in self.plan.octets.clone() {
                for carrying in self.plan.carrying.clone() {
                    let up = self.up();
                    let Some(clients) = up.get(..carrying) else {
                        continue;
                    };
                    watch.tell(|| {
                        format!(
                            "round {round} of {}: {octets} octets through {carrying} sessions",
                            self.plan.rounds
                        )
                    });
                    let flow = self.load(clients, octets, watch)?;
                    let samples = self.samples.entry((octets, carrying)).or_default();
                    samples.push(flow);
                }
            }
        }
        Ok(())
    }

    fn load(
        &mut self,
        clients: &[usize],
        octets: usize,
        watch: &mut Watch<'_>,
    ) -> anyhow::Result<Flow> {
        let load = Load {
            clients,
            octets,
            window: self.plan.window,
        };
        let span = Span {
            warm_up: self.plan.time / 10,
            measured: self.plan.time,
        };
        let server = self.server.map(Process::pid);
        let processor = || {
            let of = |pid| CpuTime::of_process(pid).map(CpuTime::total);
            Ok([server.map_or(Ok(0.0), of)?, of(std::process::id())?])
        };
        load::run(&mut self.generator, load, span, processor, watch)
    }

    fn memory(&self) -> anyhow::Result<Option<Memory>> {
        let memory = self.server.map(Process::memory).transpose();
        memory.context("cannot look at the server's process")
    }

    fn set_up(&self, time: Duration) -> SetUp {
        let clients = (1..self.plan.sessions).map(|number| self.generator.client(number));
        let first_packets: Vec<f64> = clients
            .filter_map(|client| client.first_packet)
            .map(|time| time.as_secs_f64() * 1e3)
            .collect();
        SetUp::new(self.plan.parallel, &first_packets, time)
    }

    /// Sessions that did not come up or have ended too early, by the reason.
    fn failures(&self) -> Vec<Failure> {
        let mut counted = BTreeMap::<&str, usize>::new();
        for number in 0..self.plan.sessions {
            if let Some(cause) = &self.generator.client(number).cause {
                *counted.entry(cause).or_default() += 1;
            }
        }
        let failure = |(reason, sessions): (&str, usize)| Failure {
            reason: reason.to_owned(),
            sessions,
        };
        counted.into_iter().map(failure).collect()
    }

    fn forwarding(&self) -> Vec<Forwarding> {
        let watched = self.server.is_some();
        let alone = self.alone.iter().map(|(octets, flow)| {
            forwarding(*octets, (1, 1), std::slice::from_ref(flow), None, watched)
        });
        let up = self.up().len();
        let together = self.samples.iter().map(|((octets, carrying), flows)| {
            let one = self.samples.get(&(*octets, 1)).map(Vec::as_slice);
            forwarding(*octets, (*carrying, up), flows, one, watched)
        });
        alone.chain(together).collect()
    }
}
