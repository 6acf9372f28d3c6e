use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use super::DnsError;

/// Where programs are looked for.
const SEARCH: &str = "PATH";

/// A program that sets DNS servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Program {
    Resolvectl,
    Resolvconf,
}

impl Program {
    const fn name(self) -> &'static str {
        match self {
            Self::Resolvectl => "resolvectl",
            Self::Resolvconf => "resolvconf",
        }
    }

    /// Where it is installed.
    pub(super) fn path(self) -> Option<PathBuf> {
        let search = std::env::var_os(SEARCH)?;
        std::env::split_paths(&search)
            .map(|directory| directory.join(self.name()))
            .find(|path| path.is_file())
    }

    pub(super) fn is_there(self) -> bool {
        self.path().is_some()
    }
}

/// Runs a program to its end, with a text for its standard input.
pub(super) fn run(program: Program, words: &[&str], input: &str) -> Result<(), DnsError> {
    let failed = |problem: String| DnsError::Command {
        command: format!("{} {}", program.name(), words.join(" ")),
        problem,
    };
    let output = start(program, words)
        .and_then(|child| finish(child, input))
        .map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    match said.trim().lines().next() {
        Some(line) => Err(failed(line.to_owned())),
        None => Err(failed(output.status.to_string())),
    }
}

fn start(program: Program, words: &[&str]) -> io::Result<Child> {
    // The environment may hold a password.
    Command::new(program.name())
        .args(words)
        .env_clear()
        .envs(std::env::var_os(SEARCH).map(|search| (SEARCH, search)))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
}

fn finish(mut child: Child, input: &str) -> io::Result<Output> {
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read its input ends all the same.
        let _ = stdin.write_all(input.as_bytes());
    }
    child.wait_with_output()
}
