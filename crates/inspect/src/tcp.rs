//! TCP headers (RFC 9293 §3.1).

use adit_wire::Reader;

/// What of a segment matters for the stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Segment<'a> {
    pub(crate) source: u16,
    pub(crate) destination: u16,
    pub(crate) sequence: u32,
    pub(crate) syn: bool,
    pub(crate) octets: &'a [u8],
}

/// Reads a segment; `None` where its header is cut short or impossible.
pub(crate) fn read(octets: &[u8]) -> Option<Segment<'_>> {
    let mut r = Reader::new(octets);
    let source = r.u16("Source Port").ok()?;
    let destination = r.u16("Destination Port").ok()?;
    let sequence = r.u32("Sequence Number").ok()?;
    r.u32("Acknowledgment Number").ok()?;
    let offset_and_flags = r.u16("Data Offset").ok()?;
    let options = (usize::from(offset_and_flags >> 12) * 4).checked_sub(14)?;
    r.bytes("Window, Checksum, Urgent Pointer, Options", options)
        .ok()?;
    Some(Segment {
        source,
        destination,
        sequence,
        syn: offset_and_flags & 0x02 != 0,
        octets: r.rest(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_read_behind_its_options() {
        let mut octets = vec![0x06, 0xbb, 0xc0, 0x00, 0, 0, 0, 9, 0, 0, 0, 0, 0x60, 0x12];
        octets.extend([0; 10]);
        octets.extend(b"data");
        assert_eq!(
            read(&octets),
            Some(Segment {
                source: 1723,
                destination: 0xc000,
                sequence: 9,
                syn: true,
                octets: b"data",
            })
        );
        assert_eq!(read(&octets[..20]), None);
        octets[12] = 0x10;
        assert_eq!(read(&octets), None);
    }
}
