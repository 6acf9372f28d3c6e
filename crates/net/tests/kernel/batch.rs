//! Packets to be sent together.

use std::net::Ipv4Addr;

use adit_net::gre::{BATCH, Outgoing, PathError, RawGre, SendCounters, SendTally};

#[derive(Default)]
pub(crate) struct Batch {
    packets: Vec<(Option<Ipv4Addr>, Ipv4Addr, Vec<u8>)>,
    tally: SendTally,
}

impl Batch {
    pub(crate) fn push(&mut self, source: Option<Ipv4Addr>, destination: Ipv4Addr, gre: &[u8]) {
        self.packets.push((source, destination, gre.to_vec()));
    }

    pub(crate) fn is_full(&self) -> bool {
        self.packets.len() == BATCH
    }

    /// Sends all and returns how many the host accepted.
    pub(crate) fn send(&mut self, socket: &RawGre) -> usize {
        let packets = std::mem::take(&mut self.packets);
        let packets = packets.iter().map(|(source, destination, gre)| Outgoing {
            source: *source,
            destination: *destination,
            gre,
        });
        socket.send(&mut self.tally, packets)
    }

    pub(crate) fn counters(&self) -> SendCounters {
        self.tally.counters()
    }

    pub(crate) fn take_errors(&mut self) -> Vec<PathError> {
        self.tally.take_errors()
    }
}
