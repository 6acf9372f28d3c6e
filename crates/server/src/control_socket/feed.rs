//! The way of a trace from the workers to the client that asked for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::Traced;

/// Pieces that wait for a client. Beyond that they are left out and counted: no packet waits for a trace.
const WAITING: usize = 4096;

/// One trace's way. Whoever has a piece gives it in; nobody ever waits.
#[derive(Debug)]
pub(crate) struct Feed {
    pieces: SyncSender<Piece>,
    left_out: AtomicU64,
    closed: AtomicBool,
}

/// What comes out at the other end.
#[derive(Debug)]
pub(crate) enum Piece {
    /// Something for the client.
    Traced(Traced),
    /// Nothing more comes.
    End,
}

impl Feed {
    pub(crate) fn new() -> (Arc<Self>, Receiver<Piece>) {
        let (pieces, received) = sync_channel(WAITING);
        let feed = Self {
            pieces,
            left_out: AtomicU64::new(0),
            closed: AtomicBool::new(false),
        };
        (Arc::new(feed), received)
    }

    /// Gives a piece in, with how many before it found no room.
    pub(crate) fn give(&self, mut traced: Traced) {
        if self.is_closed() {
            return;
        }
        traced.left_out = self.left_out.swap(0, Ordering::Relaxed);
        let before = traced.left_out;
        if self.pieces.try_send(Piece::Traced(traced)).is_err() {
            self.left_out.fetch_add(before + 1, Ordering::Relaxed);
        }
    }

    /// Ends the trace.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        // Where there is no room the reader is awake, and sees the mark when it has caught up.
        let _ = self.pieces.try_send(Piece::End);
    }

    /// Whether nobody wants any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }
}
