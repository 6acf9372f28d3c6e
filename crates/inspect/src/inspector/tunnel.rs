//! What goes through the tunnel: enhanced GRE (RFC 2637 §4.1) and PPP frames.

use adit_wire::frame::{Body, Frame};
use adit_wire::gre::{self, Header};
use adit_wire::ppp::{Protocol, split_protocol};

use super::{Inspector, Place, Told};
use crate::endpoint::Endpoint;
use crate::ip;
use crate::line::Kind;

/// From where to where a PPP frame went.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    pub(super) source: Endpoint,
    pub(super) destination: Endpoint,
    pub(super) call_id: u16,
    pub(super) sequence: Option<u32>,
}

impl Inspector {
    pub(super) fn gre(&mut self, place: Place, packet: &ip::Packet<'_>) {
        let octets = packet.payload;
        let [_, version, high, low, ..] = *octets else {
            return self.pass("GRE cut short");
        };
        if version & 7 != 1 || u16::from_be_bytes([high, low]) != gre::PROTOCOL_TYPE {
            return self.pass("GRE without PPTP");
        }
        let names = (packet.source.to_string(), packet.destination.to_string());
        let header = match Header::decode(octets) {
            Ok(header) => header,
            Err(_) if packet.missing > 0 => {
                let text = "GRE packet that was not captured whole".to_owned();
                return self.line(place, names, Told::new(Kind::Note, text));
            }
            Err(error) => {
                let text = error.to_string();
                return self.line(place, names, Told::new(Kind::Undecodable, text));
            }
        };
        if !octets.starts_with(header.encode().as_octets()) {
            let text = format!("encoded again it differs: {header}");
            return self.line(place, names, Told::new(Kind::Undecodable, text));
        }
        let payload = header.payload(octets);
        if payload.is_empty() {
            let told = Told::new(Kind::Acknowledgment, header.to_string());
            return self.line(place, names, told);
        }
        let way = Way {
            source: Endpoint::Ip(packet.source),
            destination: Endpoint::Ip(packet.destination),
            call_id: header.call_id,
            sequence: header.sequence,
        };
        self.ppp(place, way, &format!("{header}: "), (payload, false));
    }

    pub(super) fn ppp(
        &mut self,
        place: Place,
        way: Way,
        prefix: &str,
        (octets, cut): (&[u8], bool),
    ) {
        let names = (way.source.to_string(), way.destination.to_string());
        let frame = match Frame::decode(octets) {
            Ok(frame) => frame,
            Err(_) if cut => {
                let text = "PPP frame that was not captured whole".to_owned();
                return self.line(place, names, Told::new(Kind::Note, text));
            }
            Err(error) => {
                let text = format!("{prefix}undecodable PPP frame: {error}");
                return self.line(place, names, Told::new(Kind::Undecodable, text));
            }
        };
        let mut encoded = Vec::with_capacity(octets.len());
        frame.encode(&mut encoded);
        let mut told = Told::new(Kind::Ppp(frame.protocol), format!("{prefix}{frame}"));
        if encoded != octets {
            told.kind = Kind::Undecodable;
            told.text.insert_str(0, "encoded again it differs: ");
        } else {
            self.observe(place, way, (&frame, octets), &mut told);
        }
        self.line(place, names, told);
    }

    /// Lets the session see a frame, and adds to its line what comes of it.
    fn observe(&mut self, place: Place, way: Way, seen: (&Frame, &[u8]), told: &mut Told) {
        let (frame, octets) = seen;
        let network = match &frame.body {
            Body::Other(packet) => described(frame.protocol, packet),
            _ => None,
        };
        if let Some((text, _)) = &network {
            told.add(": ", text);
        }
        // Without addresses the two ends cannot be told apart.
        if way.source == Endpoint::Unknown {
            return;
        }
        let found = self
            .sessions
            .find(place.frame, way.source, way.destination, way.call_id);
        let Some((session, sender)) = found else {
            return;
        };
        if (way.sequence).is_some_and(|sequence| session.is_duplicate(sender, sequence, octets)) {
            self.summary.duplicates += 1;
            return told.add(" ", "(again)");
        }
        if let Some((_, is_valid)) = network {
            session.count_ip(sender, is_valid);
        }
        let observed = session.observe(sender, frame, self.credentials.as_ref());
        match observed.plaintext {
            Some(Ok(plaintext)) => {
                let (text, is_valid) = inner(&plaintext);
                if let Some(is_valid) = is_valid {
                    session.count_ip(sender, is_valid);
                }
                told.add(": ", &text);
                told.decrypted = Some(plaintext);
            }
            Some(Err(reason)) => told.add(": ", &format!("not decrypted: {reason}")),
            None => {}
        }
        if let Some(fault) = observed.fault {
            told.add(" ", &format!("({fault})"));
            self.summary.negotiation_fault(place.frame, fault);
        }
    }
}

/// Describes a network-layer packet, and tells whether it is valid.
fn described(protocol: Protocol, packet: &[u8]) -> Option<(String, bool)> {
    matches!(protocol, Protocol::IPV4 | Protocol::IPV6).then(|| ip::describe(packet))
}

/// Describes what was encrypted: protocol field and information.
fn inner(plaintext: &[u8]) -> (String, Option<bool>) {
    match split_protocol(plaintext) {
        Ok((_, protocol, packet)) => match described(protocol, packet) {
            Some((text, is_valid)) => (text, Some(is_valid)),
            None => (format!("{protocol} ({} octets)", packet.len()), None),
        },
        Err(error) => (error.to_string(), None),
    }
}
