//! IPv4 fragmentation (RFC 791 §3.2).

use crate::checksum::Sum;
use crate::header::{HeaderError, Version, check, version};

const FIXED: usize = 20;
const DONT_FRAGMENT: u16 = 0x4000;
const MORE_FRAGMENTS: u16 = 0x2000;
const OFFSET: u16 = 0x1fff;

/// Why a packet cannot be fragmented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FragmentError {
    /// Only the sender may fragment an IPv6 packet (RFC 8200 §5).
    #[error("a router does not fragment IPv6")]
    Ipv6,
    /// The sender forbids it; [`icmp::too_big`](crate::icmp::too_big) tells it so.
    #[error("the packet must not be fragmented")]
    DontFragment,
    /// Not even a header and eight octets fit.
    #[error("no fragment fits an MTU of {mtu} octets")]
    Mtu {
        /// The MTU in octets.
        mtu: u16,
    },
    /// The packet is not sound.
    #[error(transparent)]
    Header(#[from] HeaderError),
}

/// Splits an IPv4 packet into fragments of at most `mtu` octets and hands each to `visit`, in order;
/// returns their number. A packet that fits is handed over as it is. `scratch` holds one fragment at
/// a time; its capacity is used again.
///
/// # Errors
/// The packet must not or cannot be fragmented; then nothing was visited.
pub fn split(
    packet: &[u8],
    mtu: u16,
    scratch: &mut Vec<u8>,
    mut visit: impl FnMut(&[u8]),
) -> Result<usize, FragmentError> {
    let packet = check(packet)?;
    if packet.len() <= usize::from(mtu) {
        visit(packet);
        return Ok(1);
    }
    if version(packet) == Some(Version::V6) {
        return Err(FragmentError::Ipv6);
    }
    let header_length = packet
        .first()
        .map_or(0, |first| usize::from(first & 0x0f) * 4);
    let (header, mut data) = packet.split_at_checked(header_length).unwrap_or_default();
    let placing = header
        .get(6..8)
        .and_then(|field| field.first_chunk())
        .copied();
    let placing = u16::from_be_bytes(placing.unwrap_or_default());
    if placing & DONT_FRAGMENT != 0 {
        return Err(FragmentError::DontFragment);
    }
    let room = usize::from(mtu)
        .checked_sub(header.len())
        .filter(|room| *room >= 8);
    let mut room = room.ok_or(FragmentError::Mtu { mtu })?;

    scratch.clear();
    scratch.extend_from_slice(header);
    let mut header_length = header.len();
    let mut offset = placing & OFFSET;
    let mut count = 0;
    while !data.is_empty() {
        let last = data.len() <= room;
        let (part, rest) = data.split_at(if last { data.len() } else { room - room % 8 });
        let more = if last {
            placing & MORE_FRAGMENTS
        } else {
            MORE_FRAGMENTS
        };
        scratch.truncate(header_length);
        finish_header(scratch, part.len(), more | (offset & OFFSET));
        scratch.extend_from_slice(part);
        visit(scratch);
        count += 1;
        data = rest;
        offset = offset.wrapping_add((part.len() / 8) as u16);
        if count == 1 {
            header_length = keep_copied_options(scratch, header_length);
            room = usize::from(mtu) - header_length;
        }
    }
    Ok(count)
}

/// Writes total length, flags and offset, and checksum into a header that stands alone in `header`.
fn finish_header(header: &mut [u8], data: usize, placing: u16) {
    let total = ((header.len() + data) as u16).to_be_bytes();
    let mut set = |at: usize, value: [u8; 2]| {
        if let Some(field) = header.get_mut(at..at + 2) {
            field.copy_from_slice(&value);
        }
    };
    set(2, total);
    set(6, placing.to_be_bytes());
    set(10, [0, 0]);
    let checksum = Sum::default().add(header).checksum();
    if let Some(field) = header.get_mut(10..12) {
        field.copy_from_slice(&checksum.to_be_bytes());
    }
}

/// Cuts `packet` down to the header of a later fragment, which has only those options that carry the
/// copied flag (RFC 791 §3.1); returns its length.
fn keep_copied_options(packet: &mut Vec<u8>, header_length: usize) -> usize {
    const COPIED: u8 = 0x80;
    let mut kept = FIXED;
    let mut at = FIXED;
    packet.truncate(header_length);
    while let Some(&kind) = packet.get(at) {
        let length = match kind {
            0 => break,
            1 => 1,
            _ => packet.get(at + 1).map_or(0, |length| usize::from(*length)),
        };
        if length == 0 || at + length > header_length {
            break;
        }
        if kind & COPIED != 0 {
            packet.copy_within(at..at + length, kept);
            kept += length;
        }
        at += length;
    }
    let padded = kept.next_multiple_of(4);
    packet.truncate(kept);
    packet.resize(padded, 0);
    if let Some(first) = packet.first_mut() {
        *first = 0x40 | (padded / 4) as u8;
    }
    padded
}

#[cfg(test)]
mod tests {
    use etherparse::defrag::IpDefragPool;
    use etherparse::{IpNumber, Ipv4Header, Ipv4HeaderSlice, Ipv4Options, SlicedPacket};
    use proptest::prelude::*;

    use super::*;

    fn packet(options: &[u8], payload: &[u8]) -> Vec<u8> {
        let mut header =
            Ipv4Header::new(0, 64, IpNumber::UDP, [10, 0, 0, 1], [10, 0, 0, 2]).unwrap();
        header.dont_fragment = false;
        header.identification = 77;
        header.options = Ipv4Options::try_from(options).unwrap();
        header.set_payload_len(payload.len()).unwrap();
        header.header_checksum = header.calc_header_checksum();
        let mut packet = Vec::new();
        header.write(&mut packet).unwrap();
        packet.extend_from_slice(payload);
        packet
    }

    fn fragments(packet: &[u8], mtu: u16) -> Result<Vec<Vec<u8>>, FragmentError> {
        let mut found = Vec::new();
        let count = split(packet, mtu, &mut Vec::new(), |fragment| {
            found.push(fragment.to_vec())
        })?;
        assert_eq!(count, found.len());
        Ok(found)
    }

    /// The payload that another implementation puts together.
    fn reassemble(fragments: &[Vec<u8>]) -> Option<Vec<u8>> {
        let mut pool: IpDefragPool<(), ()> = IpDefragPool::new();
        let mut whole = None;
        for fragment in fragments {
            let sliced = SlicedPacket::from_ip(fragment).unwrap();
            if let Some(done) = pool.process_sliced_packet(&sliced, (), ()).unwrap() {
                whole = Some(done.payload);
            }
        }
        whole
    }

    proptest! {
        #[test]
        fn fragments_fit_and_make_the_packet_again(
            payload in prop::collection::vec(any::<u8>(), 1..4000),
            mtu in 68u16..1500,
            options in prop::sample::select(vec![vec![], vec![1, 1, 1, 1], vec![0x94, 4, 0, 0, 7, 3, 4, 0]]),
        ) {
            let packet = packet(&options, &payload);
            let fragments = fragments(&packet, mtu).unwrap();
            for fragment in &fragments {
                prop_assert!(fragment.len() <= usize::from(mtu));
                let header = Ipv4HeaderSlice::from_slice(fragment).unwrap();
                prop_assert_eq!(usize::from(header.total_len()), fragment.len());
                prop_assert_eq!(header.header_checksum(), header.to_header().calc_header_checksum());
                prop_assert_eq!(header.identification(), 77);
            }
            if fragments.len() == 1 {
                prop_assert_eq!(&fragments[0], &packet);
            } else {
                prop_assert_eq!(reassemble(&fragments), Some(payload));
            }
        }

        #[test]
        fn no_octets_make_it_panic(mut packet in prop::collection::vec(any::<u8>(), 0..120), mtu: u16) {
            if let Some(first) = packet.first_mut() { *first = 0x40 | (*first & 0x0f); }
            let total = packet.len() as u16;
            if let Some(field) = packet.get_mut(2..4) { field.copy_from_slice(&total.to_be_bytes()); }
            let _ = fragments(&packet, mtu % 100);
        }
    }

    #[test]
    fn only_copied_options_follow_into_later_fragments() {
        // router alert (copied), record route (not copied)
        let packet = packet(&[0x94, 4, 0, 0, 7, 7, 4, 0, 0, 0, 0, 0], &[9; 100]);
        let fragments = fragments(&packet, 80).unwrap();
        assert_eq!(fragments[0][0], 0x48);
        assert_eq!(fragments[1][0], 0x46);
        assert_eq!(fragments[1][20..24], [0x94, 4, 0, 0]);
    }

    #[test]
    fn a_fragment_is_fragmented_again_with_its_place_kept() {
        let mut middle = packet(&[], &[5; 64]);
        middle[6..8].copy_from_slice(&(MORE_FRAGMENTS | 100).to_be_bytes());
        let fragments = fragments(&middle, 60).unwrap();
        let place = |f: &Vec<u8>| u16::from_be_bytes([f[6], f[7]]);
        assert_eq!(
            fragments.iter().map(place).collect::<Vec<_>>(),
            [0x2000 | 100, 0x2000 | 105]
        );
    }

    #[test]
    fn refuses_what_must_not_be_fragmented() {
        let mut whole = packet(&[], &[5; 64]);
        assert_eq!(fragments(&whole, 27), Err(FragmentError::Mtu { mtu: 27 }));
        whole[6] = 0x40;
        assert_eq!(fragments(&whole, 60), Err(FragmentError::DontFragment));
        let mut v6 = [0; 60];
        (v6[0], v6[5]) = (0x60, 20);
        assert_eq!(fragments(&v6, 59), Err(FragmentError::Ipv6));
        assert_eq!(fragments(&v6, 60), Ok(vec![v6.to_vec()]));
    }
}
