//! Takes the frames of a capture one after the other and tells what is in them.

mod control;
mod tunnel;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::Credentials;
use crate::control_stream::ControlStream;
use crate::endpoint::Endpoint;
use crate::ip::{self, Part};
use crate::line::{Kind, Line};
use crate::link::{self, Carried};
use crate::pcap::Captured;
use crate::session::SessionTable;
use crate::summary::Summary;
use tunnel::Way;

/// One direction of a TCP connection: who sends from which port, to whom, to which port.
type Flow = ((Endpoint, u16), (Endpoint, u16));

/// Where and when the packet at hand was captured.
#[derive(Debug, Clone, Copy)]
struct Place {
    frame: u64,
    time: Duration,
}

/// Reads a capture: to be given each frame in order, and to be asked for lines after each.
#[derive(Debug, Default)]
pub struct Inspector {
    credentials: Option<Credentials>,
    start: Option<Duration>,
    last: Option<Place>,
    streams: BTreeMap<Flow, ControlStream>,
    sessions: SessionTable,
    lines: VecDeque<Line>,
    summary: Summary,
}

impl Inspector {
    /// With credentials, exchanges of that user are checked and what they encrypt is decrypted.
    pub fn new(credentials: Option<Credentials>) -> Self {
        Self {
            credentials,
            ..Self::default()
        }
    }

    /// Takes the next frame.
    pub fn handle(&mut self, captured: Captured<'_>) {
        let start = *self.start.get_or_insert(captured.time);
        let place = Place {
            frame: captured.number,
            time: captured.time.saturating_sub(start),
        };
        self.last = Some(place);
        self.summary.frames += 1;
        let cut = captured.octets.len() < captured.original_length;
        if cut {
            self.summary.cut_short += 1;
        }
        match link::open(captured.link_type, captured.octets) {
            Carried::Ip(packet) => self.ip(place, packet),
            Carried::Ppp {
                source,
                destination,
                session,
                frame,
            } => {
                let way = Way {
                    source,
                    destination,
                    call_id: session,
                    sequence: None,
                };
                self.ppp(place, way, "", (frame, cut));
            }
            Carried::Other(what) => self.pass(what),
        }
    }

    /// The next line, in the order of the frames.
    pub fn poll_line(&mut self) -> Option<Line> {
        self.lines.pop_front()
    }

    /// Ends the capture: what waits for a missing segment is read. To be called before the last
    /// lines are asked for.
    pub fn finish(&mut self) {
        let Some(place) = self.last else { return };
        for (flow, mut stream) in std::mem::take(&mut self.streams) {
            let chunks = stream.segments.finish();
            let found = stream.read(chunks);
            self.control(place, flow, found);
            self.summary.retransmissions += stream.segments.retransmissions;
        }
    }

    /// What the frames so far showed.
    pub fn summary(&self) -> Summary {
        Summary {
            sessions: self.sessions.summaries(),
            ..self.summary.clone()
        }
    }

    fn pass(&mut self, what: &'static str) {
        *self.summary.not_looked_at.entry(what).or_default() += 1;
    }

    fn line(&mut self, place: Place, (source, destination): (String, String), told: Told) {
        if told.kind == Kind::Undecodable {
            self.summary.fault(place.frame, told.text.clone());
        }
        *self.summary.packets.entry(told.kind.name()).or_default() += 1;
        self.lines.push_back(Line {
            frame: place.frame,
            time: place.time,
            source,
            destination,
            kind: told.kind,
            text: told.text,
            decrypted: told.decrypted,
        });
    }

    fn ip(&mut self, place: Place, octets: &[u8]) {
        let Ok(packet) = ip::innermost(octets) else {
            return self.pass("unreadable IP packet");
        };
        if packet.part != Part::Whole && matches!(packet.protocol, ip::TCP | ip::GRE) {
            self.summary.fragments += 1;
            let names = (packet.source.to_string(), packet.destination.to_string());
            let text = "fragment of an IP packet".to_owned();
            return self.line(place, names, Told::new(Kind::Note, text));
        }
        match packet.protocol {
            ip::TCP => self.tcp(place, &packet),
            ip::GRE => self.gre(place, &packet),
            17 => self.pass("UDP"),
            1 | 58 => self.pass("ICMP"),
            _ => self.pass("another IP protocol"),
        }
    }
}

/// What a line says.
#[derive(Debug)]
struct Told {
    kind: Kind,
    text: String,
    decrypted: Option<Vec<u8>>,
}

impl Told {
    const fn new(kind: Kind, text: String) -> Self {
        Self {
            kind,
            text,
            decrypted: None,
        }
    }

    fn add(&mut self, separator: &str, text: &str) {
        self.text.push_str(separator);
        self.text.push_str(text);
    }
}

#[cfg(test)]
mod tests;
