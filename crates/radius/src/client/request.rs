//! One request on its way.

use std::time::Instant;

use super::{NoReply, SocketId};
use crate::authenticator::RequestAuthenticator;
use crate::packet::Contents;

/// A request and where it has been sent.
pub(super) struct Request<T> {
    pub(super) contents: Contents,
    pub(super) tag: T,
    /// The servers that it goes to, in order.
    pub(super) plan: Vec<usize>,
    /// One for each server so far; the last one is under way.
    pub(super) attempts: Vec<Attempt>,
    /// What to say where no good reply comes.
    pub(super) fault: NoReply,
}

/// A request as one server gets it.
pub(super) struct Attempt {
    pub(super) socket: SocketId,
    pub(super) identifier: u8,
    pub(super) authenticator: RequestAuthenticator,
    pub(super) octets: Vec<u8>,
    /// When it was sent first.
    pub(super) sent: Instant,
    /// How often it was sent.
    pub(super) tries: u32,
    /// When the next try is due.
    pub(super) deadline: Instant,
}

impl<T> Request<T> {
    pub(super) fn new(contents: Contents, tag: T, plan: Vec<usize>) -> Self {
        Self {
            contents,
            tag,
            plan,
            attempts: Vec::new(),
            fault: NoReply::Silence,
        }
    }

    /// The attempt at a server.
    pub(super) fn attempt_at(&self, server: usize) -> Option<&Attempt> {
        self.attempts
            .iter()
            .find(|attempt| attempt.socket.server == server)
    }
}
