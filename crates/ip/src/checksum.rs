//! The Internet checksum (RFC 1071), also with the pseudo-header of IPv6 (RFC 8200 §8.1).

use std::net::Ipv6Addr;

/// The one's complement sum of 16-bit words; an odd octet at the end counts as a high octet.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sum(u64);

impl Sum {
    pub(crate) fn add(mut self, bytes: &[u8]) -> Self {
        let (words, odd) = bytes.as_chunks::<2>();
        self.0 += words
            .iter()
            .map(|word| u64::from(u16::from_be_bytes(*word)))
            .sum::<u64>();
        self.0 += odd.iter().map(|octet| u64::from(*octet) << 8).sum::<u64>();
        self
    }

    /// The pseudo-header of IPv6 for an upper layer of `length` octets.
    pub(crate) fn add_pseudo_header(
        self,
        source: Ipv6Addr,
        destination: Ipv6Addr,
        length: u32,
        protocol: u8,
    ) -> Self {
        self.add(&source.octets())
            .add(&destination.octets())
            .add(&length.to_be_bytes())
            .add(&[0, 0, 0, protocol])
    }

    /// The checksum field that makes the whole sum to 0xFFFF; 0 over data that holds a right one.
    pub(crate) fn checksum(self) -> u16 {
        let mut sum = self.0;
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }
}

/// The checksum after a 16-bit word under it changed (RFC 1624 §3, equation 3).
pub(crate) fn update(checksum: u16, old: u16, new: u16) -> u16 {
    let sum = u32::from(!checksum) + u32::from(!old) + u32::from(new);
    let folded = (sum & 0xffff) + (sum >> 16);
    !(((folded & 0xffff) + (folded >> 16)) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_the_example_of_rfc_1071_section_3() {
        let sum = Sum::default().add(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
        assert_eq!(sum.checksum(), !0xddf2);
    }

    #[test]
    fn updates_the_example_of_rfc_1624_section_4() {
        assert_eq!(update(0xdd2f, 0x5555, 0x3285), 0x0000);
    }
}
