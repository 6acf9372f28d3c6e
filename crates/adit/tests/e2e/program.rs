//! A child process whose output is read as it comes.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How long something may take that is going to happen, on a machine under any load.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A running program; killed when dropped.
pub(crate) struct Program {
    child: Child,
    output: Arc<Lines>,
    log: Arc<Lines>,
}

/// What a program that has ended leaves.
#[derive(Debug)]
pub(crate) struct Ended {
    /// None if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) output: String,
    pub(crate) log: String,
}

impl Program {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let output = Lines::of(child.stdout.take().unwrap());
        let log = Lines::of(child.stderr.take().unwrap());
        Self { child, output, log }
    }

    /// Waits for a line on standard output that contains `part`.
    pub(crate) fn said(&self, part: &str) -> String {
        self.output
            .wait_for(|line| line.contains(part))
            .unwrap_or_else(|why| {
                panic!(
                    "no `{part}` on standard output, {why}; log:\n{}",
                    self.log.all()
                )
            })
    }

    /// Waits for a line on standard output that contains `part`, or for its end.
    pub(crate) fn said_before_its_end(&self, part: &str) -> bool {
        self.output.wait_for(|line| line.contains(part)).is_ok()
    }

    /// Waits until `find` finds something in the lines on standard output.
    pub(crate) fn wrote<T>(&self, find: impl Fn(&[String]) -> Option<T>) -> T {
        let found = self
            .output
            .wait(|text| find(&text.lines).is_some() || text.ended);
        find(&found.lines)
            .unwrap_or_else(|| panic!("not on standard output:\n{}", found.lines.join("\n")))
    }

    /// The lines on standard output so far.
    pub(crate) fn output_so_far(&self) -> Vec<String> {
        self.output.text.lock().unwrap().lines.clone()
    }

    /// Waits for a line on standard error that contains `part`.
    pub(crate) fn logged(&self, part: &str) -> String {
        self.logged_all(&[part])
    }

    /// Waits for a line on standard error that contains all these parts.
    pub(crate) fn logged_all(&self, parts: &[&str]) -> String {
        self.log
            .wait_for(|line| parts.iter().all(|part| line.contains(part)))
            .unwrap_or_else(|why| panic!("no {parts:?} in the log, {why}:\n{}", self.log.all()))
    }

    /// What the log holds so far.
    pub(crate) fn log(&self) -> String {
        self.log.all()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().try_into().unwrap());
        kill(pid, signal).unwrap();
    }

    /// Waits for its end.
    pub(crate) fn ended(mut self) -> Ended {
        for lines in [&self.output, &self.log] {
            if let Err(why) = lines.wait_for_end() {
                panic!("the program goes on, {why}; log:\n{}", self.log.all());
            }
        }
        Ended {
            code: self.child.wait().unwrap().code(),
            output: self.output.all(),
            log: self.log.all(),
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines that a program has written, and whether it can write more.
#[derive(Default)]
struct Lines {
    text: Mutex<Text>,
    changed: Condvar,
}

#[derive(Default)]
struct Text {
    lines: Vec<String>,
    ended: bool,
}

impl Lines {
    fn of(source: impl Read + Send + 'static) -> Arc<Self> {
        let lines = Arc::new(Self::default());
        let written = Arc::clone(&lines);
        thread::spawn(move || {
            for line in BufReader::new(source).lines().map_while(Result::ok) {
                written.text.lock().unwrap().lines.push(line);
                written.changed.notify_all();
            }
            written.text.lock().unwrap().ended = true;
            written.changed.notify_all();
        });
        lines
    }

    fn all(&self) -> String {
        self.text.lock().unwrap().lines.join("\n")
    }

    fn wait_for(&self, wanted: impl Fn(&str) -> bool) -> Result<String, &'static str> {
        let found = |text: &Text| text.lines.iter().find(|line| wanted(line)).cloned();
        let text = self.wait(|text| found(text).is_some() || text.ended);
        found(&text).ok_or(if text.ended {
            "and it has ended"
        } else {
            "and time is up"
        })
    }

    fn wait_for_end(&self) -> Result<(), &'static str> {
        let text = self.wait(|text| text.ended);
        text.ended.then_some(()).ok_or("and time is up")
    }

    fn wait(&self, enough: impl Fn(&Text) -> bool) -> std::sync::MutexGuard<'_, Text> {
        let deadline = Instant::now() + PATIENCE;
        let mut text = self.text.lock().unwrap();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if enough(&text) || left.is_zero() {
                return text;
            }
            text = self.changed.wait_timeout(text, left).unwrap().0;
        }
    }
}
