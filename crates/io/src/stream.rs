use std::io::{self, Read, Write};

use mio::event::Source;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

/// A control connection's TCP stream with what could not be sent yet.
#[derive(Debug)]
pub struct ControlStream {
    stream: TcpStream,
    pending: Vec<u8>,
    closing: bool,
}

/// What is to become of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamState {
    /// It goes on.
    Open,
    /// All is sent and it was to be closed, or it is broken: drop it.
    Finished,
}

/// Octets that may wait for a peer that does not read. Control messages are small and answered one
/// for one: a peer that lets more pile up is broken or hostile.
const MAX_PENDING: usize = 64 * 1024;

impl ControlStream {
    /// Takes over a connected stream.
    pub fn new(stream: TcpStream) -> Self {
        // Control messages are answered at once; without it each answer could wait for the last.
        let _ = stream.set_nodelay(true);
        Self {
            stream,
            pending: Vec::new(),
            closing: false,
        }
    }

    /// The stream itself.
    pub fn get(&self) -> &TcpStream {
        &self.stream
    }

    /// Reads what is there, up to the length of `buffer`; 0 where the peer has closed.
    ///
    /// # Errors
    /// `WouldBlock` where nothing is left; else the stream is broken.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.stream.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    /// Sends octets, now or as soon as the peer takes them.
    pub fn send(&mut self, octets: &[u8]) -> StreamState {
        if self.pending.len() + octets.len() > MAX_PENDING {
            return StreamState::Finished;
        }
        self.pending.extend_from_slice(octets);
        self.flush()
    }

    /// Closes once everything is sent.
    pub fn close(&mut self) -> StreamState {
        self.closing = true;
        self.flush()
    }

    /// Goes on sending.
    pub fn flush(&mut self) -> StreamState {
        while !self.pending.is_empty() {
            match self.stream.write(&self.pending) {
                Ok(0) => return StreamState::Finished,
                Ok(sent) => {
                    self.pending.drain(..sent);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected
                    ) =>
                {
                    return StreamState::Open;
                }
                Err(_) => return StreamState::Finished,
            }
        }
        if self.closing {
            StreamState::Finished
        } else {
            StreamState::Open
        }
    }
}

impl Source for ControlStream {
    fn register(
        &mut self,
        registry: &Registry,
        token: Token,
        interests: Interest,
    ) -> io::Result<()> {
        self.stream.register(registry, token, interests)
    }

    fn reregister(
        &mut self,
        registry: &Registry,
        token: Token,
        interests: Interest,
    ) -> io::Result<()> {
        self.stream.reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.stream.deregister(registry)
    }
}
/// Whether a connection has come about, or has failed; none while it is still being made. For a stream
/// that does not block.
pub fn established(stream: &TcpStream) -> Option<io::Result<()>> {
    match stream.take_error() {
        Ok(None) => {}
        Ok(Some(error)) | Err(error) => return Some(Err(error)),
    }
    match stream.peer_addr() {
        Ok(_) => Some(Ok(())),
        Err(error) if error.kind() == io::ErrorKind::NotConnected => None,
        Err(error) => Some(Err(error)),
    }
}
