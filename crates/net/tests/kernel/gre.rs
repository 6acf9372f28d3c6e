//! Raw GRE sockets between two hosts.

use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::batch::Batch;
use crate::common::{in_lab, wait};
use adit_net::gre::{
    BATCH, CallIdShare, Outgoing, PathError, PathErrorCause, RawGre, RawGreError, RawGreOptions,
    RecvBatch, SLOT, SendTally,
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

/// An enhanced GRE packet of this call.
fn packet_of(call_id: u16) -> Vec<u8> {
    let mut packet = packet(&call_id.to_be_bytes());
    packet[6..8].copy_from_slice(&call_id.to_be_bytes());
    packet
}

fn to_right(gre: &[u8]) -> Outgoing<'_> {
    Outgoing {
        source: None,
        destination: RIGHT,
        gre,
    }
}

fn options(share: Option<CallIdShare>) -> RawGreOptions {
    RawGreOptions {
        share,
        ..RawGreOptions::default()
    }
}

/// The packets that wait, without their addresses.
fn waiting(socket: &RawGre) -> Vec<Vec<u8>> {
    let mut batch = RecvBatch::new();
    let mut all = Vec::new();
    while socket.recv_batch(&mut batch).unwrap() > 0 {
        all.extend(batch.packets().map(|packet| packet.gre.to_vec()));
    }
    all
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
        let mut batch = Batch::default();
        batch.push(None, RIGHT, &packet(b"a"));
        batch.push(Some(LEFT_TOO), RIGHT, &packet(b"b"));
        assert_eq!(batch.send(&left), 2);
        let expected = [(LEFT, RIGHT, packet(b"a")), (LEFT_TOO, RIGHT, packet(b"b"))];
        assert_eq!(receive(&right, 2), expected);

        batch.push(None, LEFT_TOO, &packet(b"c"));
        assert_eq!(batch.send(&right), 1);
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
        let mut batch = Batch::default();
        batch.push(None, LEFT, &packet(b"to the other address"));
        batch.push(None, LEFT_TOO, &packet(b"to this one"));
        assert_eq!(batch.send(&right), 2);
        assert_eq!(
            receive(&bound, 1),
            [(RIGHT, LEFT_TOO, packet(b"to this one"))]
        );

        batch.push(None, RIGHT, &packet(b"back"));
        batch.send(&bound);
        assert_eq!(receive(&right, 1), [(LEFT_TOO, RIGHT, packet(b"back"))]);
    });
}

#[test]
fn the_filter_passes_enhanced_gre_only() {
    in_lab(|lab| {
        let (left, right) = two_hosts(lab);
        let (left, right) = (open(&left), open(&right));
        let mut batch = Batch::default();
        for header in [
            [0x20, 0x00, 0x88, 0x0b],
            [0x20, 0x02, 0x88, 0x0b],
            [0x20, 0x03, 0x88, 0x0b],
            [0x20, 0x01, 0x08, 0x00],
            [0x20, 0x01, 0x65, 0x58],
        ] {
            batch.push(None, RIGHT, &header);
        }
        batch.push(None, RIGHT, &[0x20]);
        batch.push(None, RIGHT, &[]);
        // Version 1 with the other bits of its octet set: the acknowledgment flag and reserved ones.
        batch.push(None, RIGHT, &[0x20, 0xf9, 0x88, 0x0b]);
        assert_eq!(batch.send(&left), 8);
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
        let mut batch = Batch::default();
        let numbers: Vec<u8> = (0..3 * BATCH as u8).collect();
        for number in &numbers {
            batch.push(None, RIGHT, &packet(&[*number]));
            if batch.is_full() {
                assert_eq!(batch.send(&left), BATCH);
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
        let mut batch = Batch::default();
        batch.push(None, RIGHT, &long);
        assert_eq!(batch.send(&left), 1);
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
        let mut batch = Batch::default();
        batch.push(None, RIGHT, &packet(b"anybody?"));
        assert_eq!(batch.send(&left), 1);
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
        let mut batch = Batch::default();
        // The answer to this one waits on the socket when the next packets are sent.
        batch.push(None, RIGHT, &packet(b"nobody listens yet"));
        batch.send(&left);
        wait(&left);

        let right = open(&right);
        batch.push(None, RIGHT, &packet(b"first"));
        batch.push(None, unroutable, &packet(b"lost"));
        batch.push(None, RIGHT, &packet(b"second"));
        assert_eq!(batch.send(&left), 2);
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

#[test]
fn packets_leave_from_where_they_are_however_many() {
    in_lab(|lab| {
        let (left, right) = two_hosts(lab);
        let left = left.run(|| RawGre::open(Some(LEFT_TOO)).unwrap()).unwrap();
        let right = open(&right);
        let unroutable = Ipv4Addr::new(198, 51, 100, 1);
        let count = 2 * BATCH + 3;
        let packets: Vec<_> = (0..count).map(|n| packet(&n.to_be_bytes())).collect();
        let sources = [None, Some(LEFT), Some(LEFT_TOO)];
        let outgoing = packets.iter().enumerate().map(|(n, gre)| Outgoing {
            source: sources[n % 3],
            destination: if n == BATCH + 1 { unroutable } else { RIGHT },
            gre,
        });
        let mut tally = SendTally::default();
        assert_eq!(left.send(&mut tally, outgoing), count - 1);
        let counters = tally.counters();
        assert_eq!((counters.sent, counters.refused), (count as u64 - 1, 1));
        assert_eq!(tally.take_errors()[0].destination, unroutable);

        let from = [LEFT_TOO, LEFT, LEFT_TOO];
        let expected = packets.into_iter().enumerate();
        let expected = expected.filter(|(n, _)| *n != BATCH + 1);
        let expected: Vec<_> = expected.map(|(n, gre)| (from[n % 3], RIGHT, gre)).collect();
        assert_eq!(receive(&right, count - 1), expected);
        assert_eq!(left.send(&mut tally, []), 0);
    });
}

#[test]
fn each_socket_gets_the_calls_of_its_share_and_nothing_else() {
    in_lab(|lab| {
        let (left, right) = two_hosts(lab);
        let left = open(&left);
        let share = |index| options(CallIdShare::new(index, 2));
        let sockets = right
            .run(|| [0, 1].map(|index| share(index).open().unwrap()))
            .unwrap();
        let ids = [2, 1, 0xfffe, 0xffff, 256, 257];
        let mut packets: Vec<_> = ids.map(packet_of).to_vec();
        // Ends before its Call ID.
        packets.push(vec![0x20, 0x01, 0x88, 0x0b]);
        let outgoing = packets.iter().map(|gre| to_right(gre));
        left.send(&mut SendTally::default(), outgoing);
        for (socket, expected) in sockets.iter().zip([[2, 0xfffe, 256], [1, 0xffff, 257]]) {
            let received = receive(socket, 3).into_iter().map(|(_, _, gre)| gre);
            assert_eq!(received.collect::<Vec<_>>(), expected.map(packet_of));
            assert!(waiting(socket).is_empty());
        }
    });
}

#[test]
fn a_socket_of_one_call_gets_that_call() {
    in_lab(|lab| {
        let (left, right) = two_hosts(lab);
        let (left, right) = (open(&left), open(&right));
        right.set_call_id(0x1234).unwrap();
        let mut tally = SendTally::default();
        let send = |ids: &[u16], tally: &mut SendTally| {
            let packets: Vec<_> = ids.iter().copied().map(packet_of).collect();
            left.send(tally, packets.iter().map(|gre| to_right(gre)));
        };
        send(&[0x1233, 0x1234, 0x3412], &mut tally);
        assert_eq!(receive(&right, 1), [(LEFT, RIGHT, packet_of(0x1234))]);
        right.set_call_id(7).unwrap();
        send(&[0x1234, 7], &mut tally);
        assert_eq!(receive(&right, 1), [(LEFT, RIGHT, packet_of(7))]);
        assert!(waiting(&right).is_empty());
    });
}

#[test]
fn nothing_that_came_while_a_socket_was_made_slips_past_its_filter() {
    in_lab(|lab| {
        let (left, right) = two_hosts(lab);
        let left = open(&left);
        // Without a listener each packet would be answered by an ICMP error.
        let _listener = open(&right);
        let flooding = AtomicBool::new(true);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let foreign = packet_of(1);
                let mut tally = SendTally::default();
                while flooding.load(Ordering::Relaxed) {
                    left.send(&mut tally, [to_right(&foreign); BATCH]);
                }
            });
            let found = (0..300)
                .map(|_| {
                    let share = options(CallIdShare::new(0, 2));
                    let socket = right.run(|| share.open().unwrap()).unwrap();
                    waiting(&socket).len()
                })
                .sum::<usize>();
            flooding.store(false, Ordering::Relaxed);
            assert_eq!(found, 0);
        });
    });
}

#[test]
fn buffers_have_the_size_asked_for_and_tell_what_they_dropped() {
    in_lab(|lab| {
        let (left, right) = two_hosts(lab);
        let left = open(&left);
        let small = RawGreOptions {
            receive_buffer: 20_000,
            send_buffer: 30_000,
            ..options(CallIdShare::new(0, 2))
        };
        let right = right.run(|| small.open().unwrap()).unwrap();
        assert_eq!(right.buffers().unwrap(), (20_000, 30_000));

        let (ours, foreign) = (packet_of(2), packet_of(1));
        let mut tally = SendTally::default();
        left.send(&mut tally, [to_right(&foreign); 10]);
        assert_eq!(right.receive_drops().unwrap(), 0, "not for it");
        let sent = left.send(&mut tally, [to_right(&ours); 200]);
        let received = receive_until_dropped(&right, sent);
        assert!((1..sent).contains(&received));
    });
}

/// Receives until all of `sent` packets have been received or dropped. Returns how many were received.
fn receive_until_dropped(socket: &RawGre, sent: usize) -> usize {
    let mut received = 0;
    loop {
        received += waiting(socket).len();
        let dropped = socket.receive_drops().unwrap() as usize;
        assert!(received + dropped <= sent);
        if received + dropped == sent {
            return received;
        }
        wait(socket);
    }
}
