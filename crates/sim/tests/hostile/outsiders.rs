//! GRE packets of somebody who is not the peer of the call.

use adit_sim::netem::Impairment;
use adit_sim::{Rng, SERVER, WorldConfig, unencrypted};

use super::*;

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
    // The client is far behind its forger now; a row of its packets finds the way back.
    for _ in 0..20 {
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
