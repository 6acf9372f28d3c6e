//! Asking a running server.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

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
    let line = exchange(path, request).map_err(|source| AskError::of(path, source))?;
    match serde_json::from_slice(&line) {
        Ok(Reply::Error { message }) => Err(AskError::Refused(message)),
        Ok(reply) => Ok(reply),
        Err(_) => Err(AskError::NotUnderstood {
            path: path.to_owned(),
        }),
    }
}

fn exchange(path: &Path, request: &Request) -> io::Result<Vec<u8>> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(ANSWER + TRANSFER))?;
    stream.set_write_timeout(Some(TRANSFER))?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut reply = Vec::new();
    BufReader::new(stream.take(LONGEST_REPLY)).read_until(b'\n', &mut reply)?;
    match reply.is_empty() {
        true => Err(ErrorKind::UnexpectedEof.into()),
        false => Ok(reply),
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
