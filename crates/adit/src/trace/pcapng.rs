//! A capture file of what a trace shows: PPP frames, each with who sent it. What is no frame is a comment of
//! the next one.

use std::io::{self, Write};
use std::time::Duration;

use adit_server::control_socket::{Direction, Traced, What};

use super::lines::octets_of;

/// The link type of PPP frames. One with a direction before each frame would say more, but few programs read
/// it; so the direction is in the flags of each frame.
const PPP: u16 = 9;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const INTERFACE_STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;

const OPTION_COMMENT: u16 = 1;
const OPTION_FLAGS: u16 = 2;
const OPTION_RESOLUTION: u16 = 9;

/// Comments that wait for a frame; no more are kept.
const COMMENTS: usize = 100;

/// A file that is being written.
pub(super) struct Capture<W> {
    file: W,
    comments: Vec<String>,
    frames: u64,
    last: u64,
}

impl<W: Write> Capture<W> {
    pub(super) fn begin(file: W) -> io::Result<Self> {
        let mut capture = Self {
            file,
            comments: Vec::new(),
            frames: 0,
            last: 0,
        };
        let mut section = 0x1a2b_3c4d_u32.to_le_bytes().to_vec();
        section.extend([1, 0, 0, 0]);
        section.extend(u64::MAX.to_le_bytes());
        capture.block(SECTION_HEADER, &section)?;
        let mut interface = PPP.to_le_bytes().to_vec();
        // Reserved, and no limit to the length of frames.
        interface.extend([0; 6]);
        option(&mut interface, OPTION_RESOLUTION, &[9]);
        option(&mut interface, 0, &[]);
        capture.block(INTERFACE, &interface)?;
        capture.file.flush()?;
        Ok(capture)
    }

    /// Writes a frame, or keeps what is none for the next one.
    pub(super) fn write(&mut self, traced: &Traced) -> io::Result<()> {
        let sender = match traced.direction {
            Direction::Received => "from the client",
            Direction::Sent => "to the client",
        };
        if traced.left_out > 0 {
            self.comment(format!("{} frames are left out here", traced.left_out));
        }
        let time = Duration::try_from_secs_f64(traced.time).unwrap_or_default();
        self.last = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        match &traced.what {
            What::Message(text) => self.comment(format!("control message {sender}: {text}")),
            What::Dropped(why) => self.comment(format!("dropped a packet {sender}: {why}")),
            What::Ended(why) => self.comment(format!("the end: {why}")),
            What::Frame { octets, length } => {
                let session = traced.session.map(|session| format!("session {session}"));
                self.comments.splice(0..0, session);
                self.frame(traced.direction, &octets_of(octets), *length)?;
            }
        }
        Ok(())
    }

    fn comment(&mut self, text: String) {
        if self.comments.len() < COMMENTS {
            self.comments.push(text);
        }
    }

    fn frame(&mut self, direction: Direction, frame: &[u8], length: usize) -> io::Result<()> {
        let sent = direction == Direction::Sent;
        // Address and control fields are not in what the server shows.
        let mut octets = vec![0xff, 0x03];
        octets.extend_from_slice(frame);
        let original = u32::try_from(length + 2).unwrap_or(u32::MAX);
        let captured = u32::try_from(octets.len()).unwrap_or(u32::MAX);
        let mut block = 0u32.to_le_bytes().to_vec();
        self.put_time(&mut block);
        block.extend(captured.to_le_bytes());
        block.extend(original.to_le_bytes());
        block.extend(&octets);
        block.resize(block.len().next_multiple_of(4), 0);
        for comment in self.comments.drain(..) {
            option(&mut block, OPTION_COMMENT, comment.as_bytes());
        }
        let flags: u32 = if sent { 2 } else { 1 };
        option(&mut block, OPTION_FLAGS, &flags.to_le_bytes());
        option(&mut block, 0, &[]);
        self.frames += 1;
        self.block(ENHANCED_PACKET, &block)?;
        // A reader who looks on sees it at once.
        self.file.flush()
    }

    /// Ends the file; how many frames it has.
    pub(super) fn finish(mut self) -> io::Result<u64> {
        if !self.comments.is_empty() {
            let mut block = 0u32.to_le_bytes().to_vec();
            self.put_time(&mut block);
            for comment in self.comments.drain(..) {
                option(&mut block, OPTION_COMMENT, comment.as_bytes());
            }
            option(&mut block, 0, &[]);
            self.block(INTERFACE_STATISTICS, &block)?;
        }
        self.file.flush()?;
        Ok(self.frames)
    }

    /// The upper half first.
    fn put_time(&self, block: &mut Vec<u8>) {
        for half in [self.last >> 32, self.last & 0xffff_ffff] {
            block.extend(u32::try_from(half).unwrap_or_default().to_le_bytes());
        }
    }

    fn block(&mut self, kind: u32, body: &[u8]) -> io::Result<()> {
        let length = u32::try_from(body.len() + 12).unwrap_or(u32::MAX);
        self.file.write_all(&kind.to_le_bytes())?;
        self.file.write_all(&length.to_le_bytes())?;
        self.file.write_all(body)?;
        self.file.write_all(&length.to_le_bytes())
    }
}

fn option(block: &mut Vec<u8>, code: u16, value: &[u8]) {
    let value = value.get(..usize::from(u16::MAX)).unwrap_or(value);
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
    block.extend(code.to_le_bytes());
    block.extend(length.to_le_bytes());
    block.extend(value);
    block.resize(block.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use adit_inspect::{CaptureEnd, LinkType, read_capture};

    use super::*;

    fn traced(time: f64, direction: Direction, what: What) -> Traced {
        Traced {
            time,
            connection: 0,
            session: Some(7),
            direction,
            what,
            left_out: 0,
        }
    }

    #[test]
    fn the_file_is_read_as_it_was_written() {
        let frame = |octets: &str, length| What::Frame {
            octets: octets.to_owned(),
            length,
        };
        let mut file = Vec::new();
        let mut capture = Capture::begin(&mut file).unwrap();
        for (time, direction, what) in [
            (
                1.5,
                Direction::Received,
                What::Message("Echo-Request".to_owned()),
            ),
            (1.5, Direction::Received, frame("c0210901000800000000", 10)),
            (2.25, Direction::Sent, frame("002145", 1002)),
            (3.0, Direction::Sent, What::Ended("hung up".to_owned())),
        ] {
            capture.write(&traced(time, direction, what)).unwrap();
        }
        assert_eq!(capture.finish().unwrap(), 2);
        let mut frames = Vec::new();
        let end = read_capture(file.as_slice(), |frame| {
            assert_eq!(frame.link_type, LinkType::PPP);
            frames.push((frame.time, frame.octets.to_vec(), frame.original_length));
            ControlFlow::Continue(())
        });
        assert!(matches!(end, Ok(CaptureEnd::Whole)), "{end:?}");
        let first = [0xff, 3, 0xc0, 0x21, 9, 1, 0, 8, 0, 0, 0, 0].to_vec();
        let second = [0xff, 3, 0, 0x21, 0x45].to_vec();
        assert_eq!(
            frames,
            [
                (Duration::from_millis(1500), first, 12),
                (Duration::from_millis(2250), second, 1004)
            ]
        );
        for comment in [
            "session 7",
            "control message from the client: Echo-Request",
            "the end: hung up",
        ] {
            let found = file
                .windows(comment.len())
                .any(|it| it == comment.as_bytes());
            assert!(found, "{comment}");
        }
    }
}
