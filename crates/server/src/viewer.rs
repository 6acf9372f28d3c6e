//! What a trace shows of what passes through the workers.

mod secrets;

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use adit_engine::{Place, Seen, Sender, Tap};
use adit_wire::ppp::{Encapsulation, Protocol};

use crate::control_socket::{Direction, Feed, Traced, What};

/// One who looks on for a trace. Its copies are one and the same.
#[derive(Clone)]
pub(crate) struct Viewer(Arc<dyn Tap>);

impl Viewer {
    /// Gives to `feed` what passes, and of inner packets no more than so many octets.
    pub(crate) fn new(feed: Arc<Feed>, octets: u16) -> Self {
        let octets = usize::from(octets);
        Self(Arc::new(View { feed, octets }))
    }

    pub(crate) const fn tap(&self) -> &Arc<dyn Tap> {
        &self.0
    }
}

impl fmt::Debug for Viewer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Viewer")
    }
}

struct View {
    feed: Arc<Feed>,
    octets: usize,
}

impl Tap for View {
    fn see(&self, place: Place, seen: Seen<'_>) {
        if self.feed.is_closed() {
            return;
        }
        let (direction, what) = self.describe(seen);
        let time = SystemTime::now().duration_since(UNIX_EPOCH);
        self.feed.give(Traced {
            time: time.unwrap_or_default().as_secs_f64(),
            connection: place.connection.0,
            session: place.call.map(|call| u64::from(call.number())),
            direction,
            what,
            left_out: 0,
        });
    }
}

impl View {
    fn describe(&self, seen: Seen<'_>) -> (Direction, What) {
        match seen {
            Seen::Message(sender, message) => {
                (direction(sender), What::Message(message.to_string()))
            }
            Seen::Frame(sender, frame) => (direction(sender), whole(frame)),
            Seen::Packet(sender, packet) => (direction(sender), self.head(packet)),
            Seen::Dropped(sender, why) => (direction(sender), What::Dropped(why.to_string())),
            Seen::Ended(why) => (Direction::Received, What::Ended(why.to_string())),
        }
    }

    /// The beginning of an inner packet, in a frame as if nothing were encrypted or compressed.
    fn head(&self, packet: &[u8]) -> What {
        let protocol = match packet.first() {
            Some(first) if first >> 4 == 6 => Protocol::IPV6,
            _ => Protocol::IPV4,
        };
        let shown = packet.get(..self.octets).unwrap_or(packet);
        let mut octets = protocol.0.to_be_bytes().to_vec();
        octets.extend_from_slice(shown);
        What::Frame {
            octets: hexadecimal(&octets),
            length: packet.len() + 2,
        }
    }
}

/// A frame of a control protocol without what is secret, and with its protocol field in full.
fn whole(frame: &[u8]) -> What {
    let octets = match Encapsulation::split(frame) {
        Ok((_, protocol, information)) => {
            let mut octets = protocol.0.to_be_bytes().to_vec();
            octets.extend(secrets::masked(protocol, information));
            octets
        }
        Err(_) => frame.to_vec(),
    };
    What::Frame {
        length: octets.len(),
        octets: hexadecimal(&octets),
    }
}

const fn direction(sender: Sender) -> Direction {
    match sender {
        Sender::Peer => Direction::Received,
        Sender::Us => Direction::Sent,
    }
}

fn hexadecimal(octets: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS[usize::from(value & 15)]);
    let digits = octets
        .iter()
        .flat_map(|octet| [digit(octet >> 4), digit(*octet)]);
    digits.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_put_in_full_and_packets_are_cut() {
        let What::Frame { octets, length } = whole(&[0xff, 0x03, 0xc0, 0x21, 9, 1, 0, 4]) else {
            panic!("no frame");
        };
        assert_eq!((octets.as_str(), length), ("c02109010004", 6));
        let (feed, _pieces) = Feed::new();
        let view = View { feed, octets: 4 };
        let What::Frame { octets, length } = view.head(&[0x60, 0, 0, 0, 1, 2]) else {
            panic!("no frame");
        };
        assert_eq!((octets.as_str(), length), ("005760000000", 8));
    }
}
