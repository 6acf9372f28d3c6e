//! The TCP streams of a worker's control connections: read, written, closed.

use std::io;
use std::net::{IpAddr, SocketAddrV4};
use std::time::Instant;

use adit_engine::{ConnectionId, Path};
use adit_io::{ControlStream, Progress, StreamState};
use mio::Interest;
use mio::net::TcpStream;

use super::message::Notice;
use super::{Worker, token_of};
use crate::settings::ETHERNET;

/// Reads from one stream before others get their turn.
const READS: usize = 8;

impl Worker {
    /// Takes over a connection that was accepted.
    pub(super) fn accept(
        &mut self,
        now: Instant,
        id: ConnectionId,
        stream: TcpStream,
        peer: SocketAddrV4,
    ) {
        match self.watch(id, stream, peer) {
            Ok(path) => {
                self.endpoint.accept(now, id, path);
                self.backlog.streams.insert(id);
            }
            Err(error) => self.front.say(Notice::Closed(id, Some(error))),
        }
    }

    fn watch(
        &mut self,
        id: ConnectionId,
        stream: TcpStream,
        peer: SocketAddrV4,
    ) -> io::Result<Path> {
        let local = stream.local_addr().map(|address| address.ip())?;
        let peer = IpAddr::V4(*peer.ip());
        let mtu = adit_net::connected_mtu(&stream).unwrap_or(ETHERNET);
        let mut stream = ControlStream::new(stream);
        let interests = Interest::READABLE | Interest::WRITABLE;
        self.poll
            .registry()
            .register(&mut stream, token_of(id), interests)?;
        self.streams.insert(id, stream);
        Ok(Path { local, peer, mtu })
    }

    /// Reads the control connections that have something.
    pub(super) fn read_streams(&mut self, now: Instant) {
        for id in std::mem::take(&mut self.backlog.streams) {
            if self.read_stream(now, id) == Progress::More {
                self.backlog.streams.insert(id);
            }
        }
    }

    fn read_stream(&mut self, now: Instant, id: ConnectionId) -> Progress {
        let mut buffer = [0; 4096];
        for _ in 0..READS {
            let Some(stream) = self.streams.get_mut(&id) else {
                return Progress::Drained;
            };
            match stream.read(&mut buffer) {
                Ok(length @ 1..) => self.endpoint.handle_stream(now, id, &buffer[..length]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Progress::Drained;
                }
                Ok(0) | Err(_) => self.drop_stream(now, id),
            }
            self.drain(now);
        }
        Progress::More
    }

    pub(super) fn send_stream(&mut self, now: Instant, id: ConnectionId, octets: &[u8]) {
        // What PPP said last must not arrive after the end of the call.
        self.packets.flush();
        let state = self.streams.get_mut(&id).map(|stream| stream.send(octets));
        if state == Some(StreamState::Finished) {
            self.drop_stream(now, id);
        }
    }

    pub(super) fn flush_stream(&mut self, id: ConnectionId) {
        let state = self.streams.get_mut(&id).map(ControlStream::flush);
        if state == Some(StreamState::Finished) {
            let now = Instant::now();
            self.drop_stream(now, id);
            self.drain(now);
        }
    }

    /// The stream is broken or closed by the peer. What comes of that is left to be drained.
    fn drop_stream(&mut self, now: Instant, id: ConnectionId) {
        self.remove_stream(id);
        self.endpoint.handle_stream_closed(now, id);
    }

    pub(super) fn remove_stream(&mut self, id: ConnectionId) {
        if let Some(mut stream) = self.streams.remove(&id) {
            // Closing the descriptor takes it out of the poll as well.
            let _ = self.poll.registry().deregister(&mut stream);
        }
    }
}
