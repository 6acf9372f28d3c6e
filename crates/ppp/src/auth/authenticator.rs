//! The side that asks: sends challenges, puts what comes back to its owner, tells the peer.

use std::time::{Duration, Instant};

use adit_wire::chap::{self, Value};
use adit_wire::mschap::{
    ChangePasswordV1, ChangePasswordV2, FailureMessage, ResponseV1, ResponseV2,
};
use adit_wire::pap;
use adit_wire::ppp::Protocol;
use zeroize::Zeroizing;

use super::{Acceptance, Credentials, Method, Outcome, Proof, Refusal, Ticket, Verdict};
use crate::lcp::Seed;
use crate::queue::Queue;

/// How a server authenticates its peers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthenticatorConfig {
    /// The methods that will do, the first preferred.
    pub methods: Vec<Method>,
    /// Our name in challenges.
    pub name: String,
    /// Wrong passwords on one link before it is closed.
    pub attempts: u32,
    /// Between two challenges of a running session; `None` for never.
    pub rechallenge: Option<Duration>,
    /// Whether an expired password may be changed.
    pub password_change: bool,
    /// How long an unanswered challenge waits before it is sent again.
    pub retransmit: Duration,
    /// How often a challenge is sent.
    pub transmissions: u32,
    /// How long a user may take to type another password after a wrong one.
    pub retry_wait: Duration,
}

impl Default for AuthenticatorConfig {
    fn default() -> Self {
        Self {
            methods: vec![Method::MsChapV2],
            name: "adit".to_owned(),
            attempts: 3,
            rechallenge: None,
            password_change: true,
            retransmit: Duration::from_secs(3),
            transmissions: 10,
            retry_wait: Duration::from_secs(60),
        }
    }
}

/// What the authenticator wants done or known.
pub(crate) enum AuthenticatorSignal {
    Send(Protocol, Vec<u8>),
    Ask(Ticket, Credentials),
    /// The peer is accepted; not repeated when a running session is challenged again.
    Succeeded(Outcome),
    Failed(AuthenticatorFailure),
}

/// Why a peer was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AuthenticatorFailure {
    Refused(Refusal),
    NoAnswer,
}

/// What one authenticator leaves to the next of the same link, when LCP negotiates again: neither
/// may a peer get more tries by that, nor may a late answer be taken for one to a new question.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct History {
    next_ticket: u64,
    failures: u32,
}

/// One link's authenticator.
pub(crate) struct Authenticator {
    config: AuthenticatorConfig,
    method: Method,
    entropy: Seed,
    state: State,
    next_identifier: u8,
    history: History,
    /// The last name that was sent; a Change-Password packet has none.
    name: Vec<u8>,
    accepted: bool,
    answered: Option<Answered>,
    signals: Queue<AuthenticatorSignal>,
}

#[derive(Debug)]
enum State {
    /// Waits for the peer's PAP request, or for its next try; the link's own limit bounds it.
    AwaitingRequest,
    /// A challenge is out.
    Challenged {
        challenge: Challenge,
        sent: u32,
        deadline: Instant,
    },
    /// A Failure with a new challenge is out.
    Retrying {
        challenge: Challenge,
        error: u32,
        deadline: Instant,
    },
    /// The owner is being asked.
    Asked { ticket: Ticket, identifier: u8 },
    /// Accepted; the next challenge is due at this time.
    Accepted { next: Option<Instant> },
    /// Refused.
    Failed,
}

#[derive(Debug, Clone)]
struct Challenge {
    identifier: u8,
    octets: Vec<u8>,
}

/// The last answered packet and the answer, for a peer that sends it again because the answer was
/// lost (RFC 1994 §4.2).
struct Answered {
    packet: Zeroizing<Vec<u8>>,
    reply: (Protocol, Vec<u8>),
}

impl std::fmt::Debug for Answered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Answered(***)")
    }
}

impl Authenticator {
    /// Starts with `method` as agreed in LCP.
    pub(crate) fn new(
        now: Instant,
        method: Method,
        config: AuthenticatorConfig,
        history: History,
        entropy: Seed,
    ) -> Self {
        let [first_identifier] = entropy.0.array();
        let mut authenticator = Self {
            config,
            method,
            entropy,
            state: State::AwaitingRequest,
            next_identifier: first_identifier,
            history,
            name: Vec::new(),
            accepted: false,
            answered: None,
            signals: Queue::new(),
        };
        if method != Method::Pap {
            authenticator.challenge(now);
        }
        authenticator
    }

    /// The method in use.
    pub(crate) fn method(&self) -> Method {
        self.method
    }

    /// What the link's next authenticator has to know.
    pub(crate) fn history(&self) -> History {
        self.history
    }

    /// The name that the peer gave.
    pub(crate) fn peer_name(&self) -> &[u8] {
        &self.name
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Challenged { deadline, .. } | State::Retrying { deadline, .. } => {
                Some(*deadline)
            }
            State::Accepted { next } => *next,
            State::AwaitingRequest | State::Asked { .. } | State::Failed => None,
        }
    }

    /// What came of the last call; to be drained.
    pub(crate) fn poll_signal(&mut self) -> Option<AuthenticatorSignal> {
        self.signals.pop_front()
    }

    /// A challenge unanswered, a retry not made, or a new challenge due.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        match &mut self.state {
            State::Challenged {
                challenge,
                sent,
                deadline,
            } => {
                if *sent < self.config.transmissions {
                    *sent += 1;
                    *deadline = now + self.config.retransmit;
                    let packet = challenge_packet(challenge, &self.config.name);
                    self.signals
                        .push_back(AuthenticatorSignal::Send(Protocol::CHAP, packet));
                } else {
                    self.fail(AuthenticatorFailure::NoAnswer);
                }
            }
            State::Retrying { .. } => {
                self.fail(AuthenticatorFailure::Refused(Refusal::WrongPassword));
            }
            State::Accepted { .. } => self.challenge(now),
            State::AwaitingRequest | State::Asked { .. } | State::Failed => {}
        }
    }

    /// A PAP packet from the peer, with its octets as they came.
    pub(crate) fn handle_pap(&mut self, packet: pap::Packet, octets: &[u8]) {
        let pap::Body::AuthenticateRequest {
            peer_id, password, ..
        } = packet.body
        else {
            return;
        };
        let password = Zeroizing::new(password);
        if self.method != Method::Pap || self.repeats_pap(packet.identifier, octets) {
            return;
        }
        if matches!(self.state, State::AwaitingRequest) {
            self.name = peer_id;
            self.ask(packet.identifier, octets, Proof::Pap { password });
        }
    }

    /// A CHAP packet from the peer, with its octets as they came.
    pub(crate) fn handle_chap(&mut self, now: Instant, packet: chap::Packet, octets: &[u8]) {
        if self.method == Method::Pap || self.repeats_answer(octets) {
            return;
        }
        let identifier = packet.identifier;
        match packet.body {
            chap::Body::Response(value) => {
                let Some(challenge) = self.outstanding(identifier) else {
                    return;
                };
                let Some(proof) = self.response(identifier, challenge, &value.value) else {
                    return;
                };
                if self.accepted && self.name != value.name {
                    // A session stays with the user that it was opened for.
                    self.refuse(now, identifier, Refusal::WrongPassword);
                    return;
                }
                self.name = value.name;
                self.ask(identifier, octets, proof);
            }
            chap::Body::ChangePassword { code, data } => {
                if !self.awaits_change() {
                    return;
                }
                let Some(challenge) = self.outstanding(identifier) else {
                    return;
                };
                if let Some(proof) = self.change(code, &challenge, &data) {
                    self.ask(identifier, octets, proof);
                }
            }
            _ => {}
        }
    }

    /// The owner's answer; one to an older question changes nothing.
    pub(crate) fn answer(&mut self, now: Instant, ticket: Ticket, verdict: Verdict) {
        let State::Asked {
            ticket: asked,
            identifier,
        } = self.state
        else {
            return;
        };
        if asked != ticket {
            return;
        }
        match verdict {
            Verdict::Accept(acceptance) => self.accept(now, identifier, *acceptance),
            Verdict::Refuse(refusal) => self.refuse(now, identifier, refusal),
        }
    }

    fn challenge(&mut self, now: Instant) {
        let octets = match self.method {
            Method::MsChapV1 => self.entropy.0.array::<8>().to_vec(),
            _ => self.entropy.0.array::<16>().to_vec(),
        };
        let identifier = self.next_identifier;
        self.next_identifier = identifier.wrapping_add(1);
        let challenge = Challenge { identifier, octets };
        let packet = challenge_packet(&challenge, &self.config.name);
        self.signals
            .push_back(AuthenticatorSignal::Send(Protocol::CHAP, packet));
        self.answered = None;
        self.state = State::Challenged {
            challenge,
            sent: 1,
            deadline: now + self.config.retransmit,
        };
    }

    /// Whether the peer was told that its password has expired.
    fn awaits_change(&self) -> bool {
        matches!(self.state, State::Retrying { error, .. } if error == FailureMessage::PASSWORD_EXPIRED)
    }

    /// The challenge that a response with this identifier belongs to.
    fn outstanding(&self, identifier: u8) -> Option<Vec<u8>> {
        match &self.state {
            State::Challenged { challenge, .. } => {
                (challenge.identifier == identifier).then(|| challenge.octets.clone())
            }
            // RFC 2759 §4 has the identifier counted up; some peers keep the old one.
            State::Retrying { challenge, .. } => {
                [challenge.identifier, challenge.identifier.wrapping_add(1)]
                    .contains(&identifier)
                    .then(|| challenge.octets.clone())
            }
            _ => None,
        }
    }

    fn response(&self, identifier: u8, challenge: Vec<u8>, value: &[u8]) -> Option<Proof> {
        match self.method {
            Method::Pap => None,
            Method::ChapMd5 => Some(Proof::ChapMd5 {
                identifier,
                challenge,
                response: value.to_vec(),
            }),
            Method::MsChapV1 => Some(Proof::MsChapV1 {
                challenge: challenge.try_into().ok()?,
                response: ResponseV1::decode(value).ok()?,
            }),
            Method::MsChapV2 => Some(Proof::MsChapV2 {
                challenge: challenge.try_into().ok()?,
                response: ResponseV2::decode(value).ok()?,
            }),
        }
    }

    fn change(&self, code: u8, challenge: &[u8], data: &[u8]) -> Option<Proof> {
        match (self.method, code) {
            (Method::MsChapV1, ChangePasswordV1::CODE) => Some(Proof::ChangePasswordV1 {
                challenge: challenge.try_into().ok()?,
                change: Box::new(ChangePasswordV1::decode(data).ok()?),
            }),
            (Method::MsChapV2, ChangePasswordV2::CODE) => Some(Proof::ChangePasswordV2 {
                challenge: challenge.try_into().ok()?,
                change: Box::new(ChangePasswordV2::decode(data).ok()?),
            }),
            _ => None,
        }
    }

    fn ask(&mut self, identifier: u8, octets: &[u8], proof: Proof) {
        let ticket = Ticket(self.history.next_ticket);
        self.history.next_ticket += 1;
        self.answered = Some(Answered {
            packet: Zeroizing::new(octets.to_vec()),
            reply: (Protocol::CHAP, Vec::new()),
        });
        let credentials = Credentials {
            name: self.name.clone(),
            proof,
        };
        self.signals
            .push_back(AuthenticatorSignal::Ask(ticket, credentials));
        self.state = State::Asked { ticket, identifier };
    }

    /// Sends the answer of before to a packet of before.
    fn repeats_answer(&mut self, octets: &[u8]) -> bool {
        let Some(answered) = self.answered.as_ref().filter(|it| *it.packet == octets) else {
            return false;
        };
        let (protocol, reply) = answered.reply.clone();
        if !reply.is_empty() {
            self.signals
                .push_back(AuthenticatorSignal::Send(protocol, reply));
        }
        true
    }

    /// As [`repeats_answer`](Self::repeats_answer) for PAP, where each repetition has an identifier of
    /// its own, which the answer has to have (RFC 1334 §2).
    fn repeats_pap(&mut self, identifier: u8, octets: &[u8]) -> bool {
        let Some(answered) = &mut self.answered else {
            return false;
        };
        let identified = |packet: &mut [u8]| {
            if let Some(field) = packet.get_mut(1) {
                *field = identifier;
            }
        };
        let mut repeated = answered.packet.clone();
        identified(&mut repeated);
        if *repeated != octets {
            return false;
        }
        answered.packet = repeated;
        identified(&mut answered.reply.1);
        if let State::Asked {
            identifier: asked, ..
        } = &mut self.state
        {
            *asked = identifier;
        }
        self.repeats_answer(octets)
    }

    fn reply(&mut self, protocol: Protocol, packet: Vec<u8>) {
        if let Some(answered) = &mut self.answered {
            answered.reply = (protocol, packet.clone());
        }
        self.signals
            .push_back(AuthenticatorSignal::Send(protocol, packet));
    }

    fn accept(&mut self, now: Instant, identifier: u8, acceptance: Acceptance) {
        let Acceptance {
            proven,
            ipv4,
            interface_id,
            message,
        } = acceptance;
        let mut packet = Vec::new();
        if self.method == Method::Pap {
            let body = pap::Body::AuthenticateAck(pap::Message::Text(message.into_bytes()));
            pap::Packet { identifier, body }.encode(&mut packet);
            self.reply(Protocol::PAP, packet);
        } else {
            let text = success_text(&proven, &message);
            chap::Packet {
                identifier,
                body: chap::Body::Success(text),
            }
            .encode(&mut packet);
            self.reply(Protocol::CHAP, packet);
        }
        let next = self
            .config
            .rechallenge
            .filter(|_| self.method != Method::Pap)
            .map(|interval| now + interval);
        self.state = State::Accepted { next };
        if !std::mem::replace(&mut self.accepted, true) {
            let outcome = Outcome {
                keys: proven.keys,
                requires_encryption: proven.requires_encryption,
                ipv4,
                interface_id,
            };
            self.signals
                .push_back(AuthenticatorSignal::Succeeded(outcome));
        }
    }

    fn refuse(&mut self, now: Instant, identifier: u8, refusal: Refusal) {
        self.history.failures += 1;
        let again = !self.accepted && self.history.failures < self.config.attempts;
        match self.method {
            Method::Pap => {
                let mut packet = Vec::new();
                let text = pap::Message::Text(refusal.to_string().into_bytes());
                let body = pap::Body::AuthenticateNak(text);
                pap::Packet { identifier, body }.encode(&mut packet);
                self.reply(Protocol::PAP, packet);
                self.fail(AuthenticatorFailure::Refused(refusal));
            }
            Method::ChapMd5 => {
                self.send_failure(identifier, refusal.to_string().into_bytes());
                self.fail(AuthenticatorFailure::Refused(refusal));
            }
            Method::MsChapV1 | Method::MsChapV2 => {
                self.refuse_mschap(now, identifier, refusal, again);
            }
        }
    }

    fn refuse_mschap(&mut self, now: Instant, identifier: u8, refusal: Refusal, again: bool) {
        let expired = refusal == Refusal::PasswordExpired && self.config.password_change;
        let retry = refusal == Refusal::WrongPassword && again;
        let (challenge, version) = match self.method {
            Method::MsChapV1 => (self.entropy.0.array::<8>().to_vec(), 2),
            _ => (self.entropy.0.array::<16>().to_vec(), 3),
        };
        let message = FailureMessage {
            error: error_number(refusal),
            retry,
            challenge: Some(challenge.clone()),
            version: Some(version),
            // Windows shows no text, and the oldest versions do not get past one.
            text: String::new(),
        };
        self.send_failure(identifier, message.encode());
        if retry || (expired && again) {
            self.state = State::Retrying {
                challenge: Challenge {
                    identifier,
                    octets: challenge,
                },
                error: message.error,
                deadline: now + self.config.retry_wait,
            };
        } else {
            self.fail(AuthenticatorFailure::Refused(refusal));
        }
    }

    fn send_failure(&mut self, identifier: u8, message: Vec<u8>) {
        let mut packet = Vec::new();
        chap::Packet {
            identifier,
            body: chap::Body::Failure(message),
        }
        .encode(&mut packet);
        self.reply(Protocol::CHAP, packet);
    }

    fn fail(&mut self, failure: AuthenticatorFailure) {
        self.state = State::Failed;
        self.signals.push_back(AuthenticatorSignal::Failed(failure));
    }
}

fn challenge_packet(challenge: &Challenge, name: &str) -> Vec<u8> {
    let value = Value {
        value: challenge.octets.clone(),
        name: name.as_bytes().to_vec(),
    };
    let body = chap::Body::Challenge(value);
    let mut packet = Vec::new();
    chap::Packet {
        identifier: challenge.identifier,
        body,
    }
    .encode(&mut packet);
    packet
}

/// `S=… M=…` for MS-CHAPv2, the text alone otherwise.
fn success_text(proven: &super::Proven, message: &str) -> Vec<u8> {
    match &proven.authenticator_response {
        Some(response) => {
            let mut text = response.encode().to_vec();
            text.extend_from_slice(b" M=");
            text.extend_from_slice(message.as_bytes());
            text
        }
        None => message.as_bytes().to_vec(),
    }
}

const fn error_number(refusal: Refusal) -> u32 {
    match refusal {
        Refusal::WrongPassword => FailureMessage::AUTHENTICATION_FAILURE,
        Refusal::PasswordExpired => FailureMessage::PASSWORD_EXPIRED,
        Refusal::AccountDisabled => FailureMessage::ACCOUNT_DISABLED,
        Refusal::RestrictedLogonHours => FailureMessage::RESTRICTED_LOGON_HOURS,
        Refusal::NoDialInPermission | Refusal::Unavailable => FailureMessage::NO_DIALIN_PERMISSION,
        Refusal::ChangingPassword => FailureMessage::CHANGING_PASSWORD,
    }
}
