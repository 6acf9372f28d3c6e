//! Several calls on one control connection, asked for by a PNS led by hand.

#![allow(
    clippy::unwrap_used,
    reason = "a failed expectation of a test is a panic"
)]

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use adit_pptp::{CallDownReason, CallHandle};
use adit_sim::pns::Pns;
use adit_sim::probe::{Direction, FlowId, Probe, Reading, Version};
use adit_sim::{Party, SERVER_INNER, World, WorldConfig};

const SECOND: Duration = Duration::from_secs(1);
const PNS: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7));

fn set_up(seed: u64, calls: u16) -> (World, Pns, Vec<CallHandle>) {
    let mut world = World::new(WorldConfig::new(seed, 1));
    let mut pns = Pns::connect(&mut world, PNS, seed);
    let handles = (0..calls)
        .map(|number| pns.request(&mut world, 100 + number))
        .collect();
    pns.run_for(&mut world, SECOND * 5);
    (world, pns, handles)
}

fn address(pns: &mut Pns, call: CallHandle) -> Ipv4Addr {
    pns.call(call).ipv4.unwrap().local
}

/// A packet that is no probe of the world's own flows.
fn packet(from: Ipv4Addr, to: Ipv4Addr, number: u64) -> Vec<u8> {
    let flow = FlowId {
        client: 0,
        direction: Direction::ToServer,
        version: Version::V4,
    };
    let mut packet = Probe { flow, number }.build(from.into(), to.into(), 120);
    // Another port than the probes'.
    packet[20..24].copy_from_slice(&[0, 9, 0, 9]);
    assert_eq!(Probe::read(&packet), Reading::Other);
    packet
}

#[test]
fn each_call_has_a_link_of_its_own() {
    for seed in 40_000..40_010 {
        let (mut world, mut pns, calls) = set_up(seed, 5);
        assert_eq!(world.server().unwrap().connection_count(), 1);
        assert_eq!(world.server().unwrap().call_count(), 5);
        for (number, call) in calls.iter().enumerate() {
            let own = address(&mut pns, *call);
            let up = packet(own, SERVER_INNER, number as u64);
            assert!(pns.send(&mut world, *call, &up));
            let [(_, arrived)] = &world.take_inbox(Party::Server)[..] else {
                panic!("one packet arrives");
            };
            assert_eq!(*arrived, up);
            let down = packet(SERVER_INNER, own, number as u64);
            world.send_packet(0, Direction::ToClient, down.clone());
            pns.exchange(&mut world);
            for other in &calls {
                let received = pns.call(*other).received.pop_front();
                assert_eq!(received, (other == call).then(|| down.clone()));
            }
        }
    }
}

#[test]
fn a_cleared_call_leaves_the_others_alone() {
    for seed in 40_100..40_110 {
        let (mut world, mut pns, calls) = set_up(seed, 4);
        pns.clear(&mut world, calls[1]);
        assert_eq!(pns.calls().len(), 3);
        assert_eq!(world.server().unwrap().call_count(), 3);
        assert_eq!(world.ledger(Party::Server).finished().len(), 1);
        for call in [calls[0], calls[2], calls[3]] {
            let own = address(&mut pns, call);
            let up = packet(own, SERVER_INNER, 1);
            assert!(pns.send(&mut world, call, &up));
            assert_eq!(world.take_inbox(Party::Server).len(), 1);
        }
        // Its address and Call ID can be had again.
        let again = pns.request(&mut world, 101);
        pns.run_for(&mut world, SECOND * 5);
        assert!(pns.call(again).ipv4.is_some());
        assert_eq!(world.directory().leases(), 4);
    }
}

#[test]
fn one_call_cannot_use_the_address_of_another() {
    let (mut world, mut pns, calls) = set_up(40_200, 2);
    let others = address(&mut pns, calls[1]);
    let forged = packet(others, SERVER_INNER, 1);
    assert!(pns.send(&mut world, calls[0], &forged));
    assert_eq!(world.take_inbox(Party::Server), []);
    let ledger = world.ledger(Party::Server);
    let counts: Vec<_> = ledger
        .calls()
        .keys()
        .map(|call| world.server().unwrap().report(*call).unwrap())
        .map(|report| report.packets.foreign_source)
        .collect();
    assert_eq!(counts, [1, 0]);
}

#[test]
fn the_end_of_the_connection_ends_all_its_calls() {
    for seed in 40_300..40_310 {
        let (mut world, mut pns, _) = set_up(seed, 6);
        match seed % 3 {
            0 => pns.stop(&mut world),
            1 => {
                world.shut_down(Party::Server);
                pns.exchange(&mut world);
            }
            _ => {
                let calls = world.ledger(Party::Server).calls();
                let connection = calls.values().next().unwrap().connection;
                world.raw_close(connection);
                pns.exchange(&mut world);
            }
        }
        let server = world.server().unwrap();
        assert_eq!((server.call_count(), server.connection_count()), (0, 0));
        assert_eq!(world.ledger(Party::Server).finished().len(), 6);
        assert_eq!(pns.calls().len(), 0);
        assert!(pns.closed().is_some());
        assert_eq!(world.directory().leases(), 0);
    }
}

#[test]
fn a_call_id_in_use_is_refused_and_the_first_call_stays() {
    let (mut world, mut pns, calls) = set_up(40_400, 1);
    let before = pns.refused().len();
    pns.request_again(&mut world, 100);
    pns.exchange(&mut world);
    assert_eq!(world.server().unwrap().call_count(), 1);
    assert_eq!(pns.refused().len(), before);
    let own = address(&mut pns, calls[0]);
    assert!(pns.send(&mut world, calls[0], &packet(own, SERVER_INNER, 1)));
    assert_eq!(world.take_inbox(Party::Server).len(), 1);
}

#[test]
fn there_is_a_limit_to_the_calls_of_one_connection() {
    let (world, pns, _) = set_up(40_500, 16);
    assert_eq!(world.server().unwrap().call_count(), 16);
    assert_eq!(pns.refused(), []);

    let mut config = WorldConfig::new(40_501, 1);
    config.server.control.maximum_calls = 3;
    let mut world = World::new(config);
    let mut pns = Pns::connect(&mut world, PNS, 1);
    for number in 0..5 {
        pns.request(&mut world, number);
    }
    assert_eq!(world.server().unwrap().call_count(), 3);
    let refusals = pns.refused().iter();
    let refused = refusals.filter(|why| matches!(why, CallDownReason::OutgoingRefused { .. }));
    assert_eq!(refused.count(), 2);
}
