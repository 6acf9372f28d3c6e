//! Packets that came before one that is missing (RFC 2637 §4.3).

use std::time::{Duration, Instant};

/// Most packets that can be held.
const MAX_PACKETS: u16 = 4096;

/// Octets that one held packet may have on average; longer ones use up the room sooner.
const OCTETS_PER_PACKET: usize = 2048;

/// A ring of packets by sequence number. It takes memory only while packets are held: most sessions of many
/// hold none.
#[derive(Debug)]
pub(super) struct Reorder {
    /// Empty, or of length `capacity`.
    slots: Vec<Option<Held>>,
    /// A power of two, so that the index of a sequence number goes on across its wrap; or none.
    capacity: usize,
    count: usize,
    octets: usize,
    /// Since when the number expected next is missing.
    missing_since: Option<Instant>,
    delay: Duration,
    /// Storage of packets that are gone, to be used again while others are held.
    spare: Vec<Vec<u8>>,
}

#[derive(Debug)]
struct Held {
    sequence: u32,
    arrived: Instant,
    payload: Vec<u8>,
}

impl Reorder {
    /// Holds at most `packets`, rounded up to a power of two, for at most `delay`; nothing where
    /// either is zero.
    pub(super) fn new(packets: u16, delay: Duration) -> Self {
        let capacity = match packets {
            0 => 0,
            _ if delay.is_zero() => 0,
            packets => usize::from(packets.min(MAX_PACKETS)).next_power_of_two(),
        };
        Self {
            slots: Vec::new(),
            capacity,
            count: 0,
            octets: 0,
            missing_since: None,
            delay,
            spare: Vec::new(),
        }
    }

    /// How many consecutive sequence numbers have a place.
    pub(super) fn capacity(&self) -> u32 {
        u32::try_from(self.capacity).unwrap_or(u32::MAX)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether there is room for `payload`.
    pub(super) fn has_room(&self, payload: &[u8]) -> bool {
        self.octets + payload.len() <= self.capacity * OCTETS_PER_PACKET
    }

    pub(super) fn holds(&self, sequence: u32) -> bool {
        let slot = self.index(sequence).and_then(|index| self.slots.get(index));
        matches!(slot, Some(Some(held)) if held.sequence == sequence)
    }

    /// Keeps a packet; its number must lie within the capacity from the one expected next.
    pub(super) fn hold(&mut self, now: Instant, sequence: u32, payload: &[u8]) {
        self.slots.resize_with(self.capacity, || None);
        let mut storage = self.spare.pop().unwrap_or_default();
        storage.clear();
        storage.extend_from_slice(payload);
        let Some(slot) = self
            .index(sequence)
            .and_then(|index| self.slots.get_mut(index))
        else {
            return;
        };
        *slot = Some(Held {
            sequence,
            arrived: now,
            payload: storage,
        });
        self.count += 1;
        self.octets += payload.len();
        self.missing_since.get_or_insert(now);
    }

    /// Takes the packet with this number, if it is held. To be given back to [`Reorder::recycle`].
    pub(super) fn take(&mut self, sequence: u32) -> Option<Vec<u8>> {
        if self.is_empty() {
            return None;
        }
        let slot = self
            .index(sequence)
            .and_then(|index| self.slots.get_mut(index))?;
        let held = slot.take_if(|held| held.sequence == sequence)?;
        self.count -= 1;
        self.octets -= held.payload.len();
        Some(held.payload)
    }

    pub(super) fn recycle(&mut self, storage: Vec<u8>) {
        if self.spare.len() < self.capacity {
            self.spare.push(storage);
        }
    }

    /// Begins to wait for the next missing number, with the time of the packets still held; gives the
    /// memory back where there are none.
    pub(super) fn restart_wait(&mut self) {
        self.missing_since = if self.is_empty() {
            self.slots = Vec::new();
            self.spare = Vec::new();
            None
        } else {
            self.slots.iter().flatten().map(|held| held.arrived).min()
        };
    }

    /// When the missing number is to be given up.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.missing_since.map(|since| since + self.delay)
    }

    fn index(&self, sequence: u32) -> Option<usize> {
        let mask = self.capacity.checked_sub(1)?;
        Some(usize::try_from(sequence).ok()? & mask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_held_as_long_as_packets_are() {
        let now = Instant::now();
        let mut reorder = Reorder::new(5, Duration::from_millis(50));
        assert_eq!((reorder.capacity(), reorder.slots.capacity()), (8, 0));
        assert!(reorder.has_room(&[0; 1400]) && !reorder.holds(9));
        assert_eq!(reorder.take(9), None);
        reorder.hold(now, 9, b"nine");
        reorder.hold(now, 11, b"eleven");
        reorder.restart_wait();
        assert_eq!(reorder.take(9).as_deref(), Some(&b"nine"[..]));
        assert!(reorder.holds(11));
        let storage = reorder.take(11).unwrap();
        reorder.recycle(storage);
        reorder.restart_wait();
        assert_eq!((reorder.slots.capacity(), reorder.spare.capacity()), (0, 0));
        assert_eq!((reorder.capacity(), reorder.deadline()), (8, None));
    }
}
