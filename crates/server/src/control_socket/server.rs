//! The listening side: a thread that takes requests, and the event loop's end of it.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Instant;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};

use super::{ANSWER, LONGEST_REQUEST, Reply, Request, TRANSFER};

const LISTENER: Token = Token(0);
const STOP: Token = Token(1);

/// The server's end of the control socket. Dropping it ends the thread and removes the socket.
#[derive(Debug)]
pub struct ControlSocket {
    path: PathBuf,
    /// Device and inode of the socket, to remove no other.
    identity: (u64, u64),
    queries: Receiver<Query>,
    stop: Waker,
    thread: Option<JoinHandle<()>>,
    /// Held as long as the socket is ours.
    _lock: File,
}

/// A request that awaits its reply.
#[derive(Debug)]
pub struct Query {
    /// What is asked.
    pub request: Request,
    reply: SyncSender<Reply>,
}

impl Query {
    /// Sends the reply; one who no longer waits for it does not get it.
    pub fn answer(self, reply: Reply) {
        // The channel holds one reply, so this neither blocks nor fails while someone waits.
        let _ = self.reply.try_send(reply);
    }
}

/// Why there is no control socket.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another server has it.
    #[error(
        "another adit server runs with the control socket {}; stop it, or choose another with \
         --control-socket",
        path.display()
    )]
    InUse {
        /// The socket.
        path: PathBuf,
    },
    /// Something else has its name.
    #[error("{} is no socket; remove it, or choose another with --control-socket", path.display())]
    NotASocket {
        /// The file.
        path: PathBuf,
    },
    /// The system refused.
    #[error("cannot make the control socket {}: {source}", path.display())]
    Failed {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl ControlSocket {
    /// Makes the socket at `path` (mode 0600, missing directories 0755) and starts to take requests. A
    /// socket left behind by a server that died is replaced; one that answers is not. `wake` is called after
    /// each request, for the event loop to call [`ControlSocket::next_query`].
    ///
    /// # Errors
    /// The socket is in use or cannot be made.
    pub fn bind(path: &Path, wake: impl Fn() + Send + 'static) -> Result<Self, BindError> {
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
        poll.registry()
            .register(
                &mut SourceFd(&listener.as_raw_fd()),
                LISTENER,
                Interest::READABLE,
            )
            .map_err(failed)?;
        // One at a time: a request is sent only after the one before it was answered.
        let (sender, queries) = sync_channel(1);
        let acceptor = Acceptor {
            listener,
            sender,
            wake,
        };
        let thread = std::thread::Builder::new()
            .name("control-socket".to_owned())
            .spawn(move || acceptor.run(poll))
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
        // A query that is not answered any more must not hold up the thread.
        drop(std::mem::replace(&mut self.queries, sync_channel(0).1));
        if self.stop.wake().is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}

/// Takes the lock beside the socket that only one server can hold. It goes with the process, so unlike the
/// socket it is never stale.
fn lock(path: &Path) -> Result<File, BindError> {
    let failed = |source| BindError::Failed {
        path: path.to_owned(),
        source,
    };
    if let Some(directory) = path.parent().filter(|d| !d.as_os_str().is_empty()) {
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(directory)
            .map_err(failed)?;
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(name)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(BindError::InUse {
            path: path.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// Removes a socket that nobody listens at. The lock is held, so no server can be about to listen.
fn remove_stale(path: &Path) -> Result<(), BindError> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(_) => return Ok(()),
    };
    let path = path.to_owned();
    if !metadata.file_type().is_socket() {
        return Err(BindError::NotASocket { path });
    }
    match UnixStream::connect(&path) {
        Ok(_) => Err(BindError::InUse { path }),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            fs::remove_file(&path).map_err(|source| BindError::Failed { path, source })
        }
        Err(source) => Err(BindError::Failed { path, source }),
    }
}

/// The thread that takes requests.
struct Acceptor<W> {
    listener: UnixListener,
    sender: SyncSender<Query>,
    wake: W,
}

impl<W: Fn()> Acceptor<W> {
    fn run(self, mut poll: Poll) {
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
            while let Ok((stream, _)) = self.listener.accept() {
                if let Err(error) = self.serve(stream) {
                    tracing::debug!("a request on the control socket failed: {error}");
                }
            }
        }
    }

    fn serve(&self, mut stream: UnixStream) -> io::Result<()> {
        stream.set_nonblocking(false)?;
        stream.set_write_timeout(Some(TRANSFER))?;
        let reply = match read_line(&mut stream)? {
            _ if !may_ask(&stream)? => {
                error("only root and the user that runs the server may ask it")
            }
            Some(line) => self.reply(&line),
            None => error("the request is too long"),
        };
        let mut line = serde_json::to_vec(&reply)?;
        line.push(b'\n');
        stream.write_all(&line)
    }

    fn reply(&self, line: &[u8]) -> Reply {
        let request = match serde_json::from_slice(line) {
            Ok(request) => request,
            Err(problem) => return error(&format!("the request is not understood: {problem}")),
        };
        let (reply, answer) = sync_channel(1);
        if self.sender.try_send(Query { request, reply }).is_err() {
            return error("the server is busy; try again");
        }
        (self.wake)();
        match answer.recv_timeout(ANSWER) {
            Ok(reply) => reply,
            Err(RecvTimeoutError::Timeout) => error("the server is busy; try again"),
            Err(RecvTimeoutError::Disconnected) => error("the server is stopping"),
        }
    }
}

fn error(message: &str) -> Reply {
    Reply::Error {
        message: message.to_owned(),
    }
}

/// Whether the process at the other end runs as root or as the same user as this one.
fn may_ask(stream: &UnixStream) -> io::Result<bool> {
    let peer = getsockopt(stream, PeerCredentials)?;
    Ok(peer.uid() == 0 || peer.uid() == nix::unistd::geteuid().as_raw())
}

/// Reads up to the end of a line; `None` when it is too long. The time for the whole line is bounded.
fn read_line(stream: &mut UnixStream) -> io::Result<Option<Vec<u8>>> {
    let until = Instant::now() + TRANSFER;
    let mut line = Vec::with_capacity(LONGEST_REQUEST);
    let mut chunk = [0; 512];
    while line.len() < LONGEST_REQUEST {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        let count = stream.read(&mut chunk)?;
        let octets = &chunk[..count];
        if let Some(end) = octets.iter().position(|octet| *octet == b'\n') {
            line.extend_from_slice(&octets[..end]);
            return Ok(Some(line));
        }
        if count == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        line.extend_from_slice(octets);
    }
    Ok(None)
}
