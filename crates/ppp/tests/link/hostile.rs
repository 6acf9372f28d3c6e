//! Whatever a peer sends, in whatever phase: no panic, no flood, no way in, no end without an end.

use std::time::Duration;

use adit_ppp::auth::{Refusal, Verdict};
use adit_ppp::link::{IpVersion, Output, Phase};
use adit_wire::cp::code;
use adit_wire::ppp::{Encapsulation, Protocol};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::common::{Script, Stage};

/// Frames that one frame, answer or timeout may cause. Most cause one; the end of authentication
/// and of CCP lets several layers start at once, each with a request and an answer to an early one.
const MAX_FRAMES: usize = 6;

/// Timeouts in a row that a silent peer may cause before the link is closed or waits for packets.
const MAX_TIMEOUTS: usize = 200;

/// What happens to the link next.
#[derive(Debug, Clone)]
enum Happening {
    /// A frame of any octets.
    Octets(Vec<u8>),
    /// An information field of any octets in a protocol that is spoken.
    Field(usize, Vec<u8>),
    /// A control or authentication packet whose length field is right.
    Packet(usize, u8, u8, Vec<u8>),
    /// A packet of options whose lengths are right; the identifier may be that of our request.
    Options(usize, u8, Id, Vec<(u8, Vec<u8>)>),
    /// Our last Configure-Request comes back as an Ack, Nak or Reject.
    Mirror(usize, u8),
    /// Some time passes.
    Wait(u64),
    /// The deadline comes.
    Timeout,
    /// The owner refuses what was asked.
    Refuse,
    /// The owner gives another password, or none.
    Password(bool),
}

#[derive(Debug, Clone, Copy)]
enum Id {
    Ours,
    Any(u8),
}

const SPOKEN: [Protocol; 7] = [
    Protocol::LCP,
    Protocol::PAP,
    Protocol::CHAP,
    Protocol::CCP,
    Protocol::IPCP,
    Protocol::IPV6CP,
    Protocol::CBCP,
];

/// LCP and the network control protocols, in [`SPOKEN`].
const CONTROL: [usize; 4] = [0, 3, 4, 5];

fn control() -> impl Strategy<Value = usize> {
    prop::sample::select(&CONTROL[..])
}

fn options() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    let kind = prop_oneof![
        prop::sample::select(&[1u8, 2, 3, 5, 7, 8, 13, 17, 18, 19, 23, 129, 131][..]),
        any::<u8>()
    ];
    let data = prop_oneof![
        4 => vec(any::<u8>(), 0..9),
        1 => vec(any::<u8>(), 253),
        1 => Just(vec![0xc2, 0x23, 0x81]),
        1 => Just(vec![0x01, 0x00, 0x00, 0x40]),
        1 => Just(vec![0; 4]),
    ];
    vec((kind, data), 0..6)
}

fn happening() -> impl Strategy<Value = Happening> {
    let id = prop_oneof![Just(Id::Ours), any::<u8>().prop_map(Id::Any)];
    prop_oneof![
        1 => vec(any::<u8>(), 0..300).prop_map(Happening::Octets),
        1 => (0..SPOKEN.len(), vec(any::<u8>(), 0..64))
            .prop_map(|(protocol, octets)| Happening::Field(protocol, octets)),
        4 => (0..SPOKEN.len(), 0u8..18, any::<u8>(), vec(any::<u8>(), 0..80))
            .prop_map(|(protocol, code, id, data)| Happening::Packet(protocol, code, id, data)),
        6 => (control(), 1u8..5, id, options())
            .prop_map(|(protocol, code, id, list)| Happening::Options(protocol, code, id, list)),
        3 => (control(), 2u8..5).prop_map(|(protocol, code)| Happening::Mirror(protocol, code)),
        1 => (0u64..200_000).prop_map(Happening::Wait),
        2 => Just(Happening::Timeout),
        1 => Just(Happening::Refuse),
        1 => any::<bool>().prop_map(Happening::Password),
    ]
}

fn at(server: bool, stage: usize) -> Hostile {
    let stage = Stage::ALL[stage];
    let script = if server {
        Script::server_at(stage)
    } else {
        Script::client_at(stage)
    };
    let mut hostile = Hostile {
        proven: stage != Stage::Establish && stage != Stage::Authenticate,
        ipv4: stage == Stage::Up,
        ipv6: stage == Stage::Up,
        closed: false,
        last_requests: Default::default(),
        script,
    };
    hostile.note_requests();
    hostile.script.frames.clear();
    hostile
}

/// A link under attack, and what has to hold of it.
struct Hostile {
    script: Script,
    /// The peer has once proven that it knows the password.
    proven: bool,
    ipv4: bool,
    ipv6: bool,
    closed: bool,
    /// Our last Configure-Request of each protocol.
    last_requests: [Option<Vec<u8>>; SPOKEN.len()],
}

impl Hostile {
    fn run(&mut self, happening: &Happening) {
        match happening {
            Happening::Octets(octets) => self.frame(octets.clone()),
            Happening::Field(protocol, octets) => self.field(*protocol, octets),
            Happening::Packet(protocol, code, id, data) => {
                self.packet(*protocol, *code, *id, data);
            }
            Happening::Options(protocol, code, id, options) => {
                let ours = self.last_requests[*protocol].as_ref();
                let id = match id {
                    Id::Ours => ours.map_or(0, |request| request[1]),
                    Id::Any(id) => *id,
                };
                let mut data = Vec::new();
                for (kind, value) in options {
                    data.extend_from_slice(&[*kind, value.len() as u8 + 2]);
                    data.extend_from_slice(value);
                }
                self.packet(*protocol, *code, id, &data);
            }
            Happening::Mirror(protocol, code) => {
                if let Some(mut request) = self.last_requests[*protocol].clone() {
                    request[0] = *code;
                    self.field(*protocol, &request);
                }
            }
            Happening::Wait(milliseconds) => {
                self.script.now += Duration::from_millis(*milliseconds);
                self.script.link.handle_timeout(self.script.now);
                self.script.collect();
            }
            Happening::Timeout => self.timeout(),
            Happening::Refuse => self.refuse(),
            Happening::Password(some) => self.script.supply_password(some.then_some("another")),
        }
        self.check();
    }

    fn packet(&mut self, protocol: usize, code: u8, id: u8, data: &[u8]) {
        let length = u16::try_from(data.len() + 4).unwrap().to_be_bytes();
        let packet = [&[code, id], &length[..], data].concat();
        self.field(protocol, &packet);
    }

    fn field(&mut self, protocol: usize, octets: &[u8]) {
        let mut frame = Encapsulation::PLAIN
            .header(SPOKEN[protocol])
            .as_ref()
            .to_vec();
        frame.extend_from_slice(octets);
        self.frame(frame);
    }

    fn frame(&mut self, frame: Vec<u8>) {
        let protocol = Encapsulation::split(&frame).map(|(_, protocol, _)| protocol);
        let passed = matches!(self.script.frame(frame), Ok(Some(_)));
        // Encryption has no checksum: noise may pass for a packet, once in 2^18.
        assert!(!passed || protocol == Ok(Protocol::COMPRESSED_DATAGRAM));
    }

    fn timeout(&mut self) {
        if let Some(deadline) = self.script.link.deadline() {
            self.script.now = self.script.now.max(deadline);
            self.script.link.handle_timeout(self.script.now);
            self.script.collect();
        }
    }

    fn refuse(&mut self) {
        let question = self.script.events.iter().find_map(|event| match event {
            Output::Authenticate(ticket, _) => Some(*ticket),
            _ => None,
        });
        if let Some(ticket) = question {
            let verdict = Verdict::Refuse(Refusal::WrongPassword);
            self.script.link.answer(self.script.now, ticket, verdict);
            self.script.collect();
        }
    }

    fn note_requests(&mut self) {
        for frame in &self.script.frames {
            let (_, protocol, octets) = Encapsulation::split(frame).unwrap();
            let index = SPOKEN.iter().position(|spoken| *spoken == protocol);
            if let Some(index) = index.filter(|_| octets[0] == code::CONFIGURE_REQUEST) {
                self.last_requests[index] = Some(octets.to_vec());
            }
        }
    }

    fn check(&mut self) {
        assert!(self.script.frames.len() <= MAX_FRAMES);
        assert!(self.script.frames.iter().all(|frame| frame.len() <= 1504));
        self.note_requests();
        let (frames, events) = (
            std::mem::take(&mut self.script.frames),
            std::mem::take(&mut self.script.events),
        );
        assert!(!self.closed || (frames.is_empty() && events.is_empty()));
        for event in events {
            match event {
                Output::Frame(_) => unreachable!(),
                question @ Output::Authenticate(..) => self.script.events.push_back(question),
                Output::AskPassword => {}
                Output::Ipv4Up(_) => assert!(!std::mem::replace(&mut self.ipv4, true)),
                Output::Ipv4Down => assert!(std::mem::take(&mut self.ipv4)),
                Output::Ipv6Up(_) => assert!(!std::mem::replace(&mut self.ipv6, true)),
                Output::Ipv6Down => assert!(std::mem::take(&mut self.ipv6)),
                Output::Closed(_) => self.closed = true,
            }
        }
        self.script.events.truncate(1);
        let link = &self.script.link;
        assert_eq!(link.is_up(IpVersion::V4), self.ipv4);
        assert_eq!(link.is_up(IpVersion::V6), self.ipv6);
        assert!(self.proven || !(self.ipv4 || self.ipv6), "let in unproven");
        assert_eq!(self.closed, link.phase() == Phase::Dead);
        if self.closed {
            assert_eq!(link.deadline(), None);
            assert!(!self.ipv4 && !self.ipv6);
        }
        self.check_sealing();
    }

    /// What goes out is encrypted, or does not go out.
    fn check_sealing(&mut self) {
        let packet = [&[0x45, 0, 0, 40][..], &[0x77; 36]].concat();
        for version in [IpVersion::V4, IpVersion::V6] {
            let mut out = Vec::new();
            let encrypted = self.script.link.summary().encryption.is_some();
            match self.script.link.seal(version, &packet, &mut out) {
                Ok(()) => {
                    assert!(encrypted && self.script.link.is_up(version));
                    assert!(!out.windows(8).any(|part| part == [0x77; 8]));
                }
                Err(_) => assert!(out.is_empty()),
            }
        }
    }

    /// The peer falls silent: every deadline moves on, until the link is over.
    fn run_out(&mut self) {
        let mut same = 0;
        for _ in 0..MAX_TIMEOUTS {
            let Some(deadline) = self.script.link.deadline() else {
                return assert!(self.closed, "nothing is due, and the link is not over");
            };
            same = if deadline <= self.script.now {
                same + 1
            } else {
                0
            };
            assert!(same < 8, "the clock stands still");
            self.timeout();
            self.check();
        }
        panic!("no end");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn no_sequence_of_frames_floods_opens_or_wedges_a_link(
        server: bool, stage in 0..Stage::ALL.len(), happenings in vec(happening(), 0..60),
    ) {
        let mut hostile = at(server, stage);
        for happening in &happenings {
            hostile.run(happening);
        }
        hostile.run_out();
    }

    #[test]
    fn options_of_every_kind_in_one_protocol_end_in_bounded_time(
        server: bool, stage in 0..Stage::ALL.len(), protocol in control(),
        requests in vec((1u8..5, options()), 1..80),
    ) {
        let mut hostile = at(server, stage);
        for (code, options) in requests {
            hostile.run(&Happening::Options(protocol, code, Id::Ours, options));
        }
        hostile.run_out();
    }

    #[test]
    fn octets_without_any_sense_change_nothing(
        server: bool, stage in 0..Stage::ALL.len(), frames in vec(vec(any::<u8>(), 0..40), 1..20),
    ) {
        let mut hostile = at(server, stage);
        let phase = hostile.script.link.phase();
        for mut frame in frames {
            // Not LCP, and no protocol that is spoken.
            frame.splice(..0, [0xff, 0x03, 0x42]);
            hostile.run(&Happening::Octets(frame));
        }
        prop_assert_eq!(hostile.script.link.phase(), phase);
        hostile.run_out();
    }
}

#[test]
fn nothing_is_asked_about_a_peer_that_answered_nothing() {
    let mut hostile = at(true, 1);
    for (index, protocol) in SPOKEN.into_iter().enumerate() {
        for code in 0..=20 {
            for id in 0..=255 {
                let before = hostile.script.events.len();
                if protocol == Protocol::LCP && (1..=7).contains(&code) {
                    continue;
                }
                hostile.packet(index, code, id, &[0; 49]);
                assert_eq!(hostile.script.events.len(), before);
                hostile.script.frames.clear();
            }
        }
    }
    assert_eq!(hostile.script.link.phase(), Phase::Authenticate);
}

#[test]
fn a_forged_end_of_any_layer_ends_the_link_and_lets_nothing_through() {
    for server in [true, false] {
        for stage in 1..Stage::ALL.len() {
            for protocol in CONTROL {
                for code in [code::TERMINATE_REQUEST, code::TERMINATE_ACK] {
                    let mut hostile = at(server, stage);
                    let octets = [code, 1, 0, 4].to_vec();
                    hostile.run(&Happening::Field(protocol, octets));
                    hostile.run_out();
                }
            }
        }
    }
}
