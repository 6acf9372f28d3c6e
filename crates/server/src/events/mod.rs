//! A line of JSON for each connection, login and session, in a file.
//!
//! The front puts what happens into a bounded queue; a thread writes it. Where the disk does not keep up,
//! events are left out and counted, and the log tells so.

mod line;

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::aaa::{Happening, Observer};
use crate::config::Config;
use crate::server::unix_time;

/// Events that may wait for the disk.
const MAX_WAITING: usize = 16_384;
/// Between two lines of the log about a file that cannot be written.
const COMPLAIN: Duration = Duration::from_secs(60);

/// Events for a file, where there is one.
#[derive(Debug, Default)]
pub(crate) struct Events {
    log: Option<Log>,
}

/// Why events cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write events to {}: {source}; make its directory, or change events.file", path.display())]
pub struct EventsError {
    path: PathBuf,
    source: io::Error,
}

/// A file and the thread that writes it.
#[derive(Debug)]
struct Log {
    path: PathBuf,
    orders: Option<SyncSender<Order>>,
    thread: Option<JoinHandle<()>>,
    left_out: u64,
}

#[derive(Debug)]
enum Order {
    /// At this many seconds since 1970.
    Write(u64, Happening),
    /// The file may have been moved away.
    Reopen,
    /// All is to be in the file when the answer comes.
    Finish(SyncSender<()>),
}

impl Events {
    /// Appends to this file (mode 0640, made if missing), if to any.
    ///
    /// # Errors
    /// It cannot be opened.
    pub(crate) fn new(path: Option<&Path>) -> Result<Self, EventsError> {
        let log = path.map(|path| {
            Log::open(path).map_err(|source| EventsError {
                path: path.to_owned(),
                source,
            })
        });
        Ok(Self {
            log: log.transpose()?,
        })
    }
}

impl Observer for Events {
    fn observe(&mut self, happening: &Happening) {
        if let Some(log) = &mut self.log {
            log.write(happening);
        }
    }

    fn reconfigure(&mut self, config: &Config) {
        let path = config.events.file.as_deref();
        match (&self.log, path) {
            (Some(log), Some(path)) if log.path == path => log.reopen(),
            _ => match Self::new(path) {
                Ok(other) => *self = other,
                Err(error) => tracing::error!("{error}"),
            },
        }
    }

    fn finish(&mut self, deadline: Instant) {
        if let Some(log) = &self.log {
            log.finish(deadline);
        }
    }
}

impl Log {
    fn open(path: &Path) -> io::Result<Self> {
        let writer = Writer {
            path: path.to_owned(),
            file: Some(BufWriter::new(open(path)?)),
            lost: 0,
            complained: None,
        };
        let (orders, received) = sync_channel(MAX_WAITING);
        let thread = std::thread::Builder::new()
            .name("events".to_owned())
            .spawn(move || writer.run(&received))?;
        Ok(Self {
            path: path.to_owned(),
            orders: Some(orders),
            thread: Some(thread),
            left_out: 0,
        })
    }

    fn order(&self, order: Order) -> bool {
        let orders = self.orders.as_ref();
        orders.is_some_and(|orders| orders.try_send(order).is_ok())
    }

    fn write(&mut self, happening: &Happening) {
        if self.order(Order::Write(unix_time(), happening.clone())) {
            return;
        }
        self.left_out += 1;
        if self.left_out.is_power_of_two() {
            tracing::error!(
                "{} events were left out of {} so far: the disk does not keep up",
                self.left_out,
                self.path.display()
            );
        }
    }

    fn reopen(&self) {
        // Where the queue is full the file is being written; the next reload opens it.
        self.order(Order::Reopen);
    }

    fn finish(&self, deadline: Instant) {
        let (done, wait) = sync_channel(1);
        if self.order(Order::Finish(done)) {
            let left = deadline.saturating_duration_since(Instant::now());
            let _ = wait.recv_timeout(left);
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The thread's end.
struct Writer {
    path: PathBuf,
    /// None where it could not be opened.
    file: Option<BufWriter<File>>,
    lost: u64,
    complained: Option<Instant>,
}

impl Writer {
    fn run(mut self, orders: &Receiver<Order>) {
        loop {
            // What has been written is flushed when nothing more waits.
            let order = match orders.recv_timeout(Duration::ZERO) {
                Ok(order) => order,
                Err(RecvTimeoutError::Disconnected) => return self.flush(),
                Err(RecvTimeoutError::Timeout) => {
                    self.flush();
                    match orders.recv() {
                        Ok(order) => order,
                        Err(_) => return,
                    }
                }
            };
            match order {
                Order::Write(time, happening) => self.write(time, &happening),
                Order::Reopen => self.reopen(),
                Order::Finish(done) => {
                    self.flush();
                    let _ = done.try_send(());
                }
            }
        }
    }

    fn write(&mut self, time: u64, happening: &Happening) {
        if self.file.is_none() {
            self.reopen();
        }
        let Some(file) = &mut self.file else {
            self.lost += 1;
            return;
        };
        let mut line = line::of(time, happening).to_string();
        line.push('\n');
        if let Err(error) = file.write_all(line.as_bytes()) {
            self.fail(&error);
        }
    }

    fn flush(&mut self) {
        if let Some(Err(error)) = self.file.as_mut().map(Write::flush) {
            self.fail(&error);
        }
    }

    fn reopen(&mut self) {
        self.flush();
        match open(&self.path) {
            Ok(file) => {
                self.file = Some(BufWriter::new(file));
                if std::mem::take(&mut self.lost) > 0 {
                    self.complained = None;
                    tracing::info!("events are written to {} again", self.path.display());
                }
            }
            Err(error) => self.fail(&error),
        }
    }

    fn fail(&mut self, error: &io::Error) {
        // What is in the buffer is lost with it, so that it is not written a second time later.
        if let Some(file) = self.file.take() {
            let _ = file.into_parts();
        }
        self.lost += 1;
        let silent = self
            .complained
            .is_some_and(|last| last.elapsed() < COMPLAIN);
        if !silent {
            self.complained = Some(Instant::now());
            tracing::error!(
                "events are lost, {} cannot be written: {error}; free the disk or name another file in \
                 events.file",
                self.path.display()
            );
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o640).open(path)
}

#[cfg(test)]
mod tests;
