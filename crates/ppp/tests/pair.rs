//! A server's and a client's link against each other in virtual time.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use adit_crypto::mppe_keys::Strength;
use adit_ppp::auth::{
    Acceptance, AuthenticatorConfig, Credentials, Method, PeerConfig, Refusal, Secret, Verdict,
};
use adit_ppp::link::{CloseReason, IpVersion, NoEncryption, Output, Received, Role};
use adit_ppp::mppe::Mode;
use adit_ppp::{EncryptionPolicy, Entropy, Ipv4Config, Link, LinkConfig, MppeConfig, NameServers};

/// Random octets that are the same in every run.
struct Seeded(AtomicU64);

impl Entropy for Seeded {
    fn fill(&self, out: &mut [u8]) {
        for octet in out {
            let x = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
            let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            *octet = (x >> 40) as u8;
        }
    }
}

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);

struct End {
    link: Link,
    inbox: VecDeque<Vec<u8>>,
    ipv4: bool,
    ipv6: bool,
    closed: Option<CloseReason>,
}

struct Pair {
    now: Instant,
    server: End,
    client: End,
    password: String,
    expired: bool,
    passwords_to_try: VecDeque<String>,
    changed_to: Option<String>,
}

impl Pair {
    fn new(server: LinkConfig, client: LinkConfig) -> Self {
        let now = Instant::now();
        let end = |config, seed| End {
            link: Link::new(Arc::new(config), Arc::new(Seeded(AtomicU64::new(seed)))),
            inbox: VecDeque::new(),
            ipv4: false,
            ipv6: false,
            closed: None,
        };
        Self {
            now,
            server: end(server, 1),
            client: end(client, 2),
            password: "correct horse".into(),
            expired: false,
            passwords_to_try: VecDeque::new(),
            changed_to: None,
        }
    }

    fn verdict(&mut self, credentials: &Credentials) -> Verdict {
        let secret = Secret::clear(self.password.clone());
        match credentials.verify(&secret) {
            Ok(_) if self.expired && !credentials.proof.is_change() => {
                Verdict::Refuse(Refusal::PasswordExpired)
            }
            Ok(proven) => {
                self.changed_to = proven
                    .new_password
                    .as_ref()
                    .map(|new| new.password().to_owned());
                Verdict::Accept(Box::new(Acceptance {
                    proven,
                    ipv4: Some(Ipv4Config::Assign {
                        local: SERVER,
                        peer: CLIENT,
                        dns: NameServers {
                            primary: Some(SERVER),
                            secondary: None,
                        },
                        wins: NameServers::default(),
                    }),
                    message: "welcome".into(),
                }))
            }
            Err(refusal) => Verdict::Refuse(refusal),
        }
    }

    fn drain(&mut self) {
        loop {
            let mut quiet = true;
            while let Some(output) = self.server.link.poll_output() {
                quiet = false;
                match output {
                    Output::Frame(frame) => self.client.inbox.push_back(frame),
                    Output::Authenticate(ticket, credentials) => {
                        let verdict = self.verdict(&credentials);
                        self.server.link.answer(self.now, ticket, verdict);
                    }
                    other => note(&mut self.server, other),
                }
            }
            while let Some(output) = self.client.link.poll_output() {
                quiet = false;
                match output {
                    Output::Frame(frame) => self.server.inbox.push_back(frame),
                    Output::AskPassword => {
                        let next = self.passwords_to_try.pop_front().map(Into::into);
                        self.client.link.supply_password(self.now, next);
                    }
                    other => note(&mut self.client, other),
                }
            }
            for end in [&mut self.server, &mut self.client] {
                while let Some(mut frame) = end.inbox.pop_front() {
                    quiet = false;
                    let _ = end.link.receive(self.now, &mut frame);
                }
            }
            if quiet {
                return;
            }
        }
    }

    /// Runs until nothing is due within `span`.
    fn run(&mut self, span: Duration) {
        let end = self.now + span;
        loop {
            self.drain();
            let next = [self.server.link.deadline(), self.client.link.deadline()]
                .into_iter()
                .flatten()
                .min();
            match next {
                Some(next) if next <= end => self.now = next,
                _ => return,
            }
            self.server.link.handle_timeout(self.now);
            self.client.link.handle_timeout(self.now);
        }
    }

    fn connect(&mut self) {
        self.server.link.open(self.now);
        self.client.link.open(self.now);
        self.run(Duration::from_secs(120));
    }

    fn assert_traffic(&mut self) {
        let packet: Vec<u8> = (0..100).map(|i| if i == 0 { 0x45 } else { i }).collect();
        for _ in 0..600 {
            for from_client in [true, false] {
                let (from, to) = if from_client {
                    (&mut self.client.link, &mut self.server.link)
                } else {
                    (&mut self.server.link, &mut self.client.link)
                };
                let mut frame = Vec::new();
                from.seal(IpVersion::V4, &packet, &mut frame).unwrap();
                match to.receive(self.now, &mut frame).unwrap() {
                    Received::Packet(IpVersion::V4, inner) => assert_eq!(inner, packet),
                    other => panic!("{other:?}"),
                }
            }
        }
    }
}

fn note(end: &mut End, output: Output) {
    match output {
        Output::Ipv4Up(_) => end.ipv4 = true,
        Output::Ipv4Down => end.ipv4 = false,
        Output::Ipv6Up(_) => end.ipv6 = true,
        Output::Ipv6Down => end.ipv6 = false,
        Output::Closed(reason) => end.closed = Some(reason),
        Output::Frame(_) | Output::Authenticate(..) | Output::AskPassword => unreachable!(),
    }
}

fn server(methods: &[Method], mppe: MppeConfig) -> LinkConfig {
    let authenticator = AuthenticatorConfig {
        methods: methods.to_vec(),
        ..AuthenticatorConfig::default()
    };
    LinkConfig {
        mppe,
        ..LinkConfig::new(Role::Server(authenticator))
    }
}

fn client(methods: &[Method], mppe: MppeConfig) -> LinkConfig {
    let credentials = PeerConfig {
        methods: methods.to_vec(),
        name: "PLANT\\alice".into(),
        password: String::from("correct horse").into(),
        new_password: None,
        can_ask_again: true,
    };
    let ipv4 = Ipv4Config::Ask {
        local: Ipv4Addr::UNSPECIFIED,
    };
    LinkConfig {
        mppe,
        ..LinkConfig::new(Role::Client { credentials, ipv4 })
    }
}

fn mppe(strength: Strength, mode: Mode) -> MppeConfig {
    MppeConfig {
        policy: EncryptionPolicy::Required,
        strengths: vec![strength],
        modes: vec![mode],
    }
}

fn off() -> MppeConfig {
    MppeConfig {
        policy: EncryptionPolicy::Off,
        ..MppeConfig::default()
    }
}

#[test]
fn every_key_length_and_mode_carries_packets_under_both_ms_chaps() {
    for method in [Method::MsChapV1, Method::MsChapV2] {
        for strength in [Strength::Bits40, Strength::Bits56, Strength::Bits128] {
            for mode in [Mode::Stateless, Mode::Stateful] {
                let mppe = mppe(strength, mode);
                let mut pair = Pair::new(server(&[method], mppe.clone()), client(&[method], mppe));
                pair.connect();
                assert!(
                    pair.server.ipv4 && pair.client.ipv4,
                    "{method} {strength:?} {mode:?}"
                );
                assert!(
                    pair.server.ipv6 && pair.client.ipv6,
                    "{method} {strength:?} {mode:?}"
                );
                let summary = pair.server.link.summary();
                assert_eq!(summary.peer_name, b"PLANT\\alice");
                let (send, receive) = summary.encryption.unwrap();
                assert_eq!((send.strength, receive.mode), (strength, mode));
                pair.assert_traffic();
            }
        }
    }
}

#[test]
fn methods_without_keys_carry_packets_in_the_clear_where_that_is_allowed() {
    for method in [Method::Pap, Method::ChapMd5] {
        let mut pair = Pair::new(server(&[method], off()), client(&[method], off()));
        pair.connect();
        assert!(pair.server.ipv4 && pair.client.ipv4, "{method}");
        assert_eq!(pair.client.link.summary().encryption, None);
        pair.assert_traffic();
    }
}

#[test]
fn methods_without_keys_are_refused_where_encryption_is_required() {
    for method in [Method::Pap, Method::ChapMd5] {
        let mppe = MppeConfig::default();
        let mut pair = Pair::new(server(&[method], mppe), client(&[method], off()));
        pair.connect();
        let reason = CloseReason::NoEncryption(NoEncryption::NoKeys);
        assert_eq!(pair.server.closed, Some(reason), "{method}");
        assert!(!pair.server.ipv4 && !pair.client.ipv4);
    }
}

#[test]
fn the_default_policies_agree_on_ms_chap_v2_only() {
    let weaker = [Method::Pap, Method::ChapMd5, Method::MsChapV1];
    let mut pair = Pair::new(
        server(&[Method::MsChapV2], MppeConfig::default()),
        client(&weaker, MppeConfig::default()),
    );
    pair.connect();
    assert_eq!(
        pair.server.closed,
        Some(CloseReason::AuthenticationProtocol)
    );
    assert!(pair.client.closed.is_some());
}

#[test]
fn a_method_that_both_allow_is_found_whatever_comes_first() {
    let all = [
        Method::MsChapV2,
        Method::MsChapV1,
        Method::ChapMd5,
        Method::Pap,
    ];
    for method in all {
        let mut pair = Pair::new(server(&all, off()), client(&[method], off()));
        pair.connect();
        assert_eq!(pair.server.link.summary().peer_authentication, Some(method));
        assert!(pair.client.ipv4);
    }
}

#[test]
fn a_wrong_password_is_told_to_both_sides() {
    for method in [
        Method::Pap,
        Method::ChapMd5,
        Method::MsChapV1,
        Method::MsChapV2,
    ] {
        let mut pair = Pair::new(server(&[method], off()), client(&[method], off()));
        pair.password = "another".into();
        pair.connect();
        match &pair.server.closed {
            // The peer could have tried again and hung up instead.
            Some(CloseReason::PeerTerminated(_)) if method.makes_keys() => {}
            Some(CloseReason::PeerRefused(Refusal::WrongPassword)) if !method.makes_keys() => {}
            other => panic!("{method}: {other:?}"),
        }
        assert!(
            matches!(&pair.client.closed, Some(CloseReason::AuthenticationRefused(why)) if why.error == 691),
            "{method}: {:?}",
            pair.client.closed
        );
    }
}

#[test]
fn another_password_may_be_tried_on_the_same_link() {
    for method in [Method::MsChapV1, Method::MsChapV2] {
        let mppe = MppeConfig::default();
        let mut pair = Pair::new(server(&[method], mppe.clone()), client(&[method], mppe));
        pair.password = "third time lucky".into();
        pair.passwords_to_try = ["wrong".to_owned(), "third time lucky".to_owned()].into();
        pair.connect();
        assert!(
            pair.server.ipv4 && pair.client.ipv4,
            "{method}: {:?}",
            pair.client.closed
        );
        pair.assert_traffic();
    }
}

#[test]
fn three_wrong_passwords_end_the_link() {
    let mppe = MppeConfig::default();
    let methods = [Method::MsChapV2];
    let mut pair = Pair::new(server(&methods, mppe.clone()), client(&methods, mppe));
    pair.password = "never".into();
    pair.passwords_to_try = std::iter::repeat_n("wrong".to_owned(), 9).collect();
    pair.connect();
    assert_eq!(
        pair.server.closed,
        Some(CloseReason::PeerRefused(Refusal::WrongPassword))
    );
    assert_eq!(pair.passwords_to_try.len(), 7);
}

#[test]
fn an_expired_password_is_changed_on_the_way_in() {
    for method in [Method::MsChapV1, Method::MsChapV2] {
        let mppe = MppeConfig::default();
        let mut config = client(&[method], mppe.clone());
        if let Role::Client { credentials, .. } = &mut config.role {
            credentials.new_password = Some(String::from("Ünïcode 2").into());
        }
        let mut pair = Pair::new(server(&[method], mppe), config);
        pair.expired = true;
        pair.connect();
        assert_eq!(pair.changed_to.as_deref(), Some("Ünïcode 2"), "{method}");
        assert!(pair.server.ipv4 && pair.client.ipv4);
        pair.assert_traffic();
    }
}

#[test]
fn a_running_session_is_challenged_again_and_goes_on() {
    let methods = [Method::MsChapV2];
    let mut config = server(&methods, MppeConfig::default());
    if let Role::Server(authenticator) = &mut config.role {
        authenticator.rechallenge = Some(Duration::from_secs(600));
    }
    let mut pair = Pair::new(config, client(&methods, MppeConfig::default()));
    pair.connect();
    pair.assert_traffic();
    pair.run(Duration::from_secs(3000));
    assert!(pair.server.ipv4 && pair.client.ipv4);
    pair.assert_traffic();
    pair.password = "changed meanwhile".into();
    pair.run(Duration::from_secs(700));
    assert_eq!(
        pair.server.closed,
        Some(CloseReason::PeerRefused(Refusal::WrongPassword))
    );
}

#[test]
fn a_peer_that_will_not_encrypt_is_refused_with_a_reason_on_both_ends() {
    let methods = [Method::MsChapV2];
    let mut pair = Pair::new(
        server(&methods, MppeConfig::default()),
        client(&methods, off()),
    );
    pair.connect();
    let reason = CloseReason::NoEncryption(NoEncryption::PeerRefuses);
    assert_eq!(pair.server.closed, Some(reason));
    let told = pair.client.closed.unwrap().to_string();
    assert!(told.contains("encryption is required"), "{told}");
    assert!(!pair.client.ipv4);
}

#[test]
fn key_lengths_that_do_not_meet_are_refused() {
    let methods = [Method::MsChapV2];
    let mut pair = Pair::new(
        server(&methods, MppeConfig::default()),
        client(&methods, mppe(Strength::Bits40, Mode::Stateless)),
    );
    pair.connect();
    assert!(pair.server.closed.is_some() && pair.client.closed.is_some());
    assert!(!pair.server.ipv4 && !pair.client.ipv4);
}

#[test]
fn a_silent_peer_is_given_up() {
    let methods = [Method::MsChapV2];
    let mppe = MppeConfig::default();
    let mut pair = Pair::new(server(&methods, mppe.clone()), client(&methods, mppe));
    pair.server.link.open(pair.now);
    for _ in 0..40 {
        while let Some(output) = pair.server.link.poll_output() {
            if let Output::Closed(reason) = output {
                pair.server.closed = Some(reason);
            }
        }
        let Some(deadline) = pair.server.link.deadline() else {
            break;
        };
        pair.server.link.handle_timeout(deadline);
    }
    assert_eq!(pair.server.closed, Some(CloseReason::NoAnswer));
}

#[test]
fn hanging_up_is_orderly_from_either_side() {
    for from_client in [true, false] {
        let methods = [Method::MsChapV2];
        let mppe = MppeConfig::default();
        let mut pair = Pair::new(server(&methods, mppe.clone()), client(&methods, mppe));
        pair.connect();
        let link = if from_client {
            &mut pair.client.link
        } else {
            &mut pair.server.link
        };
        link.close(pair.now);
        pair.drain();
        let (ours, theirs) = if from_client {
            (&pair.client.closed, &pair.server.closed)
        } else {
            (&pair.server.closed, &pair.client.closed)
        };
        assert_eq!(*ours, Some(CloseReason::Requested));
        assert!(matches!(theirs, Some(CloseReason::PeerTerminated(_))));
        assert!(!pair.client.ipv4 && !pair.server.ipv4);
    }
}
