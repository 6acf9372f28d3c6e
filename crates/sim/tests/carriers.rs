//! The data path of the program: bursts, offload, coalescing, with memory in place of devices.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU16;
use std::time::Duration;

use adit_crypto::mppe_keys::Strength;
use adit_engine::{RateLimit, RateLimits};
use adit_ip::offload::{Offload, PartialChecksum, SegmentKind, Segmentation};
use adit_ip::segment::Segments;
use adit_net::tun::{OffloadSupport, VnetHeader};
use adit_ppp::MppeConfig;
use adit_ppp::auth::Method;
use adit_ppp::mppe::Mode;
use adit_sim::carriers::{End, TunPacket, Tunnel};
use adit_sim::netem::Impairment;
use adit_sim::{Chance, Rng, Routing, WorldConfig, required, unencrypted};
use etherparse::{NetSlice, PacketBuilder, SlicedPacket, TransportSlice};

/// Octets of payload in each segment of a super-packet: the MTU is 1456.
const SEGMENT: u16 = 1416;

/// A flow of TCP.
struct Flow {
    source: Ipv4Addr,
    destination: Ipv4Addr,
    port: u16,
    sent: Vec<u8>,
}

impl Flow {
    fn new((source, destination): (IpAddr, IpAddr), port: u16) -> Self {
        let v4 = |address| match address {
            IpAddr::V4(address) => address,
            IpAddr::V6(_) => panic!("not IPv4"),
        };
        Self {
            source: v4(source),
            destination: v4(destination),
            port,
            sent: Vec::new(),
        }
    }

    /// The next octets of the flow as the kernel hands them over.
    fn next(&mut self, rng: &mut Rng, length: usize) -> TunPacket {
        let payload = rng.octets(length);
        let sequence = self.sent.len() as u32;
        self.sent.extend_from_slice(&payload);
        let mut packet = Vec::new();
        PacketBuilder::ipv4(self.source.octets(), self.destination.octets(), 64)
            .tcp(self.port, 80, sequence, 1000)
            .ack(7)
            .write(&mut packet, &payload)
            .expect("memory takes it");
        if length <= usize::from(SEGMENT) {
            return (VnetHeader::default(), packet);
        }
        let offload = Offload {
            checksum: Some(PartialChecksum {
                start: 20,
                offset: 16,
            }),
            segmentation: Some(Segmentation {
                kind: SegmentKind::TcpV4 { ecn: false },
                size: NonZeroU16::new(SEGMENT).expect("it is not 0"),
                headers: 40,
            }),
        };
        // Only the sum of the pseudo-header stands in the field.
        let words = self
            .source
            .octets()
            .into_iter()
            .chain(self.destination.octets());
        let words: Vec<u8> = words.chain([0, 6]).collect();
        let mut sum: u32 = (packet.len() - 20) as u32;
        for word in words.chunks(2) {
            sum += u32::from(u16::from_be_bytes([word[0], word[1]]));
        }
        let folded = (sum & 0xffff) + (sum >> 16);
        let folded = ((folded & 0xffff) + (folded >> 16)) as u16;
        packet[36..38].copy_from_slice(&folded.to_be_bytes());
        (offload.encode(), packet)
    }
}

/// Sequence numbers and payloads by port.
type Segmented = BTreeMap<u16, Vec<(u32, Vec<u8>)>>;

/// What came out, by port: the sequence numbers and payloads of segments that are sound.
fn segments(received: Vec<TunPacket>) -> Segmented {
    let mut flows = Segmented::new();
    for (header, packet) in received {
        let offload = Offload::decode(&header).expect("the header is sound");
        let mut pieces = Segments::new(offload, &packet).expect("the packet fits it");
        let mut room = [0; 2000];
        while let Some(length) = pieces.next_into(&mut room) {
            let sliced =
                SlicedPacket::from_ip(&room[..length.expect("there is room")]).expect("it is IP");
            let Some(NetSlice::Ipv4(ip)) = &sliced.net else {
                continue;
            };
            let Some(TransportSlice::Tcp(tcp)) = &sliced.transport else {
                continue;
            };
            let sum = tcp.calc_checksum_ipv4(ip.header().source(), ip.header().destination());
            assert_eq!(sum, Ok(tcp.checksum()));
            let segment = (tcp.sequence_number(), tcp.payload().to_vec());
            flows.entry(tcp.source_port()).or_default().push(segment);
        }
    }
    flows
}

fn ciphers() -> [MppeConfig; 4] {
    [
        required(Strength::Bits128, Mode::Stateless),
        required(Strength::Bits128, Mode::Stateful),
        required(Strength::Bits40, Mode::Stateless),
        unencrypted(),
    ]
}

fn connected(config: &WorldConfig, offload: OffloadSupport) -> Tunnel {
    let mut tunnel = Tunnel::new(config, offload);
    assert!(tunnel.connect());
    for end in [End::Server, End::Client] {
        tunnel.take_received(end);
    }
    tunnel
}

/// Sends the same flows into a tunnel both ways, and gives back what was sent and what came out.
fn exchange(tunnel: &mut Tunnel, seed: u64) -> Vec<(BTreeMap<u16, Vec<u8>>, Segmented)> {
    let mut rng = Rng::new(seed);
    let (server, client) = tunnel.addresses();
    let ways = [
        (End::Server, End::Client, (server, client)),
        (End::Client, End::Server, (client, server)),
    ];
    let mut result = Vec::new();
    for (from, to, addresses) in ways {
        let mut flows: Vec<Flow> = (1..=3).map(|port| Flow::new(addresses, port)).collect();
        let mut received = Vec::new();
        for _ in 0..12 {
            let packets: Vec<TunPacket> = (0..rng.index(6))
                .map(|_| {
                    let flow = rng.index(flows.len());
                    let length = match rng.index(3) {
                        0 => rng.index(usize::from(SEGMENT)) + 1,
                        _ => rng.index(60_000) + usize::from(SEGMENT) + 1,
                    };
                    flows[flow].next(&mut rng, length)
                })
                .collect();
            tunnel.send(from, packets);
            tunnel.run_for(Duration::from_millis(rng.below(80)));
            received.extend(tunnel.take_received(to));
        }
        tunnel.run_for(Duration::from_secs(1));
        received.extend(tunnel.take_received(to));
        let sent = flows.into_iter().map(|flow| (flow.port, flow.sent));
        result.push((sent.collect(), segments(received)));
    }
    result
}

#[test]
fn on_a_sound_path_all_octets_arrive_in_order() {
    for mppe in ciphers() {
        for offload in [OffloadSupport::Tcp, OffloadSupport::TcpAndUdp] {
            for seed in 0..8 {
                let config = WorldConfig::new(seed, 1).secured(&[Method::MsChapV2], &mppe);
                let mut tunnel = connected(&config, offload);
                for (sent, received) in exchange(&mut tunnel, seed) {
                    for (port, sent) in sent {
                        let flow = received.get(&port).cloned().unwrap_or_default();
                        let octets: Vec<u8> = flow.into_iter().flat_map(|(_, it)| it).collect();
                        assert!(octets == sent, "flow {port}, {mppe:?}, seed {seed}");
                    }
                }
                for end in [End::Server, End::Client] {
                    assert_eq!(tunnel.dropped(end), Default::default());
                }
            }
        }
    }
}

#[test]
fn on_a_bad_path_what_arrives_is_sound_and_in_order() {
    let impairment = Impairment {
        loss: Chance::percent(2),
        duplication: Chance::percent(2),
        reordering: Chance::percent(2),
        reorder_by: Duration::from_millis(5),
        ..Impairment::NONE
    };
    for seed in 0..30 {
        let mppe = required(Strength::Bits128, Mode::Stateless);
        let config = WorldConfig::new(seed, 1)
            .secured(&[Method::MsChapV2], &mppe)
            .impaired(impairment);
        let mut tunnel = connected(&config, OffloadSupport::TcpAndUdp);
        for (sent, received) in exchange(&mut tunnel, seed) {
            let mut octets = 0;
            for (port, flow) in received {
                let sent = &sent[&port];
                let mut next = 0;
                for (sequence, payload) in flow {
                    assert!(sequence >= next, "flow {port} goes back, seed {seed}");
                    next = sequence + payload.len() as u32;
                    let place = sequence as usize..next as usize;
                    assert!(sent[place] == payload[..], "flow {port}, seed {seed}");
                    octets += payload.len();
                }
            }
            let all: usize = sent.values().map(Vec::len).sum();
            assert!(octets * 10 >= all * 9, "{octets} of {all}, seed {seed}");
        }
    }
}

#[test]
fn in_order_segments_come_out_as_one_packet() {
    let mut tunnel = connected(&WorldConfig::new(1, 1), OffloadSupport::Tcp);
    let mut flow = Flow::new(tunnel.addresses(), 9);
    let packet = flow.next(&mut Rng::new(1), 50_000);
    tunnel.send(End::Server, [packet.clone()]);
    tunnel.run_for(Duration::from_secs(1));
    let received = tunnel.take_received(End::Client);
    let lengths: Vec<usize> = received.iter().map(|(_, packet)| packet.len()).collect();
    assert_eq!(lengths, [packet.1.len()]);
    assert_eq!(received[0].0, packet.0);
}

#[test]
fn acknowledgments_ride_on_data_where_there_is_any() {
    let mut tunnel = connected(&WorldConfig::new(1, 1), OffloadSupport::Tcp);
    tunnel.run_for(Duration::from_secs(1));
    let before = tunnel.report(End::Client).session.acknowledgments_sent;
    let (server, client) = tunnel.addresses();
    let (mut down, mut up) = (
        Flow::new((server, client), 1),
        Flow::new((client, server), 2),
    );
    let mut rng = Rng::new(1);
    for _ in 0..50 {
        let (data, answer) = (down.next(&mut rng, 60_000), up.next(&mut rng, 10));
        tunnel.send(End::Server, [data]);
        tunnel.send(End::Client, [answer]);
        tunnel.run_for(Duration::from_millis(20));
    }
    tunnel.run_for(Duration::from_secs(1));
    let report = tunnel.report(End::Client).session;
    assert!(report.received_packets > 2_000);
    // The very last data have nothing to follow that their acknowledgment could ride on.
    assert!(report.acknowledgments_sent - before <= 50, "{report:?}");
}

#[test]
fn a_limited_session_gets_its_burst_and_its_rate() {
    let mut tunnel = connected(&WorldConfig::new(1, 1), OffloadSupport::Tcp);
    let limit = RateLimit {
        bits_per_second: 1_000_000,
        burst: 20_000,
    };
    tunnel.limit(RateLimits {
        to_peer: Some(limit),
        from_peer: None,
    });
    let (server, client) = tunnel.addresses();
    let mut rng = Rng::new(1);
    let mut passed = [0; 2];
    for (way, (from, to, addresses)) in [
        (End::Server, End::Client, (server, client)),
        (End::Client, End::Server, (client, server)),
    ]
    .into_iter()
    .enumerate()
    {
        let mut flow = Flow::new(addresses, 1);
        for _ in 0..100 {
            let packet = flow.next(&mut rng, 50_000);
            tunnel.send(from, [packet]);
            tunnel.run_for(Duration::from_millis(100));
            let received = segments(tunnel.take_received(to));
            let octets = received.values().flatten().map(|(_, it)| it.len());
            passed[way] += octets.sum::<usize>();
        }
        assert!(flow.sent.len() == 5_000_000);
    }
    // Ten seconds at 1 Mbit/s, with headers.
    assert!((1_150_000..=1_270_000).contains(&passed[0]), "{passed:?}");
    assert_eq!(passed[1], 5_000_000);
    assert!(tunnel.report(End::Server).packets.rate_limited > 2_000);
}

#[test]
fn a_packet_that_the_kernel_cannot_describe_keeps_nobody_from_those_behind_it() {
    let mut tunnel = connected(&WorldConfig::new(1, 1), OffloadSupport::Tcp);
    let mut flow = Flow::new(tunnel.addresses(), 9);
    let indescribable = (VnetHeader::default(), vec![0; 70_000]);
    let packet = flow.next(&mut Rng::new(1), 100);
    tunnel.send(End::Server, [indescribable, packet.clone()]);
    tunnel.run_for(Duration::from_secs(1));
    assert_eq!(tunnel.take_received(End::Client), [packet]);
    assert_eq!(tunnel.dropped(End::Server).malformed, 1);
}

#[test]
fn all_packets_count_that_a_device_does_not_take_as_one() {
    let mut tunnel = connected(&WorldConfig::new(1, 1), OffloadSupport::Tcp);
    let mut flow = Flow::new(tunnel.addresses(), 9);
    let packet = flow.next(&mut Rng::new(1), 10 * usize::from(SEGMENT));
    tunnel.take_down(End::Client);
    tunnel.send(End::Server, [packet]);
    tunnel.run_for(Duration::from_secs(1));
    assert_eq!(tunnel.dropped(End::Client).undelivered, 10);
}

fn router_solicitation() -> TunPacket {
    let all_routers = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
    let mut packet = Vec::new();
    PacketBuilder::ipv6([0; 16], all_routers.octets(), 255)
        .icmpv6_raw(133, 0, [0; 4])
        .write(&mut packet, &[])
        .expect("memory takes it");
    (VnetHeader::default(), packet)
}

#[test]
fn answers_to_packets_that_come_together_leave_in_the_order_of_their_numbers() {
    let config = WorldConfig {
        routing: Routing::Advertised,
        ..WorldConfig::new(1, 1)
    };
    let mut tunnel = connected(&config, OffloadSupport::Tcp);
    tunnel.run_for(Duration::from_secs(1));
    tunnel.take_received(End::Client);
    let before = tunnel.report(End::Client).session;
    // An Echo-Request of LCP at least.
    tunnel.run_without(End::Server, Duration::from_secs(60));
    tunnel.send(End::Client, [router_solicitation()]);
    tunnel.run_without(End::Server, Duration::from_secs(1));
    tunnel.run_for(Duration::from_secs(1));
    assert_eq!(tunnel.take_received(End::Client).len(), 1);
    let after = tunnel.report(End::Client).session;
    assert!(
        after.received_packets > before.received_packets + 1,
        "{after:?}"
    );
    assert_eq!((after.reordered, after.lost), (0, 0), "{after:?}");
}
