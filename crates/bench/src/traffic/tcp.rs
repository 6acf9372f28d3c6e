//! TCP streams that send as fast as they can.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Context;

use crate::stage::{End, IpVersion};

/// Octets handed to the kernel at a time.
const BLOCK: usize = 128 * 1024;
/// How long a connection may take to come up, and a stream may stand still.
const PATIENCE: Duration = Duration::from_secs(10);

/// Streams that run until this is dropped.
pub(crate) struct TcpLoad {
    stop: Arc<AtomicBool>,
    received: Arc<AtomicU64>,
    streams: Vec<TcpStream>,
    threads: Vec<JoinHandle<()>>,
}

impl TcpLoad {
    /// Opens `streams` connections to an address of `to` and sends from the end `from`.
    pub(crate) fn start(
        from: &End,
        to: &End,
        version: IpVersion,
        streams: u16,
    ) -> anyhow::Result<Self> {
        let address = to.address(version);
        let listener = to.host.run(|| TcpListener::bind(address))?;
        let listener = listener.with_context(|| format!("cannot listen on {}", address.ip()))?;
        let mut load = Self {
            stop: Arc::default(),
            received: Arc::default(),
            streams: Vec::new(),
            threads: Vec::new(),
        };
        for _ in 0..streams {
            let sending = from.host.run(|| connect(listener.local_addr()?))??;
            let (receiving, _) = listener.accept()?;
            load.add(sending, receiving)?;
        }
        Ok(load)
    }

    /// Octets that have arrived so far, on all streams.
    pub(crate) fn octets(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    fn add(&mut self, sending: TcpStream, receiving: TcpStream) -> anyhow::Result<()> {
        self.streams.push(sending.try_clone()?);
        self.streams.push(receiving.try_clone()?);
        let (stop, received) = (Arc::clone(&self.stop), Arc::clone(&self.received));
        let sender = move || send(sending, &stop);
        self.threads.push(thread::spawn(sender));
        let receiver = move || receive(receiving, &received);
        self.threads.push(thread::spawn(receiver));
        Ok(())
    }
}

impl Drop for TcpLoad {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for stream in &self.streams {
            // The other end may have gone already.
            let _ = stream.shutdown(Shutdown::Both);
        }
        for thread in self.threads.drain(..) {
            // A panic has been told; what was counted so far shows the rest.
            let _ = thread.join();
        }
    }
}

fn connect(address: SocketAddr) -> anyhow::Result<TcpStream> {
    TcpStream::connect_timeout(&address, PATIENCE)
        .with_context(|| format!("cannot connect to {address} by TCP"))
}

fn send(mut stream: TcpStream, stop: &AtomicBool) {
    let block = vec![0x5a; BLOCK];
    // An error means that the load ends, or shows as a rate of nothing.
    while !stop.load(Ordering::Relaxed) && stream.write_all(&block).is_ok() {}
}

fn receive(mut stream: TcpStream, received: &AtomicU64) {
    let mut buffer = vec![0; BLOCK];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return,
            Ok(length) => {
                received.fetch_add(length as u64, Ordering::Relaxed);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}
