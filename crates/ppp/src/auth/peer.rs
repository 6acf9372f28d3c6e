//! The side that answers: proves who we are, and has an MS-CHAPv2 server prove itself too.

use std::time::{Duration, Instant};

use adit_crypto::change_password::NewPassword;
use adit_crypto::chap_md5;
use adit_crypto::mppe_keys::{SessionStartKeys, Side};
use adit_crypto::mschap_v1;
use adit_crypto::mschap_v2::{AuthenticatorResponse, Exchange};
use adit_crypto::nt::{LmHash, NtHash, strip_domain_octets};
use adit_wire::chap::{self, Value};
use adit_wire::mschap::{
    ChangePasswordV1, ChangePasswordV2, FailureMessage, ResponseV1, ResponseV2,
};
use adit_wire::pap;
use adit_wire::ppp::Protocol;
use zeroize::Zeroizing;

use super::{Method, Outcome};
use crate::lcp::Seed;
use crate::queue::Queue;

/// Who we are, for a server that asks.
#[derive(Clone)]
pub struct PeerConfig {
    /// The methods that we use, the first preferred.
    pub methods: Vec<Method>,
    /// The user name, perhaps with a `DOMAIN\` prefix.
    pub name: String,
    /// The password.
    pub password: Zeroizing<String>,
    /// What to change the password to where the server says that it has expired.
    pub new_password: Option<Zeroizing<String>>,
    /// Whether another password can be asked for where the server allows a further try.
    pub can_ask_again: bool,
}

impl std::fmt::Debug for PeerConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PeerConfig {{ name: {:?}, password: *** }}", self.name)
    }
}

/// What the peer side wants done or known.
pub(crate) enum PeerSignal {
    Send(Protocol, Vec<u8>),
    /// The password was wrong and another may be tried.
    AskPassword,
    Succeeded(Outcome),
    Failed(PeerFailure),
}

/// Why we were not accepted, or did not accept the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PeerFailure {
    /// The server said no.
    Refused(FailureMessage),
    /// The server could not prove that it knows the password.
    ServerNotProven,
    /// The server did not answer.
    NoAnswer,
}

const PAP_RETRANSMIT: Duration = Duration::from_secs(3);
const PAP_TRANSMISSIONS: u32 = 10;

/// One link's answering side.
pub(crate) struct Peer {
    config: PeerConfig,
    method: Method,
    entropy: Seed,
    state: State,
    succeeded: bool,
    signals: Queue<PeerSignal>,
}

enum State {
    /// Waits for a challenge.
    Idle,
    /// A PAP request is out.
    Requested {
        packet: Zeroizing<Vec<u8>>,
        sent: u32,
        deadline: Instant,
    },
    /// A response is out.
    Responded(Box<Sent>),
    /// Another password is being asked for; the challenge of the Failure waits.
    AskingPassword { identifier: u8, challenge: Vec<u8> },
    /// Over, one way or the other; the last exchange is kept for repetitions.
    Done(Option<Box<Sent>>),
}

/// One challenge, what was answered, and what is to come of it.
struct Sent {
    identifier: u8,
    challenge: Vec<u8>,
    packet: Vec<u8>,
    keys: Option<SessionStartKeys>,
    /// What an MS-CHAPv2 server has to send back.
    expected: Option<AuthenticatorResponse>,
    changes_password: bool,
}

impl Peer {
    /// Starts with `method` as agreed in LCP.
    pub(crate) fn new(now: Instant, method: Method, config: PeerConfig, entropy: Seed) -> Self {
        let mut peer = Self {
            config,
            method,
            entropy,
            state: State::Idle,
            succeeded: false,
            signals: Queue::new(),
        };
        if method == Method::Pap {
            peer.request(now);
        }
        peer
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Requested { deadline, .. } => Some(*deadline),
            _ => None,
        }
    }

    /// What came of the last call; to be drained.
    pub(crate) fn poll_signal(&mut self) -> Option<PeerSignal> {
        self.signals.pop_front()
    }

    /// A PAP request unanswered.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if let State::Requested {
            packet,
            sent,
            deadline,
        } = &mut self.state
            && now >= *deadline
        {
            if *sent < PAP_TRANSMISSIONS {
                *sent += 1;
                *deadline = now + PAP_RETRANSMIT;
                self.signals
                    .push_back(PeerSignal::Send(Protocol::PAP, packet.to_vec()));
            } else {
                self.fail(PeerFailure::NoAnswer);
            }
        }
    }

    /// The server's answer to our PAP request.
    pub(crate) fn handle_pap(&mut self, packet: &pap::Packet) {
        if !matches!(self.state, State::Requested { .. }) {
            return;
        }
        match &packet.body {
            pap::Body::AuthenticateAck(_) => self.succeed(None),
            pap::Body::AuthenticateNak(message) => {
                let text = String::from_utf8_lossy(message.text()).into_owned();
                self.fail(PeerFailure::Refused(plain_refusal(text)));
            }
            _ => {}
        }
    }

    /// A CHAP packet of the server.
    pub(crate) fn handle_chap(&mut self, packet: &chap::Packet) {
        if self.method == Method::Pap {
            return;
        }
        match &packet.body {
            chap::Body::Challenge(value) => self.on_challenge(packet.identifier, &value.value),
            chap::Body::Success(message) => self.on_success(packet.identifier, message),
            chap::Body::Failure(message) => self.on_failure(packet.identifier, message),
            _ => {}
        }
    }

    /// The server goes on as if we knew that it has accepted us: its Success was lost, and comes
    /// again for a repeated Response (RFC 1994 §4.2).
    pub(crate) fn repeat_response(&mut self) {
        if let State::Responded(sent) = &self.state {
            self.signals
                .push_back(PeerSignal::Send(Protocol::CHAP, sent.packet.clone()));
        }
    }

    /// Whether [`PeerSignal::AskPassword`] waits for its answer.
    pub(crate) fn awaits_password(&self) -> bool {
        matches!(self.state, State::AskingPassword { .. })
    }

    /// Who we are, with the password that was last used or changed to.
    pub(crate) fn into_config(self) -> PeerConfig {
        self.config
    }

    /// Another password after [`PeerSignal::AskPassword`], or none.
    pub(crate) fn supply_password(&mut self, password: Option<Zeroizing<String>>) {
        let State::AskingPassword {
            identifier,
            challenge,
        } = &self.state
        else {
            return;
        };
        let (identifier, challenge) = (identifier.wrapping_add(1), challenge.clone());
        match password {
            Some(password) => {
                self.config.password = password;
                self.respond(identifier, challenge);
            }
            None => self.fail(PeerFailure::Refused(FailureMessage {
                error: FailureMessage::AUTHENTICATION_FAILURE,
                ..FailureMessage::default()
            })),
        }
    }

    fn request(&mut self, now: Instant) {
        let [identifier] = self.entropy.0.array();
        let body = pap::Body::AuthenticateRequest {
            peer_id: self.config.name.as_bytes().to_vec(),
            password: self.config.password.as_bytes().to_vec(),
            trailing: Vec::new(),
        };
        let mut packet = Vec::new();
        pap::Packet { identifier, body }.encode(&mut packet);
        self.signals
            .push_back(PeerSignal::Send(Protocol::PAP, packet.clone()));
        self.state = State::Requested {
            packet: Zeroizing::new(packet),
            sent: 1,
            deadline: now + PAP_RETRANSMIT,
        };
    }

    fn on_challenge(&mut self, identifier: u8, challenge: &[u8]) {
        if let State::Responded(sent) | State::Done(Some(sent)) = &self.state
            && sent.identifier == identifier
            && sent.challenge == challenge
        {
            // A repeated challenge gets the identical answer.
            self.signals
                .push_back(PeerSignal::Send(Protocol::CHAP, sent.packet.clone()));
            return;
        }
        if !matches!(self.state, State::AskingPassword { .. }) {
            self.respond(identifier, challenge.to_vec());
        }
    }

    /// Answers a challenge; one of a length that the method does not have is passed over.
    fn respond(&mut self, identifier: u8, challenge: Vec<u8>) {
        let Some(answer) = self.answer(identifier, &challenge) else {
            return;
        };
        let value = Value {
            value: answer.value,
            name: self.config.name.as_bytes().to_vec(),
        };
        let mut packet = Vec::new();
        chap::Packet {
            identifier,
            body: chap::Body::Response(value),
        }
        .encode(&mut packet);
        self.sent(Sent {
            identifier,
            challenge,
            packet,
            keys: answer.keys,
            expected: answer.expected,
            changes_password: false,
        });
    }

    fn sent(&mut self, sent: Sent) {
        self.signals
            .push_back(PeerSignal::Send(Protocol::CHAP, sent.packet.clone()));
        self.state = State::Responded(Box::new(sent));
    }

    fn answer(&self, identifier: u8, challenge: &[u8]) -> Option<Answer> {
        let password = self.config.password.as_str();
        match self.method {
            Method::Pap => None,
            // RFC 1994 §4.1: a Value has one octet at least.
            Method::ChapMd5 if challenge.is_empty() => None,
            Method::ChapMd5 => Some(Answer {
                value: chap_md5::response(identifier, password.as_bytes(), challenge).to_vec(),
                keys: None,
                expected: None,
            }),
            Method::MsChapV1 => {
                let challenge = challenge.try_into().ok()?;
                let nt_hash = NtHash::of_password(password);
                let response = ResponseV1 {
                    lm_response: [0; 24],
                    nt_response: mschap_v1::nt_response(&nt_hash, &challenge),
                    flags: 1,
                };
                let lm_hash = LmHash::of_password(password);
                let keys = SessionStartKeys::from_mschap_v1(&nt_hash, lm_hash.as_ref(), &challenge);
                Some(Answer {
                    value: response.encode(),
                    keys: Some(keys),
                    expected: None,
                })
            }
            Method::MsChapV2 => {
                let challenge = challenge.try_into().ok()?;
                let peer_challenge = self.entropy.0.array();
                let proof = self.prove(&NtHash::of_password(password), &challenge, &peer_challenge);
                let response = ResponseV2 {
                    peer_challenge,
                    reserved: [0; 8],
                    nt_response: proof.nt_response,
                    flags: 0,
                };
                Some(Answer {
                    value: response.encode(),
                    keys: Some(proof.keys),
                    expected: Some(proof.expected),
                })
            }
        }
    }

    fn prove(&self, nt_hash: &NtHash, challenge: &[u8; 16], peer_challenge: &[u8; 16]) -> ProofV2 {
        let exchange = Exchange {
            authenticator_challenge: challenge,
            peer_challenge,
            user_name: strip_domain_octets(self.config.name.as_bytes()),
        };
        let nt_response = exchange.nt_response(nt_hash);
        ProofV2 {
            nt_response,
            expected: exchange.authenticator_response(nt_hash, &nt_response),
            keys: SessionStartKeys::from_mschap_v2(Side::Client, nt_hash, &nt_response),
        }
    }

    fn on_success(&mut self, identifier: u8, message: &[u8]) {
        let Some(mut sent) = self.take_answered(identifier) else {
            return;
        };
        if let Some(expected) = &sent.expected
            && !AuthenticatorResponse::parse(message).is_ok_and(|(proof, _)| proof == *expected)
        {
            self.fail(PeerFailure::ServerNotProven);
            return;
        }
        if sent.changes_password
            && let Some(new) = self.config.new_password.take()
        {
            self.config.password = new;
        }
        let keys = sent.keys.take();
        self.state = State::Done(Some(sent));
        self.announce(keys);
    }

    fn on_failure(&mut self, identifier: u8, message: &[u8]) {
        let Some(sent) = self.take_answered(identifier) else {
            return;
        };
        let failure = match self.method {
            Method::MsChapV1 | Method::MsChapV2 => FailureMessage::decode(message),
            _ => plain_refusal(String::from_utf8_lossy(message).into_owned()),
        };
        // Some servers name no challenge, or one that is none.
        let challenge = failure
            .challenge
            .clone()
            .filter(|challenge| challenge.len() == sent.challenge.len())
            .unwrap_or_else(|| sent.challenge.clone());
        if failure.error == FailureMessage::PASSWORD_EXPIRED && !sent.changes_password {
            if let Some(change) = self.change(identifier.wrapping_add(1), challenge) {
                self.sent(change);
                return;
            }
        } else if failure.retry && self.config.can_ask_again {
            self.state = State::AskingPassword {
                identifier,
                challenge,
            };
            self.signals.push_back(PeerSignal::AskPassword);
            return;
        }
        self.fail(PeerFailure::Refused(failure));
    }

    /// Takes the exchange that an answer with this identifier belongs to. An answer to nothing is
    /// passed over: a Success out of the blue must not open the link.
    fn take_answered(&mut self, identifier: u8) -> Option<Box<Sent>> {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Responded(sent) if sent.identifier == identifier => Some(sent),
            other => {
                self.state = other;
                None
            }
        }
    }

    /// The packet that changes an expired password, where a new one is known and fits.
    fn change(&self, identifier: u8, challenge: Vec<u8>) -> Option<Sent> {
        let new = NewPassword::new(self.config.new_password.as_ref()?).ok()?;
        let old = NtHash::of_password(&self.config.password);
        let sealed = new.seal(&old, self.entropy.0.array());
        let (code, data, keys, expected) = match self.method {
            Method::MsChapV2 => {
                let peer_challenge = self.entropy.0.array();
                let authenticator_challenge = challenge.as_slice().try_into().ok()?;
                let proof = self.prove(new.nt_hash(), &authenticator_challenge, &peer_challenge);
                let change = ChangePasswordV2 {
                    encrypted_password: Box::new(sealed.encrypted_password),
                    encrypted_hash: sealed.encrypted_hash,
                    peer_challenge,
                    reserved: [0; 8],
                    nt_response: proof.nt_response,
                    flags: 0,
                };
                (
                    ChangePasswordV2::CODE,
                    change.encode(),
                    proof.keys,
                    Some(proof.expected),
                )
            }
            Method::MsChapV1 => {
                let challenge = challenge.as_slice().try_into().ok()?;
                let change = ChangePasswordV1 {
                    encrypted_password: Box::new(sealed.encrypted_password),
                    encrypted_hash: sealed.encrypted_hash,
                    encrypted_password_lm: Box::new([0; 516]),
                    encrypted_hash_lm: [0; 16],
                    lm_response: [0; 24],
                    nt_response: mschap_v1::nt_response(new.nt_hash(), &challenge),
                    flags: 1,
                };
                let lm_hash = LmHash::of_password(new.password());
                let keys =
                    SessionStartKeys::from_mschap_v1(new.nt_hash(), lm_hash.as_ref(), &challenge);
                (ChangePasswordV1::CODE, change.encode(), keys, None)
            }
            Method::Pap | Method::ChapMd5 => return None,
        };
        let mut packet = Vec::new();
        chap::Packet {
            identifier,
            body: chap::Body::ChangePassword { code, data },
        }
        .encode(&mut packet);
        Some(Sent {
            identifier,
            challenge,
            packet,
            keys: Some(keys),
            expected,
            changes_password: true,
        })
    }

    fn succeed(&mut self, keys: Option<SessionStartKeys>) {
        self.state = State::Done(None);
        self.announce(keys);
    }

    /// Reports the first success; a running session that is challenged again goes on as it is.
    fn announce(&mut self, keys: Option<SessionStartKeys>) {
        if !std::mem::replace(&mut self.succeeded, true) {
            self.signals.push_back(PeerSignal::Succeeded(Outcome {
                keys,
                ..Outcome::default()
            }));
        }
    }

    fn fail(&mut self, failure: PeerFailure) {
        self.state = State::Done(None);
        self.signals.push_back(PeerSignal::Failed(failure));
    }
}

struct Answer {
    value: Vec<u8>,
    keys: Option<SessionStartKeys>,
    expected: Option<AuthenticatorResponse>,
}

struct ProofV2 {
    nt_response: [u8; 24],
    expected: AuthenticatorResponse,
    keys: SessionStartKeys,
}

/// A refusal of a method that knows no error numbers.
fn plain_refusal(text: String) -> FailureMessage {
    FailureMessage {
        error: FailureMessage::AUTHENTICATION_FAILURE,
        text,
        ..FailureMessage::default()
    }
}
