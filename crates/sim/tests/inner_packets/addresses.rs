//! Where packets may come from and go to.

use adit_sim::probe::{ipv4_header, ipv6_header};

use super::*;

#[test]
fn a_source_that_is_not_the_clients_is_dropped_and_counted() {
    let mut world = tunnel(60_600);
    let (own, _) = v4(&world, Direction::ToServer);
    let (own6, peer6) = v6(&world, Direction::ToServer);
    let foreign6 = Ipv6Addr::new(0xfd00, 0x64, 0, 0x77, 0, 0, 0, 1);
    let forged = [
        echo_v4(BEYOND, SERVER_INNER, 100),
        echo_v4(SERVER_INNER, own, 100),
        echo_v6(foreign6, peer6, 100),
        echo_v6(peer6, own6, 100),
    ];
    let count = forged.len() as u64;
    for packet in forged {
        let (arrived, _) = pass(&mut world, Direction::ToServer, packet);
        assert_eq!(arrived, Vec::<Vec<u8>>::new());
    }
    let call = world.call(Party::Server, 0).unwrap();
    let report = world.server().unwrap().report(call).unwrap();
    assert_eq!(report.packets.foreign_source, count);
    let honest = echo_v4(own, BEYOND, 100);
    let (arrived, _) = pass(&mut world, Direction::ToServer, honest.clone());
    assert_eq!(arrived, [honest]);
}

#[test]
fn a_client_takes_packets_from_anywhere_behind_its_server() {
    let mut world = tunnel(60_700);
    let (own, _) = v4(&world, Direction::ToServer);
    let packet = echo_v4(BEYOND, own, 100);
    let (arrived, _) = pass(&mut world, Direction::ToClient, packet.clone());
    assert_eq!(arrived, [packet]);
}

#[test]
fn packets_to_nobodys_address_go_nowhere() {
    let mut world = tunnel(60_800);
    let packet = echo_v4(SERVER_INNER, BEYOND, 100);
    let (arrived, returned) = pass(&mut world, Direction::ToClient, packet);
    assert_eq!((arrived.len(), returned.len()), (0, 0));
}

#[test]
fn octets_behind_an_inner_packet_do_no_harm() {
    let mut world = tunnel(61_300);
    let (from, to) = v4(&world, Direction::ToServer);
    let mut packet = ipv4_header(from, to, 40, 253).to_vec();
    packet.resize(60, 9);
    let (arrived, _) = pass(&mut world, Direction::ToServer, packet.clone());
    assert!(arrived[0].starts_with(&packet[..40]));
    let (from, to) = v6(&world, Direction::ToServer);
    let mut packet = ipv6_header(from, to, 60, 59).to_vec();
    packet.resize(80, 9);
    let (arrived, _) = pass(&mut world, Direction::ToServer, packet.clone());
    assert!(arrived[0].starts_with(&packet[..60]));
}
