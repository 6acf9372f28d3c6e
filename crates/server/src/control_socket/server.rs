//! The listening side: the thread that takes clients in, and the event loop's end of it.

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};

use super::bind::{BindError, lock, remove_stale};
use super::clients::{Clients, Desk};
use super::feed::Feed;
use super::{MOST_CLIENTS, Reply, Request};
use crate::file_lock::FileLock;

const LISTENER: Token = Token(0);
const STOP: Token = Token(1);

/// The server's end of the control socket. Dropping it ends its threads and removes the socket.
#[derive(Debug)]
pub struct ControlSocket {
    path: PathBuf,
    /// Device and inode of the socket, to remove no other.
    identity: (u64, u64),
    queries: Receiver<Query>,
    stop: Waker,
    thread: Option<JoinHandle<()>>,
    /// Held as long as the socket is ours.
    _lock: FileLock,
}

/// A request that awaits its reply.
#[derive(Debug)]
pub struct Query {
    /// What is asked.
    pub request: Request,
    /// Where the pieces of a [`Request::Trace`] go.
    pub(crate) feed: Option<Arc<Feed>>,
    pub(super) reply: SyncSender<Reply>,
}

impl Query {
    /// Sends the reply; one who no longer waits for it does not get it.
    pub fn answer(self, reply: Reply) {
        // The channel holds one reply, so this neither blocks nor fails while someone waits.
        let _ = self.reply.try_send(reply);
    }
}

impl ControlSocket {
    /// Makes the socket at `path` (mode 0600, missing directories 0755) and starts to take requests. A
    /// socket left behind by a server that died is replaced; one that answers is not. `wake` is called after
    /// each request and at the end of each trace, for the event loop to call
    /// [`ControlSocket::next_query`].
    ///
    /// # Errors
    /// The socket is in use or cannot be made.
    pub fn bind(path: &Path, wake: impl Fn() + Send + Sync + 'static) -> Result<Self, BindError> {
        let failed = |source| BindError::Failed {
            path: path.to_owned(),
            source,
        };
        let lock = lock(path)?;
        remove_stale(path)?;
        let listener = UnixListener::bind(path).map_err(failed)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
        let metadata = fs::symlink_metadata(path).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;

        let poll = Poll::new().map_err(failed)?;
        let stop = Waker::new(poll.registry(), STOP).map_err(failed)?;
        let fd = listener.as_raw_fd();
        poll.registry()
            .register(&mut SourceFd(&fd), LISTENER, Interest::READABLE)
            .map_err(failed)?;
        // Each client waits for its answer before it asks again.
        let (sender, queries) = sync_channel(MOST_CLIENTS);
        let desk = Arc::new(Desk::new(sender, wake));
        let thread = std::thread::Builder::new()
            .name("control-socket".to_owned())
            .spawn(move || accept(&listener, poll, Clients::new(desk)))
            .map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            identity: (metadata.dev(), metadata.ino()),
            queries,
            stop,
            thread: Some(thread),
            _lock: lock,
        })
    }

    /// The next request that awaits its reply.
    pub fn next_query(&self) -> Option<Query> {
        self.queries.try_recv().ok()
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        let ours = fs::symlink_metadata(&self.path)
            .is_ok_and(|metadata| (metadata.dev(), metadata.ino()) == self.identity);
        if ours {
            let _ = fs::remove_file(&self.path);
        }
        // A query that is not answered any more must not hold up the threads.
        drop(std::mem::replace(&mut self.queries, sync_channel(0).1));
        if self.stop.wake().is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}

/// Takes clients in until the socket is dropped.
fn accept(listener: &UnixListener, mut poll: Poll, mut clients: Clients) {
    let mut events = Events::with_capacity(4);
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => {
                tracing::error!("the control socket is closed: {error}");
                return;
            }
            Ok(()) => {}
        }
        if events.iter().any(|event| event.token() == STOP) {
            return;
        }
        while let Ok((stream, _)) = listener.accept() {
            if let Err(stream) = clients.take(stream) {
                turn_away(&stream);
            }
        }
    }
}

/// Says to a client that it is one too many. An empty socket takes this line at once, so nobody is waited
/// for.
fn turn_away(mut stream: &UnixStream) {
    let message = format!("{MOST_CLIENTS} clients ask the server already; try again");
    if let Ok(mut line) = serde_json::to_vec(&Reply::Error { message }) {
        line.push(b'\n');
        let _ = stream.set_nonblocking(true);
        let _ = stream.write_all(&line);
    }
}
