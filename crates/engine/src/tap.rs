//! Looking on: what passes through a connection or a call, for people who search a fault.

use std::fmt;
use std::sync::Arc;

use adit_wire::control::Message;

use crate::event::{CallKey, ConnectionId};

/// One who looks on. It is called in the middle of everything, so it must not wait.
pub trait Tap: Send + Sync {
    /// Something passes. Passwords are as the peer sent them.
    fn see(&self, place: Place, seen: Seen<'_>);
}

/// Where something passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The control connection.
    pub connection: ConnectionId,
    /// The call; none for what concerns the connection.
    pub call: Option<CallKey>,
}

impl Place {
    pub(crate) const fn of_connection(connection: ConnectionId) -> Self {
        Self {
            connection,
            call: None,
        }
    }
}

/// Who sent something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// The peer.
    Peer,
    /// This end.
    Us,
}

/// Something that passes.
#[derive(Clone, Copy)]
pub enum Seen<'a> {
    /// A message of the control connection.
    Message(Sender, &'a Message),
    /// A PPP frame of a control protocol, with its whole header.
    Frame(Sender, &'a [u8]),
    /// An inner IP packet, as it is outside of the encryption. One from the peer has passed all checks, one to
    /// the peer is about to be given to the link.
    Packet(Sender, &'a [u8]),
    /// A packet was dropped, for this reason.
    Dropped(Sender, &'a dyn fmt::Display),
    /// The call or the connection is over, for this reason.
    Ended(&'a dyn fmt::Display),
}

/// Those who look on at one place; nearly always nobody.
#[derive(Clone, Default)]
pub(crate) struct Taps(Vec<Arc<dyn Tap>>);

impl Taps {
    /// Whether nobody does. All that passes asks this.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn add(&mut self, tap: &Arc<dyn Tap>) {
        if !self.0.iter().any(|it| Arc::ptr_eq(it, tap)) {
            self.0.push(Arc::clone(tap));
        }
    }

    pub(crate) fn remove(&mut self, tap: &Arc<dyn Tap>) {
        self.0.retain(|it| !Arc::ptr_eq(it, tap));
    }

    #[cold]
    pub(crate) fn see(&self, place: Place, seen: Seen<'_>) {
        for tap in &self.0 {
            tap.see(place, seen);
        }
    }
}

impl fmt::Debug for Taps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} taps", self.0.len())
    }
}
