//! Link layers, down to an IP packet or a PPP frame.

use crate::endpoint::Endpoint;
use crate::pcap::LinkType;
use adit_wire::Reader;

/// VLAN tags in front of one another that are passed.
const MOST_TAGS: usize = 8;

/// What a frame carries.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Carried<'a> {
    /// An IPv4 or IPv6 packet, perhaps with padding behind it.
    Ip(&'a [u8]),
    /// A PPP frame.
    Ppp {
        /// Who sent it, where the link layer tells.
        source: Endpoint,
        /// To whom.
        destination: Endpoint,
        /// The PPPoE Session ID, 0 elsewhere.
        session: u16,
        /// The frame.
        frame: &'a [u8],
    },
    /// Something that no PPTP is in.
    Other(&'static str),
}

/// Opens a frame's link layer.
pub(crate) fn open(link_type: LinkType, octets: &[u8]) -> Carried<'_> {
    let mut reader = Reader::new(octets);
    let carried = match link_type {
        LinkType::ETHERNET => ethernet(&mut reader),
        LinkType::NULL => reader.array("family").map(|family: [u8; 4]| {
            let family = u32::from_be_bytes(family).min(u32::from_le_bytes(family));
            loopback(family, reader.rest())
        }),
        LinkType::LOOP => (reader.u32("family")).map(|family| loopback(family, reader.rest())),
        LinkType::LINUX_SLL => cooked(&mut reader),
        LinkType::LINUX_SLL2 => cooked_2(&mut reader),
        // 12 and 14 are what some systems write for raw IP.
        LinkType::RAW | LinkType::IPV4 | LinkType::IPV6 | LinkType(12 | 14) => {
            Ok(Carried::Ip(octets))
        }
        LinkType::PPP | LinkType::PPP_HDLC => Ok(serial(octets)),
        LinkType::PPP_WITH_DIRECTION => (reader.u8("direction")).map(|direction| {
            let (source, destination) = match direction {
                0 => (Endpoint::Remote, Endpoint::Local),
                _ => (Endpoint::Local, Endpoint::Remote),
            };
            Carried::Ppp {
                source,
                destination,
                session: 0,
                frame: reader.rest(),
            }
        }),
        LinkType::PPP_ETHER => pppoe(Endpoint::Unknown, Endpoint::Unknown, &mut reader),
        _ => Ok(Carried::Other("unknown link type")),
    };
    carried.unwrap_or(Carried::Other("frame too short"))
}

type Opened<'a> = Result<Carried<'a>, adit_wire::ParseError>;

fn ethernet<'a>(reader: &mut Reader<'a>) -> Opened<'a> {
    let destination = Endpoint::Mac(reader.array("destination")?);
    let source = Endpoint::Mac(reader.array("source")?);
    let ether_type = reader.u16("type")?;
    by_ether_type(ether_type, source, destination, reader)
}

fn by_ether_type<'a>(
    mut ether_type: u16,
    source: Endpoint,
    destination: Endpoint,
    reader: &mut Reader<'a>,
) -> Opened<'a> {
    for _ in 0..MOST_TAGS {
        if !matches!(ether_type, 0x8100 | 0x88a8 | 0x9100 | 0x9200) {
            break;
        }
        reader.u16("tag")?;
        ether_type = reader.u16("type")?;
    }
    Ok(match ether_type {
        0x0800 | 0x86dd => Carried::Ip(reader.rest()),
        0x8864 => return pppoe(source, destination, reader),
        0x880b => Carried::Ppp {
            source,
            destination,
            session: 0,
            frame: reader.rest(),
        },
        0x8863 => Carried::Other("PPPoE discovery"),
        0x0806 => Carried::Other("ARP"),
        ..0x0600 => Carried::Other("IEEE 802.3"),
        _ => Carried::Other("another EtherType"),
    })
}

/// RFC 2516 §4; what follows the length is the padding of a short Ethernet frame.
fn pppoe<'a>(source: Endpoint, destination: Endpoint, reader: &mut Reader<'a>) -> Opened<'a> {
    let version_and_code = reader.u16("version and code")?;
    let session = reader.u16("session")?;
    let length = usize::from(reader.u16("length")?);
    if version_and_code != 0x1100 {
        return Ok(Carried::Other("PPPoE discovery"));
    }
    let rest = reader.rest();
    Ok(Carried::Ppp {
        source,
        destination,
        session,
        frame: rest.get(..length).unwrap_or(rest),
    })
}

fn cooked<'a>(reader: &mut Reader<'a>) -> Opened<'a> {
    reader.bytes("packet type, address", 14)?;
    let protocol = reader.u16("protocol")?;
    by_ether_type(protocol, Endpoint::Unknown, Endpoint::Unknown, reader)
}

fn cooked_2<'a>(reader: &mut Reader<'a>) -> Opened<'a> {
    let protocol = reader.u16("protocol")?;
    reader.bytes("interface, address", 18)?;
    by_ether_type(protocol, Endpoint::Unknown, Endpoint::Unknown, reader)
}

fn loopback(family: u32, packet: &[u8]) -> Carried<'_> {
    // AF_INET, and AF_INET6 of the BSDs, macOS and Linux.
    match family {
        2 | 10 | 24 | 28 | 30 => Carried::Ip(packet),
        _ => Carried::Other("another address family"),
    }
}

fn serial(octets: &[u8]) -> Carried<'_> {
    match octets {
        // Cisco's HDLC begins with its unicast or multicast address.
        [0x0f | 0x8f, 0x00, ..] => Carried::Other("Cisco HDLC"),
        frame => Carried::Ppp {
            source: Endpoint::Unknown,
            destination: Endpoint::Unknown,
            session: 0,
            frame,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: [u8; 6] = [2, 0, 0, 0, 0, 1];
    const B: [u8; 6] = [2, 0, 0, 0, 0, 2];

    fn ethernet_frame(rest: &[u8]) -> Vec<u8> {
        [&B[..], &A, rest].concat()
    }

    #[test]
    fn tags_are_passed() {
        for tags in [
            &[][..],
            &[0x81, 0x00, 0, 5],
            &[0x88, 0xa8, 0, 7, 0x81, 0x00, 0, 5],
        ] {
            let frame = ethernet_frame(&[tags, &[0x08, 0x00, 0x45, 0]].concat());
            assert_eq!(open(LinkType::ETHERNET, &frame), Carried::Ip(&[0x45, 0]));
        }
    }

    #[test]
    fn a_pppoe_session_ends_at_its_length() {
        let frame = ethernet_frame(&[
            0x88, 0x64, 0x11, 0x00, 0x12, 0x34, 0, 3, 0xc0, 0x21, 9, 0, 0,
        ]);
        assert_eq!(
            open(LinkType::ETHERNET, &frame),
            Carried::Ppp {
                source: Endpoint::Mac(A),
                destination: Endpoint::Mac(B),
                session: 0x1234,
                frame: &[0xc0, 0x21, 9],
            }
        );
    }

    #[test]
    fn cooked_and_loopback_headers_are_passed() {
        let mut sll = vec![0; 14];
        sll.extend([0x08, 0x00, 0x45]);
        assert_eq!(open(LinkType::LINUX_SLL, &sll), Carried::Ip(&[0x45]));
        let mut sll2 = vec![0x86, 0xdd];
        sll2.resize(20, 0);
        sll2.push(0x60);
        assert_eq!(open(LinkType::LINUX_SLL2, &sll2), Carried::Ip(&[0x60]));
        for family in [[2, 0, 0, 0], [0, 0, 0, 2], [30, 0, 0, 0]] {
            let frame = [&family[..], &[0x45]].concat();
            assert_eq!(open(LinkType::NULL, &frame), Carried::Ip(&[0x45]));
        }
        assert_eq!(
            open(LinkType::LOOP, &[0, 0, 0, 2, 0x45]),
            Carried::Ip(&[0x45])
        );
    }

    #[test]
    fn serial_lines_are_ppp_unless_cisco() {
        assert!(matches!(
            open(LinkType::PPP_HDLC, &[0xff, 0x03, 0xc0, 0x21]),
            Carried::Ppp { .. }
        ));
        assert!(matches!(
            open(LinkType::PPP_HDLC, &[0x8f, 0x00, 0x80, 0x35]),
            Carried::Other(_)
        ));
        assert!(matches!(
            open(LinkType::PPP_WITH_DIRECTION, &[1, 0xff, 0x03]),
            Carried::Ppp {
                source: Endpoint::Local,
                ..
            }
        ));
    }

    #[test]
    fn short_and_foreign_frames_carry_nothing() {
        assert_eq!(
            open(LinkType::ETHERNET, &B),
            Carried::Other("frame too short")
        );
        assert_eq!(open(LinkType(147), &B), Carried::Other("unknown link type"));
        assert_eq!(
            open(LinkType::ETHERNET, &ethernet_frame(&[0x08, 0x06])),
            Carried::Other("ARP")
        );
    }
}
