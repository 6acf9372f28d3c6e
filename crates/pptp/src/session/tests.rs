use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const MS: Duration = Duration::from_millis(1);
const LOCAL: u16 = 0;
const PEER: u16 = 9;

fn session(config: &SessionConfig) -> Session {
    Session::new(config, LOCAL, PEER, 64)
}

fn data(sequence: u32, payload: &[u8]) -> Vec<u8> {
    let payload_length = payload.len() as u16;
    let header = Header {
        call_id: LOCAL,
        payload_length,
        sequence: Some(sequence),
        acknowledgment: None,
    };
    let mut packet = Vec::new();
    header.append_to(&mut packet);
    packet.extend(payload);
    packet
}

/// Receives data packets with the number as payload, and lists the numbers delivered.
fn receive(session: &mut Session, now: Instant, sequences: &[u32]) -> Vec<u32> {
    let mut delivered = Vec::new();
    for sequence in sequences {
        let mut packet = data(*sequence, &sequence.to_be_bytes());
        let _ = session.receive(now, &mut packet, |payload| delivered.push(number(&payload)));
    }
    delivered
}

fn time_out(session: &mut Session, now: Instant) -> Vec<u32> {
    let mut delivered = Vec::new();
    session.handle_timeout(now, |payload| delivered.push(number(payload)));
    delivered
}

fn number(payload: &[u8]) -> u32 {
    u32::from_be_bytes(payload.try_into().unwrap())
}

#[test]
fn accepts_zero_one_or_anything_as_the_first_number() {
    for first in [0, 1, 5, u32::MAX] {
        let mut session = session(&SessionConfig::default());
        let next = first.wrapping_add(1);
        assert_eq!(
            receive(&mut session, Instant::now(), &[first, next]),
            [first, next]
        );
        assert_eq!(session.stats().delivered_packets, 2);
    }
}

#[test]
fn puts_packets_back_into_order() {
    let mut session = session(&SessionConfig::default());
    let delivered = receive(&mut session, Instant::now(), &[3, 5, 6, 4, 7]);
    assert_eq!(delivered, [3, 4, 5, 6, 7]);
    assert_eq!((session.stats().reordered, session.stats().lost), (2, 0));
}

#[test]
fn a_lost_packet_never_stalls_the_tunnel() {
    let (now, config) = (Instant::now(), SessionConfig::default());
    let mut session = session(&config);
    assert_eq!(receive(&mut session, now, &[1, 3]), [1]);
    assert_eq!(session.deadline(), Some(now + config.reorder_delay));
    assert_eq!(time_out(&mut session, now + config.reorder_delay - MS), []);
    assert_eq!(time_out(&mut session, now + config.reorder_delay), [3]);
    assert_eq!(
        receive(&mut session, now, &[2, 4]),
        [4],
        "the late one is dropped"
    );
    assert_eq!((session.stats().lost, session.stats().late), (1, 1));
}

#[test]
fn each_gap_waits_for_the_time_of_its_own_packets() {
    let (now, config) = (Instant::now(), SessionConfig::default());
    let mut session = session(&config);
    receive(&mut session, now, &[1, 3]);
    receive(&mut session, now + MS * 10, &[5]);
    assert_eq!(time_out(&mut session, now + config.reorder_delay), [3]);
    assert_eq!(
        time_out(&mut session, now + config.reorder_delay + MS * 9),
        []
    );
    assert_eq!(
        time_out(&mut session, now + config.reorder_delay + MS * 10),
        [5]
    );
}

#[test]
fn without_a_buffer_later_packets_go_on_at_once() {
    for config in [
        SessionConfig {
            reorder_packets: 0,
            ..SessionConfig::default()
        },
        SessionConfig {
            reorder_delay: Duration::ZERO,
            ..SessionConfig::default()
        },
    ] {
        let mut session = session(&config);
        assert_eq!(
            receive(&mut session, Instant::now(), &[1, 3, 2, 4]),
            [1, 3, 4]
        );
        assert_eq!((session.stats().lost, session.stats().late), (1, 1));
    }
}

#[test]
fn duplicates_are_dropped_and_counted() {
    let mut session = session(&SessionConfig::default());
    assert_eq!(
        receive(&mut session, Instant::now(), &[1, 1, 3, 3, 2, 2, 3]),
        [1, 2, 3]
    );
    assert_eq!(session.stats().duplicate, 4);
}

#[test]
fn a_full_buffer_gives_up_the_oldest_gap() {
    let config = SessionConfig {
        reorder_packets: 4,
        ..SessionConfig::default()
    };
    let mut session = session(&config);
    let now = Instant::now();
    assert_eq!(receive(&mut session, now, &[0, 2, 3, 4]), [0]);
    assert_eq!(receive(&mut session, now, &[5]), [2, 3, 4, 5]);
    assert_eq!(receive(&mut session, now, &[7, 12]), [7]);
    assert_eq!(session.stats().lost, 3);
}

#[test]
fn a_buffer_full_of_octets_gives_up_the_gap() {
    let config = SessionConfig {
        reorder_packets: 4,
        ..SessionConfig::default()
    };
    let mut session = session(&config);
    let mut sizes = Vec::new();
    for sequence in [0, 2, 3] {
        let mut packet = data(sequence, &[0; 6000]);
        session
            .receive(Instant::now(), &mut packet, |p| sizes.push(p.len()))
            .unwrap();
    }
    assert_eq!(sizes, [6000; 3]);
    assert_eq!(session.stats().lost, 1);
}

#[test]
fn one_forged_number_does_not_kill_the_session() {
    let mut session = session(&SessionConfig::default());
    let now = Instant::now();
    assert_eq!(
        receive(&mut session, now, &[10, 0x8000_0000, 11, 5_000_000, 12]),
        [10, 11, 12]
    );
    assert_eq!(session.stats().far, 2);
}

#[test]
fn finds_the_peer_again_after_a_long_outage() {
    let mut session = session(&SessionConfig::default());
    let now = Instant::now();
    assert_eq!(
        receive(&mut session, now, &[10, 12, 9000, 9001, 9002]),
        [10, 12, 9001, 9002]
    );
    assert_eq!(
        (session.stats().far, session.stats().resynchronized),
        (1, 1)
    );
    let anew: Vec<u32> = (0..20).collect();
    assert_eq!(
        receive(&mut session, now, &anew),
        [16, 17, 18, 19],
        "and after a restart of the peer"
    );
}

#[test]
fn packets_of_another_call_are_dropped() {
    let mut session = session(&SessionConfig::default());
    let mut packet = data(1, &[1]);
    packet[7] = 1;
    let result = session.receive(Instant::now(), &mut packet, |_| unreachable!("other call"));
    assert_eq!((result, session.stats().call_id), (Err(Discard::CallId), 1));
}

#[test]
fn malformed_packets_are_counted_by_reason() {
    let mut session = session(&SessionConfig::default());
    for (at, octet) in [
        (0, 0xb0),
        (0, 0x70),
        (0, 0x10),
        (1, 0),
        (2, 0),
        (4, 0xff),
        (0, 0x20),
    ] {
        let mut packet = data(1, &[1]);
        packet[at] = octet;
        session
            .receive(Instant::now(), &mut packet, |_| unreachable!("malformed"))
            .unwrap_err();
    }
    session
        .receive(Instant::now(), &mut [], |_| unreachable!("empty"))
        .unwrap_err();
    let counted: Vec<_> = session
        .stats()
        .counters()
        .filter(|(_, count)| *count == 1)
        .collect();
    let names = [
        "truncated",
        "version",
        "protocol",
        "checksum",
        "routing",
        "no_key",
        "length",
        "no_sequence",
    ];
    assert_eq!(counted, names.map(|name| (name, 1)));
}

#[test]
fn an_acknowledgment_rides_on_a_payload() {
    let mut session = session(&SessionConfig::default());
    let now = Instant::now();
    receive(&mut session, now, &[7]);
    let header = session.header(now, 3);
    assert_eq!(header.to_string(), "GRE call-id=9 seq=0 ack=7 length=3");
    assert_eq!(
        session.header(now, 3).to_string(),
        "GRE call-id=9 seq=1 length=3"
    );
    assert_eq!(session.deadline(), None);
}

#[test]
fn an_acknowledgment_goes_alone_after_the_delay() {
    let (now, config) = (Instant::now(), SessionConfig::default());
    let mut session = session(&config);
    receive(&mut session, now, &[7, 8]);
    assert_eq!(session.deadline(), Some(now + config.acknowledgment_delay));
    assert_eq!(session.poll_transmit(now), None);
    let header = session
        .poll_transmit(now + config.acknowledgment_delay)
        .unwrap();
    assert_eq!(header.to_string(), "GRE call-id=9 ack=8 length=0");
    assert_eq!(
        session.poll_transmit(now + config.acknowledgment_delay),
        None
    );
}

#[test]
fn half_a_window_is_acknowledged_at_once() {
    let config = SessionConfig {
        window: 8,
        ..SessionConfig::default()
    };
    let mut session = session(&config);
    let now = Instant::now();
    receive(&mut session, now, &[0, 1, 2]);
    assert_eq!(session.poll_transmit(now), None);
    receive(&mut session, now, &[3]);
    assert_eq!(session.poll_transmit(now).unwrap().acknowledgment, Some(3));
}

#[test]
fn sending_goes_on_whatever_the_peer_acknowledges() {
    let config = SessionConfig {
        first_sequence: 1,
        ..SessionConfig::default()
    };
    let mut session = session(&config);
    let now = Instant::now();
    for sequence in 1..=1000 {
        assert_eq!(session.header(now, 10).sequence, Some(sequence));
        for number in [0, sequence / 2, sequence + 7, 0x7000_0000] {
            let header = Header {
                call_id: LOCAL,
                payload_length: 0,
                sequence: None,
                acknowledgment: Some(number),
            };
            let mut packet = header.encode().as_octets().to_vec();
            session
                .receive(now, &mut packet, |_| unreachable!("no payload"))
                .unwrap();
        }
    }
    assert_eq!(session.outstanding(), 500);
    assert_eq!(session.stats().acknowledgments_invalid, 2000);
}

/// The rules of reception in their plainest form, on numbers that do not wrap.
struct Model {
    capacity: u64,
    delay: Duration,
    next: Option<u64>,
    held: BTreeMap<u64, Instant>,
    delivered: Vec<u64>,
}

impl Model {
    fn receive(&mut self, now: Instant, number: u64) {
        let next = *self.next.get_or_insert(number);
        if number < next {
            return;
        }
        self.held.entry(number).or_insert(now);
        let room = (number + 1).saturating_sub(self.capacity.max(1));
        self.deliver_before(room);
    }

    fn time_out(&mut self, now: Instant) {
        while self.deadline().is_some_and(|deadline| deadline <= now) {
            let first = *self.held.keys().next().unwrap();
            self.deliver_before(first);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.held
            .values()
            .min()
            .map(|arrived| *arrived + self.delay)
    }

    fn deliver_before(&mut self, bound: u64) {
        let mut next = self.next.unwrap().max(bound);
        while self
            .held
            .first_key_value()
            .is_some_and(|(number, _)| *number <= next)
        {
            let (number, _) = self.held.pop_first().unwrap();
            self.delivered.push(number);
            next = next.max(number + 1);
        }
        self.next = Some(next);
    }
}

/// What the network does to one packet: arrival times after it was sent, one for each copy.
fn fate() -> impl Strategy<Value = Vec<u64>> {
    prop_oneof![
        1 => Just(vec![]),
        6 => Just(vec![5]),
        4 => prop::collection::vec(0u64..90, 1..3),
    ]
}

proptest! {
    #[test]
    fn agrees_with_the_model_under_loss_duplication_and_reordering(
        first in prop_oneof![any::<u32>(), u32::MAX - 100..=u32::MAX],
        fates in prop::collection::vec(fate(), 1..200),
        reorder_packets in prop_oneof![Just(1u16), Just(4), Just(16), Just(64)],
        delay in prop_oneof![Just(3u32), Just(20), Just(50)],
    ) {
        let start = Instant::now();
        let mut arrivals: Vec<(Instant, u64)> = fates
            .iter()
            .enumerate()
            .flat_map(|(index, copies)| copies.iter().map(move |delay| (index as u64, *delay)))
            .map(|(index, delay)| (start + MS * (index + delay) as u32, index))
            .collect();
        arrivals.sort();
        let config = SessionConfig { reorder_packets, reorder_delay: MS * delay, ..SessionConfig::default() };
        let mut session = session(&config);
        let capacity = u64::from(reorder_packets.next_power_of_two());
        let mut model = Model { capacity, delay: MS * delay, next: None, held: BTreeMap::new(), delivered: vec![] };
        let mut delivered = Vec::new();
        for (now, index) in arrivals {
            let sequence = first.wrapping_add(index as u32);
            delivered.extend(time_out(&mut session, now));
            model.time_out(now);
            delivered.extend(receive(&mut session, now, &[sequence]));
            model.receive(now, index);
            prop_assert_eq!(session.receiver.deadline(), model.deadline());
        }
        let end = start + Duration::from_secs(60);
        delivered.extend(time_out(&mut session, end));
        model.time_out(end);
        let expected: Vec<u32> = model.delivered.iter().map(|&n| first.wrapping_add(n as u32)).collect();
        prop_assert_eq!(delivered, expected);
        prop_assert!(model.delivered.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn all_packets_arrive_in_order_where_reordering_is_mild(
        first: u32,
        jitter in prop::collection::vec(0u32..30, 1..200),
    ) {
        let start = Instant::now();
        let mut arrivals: Vec<_> =
            jitter.iter().enumerate().map(|(i, jitter)| (i as u32 + jitter, i as u32)).collect();
        arrivals.sort();
        // The first packet to arrive sets the beginning; let it be the first one sent.
        arrivals.retain(|(_, index)| *index != 0);
        arrivals.insert(0, (0, 0));
        let mut session = session(&SessionConfig::default());
        let mut delivered = Vec::new();
        for (at, index) in arrivals {
            delivered.extend(time_out(&mut session, start + MS * at));
            delivered.extend(receive(&mut session, start + MS * at, &[first.wrapping_add(index)]));
        }
        let expected: Vec<_> = (0..jitter.len() as u32).map(|i| first.wrapping_add(i)).collect();
        prop_assert_eq!(delivered, expected);
    }

    #[test]
    fn arbitrary_packets_never_panic(
        packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..50),
        sequences in prop::collection::vec(any::<u32>(), 0..200),
    ) {
        let mut session = session(&SessionConfig::default());
        let now = Instant::now();
        for mut packet in packets {
            let _ = session.receive(now, &mut packet, |_| {});
        }
        receive(&mut session, now, &sequences);
        time_out(&mut session, now + MS * 60_000);
        prop_assert!(session.receiver.deadline().is_none());
    }

    #[test]
    fn two_sessions_exchange_payloads(payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..50), 1..50)) {
        let config = SessionConfig { first_sequence: u32::MAX - 10, ..SessionConfig::default() };
        let mut near = Session::new(&config, 1, 2, 64);
        let mut far = Session::new(&config, 2, 1, 64);
        let now = Instant::now();
        let mut delivered = Vec::new();
        for payload in &payloads {
            let mut packet = Vec::new();
            near.header(now, payload.len() as u16).append_to(&mut packet);
            packet.extend(payload);
            far.receive(now, &mut packet, |payload| delivered.push(payload.to_vec())).unwrap();
        }
        prop_assert_eq!(&delivered, &payloads);
        let mut packet = far.poll_transmit(now + config.acknowledgment_delay).unwrap().encode().as_octets().to_vec();
        near.receive(now, &mut packet, |_| {}).unwrap();
        prop_assert_eq!(near.outstanding(), 0);
    }
}
