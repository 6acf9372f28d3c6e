//! The raw GRE socket as a receiver and a sender.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use adit_engine::Path;
use adit_net::gre::{Outgoing, PathError, RawGre, RecvBatch, SendCounters, SendTally};

use crate::ports::{GreReceiver, GreSender};

/// Receives from the raw GRE socket of this host.
#[derive(Debug)]
pub struct HostReceiver {
    socket: Arc<RawGre>,
    batch: RecvBatch,
}

/// Sends by the raw GRE socket of this host.
#[derive(Debug)]
pub struct HostSender {
    socket: Arc<RawGre>,
    tally: SendTally,
}

impl HostReceiver {
    pub(crate) fn new(socket: Arc<RawGre>) -> Self {
        Self {
            socket,
            batch: RecvBatch::new(),
        }
    }

    pub(crate) fn socket(&self) -> &RawGre {
        &self.socket
    }

    pub(crate) fn take_errors(&mut self) -> Vec<PathError> {
        self.batch.take_errors()
    }
}

impl GreReceiver for HostReceiver {
    fn receive(&mut self) -> io::Result<usize> {
        self.socket.recv_batch(&mut self.batch)
    }

    fn packets(&mut self) -> impl Iterator<Item = (IpAddr, &mut [u8])> {
        let packets = self.batch.packets();
        packets.map(|packet| (IpAddr::V4(packet.source), packet.gre))
    }
}

impl HostSender {
    pub(crate) fn new(socket: Arc<RawGre>) -> Self {
        Self {
            socket,
            tally: SendTally::default(),
        }
    }

    pub(crate) fn take_errors(&mut self) -> Vec<PathError> {
        self.tally.take_errors()
    }

    pub(crate) fn counters(&self) -> SendCounters {
        self.tally.counters()
    }
}

impl GreSender for HostSender {
    fn send<'a>(&mut self, packets: impl ExactSizeIterator<Item = (&'a Path, &'a [u8])>) {
        let packets = packets.filter_map(|(path, gre)| match (path.local, path.peer) {
            (IpAddr::V4(local), IpAddr::V4(peer)) => Some(Outgoing {
                source: Some(local),
                destination: peer,
                gre,
            }),
            _ => None,
        });
        self.socket.send(&mut self.tally, packets);
    }
}
