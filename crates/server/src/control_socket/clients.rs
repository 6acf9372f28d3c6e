//! The clients of the control socket, each on a thread of its own: one that is slow holds up no other.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};

use super::feed::{Feed, Piece};
use super::{ANSWER, IDLE, LONGEST_REQUEST, MOST_CLIENTS, Query, Reply, Request, TRANSFER};

/// Where requests go.
pub(super) struct Desk {
    queries: SyncSender<Query>,
    wake: Box<dyn Fn() + Send + Sync>,
}

impl Desk {
    pub(super) fn new(queries: SyncSender<Query>, wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            queries,
            wake: Box::new(wake),
        }
    }

    /// Has a request answered.
    fn ask(&self, request: Request, feed: Option<Arc<Feed>>) -> Reply {
        let (reply, answer) = sync_channel(1);
        let query = Query {
            request,
            feed,
            reply,
        };
        if self.queries.try_send(query).is_err() {
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

/// All clients. Dropping it ends them.
pub(super) struct Clients {
    desk: Arc<Desk>,
    open: Vec<Client>,
}

struct Client {
    /// The same stream as its thread has, to end what the thread waits for.
    stream: UnixStream,
    thread: JoinHandle<()>,
}

impl Clients {
    pub(super) const fn new(desk: Arc<Desk>) -> Self {
        Self {
            desk,
            open: Vec::new(),
        }
    }

    /// Serves one more client; gives it back where there are too many.
    pub(super) fn take(&mut self, stream: UnixStream) -> Result<(), UnixStream> {
        self.open.retain(|client| !client.thread.is_finished());
        if self.open.len() >= MOST_CLIENTS {
            return Err(stream);
        }
        let Ok(own) = stream.try_clone() else {
            return Err(stream);
        };
        let desk = Arc::clone(&self.desk);
        let thread = std::thread::Builder::new()
            .name("control-client".to_owned())
            .spawn(move || {
                if let Err(error) = serve(&desk, stream) {
                    tracing::debug!("a client of the control socket is gone: {error}");
                }
            });
        match thread {
            Ok(thread) => {
                self.open.push(Client {
                    stream: own,
                    thread,
                });
                Ok(())
            }
            Err(_) => Err(own),
        }
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        for client in self.open.drain(..) {
            // What has been answered may still be read; nothing more is.
            let _ = client.stream.shutdown(Shutdown::Read);
            let _ = client.thread.join();
        }
    }
}

/// Answers what one client asks, one request after the other, until it goes or says nothing for long.
fn serve(desk: &Desk, stream: UnixStream) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_write_timeout(Some(TRANSFER))?;
    let mut lines = Lines::of(stream.try_clone()?);
    loop {
        let line = match lines.next()? {
            Next::Line(line) => line,
            Next::TooLong => return send(&stream, &error("the request is too long")),
            Next::End => return Ok(()),
        };
        if !may_ask(&stream)? {
            let refusal = error("only root and the user that runs the server may ask it");
            return send(&stream, &refusal);
        }
        match serde_json::from_slice(&line) {
            Ok(request @ Request::Trace(_)) => return trace(desk, &stream, request),
            Ok(request) => send(&stream, &desk.ask(request, None))?,
            Err(problem) => {
                let message = format!("the request is not understood: {problem}");
                send(&stream, &error(&message))?;
            }
        }
    }
}

/// Shows a trace until the client goes.
fn trace(desk: &Desk, stream: &UnixStream, request: Request) -> io::Result<()> {
    let (feed, pieces) = Feed::new();
    let reply = desk.ask(request, Some(Arc::clone(&feed)));
    let begun = matches!(reply, Reply::Tracing { .. });
    let result = send(stream, &reply);
    let result = match begun {
        true => result.and_then(|()| pass_on(stream, &feed, &pieces)),
        false => result,
    };
    feed.close();
    (desk.wake)();
    result
}

fn pass_on(stream: &UnixStream, feed: &Arc<Feed>, pieces: &Receiver<Piece>) -> io::Result<()> {
    let listening = stream.try_clone()?;
    listening.set_read_timeout(None)?;
    let ending = Arc::clone(feed);
    let watch = std::thread::Builder::new()
        .name("control-trace".to_owned())
        .spawn(move || {
            // Whatever comes, or that nothing can come any more, ends the trace.
            let _ = (&listening).read(&mut [0]);
            ending.close();
        })?;
    let mut result = Ok(());
    while let Ok(Piece::Traced(traced)) = pieces.recv() {
        result = send(stream, &Reply::Traced(traced));
        if result.is_err() || feed.is_closed() {
            break;
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
    let _ = watch.join();
    result
}

fn send(mut stream: &UnixStream, reply: &Reply) -> io::Result<()> {
    let mut line = serde_json::to_vec(reply)?;
    line.push(b'\n');
    stream.write_all(&line)
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

/// The lines that a client sends.
struct Lines {
    stream: UnixStream,
    read: Vec<u8>,
}

enum Next {
    Line(Vec<u8>),
    TooLong,
    End,
}

impl Lines {
    const fn of(stream: UnixStream) -> Self {
        Self {
            stream,
            read: Vec::new(),
        }
    }

    /// The next line. It may begin late, but must then come soon.
    fn next(&mut self) -> io::Result<Next> {
        let mut until = Instant::now() + if self.read.is_empty() { IDLE } else { TRANSFER };
        let mut chunk = [0; 512];
        loop {
            if let Some(end) = self.read.iter().position(|octet| *octet == b'\n') {
                let mut line: Vec<u8> = self.read.drain(..=end).collect();
                line.pop();
                return Ok(Next::Line(line));
            }
            if self.read.len() >= LONGEST_REQUEST {
                return Ok(Next::TooLong);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left < Duration::from_millis(1) {
                return Err(ErrorKind::TimedOut.into());
            }
            self.stream.set_read_timeout(Some(left))?;
            let count = self.stream.read(&mut chunk)?;
            if count == 0 {
                return Ok(Next::End);
            }
            if self.read.is_empty() {
                until = Instant::now() + TRANSFER;
            }
            self.read.extend_from_slice(&chunk[..count]);
        }
    }
}
