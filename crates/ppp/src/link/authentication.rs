//! From LCP's opening to the end of authentication.

use std::sync::Arc;
use std::time::Instant;

use adit_wire::ppp::Protocol;
use zeroize::Zeroizing;

use super::network::opened;
use super::{CloseReason, Link, NoEncryption, Output, Phase, Role};
use crate::auth::{
    Authenticator, AuthenticatorFailure, AuthenticatorSignal, Outcome, Peer, PeerFailure,
    PeerSignal, Ticket, Verdict,
};
use crate::ccp::{CcpPolicy, EncryptionPolicy};
use crate::lcp::Seed;

impl Link {
    /// The owner's answer to [`Output::Authenticate`].
    pub fn answer(&mut self, now: Instant, ticket: Ticket, verdict: Verdict) {
        if let Some(authenticator) = &mut self.authenticator {
            authenticator.answer(now, ticket, verdict);
        }
        self.settle(now);
    }

    /// The owner's answer to [`Output::AskPassword`]; `None` gives up.
    pub fn supply_password(&mut self, now: Instant, password: Option<Zeroizing<String>>) {
        let Some(peer) = self.peer.as_mut().filter(|peer| peer.awaits_password()) else {
            return;
        };
        peer.supply_password(password);
        if self.phase == Phase::Authenticate {
            self.setup_deadline = Some(now + self.config.setup_time);
        }
        self.settle(now);
    }

    pub(super) fn on_lcp_up(&mut self, now: Instant) {
        self.agreed = self.lcp.policy.agreed();
        self.phase = Phase::Authenticate;
        self.keepalive.start(now);
        let seed = Seed(Arc::clone(&self.entropy));
        match &self.config.role {
            Role::Server(config) => {
                let history = self.history;
                self.authenticator = self
                    .agreed
                    .authenticate_peer
                    .map(|method| Authenticator::new(now, method, config.clone(), history, seed));
            }
            Role::Client { credentials, .. } => {
                let credentials = self.credentials.as_ref().unwrap_or(credentials);
                self.peer = self
                    .agreed
                    .authenticate_us
                    .map(|method| Peer::new(now, method, credentials.clone(), seed));
            }
        }
        if self.lcp.policy.is_left_without_authentication() {
            self.terminate(now, CloseReason::AuthenticationProtocol);
        } else if self.authenticator.is_none() && self.peer.is_none() {
            self.on_authenticated(now, Outcome::default());
        }
    }

    pub(super) fn settle_authenticator(&mut self, now: Instant) -> bool {
        let signal = self
            .authenticator
            .as_mut()
            .and_then(Authenticator::poll_signal);
        match signal {
            None => return false,
            Some(AuthenticatorSignal::Send(protocol, octets)) => self.send(protocol, &octets),
            Some(AuthenticatorSignal::Ask(ticket, credentials)) => {
                self.outputs
                    .push_back(Output::Authenticate(ticket, credentials));
            }
            Some(AuthenticatorSignal::Succeeded(outcome)) => self.on_authenticated(now, outcome),
            Some(AuthenticatorSignal::Failed(failure)) => {
                let reason = match failure {
                    AuthenticatorFailure::Refused(refusal) => CloseReason::PeerRefused(refusal),
                    AuthenticatorFailure::NoAnswer => CloseReason::AuthenticationTimeout,
                };
                self.terminate(now, reason);
            }
        }
        true
    }

    pub(super) fn settle_peer(&mut self, now: Instant) -> bool {
        let signal = self.peer.as_mut().and_then(Peer::poll_signal);
        match signal {
            None => return false,
            Some(PeerSignal::Send(protocol, octets)) => self.send(protocol, &octets),
            Some(PeerSignal::AskPassword) => {
                self.setup_deadline = None;
                self.outputs.push_back(Output::AskPassword);
            }
            Some(PeerSignal::Succeeded(outcome)) => self.on_authenticated(now, outcome),
            Some(PeerSignal::Failed(failure)) => {
                let reason = match failure {
                    PeerFailure::Refused(failure) => CloseReason::AuthenticationRefused(failure),
                    PeerFailure::ServerNotProven => CloseReason::ServerNotProven,
                    PeerFailure::NoAnswer => CloseReason::AuthenticationTimeout,
                };
                self.terminate(now, reason);
            }
        }
        true
    }

    fn on_authenticated(&mut self, now: Instant, outcome: Outcome) {
        self.phase = Phase::Network;
        self.encryption.set_keys(outcome.keys);
        self.interface_id = outcome.interface_id;
        self.ipv4 = match self.config.role {
            Role::Server(_) => outcome.ipv4,
            Role::Client { ipv4, .. } => Some(ipv4),
        };
        let strengths = self.encryption.strengths(&self.config.mppe);
        if outcome.requires_encryption {
            self.encryption.require();
        }
        match self.encryption.policy {
            EncryptionPolicy::Off if outcome.requires_encryption => {
                self.terminate(now, CloseReason::NoEncryption(NoEncryption::TurnedOff));
            }
            EncryptionPolicy::Off => self.start_network(now),
            EncryptionPolicy::Required if strengths.is_empty() => {
                self.terminate(now, CloseReason::NoEncryption(NoEncryption::NoKeys));
            }
            EncryptionPolicy::Optional if strengths.is_empty() => self.start_network(now),
            policy => {
                let early = self
                    .early
                    .iter()
                    .any(|(protocol, _)| *protocol == Protocol::CCP);
                let listens = matches!(self.config.role, Role::Server(_)) && strengths.len() > 1;
                self.waiting_ccp = Some(CcpPolicy::new(strengths, self.config.mppe.modes.clone()));
                if listens && !early {
                    self.ccp_due = Some(now + self.config.timers.first_restart);
                } else {
                    self.start_ccp(now);
                }
                if policy == EncryptionPolicy::Optional {
                    self.start_network(now);
                }
            }
        }
    }

    /// Opens CCP with the key length that the peer's request names, where it has come already.
    ///
    /// A server that allows several key lengths listens for it first: only one can be asked for,
    /// and pppd hangs up on a request for another one than its own instead of answering it.
    pub(super) fn start_ccp(&mut self, now: Instant) {
        self.ccp_due = None;
        let Some(mut policy) = self.waiting_ccp.take() else {
            return;
        };
        for (protocol, information) in &self.early {
            if *protocol == Protocol::CCP {
                policy.hear(information);
            }
        }
        self.ccp = Some(opened(policy, &self.config, now));
        self.replay_early(now);
    }
}
