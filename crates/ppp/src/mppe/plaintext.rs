//! What tells a decrypted packet from noise.
//!
//! MPPE carries no checksum. Its plaintext starts with a protocol field of a narrow range, and for
//! IPv4 and IPv6 a header follows whose version and lengths must fit: noise passes that about once in
//! 2^26 packets with a whole protocol field, once in 2^18 with a compressed one.

use super::ReceiverConfig;

/// How much of a plaintext must be decrypted to judge it, in octets.
pub(super) const HEAD_LENGTH: usize = 8;

const IPV4: u16 = 0x0021;
const IPV6: u16 = 0x0057;

/// Tells whether MPPE carries this protocol: the network protocols 0x0021 to 0x00fa, not LCP,
/// authentication, or the control protocols (RFC 3078 §3).
pub const fn is_mppe_payload_protocol(protocol: u16) -> bool {
    protocol >= 0x0021 && protocol <= 0x00fa && protocol & 1 == 1
}

/// Why to believe that a plaintext is one, weakest reason first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Evidence {
    /// A protocol field of two octets that is possible; noise passes once in 600 packets.
    Protocol,
    /// A protocol field and the IP header that belongs to it.
    IpHeader,
}

impl Evidence {
    /// How far the coherency count may move on this evidence.
    ///
    /// Weak evidence moves it so little that a mistake loses one packet at most: the keys of those
    /// passed over are kept, even if they come half a window late.
    pub(super) fn reach(self, config: &ReceiverConfig) -> u16 {
        match self {
            Self::Protocol => (config.late_window / 2).max(1),
            Self::IpHeader => u16::MAX,
        }
    }
}

/// Judges a plaintext of `length` octets by its first [`HEAD_LENGTH`] (or all, if it has fewer).
///
/// A compressed protocol field counts with its IP header only: by itself it is what nearly half of all
/// noise starts with.
pub(super) fn judge(head: &[u8], length: usize) -> Option<Evidence> {
    let (&first, rest) = head.split_first()?;
    let (protocol, information, weak) = if first & 1 == 1 {
        (u16::from(first), rest, None)
    } else {
        let (&second, rest) = rest.split_first()?;
        (
            u16::from_be_bytes([first, second]),
            rest,
            Some(Evidence::Protocol),
        )
    };
    if !is_mppe_payload_protocol(protocol) {
        return None;
    }
    let information_length = length.saturating_sub(head.len() - information.len());
    let is_ip = match protocol {
        IPV4 => is_ipv4(information, information_length),
        IPV6 => is_ipv6(information, information_length),
        _ => false,
    };
    if is_ip {
        Some(Evidence::IpHeader)
    } else {
        weak
    }
}

/// Version, header length and total length fit (RFC 791 §3.1); padding may follow the packet.
fn is_ipv4(head: &[u8], length: usize) -> bool {
    let &[first, _, high, low, ..] = head else {
        return false;
    };
    let header_length = usize::from(first & 0x0f) * 4;
    let total_length = usize::from(u16::from_be_bytes([high, low]));
    first >> 4 == 4 && header_length >= 20 && (header_length..=length).contains(&total_length)
}

/// Version and payload length fit (RFC 8200 §3).
fn is_ipv6(head: &[u8], length: usize) -> bool {
    let &[first, _, _, _, high, low, ..] = head else {
        return false;
    };
    first >> 4 == 6 && 40 + usize::from(u16::from_be_bytes([high, low])) <= length
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(plaintext: &[u8]) -> Option<Evidence> {
        judge(
            &plaintext[..plaintext.len().min(HEAD_LENGTH)],
            plaintext.len(),
        )
    }

    fn ipv4(protocol: &[u8], first: u8, total_length: u16, length: usize) -> Vec<u8> {
        let mut packet = vec![0; protocol.len() + length];
        packet[..protocol.len()].copy_from_slice(protocol);
        let header = &mut packet[protocol.len()..];
        header[0] = first;
        header[2..4].copy_from_slice(&total_length.to_be_bytes());
        packet
    }

    #[test]
    fn ipv4_headers() {
        for protocol in [&[0x00, 0x21][..], &[0x21]] {
            let weak = of(&[protocol, &[0xff; 30]].concat());
            assert_eq!(of(&ipv4(protocol, 0x45, 20, 20)), Some(Evidence::IpHeader));
            assert_eq!(of(&ipv4(protocol, 0x4f, 60, 64)), Some(Evidence::IpHeader));
            assert_eq!(of(&ipv4(protocol, 0x45, 21, 20)), weak);
            assert_eq!(of(&ipv4(protocol, 0x45, 19, 20)), weak);
            assert_eq!(of(&ipv4(protocol, 0x44, 20, 20)), weak);
            assert_eq!(of(&ipv4(protocol, 0x65, 20, 20)), weak);
            assert!(weak < Some(Evidence::IpHeader));
        }
    }

    #[test]
    fn ipv6_headers() {
        for protocol in [&[0x00, 0x57][..], &[0x57]] {
            let packet = |payload_length: u8, length: usize| {
                let mut header = vec![0u8; length];
                header[0] = 0x60;
                header[5] = payload_length;
                [protocol, &header].concat()
            };
            assert_eq!(of(&packet(0, 40)), Some(Evidence::IpHeader));
            assert_eq!(of(&packet(8, 50)), Some(Evidence::IpHeader));
            assert!(of(&packet(9, 48)) < Some(Evidence::IpHeader));
        }
    }

    #[test]
    fn protocols_outside_the_range_are_none() {
        let none: [&[u8]; 8] = [
            &[],
            &[0x00],
            &[0x00, 0x1f],
            &[0x1f, 0x00],
            &[0x00, 0xfb],
            &[0xc0, 0x21],
            &[0x80, 0x21],
            &[0x00, 0x22],
        ];
        for plaintext in none {
            assert_eq!(of(plaintext), None, "{plaintext:02x?}");
        }
        assert_eq!(of(&[0x00, 0x2d]), Some(Evidence::Protocol));
        assert_eq!(of(&[0x2d]), None);
    }

    proptest! {
        #[test]
        fn judging_never_panics(plaintext in prop::collection::vec(any::<u8>(), 0..12), length: usize) {
            let _ = judge(&plaintext, length);
        }
    }
}
