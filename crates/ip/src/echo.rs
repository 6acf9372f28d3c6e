//! Echo request and reply (RFC 792, RFC 4443 §4): a ping whose round trip a caller measures.

use std::net::IpAddr;

use crate::build::{ICMP, ICMPV6, icmp_any};
use crate::checksum::Sum;
use crate::header::{check, destination, source};
use crate::upper::{Upper, find};

/// An echo reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reply<'a> {
    /// Who replied.
    pub source: IpAddr,
    /// Identifier of the request.
    pub identifier: u16,
    /// Sequence number of the request.
    pub sequence: u16,
    /// Data of the request.
    pub data: &'a [u8],
}

/// An IP packet with an echo request. None if the addresses differ in family or `data` is too long
/// for one packet.
pub fn request(
    from: IpAddr,
    to: IpAddr,
    identifier: u16,
    sequence: u16,
    data: &[u8],
) -> Option<Vec<u8>> {
    let kind = if to.is_ipv4() { 8 } else { 128 };
    let mut message = vec![kind, 0, 0, 0];
    message.extend_from_slice(&identifier.to_be_bytes());
    message.extend_from_slice(&sequence.to_be_bytes());
    message.extend_from_slice(data);
    icmp_any(from, to, &message)
}

/// Reads an IP packet as an echo reply with a right checksum.
pub fn reply(packet: &[u8]) -> Option<Reply<'_>> {
    let packet = check(packet).ok()?;
    let Upper::Header { protocol, offset } = find(packet)? else {
        return None;
    };
    let message = packet.get(offset..)?;
    let (head, data) = message.split_first_chunk::<8>()?;
    let sum = match (
        protocol,
        head[0],
        head[1],
        source(packet)?,
        destination(packet)?,
    ) {
        (ICMP, 0, 0, IpAddr::V4(_), _) => Sum::default(),
        (ICMPV6, 129, 0, IpAddr::V6(from), IpAddr::V6(to)) => {
            let length = u32::try_from(message.len()).ok()?;
            Sum::default().add_pseudo_header(from, to, length, ICMPV6)
        }
        _ => return None,
    };
    if sum.add(message).checksum() != 0 {
        return None;
    }
    Some(Reply {
        source: source(packet)?,
        identifier: u16::from_be_bytes([head[4], head[5]]),
        sequence: u16::from_be_bytes([head[6], head[7]]),
        data,
    })
}

#[cfg(test)]
mod tests {
    use etherparse::{
        IcmpEchoHeader, Icmpv4Type, Icmpv6Type, PacketBuilder, PacketHeaders, TransportHeader,
    };
    use proptest::prelude::*;

    use super::*;

    const ECHO: IcmpEchoHeader = IcmpEchoHeader { id: 0x1234, seq: 7 };

    #[test]
    fn builds_requests_that_another_implementation_reads() {
        let (from, to) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let packet = request(from, to, ECHO.id, ECHO.seq, b"odd").unwrap();
        let headers = PacketHeaders::from_ip_slice(&packet).unwrap();
        let Some(TransportHeader::Icmpv4(icmp)) = headers.transport else {
            panic!("not ICMP")
        };
        assert_eq!(icmp.icmp_type, Icmpv4Type::EchoRequest(ECHO));
        assert_eq!(icmp.checksum, icmp.icmp_type.calc_checksum(b"odd"));

        let (from, to) = (IpAddr::from([1; 16]), IpAddr::from([2; 16]));
        let packet = request(from, to, ECHO.id, ECHO.seq, b"odd").unwrap();
        let headers = PacketHeaders::from_ip_slice(&packet).unwrap();
        let Some(TransportHeader::Icmpv6(icmp)) = headers.transport else {
            panic!("not ICMPv6")
        };
        assert_eq!(icmp.icmp_type, Icmpv6Type::EchoRequest(ECHO));
        let checksum = icmp
            .icmp_type
            .calc_checksum([1; 16], [2; 16], b"odd")
            .unwrap();
        assert_eq!(icmp.checksum, checksum);

        assert_eq!(request([10, 0, 0, 1].into(), to, 1, 1, &[]), None);
        assert_eq!(request(from, to, 1, 1, &[0; 65_535]), None);
    }

    #[test]
    fn reads_replies_and_nothing_else() {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        PacketBuilder::ipv4([10, 0, 0, 2], [10, 0, 0, 1], 64)
            .icmpv4_echo_reply(ECHO.id, ECHO.seq)
            .write(&mut v4, b"data")
            .unwrap();
        PacketBuilder::ipv6([2; 16], [1; 16], 64)
            .icmpv6_echo_reply(ECHO.id, ECHO.seq)
            .write(&mut v6, b"data")
            .unwrap();
        for packet in [&mut v4, &mut v6] {
            let found = reply(packet).unwrap();
            assert_eq!(
                (found.identifier, found.sequence, found.data),
                (0x1234, 7, &b"data"[..])
            );
            assert_eq!(Some(found.source), source(packet));
            *packet.last_mut().unwrap() ^= 1;
            assert_eq!(reply(packet), None, "damaged");
        }
        let ping = request([1, 1, 1, 1].into(), [2, 2, 2, 2].into(), 1, 1, &[]).unwrap();
        assert_eq!(reply(&ping), None, "a request is no reply");
    }

    proptest! {
        #[test]
        fn no_octets_make_it_panic(packet in prop::collection::vec(any::<u8>(), 0..90)) {
            reply(&packet);
        }
    }
}
