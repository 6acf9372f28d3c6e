//! The control connection of a PAC-PNS pair and its calls (RFC 2637 §3).
//!
//! One [`ControlConnection`] goes with one TCP connection: its originator has opened it, its
//! receiver has accepted it. Either can be a PAC, a PNS or both; in the usual VPN the client is the
//! originator and the PNS, and the server is the receiver and the PAC.

mod calls;
mod collision;
mod commands;
mod config;
mod establish;
mod event;
mod keepalive;
mod steps;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use adit_wire::control::{
    EchoReply, EchoResult, ErrorCode, Framed, Framer, Message, MessageType, StopReason,
};

use crate::call::{Call, CallDownReason, CallHandle};
pub use collision::Winner;
pub use config::Config;
pub use event::{CallUp, CloseReason, CommandError, Event, Output, PeerInformation, Violation};
use keepalive::{Due, Keepalive};

/// A control connection.
///
/// After each call of a method that takes `now`, drain [`ControlConnection::poll_output`], and then
/// ask [`ControlConnection::deadline`] for the time of the next
/// [`ControlConnection::handle_timeout`]. `now` must never go backwards. What is queued is bounded by
/// what one call hands in, so a chunk of the stream should not be larger than the caller is willing
/// to answer.
#[derive(Debug)]
pub struct ControlConnection {
    config: Config,
    side: Side,
    state: State,
    framer: Framer,
    calls: BTreeMap<CallHandle, Call>,
    next_handle: u32,
    output: VecDeque<Output>,
    received: VecDeque<Message>,
    stats: ConnectionStats,
}

/// Counters of a control connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConnectionStats {
    /// Messages received, those of unknown types too.
    pub messages_received: u64,
    /// Messages to send.
    pub messages_sent: u64,
    /// Violations.
    pub violations: u64,
}

/// Who has opened the TCP connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Originator,
    Receiver,
}

/// States by their names in RFC 2637 §3.1, and two more.
#[derive(Debug)]
enum State {
    /// A receiver waits for the Start-Control-Connection-Request.
    Idle { until: Instant },
    /// An originator waits for the Start-Control-Connection-Reply.
    WaitCtlReply { until: Instant },
    /// Calls are possible.
    Established {
        keepalive: Keepalive,
        without_call_since: Option<Instant>,
    },
    /// The connection is being closed.
    WaitStopReply { until: Instant, why: CloseReason },
    /// A collision is won: RFC 2637 §3.1.3 forbids to send; the peer is to close.
    WaitClose { until: Instant },
    /// All is over.
    Closed,
}

impl State {
    const fn name(&self) -> &'static str {
        match self {
            Self::Idle { .. } => "idle",
            Self::WaitCtlReply { .. } => "wait_ctl_reply",
            Self::Established { .. } => "established",
            Self::WaitStopReply { .. } => "wait_stop_reply",
            Self::WaitClose { .. } => "wait_close",
            Self::Closed => "closed",
        }
    }
}

impl ControlConnection {
    /// Starts on a TCP connection that this side has opened: sends the
    /// Start-Control-Connection-Request.
    pub fn new_originator(config: Config, now: Instant) -> Self {
        let until = now + config.reply_timeout;
        let mut connection = Self::new(config, Side::Originator, State::WaitCtlReply { until });
        connection.send(establish::request(&connection.config));
        connection
    }

    /// Starts on a TCP connection that the peer has opened: waits for its request.
    pub fn new_receiver(config: Config, now: Instant) -> Self {
        let until = now + config.start_timeout;
        Self::new(config, Side::Receiver, State::Idle { until })
    }

    fn new(config: Config, side: Side, state: State) -> Self {
        Self {
            config,
            side,
            state,
            framer: Framer::new(),
            calls: BTreeMap::new(),
            next_handle: 0,
            output: VecDeque::new(),
            received: VecDeque::new(),
            stats: ConnectionStats::default(),
        }
    }

    /// Takes octets from the TCP stream, split in any way.
    pub fn handle_stream(&mut self, now: Instant, mut octets: &[u8]) {
        while !self.is_closed() {
            match self.framer.next(&mut octets) {
                Ok(Some(framed)) => self.handle_framed(now, framed),
                Ok(None) => return,
                // RFC 2637 §1.4, §3: synchronization is lost, or the message is malformed.
                Err(error) => self.close(CloseReason::Framing(error)),
            }
        }
    }

    /// Takes note that the TCP connection is closed or broken.
    pub fn handle_stream_closed(&mut self, _now: Instant) {
        let why = match self.state {
            State::WaitStopReply { why, .. } => why,
            State::WaitClose { .. } => CloseReason::Collision,
            State::Idle { .. } | State::WaitCtlReply { .. } | State::Established { .. } => {
                CloseReason::StreamClosed
            }
            State::Closed => return,
        };
        self.close(why);
    }

    /// Does what is due. Too early a call does nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        let (until, why) = match self.state {
            State::Idle { until } => (until, CloseReason::NotStarted),
            State::WaitCtlReply { until } => (until, CloseReason::NoReply),
            State::WaitStopReply { until, why } => (until, why),
            State::WaitClose { until } => (until, CloseReason::Collision),
            State::Established { .. } => return self.established_timeout(now),
            State::Closed => return,
        };
        if until <= now {
            self.close(why);
        }
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        take_next(&mut self.output)
    }

    /// A message that came since the last look, for logs; it has been dealt with.
    pub fn poll_received(&mut self) -> Option<Message> {
        take_next(&mut self.received)
    }

    /// When to call [`ControlConnection::handle_timeout`] next; none once closed.
    pub fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Closed => None,
            State::Idle { until }
            | State::WaitCtlReply { until }
            | State::WaitStopReply { until, .. }
            | State::WaitClose { until } => Some(*until),
            State::Established { keepalive, .. } => [
                Some(keepalive.deadline(&self.config)),
                self.call_deadline(),
                self.calls.values().filter_map(|call| call.until).min(),
            ]
            .into_iter()
            .flatten()
            .min(),
        }
    }

    /// Decides a collision with another connection between the same peers (RFC 2637 §3.1.3). To be
    /// told to both connections, before the receiver is given anything of the stream.
    pub fn collide(&mut self, now: Instant, winner: Winner) {
        match (&self.state, winner) {
            (State::WaitCtlReply { .. }, Winner::Peer) => self.close(CloseReason::Collision),
            (State::Idle { .. }, Winner::Local) => {
                self.state = State::WaitClose {
                    until: now + self.config.reply_timeout,
                };
            }
            _ => {}
        }
    }

    /// Closes the connection: asks the peer where it is established, at once where it is not.
    pub fn stop(&mut self, now: Instant, reason: StopReason) {
        match self.state {
            State::Established { .. } => self.ask_to_stop(now, reason, CloseReason::Local(reason)),
            State::WaitStopReply { .. } | State::Closed => {}
            State::Idle { .. } | State::WaitCtlReply { .. } | State::WaitClose { .. } => {
                self.close(CloseReason::Local(reason));
            }
        }
    }

    /// Whether calls are possible.
    pub const fn is_established(&self) -> bool {
        matches!(self.state, State::Established { .. })
    }

    /// Whether all is over.
    pub const fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// How many calls there are, in any state.
    pub fn calls(&self) -> usize {
        self.calls.len()
    }

    /// The counters.
    pub const fn stats(&self) -> &ConnectionStats {
        &self.stats
    }

    fn handle_framed(&mut self, now: Instant, framed: Framed) {
        self.stats.messages_received += 1;
        if let State::Established { keepalive, .. } = &mut self.state {
            keepalive.heard(now);
        }
        match framed {
            Framed::Message(message) => {
                self.received.push_back(message.clone());
                self.handle_message(now, message);
            }
            Framed::Unknown {
                message_type,
                length,
            } => {
                self.violation(Violation::UnknownType {
                    message_type,
                    length,
                });
            }
        }
    }

    fn handle_message(&mut self, now: Instant, message: Message) {
        match self.state {
            State::Idle { .. } => self.idle(now, message),
            State::WaitCtlReply { .. } => self.wait_ctl_reply(now, message),
            State::Established { .. } => self.established(now, message),
            State::WaitStopReply { why, .. } => self.wait_stop_reply(why, &message),
            State::WaitClose { .. } | State::Closed => {}
        }
    }

    fn established(&mut self, now: Instant, message: Message) {
        match message {
            Message::StartControlConnectionRequest(_) => self.start_again(),
            Message::StopControlConnectionRequest(request) => self.stopped(request.reason),
            Message::EchoRequest(request) => {
                self.send(EchoReply {
                    identifier: request.identifier,
                    result: EchoResult::Ok,
                    ..EchoReply::default()
                });
            }
            Message::EchoReply(reply) => self.echo_reply(now, &reply),
            Message::StartControlConnectionReply(_) | Message::StopControlConnectionReply(_) => {
                self.unexpected(message.message_type());
            }
            call_message => self.call_message(now, call_message),
        }
    }

    fn echo_reply(&mut self, now: Instant, reply: &EchoReply) {
        if let State::Established { keepalive, .. } = &mut self.state
            && let Some(violation) = keepalive.reply(now, reply)
        {
            self.violation(violation);
        }
    }

    fn established_timeout(&mut self, now: Instant) {
        if self.call_deadline().is_some_and(|deadline| deadline <= now) {
            return self.ask_to_stop(now, StopReason::None, CloseReason::NoCall);
        }
        self.call_timeouts(now);
        let State::Established { keepalive, .. } = &mut self.state else {
            return;
        };
        match keepalive.handle_timeout(now, &self.config) {
            None => {}
            Some(Due::Send(request)) => self.send(request),
            Some(Due::Dead) => {
                self.send(establish::stop_request(StopReason::None));
                self.close(CloseReason::NoEchoReply);
            }
        }
    }

    /// When a receiver without a call is to be closed.
    fn call_deadline(&self) -> Option<Instant> {
        let State::Established {
            without_call_since, ..
        } = self.state
        else {
            return None;
        };
        if self.side == Side::Originator {
            return None;
        }
        Some(without_call_since? + self.config.call_timeout?)
    }

    /// Keeps the time since when there has been no call.
    fn note_calls(&mut self, now: Instant) {
        let empty = self.calls.is_empty();
        if let State::Established {
            without_call_since, ..
        } = &mut self.state
        {
            if empty {
                without_call_since.get_or_insert(now);
            } else {
                *without_call_since = None;
            }
        }
    }

    fn ask_to_stop(&mut self, now: Instant, reason: StopReason, why: CloseReason) {
        self.send(establish::stop_request(reason));
        self.drop_calls(why);
        self.state = State::WaitStopReply {
            until: now + self.config.stop_timeout,
            why,
        };
    }

    /// RFC 2637 §2.3: closing the connection clears all its calls.
    fn drop_calls(&mut self, why: CloseReason) {
        for call in std::mem::take(&mut self.calls).into_keys() {
            self.event(Event::CallDown {
                call,
                why: CallDownReason::ConnectionClosed(why),
            });
        }
    }

    fn close(&mut self, why: CloseReason) {
        if self.is_closed() {
            return;
        }
        self.drop_calls(why);
        self.state = State::Closed;
        self.event(Event::Closed(why));
        self.output.push_back(Output::Close);
    }

    fn send(&mut self, message: impl Into<Message>) {
        self.stats.messages_sent += 1;
        self.output.push_back(Output::Send(message.into()));
    }

    fn event(&mut self, event: Event) {
        self.output.push_back(Output::Event(event));
    }

    fn violation(&mut self, violation: Violation) {
        self.stats.violations += 1;
        self.event(Event::Violation(violation));
    }

    fn unexpected(&mut self, message_type: MessageType) {
        let state = self.state.name();
        self.violation(Violation::Unexpected {
            message_type,
            state,
        });
    }

    /// Answers an Echo-Request that comes before the connection is established.
    fn refuse_echo(&mut self, identifier: u32) {
        self.send(EchoReply {
            identifier,
            result: EchoResult::GeneralError,
            error: ErrorCode::NotConnected,
            ..EchoReply::default()
        });
    }
}

/// The first of a queue, whose memory goes when it is empty: most connections of many are silent.
fn take_next<T>(queue: &mut VecDeque<T>) -> Option<T> {
    let next = queue.pop_front();
    if next.is_none() {
        queue.shrink_to_fit();
    }
    next
}
