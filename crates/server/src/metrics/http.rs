//! A small HTTP listener: `GET /metrics` and `GET /health`.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{Scrape, Snapshot, text};
use crate::doorbell::Doorbell;

/// Requests that are answered at once; further ones are closed.
const MAX_CONNECTIONS: usize = 16;
/// Longest request head in octets.
const LONGEST_HEAD: usize = 8192;
/// How long a request may take to come, and its answer to go.
const TRANSFER: Duration = Duration::from_secs(5);
/// How long the server may take to tell how it does.
const ANSWER: Duration = Duration::from_secs(5);

/// Why there are no metrics.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} for metrics: {source}; change metrics.listen")]
pub struct MetricsError {
    address: SocketAddr,
    source: io::Error,
}

/// The listeners and the way from them to the front.
#[derive(Debug)]
pub(crate) struct Listener {
    scrapes: Receiver<Scrape>,
    /// Held so that they listen.
    _ends: Vec<End>,
}

/// One listening socket and its thread.
#[derive(Debug)]
struct End {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// Listens on these addresses; `bell` wakes the one who takes the scrapes.
    ///
    /// # Errors
    /// An address cannot be listened on.
    pub(crate) fn start(
        addresses: &[SocketAddr],
        bell: &Arc<Doorbell>,
    ) -> Result<Self, MetricsError> {
        let (sender, scrapes) = sync_channel(MAX_CONNECTIONS);
        let asker = Asker {
            scrapes: sender,
            bell: Arc::clone(bell),
            open: Arc::default(),
        };
        let ends = addresses.iter().map(|&address| {
            End::start(address, asker.clone()).map_err(|source| MetricsError { address, source })
        });
        Ok(Self {
            _ends: ends.collect::<Result<_, _>>()?,
            scrapes,
        })
    }

    /// The next request that awaits its reply.
    pub(crate) fn next_scrape(&self) -> Option<Scrape> {
        self.scrapes.try_recv().ok()
    }
}

impl End {
    fn start(address: SocketAddr, asker: Asker) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let stopped = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stopped);
        let thread = std::thread::Builder::new()
            .name("metrics".to_owned())
            .spawn(move || asker.serve(&listener, &told))?;
        Ok(Self {
            address,
            stopped,
            thread: Some(thread),
        })
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Release);
        // The thread waits for a connection; this is the last one.
        let woken = TcpStream::connect_timeout(&self.address, TRANSFER).is_ok();
        if let Some(thread) = self.thread.take().filter(|_| woken) {
            let _ = thread.join();
        }
    }
}

/// What asks the front.
#[derive(Clone)]
struct Asker {
    scrapes: SyncSender<Scrape>,
    bell: Arc<Doorbell>,
    open: Arc<AtomicUsize>,
}

impl Asker {
    fn serve(&self, listener: &TcpListener, stopped: &AtomicBool) {
        for stream in listener.incoming() {
            if stopped.load(Ordering::Acquire) {
                return;
            }
            let Ok(stream) = stream else {
                // Out of descriptors, say: not to be tried again at once.
                std::thread::sleep(Duration::from_millis(100));
                continue;
            };
            if self.open.fetch_add(1, Ordering::AcqRel) >= MAX_CONNECTIONS {
                self.open.fetch_sub(1, Ordering::AcqRel);
                continue;
            }
            let asker = self.clone();
            let answer = move || {
                // One who does not listen gets no answer.
                let _ = asker.answer(stream);
                asker.open.fetch_sub(1, Ordering::AcqRel);
            };
            let builder = std::thread::Builder::new().name("metrics-reply".to_owned());
            if builder.spawn(answer).is_err() {
                self.open.fetch_sub(1, Ordering::AcqRel);
            }
        }
    }

    fn answer(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_write_timeout(Some(TRANSFER))?;
        let reply = match read_target(&mut stream)? {
            Ok(target) => self.reply(&target),
            Err(status) => Reply::plain(status, ""),
        };
        stream.write_all(reply.head().as_bytes())?;
        stream.write_all(reply.body.as_bytes())
    }

    fn reply(&self, target: &str) -> Reply {
        match target.split('?').next() {
            Some("/metrics") => match self.ask() {
                Some(snapshot) => Reply {
                    status: "200 OK",
                    kind: "application/openmetrics-text; version=1.0.0; charset=utf-8",
                    body: text::encode(snapshot),
                },
                None => Reply::plain("503 Service Unavailable", BUSY),
            },
            Some("/health") => match self.ask() {
                Some(_) => Reply::plain("200 OK", "ok\n"),
                None => Reply::plain("503 Service Unavailable", BUSY),
            },
            _ => Reply::plain("404 Not Found", "there are /metrics and /health\n"),
        }
    }

    fn ask(&self) -> Option<Snapshot> {
        let (reply, answer) = sync_channel(1);
        self.scrapes.try_send(Scrape { reply }).ok()?;
        self.bell.ring();
        answer.recv_timeout(ANSWER).ok()
    }
}

const BUSY: &str = "the server does not answer\n";

struct Reply {
    status: &'static str,
    kind: &'static str,
    body: String,
}

impl Reply {
    fn plain(status: &'static str, body: &str) -> Self {
        Self {
            status,
            kind: "text/plain; charset=utf-8",
            body: body.to_owned(),
        }
    }

    fn head(&self) -> String {
        let Self { status, kind, body } = self;
        let length = body.len();
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        )
    }
}

/// The target of a GET request, or the status that refuses it.
fn read_target(stream: &mut TcpStream) -> io::Result<Result<String, &'static str>> {
    let deadline = Instant::now() + TRANSFER;
    let mut head = vec![0; LONGEST_HEAD];
    let mut length = 0;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        // Zero would be no limit at all.
        stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
        let read = stream.read(&mut head[length..])?;
        length += read;
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut headers);
        match request.parse(&head[..length]) {
            Ok(httparse::Status::Complete(_)) => {
                return Ok(match (request.method, request.path) {
                    (Some("GET"), Some(target)) => Ok(target.to_owned()),
                    _ => Err("405 Method Not Allowed"),
                });
            }
            Ok(httparse::Status::Partial) if read > 0 && length < head.len() => {}
            Ok(httparse::Status::Partial) => return Ok(Err("431 Request Header Fields Too Large")),
            Err(_) => return Ok(Err("400 Bad Request")),
        }
    }
}
