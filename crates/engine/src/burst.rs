//! Packets on their way to peers, in memory that is used again.

use adit_crypto::rc4::{self, Rc4};
use adit_ppp::link::SEAL_ROOM;
use adit_wire::gre::MAX_HEADER_LENGTH;
use arrayvec::ArrayVec;

use crate::event::Path;

/// Packets in one burst: beyond this, one more packet for each system call gains nothing measurable.
pub const BURST: usize = 64;

/// Octets kept free before an inner packet, for the headers that the tunnel puts there.
const HEADROOM: usize = (MAX_HEADER_LENGTH + SEAL_ROOM).next_multiple_of(8);

/// Octets of one packet's place. Not a power of two, so that places do not fall on the same cache lines.
const SLOT: usize = 2048 + 64;

/// Up to [`BURST`] packets, each in a place of its own with room for headers before it.
///
/// An inner packet is written to [`room`](Self::room) and sealed there by
/// [`Endpoint::send`](crate::Endpoint::send); nothing is moved after that. Encryption is left until
/// [`encrypt`](Self::encrypt), which works on several packets side by side.
pub struct Burst {
    octets: Box<[u8]>,
    packets: Vec<Placed>,
    /// The key stream of each packet that is not encrypted yet.
    ciphers: Box<[Rc4]>,
}

/// A packet in its place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placed {
    pub(crate) path: Path,
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// From where on it is still to be encrypted.
    pub(crate) clear_from: Option<usize>,
}

/// The place of the next packet.
pub(crate) struct Slot<'a> {
    /// Room for headers, then the inner packet.
    pub(crate) octets: &'a mut [u8],
    pub(crate) cipher: &'a mut Rc4,
}

impl Slot<'_> {
    /// Where the inner packet begins.
    pub(crate) const START: usize = HEADROOM;

    pub(crate) fn packet(&mut self) -> &mut [u8] {
        self.octets.get_mut(Self::START..).unwrap_or_default()
    }

    /// Writes a header that ends at `end` and gives its start.
    pub(crate) fn put_before(&mut self, end: usize, header: &[u8]) -> usize {
        let start = end - header.len();
        self.octets[start..end].copy_from_slice(header);
        start
    }
}

impl Burst {
    /// An empty burst; this allocates all its memory.
    pub fn new() -> Self {
        Self {
            octets: vec![0; BURST * SLOT].into_boxed_slice(),
            packets: Vec::with_capacity(BURST),
            ciphers: (0..BURST).map(|_| Rc4::new(&[])).collect(),
        }
    }

    /// How many packets it has.
    pub fn len(&self) -> usize {
        self.packets.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Whether it has no room for one more.
    pub fn is_full(&self) -> bool {
        self.packets.len() >= BURST
    }

    /// Where the next inner packet is to be written; empty where the burst is full.
    pub fn room(&mut self) -> &mut [u8] {
        let slot = self.octets.chunks_exact_mut(SLOT).nth(self.packets.len());
        slot.and_then(|slot| slot.get_mut(HEADROOM..))
            .unwrap_or_default()
    }

    /// Adds a packet that is complete. Where the burst is full or the packet too long for its place,
    /// nothing changes and `false` is returned.
    pub fn push(&mut self, path: Path, packet: &[u8]) -> bool {
        let Some(room) = self.room().get_mut(..packet.len()) else {
            return false;
        };
        room.copy_from_slice(packet);
        self.commit(Placed {
            path,
            start: HEADROOM,
            end: HEADROOM + packet.len(),
            clear_from: None,
        });
        true
    }

    /// The place of the next packet, with `length` octets of inner packet in it already.
    pub(crate) fn slot(&mut self, length: usize) -> Option<Slot<'_>> {
        let next = self.packets.len();
        let octets = self.octets.chunks_exact_mut(SLOT).nth(next)?;
        Some(Slot {
            octets: octets.get_mut(..HEADROOM + length)?,
            cipher: self.ciphers.get_mut(next)?,
        })
    }

    /// Keeps what was made in the next place.
    pub(crate) fn commit(&mut self, packet: Placed) {
        self.packets.push(packet);
    }

    /// Encrypts all packets that are not yet.
    pub fn encrypt(&mut self) {
        let mut streams = ArrayVec::<_, BURST>::new();
        let slots = self.octets.chunks_exact_mut(SLOT);
        for ((packet, cipher), slot) in self.packets.iter_mut().zip(&mut self.ciphers).zip(slots) {
            let clear = packet.clear_from.take();
            if let Some(octets) = clear.and_then(|from| slot.get_mut(from..packet.end)) {
                streams.push((cipher, octets));
            }
        }
        rc4::apply_together(&mut streams);
    }

    /// The packets, from the GRE header on, in the order in which they are to be sent; to be
    /// [`encrypted`](Self::encrypt) before.
    pub fn packets(&self) -> impl ExactSizeIterator<Item = (&Path, &[u8])> {
        let slots = self.octets.chunks_exact(SLOT);
        self.packets.iter().zip(slots).map(|(packet, slot)| {
            debug_assert!(packet.clear_from.is_none(), "not encrypted");
            let octets = slot.get(packet.start..packet.end).unwrap_or_default();
            (&packet.path, octets)
        })
    }

    /// Forgets all packets.
    pub fn clear(&mut self) {
        self.packets.clear();
    }
}

impl Default for Burst {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Burst {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Burst")
            .field("packets", &self.packets)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: Path = Path {
        local: std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
        peer: std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
        mtu: 1500,
    };

    #[test]
    fn a_full_burst_takes_no_more() {
        let mut burst = Burst::new();
        for number in 0..BURST {
            assert!(burst.push(PATH, &[number as u8; 3]));
        }
        assert!(burst.is_full() && burst.room().is_empty());
        assert!(!burst.push(PATH, &[1]));
        let packets: Vec<&[u8]> = burst.packets().map(|(_, packet)| packet).collect();
        assert_eq!(packets.len(), BURST);
        assert_eq!(packets[63], [63; 3]);
        burst.clear();
        assert!(burst.is_empty() && burst.push(PATH, &[1]));
    }

    #[test]
    fn a_packet_that_has_no_place_changes_nothing() {
        let mut burst = Burst::new();
        let too_long = vec![0; burst.room().len() + 1];
        assert!(!burst.push(PATH, &too_long));
        assert!(burst.is_empty());
    }

    #[test]
    fn only_what_is_clear_is_encrypted() {
        let mut burst = Burst::new();
        burst.push(PATH, &[1, 2, 3, 4]);
        for _ in 0..2 {
            let slot = burst.slot(4).unwrap();
            slot.octets[Slot::START..].copy_from_slice(&[1, 2, 3, 4]);
            slot.cipher.rekey(b"Key");
            burst.commit(Placed {
                path: PATH,
                start: HEADROOM,
                end: HEADROOM + 4,
                clear_from: Some(HEADROOM + 2),
            });
        }
        burst.encrypt();
        let mut expected = [3, 4];
        Rc4::new(b"Key").apply(&mut expected);
        let packets: Vec<&[u8]> = burst.packets().map(|(_, packet)| packet).collect();
        assert_eq!(packets[0], [1, 2, 3, 4]);
        let encrypted = [&[1, 2], &expected[..]].concat();
        assert_eq!(packets[1..], [&encrypted[..], &encrypted[..]]);
    }
}
