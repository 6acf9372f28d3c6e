//! Asking a running server.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{ANSWER, LONGEST_REPLY, Reply, Request, TRANSFER};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody listens.
    #[error(
        "no adit server is running at {}; start one with `adit serve`, or name its socket with \
         --control-socket",
        path.display()
    )]
    NotRunning {
        /// The socket.
        path: PathBuf,
    },
    /// The server's socket is for others.
    #[error("you may not use {}; ask as root or as the user that runs the server", path.display())]
    NotPermitted {
        /// The socket.
        path: PathBuf,
    },
    /// Talking to the server failed.
    #[error("the adit server at {} did not answer: {source}", path.display())]
    Failed {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The answer is none that this version knows.
    #[error(
        "the adit server at {} answered in a way that this version does not understand; use the \
         version that runs the server",
        path.display()
    )]
    NotUnderstood {
        /// The socket.
        path: PathBuf,
    },
    /// The server refused; the message is its own sentence.
    #[error("{0}")]
    Refused(String),
}

/// Sends a request to the server at `path` and waits for the reply.
///
/// # Errors
/// There is no server, it does not answer in time, or it refuses.
pub fn ask(path: &Path, request: &Request) -> Result<Reply, AskError> {
    Conversation::open(path)?.ask(request)
}

/// A connection to a server, for several requests one after the other.
#[derive(Debug)]
pub struct Conversation {
    path: PathBuf,
    stream: BufReader<UnixStream>,
}

impl Conversation {
    /// Connects to the server at `path`.
    ///
    /// # Errors
    /// There is no server, or it is not for us.
    pub fn open(path: &Path) -> Result<Self, AskError> {
        let connect = || {
            let stream = UnixStream::connect(path)?;
            stream.set_write_timeout(Some(TRANSFER))?;
            Ok(stream)
        };
        let stream = connect().map_err(|source| AskError::of(path, source))?;
        Ok(Self {
            path: path.to_owned(),
            stream: BufReader::new(stream),
        })
    }

    /// Sends a request and waits for the reply.
    ///
    /// # Errors
    /// The server is gone, does not answer in time, or refuses.
    pub fn ask(&mut self, request: &Request) -> Result<Reply, AskError> {
        // A server that has closed the connection may have said why before.
        let sent = self.send(request);
        match (self.receive(Some(ANSWER + TRANSFER)), sent) {
            (Err(AskError::Failed { .. }), Err(source)) => Err(AskError::of(&self.path, source)),
            (reply, _) => reply,
        }
    }

    /// Waits for one more line of the reply to [`Request::Trace`]; for as long as it takes.
    ///
    /// # Errors
    /// The server is gone.
    pub fn next_reply(&mut self) -> Result<Reply, AskError> {
        self.receive(None)
    }

    /// For another thread that is to end a wait for a reply.
    ///
    /// # Errors
    /// The system has no room for one more descriptor.
    pub fn line_to_cut(&self) -> io::Result<Line> {
        self.stream.get_ref().try_clone().map(Line)
    }

    fn send(&mut self, request: &Request) -> io::Result<()> {
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        self.stream.get_mut().write_all(&line)
    }

    fn receive(&mut self, patience: Option<Duration>) -> Result<Reply, AskError> {
        let line = self
            .line(patience)
            .map_err(|source| AskError::of(&self.path, source))?;
        match serde_json::from_slice(&line) {
            Ok(Reply::Error { message }) => Err(AskError::Refused(message)),
            Ok(reply) => Ok(reply),
            Err(_) => Err(AskError::NotUnderstood {
                path: self.path.clone(),
            }),
        }
    }

    fn line(&mut self, patience: Option<Duration>) -> io::Result<Vec<u8>> {
        self.stream.get_ref().set_read_timeout(patience)?;
        let mut line = Vec::new();
        let mut bounded = self.stream.by_ref().take(LONGEST_REPLY);
        bounded.read_until(b'\n', &mut line)?;
        match line.is_empty() {
            true => Err(ErrorKind::UnexpectedEof.into()),
            false => Ok(line),
        }
    }
}

/// The other handle of a [`Conversation`].
#[derive(Debug)]
pub struct Line(UnixStream);

impl Line {
    /// Ends the conversation: whoever waits for a reply gets an error.
    pub fn cut(&self) {
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

impl AskError {
    fn of(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            ErrorKind::NotFound | ErrorKind::ConnectionRefused => Self::NotRunning { path },
            ErrorKind::PermissionDenied => Self::NotPermitted { path },
            _ => Self::Failed { path, source },
        }
    }
}
