//! Where the header of the upper layer begins.

use crate::header::{Version, version};

/// Extension headers looked through before a packet is given up as hostile.
const EXTENSION_HEADERS: usize = 8;

/// What follows the IP headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Upper {
    /// The header of `protocol` starts at `offset`, in a whole packet or a first fragment.
    Header { protocol: u8, offset: usize },
    /// A later fragment: data without a header.
    LaterFragment,
}

/// Finds the upper layer; none if the headers are cut short or of no known kind.
pub(crate) fn find(packet: &[u8]) -> Option<Upper> {
    match version(packet)? {
        Version::V4 => find_in_v4(packet),
        Version::V6 => find_in_v6(packet),
    }
}

fn find_in_v4(packet: &[u8]) -> Option<Upper> {
    let fixed = packet.first_chunk::<20>()?;
    let offset = usize::from(fixed[0] & 0x0f) * 4;
    if offset < fixed.len() || offset > packet.len() {
        return None;
    }
    let fragment_offset = u16::from_be_bytes([fixed[6], fixed[7]]) & 0x1fff;
    if fragment_offset != 0 {
        return Some(Upper::LaterFragment);
    }
    Some(Upper::Header {
        protocol: fixed[9],
        offset,
    })
}

fn find_in_v6(packet: &[u8]) -> Option<Upper> {
    let fixed = packet.first_chunk::<40>()?;
    let (mut protocol, mut offset) = (fixed[6], fixed.len());
    for _ in 0..EXTENSION_HEADERS {
        let extension = packet.get(offset..)?;
        let units = |unit: usize, extra: usize, length: u8| (usize::from(length) + extra) * unit;
        let length = match protocol {
            // Hop-by-hop options, routing, destination options (RFC 8200 §4)
            0 | 43 | 60 => units(8, 1, *extension.get(1)?),
            // Authentication (RFC 4302 §2.2)
            51 => units(4, 2, *extension.get(1)?),
            // Fragment (RFC 8200 §4.5)
            44 => {
                let place = u16::from_be_bytes([*extension.get(2)?, *extension.get(3)?]);
                if place >> 3 != 0 {
                    return Some(Upper::LaterFragment);
                }
                8
            }
            _ => return Some(Upper::Header { protocol, offset }),
        };
        protocol = *extension.first()?;
        offset += length;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v6(next: u8, rest: &[u8]) -> Vec<u8> {
        let mut packet = vec![0; 40];
        packet[0] = 0x60;
        packet[6] = next;
        packet.extend_from_slice(rest);
        packet
    }

    #[test]
    fn walks_the_extension_headers() {
        // hop-by-hop of 16 octets, first fragment, authentication of 12 octets, TCP
        let mut rest = vec![44, 1];
        rest.extend([0; 14]);
        rest.extend([51, 0, 0, 1, 0, 0, 0, 0]);
        rest.extend([6, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        rest.push(0);
        let offset = 40 + 16 + 8 + 12;
        assert_eq!(
            find(&v6(0, &rest)),
            Some(Upper::Header {
                protocol: 6,
                offset
            })
        );
    }

    #[test]
    fn tells_a_later_fragment() {
        assert_eq!(
            find(&v6(44, &[6, 0, 0, 8, 0, 0, 0, 0])),
            Some(Upper::LaterFragment)
        );
        let mut v4 = vec![0; 20];
        v4[0] = 0x45;
        v4[7] = 1;
        assert_eq!(find(&v4), Some(Upper::LaterFragment));
    }

    #[test]
    fn gives_up_on_an_endless_chain() {
        assert_eq!(find(&v6(60, &[60, 0, 0, 0, 0, 0, 0, 0].repeat(20))), None);
    }
}
