//! What the fixed IP header says (RFC 791 §3.1, RFC 8200 §3).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Version of the Internet Protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// RFC 791.
    V4,
    /// RFC 8200.
    V6,
}

/// Why some octets are not an IP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The first four bits are neither 4 nor 6.
    #[error("IP version {version} is neither 4 nor 6")]
    Version {
        /// What they are.
        version: u8,
    },
    /// Shorter than a header.
    #[error("an IP header takes {need} octets, the packet has {have}")]
    Short {
        /// Octets of the header.
        need: usize,
        /// Octets there are.
        have: usize,
    },
    /// The lengths in the header contradict each other.
    #[error("an IP header of {header} octets in a packet of {total}")]
    Contradiction {
        /// The header length that the header gives.
        header: usize,
        /// The total length that the header gives.
        total: usize,
    },
    /// Octets at the end are missing.
    #[error("the IP header tells of {total} octets, the packet has {have}")]
    Truncated {
        /// The total length that the header gives.
        total: usize,
        /// Octets there are.
        have: usize,
    },
}

/// The version in the first four bits.
pub fn version(packet: &[u8]) -> Option<Version> {
    match packet.first()? >> 4 {
        4 => Some(Version::V4),
        6 => Some(Version::V6),
        _ => None,
    }
}

/// The source address, if the packet is long enough to hold one.
pub fn source(packet: &[u8]) -> Option<IpAddr> {
    address(packet, 12, 8)
}

/// The destination address, if the packet is long enough to hold one.
pub fn destination(packet: &[u8]) -> Option<IpAddr> {
    address(packet, 16, 24)
}

/// Checks the lengths in the header against the packet, and returns the packet without octets that
/// follow its end, such as the padding of a PPP frame (RFC 1661 §2).
///
/// # Errors
/// [`HeaderError`] says which length is wrong.
pub fn check(packet: &[u8]) -> Result<&[u8], HeaderError> {
    let have = packet.len();
    let (header, total) = lengths(packet)?;
    if header > total {
        return Err(HeaderError::Contradiction { header, total });
    }
    packet
        .get(..total)
        .ok_or(HeaderError::Truncated { total, have })
}

/// Header length and total length as the header gives them.
fn lengths(packet: &[u8]) -> Result<(usize, usize), HeaderError> {
    let have = packet.len();
    let first = *packet
        .first()
        .ok_or(HeaderError::Short { need: 20, have })?;
    match first >> 4 {
        4 => {
            let fixed = packet
                .first_chunk::<20>()
                .ok_or(HeaderError::Short { need: 20, have })?;
            let header = usize::from(first & 0x0f) * 4;
            let total = usize::from(u16::from_be_bytes([fixed[2], fixed[3]]));
            if header < fixed.len() {
                return Err(HeaderError::Contradiction { header, total });
            }
            Ok((header, total))
        }
        6 => {
            let fixed = packet
                .first_chunk::<40>()
                .ok_or(HeaderError::Short { need: 40, have })?;
            let payload = usize::from(u16::from_be_bytes([fixed[4], fixed[5]]));
            Ok((fixed.len(), fixed.len() + payload))
        }
        version => Err(HeaderError::Version { version }),
    }
}

fn address(packet: &[u8], v4_offset: usize, v6_offset: usize) -> Option<IpAddr> {
    match version(packet)? {
        Version::V4 => {
            let octets = packet.get(v4_offset..)?.first_chunk::<4>()?;
            Some(Ipv4Addr::from(*octets).into())
        }
        Version::V6 => {
            let octets = packet.get(v6_offset..)?.first_chunk::<16>()?;
            Some(Ipv6Addr::from(*octets).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use etherparse::PacketBuilder;
    use proptest::prelude::*;

    use super::*;

    fn udp(v6: bool, payload: &[u8]) -> Vec<u8> {
        let mut packet = Vec::new();
        let builder = if v6 {
            PacketBuilder::ipv6([1; 16], [2; 16], 64)
        } else {
            PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
        };
        builder.udp(1, 2).write(&mut packet, payload).unwrap();
        packet
    }

    #[test]
    fn reads_the_addresses() {
        let v4 = udp(false, &[]);
        assert_eq!(version(&v4), Some(Version::V4));
        assert_eq!(source(&v4), Some(IpAddr::from([10, 0, 0, 1])));
        assert_eq!(destination(&v4), Some(IpAddr::from([10, 0, 0, 2])));
        let v6 = udp(true, &[]);
        assert_eq!(version(&v6), Some(Version::V6));
        assert_eq!(source(&v6), Some(IpAddr::from([1; 16])));
        assert_eq!(destination(&v6), Some(IpAddr::from([2; 16])));
    }

    #[test]
    fn cuts_padding_and_refuses_what_is_cut_short() {
        for v6 in [false, true] {
            let packet = udp(v6, &[7; 9]);
            let mut padded = packet.clone();
            padded.extend([0; 5]);
            assert_eq!(check(&padded), Ok(&packet[..]));
            let (total, have) = (packet.len(), packet.len() - 1);
            assert_eq!(
                check(&packet[..have]),
                Err(HeaderError::Truncated { total, have })
            );
        }
    }

    #[test]
    fn refuses_headers_that_contradict_themselves() {
        let mut packet = udp(false, &[]);
        packet[0] = 0x44;
        assert_eq!(
            check(&packet),
            Err(HeaderError::Contradiction {
                header: 16,
                total: 28
            })
        );
        packet[0] = 0x4f;
        assert_eq!(
            check(&packet),
            Err(HeaderError::Contradiction {
                header: 60,
                total: 28
            })
        );
        packet[0] = 0x50;
        assert_eq!(check(&packet), Err(HeaderError::Version { version: 5 }));
        assert_eq!(check(&[]), Err(HeaderError::Short { need: 20, have: 0 }));
        assert_eq!(
            check(&[0x60; 39]),
            Err(HeaderError::Short { need: 40, have: 39 })
        );
    }

    proptest! {
        #[test]
        fn any_octets_are_judged(packet in prop::collection::vec(any::<u8>(), 0..80)) {
            source(&packet);
            destination(&packet);
            if let Ok(checked) = check(&packet) {
                prop_assert!(packet.starts_with(checked));
                prop_assert!(source(checked).is_some() && destination(checked).is_some());
            }
        }
    }
}
