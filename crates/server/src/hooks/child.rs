//! One run of a program, and what it says.

use std::io::{self, Read};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Instant;

use adit_net::process::ProcessHandle;
use mio::unix::pipe::Receiver;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// A program that runs, as the leader of a process group of its own.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    handle: ProcessHandle,
    /// When it has had its time.
    pub(super) deadline: Instant,
    /// Whether it was killed.
    pub(super) killed: bool,
    /// What it is, for people.
    pub(super) label: String,
}

impl Running {
    /// Starts a program with these arguments and variables and no others. Its standard error is returned.
    pub(super) fn start(
        program: &Path,
        arguments: &[String],
        environment: Vec<(&'static str, String)>,
        deadline: Instant,
        label: String,
    ) -> io::Result<(Self, Option<Receiver>)> {
        let mut child = Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(environment)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let errors = child.stderr.take().map(Receiver::from);
        let prepared = ProcessHandle::of_child(child.id()).and_then(|handle| {
            if let Some(errors) = &errors {
                errors.set_nonblocking(true)?;
            }
            Ok(handle)
        });
        match prepared {
            Ok(handle) => {
                let running = Self {
                    child,
                    handle,
                    deadline,
                    killed: false,
                    label,
                };
                Ok((running, errors))
            }
            Err(error) => {
                // Nobody could see its end.
                let _ = child.kill();
                let _ = child.wait();
                Err(error)
            }
        }
    }

    /// What becomes readable when it has ended.
    pub(super) fn end_descriptor(&self) -> RawFd {
        self.handle.as_raw_fd()
    }

    /// Kills it with everything it has started that is still in its group.
    pub(super) fn kill(&mut self) {
        self.killed = true;
        if let Ok(group) = i32::try_from(self.child.id()) {
            // It has not been waited for, so the number is still its own; where it has ended, so it has.
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
    }

    /// How it has ended. To be called when its descriptor is readable, or after [`kill`](Self::kill).
    pub(super) fn reap(&mut self) -> io::Result<ExitStatus> {
        self.child.wait()
    }
}

/// Lines of one run that are written to the log.
const LINES: usize = 20;

/// Octets of one line that are.
const LINE_OCTETS: usize = 200;

/// What a program writes to its standard error. It may go on after the program's end, where that has left
/// others behind.
#[derive(Debug)]
pub(super) struct Errors {
    pipe: Receiver,
    label: String,
    line: Vec<u8>,
    lines: usize,
}

impl Errors {
    pub(super) fn new(pipe: Receiver, label: String) -> Self {
        Self {
            pipe,
            label,
            line: Vec::new(),
            lines: 0,
        }
    }

    pub(super) fn pipe(&mut self) -> &mut Receiver {
        &mut self.pipe
    }

    /// Reads what there is; whether there may be more later.
    pub(super) fn read(&mut self) -> bool {
        let mut buffer = [0; 4096];
        loop {
            match self.pipe.read(&mut buffer) {
                Ok(0) => {
                    self.end_line();
                    return false;
                }
                Ok(length) => self.take(&buffer[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
            }
        }
    }

    fn take(&mut self, octets: &[u8]) {
        for &octet in octets {
            if octet == b'\n' {
                self.end_line();
            } else if self.line.len() < LINE_OCTETS {
                self.line.push(octet);
            }
        }
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            return;
        }
        self.lines += 1;
        if self.lines <= LINES {
            let text = String::from_utf8_lossy(&line);
            tracing::warn!("{} says: {}", self.label, text.escape_debug());
        } else if self.lines == LINES + 1 {
            tracing::warn!("{} says more, which is left out", self.label);
        }
    }
}
