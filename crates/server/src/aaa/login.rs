//! One question about credentials, and what a back end finds.

use std::fmt;
use std::net::SocketAddrV4;

use adit_engine::CallKey;
use adit_ppp::auth::{Credentials, Proven, Refusal, Ticket};

use super::radius::SharedStatistics;
use super::{Profile, SessionId};
use crate::diagnosis::Obstacle;

/// A peer that wants to log in. It travels to the back ends and comes back with what they found.
#[derive(Debug)]
pub(crate) struct Login {
    pub(crate) call: CallKey,
    pub(crate) ticket: Ticket,
    pub(crate) credentials: Credentials,
    /// The session that it would be.
    pub(crate) session: SessionId,
    /// Where the peer's control connection comes from.
    pub(crate) peer: SocketAddrV4,
    /// Where the peer has connected to.
    pub(crate) local: SocketAddrV4,
    /// How many back ends have been asked before.
    pub(crate) asked: usize,
    /// Whether one of those could not be reached.
    pub(crate) unreachable: bool,
}

impl Login {
    /// The name as the peer sent it.
    pub(crate) fn sent_name(&self) -> String {
        String::from_utf8_lossy(&self.credentials.name).into_owned()
    }
}

/// What a back end says to a login.
#[derive(Debug)]
pub(crate) enum Finding {
    /// It has no such user.
    Unknown,
    /// The user may not log in.
    Refused(Refused),
    /// It cannot tell now: why, as a sentence.
    Unreachable(String),
    /// The user is who it says.
    Accepted(Box<Accepted>),
}

/// A login that was refused.
#[derive(Debug)]
pub(crate) struct Refused {
    /// What the peer is told.
    pub(crate) refusal: Refusal,
    /// What the operator is told.
    pub(crate) why: String,
    /// What stood in the way.
    pub(crate) obstacle: Obstacle,
}

impl Refused {
    pub(crate) fn new(refusal: Refusal, why: impl Into<String>) -> Self {
        Self {
            refusal,
            why: why.into(),
            obstacle: Obstacle::Refused(refusal),
        }
    }

    /// The same where something else than the back end's judgement stood in the way.
    pub(crate) fn because(self, obstacle: Obstacle) -> Self {
        Self { obstacle, ..self }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal, refusal.to_string())
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

/// A user who is who it says.
#[derive(Debug)]
pub(crate) struct Accepted {
    /// What the login has shown: keys, and the server's own proof.
    pub(crate) proven: Proven,
    /// What the user may have.
    pub(crate) profile: Profile,
}

/// The front's end of something that knows users. The work is done on threads of its own.
pub(crate) trait BackEnd: Send {
    /// Its name in the configuration.
    fn name(&self) -> &'static str;

    /// Has a login judged; the answer comes by [`Answers`](super::Answers).
    ///
    /// # Errors
    /// Gives the login back where too many wait already.
    fn ask(&self, login: Box<Login>) -> Result<(), Box<Login>>;

    /// How the RADIUS servers that it asks do, where it asks such.
    fn radius(&self) -> Option<SharedStatistics> {
        None
    }
}
