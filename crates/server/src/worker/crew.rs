//! The front's end of all workers: starting them, telling them, hearing of them, ending them.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

use adit_engine::CallKey;

use super::message::{Command, Notice};
use super::strays::{Exchange, way};
use super::{Front, Tools, Worker};
use crate::doorbell::Doorbell;

/// Notices that may wait for the front; a worker with more waits until there is room.
const MAX_WAITING: usize = 1024;

/// All workers. Dropping it ends them.
pub(crate) struct Crew {
    /// What the workers say, with their numbers; none once they are being ended.
    notices: Option<Receiver<(usize, Notice)>>,
    members: Vec<Member>,
}

struct Member {
    /// None once it is being ended.
    commands: Option<Sender<Command>>,
    bell: Arc<Doorbell>,
    /// Whether it has been told something since the bell was rung.
    told: bool,
    connections: usize,
    thread: Option<JoinHandle<()>>,
}

impl Crew {
    /// Starts a worker with each set of tools; `front` wakes the one who calls
    /// [`next_notice`](Self::next_notice).
    pub(crate) fn start(tools: Vec<Tools>, front: &Arc<Doorbell>) -> io::Result<Self> {
        let bells: Vec<_> = tools.iter().map(|tools| Arc::clone(&tools.bell)).collect();
        let (sender, notices) = sync_channel(MAX_WAITING);
        let mut crew = Self {
            notices: Some(notices),
            members: Vec::new(),
        };
        for (number, (tools, exchange)) in tools.into_iter().zip(exchanges(&bells)).enumerate() {
            let front = Front::new(number, SyncSender::clone(&sender), Arc::clone(front));
            crew.hire(number, tools, exchange, front)?;
        }
        Ok(crew)
    }

    fn hire(
        &mut self,
        number: usize,
        tools: Tools,
        exchange: Exchange,
        front: Front,
    ) -> io::Result<()> {
        let (commands, told) = channel();
        let bell = Arc::clone(&tools.bell);
        let thread = std::thread::Builder::new()
            .name(format!("worker-{number}"))
            .spawn(move || Worker::new(tools, told, exchange, front).work())?;
        self.members.push(Member {
            commands: Some(commands),
            bell,
            told: false,
            connections: 0,
            thread: Some(thread),
        });
        Ok(())
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.members.len()
    }

    /// The worker that has a call: Call IDs are shared out.
    pub(crate) fn of_call(&self, call: CallKey) -> usize {
        usize::from(call.local_call_id()) % self.members.len().max(1)
    }

    /// Tells one worker; it wakes when [`ring`](Self::ring) is called.
    pub(crate) fn tell(&mut self, worker: usize, command: Command) {
        if let Some(member) = self.members.get_mut(worker)
            && let Some(commands) = &member.commands
        {
            // Where this fails the worker has ended, which its last notice tells.
            member.told |= commands.send(command).is_ok();
        }
    }

    /// Tells all workers the same.
    pub(crate) fn tell_all(&mut self, command: impl Fn() -> Command) {
        for worker in 0..self.members.len() {
            self.tell(worker, command());
        }
    }

    /// Tells the worker that has the call.
    pub(crate) fn tell_of_call(&mut self, call: CallKey, command: Command) {
        self.tell(self.of_call(call), command);
    }

    /// Wakes those who were told something.
    pub(crate) fn ring(&mut self) {
        for member in &mut self.members {
            if std::mem::take(&mut member.told) {
                member.bell.ring();
            }
        }
    }

    /// Gives a new connection to the worker that has the fewest, by its number.
    pub(crate) fn assign(&mut self) -> usize {
        let fewest = self
            .members
            .iter_mut()
            .enumerate()
            .min_by_key(|(_, member)| member.connections);
        fewest.map_or(0, |(worker, member)| {
            member.connections += 1;
            worker
        })
    }

    /// How many connections each worker has.
    pub(crate) fn connections(&self) -> impl Iterator<Item = usize> {
        self.members.iter().map(|member| member.connections)
    }

    /// A connection that was assigned to this worker is no more.
    pub(crate) fn relieve(&mut self, worker: usize) {
        if let Some(member) = self.members.get_mut(worker) {
            member.connections = member.connections.saturating_sub(1);
        }
    }

    /// The next thing that a worker says, with its number.
    pub(crate) fn next_notice(&self) -> Option<(usize, Notice)> {
        self.notices.as_ref()?.try_recv().ok()
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        // Nobody may wait for room for a notice while we wait for its end.
        self.notices = None;
        for member in &mut self.members {
            member.commands = None;
            member.bell.ring();
        }
        for member in &mut self.members {
            if let Some(thread) = member.thread.take() {
                let _ = thread.join();
            }
        }
    }
}

/// Ways between each two of the workers, who are woken by these bells.
fn exchanges(bells: &[Arc<Doorbell>]) -> Vec<Exchange> {
    let count = bells.len();
    let mut inboxes: Vec<Vec<_>> = (0..count).map(|_| Vec::new()).collect();
    let mut outboxes: Vec<Vec<_>> = (0..count).map(|_| Vec::new()).collect();
    for (from, outboxes) in outboxes.iter_mut().enumerate() {
        for (to, (bell, inboxes)) in bells.iter().zip(&mut inboxes).enumerate() {
            outboxes.push((from != to).then(|| {
                let (outbox, inbox) = way(Arc::clone(bell));
                inboxes.push(inbox);
                outbox
            }));
        }
    }
    let pairs = outboxes.into_iter().zip(inboxes);
    pairs
        .map(|(outboxes, inboxes)| Exchange::new(outboxes, inboxes))
        .collect()
}
