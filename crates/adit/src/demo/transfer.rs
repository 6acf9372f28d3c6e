//! A short TCP transfer from one host to another, whose content is compared.

use std::io::{Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use adit_net::namespace::Host;
use anyhow::{Context, bail, ensure};
use sha2::{Digest, Sha256};

/// How long to send.
const TIME: Duration = Duration::from_secs(1);
/// How long a host may wait for the other.
const PATIENCE: Duration = Duration::from_secs(10);
const BLOCK: usize = 64 * 1024;

/// What arrived as it was sent.
#[derive(Debug)]
pub(super) struct Transfer {
    pub(super) octets: u64,
    pub(super) time: Duration,
    /// SHA-256 of the content.
    pub(super) digest: Vec<u8>,
}

impl Transfer {
    /// Millions of bits per second.
    pub(super) fn megabits_per_second(&self) -> f64 {
        self.octets as f64 * 8.0 / 1e6 / self.time.as_secs_f64()
    }

    /// The first octets of the digest, in hexadecimal.
    pub(super) fn short_digest(&self) -> String {
        let octets = self.digest.iter().take(8);
        octets.map(|octet| format!("{octet:02x}")).collect()
    }
}

/// Sends from one host to an address of the other.
pub(super) fn transfer(from: &Host, to: (&Host, IpAddr)) -> anyhow::Result<Transfer> {
    let listener = to.0.run(|| TcpListener::bind((to.1, 0)))??;
    let address = listener.local_addr()?;
    let sending = from.run(|| connect(address))??;
    let (receiving, _) = listener.accept()?;
    receiving.set_read_timeout(Some(PATIENCE))?;
    let start = Instant::now();
    let sender = thread::spawn(move || send(sending));
    let (received, digest) = receive(receiving)?;
    let time = start.elapsed();
    let Ok(sent) = sender.join() else {
        bail!("the sender failed");
    };
    let (sent, expected) = sent?;
    ensure!(
        received == sent && digest == expected,
        "TCP data arrived damaged: {sent} octets sent, {received} received"
    );
    Ok(Transfer {
        octets: received,
        time,
        digest,
    })
}

fn connect(address: SocketAddr) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)
        .with_context(|| format!("cannot connect to {address} by TCP"))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn send(mut stream: TcpStream) -> anyhow::Result<(u64, Vec<u8>)> {
    let (mut sent, mut digest) = (0, Sha256::new());
    let mut block = vec![0; BLOCK];
    let start = Instant::now();
    while start.elapsed() < TIME {
        fill(&mut block, sent);
        digest.update(&block);
        stream.write_all(&block)?;
        sent += BLOCK as u64;
    }
    stream.shutdown(Shutdown::Write)?;
    Ok((sent, digest.finalize().to_vec()))
}

/// Octets that differ from block to block, so that a lost or doubled one shows.
fn fill(block: &mut [u8], offset: u64) {
    let mut state = offset | 1;
    for octets in block.chunks_mut(8) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        octets.copy_from_slice(&state.to_le_bytes()[..octets.len()]);
    }
}

fn receive(mut stream: TcpStream) -> anyhow::Result<(u64, Vec<u8>)> {
    let (mut received, mut digest) = (0, Sha256::new());
    let mut buffer = vec![0; BLOCK];
    loop {
        let length = stream.read(&mut buffer)?;
        if length == 0 {
            return Ok((received, digest.finalize().to_vec()));
        }
        digest.update(&buffer[..length]);
        received += length as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_differ() {
        let (mut first, mut second) = ([0; 20], [0; 20]);
        fill(&mut first, 0);
        fill(&mut second, 64);
        assert_ne!(first, second);
        assert_ne!(first[..8], first[8..16]);
    }

    #[test]
    fn the_rate_is_in_millions_of_bits() {
        let transfer = Transfer {
            octets: 1_000_000,
            time: Duration::from_secs(2),
            digest: vec![0xab; 32],
        };
        assert!((transfer.megabits_per_second() - 4.0).abs() < 1e-9);
        assert_eq!(transfer.short_digest(), "abababababababab");
    }
}
