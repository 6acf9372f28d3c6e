//! Follows PAP and CHAP exchanges, and checks them where the password is known.

use adit_crypto::change_password::SealedPassword;
use adit_crypto::mppe_keys::{SessionStartKeys, Side};
use adit_crypto::mschap_v2::{AuthenticatorResponse, Exchange};
use adit_crypto::nt::{NtHash, strip_domain_octets};
use adit_crypto::{chap_md5, mschap_v1};
use adit_wire::lcp::Authentication;
use adit_wire::mschap::{ChangePasswordV2, FailureMessage, ResponseV1, ResponseV2};
use adit_wire::{chap, escaped, pap};

use crate::Credentials;
use crate::summary::{AuthenticationSummary, Check, Verdict};

/// One end authenticating the other.
#[derive(Debug, Default)]
pub(crate) struct Authenticator {
    method: Option<Authentication>,
    challenge: Vec<u8>,
    response: Vec<u8>,
    name: Vec<u8>,
    message: Vec<u8>,
    verdict: Verdict,
    password: Check,
    proof: Check,
    expected_proof: Option<AuthenticatorResponse>,
    keys: Option<SessionStartKeys>,
}

impl Authenticator {
    /// A CHAP packet from the authenticator.
    pub(crate) fn authenticator_sent(&mut self, packet: &chap::Packet) {
        match &packet.body {
            chap::Body::Challenge(challenge) => {
                self.challenge.clone_from(&challenge.value);
                self.verdict = Verdict::Unanswered;
            }
            chap::Body::Success(message) => self.succeeded(message),
            chap::Body::Failure(message) => {
                self.message.clone_from(message);
                self.verdict = Verdict::Refused;
                if let Some(challenge) = FailureMessage::decode(message).challenge {
                    self.challenge = challenge;
                }
            }
            chap::Body::Response(_)
            | chap::Body::ChangePassword { .. }
            | chap::Body::Unknown { .. } => {}
        }
    }

    /// A CHAP packet from the peer; `agreed` is the method that LCP agreed.
    pub(crate) fn peer_sent(
        &mut self,
        packet: &chap::Packet,
        agreed: Option<&Authentication>,
        credentials: Option<&Credentials>,
    ) {
        match &packet.body {
            chap::Body::Response(response) => {
                self.response.clone_from(&response.value);
                self.name.clone_from(&response.name);
                self.method = agreed.cloned().or_else(|| self.guess());
                self.verdict = Verdict::Unanswered;
                if let Some(credentials) = credentials.filter(|known| known.are_of(&self.name)) {
                    self.check_response(packet.identifier, credentials);
                }
            }
            chap::Body::ChangePassword {
                code: ChangePasswordV2::CODE,
                data,
            } => {
                self.verdict = Verdict::Unanswered;
                if let Some(credentials) = credentials.filter(|known| known.are_of(&self.name)) {
                    self.check_change(data, credentials);
                }
            }
            _ => {}
        }
    }

    /// A PAP packet in either direction.
    pub(crate) fn pap(&mut self, packet: &pap::Packet, credentials: Option<&Credentials>) {
        match &packet.body {
            pap::Body::AuthenticateRequest {
                peer_id, password, ..
            } => {
                self.method = Some(Authentication::Pap);
                self.name.clone_from(peer_id);
                self.verdict = Verdict::Unanswered;
                let known = credentials.filter(|known| known.are_of(peer_id));
                self.password = known.map_or(Check::NotDone, |known| {
                    Check::of(known.password_is(password))
                });
            }
            pap::Body::AuthenticateAck(message) => {
                self.message = message.text().to_vec();
                self.verdict = Verdict::Accepted;
            }
            pap::Body::AuthenticateNak(message) => {
                self.message = message.text().to_vec();
                self.verdict = Verdict::Refused;
            }
            pap::Body::Unknown { .. } => {}
        }
    }

    /// The start keys as the authenticator has them, once a response was found right.
    pub(crate) const fn keys(&self) -> Option<&SessionStartKeys> {
        self.keys.as_ref()
    }

    /// What there is to tell, where there was an exchange.
    pub(crate) fn summary(&self, authenticator: String) -> Option<AuthenticationSummary> {
        if self.verdict == Verdict::NotSeen {
            return None;
        }
        Some(AuthenticationSummary {
            authenticator,
            user: escaped(&self.name).to_string(),
            method: self.method.as_ref().map(ToString::to_string),
            verdict: self.verdict,
            password: self.password,
            authenticator_response: self.proof,
            refusal: self.refusal(),
            challenge: self.challenge.clone(),
            response: self.response.clone(),
            message: self.message.clone(),
        })
    }

    /// Why the authenticator said no, where it did.
    fn refusal(&self) -> Option<String> {
        if self.verdict != Verdict::Refused {
            return None;
        }
        let message = self.message.as_slice();
        Some(if message.starts_with(b"E=") {
            let failure = FailureMessage::decode(message);
            format!("error {}, {}", failure.error, failure.meaning())
        } else {
            escaped(message).to_string()
        })
    }

    /// By the lengths of challenge and response, where LCP was not captured.
    fn guess(&self) -> Option<Authentication> {
        match (self.challenge.len(), self.response.len()) {
            (16, ResponseV2::LENGTH) => Some(Authentication::MsChapV2),
            (8, ResponseV1::LENGTH) => Some(Authentication::MsChapV1),
            (_, 16) => Some(Authentication::ChapMd5),
            _ => None,
        }
    }

    fn succeeded(&mut self, message: &[u8]) {
        self.message = message.to_vec();
        self.verdict = Verdict::Accepted;
        if let Some(expected) = &self.expected_proof {
            let sent = AuthenticatorResponse::parse(message);
            self.proof = Check::of(sent.is_ok_and(|(sent, _)| sent == *expected));
        }
    }

    fn check_response(&mut self, identifier: u8, credentials: &Credentials) {
        self.password = match self.method {
            Some(Authentication::MsChapV2) => self.check_v2(&credentials.nt_hash),
            Some(Authentication::MsChapV1) => self.check_v1(credentials),
            Some(Authentication::ChapMd5) => Check::of(chap_md5::verify(
                identifier,
                credentials.password(),
                &self.challenge,
                &self.response,
            )),
            _ => Check::NotDone,
        };
    }

    fn check_v2(&mut self, nt_hash: &NtHash) -> Check {
        let Ok(response) = ResponseV2::decode(&self.response) else {
            return Check::Wrong;
        };
        self.check_nt_response(nt_hash, &response.peer_challenge, &response.nt_response)
    }

    fn check_nt_response(
        &mut self,
        nt_hash: &NtHash,
        peer_challenge: &[u8; 16],
        nt_response: &[u8; 24],
    ) -> Check {
        let Some(authenticator_challenge) = self.challenge.first_chunk() else {
            return Check::NotDone;
        };
        let exchange = Exchange {
            authenticator_challenge,
            peer_challenge,
            user_name: strip_domain_octets(&self.name),
        };
        if !exchange.verify_nt_response(nt_hash, nt_response) {
            return Check::Wrong;
        }
        self.expected_proof = Some(exchange.authenticator_response(nt_hash, nt_response));
        self.keys = Some(SessionStartKeys::from_mschap_v2(
            Side::Server,
            nt_hash,
            nt_response,
        ));
        Check::Right
    }

    fn check_v1(&mut self, credentials: &Credentials) -> Check {
        let Ok(response) = ResponseV1::decode(&self.response) else {
            return Check::Wrong;
        };
        let Some(challenge) = self.challenge.first_chunk() else {
            return Check::NotDone;
        };
        if response.flags & 1 == 0 {
            // Only the LAN Manager response is there.
            return Check::NotDone;
        }
        let nt_hash = &credentials.nt_hash;
        if !mschap_v1::verify(nt_hash, challenge, &response.nt_response) {
            return Check::Wrong;
        }
        let lm_hash = credentials.lm_hash.as_ref();
        self.keys = Some(SessionStartKeys::from_mschap_v1(
            nt_hash, lm_hash, challenge,
        ));
        Check::Right
    }

    /// A change of password (RFC 2759 §7): the password that is known may be the old or the new one.
    fn check_change(&mut self, data: &[u8], credentials: &Credentials) {
        let Ok(change) = ChangePasswordV2::decode(data) else {
            return;
        };
        let sealed = SealedPassword {
            encrypted_password: *change.encrypted_password,
            encrypted_hash: change.encrypted_hash,
        };
        let opened = sealed.open(&credentials.nt_hash);
        let new = opened
            .as_ref()
            .map_or(&credentials.nt_hash, |new| new.nt_hash());
        self.password = self.check_nt_response(new, &change.peer_challenge, &change.nt_response);
    }
}

#[cfg(test)]
mod tests;
