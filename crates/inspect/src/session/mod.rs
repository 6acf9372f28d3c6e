//! One PPP link between two ends, as far as the capture shows it.

mod authentication;
mod encryption;
mod ends;
mod negotiation;
mod table;

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use adit_ppp::mppe::Mode;
use adit_wire::ccp::CcpOption;
use adit_wire::cp::{self, RasError};
use adit_wire::frame::{Body, Frame};
use adit_wire::ipcp::IpcpOption;
use adit_wire::ipv6cp::Ipv6cpOption;
use adit_wire::lcp::{Authentication, LcpOption};
use adit_wire::{chap, escaped, pap};

use crate::Credentials;
use crate::endpoint::Endpoint;
use crate::summary::{DirectionSummary, EndSummary, SessionSummary};
use authentication::Authenticator;
use encryption::{Agreed, Decryptor};
pub(crate) use ends::End;
use ends::Pair;
use negotiation::{Negotiation, Outcome};
pub(crate) use table::SessionTable;

/// GRE packets that are remembered to find those captured or sent twice.
const REMEMBERED: usize = 128;

/// What a frame brought to light.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Observed {
    /// A breach of the negotiation's rules.
    pub(crate) fault: Option<&'static str>,
    /// The plaintext of an encrypted frame (protocol field and information), or why there is none.
    pub(crate) plaintext: Option<Result<Vec<u8>, String>>,
}

/// A session.
#[derive(Debug)]
pub(crate) struct Session {
    endpoints: Pair<Endpoint>,
    call_ids: Pair<Option<u16>>,
    frames: (u64, u64),
    lcp: Negotiation<LcpOption>,
    ipcp: Negotiation<IpcpOption>,
    ipv6cp: Negotiation<Ipv6cpOption>,
    ccp: Negotiation<CcpOption>,
    authenticators: Pair<Authenticator>,
    decryptors: Pair<Decryptor>,
    seen: Pair<VecDeque<(u32, u64)>>,
    ip_packets: Pair<(u64, u64)>,
    end_reason: Option<String>,
}

impl Session {
    fn new(endpoints: [Endpoint; 2], frame: u64) -> Self {
        Self {
            endpoints: Pair(endpoints),
            call_ids: Pair::default(),
            frames: (frame, frame),
            lcp: Negotiation::default(),
            ipcp: Negotiation::default(),
            ipv6cp: Negotiation::default(),
            ccp: Negotiation::default(),
            authenticators: Pair::default(),
            decryptors: Pair::default(),
            seen: Pair::default(),
            ip_packets: Pair::default(),
            end_reason: None,
        }
    }

    /// Whether `sender` has sent this packet before.
    pub(crate) fn is_duplicate(&mut self, sender: End, sequence: u32, payload: &[u8]) -> bool {
        let mut hasher = DefaultHasher::new();
        payload.hash(&mut hasher);
        let packet = (sequence, hasher.finish());
        let seen = &mut self.seen[sender];
        if seen.contains(&packet) {
            return true;
        }
        if seen.len() >= REMEMBERED {
            seen.pop_front();
        }
        seen.push_back(packet);
        false
    }

    /// Takes a PPP frame that `sender` sent.
    pub(crate) fn observe(
        &mut self,
        sender: End,
        frame: &Frame,
        credentials: Option<&Credentials>,
    ) -> Observed {
        let mut observed = Observed::default();
        let outcome = match &frame.body {
            Body::Lcp(packet) => {
                if let cp::Body::TerminateRequest(data) = &packet.body {
                    self.terminated(sender, "LCP", data);
                }
                self.lcp.observe(sender, packet)
            }
            Body::Ipcp(packet) => {
                self.refused(sender, "IPCP", packet);
                self.ipcp.observe(sender, packet)
            }
            Body::Ipv6cp(packet) => self.ipv6cp.observe(sender, packet),
            Body::Ccp(packet) => {
                self.refused(sender, "CCP", packet);
                let outcome = self.ccp.observe(sender, packet);
                if let Outcome::Agreed(receiver) = outcome {
                    self.start_decryption(receiver.other());
                }
                outcome
            }
            Body::Pap(packet) => {
                self.pap(sender, packet, credentials);
                Outcome::Nothing
            }
            Body::Chap(packet) => {
                self.chap(sender, packet, credentials);
                Outcome::Nothing
            }
            Body::Mppe { header, ciphertext } => {
                let packet = [&header.0.to_be_bytes()[..], ciphertext].concat();
                observed.plaintext = Some(self.decrypt(sender, packet));
                Outcome::Nothing
            }
            Body::Other(_) => Outcome::Nothing,
        };
        if outcome == Outcome::Differs {
            observed.fault = Some("the Configure-Ack differs from its Configure-Request");
        }
        observed
    }

    /// Counts an IP packet that `sender` sent through the tunnel.
    pub(crate) fn count_ip(&mut self, sender: End, is_valid: bool) {
        let (valid, invalid) = &mut self.ip_packets[sender];
        if is_valid { *valid += 1 } else { *invalid += 1 }
    }

    /// Notes why the session ended; the first reason is the cause of those that follow.
    pub(crate) fn ended(&mut self, reason: String) {
        self.end_reason.get_or_insert(reason);
    }

    fn terminated(&mut self, sender: End, protocol: &str, data: &[u8]) {
        let text = match RasError::decode(data) {
            Some(error) => format!(": {error}"),
            None if data.is_empty() => String::new(),
            None => format!(": \"{}\"", escaped(data)),
        };
        let who = self.endpoints[sender];
        self.ended(format!("{protocol} Terminate-Request from {who}{text}"));
    }

    /// A Windows peer tells in a network protocol's Terminate-Request why it will give up the link.
    fn refused<O>(&mut self, sender: End, protocol: &str, packet: &cp::Packet<O>) {
        if let cp::Body::TerminateRequest(data) = &packet.body
            && RasError::decode(data).is_some_and(|error| error.code != 0)
        {
            self.terminated(sender, protocol, data);
        }
    }

    fn pap(&mut self, sender: End, packet: &pap::Packet, credentials: Option<&Credentials>) {
        let authenticator = match packet.body {
            pap::Body::AuthenticateRequest { .. } => sender.other(),
            _ => sender,
        };
        self.authenticators[authenticator].pap(packet, credentials);
    }

    fn chap(&mut self, sender: End, packet: &chap::Packet, credentials: Option<&Credentials>) {
        match packet.body {
            chap::Body::Response(_) | chap::Body::ChangePassword { .. } => {
                let authenticator = sender.other();
                let agreed = authentication_of(self.lcp.agreed(authenticator));
                self.authenticators[authenticator].peer_sent(packet, agreed, credentials);
            }
            _ => self.authenticators[sender].authenticator_sent(packet),
        }
    }

    /// CCP has opened for what `sender` sends: the receiver's request names what it can decrypt.
    fn start_decryption(&mut self, sender: End) {
        let options = self.ccp.agreed(sender.other());
        let Some(agreed) = options.and_then(Agreed::of) else {
            return;
        };
        for authenticator in End::BOTH {
            if let Some(keys) = self.authenticators[authenticator].keys() {
                let key = if sender == authenticator {
                    &keys.send
                } else {
                    &keys.receive
                };
                self.decryptors[sender].start(agreed, key);
            }
        }
    }

    fn decrypt(&mut self, sender: End, packet: Vec<u8>) -> Result<Vec<u8>, String> {
        if !self.decryptors[sender].is_started() {
            self.start_decryption(sender);
        }
        self.decryptors[sender].decrypt(packet)
    }

    /// All that is to be told at the end.
    pub(crate) fn summary(&self) -> SessionSummary {
        let authentication = End::BOTH.iter().filter_map(|&end| {
            let authenticator = self.endpoints[end].to_string();
            self.authenticators[end].summary(authenticator)
        });
        SessionSummary {
            first_frame: self.frames.0,
            last_frame: self.frames.1,
            ends: End::BOTH.map(|end| self.end_summary(end)),
            authentication: authentication.collect(),
            directions: End::BOTH.map(|sender| self.direction_summary(sender)),
            end_reason: self.end_reason.clone(),
        }
    }

    fn end_summary(&self, end: End) -> EndSummary {
        let address = self.ipcp.agreed(end).and_then(|options| {
            options.iter().find_map(|option| match option {
                IpcpOption::Address(address) => Some(*address),
                _ => None,
            })
        });
        EndSummary {
            endpoint: self.endpoints[end].to_string(),
            call_id: self.call_ids[end],
            tunnel_address: address,
            lcp: self.lcp.agreed_lines(end),
            ccp: self.ccp.agreed_lines(end),
            ipcp: self.ipcp.agreed_lines(end),
            ipv6cp: self.ipv6cp.agreed_lines(end),
        }
    }

    fn direction_summary(&self, sender: End) -> DirectionSummary {
        let decryptor = &self.decryptors[sender];
        let agreed = self.ccp.agreed(sender.other()).and_then(Agreed::of);
        let (valid, invalid) = self.ip_packets[sender];
        DirectionSummary {
            sender: self.endpoints[sender].to_string(),
            mppe_bits: agreed.map(|agreed| agreed.strength.bits()),
            mppe_stateless: agreed.map(|agreed| agreed.mode == Mode::Stateless),
            encrypted: decryptor.encrypted,
            decrypted: decryptor.decrypted,
            not_decrypted: decryptor.refused.clone(),
            valid_ip_packets: valid,
            invalid_ip_packets: invalid,
        }
    }
}

fn authentication_of(options: Option<&[LcpOption]>) -> Option<&Authentication> {
    options?.iter().find_map(|option| match option {
        LcpOption::Authentication(method) => Some(method),
        _ => None,
    })
}

#[cfg(test)]
mod tests;
