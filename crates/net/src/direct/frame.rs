//! Ethernet and IPv4 headers in front of a GRE packet.

use std::net::Ipv4Addr;

use crate::netlink::HardwareAddress;

/// Octets of an Ethernet header.
pub(super) const ETHERNET: usize = 14;
/// Octets of an IPv4 header without options (RFC 791 §3.1).
pub(super) const IPV4: usize = 20;
/// Octets of both.
pub(super) const HEADER: usize = ETHERNET + IPV4;

/// Hops that a packet may take: the host's default for the packets of its own sockets.
const TIME_TO_LIVE: u8 = 64;

/// The headers of all packets from one address to another; only length, identification and checksum
/// differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Template {
    octets: [u8; HEADER],
    /// The sum of the 16-bit words of the IPv4 header that do not change.
    sum: u32,
}

impl Template {
    pub(super) fn new(
        link: (HardwareAddress, HardwareAddress),
        source: Ipv4Addr,
        destination: Ipv4Addr,
    ) -> Self {
        let (from, to) = link;
        let ip = [
            [0x45, 0, 0, 0], // version and header length in words, no differentiated service
            [0, 0, 0, 0],    // identification, no flags: a router may fragment
            [TIME_TO_LIVE, libc::IPPROTO_GRE as u8, 0, 0],
            source.octets(),
            destination.octets(),
        ];
        let mut octets = [0; HEADER];
        let parts = [&to[..], &from, &[0x08, 0x00], ip.as_flattened()];
        for (octet, value) in octets.iter_mut().zip(parts.into_iter().flatten()) {
            *octet = *value;
        }
        let words = ip.as_flattened().chunks_exact(2);
        let sum = words
            .filter_map(|word| word.first_chunk())
            .map(|word| u32::from(u16::from_be_bytes(*word)))
            .sum();
        Self { octets, sum }
    }

    /// The headers of a packet with `length` octets of GRE header and payload.
    pub(super) fn header(&self, identification: u16, length: u16) -> [u8; HEADER] {
        let total = length.saturating_add(IPV4 as u16);
        let sum = self.sum + u32::from(total) + u32::from(identification);
        let mut header = self.octets;
        put(&mut header, ETHERNET + 2, total);
        put(&mut header, ETHERNET + 4, identification);
        put(&mut header, ETHERNET + 10, !fold(sum));
        header
    }
}

fn put(header: &mut [u8; HEADER], offset: usize, value: u16) {
    if let Some(field) = header.get_mut(offset..offset + 2) {
        field.copy_from_slice(&value.to_be_bytes());
    }
}

/// The one's complement sum of words whose ordinary sum is `sum` (RFC 1071).
fn fold(sum: u32) -> u16 {
    let once = (sum & 0xffff) + (sum >> 16);
    (once + (once >> 16)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_those_of_a_packet_that_a_host_sent() {
        let link = ([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
        let template = Template::new(
            link,
            Ipv4Addr::new(192, 0, 2, 1),
            Ipv4Addr::new(198, 51, 100, 7),
        );
        let header = template.header(0x1234, 100);
        assert_eq!(
            header[..ETHERNET],
            [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0]
        );
        assert_eq!(
            header[ETHERNET..ETHERNET + 10],
            [0x45, 0, 0, 120, 0x12, 0x34, 0, 0, 64, 47]
        );
        assert_eq!(header[ETHERNET + 12..], [192, 0, 2, 1, 198, 51, 100, 7]);
    }

    #[test]
    fn every_checksum_makes_the_sum_of_the_header_all_ones() {
        for octet in [0, 1, 127, 255] {
            let address = Ipv4Addr::from([octet; 4]);
            let template = Template::new(([0; 6], [0; 6]), address, address);
            for identification in [0, 1, 0x7fff, 0xfffe, 0xffff] {
                for length in [0, 1, 1464, u16::MAX - 20] {
                    let header = template.header(identification, length);
                    let words = header[ETHERNET..].chunks_exact(2);
                    let sum = words
                        .map(|w| u32::from(u16::from_be_bytes([w[0], w[1]])))
                        .sum();
                    assert_eq!(fold(sum), 0xffff, "{address} {identification} {length}");
                }
            }
        }
    }
}
