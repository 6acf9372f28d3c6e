//! Router discovery for a tunnel: recognises a solicitation, builds an advertisement (RFC 4861
//! §4.1, §4.2, §4.6; RFC 8106 §5.1).

use std::net::Ipv6Addr;

use crate::build::{ICMPV6, icmpv6};
use crate::checksum::Sum;
use crate::header::check;

/// The hop limit that proves a packet of neighbour discovery to come from the link itself.
const ON_LINK_HOPS: u8 = 255;
const ROUTER_SOLICITATION: u8 = 133;
const ROUTER_ADVERTISEMENT: u8 = 134;

/// A router advertisement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouterAdvertisement {
    /// The link-local address of the router.
    pub source: Ipv6Addr,
    /// Who is told: the solicitor, or all nodes (`ff02::1`).
    pub destination: Ipv6Addr,
    /// The hop limit that hosts should use; 0 for no advice.
    pub hop_limit: u8,
    /// How long this is a default router, in seconds; 0 if it is none.
    pub router_lifetime: u16,
    /// Prefixes of the link.
    pub prefixes: Vec<PrefixInformation>,
    /// Recursive DNS servers, at most 127.
    pub dns_servers: Vec<Ipv6Addr>,
    /// How long the DNS servers may be used, in seconds.
    pub dns_lifetime: u32,
    /// The MTU of the link in octets.
    pub mtu: Option<u32>,
}

/// A prefix that is on the link and from which hosts form addresses (flags L and A).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrefixInformation {
    /// The prefix; bits beyond its length are sent as zeroes.
    pub prefix: Ipv6Addr,
    /// Its length in bits, 0 to 128; hosts form addresses only from 64.
    pub length: u8,
    /// How long it is on the link, in seconds.
    pub valid_lifetime: u32,
    /// How long addresses from it are preferred, in seconds, at most the valid lifetime.
    pub preferred_lifetime: u32,
}

/// Recognises a router solicitation, with the checks of RFC 4861 §6.1.1, and returns its source:
/// unspecified (`::`) if the host has no address yet, which is then answered to all nodes.
pub fn router_solicitation(packet: &[u8]) -> Option<Ipv6Addr> {
    let packet = check(packet).ok()?;
    let (header, message) = packet.split_first_chunk::<40>()?;
    let is_solicitation = header[0] >> 4 == 6
        && header[6] == ICMPV6
        && header[7] == ON_LINK_HOPS
        && message.len() >= 8
        && message.starts_with(&[ROUTER_SOLICITATION, 0]);
    if !is_solicitation || !options_are_sound(message.get(8..)?) {
        return None;
    }
    let source = Ipv6Addr::from(*header.get(8..)?.first_chunk::<16>()?);
    let destination = Ipv6Addr::from(*header.get(24..)?.first_chunk::<16>()?);
    let length = u32::try_from(message.len()).ok()?;
    let sum = Sum::default().add_pseudo_header(source, destination, length, ICMPV6);
    (sum.add(message).checksum() == 0).then_some(source)
}

/// Whether every option has a length other than zero and ends within the message.
fn options_are_sound(mut options: &[u8]) -> bool {
    while let Some(length) = options.get(1) {
        match options.get(usize::from(*length) * 8..) {
            Some(rest) if *length > 0 => options = rest,
            _ => return false,
        }
    }
    options.is_empty()
}

impl RouterAdvertisement {
    /// The IPv6 packet. None if there are more options than one packet can hold.
    pub fn to_packet(&self) -> Option<Vec<u8>> {
        let mut message = vec![ROUTER_ADVERTISEMENT, 0, 0, 0, self.hop_limit, 0];
        message.extend_from_slice(&self.router_lifetime.to_be_bytes());
        // Reachable time and retransmission timer: no advice.
        message.extend_from_slice(&[0; 8]);
        if let Some(mtu) = self.mtu {
            message.extend_from_slice(&[5, 1, 0, 0]);
            message.extend_from_slice(&mtu.to_be_bytes());
        }
        for prefix in &self.prefixes {
            prefix.write(&mut message);
        }
        if !self.dns_servers.is_empty() {
            let length = u8::try_from(1 + 2 * self.dns_servers.len()).ok()?;
            message.extend_from_slice(&[25, length, 0, 0]);
            message.extend_from_slice(&self.dns_lifetime.to_be_bytes());
            message.extend(self.dns_servers.iter().flat_map(Ipv6Addr::octets));
        }
        icmpv6(self.source, self.destination, ON_LINK_HOPS, &message)
    }
}

impl PrefixInformation {
    fn write(&self, message: &mut Vec<u8>) {
        const ON_LINK: u8 = 0x80;
        const AUTONOMOUS: u8 = 0x40;
        let length = self.length.min(128);
        let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
        message.extend_from_slice(&[3, 4, length, ON_LINK | AUTONOMOUS]);
        message.extend_from_slice(&self.valid_lifetime.to_be_bytes());
        message.extend_from_slice(
            &self
                .preferred_lifetime
                .min(self.valid_lifetime)
                .to_be_bytes(),
        );
        message.extend_from_slice(&[0; 4]);
        message.extend_from_slice(&(u128::from(self.prefix) & mask).to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use etherparse::{Icmpv6Header, Icmpv6Type, PacketHeaders, TransportHeader, icmpv6};
    use proptest::prelude::*;

    use super::*;

    const ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
    const HOST: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);
    const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);

    fn advertisement() -> RouterAdvertisement {
        RouterAdvertisement {
            source: ROUTER,
            destination: HOST,
            hop_limit: 64,
            router_lifetime: 1800,
            prefixes: vec![PrefixInformation {
                prefix: "2001:db8:1:2::99".parse().unwrap(),
                length: 64,
                valid_lifetime: 86_400,
                preferred_lifetime: 14_400,
            }],
            dns_servers: vec!["2001:db8::53".parse().unwrap()],
            dns_lifetime: 3600,
            mtu: Some(1400),
        }
    }

    fn solicitation(options: &[u8]) -> Vec<u8> {
        let mut message = vec![ROUTER_SOLICITATION, 0, 0, 0, 0, 0, 0, 0];
        message.extend_from_slice(options);
        crate::build::icmpv6(HOST, ALL_ROUTERS, ON_LINK_HOPS, &message).unwrap()
    }

    #[test]
    fn advertises_octet_by_octet() {
        let packet = advertisement().to_packet().unwrap();
        assert_eq!(packet[..8], [0x60, 0, 0, 0, 0, 80, 58, 255]);
        let message = &packet[40..];
        assert_eq!(message[..2], [134, 0]);
        assert_eq!(message[4..16], [64, 0, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(message[16..24], [5, 1, 0, 0, 0, 0, 0x05, 0x78]);
        assert_eq!(
            message[24..40],
            [
                3, 4, 64, 0xc0, 0, 1, 0x51, 0x80, 0, 0, 0x38, 0x40, 0, 0, 0, 0
            ]
        );
        assert_eq!(
            message[40..56],
            [0x20, 1, 0x0d, 0xb8, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0]
        );
        assert_eq!(message[56..64], [25, 3, 0, 0, 0, 0, 0x0e, 0x10]);
        assert_eq!(message[64..68], [0x20, 1, 0x0d, 0xb8]);
        assert_eq!(message.len(), 80);
    }

    #[test]
    fn another_implementation_reads_the_advertisement() {
        let packet = advertisement().to_packet().unwrap();
        let headers = PacketHeaders::from_ip_slice(&packet).unwrap();
        let Some(TransportHeader::Icmpv6(icmp)) = headers.transport else {
            panic!("not ICMPv6")
        };
        let expected = icmpv6::RouterAdvertisementHeader {
            cur_hop_limit: 64,
            managed_address_config: false,
            other_config: false,
            router_lifetime: 1800,
        };
        assert_eq!(icmp.icmp_type, Icmpv6Type::RouterAdvertisement(expected));
        let payload = headers.payload.slice();
        let header =
            Icmpv6Header::with_checksum(icmp.icmp_type, ROUTER.octets(), HOST.octets(), payload);
        assert_eq!(icmp.checksum, header.unwrap().checksum);
    }

    #[test]
    fn too_many_dns_servers_are_refused() {
        let mut advertisement = advertisement();
        advertisement.dns_servers = vec![ROUTER; 127];
        assert!(advertisement.to_packet().is_some());
        advertisement.dns_servers.push(ROUTER);
        assert_eq!(advertisement.to_packet(), None);
    }

    #[test]
    fn recognises_a_solicitation() {
        assert_eq!(router_solicitation(&solicitation(&[])), Some(HOST));
        let link_layer_address = [1, 1, 2, 0, 0, 0, 0, 1];
        assert_eq!(
            router_solicitation(&solicitation(&link_layer_address)),
            Some(HOST)
        );
    }

    #[test]
    fn refuses_a_solicitation_that_is_not_sound() {
        let mut routed = solicitation(&[]);
        routed[7] = 254;
        assert_eq!(router_solicitation(&routed), None, "came through a router");
        let mut damaged = solicitation(&[]);
        damaged[47] ^= 1;
        assert_eq!(router_solicitation(&damaged), None, "checksum");
        assert_eq!(
            router_solicitation(&solicitation(&[1, 0, 0, 0, 0, 0, 0, 0])),
            None,
            "option"
        );
        assert_eq!(
            router_solicitation(&solicitation(&[1, 2, 0, 0, 0, 0, 0, 0])),
            None,
            "option"
        );
        let packet = advertisement().to_packet().unwrap();
        assert_eq!(router_solicitation(&packet), None, "an advertisement");
    }

    proptest! {
        #[test]
        fn no_octets_make_it_panic(packet in prop::collection::vec(any::<u8>(), 0..90)) {
            router_solicitation(&packet);
        }

        #[test]
        fn no_options_make_it_hang(options in prop::collection::vec(0u8..3, 0..64)) {
            router_solicitation(&solicitation(&options));
        }
    }
}
