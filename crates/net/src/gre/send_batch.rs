//! Packets that are copied until there are enough to send them.

use std::net::Ipv4Addr;

use super::{BATCH, Outgoing, PathError, SLOT, SendCounters, SendTally};

/// Room for [`BATCH`] packets to send, allocated once.
#[derive(Debug)]
pub struct SendBatch {
    buffers: Box<[u8]>,
    slots: Vec<Slot>,
    tally: SendTally,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    source: Option<Ipv4Addr>,
    destination: Ipv4Addr,
    length: usize,
}

/// Why a packet was not added to a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// The batch has to be flushed first.
    #[error("the batch is full")]
    Full,
    /// The packet is longer than [`SLOT`].
    #[error("a packet of {length} octets is longer than {SLOT}")]
    TooLong {
        /// Its length in octets.
        length: usize,
    },
}

impl SendBatch {
    /// An empty batch.
    pub fn new() -> Self {
        Self {
            buffers: vec![0; BATCH * SLOT].into_boxed_slice(),
            slots: Vec::with_capacity(BATCH),
            tally: SendTally::default(),
        }
    }

    /// Adds a packet (GRE header and payload) to be sent to `destination`, from the address
    /// `source` of this host or from the one that the route prefers.
    ///
    /// # Errors
    /// The batch is full, or the packet too long for it.
    pub fn push(
        &mut self,
        source: Option<Ipv4Addr>,
        destination: Ipv4Addr,
        gre: &[u8],
    ) -> Result<(), PushError> {
        let length = gre.len();
        let mut free = self.buffers.chunks_exact_mut(SLOT).skip(self.slots.len());
        let slot = free.next().ok_or(PushError::Full)?;
        slot.get_mut(..length)
            .ok_or(PushError::TooLong { length })?
            .copy_from_slice(gre);
        self.slots.push(Slot {
            source,
            destination,
            length,
        });
        Ok(())
    }

    /// Packets that wait for a flush.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether no packet waits.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Whether the next push would find no room.
    pub fn is_full(&self) -> bool {
        self.slots.len() == BATCH
    }

    /// What became of the packets so far.
    pub fn counters(&self) -> SendCounters {
        self.tally.counters()
    }

    /// Removes and returns the errors met while sending, the last one of each destination.
    pub fn take_errors(&mut self) -> Vec<PathError> {
        self.tally.take_errors()
    }
}

impl SendBatch {
    /// The packets, and where to write what became of them.
    pub(super) fn parts(&mut self) -> (&mut SendTally, impl Iterator<Item = Outgoing<'_>>) {
        let slots = self.slots.iter().zip(self.buffers.chunks_exact(SLOT));
        let packets = slots.map(|(slot, buffer)| Outgoing {
            source: slot.source,
            destination: slot.destination,
            gre: buffer.get(..slot.length).unwrap_or_default(),
        });
        (&mut self.tally, packets)
    }

    pub(super) fn clear(&mut self) {
        self.slots.clear();
    }
}

impl Default for SendBatch {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_takes_its_number_of_packets_and_no_longer_ones() {
        let mut batch = SendBatch::new();
        assert!(batch.is_empty());
        let too_long = vec![0; SLOT + 1];
        let refusal = batch.push(None, Ipv4Addr::LOCALHOST, &too_long);
        assert_eq!(refusal, Err(PushError::TooLong { length: SLOT + 1 }));
        for _ in 0..BATCH {
            batch.push(None, Ipv4Addr::LOCALHOST, &[0; SLOT]).unwrap();
        }
        assert!(batch.is_full());
        assert_eq!(
            batch.push(None, Ipv4Addr::LOCALHOST, &[]),
            Err(PushError::Full)
        );
    }
}
