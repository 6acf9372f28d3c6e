use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use adit_ppp::auth::{Acceptance, Credentials, Proven, Refusal, Secret, Ticket, Verdict};
use adit_ppp::link::{CloseReason, Discard, Output, Received};
use adit_ppp::{Ipv4Config, Ipv4Network, Link, LinkConfig};
use adit_wire::cp::{Body, ControlProtocol, Packet, RawPacket, code};
use adit_wire::ppp::{Encapsulation, Protocol};
use adit_wire::{chap, pap};

use super::config::{PASSWORD, assignment};
use super::entropy::Seeded;

/// One link against a peer that the test plays, in virtual time.
pub(crate) struct Script {
    pub(crate) link: Link,
    pub(crate) now: Instant,
    pub(crate) frames: VecDeque<Vec<u8>>,
    pub(crate) events: VecDeque<Output>,
    pub(crate) next_identifier: u8,
}

impl Script {
    /// The link of `config`, opened.
    pub(crate) fn open(config: LinkConfig) -> Self {
        let mut script = Self::unopened(config);
        script.link.open(script.now);
        script.collect();
        script
    }

    pub(crate) fn unopened(config: LinkConfig) -> Self {
        Self {
            link: Link::new(Arc::new(config), Arc::new(Seeded::new(7))),
            now: Instant::now(),
            frames: VecDeque::new(),
            events: VecDeque::new(),
            next_identifier: 100,
        }
    }

    pub(crate) fn collect(&mut self) {
        while let Some(output) = self.link.poll_output() {
            match output {
                Output::Frame(frame) => self.frames.push_back(frame),
                event => self.events.push_back(event),
            }
        }
    }

    /// Hands a frame to the link; a network-layer packet is given back.
    pub(crate) fn frame(&mut self, mut frame: Vec<u8>) -> Result<Option<Vec<u8>>, Discard> {
        let result = match self.link.receive(self.now, &mut frame) {
            Ok(Received::Packet(_, packet)) => Ok(Some(packet.to_vec())),
            Ok(Received::Control) => Ok(None),
            Err(discard) => Err(discard),
        };
        self.collect();
        result
    }

    /// Hands over an information field with uncompressed headers.
    pub(crate) fn octets(&mut self, protocol: Protocol, octets: &[u8]) -> Result<(), Discard> {
        let mut frame = Encapsulation::PLAIN.header(protocol).as_ref().to_vec();
        frame.extend_from_slice(octets);
        self.frame(frame).map(drop)
    }

    /// Says a control packet.
    pub(crate) fn say<P: ControlProtocol>(&mut self, identifier: u8, body: Body<P::Option>) {
        let mut octets = Vec::new();
        Packet { identifier, body }.encode(&mut octets);
        // What is dropped, and why, is for the tests that ask.
        let _ = self.octets(P::PROTOCOL, &octets);
    }

    pub(crate) fn say_chap(&mut self, identifier: u8, body: chap::Body) {
        let mut octets = Vec::new();
        chap::Packet { identifier, body }.encode(&mut octets);
        let _ = self.octets(Protocol::CHAP, &octets);
    }

    pub(crate) fn say_pap(&mut self, identifier: u8, body: pap::Body) {
        let mut octets = Vec::new();
        pap::Packet { identifier, body }.encode(&mut octets);
        let _ = self.octets(Protocol::PAP, &octets);
    }

    /// The information field of the first frame of a protocol, which must be there.
    fn take(&mut self, wanted: Protocol) -> Vec<u8> {
        self.try_take(wanted)
            .unwrap_or_else(|| panic!("no frame of {wanted} in {}", self.trace()))
    }

    fn try_take(&mut self, wanted: Protocol) -> Option<Vec<u8>> {
        self.find_frame(|protocol, _| protocol == wanted)
    }

    /// Takes the information field of the first frame that fits.
    fn find_frame(&mut self, fits: impl Fn(Protocol, &[u8]) -> bool) -> Option<Vec<u8>> {
        let position = self.frames.iter().position(|frame| {
            let (_, protocol, information) = Encapsulation::split(frame).unwrap();
            fits(protocol, information)
        })?;
        let frame = self.frames.remove(position)?;
        Some(Encapsulation::split(&frame).unwrap().2.to_vec())
    }

    /// Hears the next packet of a control protocol.
    pub(crate) fn hear<P: ControlProtocol>(&mut self) -> Packet<P::Option> {
        interpret::<P>(&self.take(P::PROTOCOL))
    }

    /// Hears the next packet of a control protocol, if there is one.
    pub(crate) fn try_hear<P: ControlProtocol>(&mut self) -> Option<Packet<P::Option>> {
        Some(interpret::<P>(&self.try_take(P::PROTOCOL)?))
    }

    pub(crate) fn hear_chap(&mut self) -> chap::Packet {
        let octets = self.take(Protocol::CHAP);
        chap::Packet::interpret(RawPacket::decode(&octets).unwrap().0).unwrap()
    }

    pub(crate) fn hear_pap(&mut self) -> pap::Packet {
        let octets = self.take(Protocol::PAP);
        pap::Packet::interpret(RawPacket::decode(&octets).unwrap().0).unwrap()
    }

    /// Hears a Configure-Request and acknowledges it; gives its options.
    pub(crate) fn accept<P: ControlProtocol>(&mut self) -> Vec<P::Option> {
        let packet = self.hear::<P>();
        let Body::ConfigureRequest(options) = packet.body else {
            panic!("{packet}")
        };
        self.say::<P>(packet.identifier, Body::ConfigureAck(options.clone()));
        options
    }

    /// Says a Configure-Request and hears the answer.
    pub(crate) fn request<P: ControlProtocol>(&mut self, options: &[P::Option]) -> Body<P::Option> {
        let identifier = self.identifier();
        self.say::<P>(identifier, Body::ConfigureRequest(options.to_vec()));
        let answer = self
            .find_frame(|protocol, octets| {
                protocol == P::PROTOCOL && octets[0] != code::CONFIGURE_REQUEST
            })
            .unwrap();
        let answer = interpret::<P>(&answer);
        assert_eq!(answer.identifier, identifier, "{answer}");
        answer.body
    }

    /// Says a Configure-Request that must be acknowledged as it is.
    pub(crate) fn agree<P: ControlProtocol>(&mut self, options: &[P::Option]) {
        let answer = self.request::<P>(options);
        assert_eq!(answer, Body::ConfigureAck(options.to_vec()));
    }

    pub(crate) fn identifier(&mut self) -> u8 {
        self.next_identifier = self.next_identifier.wrapping_add(1);
        self.next_identifier
    }

    /// Lets time pass.
    pub(crate) fn wait(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(deadline) = self.link.deadline().filter(|deadline| *deadline <= end) {
            self.now = self.now.max(deadline);
            self.link.handle_timeout(self.now);
            self.collect();
        }
        self.now = end;
    }

    /// Lets time pass until something is due, and gives how long that took.
    pub(crate) fn wait_for_deadline(&mut self) -> Duration {
        let deadline = self.link.deadline().unwrap();
        let span = deadline - self.now;
        self.wait(span);
        span
    }

    /// No frame is left.
    pub(crate) fn assert_silent(&self) {
        assert!(self.frames.is_empty(), "{}", self.trace());
    }

    fn trace(&self) -> String {
        format!("{:02x?}", self.frames)
    }

    /// The question that must have been asked.
    pub(crate) fn question(&mut self) -> (Ticket, Credentials) {
        match self.events.pop_front() {
            Some(Output::Authenticate(ticket, credentials)) => (ticket, credentials),
            Some(Output::Closed(reason)) => panic!("closed: {reason}"),
            _ => panic!("no question"),
        }
    }

    /// Answers the question that must have been asked by checking against `password`.
    pub(crate) fn check_against(&mut self, password: &str) -> Result<(), Refusal> {
        let (ticket, credentials) = self.question();
        match credentials.verify(&Secret::clear(password)) {
            Ok(proven) => {
                self.accept_peer(ticket, proven, Some(assignment()));
                Ok(())
            }
            Err(refusal) => {
                self.link.answer(self.now, ticket, Verdict::Refuse(refusal));
                self.collect();
                Err(refusal)
            }
        }
    }

    /// Answers the question by checking against the right password; the peer must have known it.
    pub(crate) fn grant(&mut self) {
        self.check_against(PASSWORD).unwrap();
    }

    /// As [`grant`](Self::grant), with addresses.
    pub(crate) fn grant_with(&mut self, ipv4: Ipv4Config) {
        let (ticket, credentials) = self.question();
        let proven = credentials.verify(&Secret::clear(PASSWORD)).unwrap();
        self.accept_peer(ticket, proven, Some(ipv4));
    }

    pub(crate) fn accept_peer(&mut self, ticket: Ticket, proven: Proven, ipv4: Option<Ipv4Config>) {
        let acceptance = Acceptance {
            proven,
            ipv4,
            interface_id: None,
            message: "welcome".into(),
        };
        let verdict = Verdict::Accept(Box::new(acceptance));
        self.link.answer(self.now, ticket, verdict);
        self.collect();
    }

    pub(crate) fn refuse(&mut self, refusal: Refusal) {
        let (ticket, _) = self.question();
        self.link.answer(self.now, ticket, Verdict::Refuse(refusal));
        self.collect();
    }

    pub(crate) fn supply_password(&mut self, password: Option<&str>) {
        let password = password.map(|password| String::from(password).into());
        self.link.supply_password(self.now, password);
        self.collect();
    }

    /// IPv4 must have come up.
    pub(crate) fn ipv4(&mut self) -> Ipv4Network {
        self.find(|event| match event {
            Output::Ipv4Up(network) => Some(*network),
            _ => None,
        })
        .unwrap()
    }

    /// Whether such an event has come.
    pub(crate) fn has(&self, wanted: impl Fn(&Output) -> bool) -> bool {
        self.events.iter().any(wanted)
    }

    /// Why the link was closed, if it was.
    pub(crate) fn closed(&self) -> Option<CloseReason> {
        self.find(|event| match event {
            Output::Closed(reason) => Some(reason.clone()),
            _ => None,
        })
    }

    fn find<T>(&self, wanted: impl Fn(&Output) -> Option<T>) -> Option<T> {
        self.events.iter().find_map(wanted)
    }

    /// Acknowledges the link's Terminate-Requests, of whichever layer, until it is closed; gives
    /// why it was.
    pub(crate) fn hang_up(&mut self) -> CloseReason {
        while let Some(frame) = self.frames.pop_front() {
            let (_, protocol, octets) = Encapsulation::split(&frame).unwrap();
            if octets[0] == code::TERMINATE_REQUEST {
                let acknowledge = [code::TERMINATE_ACK, octets[1], 0, 4];
                let _ = self.octets(protocol, &acknowledge);
            }
        }
        self.closed().unwrap()
    }
}

fn interpret<P: ControlProtocol>(octets: &[u8]) -> Packet<P::Option> {
    let (raw, padding) = RawPacket::decode(octets).unwrap();
    assert!(padding.is_empty());
    Packet::interpret::<P>(raw).unwrap()
}
