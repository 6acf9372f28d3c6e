use std::io;
use std::sync::Arc;
use std::time::Instant;

use adit_engine::{Burst, CallKey, Destination, Endpoint, Incoming, Path, Sink};
use adit_ip::coalesce::{Coalescer, Coalescing};
use adit_ip::offload::Offload;
use adit_ip::segment::Segments;
use adit_net::direct::{DirectError, Transmit};
use adit_net::gre::{PathError, RawGre, SendCounters};
use adit_net::tun::{OffloadSupport, TunQueue, VnetHeader};

use crate::host::{HostReceiver, HostSender};
use crate::ports::{GreReceiver, GreSender, Strays, TunPort};

/// Carries packets between the raw GRE socket, an endpoint and a queue of the TUN device.
pub type PacketIo = Carrier<HostReceiver, HostSender, TunQueue>;

/// Carries packets between GRE, an endpoint and a TUN device, and has the room for them on the way.
///
/// Nothing is allocated for a packet, and none waits for others: a batch is what has come by itself.
#[derive(Debug)]
pub struct Carrier<R, S, T> {
    receiver: R,
    sender: S,
    tun: Option<Inside<T>>,
    burst: Burst,
    buffer: Box<[u8]>,
    /// How many GRE packets came together last.
    previous: usize,
    dropped: Dropped,
}

/// The TUN device, and what is to be written to it as one packet.
#[derive(Debug)]
struct Inside<T> {
    device: T,
    coalescer: Coalescer,
}

/// Inner packets that went nowhere.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dropped {
    /// The TUN device did not take them.
    pub undelivered: u64,
    /// They came from the TUN device and were for no call.
    pub unrouted: u64,
    /// What came from the TUN device was no packet, or contradicted what was said to be left to do.
    pub malformed: u64,
}

/// How far a reader got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Nothing is left; readiness will be reported anew.
    Drained,
    /// Its share is used up and more waits: to be called again without waiting.
    More,
}

/// Whether the source address of a GRE packet has to be that of its call's peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceAddress {
    /// A packet from elsewhere is dropped.
    MustMatch,
    /// Any will do: for peers that send from another address than they connect from.
    Any,
}

/// Batches of GRE packets, or bursts of inner packets, before others get their turn.
const SHARE: usize = 8;

/// Packets of a burst that are sent without a look at whether more come: half a burst costs hardly more
/// for each than a whole one.
const ENOUGH: usize = adit_engine::BURST / 2;

/// The longest inner packet that a TUN device may hand over.
const LONGEST_INNER: usize = 65_536;

/// Where the packets of an endpoint go.
struct Outward<'a, S, T> {
    sender: &'a mut S,
    burst: &'a mut Burst,
    tun: Option<&'a mut Inside<T>>,
    dropped: &'a mut Dropped,
}

impl<S: GreSender, T: TunPort> Outward<'_, S, T> {
    /// Sends the burst.
    fn send(&mut self) {
        if !self.burst.is_empty() {
            self.burst.encrypt();
            self.sender.send(self.burst.packets());
            self.burst.clear();
        }
    }

    /// Writes what waited to become part of a longer packet.
    fn write(&mut self) {
        if let Some(Inside { device, coalescer }) = self.tun.as_deref_mut() {
            coalescer.flush(&mut |header, packet| {
                self.dropped.undelivered += left_behind(device, header, packet);
            });
        }
    }
}

impl<S: GreSender, T: TunPort> Sink for Outward<'_, S, T> {
    fn burst(&mut self) -> &mut Burst {
        if self.burst.is_full() {
            self.send();
        }
        self.burst
    }

    fn network(&mut self, _call: CallKey, packet: &mut [u8]) {
        let Some(Inside { device, coalescer }) = self.tun.as_deref_mut() else {
            self.dropped.undelivered += 1;
            return;
        };
        coalescer.offer(packet, &mut |header, packet| {
            self.dropped.undelivered += left_behind(device, header, packet);
        });
    }
}

impl PacketIo {
    /// Starts with the raw GRE socket and without a TUN device.
    pub fn new(gre: RawGre) -> Self {
        let gre = Arc::new(gre);
        Self::between(HostReceiver::new(Arc::clone(&gre)), HostSender::new(gre))
    }

    /// The raw GRE socket.
    pub fn gre(&self) -> &RawGre {
        self.receiver.socket()
    }

    /// Has GRE packets sent past the host's IP layer and its firewall from now on, where that is possible.
    ///
    /// # Errors
    /// [`DirectError`] says what is missing.
    pub fn send_directly(&mut self, transmit: Transmit) -> Result<(), DirectError> {
        self.sender.send_directly(transmit)
    }

    /// What the network said about GRE packets that did not arrive.
    pub fn take_errors(&mut self) -> Vec<PathError> {
        let mut errors = self.sender.take_errors();
        errors.extend(self.receiver.take_errors());
        errors
    }

    /// What became of the GRE packets sent.
    pub fn sent(&self) -> SendCounters {
        self.sender.counters()
    }
}

impl<R: GreReceiver, S: GreSender, T: TunPort> Carrier<R, S, T> {
    /// Starts without a TUN device.
    pub fn between(receiver: R, sender: S) -> Self {
        Self {
            receiver,
            sender,
            tun: None,
            burst: Burst::new(),
            buffer: vec![0; LONGEST_INNER].into_boxed_slice(),
            previous: 0,
            dropped: Dropped::default(),
        }
    }

    /// Inner packets go to and come from this queue from now on.
    pub fn attach(&mut self, device: T) {
        let offload = device.offload();
        let coalescer = Coalescer::new(Coalescing {
            tcp: offload != OffloadSupport::None,
            udp: offload == OffloadSupport::TcpAndUdp,
        });
        self.tun = Some(Inside { device, coalescer });
    }

    /// Takes GRE packets in and gives them to the endpoint.
    ///
    /// # Errors
    /// What the receiver reports.
    pub fn receive_gre(
        &mut self,
        now: Instant,
        endpoint: &mut Endpoint,
        source_check: SourceAddress,
    ) -> io::Result<Progress> {
        self.sender.refresh(now);
        let mut sink = Outward {
            sender: &mut self.sender,
            burst: &mut self.burst,
            tun: self.tun.as_mut(),
            dropped: &mut self.dropped,
        };
        let mut gave_way = false;
        let mut result = Ok(Progress::More);
        for _ in 0..SHARE {
            let count = match self.receiver.receive() {
                Ok(0) => {
                    result = Ok(Progress::Drained);
                    break;
                }
                Ok(count) => count,
                Err(error) => {
                    result = Err(error);
                    break;
                }
            };
            let packets = self.receiver.packets();
            let packets = packets.map(|(source, octets)| Incoming {
                source: (source_check == SourceAddress::MustMatch).then_some(source),
                octets,
            });
            endpoint.receive(now, packets, &mut sink);
            let several = count > 1 || self.previous > 1;
            self.previous = count;
            if count >= ENOUGH {
                sink.write();
            } else if several && !gave_way {
                // Whoever is ready to run may have more of the same for us. A lone packet goes on at once.
                std::thread::yield_now();
                gave_way = true;
            }
        }
        sink.write();
        sink.send();
        result
    }

    /// Takes inner packets from the TUN device and gives each to the call that `find` names, or else to
    /// `strays`.
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
        self.sender.refresh(now);
        let mut sent = 0;
        let result = loop {
            let Some(Inside { device, .. }) = &mut self.tun else {
                return Ok(Progress::Drained);
            };
            if sent >= SHARE * adit_engine::BURST {
                break Ok(Progress::More);
            }
            let (header, length) = match device.read(&mut self.buffer) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    break Ok(Progress::Drained);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // The kernel cannot say what a packet needs. That one is gone, others wait behind it.
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                    self.dropped.malformed += 1;
                    sent += 1;
                    continue;
                }
                Err(error) => break Err(error),
            };
            let mut buffer = std::mem::take(&mut self.buffer);
            let packet = buffer.get_mut(..length).unwrap_or_default();
            sent += self.carry(now, endpoint, &header, packet, &find, strays);
            self.buffer = buffer;
            if self.burst.len() >= ENOUGH {
                self.flush();
            }
        };
        self.flush();
        result
    }

    /// Takes an inner packet that somebody else has read from the TUN device, for a call of this endpoint.
    /// To be followed by [`flush`](Self::flush).
    pub fn inject(
        &mut self,
        now: Instant,
        endpoint: &mut Endpoint,
        header: &VnetHeader,
        packet: &mut [u8],
    ) {
        self.carry(now, endpoint, header, packet, &Endpoint::route, &mut ());
    }

    /// Gives an inner packet to the call that it is for, in segments where it stands for many; tells how
    /// many packets it has become.
    fn carry(
        &mut self,
        now: Instant,
        endpoint: &mut Endpoint,
        header: &VnetHeader,
        packet: &mut [u8],
        find: &impl Fn(&Endpoint, &[u8]) -> Destination,
        strays: &mut impl Strays,
    ) -> usize {
        let Destination::Call(call) = find(endpoint, packet) else {
            self.dropped.unrouted += u64::from(!strays.take(header, packet));
            return 1;
        };
        let mut sink = Outward {
            sender: &mut self.sender,
            burst: &mut self.burst,
            tun: self.tun.as_mut(),
            dropped: &mut self.dropped,
        };
        match carry_whole(now, endpoint, call, (header, packet), &mut sink) {
            Some(packets) => packets,
            None => {
                self.dropped.malformed += 1;
                1
            }
        }
    }

    /// Lets the endpoint do what is due.
    pub fn handle_timeout(&mut self, now: Instant, endpoint: &mut Endpoint) {
        let mut sink = Outward {
            sender: &mut self.sender,
            burst: &mut self.burst,
            tun: self.tun.as_mut(),
            dropped: &mut self.dropped,
        };
        endpoint.handle_timeout(now, &mut sink);
        sink.write();
        sink.send();
    }

    /// Puts one GRE packet of the endpoint's outputs on its way.
    pub fn send_gre(&mut self, path: &Path, packet: &[u8]) {
        if self.burst.is_full() {
            self.flush();
        }
        self.burst.push(*path, packet);
    }

    /// Sends what has been collected.
    pub fn flush(&mut self) {
        let mut sink: Outward<'_, S, T> = Outward {
            sender: &mut self.sender,
            burst: &mut self.burst,
            tun: None,
            dropped: &mut self.dropped,
        };
        sink.send();
    }

    /// Inner packets that went nowhere so far.
    pub fn dropped(&self) -> Dropped {
        self.dropped
    }
}

/// Writes a packet, and tells how many packets the device has not taken: those that it stands for.
fn left_behind(device: &mut impl TunPort, header: &VnetHeader, packet: &[u8]) -> u64 {
    if device.write(header, packet).is_ok() {
        return 0;
    }
    let offload = Offload::decode(header).ok();
    let segments = offload.and_then(|offload| Segments::new(offload, packet).ok());
    segments.map_or(1, |segments| segments.remaining() as u64)
}

/// Does what is left to do to an inner packet and sends what comes of it; tells how many packets that is,
/// and none where the packet contradicts its header.
fn carry_whole(
    now: Instant,
    endpoint: &mut Endpoint,
    call: CallKey,
    (header, packet): (&VnetHeader, &mut [u8]),
    sink: &mut impl Sink,
) -> Option<usize> {
    let offload = Offload::decode(header).ok()?;
    if offload.segmentation.is_none() {
        if let Some(checksum) = offload.checksum {
            checksum.complete(packet).ok()?;
        }
        endpoint.send_packet(now, call, packet, sink);
        return Some(1);
    }
    let mut segments = Segments::new(offload, packet).ok()?;
    let count = segments.remaining();
    while let Some(written) = segments.next_into(sink.burst().room()) {
        endpoint.send(now, call, written.ok()?, sink);
    }
    Some(count)
}
