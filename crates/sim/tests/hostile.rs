//! Peers that mean harm: whatever they send, the server's memory stays bounded, nothing of theirs is
//! left behind in the end, and other sessions are unharmed.

#![allow(
    clippy::unwrap_used,
    reason = "a failed expectation of a test is a panic"
)]

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use adit_engine::ConnectionId;
use adit_sim::netem::Impairment;
use adit_sim::pns::Pns;
use adit_sim::probe::{Direction, FlowId, Version};
use adit_sim::{Party, Rng, SERVER, World, WorldConfig, unencrypted};
use adit_wire::control::{MAX_LENGTH, Message, MessageType, StartControlConnectionRequest};
use adit_wire::gre::Header;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const HOSTILE: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 66));

/// A world with an honest client whose tunnel is up.
fn world(seed: u64) -> World {
    up(WorldConfig::new(seed, 1))
}

fn up(config: WorldConfig) -> World {
    let mut world = World::new(config);
    assert!(world.bring_up(0));
    world.run_for(SECOND);
    world
}

fn arrived(world: &World, direction: Direction) -> usize {
    let flow = FlowId {
        client: 0,
        direction,
        version: Version::V4,
    };
    world
        .traffic()
        .flow(flow)
        .map_or(0, |flow| flow.arrived().len())
}

/// Some of the honest client's traffic, both ways, of which nothing may be lost.
fn assert_unharmed(world: &mut World, packets: usize) {
    for direction in [Direction::ToServer, Direction::ToClient] {
        let before = arrived(world, direction);
        for _ in 0..packets {
            assert!(world.send_probe(0, direction, Version::V4, 100));
            world.run_for(MS);
        }
        world.run_for(SECOND / 5);
        assert_eq!(arrived(world, direction) - before, packets, "{direction:?}");
    }
}

/// Runs until the server has given up on all but the honest client.
fn assert_nothing_is_left(world: &mut World) {
    world.run_for(SECOND * 400);
    let server = world.server().unwrap();
    assert_eq!((server.call_count(), server.connection_count()), (1, 1));
    assert_eq!(world.directory().leases(), 1);
    assert!(world.is_up(0));
    assert_unharmed(world, 5);
}

/// A message of any type whose fields are mostly small, so that Call IDs and codes meet.
fn message(rng: &mut Rng) -> Vec<u8> {
    let message_type = MessageType::ALL[rng.index(MessageType::ALL.len())];
    let mut octets = message_type.length().to_be_bytes().to_vec();
    octets.extend([0, 1, 0x1a, 0x2b, 0x3c, 0x4d]);
    octets.extend(message_type.code().to_be_bytes());
    octets.extend([0, 0]);
    while octets.len() < MAX_LENGTH {
        let octet = match rng.below(9) {
            0 => rng.next_u64() as u8,
            _ => rng.below(3) as u8,
        };
        octets.push(octet);
    }
    octets.truncate(message_type.length().into());
    octets
}

fn start(world: &mut World, id: ConnectionId) {
    let mut octets = Vec::new();
    Message::from(StartControlConnectionRequest::default()).encode(&mut octets);
    world.raw_write(id, &octets);
}

/// A packet of enhanced GRE with any payload.
fn gre(call_id: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let header = Header {
        call_id,
        payload_length: u16::try_from(payload.len()).unwrap(),
        sequence: Some(sequence),
        acknowledgment: None,
    };
    let mut packet = Vec::new();
    header.append_to(&mut packet);
    packet.extend_from_slice(payload);
    packet
}

fn client_address(world: &World) -> (IpAddr, u16) {
    let call = world.call(Party::Server, 0).unwrap();
    let index_0 = IpAddr::V4(Ipv4Addr::new(198, 18, 0, 1));
    (index_0, call.local_call_id())
}

#[test]
fn random_control_messages_in_every_state() {
    for seed in 70_000..70_400 {
        let mut world = world(seed);
        let mut rng = Rng::new(seed);
        let mut ids = Vec::new();
        for _ in 0..3 {
            let id = world.raw_connect(HOSTILE);
            if rng.below(4) > 0 {
                start(&mut world, id);
            }
            ids.push(id);
        }
        for _ in 0..60 {
            let id = ids[rng.index(ids.len())];
            let octets = message(&mut rng);
            // A piece of a message, a whole one, or a few with a piece cut out.
            match rng.below(20) {
                0 => world.raw_write(id, &octets[..rng.index(octets.len())]),
                1 => world.raw_write(
                    id,
                    &[&octets[..], &octets[rng.index(octets.len())..]].concat(),
                ),
                2 => world.run_for(rng.up_to(SECOND * 40)),
                3 => world.raw_close(id),
                _ => world.raw_write(id, &octets),
            }
            let calls = world.server().unwrap().call_count();
            assert!(calls <= 1 + 3 * 16, "{calls}");
        }
        assert_unharmed(&mut world, 5);
        assert_nothing_is_left(&mut world);
    }
}

#[test]
fn random_octets_on_the_control_connection() {
    for seed in 71_000..71_100 {
        let mut world = world(seed);
        let mut rng = Rng::new(seed);
        let id = world.raw_connect(HOSTILE);
        if seed % 2 == 0 {
            start(&mut world, id);
        }
        for _ in 0..20 {
            let octets = rng.octets(300);
            world.raw_write(id, &octets);
        }
        assert!(world.raw_is_closed(id));
        assert_unharmed(&mut world, 5);
        assert_nothing_is_left(&mut world);
    }
}

#[test]
fn a_flood_of_connections_and_calls_is_bounded_and_passes() {
    let mut config = WorldConfig::new(72_000, 1);
    config.server.maximum_calls = 50;
    let mut world = up(config);
    let mut rng = Rng::new(1);
    for number in 0..300u16 {
        let [high, low] = number.to_be_bytes();
        let address = Ipv4Addr::new(198, 51, high, low).into();
        let mut pns = Pns::connect(&mut world, address, rng.next_u64());
        for call_id in 0..16 {
            pns.request(&mut world, call_id);
        }
        let calls = world.server().unwrap().call_count();
        assert!(calls <= 50, "{calls}");
    }
    assert_eq!(world.server().unwrap().connection_count(), 301);
    assert_unharmed(&mut world, 5);
    assert_nothing_is_left(&mut world);
}

#[test]
fn forged_packets_from_another_address_do_not_reach_a_call() {
    for seed in 73_000..73_050 {
        let mut world = world(seed);
        let mut rng = Rng::new(seed);
        let (_, call_id) = client_address(&world);
        let before = world.server().unwrap().foreign_packets();
        for sequence in 0..200 {
            let payload = rng.octets(40);
            let packet = gre(call_id, sequence, &payload);
            world.inject_gre(HOSTILE, packet.clone());
            world.inject_gre_to_client(0, HOSTILE, packet);
        }
        assert_eq!(world.server().unwrap().foreign_packets() - before, 200);
        assert_unharmed(&mut world, 20);
    }
}

#[test]
fn packets_for_unknown_calls_and_malformed_ones_are_counted_only() {
    let mut world = world(73_100);
    let mut rng = Rng::new(5);
    let (address, call_id) = client_address(&world);
    for _ in 0..5_000 {
        let length = rng.index(60);
        let mut packet = rng.octets(length);
        if length > 8 && rng.below(2) == 0 {
            packet[..4].copy_from_slice(&[0x30, 0x81, 0x88, 0x0b]);
            packet[6..8].copy_from_slice(&call_id.wrapping_add(1).to_be_bytes());
        }
        world.inject_gre(address, packet);
    }
    assert_eq!(world.server().unwrap().unknown_calls(), 5_000);
    assert_unharmed(&mut world, 20);
}

/// Somebody on the path who can forge the source too, and knows the Call ID. What is sent in the
/// clear can be forged; an encrypted call must at least live on.
#[test]
fn forged_packets_from_the_right_address_do_not_end_an_encrypted_call() {
    for seed in 73_200..73_260 {
        let mut world = world(seed);
        let mut rng = Rng::new(seed);
        let (address, call_id) = client_address(&world);
        for _ in 0..300 {
            // Compressed datagrams with any coherency count, near and far.
            let mut payload = vec![0xfd];
            let rest = 3 + rng.index(60);
            payload.extend(rng.octets(rest));
            let sequence = rng.below(600) as u32;
            world.inject_gre(address, gre(call_id, sequence, &payload));
        }
        // The sequence numbers that were moved ahead come back within so many packets.
        for _ in 0..600 {
            world.send_probe(0, Direction::ToServer, Version::V4, 100);
            world.run_for(MS);
        }
        world.run_for(SECOND);
        assert!(world.is_up(0), "seed {seed}");
        assert_unharmed(&mut world, 50);
    }
}

#[test]
fn replayed_packets_are_not_delivered_again() {
    for seed in 74_000..74_030 {
        let mut world = World::new(WorldConfig::new(seed, 1));
        let mut pns = Pns::connect(&mut world, HOSTILE, seed);
        let call = pns.request(&mut world, 5);
        pns.run_for(&mut world, SECOND * 2);
        let own = pns.call(call).ipv4.unwrap().local;
        let mut sent = Vec::new();
        for number in 0..200u16 {
            let packet = datagram(own, number);
            let mut frame = Vec::new();
            let link = &mut pns.call(call).link;
            link.seal(adit_ppp::link::IpVersion::V4, &packet, &mut frame)
                .unwrap();
            let octets = pns.gre(world.now(), call, &frame);
            world.inject_gre(HOSTILE, octets.clone());
            sent.push(octets);
        }
        assert_eq!(world.take_inbox(Party::Server).len(), 200);
        let mut rng = Rng::new(seed);
        for _ in 0..1_000 {
            let again = sent[rng.index(sent.len())].clone();
            world.inject_gre(HOSTILE, again);
        }
        world.run_for(SECOND);
        assert_eq!(world.take_inbox(Party::Server).len(), 0);
        assert!(pns.send(&mut world, call, &datagram(own, 200)));
        world.run_for(SECOND);
        assert_eq!(world.take_inbox(Party::Server).len(), 1);
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

/// All honest packets are held up behind a missing one, and the room for them is bounded.
#[test]
fn a_flood_of_packets_out_of_order_is_bounded_and_passes() {
    let mut world =
        up(WorldConfig::new(77_000, 1)
            .secured(&[adit_ppp::auth::Method::MsChapV2], &unencrypted()));
    let (address, call_id) = client_address(&world);
    for sequence in (0..200_000u32).step_by(2) {
        world.inject_gre(address, gre(call_id, sequence, &[0; 1_400]));
    }
    world.run_for(SECOND);
    let call = world.call(Party::Server, 0).unwrap();
    let session = world.server().unwrap().report(call).unwrap().session;
    assert!(session.reordered > 90_000, "{session:?}");
    // The client is far behind its forger now; two packets of it find the way back.
    for _ in 0..10 {
        world.send_probe(0, Direction::ToServer, Version::V4, 100);
        world.run_for(MS);
    }
    world.run_for(SECOND);
    assert_unharmed(&mut world, 50);
}

#[test]
fn nothing_that_is_sent_to_a_client_harms_it_either() {
    for seed in 78_000..78_100 {
        let mut world = world(seed);
        let mut rng = Rng::new(seed);
        let call_id = world.call(Party::Client(0), 0).unwrap().local_call_id();
        for _ in 0..200 {
            let mut payload = vec![0xfd];
            let length = 3 + rng.index(60);
            payload.extend(rng.octets(length));
            let sequence = rng.below(400) as u32;
            world.inject_gre_to_client(0, SERVER, gre(call_id, sequence, &payload));
        }
        for _ in 0..400 {
            world.send_probe(0, Direction::ToClient, Version::V4, 100);
            world.run_for(MS);
        }
        world.run_for(SECOND);
        assert!(world.is_up(0));
        assert_unharmed(&mut world, 20);
    }
}

#[test]
fn an_outsider_cannot_end_a_call_in_the_middle_of_loss() {
    let path = Impairment {
        loss: adit_sim::Chance::percent(2),
        jitter: MS * 10,
        ..Impairment::NONE
    };
    for seed in 79_000..79_020 {
        let mut world = up(WorldConfig::new(seed, 1).impaired(path));
        let (_, call_id) = client_address(&world);
        // A Terminate-Request of LCP, from elsewhere.
        let goodbye = [0xff, 0x03, 0xc0, 0x21, 5, 1, 0, 4];
        for sequence in 0..300 {
            world.inject_gre(HOSTILE, gre(call_id, sequence, &goodbye));
            world.inject_gre_to_client(0, HOSTILE, gre(call_id, sequence, &goodbye));
        }
        world.run_for(SECOND);
        assert!(world.is_up(0));
    }
}
