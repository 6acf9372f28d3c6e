//! Programs as child processes on the hosts of a laboratory.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How long the program may take for its next line, or its end.
const PATIENCE: Duration = Duration::from_secs(20);

/// Lines of the log that are shown when something went wrong.
const LAST_LINES: usize = 12;

/// A running child, killed when dropped. Its log goes to a file, its other output is read as it comes.
#[derive(Debug)]
pub struct Program {
    name: &'static str,
    child: Child,
    lines: Receiver<String>,
    log: PathBuf,
}

impl Program {
    /// Starts `command`, whose log goes to a file in `directory`. Nothing may be running there under this
    /// `name`.
    ///
    /// # Errors
    /// The command cannot be run, or the file not be made.
    pub fn start(
        name: &'static str,
        mut command: Command,
        directory: &Path,
    ) -> anyhow::Result<Self> {
        let log = directory.join(format!("{name}.log"));
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?);
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start the {name}"))?;
        let output = child.stdout.take().context("the output is piped")?;
        let (sender, lines) = channel();
        thread::spawn(move || {
            let read = BufReader::new(output).lines().map_while(Result::ok);
            // The program is not listened to any more where this fails.
            read.map(|line| sender.send(line))
                .take_while(Result::is_ok)
                .for_each(drop);
        });
        Ok(Self {
            name,
            child,
            lines,
            log,
        })
    }

    /// Its process ID.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line of the output of which `wanted` makes something.
    ///
    /// # Errors
    /// It ends, or says no such line for a long time; the end of its log is told.
    pub fn wait_for<T>(&self, wanted: impl Fn(&str) -> Option<T>) -> anyhow::Result<T> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    if let Some(found) = wanted(&line) {
                        return Ok(found);
                    }
                }
                Err(RecvTimeoutError::Timeout) => return self.failed("does not get ready"),
                Err(RecvTimeoutError::Disconnected) => return self.failed("ended"),
            }
        }
    }

    /// Asks it to end, as Ctrl-C does, and waits until it has done so without an error.
    ///
    /// # Errors
    /// It ends with another exit code than 0, or not for a long time.
    pub fn end(mut self) -> anyhow::Result<()> {
        kill(Pid::from_raw(self.child.id().try_into()?), Signal::SIGINT)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => return self.failed("does not end"),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let status = self.child.wait()?;
        if !status.success() {
            return self.failed(&format!("ended with {status}"));
        }
        Ok(())
    }

    fn failed<T>(&self, what: &str) -> anyhow::Result<T> {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(LAST_LINES)..].join("\n  ");
        bail!("the {} {what}; the last that it told:\n  {last}", self.name)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, directory: &Path) -> Program {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Program::start("shell", command, directory).unwrap()
    }

    #[test]
    fn waits_for_a_line_and_for_an_end_in_order() {
        let directory = tempfile::tempdir().unwrap();
        let script =
            "trap 'exit 0' INT; echo one; echo two 2; while :; do read -r line </dev/null; done";
        let program = shell(script, directory.path());
        let two = program.wait_for(|line| line.strip_prefix("two ").map(str::to_owned));
        assert_eq!(two.unwrap(), "2");
        program.end().unwrap();
    }

    #[test]
    fn an_end_too_early_is_told_with_the_log() {
        let directory = tempfile::tempdir().unwrap();
        let program = shell("echo 'no luck' >&2; exit 3", directory.path());
        let error = program.wait_for(|_| None::<()>).unwrap_err().to_string();
        assert!(
            error.contains("the shell ended") && error.contains("no luck"),
            "{error}"
        );
    }

    #[test]
    fn an_end_with_an_error_is_one() {
        let directory = tempfile::tempdir().unwrap();
        let program = shell(
            "exec 2>&1; trap 'exit 9' INT; echo up; while :; do read -r line </dev/null; done",
            directory.path(),
        );
        program
            .wait_for(|line| (line == "up").then_some(()))
            .unwrap();
        assert!(program.end().unwrap_err().to_string().contains("9"));
    }
}
