use super::*;

fn session() -> Session {
    Session::new([Endpoint::Local, Endpoint::Remote], 1)
}

fn observe(session: &mut Session, sender: End, octets: &[u8]) -> Observed {
    let frame = Frame::decode(octets).unwrap();
    session.observe(sender, &frame, None)
}

#[test]
fn the_reason_of_a_windows_peer_is_kept() {
    let mut session = session();
    // CCP Terminate-Request with RAS error 732, then an LCP one without data.
    let ccp = [
        0x80, 0xfd, 5, 1, 0, 16, 0, 0, 0, 1, 0x00, 0x3c, 0xcd, 0x74, 0, 0, 0x02, 0xdc,
    ];
    observe(&mut session, End::Second, &ccp);
    observe(&mut session, End::First, &[0xc0, 0x21, 5, 1, 0, 4]);
    let reason = session.summary().end_reason.unwrap();
    assert!(reason.starts_with("CCP Terminate-Request from remote: RAS error 732"));
}

#[test]
fn a_network_protocol_that_ends_without_an_error_ends_no_session() {
    let mut session = session();
    observe(
        &mut session,
        End::First,
        &[0x80, 0x21, 5, 1, 0, 6, b'b', b'y'],
    );
    assert_eq!(session.summary().end_reason, None);
    session.ended("Call-Clear-Request".to_owned());
    session.ended("something later".to_owned());
    let reason = session.summary().end_reason;
    assert_eq!(reason.as_deref(), Some("Call-Clear-Request"));
}

#[test]
fn an_acknowledgement_of_other_options_is_a_fault() {
    let mut session = session();
    let request = [0xc0, 0x21, 1, 7, 0, 8, 1, 4, 0x05, 0x78];
    let mut ack = request;
    ack[2] = 2;
    ack[9] = 0x79;
    assert_eq!(observe(&mut session, End::First, &request).fault, None);
    assert!(observe(&mut session, End::Second, &ack).fault.is_some());
    ack[9] = 0x78;
    assert_eq!(observe(&mut session, End::Second, &ack).fault, None);
    let [end, _] = session.summary().ends;
    assert_eq!(end.lcp.unwrap(), ["mru 1400"]);
}

#[test]
fn the_addresses_in_the_tunnel_are_those_agreed() {
    let mut session = session();
    let request = [0x80, 0x21, 1, 1, 0, 10, 3, 6, 10, 77, 0, 2];
    let mut ack = request;
    ack[2] = 2;
    observe(&mut session, End::Second, &request);
    let [_, end] = session.summary().ends;
    assert_eq!(end.tunnel_address, None);
    observe(&mut session, End::First, &ack);
    let [_, end] = session.summary().ends;
    assert_eq!(end.tunnel_address, Some([10, 77, 0, 2].into()));
}

#[test]
fn a_packet_is_a_duplicate_only_with_the_same_octets() {
    let mut session = session();
    assert!(!session.is_duplicate(End::First, 1, b"one"));
    assert!(!session.is_duplicate(End::Second, 1, b"one"));
    assert!(session.is_duplicate(End::First, 1, b"one"));
    assert!(!session.is_duplicate(End::First, 1, b"another"));
    for sequence in 2..300 {
        assert!(!session.is_duplicate(End::First, sequence, b"one"));
    }
    assert_eq!(session.seen[End::First].len(), REMEMBERED);
}

#[test]
fn encrypted_packets_without_a_key_are_counted() {
    let mut session = session();
    let observed = observe(&mut session, End::First, &[0x00, 0xfd, 0x90, 0, 1, 2, 3]);
    assert_eq!(observed.plaintext, Some(Err("no key".to_owned())));
    let [direction, _] = session.summary().directions;
    assert_eq!((direction.encrypted, direction.decrypted), (1, 0));
}
