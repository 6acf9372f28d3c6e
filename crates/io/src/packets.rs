use std::io;
use std::net::IpAddr;
use std::time::Instant;

use adit_engine::{CallKey, Destination, Endpoint, Path, Sink};
use adit_net::gre::{PathError, PushError, RawGre, RecvBatch, SendBatch};
use adit_net::tun::{TunQueue, VnetHeader};

/// The raw GRE socket, a queue of the TUN device, and the room for packets between them.
#[derive(Debug)]
pub struct PacketIo {
    gre: RawGre,
    tun: Option<TunQueue>,
    received: RecvBatch,
    outgoing: SendBatch,
    buffer: Box<[u8]>,
    /// Inner packets that the TUN device did not take.
    undelivered: u64,
    /// Inner packets that were for no call.
    unrouted: u64,
}

/// Where inner packets go that are for no call of an endpoint.
pub trait Strays {
    /// A packet, and what it still needs: whether it was taken.
    fn take(&mut self, header: &VnetHeader, packet: &[u8]) -> bool;
}

/// Nowhere.
impl Strays for () {
    fn take(&mut self, _header: &VnetHeader, _packet: &[u8]) -> bool {
        false
    }
}

/// How far a reader got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Nothing is left; readiness will be reported anew.
    Drained,
    /// Its share is used up and more waits: to be called again without waiting.
    More,
}

/// Batches of GRE packets, or inner packets, before others get their turn.
const SHARE: usize = 8;

/// The longest inner packet that a TUN device may hand over.
const LONGEST_INNER: usize = 65_536;

struct Outgoing<'a> {
    gre: &'a RawGre,
    batch: &'a mut SendBatch,
    tun: Option<&'a TunQueue>,
    undelivered: &'a mut u64,
}

impl Sink for Outgoing<'_> {
    fn gre(&mut self, path: &Path, packet: &[u8]) {
        let (IpAddr::V4(local), IpAddr::V4(peer)) = (path.local, path.peer) else {
            return;
        };
        if self.batch.push(Some(local), peer, packet) == Err(PushError::Full) {
            self.gre.flush(self.batch);
            // The batch is empty now, and a packet too long for it is too long for the path.
            let _ = self.batch.push(Some(local), peer, packet);
        }
    }

    fn network(&mut self, _call: CallKey, packet: &mut [u8]) {
        let delivered = self
            .tun
            .is_some_and(|tun| tun.write(&VnetHeader::default(), packet).is_ok());
        *self.undelivered += u64::from(!delivered);
    }
}

impl PacketIo {
    /// Starts without a TUN device.
    pub fn new(gre: RawGre) -> Self {
        Self {
            gre,
            tun: None,
            received: RecvBatch::new(),
            outgoing: SendBatch::new(),
            buffer: vec![0; LONGEST_INNER].into_boxed_slice(),
            undelivered: 0,
            unrouted: 0,
        }
    }

    /// Inner packets go to and come from this queue from now on.
    pub fn attach(&mut self, tun: TunQueue) {
        self.tun = Some(tun);
    }

    /// The raw GRE socket.
    pub fn gre(&self) -> &RawGre {
        &self.gre
    }

    /// Takes GRE packets in and gives them to the endpoint.
    ///
    /// # Errors
    /// What the socket reports, other than that nothing is left.
    pub fn receive_gre(
        &mut self,
        now: Instant,
        endpoint: &mut Endpoint,
        source_check: SourceAddress,
    ) -> io::Result<Progress> {
        for _ in 0..SHARE {
            if self.gre.recv_batch(&mut self.received)? == 0 {
                return Ok(Progress::Drained);
            }
            let mut sink = Outgoing {
                gre: &self.gre,
                batch: &mut self.outgoing,
                tun: self.tun.as_ref(),
                undelivered: &mut self.undelivered,
            };
            for packet in self.received.packets() {
                let source = match source_check {
                    SourceAddress::MustMatch => Some(IpAddr::V4(packet.source)),
                    SourceAddress::Any => None,
                };
                endpoint.handle_gre(now, source, packet.gre, &mut sink);
            }
            self.flush();
        }
        Ok(Progress::More)
    }

    /// Takes inner packets from the TUN device and gives each to the call that `find` names, or to
    /// `strays` where it names none.
    ///
    /// # Errors
    /// What the device reports, other than that nothing is left.
    pub fn read_tun(
        &mut self,
        now: Instant,
        endpoint: &mut Endpoint,
        find: impl Fn(&Endpoint, &[u8]) -> Destination,
        strays: &mut impl Strays,
    ) -> io::Result<Progress> {
        let Some(tun) = &self.tun else {
            return Ok(Progress::Drained);
        };
        let mut sink = Outgoing {
            gre: &self.gre,
            batch: &mut self.outgoing,
            tun: Some(tun),
            undelivered: &mut self.undelivered,
        };
        let mut result = Ok(Progress::More);
        for _ in 0..SHARE * adit_net::gre::BATCH {
            let (header, length) = match tun.read(&mut self.buffer) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    result = Ok(Progress::Drained);
                    break;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    result = Err(error);
                    break;
                }
            };
            let packet = &mut self.buffer[..length];
            match find(endpoint, packet) {
                Destination::Call(call) => endpoint.send(now, call, packet, &mut sink),
                Destination::Unknown if strays.take(&header, packet) => {}
                Destination::Unknown => self.unrouted += 1,
            }
        }
        self.flush();
        result
    }

    /// Takes an inner packet that was read from another queue of the TUN device, where it was a stray,
    /// and gives it to the call of this endpoint that it is for.
    pub fn inject(
        &mut self,
        now: Instant,
        endpoint: &mut Endpoint,
        _header: &VnetHeader,
        packet: &mut [u8],
    ) {
        let mut sink = Outgoing {
            gre: &self.gre,
            batch: &mut self.outgoing,
            tun: self.tun.as_ref(),
            undelivered: &mut self.undelivered,
        };
        match endpoint.route(packet) {
            Destination::Call(call) => endpoint.send(now, call, packet, &mut sink),
            Destination::Unknown => self.unrouted += 1,
        }
    }

    /// Lets the endpoint do what is due.
    pub fn handle_timeout(&mut self, now: Instant, endpoint: &mut Endpoint) {
        let mut sink = Outgoing {
            gre: &self.gre,
            batch: &mut self.outgoing,
            tun: self.tun.as_ref(),
            undelivered: &mut self.undelivered,
        };
        endpoint.handle_timeout(now, &mut sink);
        self.flush();
    }

    /// Puts one GRE packet of the endpoint's outputs on its way.
    pub fn send_gre(&mut self, path: &Path, packet: &[u8]) {
        let mut sink = Outgoing {
            gre: &self.gre,
            batch: &mut self.outgoing,
            tun: None,
            undelivered: &mut self.undelivered,
        };
        sink.gre(path, packet);
    }

    /// Sends what has been collected.
    pub fn flush(&mut self) {
        if !self.outgoing.is_empty() {
            self.gre.flush(&mut self.outgoing);
        }
    }

    /// What the network said about GRE packets that did not arrive.
    pub fn take_errors(&mut self) -> Vec<PathError> {
        let mut errors = self.outgoing.take_errors();
        errors.extend(self.received.take_errors());
        errors
    }

    /// Inner packets that the TUN device did not take, and those from it that were for no call.
    pub fn dropped(&self) -> (u64, u64) {
        (self.undelivered, self.unrouted)
    }
}

/// Whether the source address of a GRE packet has to be that of its call's peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceAddress {
    /// A packet from elsewhere is dropped.
    MustMatch,
    /// Any will do: for peers that send from another address than they connect from.
    Any,
}
