//! Sending in batches (`sendmmsg`).

use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::os::fd::BorrowedFd;

use super::headers::{ReadyToSend, SendHeaders};
use super::path_error::{PathErrors, drain};
use super::{BATCH, PathError};

/// How often one batch tries a packet again after an error about another one.
const RETRIES: usize = 4;

/// A packet to send, in the memory of whoever sends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outgoing<'a> {
    /// The address of this host that it comes from; none for the one that the socket is bound to, or
    /// that the route prefers.
    pub source: Option<Ipv4Addr>,
    /// Where it goes.
    pub destination: Ipv4Addr,
    /// GRE header and payload.
    pub gre: &'a [u8],
}

/// What became of packets sent, and the errors met.
#[derive(Debug, Default)]
pub struct SendTally {
    counters: SendCounters,
    errors: PathErrors,
}

/// How many packets were sent and how many were not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SendCounters {
    /// Accepted by the host.
    pub sent: u64,
    /// Dropped because a queue of the host was full.
    pub congested: u64,
    /// Dropped because the host refused them: no route, forbidden, too long.
    pub refused: u64,
}

impl SendTally {
    /// What became of the packets so far.
    pub fn counters(&self) -> SendCounters {
        self.counters
    }

    /// Removes and returns the errors met while sending, the last one of each destination.
    pub fn take_errors(&mut self) -> Vec<PathError> {
        self.errors.take()
    }
}

/// Sends all packets, [`BATCH`] at a time, and returns how many the host accepted.
pub(super) fn send<'a>(
    socket: BorrowedFd<'_>,
    tally: &mut SendTally,
    packets: impl Iterator<Item = Outgoing<'a>>,
) -> usize {
    let mut packets = packets.fuse();
    let mut headers = SendHeaders::new();
    let mut accepted = 0;
    loop {
        let batch = headers.fill(&mut packets);
        let full = batch.len() == BATCH;
        accepted += send_batch(socket, tally, batch);
        if !full {
            return accepted;
        }
    }
}

fn send_batch(
    socket: BorrowedFd<'_>,
    tally: &mut SendTally,
    mut batch: ReadyToSend<'_, '_>,
) -> usize {
    let mut next = 0;
    let mut accepted = 0;
    let mut retries = 0;
    while next < batch.len() {
        match batch.send(socket, next) {
            Ok(count) => {
                accepted += count;
                next += count;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                tally.counters.congested += (batch.len() - next) as u64;
                break;
            }
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                tally.counters.congested += 1;
                next += 1;
            }
            // What the network reported about an earlier packet fails the next send, whose packet
            // is not to blame.
            Err(_) if retries < RETRIES && drain(socket, &mut tally.errors) > 0 => retries += 1,
            Err(error) => {
                let destination = batch.destination(next);
                tally.errors.add(PathError::local(destination, &error));
                tally.counters.refused += 1;
                next += 1;
            }
        }
    }
    tally.counters.sent += accepted as u64;
    accepted
}
