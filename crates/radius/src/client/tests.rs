use std::collections::BTreeSet;

use proptest::prelude::*;
use zeroize::Zeroizing;

use super::*;
use crate::attribute::{self, AttributeList};
use crate::packet;

const TIMEOUT: Duration = Duration::from_secs(3);
const DEAD: Duration = Duration::from_secs(60);

fn address(server: usize) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, server as u8 + 1], 1812))
}

fn secret(server: usize) -> SharedSecret {
    SharedSecret::new(format!("secret of {server}")).unwrap()
}

fn config(servers: usize) -> ClientConfig {
    ClientConfig {
        code: Code::AccessRequest,
        servers: (0..servers)
            .map(|at| ServerConfig {
                address: address(at),
                secret: secret(at),
            })
            .collect(),
        timeout: TIMEOUT,
        tries: 3,
        dead_time: DEAD,
        message_authenticator: MessageAuthenticator::Required,
    }
}

fn client(config: ClientConfig) -> Client<u32> {
    let mut count = 0u128;
    let random = move || {
        count += 1;
        count.to_be_bytes()
    };
    Client::new(config, Box::new(random))
}

fn contents() -> Contents {
    let mut attributes = AttributeList::new();
    attributes.text(attribute::USER_NAME, "alice").unwrap();
    Contents {
        attributes,
        password: Some(Zeroizing::new(b"password".to_vec())),
        delay: None,
    }
}

/// What a machine gave, sorted by kind.
#[derive(Default)]
struct Drained {
    opened: Vec<SocketId>,
    sent: Vec<(SocketId, Vec<u8>)>,
    done: Vec<(u32, Result<Code, NoReply>)>,
}

fn drain(client: &mut Client<u32>) -> Drained {
    let mut drained = Drained::default();
    while let Some(output) = client.poll_output() {
        match output {
            Output::Open(socket, to) => {
                assert_eq!(to, address(socket.server));
                drained.opened.push(socket);
            }
            Output::Send(socket, octets) => drained.sent.push((socket, octets)),
            Output::Done(tag, result) => drained.done.push((tag, result.map(|reply| reply.code()))),
        }
    }
    drained
}

/// What the server would answer.
fn accept(socket: SocketId, request: &[u8]) -> Vec<u8> {
    let datagram = Datagram::parse(request).unwrap();
    let secret = secret(socket.server);
    let request = datagram
        .verify_request(&secret, MessageAuthenticator::Required)
        .unwrap();
    let list = AttributeList::new();
    let code = Code::AccessAccept;
    packet::reply(
        code,
        request.identifier(),
        request.authenticator(),
        &list,
        &secret,
    )
}

/// Lets the machine run into its next deadline.
fn wait(client: &mut Client<u32>, now: &mut Instant) -> Drained {
    *now = client.deadline().unwrap();
    client.handle_timeout(*now);
    drain(client)
}

fn submit(client: &mut Client<u32>, now: Instant, tag: u32) -> (SocketId, Vec<u8>) {
    client.submit(now, contents(), tag).unwrap();
    drain(client).sent.remove(0)
}

#[test]
fn tries_are_the_same_octets_and_then_it_goes_to_the_next_server() {
    let mut now = Instant::now();
    let mut client = client(config(2));
    client.submit(now, contents(), 1).unwrap();
    let first = drain(&mut client);
    assert_eq!(
        first.opened,
        [SocketId {
            server: 0,
            number: 0
        }]
    );
    for _ in 1..3 {
        let again = wait(&mut client, &mut now);
        assert_eq!(again.sent, first.sent);
        assert!(again.opened.is_empty());
    }
    let second = wait(&mut client, &mut now);
    assert_eq!(
        second.opened,
        [SocketId {
            server: 1,
            number: 0
        }]
    );
    // Readable for the second server only, by its own secret.
    accept(second.sent[0].0, &second.sent[0].1);
    assert_ne!(second.sent[0].1[4..20], first.sent[0].1[4..20]);
    for _ in 1..3 {
        assert_eq!(wait(&mut client, &mut now).sent, second.sent);
    }
    assert_eq!(
        wait(&mut client, &mut now).done,
        [(1, Err(NoReply::Silence))]
    );
    assert_eq!(client.deadline(), None);
    let statistics = client.statistics(now);
    for (at, fail_overs) in [(0, 1), (1, 0)] {
        let server = &statistics[at];
        assert_eq!(
            (
                server.requests,
                server.retransmissions,
                server.timeouts,
                server.fail_overs
            ),
            (1, 2, 1, fail_overs)
        );
        assert!(server.is_dead);
    }
}

#[test]
fn a_reply_ends_a_request_once() {
    let now = Instant::now();
    let mut client = client(config(1));
    let (socket, request) = submit(&mut client, now, 7);
    let reply = accept(socket, &request);
    let later = now + Duration::from_millis(20);
    client.receive(later, socket, address(0), &reply);
    assert_eq!(drain(&mut client).done, [(7, Ok(Code::AccessAccept))]);
    assert_eq!((client.deadline(), client.waiting()), (None, 0));
    client.receive(later, socket, address(0), &reply);
    assert!(drain(&mut client).done.is_empty());
    let server = &client.statistics(later)[0];
    assert_eq!((server.latency.count(), server.late, server.bad), (1, 1, 0));
    assert_eq!(server.latency.classes[4], 1);
    assert_eq!(server.latency.total, Duration::from_millis(20));
}

#[test]
fn a_late_reply_of_an_earlier_server_counts_and_revives_it() {
    let mut now = Instant::now();
    let mut client = client(config(2));
    let (socket, request) = submit(&mut client, now, 1);
    while wait(&mut client, &mut now)
        .sent
        .iter()
        .all(|(socket, _)| socket.server == 0)
    {}
    assert!(client.statistics(now)[0].is_dead);
    client.receive(now, socket, address(0), &accept(socket, &request));
    assert_eq!(drain(&mut client).done, [(1, Ok(Code::AccessAccept))]);
    assert!(!client.statistics(now)[0].is_dead);
    assert_eq!(client.deadline(), None);
}

/// A client whose first server of two has just died.
fn after_a_death(now: &mut Instant) -> Client<u32> {
    let mut client = client(config(2));
    client.submit(*now, contents(), 0).unwrap();
    drain(&mut client);
    loop {
        if let Some((socket, request)) = wait(&mut client, now)
            .sent
            .iter()
            .find(|(socket, _)| socket.server == 1)
        {
            client.receive(*now, *socket, address(1), &accept(*socket, request));
            assert_eq!(drain(&mut client).done.len(), 1);
            return client;
        }
    }
}

#[test]
fn a_dead_server_is_passed_over_until_a_trial_succeeds() {
    let mut now = Instant::now();
    let mut client = after_a_death(&mut now);
    let (socket, _) = submit(&mut client, now, 1);
    assert_eq!(socket.server, 1);
    now += DEAD;
    client.handle_timeout(now);
    drain(&mut client);
    let (trial, request) = submit(&mut client, now, 2);
    assert_eq!(trial.server, 0);
    let (socket, _) = submit(&mut client, now, 3);
    assert_eq!(socket.server, 1, "one request tries it");
    client.receive(now, trial, address(0), &accept(trial, &request));
    let (socket, _) = submit(&mut client, now, 4);
    assert_eq!(socket.server, 0);
}

#[test]
fn a_trial_that_fails_keeps_a_server_dead() {
    let mut now = Instant::now();
    let mut client = after_a_death(&mut now);
    now += DEAD;
    let (trial, _) = submit(&mut client, now, 2);
    assert_eq!(trial.server, 0);
    while client.statistics(now)[0].timeouts < 2 {
        wait(&mut client, &mut now);
    }
    now += DEAD - Duration::from_millis(1);
    let (socket, _) = submit(&mut client, now, 3);
    assert_eq!(socket.server, 1);
}

#[test]
fn a_server_that_answers_others_is_not_dead() {
    let mut now = Instant::now();
    let mut client = client(config(2));
    client.submit(now, contents(), 1).unwrap();
    drain(&mut client);
    now += TIMEOUT / 2;
    let (socket, request) = submit(&mut client, now, 2);
    client.receive(now, socket, address(0), &accept(socket, &request));
    while wait(&mut client, &mut now).sent[0].0.server == 0 {}
    let server = &client.statistics(now)[0];
    assert_eq!((server.timeouts, server.is_dead), (1, false));
}

#[test]
fn where_all_are_dead_all_are_tried() {
    let mut now = Instant::now();
    let mut client = client(config(2));
    client.submit(now, contents(), 1).unwrap();
    while wait(&mut client, &mut now).done.is_empty() {}
    client.submit(now, contents(), 2).unwrap();
    let mut servers = BTreeSet::new();
    while client.waiting() > 0 {
        let drained = wait(&mut client, &mut now);
        servers.extend(drained.sent.iter().map(|(socket, _)| socket.server));
    }
    assert_eq!(servers, BTreeSet::from([0, 1]));
}

#[test]
fn forged_replies_are_passed_over_and_told_at_the_end() {
    let mut now = Instant::now();
    let mut client = client(config(1));
    let (socket, request) = submit(&mut client, now, 1);
    let good = accept(socket, &request);
    let mut forged = good.clone();
    forged[10] ^= 1;
    client.receive(now, socket, address(0), &forged);
    client.receive(now, socket, address(0), &good[..19]);
    client.receive(now, socket, address(1), &good);
    assert!(drain(&mut client).done.is_empty());
    let server = &client.statistics(now)[0];
    assert_eq!((server.bad, server.strange), (2, 1));
    client.receive(now, socket, address(0), &good);
    assert_eq!(drain(&mut client).done.len(), 1);

    for (bad, expected) in [
        (&forged[..], NoReply::Forged(Forged::Authenticator)),
        (&forged[..5], NoReply::Malformed),
    ] {
        let (socket, _) = submit(&mut client, now, 2);
        let mut bad = bad.to_vec();
        bad[1] = client.servers[0]
            .waiting_at(0)
            .next()
            .and_then(|number| client.requests[&number].attempts.first())
            .map(|attempt| attempt.identifier)
            .unwrap();
        client.receive(now, socket, address(0), &bad);
        let done = loop {
            let done = wait(&mut client, &mut now).done;
            if !done.is_empty() {
                break done;
            }
        };
        assert_eq!(done, [(2, Err(expected))]);
    }
}

/// A reply without a Message-Authenticator whose Response Authenticator is right.
fn plain_accept(socket: SocketId, request: &[u8]) -> Vec<u8> {
    let request = Datagram::parse(request).unwrap();
    let mut reply = vec![2, request.identifier(), 0, 20];
    reply.extend(request.authenticator());
    let digest =
        crate::authenticator::digest(&reply, request.authenticator(), &secret(socket.server));
    reply[4..].copy_from_slice(&digest);
    reply
}

#[test]
fn a_reply_without_message_authenticator_is_for_relaxed_clients_only() {
    let now = Instant::now();
    for (policy, answered) in [
        (MessageAuthenticator::Required, 0),
        (MessageAuthenticator::Optional, 1),
    ] {
        let mut client = client(ClientConfig {
            message_authenticator: policy,
            ..config(1)
        });
        let (socket, request) = submit(&mut client, now, 1);
        client.receive(now, socket, address(0), &plain_accept(socket, &request));
        assert_eq!(drain(&mut client).done.len(), answered);
        assert_eq!(client.statistics(now)[0].bad, 1 - answered as u64);
    }
}

#[test]
fn requests_in_flight_have_places_of_their_own() {
    let now = Instant::now();
    let mut client = client(config(1));
    let mut places = BTreeSet::new();
    let mut opened = 0;
    for tag in 0..MAX_WAITING {
        client.submit(now, contents(), tag as u32).unwrap();
        let drained = drain(&mut client);
        opened += drained.opened.len();
        let (socket, octets) = &drained.sent[0];
        assert!(places.insert((*socket, octets[1])));
    }
    assert_eq!(opened, MAX_SOCKETS);
    let (error, tag) = client.submit(now, contents(), 9).unwrap_err();
    assert_eq!((error, tag), (SubmitError::Full, 9));
    let tags = client.abandon();
    assert!(tags.into_iter().eq(0..MAX_WAITING as u32));
    assert_eq!((client.waiting(), client.deadline()), (0, None));
    client.submit(now, contents(), 1).unwrap();
    assert!(drain(&mut client).opened.is_empty());
}

#[test]
fn an_identifier_rests_before_it_is_used_again() {
    let now = Instant::now();
    let mut client = client(config(1));
    let mut before = None;
    for tag in 0..600 {
        let (socket, request) = submit(&mut client, now, tag);
        let identifier = request[1];
        if let Some(before) = before {
            assert_eq!(identifier, u8::wrapping_add(before, 1));
        }
        before = Some(identifier);
        client.receive(now, socket, address(0), &accept(socket, &request));
        drain(&mut client);
    }
}

#[test]
fn what_cannot_be_sent_is_given_back() {
    let now = Instant::now();
    let mut long = contents();
    long.password = Some(Zeroizing::new(vec![b'x'; 129]));
    let mut client_of_one = client(config(1));
    let (error, tag) = client_of_one.submit(now, long, 5).unwrap_err();
    assert!(matches!(error, SubmitError::Password(_)));
    assert_eq!((tag, client_of_one.deadline()), (5, None));
    assert!(client_of_one.servers[0].holder(0, 0).is_none());
    let (error, _) = client(config(0)).submit(now, contents(), 5).unwrap_err();
    assert_eq!(error, SubmitError::NoServer);
}

#[test]
fn an_early_timeout_changes_nothing() {
    let now = Instant::now();
    let mut client = client(config(1));
    submit(&mut client, now, 1);
    let deadline = client.deadline();
    client.handle_timeout(now + TIMEOUT - Duration::from_millis(1));
    assert!(client.poll_output().is_none());
    assert_eq!(client.deadline(), deadline);
}

/// What the network does to a datagram.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Answered,
    AnsweredTwice,
    Forged,
    Lost,
}

fn any_fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        Just(Fate::Answered),
        Just(Fate::AnsweredTwice),
        Just(Fate::Forged),
        Just(Fate::Lost),
        Just(Fate::Lost),
    ]
}

proptest! {
    #[test]
    fn every_request_ends_once_and_leaves_nothing(
        servers in 1..4usize,
        submissions in proptest::collection::vec(0..4_000u64, 1..40),
        fates in proptest::collection::vec(any_fate(), 1..60),
    ) {
        let mut now = Instant::now();
        let mut client = client(config(servers));
        let mut fates = fates.into_iter().cycle();
        let mut ended = BTreeSet::new();
        let total = submissions.len();
        let mut submissions = submissions.into_iter().enumerate();
        loop {
            let more = submissions.next();
            if let Some((tag, pause)) = more {
                now += Duration::from_millis(pause);
                client.handle_timeout(now);
                client.submit(now, contents(), tag as u32).unwrap();
            } else if let Some(deadline) = client.deadline() {
                now = deadline;
                client.handle_timeout(now);
            } else {
                break;
            }
            loop {
                let drained = drain(&mut client);
                for (tag, _) in &drained.done {
                    prop_assert!(ended.insert(*tag));
                }
                if drained.sent.is_empty() {
                    break;
                }
                for (socket, request) in drained.sent {
                    let from = address(socket.server);
                    let mut reply = accept(socket, &request);
                    match fates.next().unwrap() {
                        Fate::Answered => client.receive(now, socket, from, &reply),
                        Fate::AnsweredTwice => {
                            client.receive(now, socket, from, &reply);
                            client.receive(now, socket, from, &reply);
                        }
                        Fate::Forged => {
                            reply[5] ^= 0x80;
                            client.receive(now, socket, from, &reply);
                        }
                        Fate::Lost => {}
                    }
                }
            }
        }
        prop_assert_eq!(ended.len(), total);
        prop_assert_eq!(client.waiting(), 0);
        for server in &client.servers {
            prop_assert_eq!(server.waiting_at(0).count(), 0);
        }
    }

    #[test]
    fn no_datagram_panics_or_ends_a_request(
        datagrams in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 0..20),
    ) {
        let now = Instant::now();
        let mut client = client(config(1));
        let (socket, _) = submit(&mut client, now, 1);
        for datagram in &datagrams {
            client.receive(now, socket, address(0), datagram);
        }
        prop_assert_eq!(client.waiting(), 1);
    }
}
