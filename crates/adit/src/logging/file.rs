//! A log file that a thread of its own writes: whoever logs never waits for the disk.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use tracing_subscriber::fmt::MakeWriter;

/// Lines that may wait for the disk; what comes beyond them is lost and counted.
const MAX_WAITING: usize = 8192;
/// Octets that are written at once, as far as they wait.
const BATCH: usize = 64 * 1024;

/// A log file. Dropping it writes what waits and ends the thread.
pub(super) struct LogFile {
    writer: Writer,
    thread: Option<JoinHandle<()>>,
}

impl LogFile {
    /// Opens the file at its end, made with mode 0640 if it is missing.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = open(path)?;
        let (orders, received) = sync_channel(MAX_WAITING);
        let state = Arc::new(State::default());
        let thread = Thread {
            path: path.to_owned(),
            file,
            orders: received,
            state: Arc::clone(&state),
            failing: false,
        };
        let thread = std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || thread.run())?;
        Ok(Self {
            writer: Writer { orders, state },
            thread: Some(thread),
        })
    }

    /// What lines are written to.
    pub(super) fn writer(&self) -> Writer {
        self.writer.clone()
    }

    /// What has the file opened anew.
    pub(super) fn reopener(&self) -> Reopener {
        Reopener(self.writer())
    }
}

impl Drop for LogFile {
    fn drop(&mut self) {
        let _ = self.writer.orders.send(Order::End);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o640)
        .open(path)
}

enum Order {
    Line(Vec<u8>),
    /// Look at the state.
    Look,
    End,
}

#[derive(Default)]
struct State {
    reopen: AtomicBool,
    /// Lines that did not find room.
    lost: AtomicU64,
}

/// Has the file opened anew by its name.
pub(super) struct Reopener(Writer);

impl Reopener {
    pub(super) fn reopen(&self) {
        self.0.state.reopen.store(true, Ordering::Release);
        // Where there is no room the thread comes by anyway.
        let _ = self.0.orders.try_send(Order::Look);
    }
}

/// Takes lines for the thread.
#[derive(Clone)]
pub(super) struct Writer {
    orders: SyncSender<Order>,
    state: Arc<State>,
}

impl<'a> MakeWriter<'a> for Writer {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

impl Write for &Writer {
    /// Takes one line, which the subscriber writes as a whole.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Err(TrySendError::Full(_)) = self.orders.try_send(Order::Line(line.to_vec())) {
            self.state.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Thread {
    path: PathBuf,
    file: File,
    orders: Receiver<Order>,
    state: Arc<State>,
    /// Whether the last lines could not be written.
    failing: bool,
}

impl Thread {
    fn run(mut self) {
        let mut goes_on = true;
        while goes_on {
            let Ok(first) = self.orders.recv() else {
                return;
            };
            let mut lines = Vec::new();
            goes_on = take(first, &mut lines);
            while goes_on && lines.len() < BATCH {
                match self.orders.try_recv() {
                    Ok(order) => goes_on = take(order, &mut lines),
                    Err(_) => break,
                }
            }
            if self.state.reopen.swap(false, Ordering::AcqRel) {
                self.reopen();
            }
            self.write(&lines);
            let lost = self.state.lost.swap(0, Ordering::Relaxed);
            if lost > 0 {
                tracing::warn!("{lost} lines of the log were lost: the disk is too slow for them");
            }
        }
    }

    /// Goes on with the old file where the new one cannot be opened.
    fn reopen(&mut self) {
        match open(&self.path) {
            Ok(file) => self.file = file,
            Err(error) => tracing::error!(
                "cannot open the log {} anew: {error}; its old file is written on",
                self.path.display()
            ),
        }
    }

    fn write(&mut self, lines: &[u8]) {
        let result = self.file.write_all(lines);
        if let Err(error) = &result
            && !self.failing
        {
            // The log cannot tell.
            eprintln!(
                "adit: cannot write the log to {}: {error}",
                self.path.display()
            );
        }
        self.failing = result.is_err();
    }
}

/// Adds a line to others; whether there may be more.
fn take(order: Order, lines: &mut Vec<u8>) -> bool {
    match order {
        Order::Line(line) => lines.extend(line),
        Order::Look => {}
        Order::End => return false,
    }
    true
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn say(file: &LogFile, line: &str) {
        let writer = file.writer();
        let mut line_writer = writer.make_writer();
        line_writer.write_all(line.as_bytes()).unwrap();
    }

    #[test]
    fn lines_are_added_to_a_file_that_others_cannot_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        for line in ["one\n", "two\n"] {
            let file = LogFile::open(&path).unwrap();
            say(&file, line);
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\n");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777 & !0o640, 0, "{mode:o}");
    }

    #[test]
    fn a_renamed_file_is_left_and_a_new_one_begun() {
        let directory = tempfile::tempdir().unwrap();
        let (path, old) = (directory.path().join("log"), directory.path().join("log.1"));
        let file = LogFile::open(&path).unwrap();
        say(&file, "one\n");
        fs::rename(&path, &old).unwrap();
        file.reopener().reopen();
        say(&file, "two\n");
        drop(file);
        let both = [&old, &path].map(|path| fs::read_to_string(path).unwrap());
        // The first line may have been written before or after, and is not lost.
        assert_eq!(both.concat(), "one\ntwo\n");
        assert!(both[1].ends_with("two\n"), "{both:?}");
    }

    #[test]
    fn what_finds_no_room_is_counted() {
        let (orders, received) = sync_channel(1);
        let state = Arc::new(State::default());
        let writer = Writer {
            orders,
            state: Arc::clone(&state),
        };
        for _ in 0..3 {
            assert_eq!((&writer).write(b"line\n").unwrap(), 5);
        }
        assert_eq!(state.lost.load(Ordering::Relaxed), 2);
        drop(received);
        // Nobody reads any more: that is no reason to count.
        assert_eq!((&writer).write(b"line\n").unwrap(), 5);
        assert_eq!(state.lost.load(Ordering::Relaxed), 2);
    }
}
