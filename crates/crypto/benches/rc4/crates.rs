//! MPPE made of the crates `rc4` and `sha1`.

use rc4::{KeyInit, Rc4, StreamCipher};
use sha1::{Digest, Sha1};

use super::{Batch, LANES, Way};

/// The key chain of RFC 3078 §7.3 with 128 bits.
pub(crate) struct Stateless {
    start: [u8; 16],
    key: [u8; 16],
}

impl Stateless {
    pub(crate) fn new(start: [u8; 16]) -> Self {
        let key = interim(&start, &start);
        Self { start, key }
    }
}

impl Way for Stateless {
    fn name(&self) -> &'static str {
        "crates rc4 and sha1"
    }

    fn encrypt(&mut self, batch: &mut Batch) {
        for packet in batch {
            self.key = interim(&self.start, &self.key);
            let mut cipher = stream(&self.key);
            cipher.apply_keystream(&mut self.key);
            stream(&self.key).apply_keystream(packet);
        }
    }
}

/// One stream for each packet of the batch.
pub(crate) struct Stateful([Rc4; LANES]);

impl Stateful {
    pub(crate) fn new(key: [u8; 16]) -> Self {
        Self([(); LANES].map(|()| stream(&key)))
    }
}

impl Way for Stateful {
    fn name(&self) -> &'static str {
        "crate rc4"
    }

    fn encrypt(&mut self, batch: &mut Batch) {
        for (cipher, packet) in self.0.iter_mut().zip(batch) {
            cipher.apply_keystream(packet);
        }
    }
}

fn stream(key: &[u8; 16]) -> Rc4 {
    Rc4::new_from_slice(key).expect("16 octets are a key")
}

fn interim(start: &[u8; 16], key: &[u8; 16]) -> [u8; 16] {
    let digest = Sha1::new()
        .chain_update(start)
        .chain_update([0x00; 40])
        .chain_update(key)
        .chain_update([0xf2; 40])
        .finalize();
    *digest.first_chunk().expect("a digest has 20 octets")
}
