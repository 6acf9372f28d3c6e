//! GRE packets as Ethernet frames of our own, between two hosts.

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use crate::common::{in_lab, skipped, wait};
use adit_net::direct::{DirectGre, Transmit};
use adit_net::gre::{Outgoing, RawGre, RecvBatch, SendTally};
use adit_net::namespace::{Cable, Host, Lab};
use adit_net::netlink::Route;
use socket2::{Domain, Protocol, Socket, Type};

const LEFT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const RIGHT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const BOTH: [Transmit; 2] = [Transmit::Packet, Transmit::Xdp];

/// A direct sender on the left of two hosts, with the raw sockets of both and a clock that moves when
/// it is told.
struct Bench {
    left: Host,
    right: Host,
    cable: Cable,
    direct: DirectGre,
    raw: RawGre,
    received: RawGre,
    now: Instant,
}

impl Bench {
    fn new(lab: &mut Lab, transmit: Transmit) -> Self {
        let (left, right) = (lab.host("left").unwrap(), lab.host("right").unwrap());
        let network = |address: Ipv4Addr| format!("{address}/24").parse().unwrap();
        let cable = lab
            .connect((&left, network(LEFT)), (&right, network(RIGHT)))
            .unwrap();
        let open = |host: &Host| host.run(|| RawGre::open(None).unwrap()).unwrap();
        Self {
            direct: left.run(|| DirectGre::open(transmit).unwrap()).unwrap(),
            raw: open(&left),
            received: open(&right),
            now: Instant::now(),
            left,
            right,
            cable,
        }
    }

    /// One whose direct way to the right host is open.
    fn open(lab: &mut Lab, transmit: Transmit) -> Self {
        let mut bench = Self::new(lab, transmit);
        assert_eq!(bench.send(&[packet(b"first")]), 0);
        assert_eq!(bench.receive(1), [packet(b"first")]);
        bench.look();
        bench
    }

    /// Lets a second pass.
    fn look(&mut self) {
        self.now += Duration::from_secs(1);
        let (direct, now) = (&mut self.direct, self.now);
        self.left.run(|| direct.refresh(now)).unwrap();
    }

    /// Sends packets to the right host and returns how many went directly.
    fn send(&mut self, packets: &[Vec<u8>]) -> usize {
        let dropped = |direct: &DirectGre| direct.counters().congested + direct.counters().refused;
        let mut rest = Vec::new();
        let outgoing = packets.iter().map(|gre| to(RIGHT, gre));
        let before = dropped(&self.direct);
        let sent = self.direct.send(outgoing, |packet| rest.push(packet));
        let dropped = (dropped(&self.direct) - before) as usize;
        assert_eq!(sent + dropped + rest.len(), packets.len());
        self.raw.send(&mut SendTally::default(), rest);
        sent
    }

    /// Receives `count` packets on the right host.
    fn receive(&mut self, count: usize) -> Vec<Vec<u8>> {
        let mut batch = RecvBatch::new();
        let mut all = Vec::new();
        while all.len() < count {
            wait(&self.received);
            self.received.recv_batch(&mut batch).unwrap();
            all.extend(batch.packets().map(|packet| {
                assert_eq!((packet.source, packet.destination), (LEFT, RIGHT));
                packet.gre.to_vec()
            }));
        }
        all
    }

    /// Runs ip(8) on a host; false, with a line that says so, if there is none.
    fn ip(&self, test: &str, host: &Host, arguments: &str) -> bool {
        match host.command("ip").args(arguments.split(' ')).status() {
            Ok(status) => assert!(status.success(), "ip {arguments}"),
            Err(error) => {
                skipped(test, &format!("no ip(8): {error}"));
                return false;
            }
        }
        true
    }
}

/// An enhanced GRE packet with key and sequence number, and these octets at the end.
fn packet(payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x30, 0x01, 0x88, 0x0b, 0, 4, 0, 1, 0, 0, 0, 0];
    packet.extend_from_slice(payload);
    packet
}

fn to(destination: Ipv4Addr, gre: &[u8]) -> Outgoing<'_> {
    Outgoing {
        source: Some(LEFT),
        destination,
        gre,
    }
}

/// The one's complement sum of the words of an IP header.
fn sum(header: &[u8]) -> u32 {
    let words = header.chunks_exact(2);
    let sum: u32 = words
        .map(|w| u32::from(u16::from_be_bytes([w[0], w[1]])))
        .sum();
    (sum & 0xffff) + (sum >> 16)
}

#[test]
fn packets_arrive_as_they_were_behind_a_header_of_ours() {
    in_lab(|lab| {
        for transmit in BOTH {
            let mut bench = Bench::open(lab, transmit);
            let gre = Protocol::from(libc::IPPROTO_GRE);
            let open = || Socket::new(Domain::IPV4, Type::RAW, Some(gre)).unwrap();
            let mut whole = bench.right.run(open).unwrap();
            // Up to the MTU of the link, 1500: odd lengths, the shortest and the longest.
            let packets: Vec<_> = [0, 1, 2, 33, 700, 1401, 1467, 1468]
                .iter()
                .map(|length| packet(&vec![*length as u8; *length]))
                .collect();
            assert_eq!(bench.send(&packets), packets.len());
            assert_eq!(bench.receive(packets.len()), packets);

            let mut identifications = Vec::new();
            for packet in &packets {
                let mut buffer = [0; 2048];
                let length = whole.read(&mut buffer).unwrap();
                let (header, gre) = buffer[..length].split_at(20);
                assert_eq!(gre, packet);
                assert_eq!(header[..2], [0x45, 0]);
                // The kernel on the way turns nothing around: a length in network order, no flags.
                assert_eq!(header[2..4], (length as u16).to_be_bytes());
                assert_eq!(header[6..10], [0, 0, 64, 47]);
                assert_eq!(sum(header), 0xffff);
                assert_eq!(header[12..], [LEFT.octets(), RIGHT.octets()].concat());
                identifications.push(u16::from_be_bytes([header[4], header[5]]));
            }
            assert!(
                identifications
                    .windows(2)
                    .all(|two| two[1] == two[0].wrapping_add(1))
            );
        }
    });
}

#[test]
fn many_packets_arrive_in_order() {
    in_lab(|lab| {
        for transmit in BOTH {
            let mut bench = Bench::open(lab, transmit);
            for round in 0..40u32 {
                // More than a batch, and in sum more than an AF_XDP socket has frames.
                let packets: Vec<_> = (0..100u32)
                    .map(|number| packet(&(round * 100 + number).to_be_bytes()))
                    .collect();
                assert_eq!(bench.send(&packets), packets.len());
                assert_eq!(bench.receive(packets.len()), packets);
            }
            let counters = bench.direct.counters();
            assert_eq!(
                (counters.sent, counters.congested, counters.refused),
                (4000, 0, 0)
            );
        }
    });
}

#[test]
fn what_cannot_go_directly_is_handed_back_in_order() {
    in_lab(|lab| {
        let mut bench = Bench::open(lab, Transmit::Packet);
        let short = packet(b"short");
        let long = packet(&[7; 1469]);
        let unknown = Ipv4Addr::new(10, 0, 0, 99);
        let unroutable = Ipv4Addr::new(192, 0, 2, 1);
        let handed_back = |bench: &mut Bench, outgoing: &[Outgoing<'_>]| {
            let mut rest = Vec::new();
            let send = outgoing.iter().copied();
            bench.direct.send(send, |packet| {
                rest.push((packet.destination, packet.gre.len()))
            });
            rest
        };
        let nowhere = Outgoing {
            source: None,
            ..to(RIGHT, &short)
        };
        let foreign = Outgoing {
            source: Some(unknown),
            ..to(RIGHT, &short)
        };
        let elsewhere = [
            to(LEFT, &short),
            to(Ipv4Addr::LOCALHOST, &short),
            to(Ipv4Addr::BROADCAST, &short),
            to(unknown, &short),
            to(unroutable, &short),
            nowhere,
            foreign,
        ];
        let all = elsewhere.map(|packet| (packet.destination, packet.gre.len()));
        assert_eq!(handed_back(&mut bench, &elsewhere), all);
        bench.look();
        assert_eq!(handed_back(&mut bench, &elsewhere), all);

        // What follows a packet that is too long goes the way that it goes, until the batch ends.
        let mixed = [&short, &long, &short].map(|gre| to(RIGHT, gre));
        let rest = handed_back(&mut bench, &mixed);
        assert_eq!(rest, [(RIGHT, long.len()), (RIGHT, short.len())]);
        assert_eq!(bench.receive(1), std::slice::from_ref(&short));
        assert_eq!(handed_back(&mut bench, &mixed[..1]), []);
        assert_eq!(bench.receive(1), [short]);
    });
}

#[test]
fn another_hardware_address_of_the_neighbour_is_followed() {
    in_lab(|lab| {
        let test = "direct::another_hardware_address_of_the_neighbour_is_followed";
        for transmit in BOTH {
            let mut bench = Bench::open(lab, transmit);
            let Cable { left, right } = &bench.cable;
            let (here, there) = (left.name.clone(), right.name.clone());
            let moved = format!("link set {there} address 02:00:00:00:77:01");
            let learnt = format!("neigh replace {RIGHT} lladdr 02:00:00:00:77:01 dev {here}");
            if !bench.ip(test, &bench.right, &moved) || !bench.ip(test, &bench.left, &learnt) {
                return;
            }
            // It goes to where the neighbour was, before the change is seen.
            assert_eq!(bench.send(&[packet(b"lost")]), 1);
            bench.look();
            assert_eq!(bench.send(&[packet(b"found")]), 1);
            assert_eq!(bench.receive(1), [packet(b"found")]);

            assert!(bench.ip(
                test,
                &bench.left,
                &format!("neigh flush dev {here} nud permanent")
            ));
            bench.look();
            assert_eq!(bench.send(&[packet(b"by the host")]), 0);
            assert_eq!(bench.receive(1), [packet(b"by the host")]);
            bench.look();
            assert_eq!(bench.send(&[packet(b"directly again")]), 1);
            assert_eq!(bench.receive(1), [packet(b"directly again")]);
        }
    });
}

#[test]
fn a_stale_neighbour_is_used_and_confirmed() {
    in_lab(|lab| {
        let test = "direct::a_stale_neighbour_is_used_and_confirmed";
        let mut bench = Bench::open(lab, Transmit::Packet);
        let index = bench.cable.left.index;
        let stale = format!(
            "neigh change {RIGHT} dev {} nud stale",
            bench.cable.left.name
        );
        if !bench.ip(test, &bench.left, &stale) {
            return;
        }
        let neighbour = |bench: &Bench| bench.left.netlink().neighbours().unwrap()[&(index, RIGHT)];
        let before = neighbour(&bench);
        assert!(before.stale);
        bench.look();
        assert_eq!(bench.send(&[packet(b"a")]), 1);
        let after = neighbour(&bench);
        assert!(!after.stale, "the kernel asks");
        assert_eq!(after.hardware, before.hardware);
    });
}

#[test]
fn changes_of_routes_and_links_are_followed() {
    in_lab(|lab| {
        for transmit in BOTH {
            let mut bench = Bench::open(lab, transmit);
            let index = bench.cable.left.index;
            assert_eq!(bench.send(&[packet(b"a")]), 1);
            assert_eq!(bench.receive(1), [packet(b"a")]);

            bench.left.netlink().set_mtu(index, 1000).unwrap();
            let long = packet(&[0; 1000]);
            bench.look();
            assert_eq!(bench.send(&[packet(b"b"), long.clone()]), 1);
            assert_eq!(bench.receive(2), [packet(b"b"), long]);

            // A route through a router that does not answer.
            let router = IpAddr::from([10, 0, 0, 77]);
            let mut route = Route::on_link(format!("{RIGHT}/32").parse().unwrap(), index);
            route.gateway = Some(router);
            bench.left.netlink().add_route(&route).unwrap();
            bench.look();
            assert_eq!(bench.send(&[packet(b"lost")]), 0);
            bench.left.netlink().delete_route(&route).unwrap();
            bench.look();
            assert_eq!(bench.send(&[packet(b"c")]), 1);
            assert_eq!(bench.receive(1), [packet(b"c")]);

            // The driver of a link without carrier drops everything.
            let end = bench.cable.right.index;
            bench.right.netlink().set_down(end).unwrap();
            bench.send(&vec![packet(b"lost"); 100]);
            bench.right.netlink().set_up(end).unwrap();
            bench.look();
            // The host may have forgotten the neighbour with the carrier.
            bench.send(&[packet(b"back")]);
            assert_eq!(bench.receive(1), [packet(b"back")]);

            bench.left.netlink().set_down(index).unwrap();
            // Nothing is known of it yet: refused, and not tried again.
            bench.send(&[packet(b"lost")]);
            assert_eq!(bench.send(&[packet(b"lost")]), 0);
            bench.look();
            assert_eq!(bench.send(&[packet(b"lost")]), 0);
            bench.left.netlink().set_up(index).unwrap();
            bench.look();
            assert_eq!(bench.send(&[packet(b"d")]), 0);
            assert_eq!(bench.receive(1), [packet(b"d")]);
            bench.look();
            assert_eq!(bench.send(&[packet(b"e")]), 1);
            assert_eq!(bench.receive(1), [packet(b"e")]);
        }
    });
}

#[test]
fn two_senders_share_a_link() {
    in_lab(|lab| {
        let mut bench = Bench::open(lab, Transmit::Xdp);
        let index = bench.cable.left.index;
        if bench.direct.transmit(index) != Some(Transmit::Xdp) {
            return skipped("direct::two_senders_share_a_link", &"no AF_XDP here");
        }
        let open = || DirectGre::open(Transmit::Xdp).unwrap();
        let second = bench.left.run(open).unwrap();
        let first = std::mem::replace(&mut bench.direct, second);
        assert_eq!(bench.send(&[packet(b"by the host")]), 0);
        bench.look();
        assert_eq!(bench.send(&[packet(b"by the second")]), 1);
        // The link has one queue.
        assert_eq!(bench.direct.transmit(index), Some(Transmit::Packet));
        bench.direct = first;
        assert_eq!(bench.send(&[packet(b"by the first")]), 1);
        let expected = [&b"by the host"[..], b"by the second", b"by the first"].map(packet);
        assert_eq!(bench.receive(3), expected);
    });
}
