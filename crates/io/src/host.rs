//! The raw GRE socket as a receiver and a sender.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use adit_engine::{BURST, Path};
use adit_net::direct::{DirectError, DirectGre, Transmit};
use adit_net::gre::{Outgoing, PathError, RawGre, RecvBatch, SendCounters, SendTally};

use arrayvec::ArrayVec;

use crate::ports::{GreReceiver, GreSender};

/// Receives from the raw GRE socket of this host.
#[derive(Debug)]
pub struct HostReceiver {
    socket: Arc<RawGre>,
    batch: RecvBatch,
}

/// Sends by the raw GRE socket of this host, or past it where that was asked for and is possible.
#[derive(Debug)]
pub struct HostSender {
    socket: Arc<RawGre>,
    tally: SendTally,
    direct: Option<DirectGre>,
}

impl HostReceiver {
    /// With a socket that others may use too.
    pub fn new(socket: Arc<RawGre>) -> Self {
        Self {
            socket,
            batch: RecvBatch::new(),
        }
    }

    pub(crate) fn socket(&self) -> &RawGre {
        &self.socket
    }

    /// What the network said about packets that did not arrive, as far as it was met while receiving.
    pub fn take_errors(&mut self) -> Vec<PathError> {
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
    /// With a socket that others may use too.
    pub fn new(socket: Arc<RawGre>) -> Self {
        Self {
            socket,
            tally: SendTally::default(),
            direct: None,
        }
    }

    pub(crate) fn send_directly(&mut self, transmit: Transmit) -> Result<(), DirectError> {
        self.direct = Some(DirectGre::open(transmit)?);
        Ok(())
    }

    /// What the network said about packets that did not arrive, as far as it was met while sending.
    pub fn take_errors(&mut self) -> Vec<PathError> {
        self.tally.take_errors()
    }

    /// What became of the packets sent.
    pub fn counters(&self) -> SendCounters {
        let by_socket = self.tally.counters();
        let direct = self.direct.as_ref().map(DirectGre::counters);
        let direct = direct.unwrap_or_default();
        SendCounters {
            sent: by_socket.sent + direct.sent,
            congested: by_socket.congested + direct.congested,
            refused: by_socket.refused + direct.refused,
        }
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
        let Some(direct) = &mut self.direct else {
            self.socket.send(&mut self.tally, packets);
            return;
        };
        let mut rest = ArrayVec::<_, BURST>::new();
        direct.send(packets, |packet| rest.push(packet));
        self.socket.send(&mut self.tally, rest);
    }

    fn refresh(&mut self, now: Instant) {
        if let Some(direct) = &mut self.direct {
            direct.refresh(now);
        }
    }
}
