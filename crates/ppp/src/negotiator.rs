//! One control protocol at work: the automaton of RFC 1661 §4 with its Restart timer, counters
//! and identifiers. Which options are asked for and accepted is an [`OptionPolicy`]'s affair; that
//! is all in which LCP, CCP, IPCP and IPV6CP differ here.

use std::time::{Duration, Instant};

use adit_wire::cp::{self, Body, ConfigOption, ControlProtocol, Packet, RawPacket, code};

use crate::automaton::{Action, Event, State, step};
use crate::queue::Queue;

/// An option of protocol `P`.
pub(crate) type OptionOf<P> = <P as ControlProtocol>::Option;

/// What is asked for, and what of the peer's wishes is accepted.
pub(crate) trait OptionPolicy {
    /// The control protocol.
    type Protocol: ControlProtocol;

    /// The options of our next Configure-Request.
    fn request(&mut self) -> Vec<OptionOf<Self::Protocol>>;

    /// Judges the peer's Configure-Request.
    fn review(&mut self, peer: &[OptionOf<Self::Protocol>]) -> Review<OptionOf<Self::Protocol>>;

    /// Our request was acknowledged as it was.
    ///
    /// # Errors
    /// [`NoAgreement`] where it only asked, and the peer had to answer with a Nak.
    fn on_ack(&mut self) -> Result<(), NoAgreement> {
        Ok(())
    }

    /// The peer would rather have these values.
    ///
    /// # Errors
    /// [`NoAgreement`] where none of them will do.
    fn on_nak(&mut self, wanted: &[OptionOf<Self::Protocol>]) -> Result<(), NoAgreement>;

    /// The peer does not take these options at all.
    ///
    /// # Errors
    /// [`NoAgreement`] where we cannot do without one of them.
    fn on_reject(&mut self, rejected: &[OptionOf<Self::Protocol>]) -> Result<(), NoAgreement>;
}

/// The judgement of a Configure-Request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Review<O> {
    /// All is well.
    Ack,
    /// These would do instead.
    Nak(Vec<O>),
    /// These are not taken at all.
    Reject(Vec<O>),
    /// The peer insists on what we cannot accept.
    Impossible,
}

/// The two sides cannot agree on an option that one of them needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoAgreement;

/// Timers and counters of RFC 1661 §4.6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NegotiationTimers {
    /// The Restart timer.
    pub restart: Duration,
    /// The Restart timer of the first Configure-Request alone. Windows clients lose a request that
    /// comes before they are ready; a quick second one spares their users the whole period.
    pub first_restart: Duration,
    /// Max-Configure: requests sent without any valid answer.
    pub max_configure: u32,
    /// Max-Terminate: Terminate-Requests sent without an answer.
    pub max_terminate: u32,
    /// Max-Failure: Configure-Naks sent, and received, before Configure-Rejects take their place.
    pub max_failure: u32,
}

impl Default for NegotiationTimers {
    fn default() -> Self {
        Self {
            restart: Duration::from_secs(3),
            first_restart: Duration::from_millis(400),
            max_configure: 10,
            max_terminate: 2,
            max_failure: 5,
        }
    }
}

/// Why a layer finished (RFC 1661 §4.4, This-Layer-Finished).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finish {
    /// Closed from our side, orderly.
    Closed,
    /// The peer did not answer.
    NoAnswer,
    /// The options could not be agreed on.
    NoAgreement,
    /// The peer does not know the protocol or one of its essential codes.
    Rejected,
    /// The peer ended it.
    Terminated,
}

/// What a negotiator wants done or known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Signal<O> {
    /// Send this packet.
    Send(Packet<O>),
    /// Acknowledge with the request's own octets.
    Acknowledge { identifier: u8, options: Vec<O> },
    /// This-Layer-Up.
    Up,
    /// This-Layer-Down.
    Down,
    /// This-Layer-Finished.
    Finished(Finish),
    /// The peer's Terminate-Request with its data.
    PeerTerminates(Vec<u8>),
}

/// One control protocol of one link.
#[derive(Debug)]
pub(crate) struct Negotiator<P: OptionPolicy> {
    /// The options' side of it.
    pub(crate) policy: P,
    state: State,
    timers: NegotiationTimers,
    restarts_left: u32,
    requests_sent: u32,
    naks_sent: u32,
    naks_received: u32,
    rounds: u32,
    deadline: Option<Instant>,
    next_identifier: u8,
    request: Option<(u8, Vec<OptionOf<P::Protocol>>)>,
    finish: Finish,
    signals: Queue<Signal<OptionOf<P::Protocol>>>,
}

/// Requests sent in one negotiation, whatever the answers, before it is given up: a peer that
/// always has another wish may not keep it going for ever.
const MAX_ROUNDS: u32 = 40;

impl<P: OptionPolicy> Negotiator<P> {
    /// Starts in the Initial state.
    pub(crate) fn new(policy: P, timers: NegotiationTimers) -> Self {
        Self {
            policy,
            state: State::Initial,
            timers,
            restarts_left: timers.max_configure,
            requests_sent: 0,
            naks_sent: 0,
            naks_received: 0,
            rounds: 0,
            deadline: None,
            next_identifier: 1,
            request: None,
            finish: Finish::NoAnswer,
            signals: Queue::new(),
        }
    }

    /// The lower layer came up.
    pub(crate) fn lower_up(&mut self, now: Instant) {
        self.finish = Finish::NoAnswer;
        self.naks_sent = 0;
        self.naks_received = 0;
        self.rounds = 0;
        self.requests_sent = 0;
        self.run(now, Event::Up);
    }

    /// The lower layer is gone: nothing is sent, heard or waited for any more.
    pub(crate) fn lower_down(&mut self) {
        if let Some((_, next)) = step(self.state, Event::Down) {
            self.state = next;
        }
        self.deadline = None;
        self.request = None;
        self.signals.clear();
    }

    /// The layer may be opened.
    pub(crate) fn open(&mut self, now: Instant) {
        self.run(now, Event::Open);
    }

    /// The layer is to be closed.
    pub(crate) fn close(&mut self, now: Instant) {
        self.finish = Finish::Closed;
        self.run(now, Event::Close);
    }

    /// The peer does not know this protocol (RFC 1661 §5.7).
    pub(crate) fn protocol_rejected(&mut self, now: Instant) {
        self.finish = Finish::Rejected;
        self.run(now, Event::RejectCatastrophic);
    }

    /// An Echo or Discard packet came: RFC 1661 §4.3 has it run through the automaton, and only
    /// the Opened state answers.
    pub(crate) fn answers_echo(&mut self, now: Instant) -> bool {
        self.run(now, Event::EchoOrDiscard);
        self.state == State::Opened
    }

    /// Whether the layer is up.
    pub(crate) fn is_opened(&self) -> bool {
        self.state == State::Opened
    }

    /// Whether negotiation has ended, and nothing is tried any more.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state, State::Closed | State::Stopped)
    }

    /// Why the layer finishes, or will have finished.
    pub(crate) fn finish(&self) -> Finish {
        self.finish
    }

    /// Whether a Terminate-Request of ours is out.
    pub(crate) fn is_terminating(&self) -> bool {
        matches!(self.state, State::Closing | State::Stopping)
    }

    /// Whether something waits in [`poll_signal`](Self::poll_signal).
    pub(crate) fn has_signals(&self) -> bool {
        !self.signals.is_empty()
    }

    /// Whether the lower layer has not been reported up yet, so that no packet can be handled.
    pub(crate) fn is_dormant(&self) -> bool {
        matches!(self.state, State::Initial | State::Starting)
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// What came of the last call; to be drained.
    pub(crate) fn poll_signal(&mut self) -> Option<Signal<OptionOf<P::Protocol>>> {
        self.signals.pop_front()
    }

    /// A fresh identifier for a packet that starts an exchange.
    pub(crate) fn identifier(&mut self) -> u8 {
        let identifier = self.next_identifier;
        self.next_identifier = identifier.wrapping_add(1);
        identifier
    }

    /// The Restart timer, where it expired.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return;
        }
        self.deadline = None;
        if self.restarts_left > 0 && self.rounds < MAX_ROUNDS {
            self.run(now, Event::TimeoutRetry);
        } else if self.state == State::AckSent {
            // Deviation (RFC 1661 §4.1, TO-): the peer may take the layer for up, its last Ack having
            // been lost; it is told that it is not.
            self.run(now, Event::Close);
        } else {
            self.run(now, Event::TimeoutGiveUp);
        }
    }

    /// One of the packets that all control protocols have (RFC 1661 §5.1 to §5.6).
    pub(crate) fn handle_packet(
        &mut self,
        now: Instant,
        packet: Packet<OptionOf<P::Protocol>>,
        raw: RawPacket<'_>,
    ) {
        if self.is_dormant() {
            return;
        }
        match packet.body {
            Body::ConfigureRequest(options) => self.on_request(now, packet.identifier, options),
            Body::ConfigureAck(options) => {
                if self
                    .request
                    .as_ref()
                    .is_some_and(|(id, sent)| *id == packet.identifier && *sent == options)
                {
                    // What comes again after this answers nothing (RFC 1661 §5.2 to §5.4): a
                    // repeated Ack or a late Nak must not take the layer down.
                    self.request = None;
                    match self.policy.on_ack() {
                        Ok(()) => self.run(now, Event::ConfigureAck),
                        Err(NoAgreement) => self.give_up(now),
                    }
                }
            }
            Body::ConfigureNak(options) if self.is_answer(packet.identifier) => {
                self.naks_received += 1;
                let result = if self.naks_received > self.timers.max_failure {
                    self.policy.on_reject(&self.asked_for(&options))
                } else {
                    self.policy.on_nak(&options)
                };
                self.on_wishes(now, result);
            }
            Body::ConfigureReject(options) if self.is_answer(packet.identifier) => {
                // RFC 1661 §5.4: a Reject of what was not asked for is invalid, and discarded.
                let rejected = self.asked_for(&options);
                if !rejected.is_empty() {
                    let result = self.policy.on_reject(&rejected);
                    self.on_wishes(now, result);
                }
            }
            Body::ConfigureNak(_) | Body::ConfigureReject(_) => {}
            Body::TerminateRequest(data) => {
                self.finish = Finish::Terminated;
                self.signals.push_back(Signal::PeerTerminates(data));
                self.run_for(now, Event::TerminateRequest, packet.identifier, raw);
            }
            Body::TerminateAck(_) => self.run(now, Event::TerminateAck),
            Body::CodeReject(rejected) => {
                let essential = rejected
                    .first()
                    .is_some_and(|&code| code <= code::CODE_REJECT);
                if essential {
                    self.finish = Finish::Rejected;
                    self.run(now, Event::RejectCatastrophic);
                } else {
                    self.run(now, Event::RejectPermitted);
                }
            }
            _ => self.run_for(now, Event::UnknownCode, packet.identifier, raw),
        }
    }

    fn is_answer(&self, identifier: u8) -> bool {
        self.request
            .as_ref()
            .is_some_and(|(id, _)| *id == identifier)
    }

    /// Of these options those of a type that our last request had.
    fn asked_for(&self, options: &[OptionOf<P::Protocol>]) -> Vec<OptionOf<P::Protocol>> {
        let sent = self.request.as_ref().map_or(&[][..], |(_, sent)| sent);
        of_kinds(options, sent)
    }

    fn on_wishes(&mut self, now: Instant, result: Result<(), NoAgreement>) {
        match result {
            Ok(()) if self.rounds < MAX_ROUNDS => self.run(now, Event::ConfigureNakOrReject),
            _ => self.give_up(now),
        }
    }

    /// Ends a negotiation that cannot succeed, and tells the peer so.
    fn give_up(&mut self, now: Instant) {
        self.finish = Finish::NoAgreement;
        self.run(now, Event::Close);
    }

    fn on_request(&mut self, now: Instant, identifier: u8, options: Vec<OptionOf<P::Protocol>>) {
        let answer = match repeated(&options) {
            repeats if !repeats.is_empty() => Review::Reject(repeats),
            _ => self.policy.review(&options),
        };
        let answer = match answer {
            Review::Nak(wanted) if self.naks_sent >= self.timers.max_failure => {
                // RFC 1661 §4.6: no more Naks. What the request lacks cannot be rejected either.
                match of_kinds(&options, &wanted) {
                    named if named.is_empty() => Review::Impossible,
                    named => Review::Reject(named),
                }
            }
            other => other,
        };
        match answer {
            Review::Ack => {
                self.naks_sent = 0;
                let reply = Signal::Acknowledge {
                    identifier,
                    options,
                };
                self.run_with(now, Event::RequestAcceptable, Some(reply));
            }
            Review::Nak(wanted) => {
                self.naks_sent += 1;
                let reply = packet(identifier, Body::ConfigureNak(wanted));
                self.run_with(now, Event::RequestUnacceptable, Some(reply));
            }
            Review::Reject(unwanted) => {
                let reply = packet(identifier, Body::ConfigureReject(unwanted));
                self.run_with(now, Event::RequestUnacceptable, Some(reply));
            }
            Review::Impossible => self.give_up(now),
        }
    }

    fn run(&mut self, now: Instant, event: Event) {
        self.run_with(now, event, None);
    }

    /// Runs an event whose answer needs the packet that caused it.
    fn run_for(&mut self, now: Instant, event: Event, identifier: u8, raw: RawPacket<'_>) {
        let reply = match event {
            Event::TerminateRequest => packet(identifier, Body::TerminateAck(Vec::new())),
            _ => {
                let mut rejected = Vec::new();
                raw.encode(&mut rejected);
                rejected.truncate(MAX_REJECTED);
                let identifier = self.identifier();
                packet(identifier, Body::CodeReject(rejected))
            }
        };
        self.run_with(now, event, Some(reply));
    }

    /// Looks the event up and carries the actions out; an event that the table does not have in
    /// this state changes nothing.
    fn run_with(
        &mut self,
        now: Instant,
        event: Event,
        mut reply: Option<Signal<OptionOf<P::Protocol>>>,
    ) {
        let Some((actions, next)) = step(self.state, event) else {
            return;
        };
        self.state = next;
        for action in actions {
            match action {
                Action::SendConfigureAck
                | Action::SendConfigureNakOrReject
                | Action::SendCodeReject => {
                    if let Some(reply) = reply.take() {
                        self.signals.push_back(reply);
                    }
                }
                Action::SendTerminateAck => {
                    let acknowledge = reply.take().filter(|_| event == Event::TerminateRequest);
                    let spontaneous = self.next_identifier;
                    self.signals
                        .push_back(acknowledge.unwrap_or_else(|| {
                            packet(spontaneous, Body::TerminateAck(Vec::new()))
                        }));
                }
                other => self.act(now, *other),
            }
        }
        if !next.runs_restart_timer() {
            self.deadline = None;
        }
    }

    fn act(&mut self, now: Instant, action: Action) {
        match action {
            Action::ThisLayerUp => {
                self.rounds = 0;
                self.naks_received = 0;
                self.signals.push_back(Signal::Up);
            }
            Action::ThisLayerDown => self.signals.push_back(Signal::Down),
            Action::ThisLayerFinished => self.signals.push_back(Signal::Finished(self.finish)),
            Action::InitializeRestartCount => {
                self.restarts_left = if matches!(self.state, State::Closing | State::Stopping) {
                    self.timers.max_terminate
                } else {
                    self.timers.max_configure
                };
            }
            Action::ZeroRestartCount => {
                self.restarts_left = 0;
                self.deadline = Some(now + self.timers.restart);
            }
            Action::SendConfigureRequest => self.send_request(now),
            Action::SendTerminateRequest => {
                let identifier = self.identifier();
                self.restarts_left = self.restarts_left.saturating_sub(1);
                self.deadline = Some(now + self.timers.restart);
                self.signals
                    .push_back(packet(identifier, Body::TerminateRequest(Vec::new())));
            }
            Action::ThisLayerStarted
            | Action::SendConfigureAck
            | Action::SendConfigureNakOrReject
            | Action::SendTerminateAck
            | Action::SendCodeReject
            | Action::SendEchoReply => {}
        }
    }

    fn send_request(&mut self, now: Instant) {
        let identifier = self.identifier();
        let options = self.policy.request();
        let period = if self.requests_sent == 0 {
            self.timers.first_restart
        } else {
            self.timers.restart
        };
        self.requests_sent += 1;
        self.rounds += 1;
        self.restarts_left = self.restarts_left.saturating_sub(1);
        self.deadline = Some(now + period);
        self.request = Some((identifier, options.clone()));
        self.signals
            .push_back(packet(identifier, Body::ConfigureRequest(options)));
    }
}

/// Octets of a packet that a Code-Reject sends back: what fits any peer's MRU.
const MAX_REJECTED: usize = crate::MINIMUM_MRU as usize - cp::HEADER_LENGTH;

fn packet<O>(identifier: u8, body: Body<O>) -> Signal<O> {
    Signal::Send(cp::Packet { identifier, body })
}

/// Options whose type stood in the list before.
fn repeated<O: ConfigOption>(options: &[O]) -> Vec<O> {
    let mut seen = [false; 256];
    options
        .iter()
        .filter(|option| std::mem::replace(&mut seen[usize::from(option.kind())], true))
        .cloned()
        .collect()
}

/// Of `options` those of a type that is among `kinds`.
fn of_kinds<O: ConfigOption>(options: &[O], kinds: &[O]) -> Vec<O> {
    options
        .iter()
        .filter(|option| kinds.iter().any(|other| other.kind() == option.kind()))
        .cloned()
        .collect()
}
