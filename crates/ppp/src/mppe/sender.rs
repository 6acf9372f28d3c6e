//! The encrypting end (RFC 3078 §6, §7, §8.2).

use adit_crypto::mppe_keys::SessionKeys;
use adit_crypto::rc4::Rc4;
use adit_wire::mppe::Header;

use super::{Mode, is_flag};

/// Encrypts the packets of one direction.
#[derive(Debug)]
pub struct Sender {
    keys: SessionKeys,
    /// The key stream that goes on from packet to packet, in stateful mode.
    stream: Option<Box<Rc4>>,
    /// Coherency count of the next packet.
    next_count: u16,
    flush: bool,
}

/// A packet whose header and key are settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begun {
    /// Goes before the packet: bit A (FLUSHED), bit D (ENCRYPTED) and the coherency count.
    pub header: u16,
    /// Whether the packet is still to be encrypted with the cipher given.
    pub pending: bool,
}

impl Sender {
    /// Starts with coherency count 0. `keys` are at the initial session key.
    pub fn new(keys: SessionKeys, mode: Mode) -> Self {
        let stream = match mode {
            Mode::Stateless => None,
            Mode::Stateful => Some(Box::new(Rc4::new(keys.current().octets()))),
        };
        Self {
            keys,
            stream,
            next_count: 0,
            flush: false,
        }
    }

    /// Encrypts protocol field and information in place and gives the header for the packet.
    pub fn encrypt(&mut self, packet: &mut [u8]) -> u16 {
        let mut cipher = Rc4::new(&[]);
        let begun = self.begin(packet, &mut cipher);
        if begun.pending {
            cipher.apply(packet);
        }
        begun.header
    }

    /// Takes the next coherency count and key for a packet. In stateless mode it is left to the caller
    /// to encrypt it with `cipher`, so that several packets can be encrypted side by side; in stateful
    /// mode it is encrypted at once, and `cipher` is not touched.
    ///
    /// In stateful mode, bit A is set on "flag" packets too: their tables are new, and Linux drops
    /// those without it. It stays clear on the first packet, where Linux would take it for a key
    /// change.
    pub fn begin(&mut self, packet: &mut [u8], cipher: &mut Rc4) -> Begun {
        if std::mem::take(&mut self.flush) {
            self.next_count |= 0x00ff;
        }
        let count = self.next_count;
        self.next_count = (count + 1) & Header::COUNT;
        let mut header = Header::ENCRYPTED | count;
        let Some(stream) = &mut self.stream else {
            self.keys.change_into(cipher);
            return Begun {
                header: header | Header::FLUSHED,
                pending: true,
            };
        };
        if is_flag(count) {
            stream.rekey(self.keys.change().octets());
            header |= Header::FLUSHED;
        }
        stream.apply(packet);
        Begun {
            header,
            pending: false,
        }
    }

    /// Answers a CCP Reset-Request: the next packet will have new tables and the FLUSHED bit.
    ///
    /// The coherency count skips to the next "flag" packet, as if the packets before it were lost.
    /// RFC 3078 §8.2 would have the next packet use the same key from its start once more. That reuses
    /// key stream, and Linux takes every FLUSHED packet for a key change: a "flag" packet is the only
    /// one on which both readings agree. In stateless mode every packet is fit for this already.
    ///
    /// A peer that is not discarding packets may drop that one for its gap and ask again, so the
    /// caller ignores requests that follow an answered one within a round trip.
    pub fn flush(&mut self) {
        self.flush = self.stream.is_some();
    }
}
