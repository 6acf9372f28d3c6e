//! Laws that hold whatever the peer sends.

use std::collections::BTreeMap;

use adit_wire::control::MAX_LENGTH;
use proptest::prelude::*;

use super::*;

/// What happens to a connection.
#[derive(Debug, Clone)]
enum Act {
    Give(Vec<u8>),
    Wait(u32),
    Request(u16),
    Announce(u16),
    Accept(u32, u16),
    Refuse(u32),
    Disconnect(u32),
}

/// A message of any type, whose fields are mostly small so that Call IDs and codes meet.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let octet = prop_oneof![8 => 0u8..3, 1 => any::<u8>()];
    (
        prop::sample::select(&MessageType::ALL[..]),
        prop::collection::vec(octet, MAX_LENGTH),
    )
        .prop_map(|(message_type, mut body)| {
            let mut octets = message_type.length().to_be_bytes().to_vec();
            octets.extend([0, 1, 0x1a, 0x2b, 0x3c, 0x4d]);
            octets.extend(message_type.code().to_be_bytes());
            body[2] = 0;
            octets.extend(body);
            octets.truncate(message_type.length().into());
            octets
        })
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        12 => message().prop_map(Act::Give),
        2 => (0u32..70).prop_map(Act::Wait),
        2 => (0u16..4).prop_map(Act::Request),
        2 => (0u16..4).prop_map(Act::Announce),
        4 => (0u32..8, 0u16..4).prop_map(|(call, id)| Act::Accept(call, id)),
        1 => (0u32..8).prop_map(Act::Refuse),
        2 => (0u32..8).prop_map(Act::Disconnect),
    ]
}

impl Bench {
    fn act(&mut self, act: &Act) {
        let now = self.now;
        let connection = &mut self.connection;
        // Commands may be refused; the laws hold either way.
        match *act {
            Act::Give(ref octets) => connection.handle_stream(now, octets),
            Act::Wait(seconds) => {
                self.now += SECOND * seconds;
                connection.handle_timeout(self.now);
            }
            Act::Request(call_id) => {
                let request = OutgoingCallRequest {
                    call_id,
                    ..Default::default()
                };
                let _ = connection.request_outgoing_call(now, request);
            }
            Act::Announce(call_id) => {
                let request = IncomingCallRequest {
                    call_id,
                    ..Default::default()
                };
                let _ = connection.request_incoming_call(now, request, Answer::default());
            }
            Act::Accept(call, id) => {
                let _ = connection.accept_call(now, CallHandle(call), id, Answer::default());
            }
            Act::Refuse(call) => {
                let _ = connection.refuse_call(now, CallHandle(call), Refusal::Busy);
            }
            Act::Disconnect(call) => {
                let result = DisconnectResult::Request;
                let _ = connection.disconnect_call(now, CallHandle(call), result);
            }
        }
    }
}

/// Checks the laws on all outputs of a connection.
fn check(outputs: &[Output]) -> Result<(), TestCaseError> {
    let mut local_call_ids = BTreeMap::new();
    let mut down = Vec::new();
    for (at, output) in outputs.iter().enumerate() {
        match output {
            Output::Close => prop_assert_eq!(at + 1, outputs.len(), "nothing follows the end"),
            Output::Event(Event::CallUp(up)) => {
                prop_assert!(
                    !down.contains(&up.call),
                    "a call that is down does not come up"
                );
                prop_assert!(local_call_ids.values().all(|id| *id != up.local_call_id));
                prop_assert_eq!(local_call_ids.insert(up.call, up.local_call_id), None);
            }
            Output::Event(Event::CallDown { call, .. }) => {
                prop_assert!(!down.contains(call), "a call goes down once");
                down.push(*call);
                local_call_ids.remove(call);
            }
            Output::Event(Event::Closed(_)) => {
                prop_assert!(local_call_ids.is_empty(), "no call outlives its connection");
            }
            Output::Send(_) | Output::Event(_) => {}
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn the_laws_hold_for_any_sequence(
        originator: bool,
        acts in prop::collection::vec(act(), 0..60),
    ) {
        let mut bench =
            if originator { Bench::established_originator() } else { Bench::established_receiver() };
        let mut outputs = Vec::new();
        for act in &acts {
            bench.act(act);
            outputs.extend(bench.drain());
            prop_assert!(bench.connection.calls() <= 16);
            prop_assert_eq!(bench.connection.is_closed(), bench.connection.deadline().is_none());
            prop_assert_eq!(bench.connection.is_closed(), outputs.last() == Some(&Output::Close));
        }
        check(&outputs)?;
        for _ in 0..100 {
            let Some(deadline) = bench.connection.deadline() else { break };
            bench.now = bench.now.max(deadline);
            bench.connection.handle_timeout(bench.now);
            outputs.extend(bench.drain());
        }
        prop_assert!(bench.connection.is_closed(), "a silent peer is given up");
        check(&outputs)?;
    }

    #[test]
    fn the_split_of_the_stream_does_not_matter(
        messages in prop::collection::vec(message(), 1..12),
        at in any::<prop::sample::Index>(),
    ) {
        let stream = messages.concat();
        let mut whole = Bench::receiver();
        whole.connection.handle_stream(whole.now, &stream);
        let mut split = Bench::receiver();
        let (head, tail) = stream.split_at(at.index(stream.len()));
        split.connection.handle_stream(split.now, head);
        split.connection.handle_stream(split.now, tail);
        prop_assert_eq!(split.drain(), whole.drain());
    }

    #[test]
    fn arbitrary_octets_never_panic(octets in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut bench = Bench::established_receiver();
        bench.connection.handle_stream(bench.now, &octets);
        check(&bench.drain())?;
    }
}

/// Carries what one side sends to the other, octet by octet, until both are quiet.
fn exchange(near: &mut Bench, far: &mut Bench) -> [Vec<Event>; 2] {
    let mut events = [Vec::new(), Vec::new()];
    loop {
        let [at_near, at_far] = &mut events;
        let outputs = carry(near, far, at_near) + carry(far, near, at_far);
        if outputs == 0 {
            return events;
        }
    }
}

/// Carries the outputs of `from` to `to`, keeps the events, and counts them all.
fn carry(from: &mut Bench, to: &mut Bench, events: &mut Vec<Event>) -> usize {
    let outputs = from.drain();
    let count = outputs.len();
    for output in outputs {
        match output {
            Output::Send(message) => {
                let mut octets = Vec::new();
                message.encode(&mut octets);
                for octet in octets {
                    to.connection.handle_stream(to.now, &[octet]);
                }
            }
            Output::Event(event) => events.push(event),
            Output::Close => to.connection.handle_stream_closed(to.now),
        }
    }
    count
}

#[test]
fn two_connections_bring_a_call_up_and_down() {
    let now = Instant::now();
    let mut client = Bench {
        connection: ControlConnection::new_originator(Config::default(), now),
        now,
    };
    let mut server = Bench::receiver();
    let [at_client, at_server] = exchange(&mut client, &mut server);
    assert!(matches!(at_client.as_slice(), [Event::Established(_)]));
    assert!(matches!(at_server.as_slice(), [Event::Established(_)]));

    let request = OutgoingCallRequest {
        call_id: 3,
        window: 64,
        ..Default::default()
    };
    let call = client
        .connection
        .request_outgoing_call(now, request)
        .unwrap();
    let [_, at_server] = exchange(&mut client, &mut server);
    let [
        Event::OutgoingCallRequested {
            call: requested, ..
        },
    ] = at_server.as_slice()
    else {
        panic!("{at_server:?}")
    };
    server
        .connection
        .accept_call(now, *requested, 4, Answer::default())
        .unwrap();
    let [at_client, at_server] = exchange(&mut client, &mut server);
    let [Event::CallUp(up)] = at_client.as_slice() else {
        panic!("{at_client:?}")
    };
    assert_eq!((up.call, up.local_call_id, up.peer_call_id), (call, 3, 4));
    let [Event::CallUp(up)] = at_server.as_slice() else {
        panic!("{at_server:?}")
    };
    assert_eq!(
        (up.local_call_id, up.peer_call_id, up.peer_window),
        (4, 3, 64)
    );

    client
        .connection
        .disconnect_call(now, call, DisconnectResult::Request)
        .unwrap();
    let [at_client, at_server] = exchange(&mut client, &mut server);
    assert!(matches!(
        at_client.as_slice(),
        [Event::CallDown {
            why: CallDownReason::LocalRequest,
            ..
        }]
    ));
    assert!(matches!(
        at_server.as_slice(),
        [Event::CallDown {
            why: CallDownReason::PeerCleared,
            ..
        }]
    ));

    client.connection.stop(now, StopReason::None);
    let [at_client, at_server] = exchange(&mut client, &mut server);
    assert_eq!(
        at_client,
        [Event::Closed(CloseReason::Local(StopReason::None))]
    );
    assert_eq!(
        at_server,
        [Event::Closed(CloseReason::Peer(StopReason::None))]
    );
}
