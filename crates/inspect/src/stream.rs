//! Puts one direction of a TCP connection back in order.

/// Segments that are held while one in front of them is missing.
const MOST_SEGMENTS: usize = 64;
/// Octets that are held.
const MOST_OCTETS: usize = 64 * 1024;

/// What comes next in the stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Chunk {
    /// Octets that follow those before.
    Octets(Vec<u8>),
    /// Octets are missing here, or the stream's beginning was not captured.
    Gap,
}

/// One direction of a TCP connection.
#[derive(Debug, Default)]
pub(crate) struct Reassembler {
    next: Option<u32>,
    held: Vec<(u32, Vec<u8>)>,
    /// Segments whose octets had all come before.
    pub(crate) retransmissions: u64,
}

impl Reassembler {
    /// Starts behind a SYN with this sequence number.
    pub(crate) fn begin(&mut self, syn: u32) {
        self.next = Some(syn.wrapping_add(1));
        self.held.clear();
    }

    /// Takes a segment, and gives what is in order now.
    pub(crate) fn push(&mut self, sequence: u32, octets: &[u8]) -> Vec<Chunk> {
        let mut chunks = Vec::new();
        if octets.is_empty() {
            return chunks;
        }
        if self.next.is_none() {
            self.next = Some(sequence);
            chunks.push(Chunk::Gap);
        }
        self.hold(sequence, octets);
        self.drain(&mut chunks);
        while self.is_full() {
            self.skip_to_held(&mut chunks);
        }
        chunks
    }

    /// Tells that a segment was seen but its octets were not all captured.
    pub(crate) fn lose(&mut self, sequence: u32, length: usize) -> Vec<Chunk> {
        let mut chunks = Vec::new();
        let end = sequence.wrapping_add(u32::try_from(length).unwrap_or(0));
        if self.next.is_none_or(|next| is_before(next, end)) {
            self.next = Some(end);
            chunks.push(Chunk::Gap);
            self.drain(&mut chunks);
        }
        chunks
    }

    /// Gives what is still held, with a gap for each hole.
    pub(crate) fn finish(&mut self) -> Vec<Chunk> {
        let mut chunks = Vec::new();
        while !self.held.is_empty() {
            self.skip_to_held(&mut chunks);
        }
        chunks
    }

    fn hold(&mut self, sequence: u32, octets: &[u8]) {
        let known = self
            .held
            .iter()
            .any(|(held, other)| *held == sequence && other.len() >= octets.len());
        if known {
            self.retransmissions += 1;
        } else {
            self.held.push((sequence, octets.to_vec()));
        }
    }

    fn is_full(&self) -> bool {
        let octets: usize = self.held.iter().map(|(_, octets)| octets.len()).sum();
        self.held.len() > MOST_SEGMENTS || octets > MOST_OCTETS
    }

    /// Gives the held segments that begin at or before the next octet.
    fn drain(&mut self, chunks: &mut Vec<Chunk>) {
        let Some(mut next) = self.next else { return };
        while let Some(at) = self
            .held
            .iter()
            .position(|(start, _)| !is_before(next, *start))
        {
            let (start, mut octets) = self.held.swap_remove(at);
            let known = usize::try_from(next.wrapping_sub(start)).unwrap_or(usize::MAX);
            if known >= octets.len() {
                self.retransmissions += 1;
                continue;
            }
            octets.drain(..known);
            next = next.wrapping_add(u32::try_from(octets.len()).unwrap_or(0));
            chunks.push(Chunk::Octets(octets));
        }
        self.next = Some(next);
    }

    fn skip_to_held(&mut self, chunks: &mut Vec<Chunk>) {
        let next = self.next.unwrap_or(0);
        let starts = self.held.iter().map(|(start, _)| *start);
        if let Some(nearest) = starts.min_by_key(|start| start.wrapping_sub(next)) {
            self.next = Some(nearest);
            chunks.push(Chunk::Gap);
            self.drain(chunks);
        }
    }
}

/// Whether sequence number `a` comes before `b` (RFC 9293 §3.4).
const fn is_before(a: u32, b: u32) -> bool {
    let distance = b.wrapping_sub(a);
    distance != 0 && distance < 1 << 31
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn octets(text: &[u8]) -> Chunk {
        Chunk::Octets(text.to_vec())
    }

    #[test]
    fn segments_out_of_order_wait_for_the_missing_one() {
        let mut stream = Reassembler::default();
        stream.begin(u32::MAX - 1);
        assert_eq!(stream.push(2, b"def"), []);
        assert_eq!(
            stream.push(u32::MAX, b"abc"),
            [octets(b"abc"), octets(b"def")]
        );
    }

    #[test]
    fn retransmissions_are_dropped_and_overlaps_cut() {
        let mut stream = Reassembler::default();
        stream.begin(99);
        assert_eq!(stream.push(100, b"abcd"), [octets(b"abcd")]);
        assert_eq!(stream.push(100, b"abcd"), []);
        assert_eq!(stream.push(102, b"cdef"), [octets(b"ef")]);
        assert_eq!(stream.retransmissions, 1);
    }

    #[test]
    fn a_stream_without_its_beginning_starts_with_a_gap() {
        let mut stream = Reassembler::default();
        assert_eq!(stream.push(7, b"x"), [Chunk::Gap, octets(b"x")]);
        assert_eq!(stream.push(8, b"y"), [octets(b"y")]);
    }

    #[test]
    fn a_hole_becomes_a_gap_at_the_end_or_when_too_much_waits() {
        let mut stream = Reassembler::default();
        stream.begin(0);
        assert_eq!(stream.push(5, b"late"), []);
        assert_eq!(stream.finish(), [Chunk::Gap, octets(b"late")]);
        let mut last = Vec::new();
        for number in 0..=MOST_SEGMENTS {
            assert_eq!(last, []);
            last = stream.push(100 + 2 * u32::try_from(number).unwrap(), b"z");
        }
        assert_eq!(last, [Chunk::Gap, octets(b"z")]);
    }

    #[test]
    fn a_segment_that_was_not_captured_whole_leaves_a_gap() {
        let mut stream = Reassembler::default();
        stream.begin(0);
        assert_eq!(stream.push(4, b"def"), []);
        assert_eq!(stream.lose(1, 3), [Chunk::Gap, octets(b"def")]);
        assert_eq!(stream.lose(1, 3), []);
    }

    proptest! {
        #[test]
        fn any_order_and_overlap_gives_the_stream(
            start: u32,
            text in proptest::collection::vec(any::<u8>(), 1..120),
            extra in proptest::collection::vec((0usize..120, 0usize..40), 0..10),
            seed: u64,
        ) {
            // Every octet is in one of these pieces of 7, and some in further ones.
            let mut pieces: Vec<(usize, usize)> = (0..text.len())
                .step_by(7)
                .map(|at| (at, (at + 7).min(text.len())))
                .chain(extra.iter().map(|&(at, length)| {
                    (at.min(text.len()), (at + length).min(text.len()))
                }))
                .collect();
            let mut state = seed;
            pieces.sort_by_cached_key(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                state >> 33
            });
            let mut stream = Reassembler::default();
            stream.begin(start.wrapping_sub(1));
            let mut whole = Vec::new();
            for (from, to) in pieces {
                let sequence = start.wrapping_add(u32::try_from(from).unwrap());
                for chunk in stream.push(sequence, &text[from..to]) {
                    match chunk {
                        Chunk::Octets(octets) => whole.extend(octets),
                        Chunk::Gap => prop_assert!(false, "nothing is missing"),
                    }
                }
            }
            prop_assert_eq!(whole, text);
        }

        #[test]
        fn wild_segments_do_no_harm(
            segments in proptest::collection::vec((any::<u32>(), 0usize..2000, 0u8..4), 0..200),
        ) {
            let mut stream = Reassembler::default();
            for (sequence, length, kind) in segments {
                match kind {
                    0 => stream.begin(sequence),
                    1 => drop(stream.lose(sequence, length)),
                    _ => drop(stream.push(sequence, &vec![0; length])),
                }
                prop_assert!(stream.held.len() <= MOST_SEGMENTS);
            }
            stream.finish();
            prop_assert!(stream.held.is_empty());
        }
    }
}
