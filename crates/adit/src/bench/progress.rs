//! How far a measurement has come, on standard error: on a terminal one line that changes, else a line for
//! each step.

use std::io::{IsTerminal, Write, stderr};

use adit_bench::progress::Progress;

/// Told in lines; the last one is wiped from a terminal when this is dropped.
#[derive(Debug, Default)]
pub(super) struct Line {
    told: bool,
}

impl Progress for Line {
    fn tell(&mut self, what: &str) {
        let mut stderr = stderr().lock();
        // Nobody has to see it.
        let _ = match stderr.is_terminal() {
            true => write!(stderr, "\r\x1b[K{what}").and_then(|()| stderr.flush()),
            false => writeln!(stderr, "{what}"),
        };
        self.told = true;
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let mut stderr = stderr().lock();
        if self.told && stderr.is_terminal() {
            let _ = write!(stderr, "\r\x1b[K");
        }
    }
}
