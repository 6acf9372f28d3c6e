//! The MSS of TCP connections.

use std::net::IpAddr;

use etherparse::{NetSlice, PacketBuilder, SlicedPacket, TcpOptionElement, TransportSlice};

use super::*;

/// The MSS of a SYN, after its checksums were checked.
fn mss(packet: &[u8]) -> u16 {
    let sliced = SlicedPacket::from_ip(packet).unwrap();
    let Some(TransportSlice::Tcp(tcp)) = sliced.transport else {
        panic!("it is TCP");
    };
    let checksum = match sliced.net.unwrap() {
        NetSlice::Ipv4(ip) => {
            tcp.calc_checksum_ipv4(ip.header().source(), ip.header().destination())
        }
        NetSlice::Ipv6(ip) => {
            tcp.calc_checksum_ipv6(ip.header().source(), ip.header().destination())
        }
        NetSlice::Arp(_) => panic!("it is IP"),
    };
    assert_eq!(checksum.unwrap(), tcp.checksum());
    let mss = tcp.options_iterator().find_map(|option| match option {
        Ok(TcpOptionElement::MaximumSegmentSize(mss)) => Some(mss),
        _ => None,
    });
    mss.unwrap()
}

fn syn(from: IpAddr, to: IpAddr, mss: u16) -> Vec<u8> {
    let builder = match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => PacketBuilder::ipv4(from.octets(), to.octets(), 64),
        (IpAddr::V6(from), IpAddr::V6(to)) => PacketBuilder::ipv6(from.octets(), to.octets(), 64),
        _ => panic!("the addresses differ in family"),
    };
    let builder = builder
        .tcp(50_000, 443, 1, 65_535)
        .syn()
        .options(&[TcpOptionElement::MaximumSegmentSize(mss)])
        .unwrap();
    let mut packet = Vec::new();
    builder.write(&mut packet, &[]).unwrap();
    packet
}

#[test]
fn the_mss_of_a_syn_is_lowered_to_the_tunnel_in_both_directions() {
    let mut world = tunnel(60_400);
    for direction in DIRECTIONS {
        for (version, headers) in [(Version::V4, 40), (Version::V6, 60)] {
            let (from, to) = world.inner_addresses(0, direction, version).unwrap();
            let fits = mtu(&world, sender(direction)) as u16 - headers;
            for (sent, expected) in [(1460, fits), (fits, fits), (500, 500)] {
                let (arrived, _) = pass(&mut world, direction, syn(from, to, sent));
                assert_eq!(arrived.len(), 1);
                assert_eq!(mss(&arrived[0]), expected);
            }
        }
    }
}

#[test]
fn one_end_alone_lowers_the_mss_in_both_directions() {
    for clamping in [Party::Server, Party::Client(0)] {
        let mut config = WorldConfig::new(60_500, 1);
        config.server.clamp_mss = clamping == Party::Server;
        config.clients[0].endpoint.clamp_mss = clamping != Party::Server;
        let mut world = up(config);
        for direction in DIRECTIONS {
            let (from, to) = v4(&world, direction);
            let (arrived, _) = pass(&mut world, direction, syn(from.into(), to.into(), 1460));
            assert_eq!(mss(&arrived[0]), 1416);
        }
    }
}
