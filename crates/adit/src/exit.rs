//! How the program ends.

use std::fmt;
use std::process::ExitCode;

/// The exit codes of all subcommands; those from 3 to 9 are of `adit connect`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    /// Done, or hung up by the user.
    Done = 0,
    /// Something went wrong that has no code of its own.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The server cannot be reached.
    Unreachable = 3,
    /// The server refused the connection or the call.
    Refused = 4,
    /// The control connection works, but no GRE packet comes through.
    GreFiltered = 5,
    /// The user name or the password is wrong.
    WrongPassword = 6,
    /// The server refused the account or every authentication protocol offered.
    AccountRefused = 7,
    /// Encryption is required here and the server does not agree to it.
    NoEncryption = 8,
    /// A connection that was up is lost.
    ConnectionLost = 9,
    /// A privilege or a device is missing.
    MissingPrivilege = 10,
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code as u8)
    }
}

/// An error with an exit code of its own.
#[derive(Debug)]
pub struct Coded {
    /// The code to end with.
    pub code: Code,
    /// What went wrong, as a sentence.
    pub message: String,
}

impl Coded {
    /// An error about the command line.
    pub fn usage(message: impl Into<String>) -> anyhow::Error {
        anyhow::Error::new(Self {
            code: Code::Usage,
            message: message.into(),
        })
    }
}

impl fmt::Display for Coded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Coded {}

impl Code {
    /// The code that an error asks for, [`Code::Failed`] if none.
    pub fn of(error: &anyhow::Error) -> Self {
        error
            .chain()
            .find_map(|cause| cause.downcast_ref::<Coded>())
            .map_or(Self::Failed, |coded| coded.code)
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn a_code_survives_context() {
        let error = Err::<(), _>(Coded::usage("no"))
            .context("outer")
            .unwrap_err();
        assert_eq!(Code::of(&error), Code::Usage);
        assert_eq!(Code::of(&anyhow::anyhow!("other")), Code::Failed);
    }
}
