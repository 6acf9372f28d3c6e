//! The encrypting end (RFC 3078 §6, §7, §8.2).

use adit_crypto::mppe_keys::SessionKeys;
use adit_crypto::rc4::Rc4;
use adit_wire::mppe::Header;

use super::{Mode, is_flag};

/// Encrypts the packets of one direction.
#[derive(Debug)]
pub struct Sender {
    keys: SessionKeys,
    mode: Mode,
    cipher: Rc4,
    /// Coherency count of the next packet.
    next_count: u16,
    flush: bool,
}

impl Sender {
    /// Starts with coherency count 0. `keys` are at the initial session key.
    pub fn new(keys: SessionKeys, mode: Mode) -> Self {
        let cipher = Rc4::new(keys.current().octets());
        Self {
            keys,
            mode,
            cipher,
            next_count: 0,
            flush: false,
        }
    }

    /// Encrypts protocol field and information in place and gives the header for the packet: bit A
    /// (FLUSHED), bit D (ENCRYPTED) and the coherency count.
    ///
    /// In stateful mode, bit A is set on "flag" packets too: their tables are new, and Linux drops
    /// those without it. It stays clear on the first packet, where Linux would take it for a key
    /// change.
    pub fn encrypt(&mut self, packet: &mut [u8]) -> u16 {
        if std::mem::take(&mut self.flush) {
            self.next_count |= 0x00ff;
        }
        let count = self.next_count;
        let mut header = Header::ENCRYPTED | count;
        if self.mode == Mode::Stateless || is_flag(count) {
            self.cipher.rekey(self.keys.change().octets());
            header |= Header::FLUSHED;
        }
        self.cipher.apply(packet);
        self.next_count = (count + 1) & Header::COUNT;
        header
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
        self.flush = self.mode == Mode::Stateful;
    }
}
