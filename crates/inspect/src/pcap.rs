//! Reads pcap and pcapng files frame by frame, in bounded memory.

use std::io::Read;
use std::ops::ControlFlow;
use std::time::Duration;

use pcap_parser::pcapng::Block;
use pcap_parser::traits::PcapReaderIterator;
use pcap_parser::{PcapBlockOwned, PcapError, PcapHeader};

/// Octets that are read ahead at first.
const BUFFER: usize = 64 * 1024;
/// The largest block that is read: no link has frames of this size, a damaged length field has.
const LARGEST_BLOCK: usize = 16 * 1024 * 1024;
/// Interfaces that one pcapng section may describe.
const MOST_INTERFACES: usize = 65_536;

/// What a frame's first octets are: a LINKTYPE value of the pcap file formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkType(pub u16);

impl LinkType {
    /// BSD loopback: an address family in the byte order of the capturing machine.
    pub const NULL: Self = Self(0);
    /// Ethernet.
    pub const ETHERNET: Self = Self(1);
    /// PPP, with or without address and control fields.
    pub const PPP: Self = Self(9);
    /// PPP in HDLC-like framing, or Cisco's HDLC.
    pub const PPP_HDLC: Self = Self(50);
    /// PPPoE session packets without an Ethernet header.
    pub const PPP_ETHER: Self = Self(51);
    /// IPv4 or IPv6 without a link layer header.
    pub const RAW: Self = Self(101);
    /// OpenBSD loopback: an address family in network byte order.
    pub const LOOP: Self = Self(108);
    /// Linux "cooked" capture.
    pub const LINUX_SLL: Self = Self(113);
    /// PPP behind an octet that tells the direction.
    pub const PPP_WITH_DIRECTION: Self = Self(204);
    /// IPv4 without a link layer header.
    pub const IPV4: Self = Self(228);
    /// IPv6 without a link layer header.
    pub const IPV6: Self = Self(229);
    /// Linux "cooked" capture, version 2.
    pub const LINUX_SLL2: Self = Self(276);
}

/// One frame of a capture.
#[derive(Debug, Clone, Copy)]
pub struct Captured<'a> {
    /// Counts from 1, as other tools show it.
    pub number: u64,
    /// When it was captured, since 1970-01-01 UTC.
    pub time: Duration,
    /// What its first octets are.
    pub link_type: LinkType,
    /// The octets that were captured.
    pub octets: &'a [u8],
    /// How many octets the frame had; more than were captured where a snapshot length cut it.
    pub original_length: usize,
}

/// How a capture ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaptureEnd {
    /// After a whole block.
    Whole,
    /// Within a block: the capturing program was stopped hard, or the file was cut.
    CutShort,
    /// Where the caller had enough.
    Stopped,
}

/// Why a file cannot be read as a capture, or not further.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// Neither pcap nor pcapng.
    #[error("the file is neither a pcap nor a pcapng capture")]
    NotACapture,
    /// The operating system refused to read.
    #[error("the file cannot be read")]
    Read,
    /// A block that is not as its format wants it.
    #[error("the capture is damaged after frame {after}")]
    Damaged {
        /// The last frame that was read.
        after: u64,
    },
}

/// Calls `each` with every frame of the capture that `source` gives, until it breaks off.
///
/// # Errors
/// [`CaptureError`]; the frames in front of a damaged place have been given then.
pub fn read_capture<R: Read + Send>(
    source: R,
    mut each: impl FnMut(Captured<'_>) -> ControlFlow<()>,
) -> Result<CaptureEnd, CaptureError> {
    let mut reader = match pcap_parser::create_reader(BUFFER, source) {
        Ok(reader) => reader,
        Err(PcapError::ReadError) => return Err(CaptureError::Read),
        Err(_) => return Err(CaptureError::NotACapture),
    };
    let mut blocks = Blocks::default();
    let mut size = BUFFER;
    loop {
        let step = match reader.next() {
            Ok((length, block)) => {
                if blocks.take(block, &mut each)?.is_break() {
                    return Ok(CaptureEnd::Stopped);
                }
                Step::Consume(length)
            }
            Err(PcapError::Eof) => return Ok(CaptureEnd::Whole),
            Err(PcapError::UnexpectedEof) => return Ok(CaptureEnd::CutShort),
            Err(PcapError::Incomplete(_)) => Step::Refill,
            Err(PcapError::BufferTooSmall) => Step::Grow,
            Err(PcapError::ReadError) => return Err(CaptureError::Read),
            Err(_) => return Err(blocks.damaged()),
        };
        match step {
            Step::Consume(length) => reader.consume(length),
            Step::Refill if reader.data().len() < size => refill(reader.as_mut())?,
            Step::Refill | Step::Grow if size < LARGEST_BLOCK => {
                size *= 2;
                reader.grow(size);
                refill(reader.as_mut())?;
            }
            Step::Refill | Step::Grow => return Err(blocks.damaged()),
        }
    }
}

enum Step {
    Consume(usize),
    Refill,
    Grow,
}

fn refill(reader: &mut dyn PcapReaderIterator) -> Result<(), CaptureError> {
    reader.refill().map_err(|_| CaptureError::Read)
}

/// How one interface's frames are to be read.
#[derive(Debug, Clone, Copy)]
struct Interface {
    link_type: LinkType,
    /// Units of its timestamps in one second.
    resolution: u64,
    /// Seconds to add to its timestamps.
    offset: i64,
}

#[derive(Debug, Default)]
struct Blocks {
    interfaces: Vec<Interface>,
    number: u64,
}

impl Blocks {
    const fn damaged(&self) -> CaptureError {
        CaptureError::Damaged { after: self.number }
    }

    fn take(
        &mut self,
        block: PcapBlockOwned<'_>,
        each: &mut impl FnMut(Captured<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, CaptureError> {
        match block {
            PcapBlockOwned::LegacyHeader(header) => self.interfaces = vec![of_header(&header)],
            PcapBlockOwned::Legacy(frame) => {
                let interface = self.interface(0)?;
                let sub = u64::from(frame.ts_usec);
                let nanos = sub.saturating_mul(1_000_000_000 / interface.resolution.max(1));
                let time = Duration::from_secs(frame.ts_sec.into()) + Duration::from_nanos(nanos);
                return Ok(self.give(interface, time, (frame.data, frame.origlen), each));
            }
            PcapBlockOwned::NG(Block::SectionHeader(_)) => self.interfaces.clear(),
            PcapBlockOwned::NG(Block::InterfaceDescription(interface)) => {
                if self.interfaces.len() >= MOST_INTERFACES {
                    return Err(self.damaged());
                }
                self.interfaces.push(Interface {
                    link_type: link_type(interface.linktype.0),
                    resolution: interface.ts_resolution().unwrap_or(1_000_000),
                    offset: interface.if_tsoffset,
                });
            }
            PcapBlockOwned::NG(Block::EnhancedPacket(frame)) => {
                let interface = self.interface(frame.if_id)?;
                let units = u64::from(frame.ts_high) << 32 | u64::from(frame.ts_low);
                let captured = usize::try_from(frame.caplen).unwrap_or(usize::MAX);
                let octets = frame.data.get(..captured).ok_or(self.damaged())?;
                let time = time_of(units, interface);
                return Ok(self.give(interface, time, (octets, frame.origlen), each));
            }
            PcapBlockOwned::NG(Block::SimplePacket(frame)) => {
                let interface = self.interface(0)?;
                let length = usize::try_from(frame.origlen).unwrap_or(usize::MAX);
                let octets = frame.data.get(..length).unwrap_or(frame.data);
                return Ok(self.give(interface, Duration::ZERO, (octets, frame.origlen), each));
            }
            PcapBlockOwned::NG(_) => {}
        }
        Ok(ControlFlow::Continue(()))
    }

    fn interface(&self, number: u32) -> Result<Interface, CaptureError> {
        let number = usize::try_from(number).unwrap_or(usize::MAX);
        let found = self.interfaces.get(number).copied();
        found.ok_or(self.damaged())
    }

    fn give(
        &mut self,
        interface: Interface,
        time: Duration,
        (octets, original): (&[u8], u32),
        each: &mut impl FnMut(Captured<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.number += 1;
        each(Captured {
            number: self.number,
            time,
            link_type: interface.link_type,
            octets,
            original_length: usize::try_from(original).unwrap_or(usize::MAX),
        })
    }
}

fn of_header(header: &PcapHeader) -> Interface {
    Interface {
        link_type: link_type(header.network.0),
        resolution: if header.is_nanosecond_precision() {
            1_000_000_000
        } else {
            1_000_000
        },
        offset: 0,
    }
}

/// The low 16 bits: those above tell of a frame check sequence.
fn link_type(value: i32) -> LinkType {
    let [.., high, low] = value.to_be_bytes();
    LinkType(u16::from_be_bytes([high, low]))
}

fn time_of(units: u64, interface: Interface) -> Duration {
    let resolution = interface.resolution.max(1);
    let seconds = (units / resolution).saturating_add_signed(interface.offset);
    let rest = u128::from(units % resolution) * 1_000_000_000 / u128::from(resolution);
    Duration::from_secs(seconds) + Duration::from_nanos(u64::try_from(rest).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn little_endian(magic: u32, frames: &[&[u8]]) -> Vec<u8> {
        let mut file = Vec::new();
        for field in [magic, 0x0004_0002, 0, 0, 65_535, 101] {
            file.extend(field.to_le_bytes());
        }
        for frame in frames {
            let length = u32::try_from(frame.len()).unwrap();
            for field in [7, 250, length, length + 4] {
                file.extend(field.to_le_bytes());
            }
            file.extend(*frame);
        }
        file
    }

    fn pcapng(frame: &[u8]) -> Vec<u8> {
        let padded = frame.len().next_multiple_of(4);
        let mut file = Vec::new();
        let block = |kind: u32, body: &[u8], file: &mut Vec<u8>| {
            let length = u32::try_from(body.len() + 12).unwrap().to_be_bytes();
            file.extend([&kind.to_be_bytes(), &length, body, &length].concat());
        };
        let section = [0x1a2b_3c4du32, 0x0001_0000, u32::MAX, u32::MAX].map(u32::to_be_bytes);
        block(0x0a0d_0d0a, &section.concat(), &mut file);
        // LINKTYPE_RAW, nanoseconds by option 9.
        let interface = [101 << 16, 0, 0x0009_0001, 0x0900_0000, 0].map(u32::to_be_bytes);
        block(1, &interface.concat(), &mut file);
        let length = u32::try_from(frame.len()).unwrap();
        let mut packet = [0, 1, 5, length, length].map(u32::to_be_bytes).concat();
        packet.extend(frame);
        packet.resize(20 + padded, 0);
        block(6, &packet, &mut file);
        file
    }

    type Frames = Vec<(u64, Duration, LinkType, Vec<u8>, usize)>;

    fn read(file: &[u8]) -> (Frames, Result<CaptureEnd, CaptureError>) {
        let mut frames = Vec::new();
        let end = read_capture(file, |frame| {
            let octets = frame.octets.to_vec();
            let Captured {
                number,
                time,
                link_type,
                original_length,
                ..
            } = frame;
            frames.push((number, time, link_type, octets, original_length));
            ControlFlow::Continue(())
        });
        (frames, end)
    }

    #[test]
    fn reads_both_resolutions_of_pcap() {
        for (magic, nanos) in [(0xa1b2_c3d4, 250_000), (0xa1b2_3c4d, 250)] {
            let (frames, end) = read(&little_endian(magic, &[b"one", b"three"]));
            assert!(matches!(end, Ok(CaptureEnd::Whole)));
            let time = Duration::new(7, nanos);
            assert_eq!(
                frames,
                [
                    (1, time, LinkType::RAW, b"one".to_vec(), 7),
                    (2, time, LinkType::RAW, b"three".to_vec(), 9),
                ]
            );
        }
    }

    #[test]
    fn reads_pcapng_with_its_own_resolution_and_without_padding() {
        let (frames, end) = read(&pcapng(b"abcde"));
        assert!(matches!(end, Ok(CaptureEnd::Whole)));
        let time = Duration::from_nanos((1 << 32) + 5);
        assert_eq!(frames, [(1, time, LinkType::RAW, b"abcde".to_vec(), 5)]);
    }

    #[test]
    fn the_caller_may_stop() {
        let mut frames = 0;
        let end = read_capture(&*little_endian(0xa1b2_c3d4, &[b"one", b"two"]), |_| {
            frames += 1;
            ControlFlow::Break(())
        });
        assert!(matches!(end, Ok(CaptureEnd::Stopped)));
        assert_eq!(frames, 1);
    }

    #[test]
    fn a_frame_larger_than_the_buffer_is_read() {
        let large = vec![9; 3 * BUFFER];
        let (frames, end) = read(&little_endian(0xa1b2_c3d4, &[&large, b"x"]));
        assert!(matches!(end, Ok(CaptureEnd::Whole)));
        assert_eq!(frames.len(), 2);
        assert_eq!(frames[0].3, large);
    }

    #[test]
    fn a_file_that_ends_within_a_frame_gives_those_in_front() {
        let file = little_endian(0xa1b2_c3d4, &[b"one", b"two"]);
        let (frames, end) = read(&file[..file.len() - 1]);
        assert!(matches!(end, Ok(CaptureEnd::CutShort)));
        assert_eq!(frames.len(), 1);
    }

    #[test]
    fn an_impossible_length_is_damage_and_takes_no_memory() {
        let mut file = little_endian(0xa1b2_c3d4, &[b"one"]);
        file.extend([0u8; 8]);
        file.extend(0x7fff_ffffu32.to_le_bytes());
        file.extend(0x7fff_ffffu32.to_le_bytes());
        file.resize(file.len() + 2 * LARGEST_BLOCK, 0);
        let (frames, end) = read(&file);
        assert!(
            matches!(end, Err(CaptureError::Damaged { after: 1 })),
            "{end:?}"
        );
        assert_eq!(frames.len(), 1);
    }

    #[test]
    fn other_files_are_told_apart() {
        for file in [
            &b""[..],
            b"hello",
            b"#!/bin/sh\nexit 0 and some more octets",
        ] {
            assert!(matches!(read(file).1, Err(CaptureError::NotACapture)));
        }
    }

    proptest! {
        #[test]
        fn a_mutated_capture_is_read_without_panic(
            big: bool,
            changes in proptest::collection::vec((0usize..200, any::<u8>()), 0..6),
            cut in 0usize..200,
        ) {
            let mut file = if big {
                pcapng(b"some octets of a frame")
            } else {
                little_endian(0xa1b2_c3d4, &[b"one", b"two, a little longer"])
            };
            for (at, value) in changes {
                let at = at % file.len();
                file[at] = value;
            }
            file.truncate(file.len().saturating_sub(cut.saturating_sub(100)));
            let (frames, _) = read(&file);
            prop_assert!(frames.len() < 20);
        }
    }
}
