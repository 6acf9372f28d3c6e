//! What a peer sends in its own call, and what is sent again of it.

use adit_ppp::link::IpVersion;
use adit_sim::Rng;
use adit_sim::pns::Pns;

use super::*;

#[test]
fn replayed_packets_are_not_delivered_again() {
    for seed in 74_000..74_008 {
        let mut world = World::new(WorldConfig::new(seed, 1));
        let mut pns = Pns::connect(&mut world, HOSTILE, seed);
        let call = pns.request(&mut world, 5);
        pns.run_for(&mut world, SECOND * 2);
        let own = pns.call(call).ipv4.unwrap().local;
        let mut sent = Vec::new();
        for number in 0..1_000 {
            let packet = datagram(own, number);
            let mut frame = Vec::new();
            let link = &mut pns.call(call).link;
            link.seal(IpVersion::V4, &packet, &mut frame).unwrap();
            let octets = pns.gre(world.now(), call, &frame);
            world.inject_gre(HOSTILE, octets.clone());
            sent.push(octets);
        }
        assert_eq!(world.take_inbox(Party::Server).len(), 1_000);
        let mut rng = Rng::new(seed);
        for _ in 0..2_000 {
            let again = sent[rng.index(sent.len())].clone();
            world.inject_gre(HOSTILE, again);
        }
        world.run_for(SECOND);
        assert_eq!(world.take_inbox(Party::Server).len(), 0);
        // Old sequence numbers that confirm each other are believed; so are then the true ones.
        for number in 1_000..1_010 {
            assert!(pns.send(&mut world, call, &datagram(own, number)));
        }
        world.run_for(SECOND);
        let arrived = world.take_inbox(Party::Server).len();
        assert!(arrived >= 9, "seed {seed}: {arrived}");
    }
}

/// An IPv4 packet of an unassigned protocol.
fn datagram(from: Ipv4Addr, number: u16) -> Vec<u8> {
    let to = adit_sim::SERVER_INNER;
    let mut packet = adit_sim::probe::ipv4_header(from, to, 22, 253).to_vec();
    packet.extend(number.to_be_bytes());
    packet
}

/// An authenticated peer that sends whatever it likes in its own call.
#[test]
fn random_frames_in_every_phase_of_a_link() {
    for seed in 75_000..75_200 {
        let mut world = world(seed);
        let mut rng = Rng::new(seed);
        let mut pns = Pns::connect(&mut world, HOSTILE, seed);
        let call = pns.request(&mut world, 5);
        if seed % 2 == 0 {
            pns.run_for(&mut world, SECOND * 2);
        }
        for _ in 0..100 {
            if !pns.calls().contains_key(&call) {
                break;
            }
            let frame = frame(&mut rng);
            pns.send_frame(&mut world, call, &frame);
            if rng.below(5) == 0 {
                let span = rng.up_to(SECOND);
                pns.run_for(&mut world, span);
            }
        }
        // None of its packets may have left the tunnel with a source that is not its own.
        for (call, packet) in world.take_inbox(Party::Server) {
            let own = world.ledger(Party::Server).calls().get(&call);
            let own = own
                .and_then(|record| record.ipv4)
                .and_then(|network| network.peer);
            let source = adit_ip::header::source(&packet).unwrap();
            assert!(own.is_none_or(|own| source == IpAddr::V4(own)) || source.is_ipv6());
        }
        pns.stop(&mut world);
        assert_unharmed(&mut world, 5);
        assert_nothing_is_left(&mut world);
    }
}

#[test]
fn a_packet_under_the_name_of_another_ip_version_is_malformed() {
    let mut world = World::new(WorldConfig::new(75_900, 1));
    let mut pns = Pns::connect(&mut world, HOSTILE, 1);
    let call = pns.request(&mut world, 5);
    pns.run_for(&mut world, SECOND * 2);
    let own = pns.call(call).ipv4.unwrap().local;
    let packet = datagram(own, 1);
    let mut neither = packet.clone();
    neither[0] = 0x55;
    for (version, packet) in [
        (IpVersion::V6, &packet),
        (IpVersion::V4, &neither),
        (IpVersion::V4, &Vec::new()),
    ] {
        let mut frame = Vec::new();
        let link = &mut pns.call(call).link;
        link.seal(version, packet, &mut frame).unwrap();
        pns.send_frame(&mut world, call, &frame);
    }
    assert_eq!(world.take_inbox(Party::Server), []);
    let (call, _) = world.ledger(Party::Server).calls().iter().next().unwrap();
    let report = world.server().unwrap().report(*call).unwrap();
    assert_eq!(report.packets.malformed, 3);
}

/// A frame of one of the protocols of PPP, with a code and a length that may fit.
fn frame(rng: &mut Rng) -> Vec<u8> {
    const PROTOCOLS: [u16; 9] = [
        0xc021, 0xc023, 0xc223, 0x80fd, 0x8021, 0x8057, 0x0021, 0x0057, 0x00fd,
    ];
    if rng.below(8) == 0 {
        let length = rng.index(80);
        return rng.octets(length);
    }
    let protocol = PROTOCOLS[rng.index(PROTOCOLS.len())];
    let mut frame = vec![0xff, 0x03];
    frame.extend(protocol.to_be_bytes());
    let data = rng.index(40);
    frame.push(1 + rng.below(14) as u8);
    frame.push(rng.below(8) as u8);
    frame.extend((4 + data as u16).to_be_bytes());
    while frame.len() < 8 + data {
        let octet = match rng.below(3) {
            0 => rng.next_u64() as u8,
            _ => rng.below(8) as u8,
        };
        frame.push(octet);
    }
    frame
}

#[test]
fn coherency_counts_that_jump_do_not_lock_the_peer_out() {
    for seed in 76_000..76_050 {
        let mut world = World::new(WorldConfig::new(seed, 1));
        let mut rng = Rng::new(seed);
        let mut pns = Pns::connect(&mut world, HOSTILE, seed);
        let call = pns.request(&mut world, 5);
        pns.run_for(&mut world, SECOND * 2);
        let own = pns.call(call).ipv4.unwrap().local;
        let (mut sent, mut arrived) = (0, 0);
        for number in 0..200 {
            for _ in 0..rng.below(4) {
                let [high, low] = (0x9000 | rng.below(4_096) as u16).to_be_bytes();
                let mut frame = vec![0xff, 0x03, 0x00, 0xfd, high, low];
                frame.extend(rng.octets(50));
                pns.send_frame(&mut world, call, &frame);
            }
            assert!(pns.send(&mut world, call, &datagram(own, number)));
            sent += 1;
            arrived += world.take_inbox(Party::Server).len();
        }
        assert!(arrived >= sent - 2, "seed {seed}: {arrived} of {sent}");
    }
}
