//! A trace in words.

use std::collections::HashMap;
use std::time::Duration;

use adit_inspect::{Captured, Inspector, LinkType};
use adit_server::control_socket::{Direction, Traced, What};

/// Sessions that are followed at once; beyond that the oldest is forgotten, which costs no more than what was
/// concluded from its negotiation.
const FOLLOWED: usize = 64;

/// Makes lines of what a trace shows.
#[derive(Default)]
pub(super) struct Lines {
    /// What decodes the frames of each session.
    sessions: HashMap<u64, (u64, Inspector)>,
    frames: u64,
}

/// Octets from hexadecimal digits; as far as they are some.
pub(super) fn octets_of(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks_exact(2);
    let octets = pairs.map_while(|pair| {
        let pair = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(pair, 16).ok()
    });
    octets.collect()
}

/// Whether something is an inner packet, and no frame of a control protocol.
pub(super) fn is_packet(what: &What) -> bool {
    match what {
        What::Frame { octets, .. } => octets.starts_with("0021") || octets.starts_with("0057"),
        _ => false,
    }
}

impl Lines {
    /// The lines for one piece.
    pub(super) fn of(&mut self, traced: &Traced) -> String {
        let mut lines = String::new();
        if traced.left_out > 0 {
            lines.push_str(&format!(
                "... {} messages and packets are left out here: they came too fast\n",
                traced.left_out
            ));
        }
        let place = place(traced);
        match &traced.what {
            What::Message(text) => lines.push_str(&format!("{place} PPTP {text}\n")),
            What::Dropped(why) => lines.push_str(&format!("{place} dropped a packet: {why}\n")),
            What::Ended(why) => {
                lines.push_str(&format!("{place} the end: {why}\n"));
                if let Some(session) = traced.session {
                    self.sessions.remove(&session);
                }
            }
            What::Frame { octets, length } => {
                for text in self.decoded(traced, octets, *length) {
                    lines.push_str(&format!("{place} {text}\n"));
                }
            }
        }
        lines
    }

    fn decoded(&mut self, traced: &Traced, digits: &str, length: usize) -> Vec<String> {
        let mut octets = vec![u8::from(traced.direction == Direction::Sent)];
        octets.extend(octets_of(digits));
        self.frames += 1;
        let number = self.frames;
        let inspector = self.follow(traced.session.unwrap_or_default());
        inspector.handle(Captured {
            number,
            time: Duration::try_from_secs_f64(traced.time).unwrap_or_default(),
            link_type: LinkType::PPP_WITH_DIRECTION,
            octets: &octets,
            original_length: length + 1,
        });
        let mut texts = Vec::new();
        while let Some(line) = inspector.poll_line() {
            texts.push(line.text);
        }
        texts
    }

    fn follow(&mut self, session: u64) -> &mut Inspector {
        if !self.sessions.contains_key(&session)
            && self.sessions.len() >= FOLLOWED
            && let Some(oldest) = self.sessions.iter().min_by_key(|(_, (begun, _))| *begun)
        {
            let oldest = *oldest.0;
            self.sessions.remove(&oldest);
        }
        let begun = self.frames;
        let entry = self.sessions.entry(session);
        &mut entry.or_insert_with(|| (begun, Inspector::new(None))).1
    }
}

/// The time of day (UTC), the session and the direction.
fn place(traced: &Traced) -> String {
    let micros = Duration::try_from_secs_f64(traced.time)
        .unwrap_or_default()
        .as_micros();
    let seconds = micros / 1_000_000;
    let (hours, minutes) = (seconds / 3600 % 24, seconds / 60 % 60);
    let session = traced
        .session
        .map_or_else(|| "-".to_owned(), |session| session.to_string());
    let direction = match traced.direction {
        Direction::Received => '<',
        Direction::Sent => '>',
    };
    format!(
        "{hours:02}:{minutes:02}:{:02}.{:06} {session} {direction}",
        seconds % 60,
        micros % 1_000_000
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traced(what: What) -> Traced {
        Traced {
            time: 86_400.0 + 3661.5,
            connection: 1,
            session: Some(7),
            direction: Direction::Received,
            what,
            left_out: 0,
        }
    }

    fn frame(octets: &str) -> What {
        What::Frame {
            octets: octets.to_owned(),
            length: octets.len() / 2,
        }
    }

    #[test]
    fn frames_are_decoded_and_messages_stay_as_they_are() {
        let mut lines = Lines::default();
        let echo = lines.of(&traced(frame("c0210901000800000000")));
        assert!(
            echo.starts_with("01:01:01.500000 7 < LCP Echo-Request"),
            "{echo}"
        );
        let message = What::Message("Echo-Request id=1".to_owned());
        let message = lines.of(&traced(message));
        assert_eq!(message, "01:01:01.500000 7 < PPTP Echo-Request id=1\n");
        let mut late = traced(What::Dropped("its source".to_owned()));
        late.left_out = 9;
        let late = lines.of(&late);
        assert!(late.starts_with("... 9 messages and packets"));
        assert!(late.ends_with("dropped a packet: its source\n"));
    }

    #[test]
    fn no_more_sessions_are_followed_than_there_is_room_for() {
        let mut lines = Lines::default();
        for session in 0..1000 {
            let mut traced = traced(frame("c0210901000800000000"));
            traced.session = Some(session);
            lines.of(&traced);
        }
        assert_eq!(lines.sessions.len(), FOLLOWED);
        assert!(lines.sessions.contains_key(&999));
    }

    #[test]
    fn digits_that_are_none_end_the_octets() {
        assert_eq!(octets_of("00ff1"), [0, 255]);
        assert_eq!(octets_of("00zz11"), [0]);
    }

    #[test]
    fn packets_are_told_from_control_frames() {
        assert!(is_packet(&frame("002145")));
        assert!(is_packet(&frame("005760")));
        assert!(!is_packet(&frame("c021")));
        assert!(!is_packet(&What::Message("0021".to_owned())));
    }
}
