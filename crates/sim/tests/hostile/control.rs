//! What comes over control connections.

use adit_engine::{CallLimit, ConnectionId};
use adit_sim::pns::Pns;
use adit_sim::{Rng, World, WorldConfig};
use adit_wire::control::{MAX_LENGTH, Message, MessageType, StartControlConnectionRequest};

use super::*;

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

#[test]
fn random_control_messages_in_every_state() {
    for seed in 70_000..70_200 {
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
    config.server.maximum_calls = CallLimit::new(50);
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
