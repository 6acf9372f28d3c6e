//! MPPE made of OpenSSL's low-level functions: they have neither look-ups nor allocations to pay for.

use std::ffi::c_void;

use super::{Batch, LANES, Way};

/// `RC4_KEY` of `openssl/rc4.h`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Key {
    x: u32,
    y: u32,
    data: [u32; 256],
}

/// `SHA_CTX` of `openssl/sha.h`.
#[repr(C)]
struct ShaContext {
    state: [u32; 5],
    length: [u32; 2],
    data: [u32; 16],
    used: u32,
}

#[link(name = "crypto")]
unsafe extern "C" {
    fn RC4_set_key(key: *mut Key, length: i32, data: *const u8);
    fn RC4(key: *mut Key, length: usize, from: *const u8, to: *mut u8);
    fn SHA1_Init(context: *mut ShaContext) -> i32;
    fn SHA1_Update(context: *mut ShaContext, data: *const c_void, length: usize) -> i32;
    fn SHA1_Final(digest: *mut u8, context: *mut ShaContext) -> i32;
}

impl Key {
    fn new(key: &[u8; 16]) -> Self {
        let mut tables = Self {
            x: 0,
            y: 0,
            data: [0; 256],
        };
        // SAFETY: the key has 16 octets, and the tables the layout that OpenSSL fills.
        unsafe { RC4_set_key(&mut tables, 16, key.as_ptr()) };
        tables
    }

    fn apply(&mut self, data: &mut [u8]) {
        let octets = data.as_mut_ptr();
        // SAFETY: `data` is valid for its length; OpenSSL encrypts in place.
        unsafe { RC4(self, data.len(), octets, octets) };
    }
}

fn interim(message: &[u8; 112]) -> [u8; 16] {
    let mut context = ShaContext {
        state: [0; 5],
        length: [0; 2],
        data: [0; 16],
        used: 0,
    };
    let mut digest = [0; 20];
    // SAFETY: the context has the layout that OpenSSL fills, the message is valid for its length, and
    // a digest has 20 octets.
    unsafe {
        SHA1_Init(&mut context);
        SHA1_Update(&mut context, message.as_ptr().cast(), message.len());
        SHA1_Final(digest.as_mut_ptr(), &mut context);
    }
    *digest.first_chunk().expect("a digest has 20 octets")
}

/// The key chain of RFC 3078 §7.3 with 128 bits.
pub(crate) struct Stateless {
    message: [u8; 112],
}

impl Stateless {
    pub(crate) fn new(start: [u8; 16]) -> Self {
        let mut message = [0; 112];
        message[..16].copy_from_slice(&start);
        message[56..72].copy_from_slice(&start);
        message[72..].fill(0xf2);
        let key = interim(&message);
        message[56..72].copy_from_slice(&key);
        Self { message }
    }
}

impl Way for Stateless {
    fn name(&self) -> &'static str {
        "OpenSSL"
    }

    fn encrypt(&mut self, batch: &mut Batch) {
        for packet in batch {
            let mut key = interim(&self.message);
            Key::new(&key.clone()).apply(&mut key);
            self.message[56..72].copy_from_slice(&key);
            Key::new(&key).apply(packet);
        }
    }
}

/// One stream for each packet of the batch.
pub(crate) struct Stateful([Key; LANES]);

impl Stateful {
    pub(crate) fn new(key: [u8; 16]) -> Self {
        Self([Key::new(&key); LANES])
    }
}

impl Way for Stateful {
    fn name(&self) -> &'static str {
        "OpenSSL"
    }

    fn encrypt(&mut self, batch: &mut Batch) {
        for (key, packet) in self.0.iter_mut().zip(batch) {
            key.apply(packet);
        }
    }
}
