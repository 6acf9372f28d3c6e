//! Packets for the tests of segmentation and coalescing, made and checked by etherparse.

use std::num::NonZeroU16;

use etherparse::{
    IpDscp, IpEcn, IpNumber, Ipv4Header, Ipv4Options, Ipv6Header, NetHeaders, PacketHeaders,
    TcpHeader, TransportHeader, UdpHeader,
};
use proptest::prelude::*;

use crate::checksum::Sum;
use crate::offload::{Offload, PartialChecksum, SegmentKind, Segmentation};

/// A packet to be made.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) v6: bool,
    pub(crate) udp: bool,
    /// TOS or traffic class.
    pub(crate) class: u8,
    pub(crate) hops: u8,
    pub(crate) identification: u16,
    pub(crate) dont_fragment: bool,
    /// Options of IPv4, destination options of IPv6.
    pub(crate) options: Vec<u8>,
    /// Of a datagram only the ports.
    pub(crate) tcp: TcpHeader,
    pub(crate) payload: Vec<u8>,
}

/// A TCP segment over IPv4 with a timestamp, of a connection by this source port.
pub(crate) fn tcp(port: u16, sequence: u32, payload: &[u8]) -> Sample {
    let mut tcp = TcpHeader::new(port, 80, sequence, 1000);
    tcp.ack = true;
    tcp.acknowledgment_number = 77;
    tcp.set_options_raw(&[1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2])
        .unwrap();
    Sample {
        v6: false,
        udp: false,
        class: 0,
        hops: 64,
        identification: 0,
        dont_fragment: true,
        options: vec![],
        tcp,
        payload: payload.to_vec(),
    }
}

/// A UDP datagram over IPv4.
pub(crate) fn udp(port: u16, payload: &[u8]) -> Sample {
    Sample {
        udp: true,
        ..tcp(port, 0, payload)
    }
}

impl Sample {
    /// The packet, all its checksums right.
    pub(crate) fn packet(&self) -> Vec<u8> {
        let protocol = if self.udp {
            IpNumber::UDP
        } else {
            IpNumber::TCP
        };
        let transport = if self.udp { 8 } else { self.tcp.header_len() };
        let length = transport + self.payload.len();
        let mut packet = Vec::new();
        if self.v6 {
            let mut ip = Ipv6Header {
                traffic_class: self.class,
                payload_length: (length + self.options.len()) as u16,
                next_header: protocol,
                hop_limit: self.hops,
                source: [0xfd; 16],
                destination: [0xfe; 16],
                ..Ipv6Header::default()
            };
            let upper = self.upper(|tcp, udp| {
                tcp.checksum = tcp.calc_checksum_ipv6(&ip, &self.payload).unwrap();
                udp.checksum = udp.calc_checksum_ipv6(&ip, &self.payload).unwrap();
            });
            if !self.options.is_empty() {
                ip.next_header = IpNumber::IPV6_DESTINATION_OPTIONS;
            }
            ip.write(&mut packet).unwrap();
            packet.extend_from_slice(&self.options);
            packet.extend(upper);
        } else {
            let (source, destination) = ([10, 0, 0, 1], [10, 0, 0, 2]);
            let mut ip = Ipv4Header::new(0, self.hops, protocol, source, destination).unwrap();
            ip.dscp = IpDscp::try_new(self.class >> 2).unwrap();
            ip.ecn = IpEcn::try_new(self.class & 3).unwrap();
            ip.identification = self.identification;
            ip.dont_fragment = self.dont_fragment;
            ip.options = Ipv4Options::try_from(&self.options[..]).unwrap();
            ip.set_payload_len(length).unwrap();
            ip.header_checksum = ip.calc_header_checksum();
            let upper = self.upper(|tcp, udp| {
                tcp.checksum = tcp.calc_checksum_ipv4(&ip, &self.payload).unwrap();
                udp.checksum = udp.calc_checksum_ipv4(&ip, &self.payload).unwrap();
            });
            ip.write(&mut packet).unwrap();
            packet.extend(upper);
        }
        packet.extend_from_slice(&self.payload);
        packet
    }

    fn upper(&self, sum: impl Fn(&mut TcpHeader, &mut UdpHeader)) -> Vec<u8> {
        let mut tcp = self.tcp.clone();
        let mut udp = UdpHeader {
            source_port: tcp.source_port,
            destination_port: tcp.destination_port,
            length: (8 + self.payload.len()) as u16,
            checksum: 0,
        };
        sum(&mut tcp, &mut udp);
        if self.udp {
            udp.to_bytes().to_vec()
        } else {
            tcp.to_bytes().to_vec()
        }
    }

    /// The packet as the kernel hands it over to be cut into segments of `size` octets.
    pub(crate) fn long(&self, size: u16) -> (Offload, Vec<u8>) {
        let mut packet = self.packet();
        let start = self.options.len() + if self.v6 { 40 } else { 20 };
        let (offset, transport, protocol) = if self.udp {
            (6, 8, 17)
        } else {
            (16, self.tcp.header_len(), 6)
        };
        let addresses = if self.v6 { 8..40 } else { 12..20 };
        let pseudo = Sum::default()
            .add(&packet[addresses])
            .add_word(protocol)
            .add_word((packet.len() - start) as u16);
        packet[start + offset..start + offset + 2].copy_from_slice(&pseudo.folded().to_be_bytes());
        let ecn = self.tcp.cwr;
        let offload = Offload {
            checksum: Some(PartialChecksum {
                start: start as u16,
                offset: offset as u16,
            }),
            segmentation: Some(Segmentation {
                kind: match (self.udp, self.v6) {
                    (true, _) => SegmentKind::Udp,
                    (false, true) => SegmentKind::TcpV6 { ecn },
                    (false, false) => SegmentKind::TcpV4 { ecn },
                },
                size: NonZeroU16::new(size).unwrap(),
                headers: (start + transport) as u16,
            }),
        };
        (offload, packet)
    }
}

/// Any packet with a payload of at most `longest` octets, without IP options.
pub(crate) fn any_sample(longest: usize) -> impl Strategy<Value = Sample> {
    let ip = (any::<(bool, bool, u8, u8, u16, bool)>(), 0..=longest, 1u8..);
    let tcp = (
        any::<(u16, u16, u32, u32, u16)>(),
        any::<[bool; 5]>(),
        0usize..=10,
    );
    (ip, tcp).prop_map(|((ip, length, step), (numbers, flags, options))| {
        let (v6, udp, class, hops, identification, dont_fragment) = ip;
        let (source, destination, sequence, acknowledgment, window) = numbers;
        let mut tcp = TcpHeader::new(source, destination, sequence, window);
        tcp.acknowledgment_number = acknowledgment;
        tcp.ack = true;
        [tcp.fin, tcp.psh, tcp.ece, tcp.cwr, tcp.ns] = flags;
        tcp.set_options_raw(&vec![1; 4 * options]).unwrap();
        let payload = (0..length)
            .map(|at| (at as u8).wrapping_mul(step))
            .collect();
        Sample {
            v6,
            udp,
            class,
            hops,
            identification,
            dont_fragment,
            options: vec![],
            tcp,
            payload,
        }
    })
}

/// A packet taken apart.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Parsed {
    pub(crate) net: NetHeaders,
    pub(crate) transport: TransportHeader,
    pub(crate) payload: Vec<u8>,
}

/// Takes a packet apart whose lengths and checksums are right.
pub(crate) fn parse(packet: &[u8]) -> Parsed {
    let headers = PacketHeaders::from_ip_slice(packet).unwrap();
    let (net, transport) = (headers.net.unwrap(), headers.transport.unwrap());
    let payload = headers.payload.slice().to_vec();
    let upper = transport.header_len() + payload.len();
    match &net {
        NetHeaders::Ipv4(ip, _) => {
            assert_eq!(usize::from(ip.total_len), packet.len());
            assert_eq!(
                ip.header_checksum,
                ip.calc_header_checksum(),
                "IPv4 checksum"
            );
            assert_eq!(ip.header_len() + upper, packet.len());
        }
        NetHeaders::Ipv6(ip, extensions) => {
            assert_eq!(usize::from(ip.payload_length) + 40, packet.len());
            assert_eq!(40 + extensions.header_len() + upper, packet.len());
        }
        NetHeaders::Arp(_) => panic!("not IP"),
    }
    let (checksum, expected) = match (&transport, &net) {
        (TransportHeader::Tcp(tcp), NetHeaders::Ipv4(ip, _)) => {
            (tcp.checksum, tcp.calc_checksum_ipv4(ip, &payload).unwrap())
        }
        (TransportHeader::Tcp(tcp), NetHeaders::Ipv6(ip, _)) => {
            (tcp.checksum, tcp.calc_checksum_ipv6(ip, &payload).unwrap())
        }
        (TransportHeader::Udp(udp), NetHeaders::Ipv4(ip, _)) => {
            assert_eq!(usize::from(udp.length), upper);
            (udp.checksum, udp.calc_checksum_ipv4(ip, &payload).unwrap())
        }
        (TransportHeader::Udp(udp), NetHeaders::Ipv6(ip, _)) => {
            assert_eq!(usize::from(udp.length), upper);
            (udp.checksum, udp.calc_checksum_ipv6(ip, &payload).unwrap())
        }
        _ => panic!("neither TCP nor UDP"),
    };
    assert_eq!(checksum, expected, "transport checksum");
    Parsed {
        net,
        transport,
        payload,
    }
}
