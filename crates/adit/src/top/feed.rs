//! What is seen of the server, and what it is told.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use adit_server::control_socket::{
    AskError, Conversation, Reply, Request, SessionInfo, SessionQuery, StatsInfo, Target,
};

use super::screen::Input;
use crate::control::{now, unexpected};

/// The server at one moment.
#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    /// Seconds since 1970.
    pub(super) now: u64,
    pub(super) at: Instant,
    pub(super) sessions: Vec<SessionInfo>,
    pub(super) stats: StatsInfo,
}

/// What the one at the screen wants.
#[derive(Debug)]
pub(super) enum Wish {
    /// See these sessions from now on.
    See(SessionQuery),
    /// End one.
    Disconnect(u64),
}

/// The connection to the server.
pub(super) struct Server {
    path: PathBuf,
    conversation: Conversation,
}

impl Server {
    pub(super) fn open(path: &Path) -> Result<Self, AskError> {
        Ok(Self {
            path: path.to_owned(),
            conversation: Conversation::open(path)?,
        })
    }

    /// Looks at the server; a connection that broke is made anew.
    pub(super) fn look(&mut self, query: &SessionQuery) -> anyhow::Result<Snapshot> {
        if let Ok(snapshot) = self.try_look(query) {
            return Ok(snapshot);
        }
        self.conversation = Conversation::open(&self.path)?;
        self.try_look(query)
    }

    fn try_look(&mut self, query: &SessionQuery) -> anyhow::Result<Snapshot> {
        let request = Request::Sessions(query.clone());
        let Reply::Sessions { sessions } = self.conversation.ask(&request)? else {
            return Err(unexpected());
        };
        let Reply::Stats { stats } = self.conversation.ask(&Request::Stats)? else {
            return Err(unexpected());
        };
        Ok(Snapshot {
            now: now(),
            at: Instant::now(),
            sessions,
            stats: *stats,
        })
    }

    fn disconnect(&mut self, id: u64) -> anyhow::Result<String> {
        let request = Request::Disconnect {
            target: Target::Session(id),
            reason: None,
        };
        match self.conversation.ask(&request)? {
            Reply::Disconnected { sessions: 0 } => Ok(format!("there is no session {id} any more")),
            Reply::Disconnected { .. } => Ok(format!("session {id} is being ended")),
            _ => Err(unexpected()),
        }
    }

    /// Looks again and again, and does what is wished for, until nobody listens.
    pub(super) fn serve(
        mut self,
        mut query: SessionQuery,
        interval: Duration,
        wishes: &Receiver<Wish>,
        inputs: &Sender<Input>,
    ) {
        loop {
            let mut said = None;
            match wishes.recv_timeout(interval) {
                Ok(Wish::See(wanted)) => query = wanted,
                Ok(Wish::Disconnect(id)) => {
                    let told = self.disconnect(id);
                    said = Some(told.unwrap_or_else(|error| error.to_string()));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let seen = match self.look(&query) {
                Ok(snapshot) => Input::Seen(Box::new(snapshot)),
                Err(error) => Input::Said(error.to_string()),
            };
            let inputs = [Some(seen), said.map(Input::Said)].map(|input| {
                let sent = input.map(|input| inputs.send(input));
                sent.is_none_or(|sent| sent.is_ok())
            });
            if inputs.contains(&false) {
                return;
            }
        }
    }
}
