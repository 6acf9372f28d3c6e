//! The Internet checksum (RFC 1071), also with the pseudo-header of IPv6 (RFC 8200 §8.1).

use std::net::Ipv6Addr;

/// The one's complement sum of 16-bit words; an odd octet at the end counts as a high octet.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sum(u64);

impl Sum {
    /// Adds octets that begin at an even place of what is summed.
    ///
    /// Words of either byte order have the same sum but for its two octets, which are swapped (RFC 1071
    /// §2(B)), and wider words have it too once folded. So whole vector registers are added here.
    ///
    /// Always inlined: of most headers the length is known where it is called.
    #[inline(always)]
    pub(crate) fn add(self, bytes: &[u8]) -> Self {
        let (words, rest) = bytes.as_chunks::<8>();
        let halves = |word: u64| (word & 0xffff_ffff) + (word >> 32);
        let mut last = [0; 8];
        last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        let sum = words
            .iter()
            .map(|word| halves(u64::from_le_bytes(*word)))
            .sum::<u64>()
            + halves(u64::from_le_bytes(last));
        self.add_word(fold(sum).swap_bytes())
    }

    /// Adds one word.
    pub(crate) fn add_word(self, word: u16) -> Self {
        Self(self.0 + u64::from(word))
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
        !self.folded()
    }

    /// The sum itself in 16 bits.
    pub(crate) fn folded(self) -> u16 {
        fold(self.0)
    }
}

/// Adds the carries back in until 16 bits are left.
fn fold(sum: u64) -> u16 {
    let sum = (sum & 0xffff_ffff) + (sum >> 32);
    let sum = (sum & 0xffff) + ((sum >> 16) & 0xffff) + (sum >> 32);
    let sum = (sum & 0xffff) + (sum >> 16);
    ((sum & 0xffff) + (sum >> 16)) as u16
}

/// The checksum after a 16-bit word under it changed (RFC 1624 §3, equation 3).
pub(crate) fn update(checksum: u16, old: u16, new: u16) -> u16 {
    let sum = u32::from(!checksum) + u32::from(!old) + u32::from(new);
    let folded = (sum & 0xffff) + (sum >> 16);
    !(((folded & 0xffff) + (folded >> 16)) as u16)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 1071 §1, word by word.
    fn plain(bytes: &[u8]) -> u16 {
        bytes.chunks(2).fold(0, |sum: u16, word| {
            let word = u16::from_be_bytes([word[0], *word.get(1).unwrap_or(&0)]);
            let (sum, carry) = sum.overflowing_add(word);
            sum + u16::from(carry)
        })
    }

    proptest! {
        #[test]
        fn sums_as_word_by_word(
            first in prop::collection::vec(any::<[u8; 2]>(), 0..100),
            second in prop::collection::vec(any::<u8>(), 0..200),
            word: u16,
        ) {
            let first = first.concat();
            let all = [&first[..], &word.to_be_bytes(), &second].concat();
            let sum = Sum::default().add(&first).add_word(word).add(&second);
            prop_assert_eq!(sum.folded(), plain(&all));
        }
    }

    #[test]
    fn carries_are_never_lost() {
        let sum = Sum::default().add(&vec![0xff; 0x2_0000]);
        assert_eq!((sum.folded(), sum.checksum()), (0xffff, 0));
        assert_eq!(fold(u64::MAX), 0xffff);
        assert_eq!(fold(0xffff_0000_0001_0000), 1);
    }

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
