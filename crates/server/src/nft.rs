//! nftables, by its program.

use std::io::{self, Write};
use std::process::{Command, Output, Stdio};

/// Carries out a script as one transaction: all of it, or nothing.
///
/// # Errors
/// What the program said first, or why it cannot be run; fit to follow "nft".
pub(crate) fn run(script: &str) -> Result<(), String> {
    call(&["-f", "-"], script).map(drop)
}

/// A table in JSON, as `nft -j list table` shows it; `None` if there is no such table.
///
/// # Errors
/// As [`run`], and what is not JSON.
pub(crate) fn list_table(table: &str) -> Result<Option<serde_json::Value>, String> {
    let words: Vec<&str> = ["-j", "list", "table"]
        .into_iter()
        .chain(table.split(' '))
        .collect();
    match call(&words, "") {
        Ok(listed) => serde_json::from_slice(&listed)
            .map(Some)
            .map_err(|error| format!("shows the table {table} in no known form ({error})")),
        Err(problem) if problem.contains(NO_TABLE) => Ok(None),
        Err(problem) => Err(problem),
    }
}

/// What it says of a table that is not there.
const NO_TABLE: &str = "says: Error: No such file or directory";

fn call(arguments: &[&str], input: &str) -> Result<Vec<u8>, String> {
    let run = || -> io::Result<Output> {
        let mut child = Command::new("nft")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut pipe = child.stdin.take();
        // It reads all before it writes anything.
        let written = pipe
            .as_mut()
            .map_or(Ok(()), |pipe| pipe.write_all(input.as_bytes()));
        drop(pipe);
        let output = child.wait_with_output()?;
        if output.status.success() {
            written?;
        }
        Ok(output)
    };
    match run() {
        Ok(output) if output.status.success() => Ok(output.stdout),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(format!(
                "says: {}",
                said.lines().next().unwrap_or("nothing")
            ))
        }
        Err(error) => Err(format!("cannot be run ({error})")),
    }
}

/// A name within nftables made of any text, another one for each text: what a name cannot have is written as
/// `/` and two hexadecimal digits.
pub(crate) fn identifier(text: &str) -> String {
    let mut name = String::new();
    for octet in text.bytes() {
        match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.' => {
                name.push(octet.into());
            }
            other => name.push_str(&format!("/{other:02x}")),
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_and_differ() {
        assert_eq!(identifier("sales_team-1.x"), "sales_team-1.x");
        assert_eq!(identifier("a b"), "a/20b");
        assert_eq!(identifier("a/20b"), "a/2f20b");
        assert_eq!(identifier("x; }\n"), "x/3b/20/7d/0a");
        assert_eq!(identifier("ä\""), "/c3/a4/22");
    }
}
