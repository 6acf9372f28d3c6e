//! What segmentation and its reverse need of the headers of TCP (RFC 9293 §3.1) and UDP (RFC 768).

use crate::checksum::Sum;
use crate::header::Version;

/// Protocol number of TCP.
pub(crate) const TCP: u8 = 6;
/// Protocol number of UDP.
pub(crate) const UDP: u8 = 17;

/// Octets of a TCP header without options.
pub(crate) const TCP_HEADER: usize = 20;
/// Octets of a UDP header.
pub(crate) const UDP_HEADER: usize = 8;

/// Place of the checksum in a TCP header.
pub(crate) const TCP_CHECKSUM: usize = 16;
/// Place of the checksum in a UDP header.
pub(crate) const UDP_CHECKSUM: usize = 6;

/// Place of the flags in a TCP header.
pub(crate) const FLAGS: usize = 13;
pub(crate) const FIN: u8 = 0x01;
pub(crate) const PSH: u8 = 0x08;
pub(crate) const ACK: u8 = 0x10;
pub(crate) const ECE: u8 = 0x40;
pub(crate) const CWR: u8 = 0x80;

/// The sum of the pseudo-header (RFC 9293 §3.1, RFC 8200 §8.1) without the length, from a packet that
/// holds a whole IP header.
pub(crate) fn pseudo_header(packet: &[u8], version: Version, protocol: u8) -> Sum {
    let addresses = match version {
        Version::V4 => packet
            .get(12..)
            .and_then(|packet| packet.first_chunk::<8>())
            .map(|addresses| Sum::default().add(addresses)),
        Version::V6 => packet
            .get(8..)
            .and_then(|packet| packet.first_chunk::<32>())
            .map(|addresses| Sum::default().add(addresses)),
    };
    addresses.unwrap_or_default().add_word(u16::from(protocol))
}

/// The 16-bit field at `at`; 0 outside.
pub(crate) fn field(bytes: &[u8], at: usize) -> u16 {
    bytes
        .get(at..)
        .and_then(|bytes| bytes.first_chunk())
        .map_or(0, |field| u16::from_be_bytes(*field))
}

/// Sets the 16-bit field at `at`; nothing outside.
pub(crate) fn set_field(bytes: &mut [u8], at: usize, value: u16) {
    if let Some(field) = bytes
        .get_mut(at..)
        .and_then(|bytes| bytes.first_chunk_mut())
    {
        *field = value.to_be_bytes();
    }
}
