//! Where passwords come from: never from an argument, which every process can see.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read};
use std::path::Path;

use anyhow::Context;
use zeroize::Zeroizing;

use crate::exit::Coded;

/// Longest password in octets: 256 UTF-16 units (RFC 2759 §8.9) in UTF-8.
const LONGEST: usize = 768;
const VARIABLE: &str = "ADIT_PASSWORD";

/// The first line of a file.
///
/// # Errors
/// The file cannot be read, or has no usable first line.
pub fn from_file(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    let file = File::open(path)
        .with_context(|| format!("cannot read the password file {}", path.display()))?;
    first_line(file).with_context(|| format!("the password file {} is of no use", path.display()))
}

/// The first line of standard input.
///
/// # Errors
/// There is no usable line.
pub fn from_stdin() -> anyhow::Result<Zeroizing<String>> {
    first_line(io::stdin().lock()).context("no password came from standard input")
}

/// A password to log in with, and where it came from.
pub struct Login {
    /// The password.
    pub password: Zeroizing<String>,
    /// Where it came from.
    pub origin: Origin,
}

/// Where a password came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A file or the environment.
    Given,
    /// The user, who can be asked again.
    Typed,
}

/// The password to log in with: from the file, else from `ADIT_PASSWORD`, else from a prompt.
///
/// # Errors
/// There is none.
pub fn for_login(user: &str, file: Option<&Path>) -> anyhow::Result<Login> {
    let given = |password| Login {
        password,
        origin: Origin::Given,
    };
    if let Some(path) = file {
        return from_file(path).map(given);
    }
    match std::env::var(VARIABLE) {
        Ok(password) => return checked(Zeroizing::new(password)).map(given),
        Err(std::env::VarError::NotUnicode(_)) => {
            return Err(Coded::usage(format!("{VARIABLE} is not in UTF-8")));
        }
        Err(std::env::VarError::NotPresent) => {}
    }
    if !io::stdin().is_terminal() {
        return Err(Coded::usage(format!(
            "there is no terminal to ask for the password of `{user}`; use --password-file or {VARIABLE}"
        )));
    }
    Ok(Login {
        password: from_prompt(&format!("Password of {user}: "))?,
        origin: Origin::Typed,
    })
}

/// A password from the terminal.
///
/// # Errors
/// There is no terminal, or what was typed is no password.
pub fn from_prompt(text: &str) -> anyhow::Result<Zeroizing<String>> {
    checked(prompt(text)?)
}

/// A new password, asked for twice.
///
/// # Errors
/// There is no terminal, or the two differ.
pub fn new_from_prompt(user: &str) -> anyhow::Result<Zeroizing<String>> {
    if !io::stdin().is_terminal() {
        return Err(Coded::usage(format!(
            "there is no terminal to ask for a password of `{user}`; use --password-stdin or --generate"
        )));
    }
    let first = checked(prompt(&format!("New password of {user}: "))?)?;
    let second = prompt("The same again: ")?;
    if first != second {
        return Err(anyhow::anyhow!(
            "the two passwords differ; nothing is changed"
        ));
    }
    Ok(first)
}

fn prompt(text: &str) -> anyhow::Result<Zeroizing<String>> {
    let password = rpassword::prompt_password(text).context("cannot ask for the password")?;
    Ok(Zeroizing::new(password))
}

fn first_line(source: impl Read) -> anyhow::Result<Zeroizing<String>> {
    // Room for the longest, so that no copy stays behind when it grows.
    let mut line = Zeroizing::new(String::with_capacity(LONGEST + 3));
    BufReader::new(source.take(LONGEST as u64 + 3)).read_line(&mut line)?;
    while line.ends_with(['\n', '\r']) {
        line.pop();
    }
    checked(line)
}

fn checked(password: Zeroizing<String>) -> anyhow::Result<Zeroizing<String>> {
    if password.is_empty() {
        return Err(anyhow::anyhow!("the password is empty"));
    }
    if password.len() > LONGEST || password.encode_utf16().count() > 256 {
        return Err(anyhow::anyhow!(
            "the password is longer than 256 characters"
        ));
    }
    Ok(password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_the_password() {
        let line = |text: &str| first_line(text.as_bytes()).map(|line| line.to_string());
        assert_eq!(line("s e cret \r\nmore").unwrap(), "s e cret ");
        assert_eq!(line("no end").unwrap(), "no end");
        assert!(line("").is_err());
        assert!(line("\nsecond").is_err());
        assert!(line(&"x".repeat(256)).is_ok());
        assert!(line(&"x".repeat(257)).is_err());
        assert!(line(&"x".repeat(5000)).is_err());
        assert!(first_line(&b"\xFF\xFE\n"[..]).is_err());
    }
}
