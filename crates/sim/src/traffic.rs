//! Which probes were sent and what arrived of them.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::probe::{FlowId, Probe};

/// All flows of a simulation.
#[derive(Debug)]
pub struct Traffic {
    flows: BTreeMap<FlowId, Flow>,
    damaged: u64,
    paths: Paths,
}

/// What the paths do to packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paths {
    /// Whatever arrives is as it was sent.
    Faithful,
    /// Some bits are wrong, perhaps those that say where a packet belongs.
    Damaging,
}

/// One flow.
#[derive(Debug, Default)]
pub struct Flow {
    sent: Vec<Instant>,
    arrived: Vec<(u64, Instant)>,
}

impl Flow {
    /// How many probes were sent.
    pub fn sent(&self) -> usize {
        self.sent.len()
    }

    /// The numbers of those that arrived, in the order of arrival.
    pub fn arrived(&self) -> impl ExactSizeIterator<Item = u64> {
        self.arrived.iter().map(|(number, _)| *number)
    }

    /// How long each one that arrived took.
    pub fn transits(&self) -> impl Iterator<Item = std::time::Duration> {
        self.arrived
            .iter()
            .map(|(number, at)| *at - self.sent[*number as usize])
    }
}

impl Traffic {
    pub(crate) const fn new(paths: Paths) -> Self {
        Self {
            flows: BTreeMap::new(),
            damaged: 0,
            paths,
        }
    }

    /// One flow; none where nothing was sent in it.
    pub fn flow(&self, id: FlowId) -> Option<&Flow> {
        self.flows.get(&id)
    }

    /// All flows.
    pub fn flows(&self) -> impl Iterator<Item = (&FlowId, &Flow)> {
        self.flows.iter()
    }

    /// Probes that arrived with a wrong bit.
    pub fn damaged(&self) -> u64 {
        self.damaged
    }

    /// The next probe of a flow.
    pub(crate) fn next(&mut self, now: Instant, id: FlowId) -> Probe {
        let flow = self.flows.entry(id).or_default();
        let number = flow.sent.len() as u64;
        flow.sent.push(now);
        Probe { flow: id, number }
    }

    /// A probe arrived: it was sent, and none of its flow overtook it.
    pub(crate) fn arrive(&mut self, now: Instant, probe: Probe) {
        let flow = self.flows.get_mut(&probe.flow);
        let flow = flow.unwrap_or_else(|| panic!("{probe:?} is of no flow"));
        assert!(
            probe.number < flow.sent.len() as u64,
            "{probe:?} was not sent"
        );
        let last = flow.arrived.last().map(|(number, _)| *number);
        assert!(
            self.paths == Paths::Damaging || last.is_none_or(|last| last < probe.number),
            "{probe:?} arrives behind number {last:?}"
        );
        flow.arrived.push((probe.number, now));
    }

    /// A probe arrived with a wrong bit.
    pub(crate) fn damage(&mut self) {
        assert_eq!(
            self.paths,
            Paths::Damaging,
            "a probe arrives with a wrong bit"
        );
        self.damaged += 1;
    }
}
