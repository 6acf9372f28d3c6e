//! Received packets between the acceptance and the decryption of what is behind their heads.

use adit_crypto::rc4::{self, LANES, Rc4};
use adit_ppp::link::{IpVersion, OpenedPacket};
use arrayvec::ArrayVec;

use crate::event::CallKey;

/// The key streams of packets that are being opened; kept from one batch to the next.
pub(crate) struct Ciphers([Rc4; LANES]);

impl Ciphers {
    pub(crate) fn new() -> Self {
        Self(std::array::from_fn(|_| Rc4::new(&[])))
    }

    /// The one of the packet that is added next.
    pub(crate) fn next(&mut self, opening: &Opening<'_>) -> &mut Rc4 {
        let last = LANES - 1;
        &mut self.0[opening.packets.len().min(last)]
    }
}

/// As many packets as are decrypted side by side, in order.
#[derive(Default)]
pub(crate) struct Opening<'p> {
    packets: ArrayVec<Accepted<'p>, LANES>,
}

/// An inner packet that a call's link has accepted.
pub(crate) struct Accepted<'p> {
    pub(crate) call: CallKey,
    pub(crate) version: IpVersion,
    pub(crate) octets: &'p mut [u8],
    readable: usize,
}

impl<'p> Accepted<'p> {
    pub(crate) fn new(call: CallKey, packet: OpenedPacket<'p>) -> Self {
        Self {
            call,
            version: packet.version,
            octets: packet.octets,
            readable: packet.readable,
        }
    }

    /// Decrypts the rest of it alone.
    pub(crate) fn complete(&mut self, cipher: &mut Rc4) {
        if let Some(rest) = self.octets.get_mut(self.readable..) {
            cipher.apply(rest);
        }
        self.readable = self.octets.len();
    }
}

impl<'p> Opening<'p> {
    pub(crate) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.packets.is_full()
    }

    /// Adds a packet, which must have been opened with [`Ciphers::next`].
    pub(crate) fn add(&mut self, packet: Accepted<'p>) {
        self.packets.push(packet);
    }

    /// Decrypts all packets and takes them out.
    pub(crate) fn complete(
        &mut self,
        ciphers: &mut Ciphers,
    ) -> impl Iterator<Item = Accepted<'p>> + use<'p> {
        let mut packets = std::mem::take(&mut self.packets);
        let mut streams = ArrayVec::<_, LANES>::new();
        for (packet, cipher) in packets.iter_mut().zip(&mut ciphers.0) {
            if let Some(rest) = packet.octets.get_mut(packet.readable..)
                && !rest.is_empty()
            {
                streams.push((cipher, rest));
            }
            packet.readable = usize::MAX;
        }
        rc4::apply_together(&mut streams);
        drop(streams);
        packets.into_iter()
    }
}
