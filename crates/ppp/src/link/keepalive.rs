use std::time::Instant;

use super::config::EchoConfig;

/// LCP's keep-alive (RFC 1661 §5.8): asks a silent peer for a sign of life.
#[derive(Debug)]
pub(super) struct Keepalive {
    config: EchoConfig,
    due: Option<Instant>,
    heard: bool,
    unanswered: u32,
}

/// What is to be done when the time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    SendEchoRequest,
    PeerIsSilent,
}

impl Keepalive {
    pub(super) fn new(config: EchoConfig) -> Self {
        Self {
            config,
            due: None,
            heard: false,
            unanswered: 0,
        }
    }

    /// The link came up.
    pub(super) fn start(&mut self, now: Instant) {
        self.heard = false;
        self.unanswered = 0;
        self.due = (!self.config.interval.is_zero()).then(|| now + self.config.interval);
    }

    /// The link went down.
    pub(super) fn stop(&mut self) {
        self.due = None;
    }

    /// Something came from the peer; any frame is a sign of life.
    pub(super) fn heard(&mut self) {
        self.heard = true;
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.due
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) -> Due {
        if self.due.is_none_or(|due| now < due) {
            return Due::Nothing;
        }
        self.due = Some(now + self.config.interval);
        if std::mem::take(&mut self.heard) {
            self.unanswered = 0;
            return Due::Nothing;
        }
        if self.unanswered >= self.config.failures {
            return Due::PeerIsSilent;
        }
        self.unanswered += 1;
        Due::SendEchoRequest
    }
}
