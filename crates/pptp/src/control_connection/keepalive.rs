//! Whether the peer is alive (RFC 2637 §3.1.4).

use std::time::Instant;

use adit_wire::control::{EchoReply, EchoRequest, EchoResult};

use super::{Config, Violation};

/// Echo-Requests sent, and their replies.
#[derive(Debug)]
pub(super) struct Keepalive {
    state: State,
    last_identifier: u32,
}

#[derive(Debug)]
enum State {
    /// The peer was heard last at this time.
    Quiet { since: Instant },
    /// An Echo-Request is sent.
    Waiting { identifier: u32, until: Instant },
}

/// What to do when the time has come.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    Send(EchoRequest),
    Dead,
}

impl Keepalive {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            state: State::Quiet { since: now },
            last_identifier: 0,
        }
    }

    /// Notes that a message came.
    pub(super) const fn heard(&mut self, now: Instant) {
        if let State::Quiet { since } = &mut self.state {
            *since = now;
        }
    }

    /// Takes an Echo-Reply. Any counts as a sign of life, for some peers do not copy the identifier.
    pub(super) fn reply(&mut self, now: Instant, reply: &EchoReply) -> Option<Violation> {
        let expected = match self.state {
            State::Quiet { .. } => None,
            State::Waiting { identifier, .. } => Some(identifier),
        };
        self.state = State::Quiet { since: now };
        if expected != Some(reply.identifier) {
            return Some(Violation::EchoIdentifier(reply.identifier));
        }
        (reply.result == EchoResult::GeneralError).then_some(Violation::EchoRefused(reply.error))
    }

    pub(super) fn deadline(&self, config: &Config) -> Instant {
        match self.state {
            State::Quiet { since } => since + config.echo_interval,
            State::Waiting { until, .. } => until,
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, config: &Config) -> Option<Due> {
        if now < self.deadline(config) {
            return None;
        }
        match self.state {
            State::Waiting { .. } => Some(Due::Dead),
            State::Quiet { .. } => {
                let identifier = self.last_identifier.wrapping_add(1);
                self.last_identifier = identifier;
                self.state = State::Waiting {
                    identifier,
                    until: now + config.echo_timeout,
                };
                Some(Due::Send(EchoRequest {
                    identifier,
                    ..EchoRequest::default()
                }))
            }
        }
    }
}
