//! What the subcommands that ask the running server share.

use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use adit_server::control_socket::Target;

/// The server answered something that was not asked for.
pub(crate) fn unexpected() -> anyhow::Error {
    anyhow::anyhow!(
        "the server gave another answer than asked for; use the version that runs the server"
    )
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs())
}

/// What a word on the command line means: the number of a session, an address in the tunnel, or a user.
pub(crate) fn target_of(word: &str) -> Target {
    if let Ok(id) = word.parse() {
        Target::Session(id)
    } else if let Ok(address) = word.parse::<IpAddr>() {
        Target::Address(address)
    } else {
        Target::User(word.to_owned())
    }
}

/// What a target is, for a sentence.
pub(crate) fn name_of(target: &Target) -> String {
    match target {
        Target::Session(id) => format!("session {id}"),
        Target::User(user) => format!("user `{}`", user.escape_debug()),
        Target::Address(address) => format!("address {address}"),
        Target::Peer(peer) => format!("peer {peer}"),
        Target::All => "anybody".to_owned(),
    }
}

/// Names and values, one a line, the values below each other.
pub(crate) fn aligned<N: AsRef<str>, V: AsRef<str>>(indent: &str, rows: &[(N, V)]) -> String {
    let length = |row: &(N, V)| row.0.as_ref().chars().count();
    let width = rows.iter().map(length).max().unwrap_or_default();
    let mut text = String::new();
    for (name, value) in rows {
        let (name, value) = (name.as_ref(), value.as_ref());
        text.push_str(format!("{indent}{name:width$}  {value}").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_sessions_addresses_or_users() {
        assert_eq!(target_of("7"), Target::Session(7));
        assert_eq!(
            target_of("10.99.0.2"),
            Target::Address("10.99.0.2".parse().unwrap())
        );
        assert_eq!(target_of("alice"), Target::User("alice".to_owned()));
    }

    #[test]
    fn values_are_below_each_other() {
        let rows = [("a", "1"), ("long", "2"), ("b", "")];
        assert_eq!(aligned("  ", &rows), "  a     1\n  long  2\n  b\n");
    }
}
