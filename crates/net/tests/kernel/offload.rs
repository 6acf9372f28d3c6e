//! TUN devices with offload and with several queues on a real kernel.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use crate::common::{alone_in_lab, skipped, test_of};
use adit_net::capability::{Need, check};
use adit_net::namespace::{Host, Lab};
use adit_net::netlink::Address;
use adit_net::tun::{OffloadSupport, Tun, TunError, TunOptions, TunQueue, VnetHeader};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{setsockopt, sockopt::UdpGsoSegment};

const LEFT: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 1);
const RIGHT: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 2);
const MTU: u16 = 1400;
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs a test on two hosts that can have TUN devices.
fn with_two_hosts<F: FnOnce(&Host, &Host)>(body: F) {
    let test = test_of::<F>();
    alone_in_lab(test, |lab: &mut Lab| {
        let (left, right) = (lab.host("left").unwrap(), lab.host("right").unwrap());
        match left.run(|| check(Need::Tun)).unwrap() {
            Ok(()) => body(&left, &right),
            Err(missing) => skipped(test, &missing),
        }
    });
}

/// A device of this host on the way to `peer`.
fn device(host: &Host, options: &TunOptions, (local, peer): (Ipv4Addr, Ipv4Addr)) -> Tun {
    let tun = host.run(|| options.open()).unwrap().unwrap();
    let mut netlink = host.netlink();
    netlink.set_mtu(tun.index(), MTU.into()).unwrap();
    let ends = Address::point_to_point(tun.index(), local.into(), peer.into());
    netlink.add_address(&ends).unwrap();
    netlink.set_up(tun.index()).unwrap();
    tun
}

fn options(queues: usize, offload: bool) -> TunOptions {
    TunOptions {
        name: "adit%d".to_owned(),
        queues,
        offload,
    }
}

fn only_queue(tun: Tun) -> TunQueue {
    let mut queues = tun.into_queues();
    assert_eq!(queues.len(), 1);
    queues.remove(0)
}

/// A packet as it was read.
struct Packet {
    header: VnetHeader,
    octets: Vec<u8>,
}

fn read(queue: &TunQueue) -> Option<Packet> {
    let mut buffer = vec![0; 65_536];
    let (header, length) = queue.read(&mut buffer).ok()?;
    buffer.truncate(length);
    let octets = buffer;
    Some(Packet { header, octets })
}

/// Reads packets of any of the queues until one is IPv4: the host itself solicits IPv6 routers on the
/// new link.
fn read_v4<'a>(queues: impl IntoIterator<Item = &'a TunQueue> + Clone) -> Packet {
    loop {
        let mut polled: Vec<_> = queues.clone().into_iter().map(readable).collect();
        assert_ne!(poll(&mut polled, 20_000u16), Ok(0), "nothing came");
        let mut packets = queues.clone().into_iter().filter_map(read);
        if let Some(packet) = packets.find(|packet| packet.octets[0] >> 4 == 4) {
            return packet;
        }
    }
}

fn readable(descriptor: &impl AsFd) -> PollFd<'_> {
    PollFd::new(descriptor.as_fd(), PollFlags::POLLIN)
}

/// Carries packets between two queues, with what they still need, until there is something to read from
/// `stop`. Returns those that went from the first to the second.
fn join(left: &TunQueue, right: &TunQueue, stop: &UnixStream) -> Vec<Packet> {
    let mut carried = Vec::new();
    loop {
        let mut polled = [readable(left), readable(right), readable(stop)];
        poll(&mut polled, PollTimeout::NONE).unwrap();
        if polled[2].any() == Some(true) {
            return carried;
        }
        while let Some(packet) = read(left) {
            right.write(&packet.header, &packet.octets).unwrap();
            carried.push(packet);
        }
        while let Some(packet) = read(right) {
            left.write(&packet.header, &packet.octets).unwrap();
        }
    }
}

/// Has a TCP connection carry data from the left host to the right one through two devices. Returns the
/// packets that it took.
fn transfer(hosts: (&Host, &Host), offload: bool) -> (OffloadSupport, Vec<Packet>) {
    let left = only_queue(device(hosts.0, &options(1, offload), (LEFT, RIGHT)));
    let right = only_queue(device(hosts.1, &options(1, offload), (RIGHT, LEFT)));
    let support = left.offload();
    let data: Vec<u8> = (0..1_000_000u32)
        .map(|n| (n.wrapping_mul(n) >> 7) as u8)
        .collect();
    let listener = hosts.1.run(|| TcpListener::bind((RIGHT, 7)).unwrap());
    let listener = listener.unwrap();
    let (mut stop, stopped) = UnixStream::pair().unwrap();
    let packets = thread::scope(|scope| {
        let carrier = scope.spawn(|| join(&left, &right, &stopped));
        let receiver = scope.spawn(|| {
            let mut received = Vec::new();
            let (mut stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream.read_to_end(&mut received).unwrap();
            received
        });
        hosts
            .0
            .run(|| {
                let peer = (RIGHT, 7).into();
                let mut stream = TcpStream::connect_timeout(&peer, PATIENCE).unwrap();
                stream.write_all(&data).unwrap();
            })
            .unwrap();
        assert!(receiver.join().unwrap() == data);
        stop.write_all(b".").unwrap();
        carrier.join().unwrap()
    });
    (support, packets)
}

#[test]
fn long_tcp_packets_pass_between_devices_with_offload() {
    with_two_hosts(|left, right| {
        let (support, packets) = transfer((left, right), true);
        assert_ne!(support, OffloadSupport::None);
        let long = packets
            .iter()
            .find(|packet| packet.octets.len() > usize::from(MTU))
            .expect("a packet longer than the MTU");
        let header = long.header;
        assert_eq!((header[0], header[1]), (1, 1), "checksum wanted, TCP/IPv4");
        let segment = usize::from(u16::from_le_bytes([header[4], header[5]]));
        let headers = usize::from(u16::from_le_bytes([header[2], header[3]]));
        assert!(segment + headers <= usize::from(MTU));
    });
}

#[test]
fn without_offload_every_packet_is_whole_and_short() {
    with_two_hosts(|left, right| {
        let (support, packets) = transfer((left, right), false);
        assert_eq!(support, OffloadSupport::None);
        for packet in packets {
            assert_eq!(packet.header, VnetHeader::default());
            assert!(packet.octets.len() <= usize::from(MTU));
        }
    });
}

#[test]
fn long_udp_packets_come_as_the_device_says() {
    with_two_hosts(|left, _| {
        let tun = device(left, &options(1, true), (LEFT, RIGHT));
        assert!(tun.read(&mut [0; 64]).is_err(), "the header would be lost");
        let queue = only_queue(tun);
        left.run(|| {
            let socket = UdpSocket::bind((LEFT, 4000)).unwrap();
            setsockopt(&socket, UdpGsoSegment, &1000).unwrap();
            socket.send_to(&[7; 4500], (RIGHT, 5000)).unwrap();
        })
        .unwrap();
        let (first, payload) = match queue.offload() {
            OffloadSupport::TcpAndUdp => (5, 4500),
            OffloadSupport::Tcp | OffloadSupport::None => (0, 1000),
        };
        let packet = read_v4([&queue]);
        assert_eq!(packet.header[1], first);
        assert_eq!(packet.octets.len(), 28 + payload);
    });
}

#[test]
fn answers_come_from_the_queue_that_the_flow_was_written_to() {
    with_two_hosts(|left, _| {
        let queues = device(left, &options(2, true), (LEFT, RIGHT)).into_queues();
        let sockets = left
            .run(|| [4000, 4001].map(|port| UdpSocket::bind((LEFT, port)).unwrap()))
            .unwrap();
        assert_eq!(queues.len(), 2);
        // Each flow once by each queue, so that neither follows from a hash of its addresses.
        for (round, socket) in [(0, 0), (1, 1), (0, 1), (1, 0)] {
            let (queue, socket) = (&queues[round], &sockets[socket]);
            socket.send_to(b"first", (RIGHT, 5000)).unwrap();
            let mut packet = read_v4(&queues);
            packet.octets[12..20].rotate_left(4);
            packet.octets[20..24].rotate_left(2);
            queue.write(&packet.header, &packet.octets).unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            socket.recv(&mut [0; 64]).unwrap();
            socket.send_to(b"second", (RIGHT, 5000)).unwrap();
            assert!(read_v4([queue]).octets.ends_with(b"second"));
        }
    });
}

#[test]
fn an_interface_lives_as_long_as_one_of_its_queues() {
    with_two_hosts(|left, _| {
        let mut queues = device(left, &options(3, false), (LEFT, RIGHT)).into_queues();
        while queues.len() > 1 {
            queues.remove(0);
            assert!(left.netlink().link_by_name("adit0").is_ok());
        }
        let single = TunOptions::new("adit0");
        let taken = left.run(|| single.open()).unwrap();
        assert!(matches!(
            taken,
            Err(TunError::Name { .. } | TunError::Busy { .. })
        ));
        queues.clear();
        let gone = left.netlink().link_by_name("adit0").unwrap_err();
        assert!(gone.is_absent());
    });
}
