use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use adit_ppp::auth::{Acceptance, Credentials, Refusal, Secret, Verdict};
use adit_ppp::link::{CloseReason, IpVersion, Output, Received};
use adit_ppp::{Link, LinkConfig};

use super::config::{PASSWORD, assignment};
use super::entropy::{Seeded, splitmix};

/// One link and what came of it.
pub(crate) struct End {
    pub(crate) link: Link,
    pub(crate) ipv4: bool,
    pub(crate) ipv6: bool,
    pub(crate) closed: Option<CloseReason>,
}

/// A server's and a client's link against each other.
pub(crate) struct Pair {
    pub(crate) now: Instant,
    pub(crate) server: End,
    pub(crate) client: End,
    pub(crate) password: String,
    pub(crate) expired: bool,
    pub(crate) passwords_to_try: VecDeque<String>,
    pub(crate) changed_to: Option<String>,
    path: Impairment,
    in_flight: BTreeMap<(Instant, u64), (Side, Vec<u8>)>,
    sent: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Server,
    Client,
}

/// What a path does to frames, by seed.
#[derive(Default)]
pub(crate) struct Impairment {
    pub(crate) seed: u64,
    /// Lost frames of a thousand.
    pub(crate) loss: u64,
    /// Frames of a thousand that come twice.
    pub(crate) duplicates: u64,
    /// The longest delay, in milliseconds; differing delays reorder.
    pub(crate) jitter: u64,
}

impl Impairment {
    /// The delays of the copies of one frame.
    fn copies(&mut self) -> Vec<Duration> {
        let mut draw = |below: u64| splitmix(&mut self.seed) % below;
        let count = match (draw(1000) < self.loss, draw(1000) < self.duplicates) {
            (true, _) => 0,
            (false, true) => 2,
            (false, false) => 1,
        };
        (0..count)
            .map(|_| Duration::from_millis(draw(self.jitter + 1)))
            .collect()
    }
}

impl Pair {
    pub(crate) fn new(server: LinkConfig, client: LinkConfig) -> Self {
        Self::over(Impairment::default(), server, client)
    }

    pub(crate) fn over(path: Impairment, server: LinkConfig, client: LinkConfig) -> Self {
        let end = |config, seed| End {
            link: Link::new(Arc::new(config), Arc::new(Seeded::new(seed))),
            ipv4: false,
            ipv6: false,
            closed: None,
        };
        Self {
            now: Instant::now(),
            server: end(server, path.seed.wrapping_mul(2) + 1),
            client: end(client, path.seed.wrapping_mul(2) + 2),
            password: PASSWORD.into(),
            expired: false,
            passwords_to_try: VecDeque::new(),
            changed_to: None,
            path,
            in_flight: BTreeMap::new(),
            sent: 0,
        }
    }

    pub(crate) fn connect(&mut self) {
        self.server.link.open(self.now);
        self.client.link.open(self.now);
        self.run(Duration::from_secs(120));
    }

    /// Lets time pass and handles all that is due in it.
    pub(crate) fn run(&mut self, span: Duration) {
        let end = self.now + span;
        loop {
            self.drain();
            let next = [
                self.server.link.deadline(),
                self.client.link.deadline(),
                self.in_flight.keys().next().map(|(at, _)| *at),
            ]
            .into_iter()
            .flatten()
            .min();
            match next {
                Some(next) if next <= end => self.now = self.now.max(next),
                _ => break,
            }
            self.server.link.handle_timeout(self.now);
            self.client.link.handle_timeout(self.now);
        }
        self.now = end;
    }

    /// Handles all that is due at this moment.
    pub(crate) fn drain(&mut self) {
        loop {
            let mut quiet = true;
            while let Some(output) = self.server.link.poll_output() {
                quiet = false;
                self.on_server_output(output);
            }
            while let Some(output) = self.client.link.poll_output() {
                quiet = false;
                self.on_client_output(output);
            }
            while let Some(entry) = self.in_flight.first_entry() {
                if entry.key().0 > self.now {
                    break;
                }
                quiet = false;
                let (to, mut frame) = entry.remove();
                let end = match to {
                    Side::Server => &mut self.server,
                    Side::Client => &mut self.client,
                };
                let _ = end.link.receive(self.now, &mut frame);
            }
            if quiet {
                return;
            }
        }
    }

    fn on_server_output(&mut self, output: Output) {
        match output {
            Output::Frame(frame) => self.send(Side::Client, &frame),
            Output::Authenticate(ticket, credentials) => {
                let verdict = self.verdict(&credentials);
                self.server.link.answer(self.now, ticket, verdict);
            }
            other => self.server.note(other),
        }
    }

    fn on_client_output(&mut self, output: Output) {
        match output {
            Output::Frame(frame) => self.send(Side::Server, &frame),
            Output::AskPassword => {
                let next = self.passwords_to_try.pop_front().map(Into::into);
                self.client.link.supply_password(self.now, next);
            }
            other => self.client.note(other),
        }
    }

    fn send(&mut self, to: Side, frame: &[u8]) {
        for delay in self.path.copies() {
            self.in_flight
                .insert((self.now + delay, self.sent), (to, frame.to_vec()));
            self.sent += 1;
        }
    }

    fn verdict(&mut self, credentials: &Credentials) -> Verdict {
        let secret = Secret::clear(self.password.clone());
        match credentials.verify(&secret) {
            Ok(_) if self.expired && !credentials.proof.is_change() => {
                Verdict::Refuse(Refusal::PasswordExpired)
            }
            Ok(proven) => {
                if let Some(new) = &proven.new_password {
                    self.expired = false;
                    self.password = new.password().to_owned();
                    self.changed_to = Some(self.password.clone());
                }
                Verdict::Accept(Box::new(Acceptance {
                    proven,
                    ipv4: Some(assignment()),
                    interface_id: None,
                    message: "welcome".into(),
                }))
            }
            Err(refusal) => Verdict::Refuse(refusal),
        }
    }

    /// Makes the server negotiate LCP again: in the Opened state a Terminate-Ack does that
    /// (RFC 1661 §4.1).
    pub(crate) fn renegotiate(&mut self) {
        let mut frame = [0xff, 0x03, 0xc0, 0x21, 6, 1, 0, 4];
        self.server.link.receive(self.now, &mut frame).unwrap();
        self.drain();
    }

    pub(crate) fn is_up(&self) -> bool {
        self.server.ipv4 && self.client.ipv4
    }

    /// Whether both ends are over.
    pub(crate) fn is_closed(&self) -> bool {
        self.server.closed.is_some() && self.client.closed.is_some()
    }

    /// Sends packets both ways, enough to pass a change of keys in stateful mode.
    pub(crate) fn assert_traffic(&mut self) {
        for _ in 0..600 {
            self.assert_traffic_once();
        }
    }

    /// Sends one packet each way.
    pub(crate) fn assert_traffic_once(&mut self) {
        let (now, server, client) = (self.now, &mut self.server.link, &mut self.client.link);
        carry(now, client, server);
        carry(now, server, client);
    }
}

impl End {
    fn note(&mut self, output: Output) {
        assert_eq!(self.closed, None, "an output after Closed");
        match output {
            Output::Ipv4Up(_) => assert!(!std::mem::replace(&mut self.ipv4, true)),
            Output::Ipv4Down => assert!(std::mem::replace(&mut self.ipv4, false)),
            Output::Ipv6Up(_) => assert!(!std::mem::replace(&mut self.ipv6, true)),
            Output::Ipv6Down => assert!(std::mem::replace(&mut self.ipv6, false)),
            Output::Closed(reason) => self.closed = Some(reason),
            Output::Frame(_) | Output::Authenticate(..) | Output::AskPassword => unreachable!(),
        }
    }
}

fn carry(now: Instant, from: &mut Link, to: &mut Link) {
    let mut packet = vec![0x55; 100];
    packet[..4].copy_from_slice(&[0x45, 0, 0, 100]);
    let mut frame = Vec::new();
    from.seal(IpVersion::V4, &packet, &mut frame).unwrap();
    match to.receive(now, &mut frame).unwrap() {
        Received::Packet(IpVersion::V4, inner) => assert_eq!(inner, packet),
        other => panic!("{other:?}"),
    }
}
