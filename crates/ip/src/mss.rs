//! Clamping the maximum segment size of TCP connections that pass through a tunnel (RFC 9293
//! §3.7.1), so that their packets fit it even where ICMP is filtered.

use crate::checksum::update;
use crate::header::{Version, version};
use crate::upper::{Upper, find};

const TCP: u8 = 6;
const TCP_HEADER: usize = 20;
const CHECKSUM: usize = 16;
const SYN: u8 = 0x02;

/// Lowers the MSS option of a TCP SYN, or SYN and ACK, so that the segments announced fit IP packets
/// of `mtu` octets. Returns whether the packet changed.
///
/// An option is never raised and never added: without one, both ends assume 536 octets over IPv4
/// and 1220 over IPv6, which fit. The checksum of TCP is updated, not computed anew (RFC 1624), so
/// that a packet which arrived damaged stays damaged.
pub fn clamp(packet: &mut [u8], mtu: u16) -> bool {
    // MSS counts neither IP nor TCP options (RFC 9293 §3.7.1).
    let headers = match version(packet) {
        Some(Version::V4) => 40,
        Some(Version::V6) => 60,
        None => return false,
    };
    let Some(limit) = mtu.checked_sub(headers).filter(|limit| *limit > 0) else {
        return false;
    };
    let Some(Upper::Header {
        protocol: TCP,
        offset,
    }) = find(packet)
    else {
        return false;
    };
    packet
        .get_mut(offset..)
        .is_some_and(|segment| clamp_segment(segment, limit))
}

fn clamp_segment(segment: &mut [u8], limit: u16) -> bool {
    let Some(fixed) = segment.first_chunk::<TCP_HEADER>() else {
        return false;
    };
    if fixed[13] & SYN == 0 {
        return false;
    }
    let old_checksum = u16::from_be_bytes([fixed[CHECKSUM], fixed[CHECKSUM + 1]]);
    let header_length = usize::from(fixed[12] >> 4) * 4;
    let Some(options) = segment.get_mut(TCP_HEADER..header_length) else {
        return false;
    };
    let checksum = clamp_options(options, limit, old_checksum);
    let Some(checksum) = checksum else {
        return false;
    };
    if let Some(field) = segment.get_mut(CHECKSUM..CHECKSUM + 2) {
        field.copy_from_slice(&checksum.to_be_bytes());
    }
    true
}

/// Lowers every MSS option and returns the new checksum if one changed.
fn clamp_options(options: &mut [u8], limit: u16, checksum: u16) -> Option<u16> {
    const END: u8 = 0;
    const NO_OPERATION: u8 = 1;
    const MSS: u8 = 2;
    let mut changed = None;
    let mut at = 0;
    while let Some((kind, rest)) = options
        .get_mut(at..)
        .and_then(|rest| rest.split_first_mut())
    {
        match (*kind, rest) {
            (END, _) => break,
            (NO_OPERATION, _) => at += 1,
            (MSS, [4, high, low, ..]) => {
                let old = u16::from_be_bytes([*high, *low]);
                if old > limit {
                    [*high, *low] = limit.to_be_bytes();
                    let before = changed.unwrap_or(checksum);
                    changed = Some(update_at(before, at, old, limit));
                }
                at += 4;
            }
            (_, [length, ..]) if *length >= 2 => at += usize::from(*length),
            _ => break,
        }
    }
    changed
}

/// The value of an option at an odd place straddles two words of the checksum, which then sees its
/// octets swapped.
fn update_at(checksum: u16, option: usize, old: u16, new: u16) -> u16 {
    if option.is_multiple_of(2) {
        update(checksum, old, new)
    } else {
        update(checksum, old.swap_bytes(), new.swap_bytes())
    }
}

#[cfg(test)]
mod tests {
    use etherparse::{
        IpFragOffset, Ipv4Header, Ipv4Options, Ipv6FragmentHeader, Ipv6Header, NetHeaders,
        PacketHeaders, TcpHeader, TcpOptionElement, TransportHeader,
    };
    use proptest::prelude::*;

    use super::*;

    /// A TCP packet with these options; `padding` no-operations move them to an odd place.
    fn tcp(v6: bool, mss: Option<u16>, padding: usize, syn: bool, payload: &[u8]) -> Vec<u8> {
        let mut header = TcpHeader::new(1024, 80, 7, 1000);
        header.syn = syn;
        let mut options = vec![TcpOptionElement::Noop; padding];
        options.push(TcpOptionElement::WindowScale(7));
        options.extend(mss.map(TcpOptionElement::MaximumSegmentSize));
        options.push(TcpOptionElement::SelectiveAcknowledgementPermitted);
        header.set_options(&options).unwrap();
        let length = header.header_len() + payload.len();
        let mut packet = Vec::new();
        if v6 {
            let ip = Ipv6Header {
                payload_length: length as u16,
                next_header: etherparse::IpNumber::TCP,
                source: [0xfd; 16],
                destination: [0xfe; 16],
                ..Ipv6Header::default()
            };
            header.checksum = header.calc_checksum_ipv6(&ip, payload).unwrap();
            ip.write(&mut packet).unwrap();
        } else {
            let protocol = etherparse::IpNumber::TCP;
            let mut ip =
                Ipv4Header::new(length as u16, 64, protocol, [10, 0, 0, 1], [10, 0, 0, 2]).unwrap();
            ip.options = Ipv4Options::try_from(&[1u8, 1, 1, 1][..]).unwrap();
            ip.set_payload_len(length).unwrap();
            ip.header_checksum = ip.calc_header_checksum();
            header.checksum = header.calc_checksum_ipv4(&ip, payload).unwrap();
            ip.write(&mut packet).unwrap();
        }
        header.write(&mut packet).unwrap();
        packet.extend_from_slice(payload);
        packet
    }

    /// The MSS of a packet whose TCP checksum is right.
    fn checked_mss(packet: &[u8]) -> Option<u16> {
        let headers = PacketHeaders::from_ip_slice(packet).unwrap();
        let Some(TransportHeader::Tcp(tcp)) = headers.transport else {
            panic!("not TCP")
        };
        let payload = headers.payload.slice();
        let expected = match headers.net.unwrap() {
            NetHeaders::Ipv4(ip, _) => tcp.calc_checksum_ipv4(&ip, payload),
            NetHeaders::Ipv6(ip, _) => tcp.calc_checksum_ipv6(&ip, payload),
            NetHeaders::Arp(_) => panic!("not IP"),
        };
        assert_eq!(tcp.checksum, expected.unwrap(), "TCP checksum");
        tcp.options_iterator().find_map(|option| match option {
            Ok(TcpOptionElement::MaximumSegmentSize(mss)) => Some(mss),
            _ => None,
        })
    }

    proptest! {
        #[test]
        fn the_segment_size_fits_and_the_checksum_stays_right(
            v6: bool, mss: u16, padding in 0usize..5, mtu in 61u16..,
            payload in prop::collection::vec(any::<u8>(), 0..9),
        ) {
            let limit = mtu - if v6 { 60 } else { 40 };
            let original = tcp(v6, Some(mss), padding, true, &payload);
            let mut packet = original.clone();
            let changed = clamp(&mut packet, mtu);
            prop_assert_eq!(changed, mss > limit);
            prop_assert_eq!(changed, packet != original);
            prop_assert_eq!(checked_mss(&packet), Some(mss.min(limit)));
            prop_assert!(!clamp(&mut packet, mtu), "a second time nothing is left to do");
        }

        #[test]
        fn any_octets_are_left_whole(
            mut packet in prop::collection::vec(any::<u8>(), 0..120), mtu: u16,
        ) {
            let length = packet.len();
            clamp(&mut packet, mtu);
            prop_assert_eq!(packet.len(), length);
        }

        #[test]
        fn any_options_are_walked_to_the_end(
            mut options in prop::collection::vec(0u8..6, 0..40), limit: u16, checksum: u16,
        ) {
            let before = options.clone();
            let changed = clamp_options(&mut options, limit, checksum).is_some();
            prop_assert_eq!(changed, options != before);
        }
    }

    #[test]
    fn other_packets_pass_untouched() {
        for mut packet in [
            tcp(false, Some(1460), 0, false, b"data"),
            tcp(false, None, 0, true, &[]),
            tcp(true, None, 1, true, &[]),
        ] {
            let original = packet.clone();
            assert!(!clamp(&mut packet, 1000));
            assert_eq!(packet, original);
        }
    }

    #[test]
    fn a_later_fragment_holds_no_header() {
        let mut packet = tcp(false, Some(1460), 0, true, &[]);
        packet[7] = 1;
        assert!(!clamp(&mut packet, 1000));
    }

    #[test]
    fn a_first_fragment_of_ipv6_is_clamped() {
        let tcp = tcp(true, Some(1440), 0, true, b"more follows");
        let fragment =
            Ipv6FragmentHeader::new(etherparse::IpNumber::TCP, IpFragOffset::ZERO, true, 1);
        let mut packet = tcp[..40].to_vec();
        packet[6] = 44;
        fragment.write(&mut packet).unwrap();
        packet.extend_from_slice(&tcp[40..]);
        assert!(clamp(&mut packet, 1340));
        assert_eq!(packet[40 + 8..].len(), tcp[40..].len());
    }

    #[test]
    fn an_mtu_without_room_for_data_changes_nothing() {
        assert!(!clamp(&mut tcp(false, Some(1460), 0, true, &[]), 40));
        assert!(!clamp(&mut tcp(true, Some(1460), 0, true, &[]), 60));
    }
}
