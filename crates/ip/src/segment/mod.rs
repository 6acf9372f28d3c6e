//! Segmentation: the packets that a long TCP or UDP packet of the kernel's stands for, as the network
//! card would have made them.
//!
//! All segments have the headers of the long packet but for lengths, the identification of IPv4, which
//! counts up, sequence number, flags and checksums. What never changes is summed once.

mod split;

use crate::header::{HeaderError, check};
use crate::offload::{ChecksumError, Offload, PartialChecksum, SegmentKind};
use split::Split;

/// Why a packet cannot be segmented as its [`Offload`] says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SegmentError {
    /// The IP header is not sound.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The checksum is not where it is said to be.
    #[error(transparent)]
    Checksum(#[from] ChecksumError),
    /// The packet is of another protocol than is said.
    #[error("a packet to be segmented as {kind:?} is none")]
    Kind {
        /// What it should be.
        kind: SegmentKind,
    },
    /// The header of TCP or UDP is elsewhere than the checksum's place tells.
    #[error("the transport header is at {found}, not at {start}")]
    Start {
        /// Where the checksum starts.
        start: usize,
        /// Where the header is, in octets from the start of the packet.
        found: usize,
    },
    /// The header of TCP or UDP is cut short, or its length impossible.
    #[error("a transport header at {start} does not fit a packet of {length} octets")]
    Transport {
        /// Where it starts.
        start: usize,
        /// Octets of the packet.
        length: usize,
    },
    /// There is no room for a segment; it is lost.
    #[error("a segment takes {need} octets, there are {have}")]
    Room {
        /// Octets of the segment.
        need: usize,
        /// Octets there are.
        have: usize,
    },
}

/// The segments of one packet, in order.
///
/// ```
/// use adit_ip::offload::Offload;
/// use adit_ip::segment::Segments;
///
/// # let mut packet = vec![0u8; 28];
/// # packet[0] = 0x45;
/// # let header = [0; 10];
/// let offload = Offload::decode(&header)?;
/// let mut segments = Segments::new(offload, &packet)?;
/// let mut slot = [0; 2000];
/// const ROOM: usize = 64;
/// while let Some(written) = segments.next_into(&mut slot[ROOM..]) {
///     let segment = &slot[ROOM..ROOM + written?];
///     # assert_eq!(segment, packet);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Segments<'a> {
    left: Left<'a>,
}

/// What is left to hand out.
#[derive(Debug)]
enum Left<'a> {
    Nothing,
    Whole(&'a [u8], Option<PartialChecksum>),
    Split(Split<'a>),
}

impl<'a> Segments<'a> {
    /// Prepares the segments of `packet`. One that is not to be segmented is its only segment, with its
    /// checksum completed if that is to be done. Octets after the end that the IP header gives are cut
    /// off what is segmented.
    ///
    /// # Errors
    /// [`SegmentError`] says how packet and `offload` contradict each other.
    pub fn new(offload: Offload, packet: &'a [u8]) -> Result<Self, SegmentError> {
        let left = match offload.segmentation {
            Some(segmentation) => {
                Left::Split(Split::new(segmentation, offload.checksum, check(packet)?)?)
            }
            None => {
                if let Some(checksum) = offload.checksum {
                    checksum.check(packet)?;
                }
                Left::Whole(packet, offload.checksum)
            }
        };
        Ok(Self { left })
    }

    /// How many segments are left.
    pub fn remaining(&self) -> usize {
        match &self.left {
            Left::Nothing => 0,
            Left::Whole(..) => 1,
            Left::Split(split) => split.remaining(),
        }
    }

    /// Writes the next segment to the start of `out` and returns its length in octets; none after the
    /// last.
    ///
    /// # Errors
    /// [`SegmentError::Room`] if `out` is too short. This segment is then lost, the next one is not.
    pub fn next_into(&mut self, out: &mut [u8]) -> Option<Result<usize, SegmentError>> {
        match &mut self.left {
            Left::Nothing => None,
            Left::Whole(packet, checksum) => {
                let written = write_whole(packet, *checksum, out);
                self.left = Left::Nothing;
                Some(written)
            }
            Left::Split(split) => {
                let written = split.write(out);
                if split.is_done() {
                    self.left = Left::Nothing;
                }
                Some(written)
            }
        }
    }
}

fn write_whole(
    packet: &[u8],
    checksum: Option<PartialChecksum>,
    out: &mut [u8],
) -> Result<usize, SegmentError> {
    let out = room(out, packet.len())?;
    out.copy_from_slice(packet);
    if let Some(checksum) = checksum {
        checksum.complete(out)?;
    }
    Ok(packet.len())
}

fn room(out: &mut [u8], need: usize) -> Result<&mut [u8], SegmentError> {
    let have = out.len();
    out.get_mut(..need).ok_or(SegmentError::Room { need, have })
}

#[cfg(test)]
mod tests;
