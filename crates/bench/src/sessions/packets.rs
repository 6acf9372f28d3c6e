//! GRE packets of all sessions through one raw socket, and the answers that come out of the tunnels.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Instant;

use adit_engine::{Burst, CallKey, Endpoint, Incoming, Path, Sink};
use adit_io::{GreReceiver, GreSender, HostReceiver, HostSender, Progress};
use adit_ip::echo;
use adit_net::gre::{RawGre, RawGreError};

/// An echo reply that came out of a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answer {
    /// The call that it came by.
    pub(super) call: CallKey,
    /// As in its request.
    pub(super) identifier: u16,
    /// As in its request.
    pub(super) sequence: u16,
}

/// An echo request for a tunnel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question<'a> {
    /// Inner addresses.
    pub(super) from: Ipv4Addr,
    pub(super) to: Ipv4Addr,
    pub(super) identifier: u16,
    pub(super) sequence: u16,
    pub(super) data: &'a [u8],
}

/// The raw socket with room for packets on their way in and out.
pub(super) struct Packets {
    gre: Arc<RawGre>,
    receiver: HostReceiver,
    sender: HostSender,
    outgoing: Burst,
    answers: Vec<Answer>,
}

struct Ways<'a> {
    sender: &'a mut HostSender,
    outgoing: &'a mut Burst,
    answers: &'a mut Vec<Answer>,
}

impl Ways<'_> {
    fn flush(&mut self) {
        self.outgoing.encrypt();
        self.sender.send(self.outgoing.packets());
        // Errors that the network reported are told by what does not come up.
        self.sender.take_errors();
        self.outgoing.clear();
    }
}

impl Sink for Ways<'_> {
    fn burst(&mut self) -> &mut Burst {
        if self.outgoing.is_full() {
            self.flush();
        }
        self.outgoing
    }

    fn network(&mut self, call: CallKey, packet: &mut [u8]) {
        // Whatever else comes (router advertisements, say) is not counted.
        if let Some(reply) = echo::reply(packet) {
            self.answers.push(Answer {
                call,
                identifier: reply.identifier,
                sequence: reply.sequence,
            });
        }
    }
}

impl Packets {
    /// Opens the raw socket on the host of the calling thread.
    ///
    /// # Errors
    /// What is missing for it.
    pub(super) fn open() -> Result<Self, RawGreError> {
        let gre = Arc::new(RawGre::open(None)?);
        Ok(Self {
            receiver: HostReceiver::new(Arc::clone(&gre)),
            sender: HostSender::new(Arc::clone(&gre)),
            gre,
            outgoing: Burst::new(),
            answers: Vec::new(),
        })
    }

    fn ways(&mut self) -> Ways<'_> {
        Ways {
            sender: &mut self.sender,
            outgoing: &mut self.outgoing,
            answers: &mut self.answers,
        }
    }

    /// Takes a batch of packets in, to be [`delivered`](Self::deliver).
    ///
    /// # Errors
    /// What the socket reports, other than that nothing is left.
    pub(super) fn fetch(&mut self) -> io::Result<Progress> {
        if self.receiver.receive()? > 0 {
            return Ok(Progress::More);
        }
        // Errors that the network reported are told by what does not come up.
        self.receiver.take_errors();
        Ok(Progress::Drained)
    }

    /// Gives the packets of the last batch to the endpoint.
    pub(super) fn deliver(&mut self, now: Instant, endpoint: &mut Endpoint) {
        let mut ways = Ways {
            sender: &mut self.sender,
            outgoing: &mut self.outgoing,
            answers: &mut self.answers,
        };
        let packets = self.receiver.packets();
        let packets = packets.map(|(source, octets)| Incoming::new(source, octets));
        endpoint.receive(now, packets, &mut ways);
    }

    /// Lets the endpoint do what is due.
    pub(super) fn handle_timeout(&mut self, now: Instant, endpoint: &mut Endpoint) {
        endpoint.handle_timeout(now, &mut self.ways());
    }

    /// Puts a GRE packet of the endpoint's outputs on its way.
    pub(super) fn send_gre(&mut self, path: &Path, packet: &[u8]) {
        self.ways().burst().push(*path, packet);
    }

    /// Sends an echo request through a tunnel.
    pub(super) fn ask(
        &mut self,
        now: Instant,
        endpoint: &mut Endpoint,
        call: CallKey,
        question: &Question<'_>,
    ) {
        let Question {
            from,
            to,
            identifier,
            sequence,
            data,
        } = *question;
        if let Some(packet) = echo::request(from.into(), to.into(), identifier, sequence, data) {
            endpoint.send_packet(now, call, &packet, &mut self.ways());
        }
    }

    /// Sends what has been collected.
    pub(super) fn flush(&mut self) {
        if !self.outgoing.is_empty() {
            self.ways().flush();
        }
    }

    /// The answers that came since the last call, in the order of their arrival; `answers` is room
    /// that is used again.
    pub(super) fn take_answers(&mut self, answers: &mut Vec<Answer>) {
        answers.clear();
        std::mem::swap(&mut self.answers, answers);
    }

    /// GRE packets that this host did not send, its queues being full or for other reasons.
    pub(super) fn unsent(&self) -> u64 {
        let counters = self.sender.counters();
        counters.congested + counters.refused
    }
}

impl AsFd for Packets {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.gre.as_fd()
    }
}
