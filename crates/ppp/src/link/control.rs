//! Control frames from the peer: to the layer that they are for.

use std::time::Instant;

use adit_wire::cp::{Body, ControlProtocol, Magic, Packet, RawPacket, code};
use adit_wire::lcp::{Lcp, LcpOption};
use adit_wire::ppp::Protocol;
use adit_wire::{ccp, chap, pap};

use super::{Discard, Link, Phase};
use crate::ccp::EncryptionPolicy;
use crate::negotiator::{Negotiator, OptionPolicy};

impl Link {
    /// A frame that is not a network-layer packet.
    pub(super) fn handle_control(
        &mut self,
        now: Instant,
        protocol: Protocol,
        information: &[u8],
    ) -> Result<(), Discard> {
        if self.phase == Phase::Dead {
            return Err(Discard::Unexpected);
        }
        let result = match protocol {
            Protocol::LCP => self.on_lcp(now, information),
            _ if !self.lcp.is_opened() => Err(Discard::Unexpected),
            Protocol::PAP => self.on_pap(information),
            Protocol::CHAP => self.on_chap(now, information),
            Protocol::CCP | Protocol::IPCP | Protocol::IPV6CP => {
                self.on_network_control(now, protocol, information)
            }
            _ if self.phase == Phase::Network => {
                self.reject_protocol(protocol, information);
                Err(Discard::UnknownProtocol)
            }
            _ => Err(Discard::Unexpected),
        };
        self.settle(now);
        result
    }

    fn on_lcp(&mut self, now: Instant, information: &[u8]) -> Result<(), Discard> {
        let (raw, packet) = interpret::<Lcp>(information)?;
        let identifier = packet.identifier;
        match packet.body {
            Body::EchoRequest(magic) => {
                if self.lcp.answers_echo(now) {
                    self.answer_echo(now, identifier, magic);
                }
            }
            Body::EchoReply(_) | Body::DiscardRequest(_) => {
                self.lcp.answers_echo(now);
            }
            // Both only inform (RFC 1570 §1), and Windows sends them before LCP is up.
            Body::Identification(_) | Body::TimeRemaining { .. } => {}
            Body::ProtocolReject { protocol, .. } => self.on_protocol_reject(now, protocol),
            body => self
                .lcp
                .handle_packet(now, Packet { identifier, body }, raw),
        }
        Ok(())
    }

    fn answer_echo(&mut self, now: Instant, identifier: u8, request: Magic) {
        if self.lcp.policy.is_ours(request.magic) {
            self.terminate(now, super::CloseReason::Loop);
            return;
        }
        // An answer longer than what the peer receives would be lost (RFC 1661 §5.8).
        let room = usize::from(self.agreed.peer_mru).saturating_sub(8);
        let mut data = request.data;
        data.truncate(room);
        let reply = Magic {
            magic: self.agreed.our_magic,
            data,
        };
        self.send_lcp(&Packet::<LcpOption> {
            identifier,
            body: Body::EchoReply(reply),
        });
    }

    fn on_protocol_reject(&mut self, now: Instant, protocol: Protocol) {
        match protocol {
            Protocol::LCP => self.lcp.protocol_rejected(now),
            Protocol::CCP | Protocol::COMPRESSED_DATAGRAM => {
                if let Some(ccp) = &mut self.ccp {
                    ccp.protocol_rejected(now);
                }
            }
            Protocol::IPCP | Protocol::IPV4 => {
                if let Some(ipcp) = &mut self.ipcp {
                    ipcp.protocol_rejected(now);
                }
            }
            Protocol::IPV6CP | Protocol::IPV6 => {
                if let Some(ipv6cp) = &mut self.ipv6cp {
                    ipv6cp.protocol_rejected(now);
                }
            }
            Protocol::CHAP | Protocol::PAP if self.phase == Phase::Authenticate => {
                self.terminate(now, super::CloseReason::AuthenticationProtocol);
            }
            _ => {}
        }
    }

    fn on_pap(&mut self, information: &[u8]) -> Result<(), Discard> {
        let (raw, _) = RawPacket::decode(information)?;
        let packet = pap::Packet::interpret(raw)?;
        if let Some(peer) = &mut self.peer {
            peer.handle_pap(&packet);
        }
        if let Some(authenticator) = &mut self.authenticator {
            authenticator.handle_pap(packet, information);
        }
        Ok(())
    }

    fn on_chap(&mut self, now: Instant, information: &[u8]) -> Result<(), Discard> {
        let (raw, _) = RawPacket::decode(information)?;
        let packet = chap::Packet::interpret(raw)?;
        if let Some(peer) = &mut self.peer {
            peer.handle_chap(&packet);
        }
        if let Some(authenticator) = &mut self.authenticator {
            authenticator.handle_chap(now, packet, information);
        }
        Ok(())
    }

    /// CCP, IPCP or IPV6CP: to its negotiator, or kept until there is one. A peer that is ahead of
    /// us must be neither refused nor made to wait for its own timer.
    fn on_network_control(
        &mut self,
        now: Instant,
        protocol: Protocol,
        information: &[u8],
    ) -> Result<(), Discard> {
        match protocol {
            Protocol::CCP if self.ccp.is_some() => self.on_ccp(now, information),
            Protocol::IPCP if self.ipcp.is_some() => to(&mut self.ipcp, now, information),
            Protocol::IPV6CP if self.ipv6cp.is_some() => to(&mut self.ipv6cp, now, information),
            _ if self.will_speak(protocol) => {
                self.keep_early(now, protocol, information);
                if protocol == Protocol::CCP {
                    self.start_ccp(now);
                }
                Ok(())
            }
            _ => {
                self.reject_protocol(protocol, information);
                Err(Discard::UnknownProtocol)
            }
        }
    }

    /// Keeps the newest packet of each protocol: the older ones are the same request, timed out.
    fn keep_early(&mut self, now: Instant, protocol: Protocol, information: &[u8]) {
        self.early.retain(|(other, _)| *other != protocol);
        self.early.push((protocol, information.to_vec()));
        if let Some(peer) = &mut self.peer {
            peer.repeat_response();
        }
        if protocol == Protocol::CCP && self.waiting_ccp.is_some() {
            self.start_ccp(now);
        }
    }

    /// Whether the protocol's negotiator is still to come.
    fn will_speak(&self, protocol: Protocol) -> bool {
        let before_network = self.phase == Phase::Authenticate;
        let waits_for_ccp = (self.ccp.is_some() || self.waiting_ccp.is_some())
            && self.ipcp.is_none()
            && self.ipv6cp.is_none();
        match protocol {
            Protocol::CCP => {
                self.waiting_ccp.is_some()
                    || self.encryption.policy != EncryptionPolicy::Off && before_network
            }
            Protocol::IPV6CP => self.config.ipv6.is_some() && (before_network || waits_for_ccp),
            _ => before_network || waits_for_ccp,
        }
    }

    /// Handles what was kept, now that its negotiator may be there.
    pub(super) fn replay_early(&mut self, now: Instant) {
        for (protocol, information) in std::mem::take(&mut self.early) {
            let _ = self.on_network_control(now, protocol, &information);
        }
    }

    fn on_ccp(&mut self, now: Instant, information: &[u8]) -> Result<(), Discard> {
        let (raw, packet) = interpret::<ccp::Ccp>(information)?;
        match packet.body {
            Body::ResetRequest(_) => self.on_reset_request(now, packet.identifier),
            // MPPE has no use for a Reset-Ack (RFC 3078 §8.2), but it is no offence.
            Body::ResetAck(_) => {}
            body => {
                if matches!(&body, Body::CodeReject(rejected) if rejected.first() == Some(&code::RESET_ACK))
                {
                    self.encryption.peer_takes_no_reset_acks();
                }
                if let Some(ccp) = &mut self.ccp {
                    ccp.handle_packet(
                        now,
                        Packet {
                            identifier: packet.identifier,
                            body,
                        },
                        raw,
                    );
                }
            }
        }
        Ok(())
    }

    /// Deviation (RFC 3078 §8.2 has no Reset-Ack): Linux decrypts nothing more until one comes, as
    /// RFC 1962 §3 has it. Windows rejects the code, which does no harm.
    fn on_reset_request(&mut self, now: Instant, identifier: u8) {
        if self.encryption.on_reset_request(now) {
            let mut octets = Vec::new();
            let body = Body::ResetAck(Vec::new());
            ccp::Packet { identifier, body }.encode(&mut octets);
            self.send(Protocol::CCP, &octets);
        }
    }

    /// RFC 1661 §5.7.
    fn reject_protocol(&mut self, protocol: Protocol, information: &[u8]) {
        if !self.lcp.is_opened() {
            return;
        }
        let room = usize::from(self.agreed.peer_mru).saturating_sub(6);
        let information = information.get(..room).unwrap_or(information).to_vec();
        let identifier = self.lcp.identifier();
        let body = Body::ProtocolReject {
            protocol,
            information,
        };
        self.send_lcp(&Packet::<LcpOption> { identifier, body });
    }

    /// Asks the peer for a packet with fresh tables (RFC 3078 §8.2), at most so often.
    pub(super) fn request_reset(&mut self, now: Instant) {
        if !self.encryption.wants_reset(now) {
            return;
        }
        let Some(ccp) = &mut self.ccp else { return };
        let identifier = ccp.identifier();
        let mut octets = Vec::new();
        ccp::Packet {
            identifier,
            body: Body::ResetRequest(Vec::new()),
        }
        .encode(&mut octets);
        self.send(Protocol::CCP, &octets);
    }
}

type Interpreted<'a, P> = (RawPacket<'a>, Packet<<P as ControlProtocol>::Option>);

fn interpret<P: ControlProtocol>(information: &[u8]) -> Result<Interpreted<'_, P>, Discard> {
    let (raw, _) = RawPacket::decode(information)?;
    Ok((raw, Packet::interpret::<P>(raw)?))
}

fn to<P: OptionPolicy>(
    negotiator: &mut Option<Negotiator<P>>,
    now: Instant,
    information: &[u8],
) -> Result<(), Discard> {
    let (raw, packet) = interpret::<P::Protocol>(information)?;
    if let Some(negotiator) = negotiator {
        negotiator.handle_packet(now, packet, raw);
    }
    Ok(())
}
