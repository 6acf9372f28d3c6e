//! Receiving in batches (`recvmmsg`).

use std::io::{self, ErrorKind};
use std::net::Ipv4Addr;
use std::os::fd::BorrowedFd;

use super::headers::ReceiveSlots;
use super::path_error::{PathErrors, drain};
use super::{BATCH, PathError};

/// Errors about earlier packets that one receive passes over: more than the kernel queues between two
/// looks, so that packets behind them are not taken for none.
const ERRORS_PASSED: usize = 64;

/// Room for [`BATCH`] received packets, allocated once.
#[derive(Debug)]
pub struct RecvBatch {
    slots: ReceiveSlots,
    count: usize,
    oversized: u64,
    errors: PathErrors,
}

/// One received packet without its IP header.
#[derive(Debug, PartialEq, Eq)]
pub struct Received<'a> {
    /// Who sent it, as its IP header says.
    pub source: Ipv4Addr,
    /// The address of this host to which it was sent.
    pub destination: Ipv4Addr,
    /// GRE header and payload.
    pub gre: &'a mut [u8],
}

impl RecvBatch {
    /// An empty batch.
    pub fn new() -> Self {
        Self {
            slots: ReceiveSlots::new(),
            count: 0,
            oversized: 0,
            errors: PathErrors::default(),
        }
    }

    /// The packets that it holds, in order of arrival. One whose IP header is not sound is
    /// left out.
    pub fn packets(&mut self) -> impl Iterator<Item = Received<'_>> {
        self.slots.filled(self.count).flatten().filter_map(split)
    }

    /// Forgets the packets that it holds.
    pub(super) fn clear(&mut self) {
        self.count = 0;
    }

    /// Packets dropped since the batch was made because they are longer than [`SLOT`](super::SLOT).
    pub fn oversized(&self) -> u64 {
        self.oversized
    }

    /// Removes and returns the errors that the network reported about packets sent before, the last
    /// one of each destination.
    pub fn take_errors(&mut self) -> Vec<PathError> {
        self.errors.take()
    }
}

impl Default for RecvBatch {
    fn default() -> Self {
        Self::new()
    }
}

/// Receives packets behind those in the batch and returns how many.
pub(super) fn receive(socket: BorrowedFd<'_>, batch: &mut RecvBatch) -> io::Result<usize> {
    let before = batch.count;
    if before == BATCH {
        return Ok(0);
    }
    for _ in 0..ERRORS_PASSED {
        match batch.slots.receive(socket, before) {
            Ok(count) => {
                batch.count += count;
                let filled = batch.slots.filled(batch.count).skip(before);
                batch.oversized += filled.filter(Option::is_none).count() as u64;
                return Ok(count);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // An ICMP error about an earlier packet waits; the socket itself is well.
            Err(error) => {
                if drain(socket, &mut batch.errors) == 0 && !is_network_error(&error) {
                    return Err(error);
                }
            }
        }
    }
    Ok(0)
}

/// The errors that the kernel leaves on a socket because of an ICMP message.
fn is_network_error(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(
            libc::EHOSTUNREACH
                | libc::ENETUNREACH
                | libc::ECONNREFUSED
                | libc::ENOPROTOOPT
                | libc::EMSGSIZE
                | libc::EHOSTDOWN
                | libc::ENONET
                | libc::EOPNOTSUPP
                | libc::EPROTO
                | libc::EACCES
        )
    )
}

/// Splits off the IPv4 header (RFC 791 §3.1), trusting no length in it.
fn split(packet: &mut [u8]) -> Option<Received<'_>> {
    let (fixed, _) = packet.split_first_chunk::<20>()?;
    if fixed[0] >> 4 != 4 {
        return None;
    }
    let header = usize::from(fixed[0] & 0x0f) * 4;
    let total = usize::from(u16::from_be_bytes([fixed[2], fixed[3]]));
    let source = Ipv4Addr::new(fixed[12], fixed[13], fixed[14], fixed[15]);
    let destination = Ipv4Addr::new(fixed[16], fixed[17], fixed[18], fixed[19]);
    if header < fixed.len() {
        return None;
    }
    let gre = packet.get_mut(header..total)?;
    Some(Received {
        source,
        destination,
        gre,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(first: u8, total: u16, length: usize) -> Vec<u8> {
        let mut packet = vec![0; length];
        packet[0] = first;
        packet[2..4].copy_from_slice(&total.to_be_bytes());
        packet[12..16].copy_from_slice(&[10, 0, 0, 1]);
        packet[16..20].copy_from_slice(&[10, 0, 0, 2]);
        packet
    }

    #[test]
    fn skips_the_header_with_its_options_and_the_padding() {
        let mut bytes = packet(0x46, 27, 40);
        bytes[24..27].copy_from_slice(&[1, 2, 3]);
        let received = split(&mut bytes).unwrap();
        assert_eq!(received.source, Ipv4Addr::new(10, 0, 0, 1));
        assert_eq!(received.destination, Ipv4Addr::new(10, 0, 0, 2));
        assert_eq!(received.gre, [1, 2, 3]);
    }

    #[test]
    fn refuses_headers_whose_lengths_lie() {
        assert!(split(&mut [0x45; 19]).is_none(), "shorter than a header");
        assert!(split(&mut packet(0x65, 30, 30)).is_none(), "version 6");
        assert!(
            split(&mut packet(0x44, 30, 30)).is_none(),
            "header of 16 octets"
        );
        assert!(
            split(&mut packet(0x45, 31, 30)).is_none(),
            "total beyond what came"
        );
        assert!(
            split(&mut packet(0x46, 23, 30)).is_none(),
            "total within the header"
        );
    }
}
