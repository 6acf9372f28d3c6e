//! The lines of a secrets file and the choice among them.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use super::SyntaxError;
use super::words::{self, Word};
use crate::users::AllowedAddresses;

const ANY: &str = "*";

/// A secrets file in memory.
#[derive(Debug, Default)]
pub(super) struct Entries {
    entries: Vec<Entry>,
    /// Addresses that are one user's alone.
    fixed: Arc<[Ipv4Addr]>,
    /// What was understood and ignored, a sentence each with its place.
    pub(super) warnings: Vec<String>,
}

/// One line.
#[derive(Debug)]
pub(super) struct Entry {
    client: String,
    server: String,
    pub(super) secret: SecretWord,
    pub(super) addresses: AllowedAddresses,
}

/// The third word of a line.
pub(super) enum SecretWord {
    Text(Zeroizing<String>),
    /// `@/path`: the secret is the first word of that file.
    File(PathBuf),
}

impl std::fmt::Debug for SecretWord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(_) => f.write_str("***"),
            Self::File(path) => write!(f, "@{}", path.display()),
        }
    }
}

impl Entries {
    pub(super) fn parse(file: &[u8]) -> Result<Self, SyntaxError> {
        let mut entries = Self::default();
        for line in words::lines(file)? {
            let entry = entries.entry(&line)?;
            entries.entries.push(entry);
        }
        let fixed = |entry: &Entry| entry.addresses.fixed();
        entries.fixed = entries.entries.iter().filter_map(fixed).collect();
        Ok(entries)
    }

    fn entry(&mut self, line: &[Word]) -> Result<Entry, SyntaxError> {
        let [client, server, secret, rest @ ..] = line else {
            let (row, column) = line.last().map_or((1, 1), |word| (word.line, word.column));
            return Err(SyntaxError::new(
                row,
                column,
                "the line ends too soon: it needs a client, a server and a secret",
            ));
        };
        let addresses = self.addresses(rest);
        if addresses.is_empty() {
            self.warn(
                secret,
                &format!(
                    "`{}` may have no address and cannot connect; add one, or `*` for any",
                    client.text.escape_debug()
                ),
            );
        }
        Ok(Entry {
            client: client.text.to_string(),
            server: server.text.to_string(),
            // pppd takes only an absolute path for a file; any other `@` is part of the secret.
            secret: match secret.text.strip_prefix('@') {
                Some(path) if path.starts_with('/') => SecretWord::File(PathBuf::from(path)),
                _ => SecretWord::Text(secret.text.clone()),
            },
            addresses,
        })
    }

    fn addresses(&mut self, words: &[Word]) -> AllowedAddresses {
        let mut addresses = AllowedAddresses::none();
        if words.first().is_some_and(|word| *word.text == "-") {
            return addresses;
        }
        for word in words {
            if *word.text == "--" {
                self.warn(word, "the pppd options behind `--` are ignored");
                break;
            }
            if let Err(error) = addresses.push_word(&word.text) {
                let shown = word.text.escape_debug();
                self.warn(word, &format!("`{shown}` is ignored: {error}"));
            }
        }
        addresses
    }

    fn warn(&mut self, word: &Word, sentence: &str) {
        self.warnings
            .push(format!("{}:{}: {sentence}.", word.line, word.column));
    }

    /// The line with the fewest wildcards that fits, the first one of several; a named client outweighs a
    /// named server. Without a server name of our own every line fits in that.
    pub(super) fn best(&self, client: &str, server: Option<&str>) -> Option<&Entry> {
        let mut best: Option<(u8, &Entry)> = None;
        for entry in &self.entries {
            let named_client = entry.client != ANY;
            let named_server = entry.server != ANY;
            let other_server = server.is_some_and(|server| entry.server != server);
            if (named_client && entry.client != client) || (named_server && other_server) {
                continue;
            }
            let rank = 2 * u8::from(named_client) + u8::from(named_server);
            if best.is_none_or(|(highest, _)| rank > highest) {
                best = Some((rank, entry));
            }
        }
        best.map(|(_, entry)| entry)
    }

    pub(super) fn fixed_addresses(&self) -> Arc<[Ipv4Addr]> {
        Arc::clone(&self.fixed)
    }

    /// The files that `@/path` secrets name.
    pub(super) fn secret_files(&self) -> impl Iterator<Item = &Path> {
        self.entries.iter().filter_map(|entry| match &entry.secret {
            SecretWord::File(path) => Some(path.as_path()),
            SecretWord::Text(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(file: &str, client: &str, server: Option<&str>) -> Option<String> {
        let entries = Entries::parse(file.as_bytes()).unwrap();
        entries
            .best(client, server)
            .map(|entry| match &entry.secret {
                SecretWord::Text(text) => text.to_string(),
                SecretWord::File(path) => format!("@{}", path.display()),
            })
    }

    #[test]
    fn the_fewest_wildcards_win() {
        let file =
            "* * any *\n* vpn server *\nalice * client *\nalice vpn both *\nalice vpn later *";
        assert_eq!(secret(file, "alice", Some("vpn")).unwrap(), "both");
        assert_eq!(secret(file, "alice", Some("other")).unwrap(), "client");
        assert_eq!(secret(file, "bob", Some("vpn")).unwrap(), "server");
        assert_eq!(secret(file, "bob", Some("other")).unwrap(), "any");
        assert_eq!(secret(file, "alice", None).unwrap(), "both");
        assert_eq!(secret("alice vpn s *", "Alice", None), None);
    }

    #[test]
    fn a_named_client_outweighs_a_named_server() {
        let file = "* vpn server *\nalice * client *";
        assert_eq!(secret(file, "alice", Some("vpn")).unwrap(), "client");
    }

    #[test]
    fn a_star_from_a_peer_is_an_ordinary_name() {
        assert_eq!(secret("alice * s *", "*", None), None);
    }

    #[test]
    fn files_hold_secrets_only_by_absolute_path() {
        assert_eq!(secret("a * @/etc/x *", "a", None).unwrap(), "@/etc/x");
        let entries = Entries::parse(b"a * @x *").unwrap();
        assert!(matches!(entries.entries[0].secret, SecretWord::Text(_)));
    }

    #[test]
    fn addresses_follow_the_secret() {
        let entries =
            Entries::parse(b"a * s 10.0.0.9\nb * s !10.0.0.1 10.0.0.0/24\nc * s -\nd * s").unwrap();
        assert_eq!(*entries.fixed_addresses(), [Ipv4Addr::new(10, 0, 0, 9)]);
        let allowed = |name| &entries.best(name, None).unwrap().addresses;
        assert!(allowed("b").permits(Ipv4Addr::new(10, 0, 0, 2)));
        assert!(allowed("c").is_empty() && allowed("d").is_empty());
        assert_eq!(entries.warnings.len(), 2);
        assert!(entries.warnings[0].starts_with("3:5: `c` may have no address"));
    }

    #[test]
    fn what_is_ignored_is_told() {
        let entries = Entries::parse(b"a * s * host.example 10.0.0.0/24+ -- mtu 1400").unwrap();
        assert_eq!(entries.warnings.len(), 3);
        assert!(entries.warnings[0].starts_with("1:9: `host.example` is ignored"));
        assert!(entries.warnings[2].contains("`--`"));
    }

    #[test]
    fn short_lines_are_refused() {
        let error = Entries::parse(b"# x\nalice *\n").unwrap_err();
        assert!(error.to_string().starts_with("2:7: the line ends too soon"));
    }

    #[test]
    fn secrets_are_not_shown() {
        let entries = Entries::parse(b"a * hunter2 *").unwrap();
        assert!(!format!("{entries:?}").contains("hunter2"));
    }
}
