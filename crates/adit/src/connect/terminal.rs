use std::fs::File;

use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};

/// How the terminal was; put back when dropped.
pub(super) struct TerminalState(Option<(File, Termios)>);

impl TerminalState {
    /// Remembers the terminal of this process, where it has one.
    pub(super) fn save() -> Self {
        let state = File::open("/dev/tty").ok().and_then(|terminal| {
            let settings = tcgetattr(&terminal).ok()?;
            Some((terminal, settings))
        });
        Self(state)
    }
}

impl Drop for TerminalState {
    fn drop(&mut self) {
        if let Some((terminal, settings)) = &self.0 {
            // A terminal that is gone needs nothing.
            let _ = tcsetattr(terminal, SetArg::TCSANOW, settings);
        }
    }
}
