//! Raw GRE sockets between two hosts.

use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};

use crate::common::{in_lab, wait};
use adit_net::gre::{
    BATCH, PathError, PathErrorCause, RawGre, RawGreError, RecvBatch, SLOT, SendBatch,
};
use adit_net::namespace::{Host, Lab};
use adit_net::netlink::Address;
use adit_net::path_mtu;
use socket2::{Domain, Protocol, Socket, Type};

const LEFT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const RIGHT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const LEFT_TOO: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 3);

/// Two hosts on a cable; the left one has two addresses.
fn two_hosts(lab: &mut Lab) -> (Host, Host) {
    let (left, right) = (lab.host("left").unwrap(), lab.host("right").unwrap());
    let network = |address: Ipv4Addr| format!("{address}/24").parse().unwrap();
    let cable = lab
        .connect((&left, network(LEFT)), (&right, network(RIGHT)))
        .unwrap();
    let more = Address::in_network(cable.left.index, network(LEFT_TOO));
    left.netlink().add_address(&more).unwrap();
    (left, right)
}

fn open(host: &Host) -> RawGre {
    host.run(|| RawGre::open(None).unwrap()).unwrap()
}

/// An enhanced GRE packet with key and sequence number, and these octets at the end.
fn packet(payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x30, 0x01, 0x88, 0x0b, 0, 4, 0, 1, 0, 0, 0, 0];
    packet.extend_from_slice(payload);
    packet
}

/// Receives until `count` packets came, as (source, destination, packet).
fn receive(socket: &RawGre, count: usize) -> Vec<(Ipv4Addr, Ipv4Addr, Vec<u8>)> {
    let mut batch = RecvBatch::new();
    let mut all = Vec::new();
    while all.len() < count {
        wait(socket);
        socket.recv_batch(&mut batch).unwrap();
        all.extend(
            batch
                .packets()
                .map(|p| (p.source, p.destination, p.gre.to_vec())),
        );
    }
    all
}

#[test]
fn packets_tell_both_addresses_and_leave_from_the_one_that_was_asked_for() {
    in_lab(|lab| {
        let (left, right) = two_hosts(lab);
        let (left, right) = (open(&left), open(&right));
        let mut batch = SendBatch::new();
        batch.push(None, RIGHT, &packet(b"a")).unwrap();
        batch.push(Some(LEFT_TOO), RIGHT, &packet(b"b")).unwrap();
        assert_eq!(left.flush(&mut batch), 2);
        let expected = [(LEFT, RIGHT, packet(b"a")), (LEFT_TOO, RIGHT, packet(b"b"))];
        assert_eq!(receive(&right, 2), expected);

        batch.push(None, LEFT_TOO, &packet(b"c")).unwrap();
        assert_eq!(right.flush(&mut batch), 1);
        assert_eq!(receive(&left, 1), [(RIGHT, LEFT_TOO, packet(b"c"))]);
    });
}

#[test]
fn a_socket_bound_to_an_address_hears_only_what_is_sent_to_it() {
    in_lab(|lab| {
        let (left, right) = two_hosts(lab);
        let bound = left.run(|| RawGre::open(Some(LEFT_TOO)).unwrap()).unwrap();
        let foreign = left.run(|| RawGre::open(Some(RIGHT)).unwrap_err()).unwrap();
        assert!(matches!(foreign, RawGreError::NotLocal { address: RIGHT }));
        let right = open(&right);
        let mut batch = SendBatch::new();
        batch
            .push(None, LEFT, &packet(b"to the other address"))
            .unwrap();
        batch.push(None, LEFT_TOO, &packet(b"to this one")).unwrap();
        assert_eq!(right.flush(&mut batch), 2);
        assert_eq!(
            receive(&bound, 1),
            [(RIGHT, LEFT_TOO, packet(b"to this one"))]
        );

        batch.push(None, RIGHT, &packet(b"back")).unwrap();
        bound.flush(&mut batch);
        assert_eq!(receive(&right, 1), [(LEFT_TOO, RIGHT, packet(b"back"))]);
    });
}

#[test]
fn the_filter_passes_enhanced_gre_only() {
    in_lab(|lab| {
        let (left, right) = two_hosts(lab);
        let (left, right) = (open(&left), open(&right));
        let mut batch = SendBatch::new();
        for header in [
            [0x20, 0x00, 0x88, 0x0b],
            [0x20, 0x02, 0x88, 0x0b],
            [0x20, 0x03, 0x88, 0x0b],
            [0x20, 0x01, 0x08, 0x00],
            [0x20, 0x01, 0x65, 0x58],
        ] {
            batch.push(None, RIGHT, &header).unwrap();
        }
        batch.push(None, RIGHT, &[0x20]).unwrap();
        batch.push(None, RIGHT, &[]).unwrap();
        // Version 1 with the other bits of its octet set: the acknowledgment flag and reserved ones.
        batch.push(None, RIGHT, &[0x20, 0xf9, 0x88, 0x0b]).unwrap();
        assert_eq!(left.flush(&mut batch), 8);
        assert_eq!(
            receive(&right, 1),
            [(LEFT, RIGHT, vec![0x20, 0xf9, 0x88, 0x0b])]
        );
    });
}

#[test]
fn many_packets_arrive_in_batches_and_in_order() {
    in_lab(|lab| {
        let (left, right) = two_hosts(lab);
        let (left, right) = (open(&left), open(&right));
        let mut batch = SendBatch::new();
        let numbers: Vec<u8> = (0..3 * BATCH as u8).collect();
        for number in &numbers {
            batch.push(None, RIGHT, &packet(&[*number])).unwrap();
            if batch.is_full() {
                assert_eq!(left.flush(&mut batch), BATCH);
                assert!(batch.is_empty());
            }
        }
        assert_eq!(batch.counters().sent, numbers.len() as u64);
        let received = receive(&right, numbers.len());
        let last = received.iter().map(|(_, _, gre)| *gre.last().unwrap());
        assert_eq!(last.collect::<Vec<_>>(), numbers);
        assert_eq!(right.recv_batch(&mut RecvBatch::new()).unwrap(), 0);
    });
}

#[test]
fn a_packet_longer_than_the_link_is_fragmented_and_arrives_whole() {
    in_lab(|lab| {
        let (left, right) = two_hosts(lab);
        let mtu = left.run(|| path_mtu(IpAddr::from(RIGHT)).unwrap()).unwrap();
        assert_eq!(mtu, 1500);
        let (left, right) = (open(&left), open(&right));
        let long = packet(&[7; 1900]);
        let mut batch = SendBatch::new();
        batch.push(None, RIGHT, &long).unwrap();
        assert_eq!(left.flush(&mut batch), 1);
        assert_eq!(receive(&right, 1), [(LEFT, RIGHT, long)]);
    });
}

#[test]
fn a_packet_longer_than_a_slot_is_dropped_and_counted() {
    in_lab(|lab| {
        let (left, right) = two_hosts(lab);
        let right = open(&right);
        let gre = Protocol::from(47);
        let plain = || Socket::new(Domain::IPV4, Type::RAW, Some(gre)).unwrap();
        let plain = left.run(plain).unwrap();
        let to = SocketAddrV4::new(RIGHT, 0).into();
        plain.send_to(&packet(&[7; SLOT]), &to).unwrap();
        plain.send_to(&packet(b"short"), &to).unwrap();
        let mut batch = RecvBatch::new();
        let mut found = Vec::new();
        while found.is_empty() {
            wait(&right);
            right.recv_batch(&mut batch).unwrap();
            found.extend(batch.packets().map(|p| p.gre.to_vec()));
        }
        assert_eq!((found, batch.oversized()), (vec![packet(b"short")], 1));
    });
}

#[test]
fn a_host_without_gre_says_so() {
    in_lab(|lab| {
        let (left, _right) = two_hosts(lab);
        let left = open(&left);
        let mut batch = SendBatch::new();
        batch.push(None, RIGHT, &packet(b"anybody?")).unwrap();
        assert_eq!(left.flush(&mut batch), 1);
        let cause = PathErrorCause::ProtocolUnreachable;
        let expected = PathError {
            destination: RIGHT,
            reporter: Some(RIGHT),
            cause,
        };
        let mut received = RecvBatch::new();
        wait(&left);
        assert_eq!(left.recv_batch(&mut received).unwrap(), 0);
        assert_eq!(received.take_errors(), [expected]);
    });
}

#[test]
fn an_error_about_one_packet_does_not_stop_the_others() {
    in_lab(|lab| {
        let (left, right) = two_hosts(lab);
        let left = open(&left);
        let unroutable = Ipv4Addr::new(198, 51, 100, 1);
        let mut batch = SendBatch::new();
        // The answer to this one waits on the socket when the next packets are sent.
        batch
            .push(None, RIGHT, &packet(b"nobody listens yet"))
            .unwrap();
        left.flush(&mut batch);
        wait(&left);

        let right = open(&right);
        batch.push(None, RIGHT, &packet(b"first")).unwrap();
        batch.push(None, unroutable, &packet(b"lost")).unwrap();
        batch.push(None, RIGHT, &packet(b"second")).unwrap();
        assert_eq!(left.flush(&mut batch), 2);
        let received: Vec<_> = receive(&right, 2)
            .into_iter()
            .map(|(_, _, gre)| gre)
            .collect();
        assert_eq!(received, [packet(b"first"), packet(b"second")]);
        assert_eq!((batch.counters().sent, batch.counters().refused), (3, 1));
        let errors = batch.take_errors();
        let causes: Vec<_> = errors
            .iter()
            .map(|error| (error.destination, error.cause))
            .collect();
        let expected = [
            (RIGHT, PathErrorCause::ProtocolUnreachable),
            (unroutable, PathErrorCause::NetworkUnreachable),
        ];
        assert_eq!(causes, expected);
    });
}
