//! The formats that every packet has, and control messages: `cargo bench -p adit-wire`.

use std::hint::black_box;

use adit_wire::control::{Framer, Message, OutgoingCallRequest};
use adit_wire::gre;
use adit_wire::ppp::{Encapsulation, Protocol};
use criterion::{Criterion, criterion_group, criterion_main};

/// A data packet with an acknowledgment, as most are.
const HEADER: gre::Header = gre::Header {
    call_id: 0x1234,
    payload_length: 1400,
    sequence: Some(77_000),
    acknowledgment: Some(76_000),
};

fn gre_header(c: &mut Criterion) {
    let mut packet = HEADER.encode().as_octets().to_vec();
    packet.resize(packet.len() + usize::from(HEADER.payload_length), 0xa5);
    assert_eq!(gre::Header::decode(&packet), Ok(HEADER));
    c.bench_function("GRE header, decode", |b| {
        b.iter(|| gre::Header::decode(black_box(&packet)));
    });
    c.bench_function("GRE header, encode", |b| {
        b.iter(|| black_box(&HEADER).encode());
    });
}

fn ppp_frame(c: &mut Criterion) {
    for (name, encapsulation) in [
        ("plain", Encapsulation::PLAIN),
        (
            "compressed",
            Encapsulation {
                acfc: true,
                pfc: true,
            },
        ),
    ] {
        let header = encapsulation.header(Protocol::COMPRESSED_DATAGRAM);
        let frame = [header.as_ref(), &[0xa5; 1400]].concat();
        assert_eq!(
            Encapsulation::split(&frame).map(|(found, protocol, _)| (found, protocol)),
            Ok((encapsulation, Protocol::COMPRESSED_DATAGRAM))
        );
        c.bench_function(&format!("PPP frame, {name}, split"), |b| {
            b.iter(|| Encapsulation::split(black_box(&frame)).is_ok());
        });
        c.bench_function(&format!("PPP frame, {name}, header"), |b| {
            b.iter(|| black_box(encapsulation).header(Protocol::COMPRESSED_DATAGRAM));
        });
    }
}

fn control_message(c: &mut Criterion) {
    let message = Message::from(OutgoingCallRequest {
        call_id: 42,
        serial: 1,
        maximum_bps: 100_000_000,
        window: 64,
        ..OutgoingCallRequest::default()
    });
    let mut octets = Vec::new();
    message.encode(&mut octets);
    assert_eq!(Message::decode(&octets).as_ref(), Ok(&message));
    c.bench_function("Outgoing-Call-Request, encode", |b| {
        let mut out = Vec::with_capacity(octets.len());
        b.iter(|| {
            out.clear();
            black_box(&message).encode(&mut out);
            black_box(&out);
        });
    });
    c.bench_function("Outgoing-Call-Request, cut from a stream and decode", |b| {
        let mut framer = Framer::new();
        b.iter(|| framer.next(&mut black_box(octets.as_slice())));
    });
}

criterion_group!(codecs, gre_header, ppp_frame, control_message);
criterion_main!(codecs);
