//! RADIUS servers that do not do what they should.

use std::net::{SocketAddr, SocketAddrV4, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use adit_net::namespace::Host;
use md5::{Digest, Md5};

use crate::program::PATIENCE;

const ACCESS_REQUEST: u8 = 1;
const ACCESS_ACCEPT: u8 = 2;
const ACCOUNTING_RESPONSE: u8 = 5;

/// What a server answers each request with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Nothing.
    Silent,
    /// Octets that are no packet: lengths that lead beyond its end.
    Garbled,
    /// A reply whose Response Authenticator is not right.
    Forged,
    /// A right Response Authenticator, but no Message-Authenticator.
    Unsigned,
}

/// A server of that kind, on a thread of its own until it is dropped.
pub(crate) struct RogueRadius {
    address: SocketAddrV4,
    socket: UdpSocket,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    ends: AtomicBool,
    requests: Mutex<Vec<Vec<u8>>>,
    came: Condvar,
}

impl RogueRadius {
    /// Starts a server at this address of a host.
    pub(crate) fn start(host: &Host, address: SocketAddrV4, secret: &str, manner: Manner) -> Self {
        let socket = host.run(|| UdpSocket::bind(address)).unwrap().unwrap();
        let shared = Arc::new(Shared::default());
        let serving = (socket.try_clone().unwrap(), Arc::clone(&shared));
        let secret = secret.as_bytes().to_vec();
        let thread = std::thread::spawn(move || serve(&serving.0, &serving.1, &secret, manner));
        Self {
            address,
            socket,
            shared,
            thread: Some(thread),
        }
    }

    /// Waits until so many requests have come, retransmissions included.
    pub(crate) fn received(&self, count: usize) -> Vec<Vec<u8>> {
        let deadline = Instant::now() + PATIENCE;
        let mut requests = self.shared.requests.lock().unwrap();
        while requests.len() < count {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{} requests of {count}", requests.len());
            requests = self.shared.came.wait_timeout(requests, left).unwrap().0;
        }
        requests.clone()
    }
}

impl Drop for RogueRadius {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::Release);
        // Its own socket is in its host, so this reaches it from any thread.
        let woken = self.socket.send_to(&[], SocketAddr::V4(self.address));
        if let Some(thread) = self.thread.take()
            && woken.is_ok()
        {
            let _ = thread.join();
        }
    }
}

fn serve(socket: &UdpSocket, shared: &Shared, secret: &[u8], manner: Manner) {
    let mut buffer = [0; 4096];
    while let Ok((length, from)) = socket.recv_from(&mut buffer) {
        if shared.ends.load(Ordering::Acquire) {
            return;
        }
        let request = &buffer[..length];
        if request.len() < 20 {
            continue;
        }
        shared.requests.lock().unwrap().push(request.to_vec());
        shared.came.notify_all();
        if let Some(reply) = reply(request, secret, manner) {
            // Who asked may be gone.
            let _ = socket.send_to(&reply, from);
        }
    }
}

fn reply(request: &[u8], secret: &[u8], manner: Manner) -> Option<Vec<u8>> {
    let code = match request[0] {
        ACCESS_REQUEST => ACCESS_ACCEPT,
        _ => ACCOUNTING_RESPONSE,
    };
    match manner {
        Manner::Silent => None,
        Manner::Garbled => {
            // An attribute of 200 octets in a packet that has room for two.
            let attributes = [18, 200];
            Some(signed(code, request, &attributes, secret))
        }
        Manner::Forged => {
            let mut reply = signed(code, request, &[], secret);
            reply[4] ^= 1;
            Some(reply)
        }
        Manner::Unsigned => Some(signed(code, request, &[], secret)),
    }
}

/// A reply with a Response Authenticator (RFC 2865 §3).
fn signed(code: u8, request: &[u8], attributes: &[u8], secret: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + attributes.len()).unwrap();
    let mut reply = vec![code, request[1]];
    reply.extend(length.to_be_bytes());
    reply.extend(&request[4..20]);
    reply.extend(attributes);
    let digest = Md5::new().chain_update(&reply).chain_update(secret);
    reply[4..20].copy_from_slice(&digest.finalize());
    reply
}
