//! Control connections: TCP port 1723 (RFC 2637 §1.4, §3).

use adit_wire::control::Message;

use super::{Flow, Inspector, Place, Told};
use crate::control_stream::{ControlStream, Found};
use crate::endpoint::Endpoint;
use crate::ip;
use crate::line::Kind;
use crate::tcp::{self, Segment};

/// The TCP port of control connections (RFC 2637 §1.4).
const PORT: u16 = 1723;
/// Directions of TCP connections that are followed.
const MOST_STREAMS: usize = 1024;

impl Inspector {
    pub(super) fn tcp(&mut self, place: Place, packet: &ip::Packet<'_>) {
        let Some(segment) = tcp::read(packet.payload) else {
            return self.pass("TCP");
        };
        if segment.source != PORT && segment.destination != PORT {
            return self.pass("TCP");
        }
        let flow = (
            (Endpoint::Ip(packet.source), segment.source),
            (Endpoint::Ip(packet.destination), segment.destination),
        );
        if segment.octets.is_empty() && packet.missing == 0 && !segment.syn {
            return self.pass("TCP without data");
        }
        if self.streams.len() >= MOST_STREAMS && !self.streams.contains_key(&flow) {
            return self.pass("TCP connection beyond the limit");
        }
        let found = stream_takes(
            self.streams.entry(flow).or_default(),
            &segment,
            packet.missing,
        );
        self.control(place, flow, found);
    }

    pub(super) fn control(&mut self, place: Place, flow: Flow, found: Vec<Found>) {
        let ((source, source_port), (destination, destination_port)) = flow;
        for found in found {
            let names = (
                format!("{source}:{source_port}"),
                format!("{destination}:{destination_port}"),
            );
            let told = match found {
                Found::Message(message) => {
                    self.follow(place, source, destination, &message);
                    Told::new(Kind::Control, message.to_string())
                }
                Found::Differs(message) => {
                    let text = format!("encoded again it differs: {message}");
                    Told::new(Kind::Undecodable, text)
                }
                Found::Unknown {
                    message_type,
                    length,
                } => {
                    let text = format!("message of unknown type {message_type}, {length} octets");
                    Told::new(Kind::Control, text)
                }
                Found::Failed(error) => {
                    let text = format!("not a control message: {error}");
                    Told::new(Kind::Undecodable, text)
                }
                Found::Skipped(octets) => {
                    let text = format!("{octets} octets without the start of a message");
                    Told::new(Kind::Note, text)
                }
                Found::Gap => {
                    self.summary.gaps += 1;
                    let text = "control connection with octets missing before".to_owned();
                    Told::new(Kind::Note, text)
                }
            };
            self.line(place, names, told);
        }
    }

    /// Learns of calls and their ends from the control connection.
    fn follow(&mut self, place: Place, source: Endpoint, to: Endpoint, message: &Message) {
        let sessions = &mut self.sessions;
        match message {
            // Some modems answer with result 0 where they mean 1.
            Message::OutgoingCallReply(reply) if reply.result.code() <= 1 => {
                let (callee, caller) = ((source, reply.call_id), (to, reply.peer_call_id));
                sessions.answered(place.frame, callee, caller);
            }
            Message::IncomingCallReply(reply) if reply.result.code() <= 1 => {
                let (callee, caller) = ((source, reply.call_id), (to, reply.peer_call_id));
                sessions.answered(place.frame, callee, caller);
            }
            Message::CallClearRequest(request) => {
                if let Some(session) = sessions.find_own(source, to, request.call_id) {
                    session.ended(format!("Call-Clear-Request from {source}"));
                }
            }
            Message::CallDisconnectNotify(notify) => {
                if let Some(session) = sessions.find_own(source, to, notify.call_id) {
                    let result = notify.result;
                    session.ended(format!("Call-Disconnect-Notify from {source}: {result}"));
                }
            }
            Message::StopControlConnectionRequest(request) => {
                for session in sessions.between(source, to) {
                    let reason = request.reason;
                    session.ended(format!(
                        "Stop-Control-Connection-Request from {source}: {reason}"
                    ));
                }
            }
            _ => {}
        }
    }
}

fn stream_takes(stream: &mut ControlStream, segment: &Segment<'_>, missing: usize) -> Vec<Found> {
    if segment.syn {
        stream.begin(segment.sequence);
        return Vec::new();
    }
    let chunks = if missing > 0 {
        let length = segment.octets.len() + missing;
        stream.segments.lose(segment.sequence, length)
    } else {
        stream.segments.push(segment.sequence, segment.octets)
    };
    stream.read(chunks)
}
