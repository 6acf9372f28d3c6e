//! Users in a file with the syntax of pppd's `chap-secrets`.

mod entries;
mod words;

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::net::Ipv4Addr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use adit_crypto::nt::NtHash;
use entries::{Entries, SecretWord};
use zeroize::Zeroizing;

use super::permissions::exposure;
use super::{Policy, Secret, StoreError, User, UserStore};

/// Largest file read, in octets.
const LARGEST: u64 = 16 * 1024 * 1024;

/// A mistake in a secrets file and its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {message}")]
pub struct SyntaxError {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong there.
    pub message: &'static str,
}

impl SyntaxError {
    fn new(line: usize, column: usize, message: &'static str) -> Self {
        Self {
            line,
            column,
            message,
        }
    }
}

/// A secrets file. It is read again when it has changed; while a changed file has a mistake, the users read
/// before stay valid and the mistake is logged.
#[derive(Debug)]
pub struct ChapSecrets {
    path: PathBuf,
    server: Option<String>,
    entries: Entries,
    version: Version,
}

impl ChapSecrets {
    /// Reads the file at `path`. With `server`, only lines count whose second word is that name or `*`.
    ///
    /// # Errors
    /// The file cannot be read or has a mistake.
    pub fn open(path: &Path, server: Option<&str>) -> Result<Self, StoreError> {
        let (entries, version) = load(path)?;
        Ok(Self {
            path: path.to_owned(),
            server: server.map(str::to_owned),
            entries,
            version,
        })
    }

    fn refresh(&mut self) {
        let version = self
            .path
            .metadata()
            .ok()
            .map(|metadata| Version::of(&metadata));
        if version.as_ref() == Some(&self.version) {
            return;
        }
        match load(&self.path) {
            Ok((entries, version)) => {
                tracing::info!(path = %self.path.display(), "read the changed secrets file");
                self.entries = entries;
                self.version = version;
            }
            Err(error) => {
                tracing::error!("{error}; the users read before stay valid");
                // The same mistake is logged once, not at every login.
                if let Some(version) = version {
                    self.version = version;
                }
            }
        }
    }
}

impl UserStore for ChapSecrets {
    fn find_exact(&mut self, name: &str) -> Result<Option<User>, StoreError> {
        self.refresh();
        let Some(entry) = self.entries.best(name, self.server.as_deref()) else {
            return Ok(None);
        };
        let secret = match &entry.secret {
            SecretWord::Text(text) => text.clone(),
            SecretWord::File(path) => first_word(path)?,
        };
        Ok(Some(User {
            name: name.to_owned(),
            secret: Secret::clear(secret.as_str()),
            addresses: entry.addresses.clone(),
            group: None,
            policy: Policy::default(),
            disabled: false,
            must_change_password: false,
        }))
    }

    fn set_password(&mut self, _name: &str, _hash: &NtHash) -> Result<(), StoreError> {
        Err(StoreError::ReadOnly {
            path: self.path.clone(),
        })
    }

    fn fixed_addresses(&mut self) -> Result<Arc<[Ipv4Addr]>, StoreError> {
        self.refresh();
        Ok(self.entries.fixed_addresses())
    }

    fn warnings(&mut self) -> Vec<String> {
        let place = |warning: &String| format!("{}:{warning}", self.path.display());
        let mut warnings: Vec<String> = self.entries.warnings.iter().map(place).collect();
        let files = std::iter::once(self.path.as_path()).chain(self.entries.secret_files());
        for path in files {
            match path.metadata() {
                Ok(metadata) => warnings.extend(exposure(path, &metadata)),
                Err(error) => warnings.push(format!("cannot read {}: {error}.", path.display())),
            }
        }
        warnings
    }
}

/// What tells one content of a file from another without reading it.
#[derive(Debug, PartialEq, Eq)]
struct Version {
    inode: (u64, u64),
    length: u64,
    changed: (i64, i64),
}

impl Version {
    fn of(metadata: &Metadata) -> Self {
        Self {
            inode: (metadata.dev(), metadata.ino()),
            length: metadata.len(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

fn load(path: &Path) -> Result<(Entries, Version), StoreError> {
    let (content, metadata) = read(path).map_err(|source| cannot_read(path, source))?;
    let entries = Entries::parse(&content).map_err(|error| StoreError::Syntax {
        path: path.to_owned(),
        error,
    })?;
    Ok((entries, Version::of(&metadata)))
}

fn first_word(path: &Path) -> Result<Zeroizing<String>, StoreError> {
    let (content, _) = read(path).map_err(|source| cannot_read(path, source))?;
    let syntax = |error| StoreError::Syntax {
        path: path.to_owned(),
        error,
    };
    let lines = words::lines(&content).map_err(syntax)?;
    let word = lines.into_iter().flatten().next();
    word.map(|word| word.text)
        .ok_or_else(|| syntax(SyntaxError::new(1, 1, "the file holds no secret")))
}

fn read(path: &Path) -> io::Result<(Zeroizing<Vec<u8>>, Metadata)> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.len() > LARGEST {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "it has more than 16 MiB",
        ));
    }
    // Room for the whole file, so that no copy of a secret stays behind when it grows.
    let mut content = Zeroizing::new(Vec::with_capacity(metadata.len() as usize + 1));
    file.by_ref().take(LARGEST).read_to_end(&mut content)?;
    Ok((content, metadata))
}

fn cannot_read(path: &Path, source: io::Error) -> StoreError {
    StoreError::File {
        action: "read",
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn write(path: &Path, content: &str) {
        // Another file under the same name, as editors leave it.
        let new = path.with_extension("new");
        std::fs::write(&new, content).unwrap();
        std::fs::set_permissions(&new, PermissionsExt::from_mode(0o600)).unwrap();
        std::fs::rename(&new, path).unwrap();
    }

    fn password(store: &mut ChapSecrets, name: &str) -> Option<String> {
        store.find(name).unwrap().map(|user| match user.secret {
            Secret::Clear(text) => text.reveal().to_owned(),
            Secret::NtHash(_) => panic!("a secrets file holds passwords"),
        })
    }

    #[test]
    fn a_changed_file_is_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("chap-secrets");
        write(&path, "alice * one *\n");
        let mut store = ChapSecrets::open(&path, None).unwrap();
        assert_eq!(password(&mut store, "CORP\\alice").unwrap(), "one");
        write(&path, "alice * two * # and more\n");
        assert_eq!(password(&mut store, "alice").unwrap(), "two");
        write(&path, "alice * \"three\n");
        assert_eq!(password(&mut store, "alice").unwrap(), "two");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(password(&mut store, "alice").unwrap(), "two");
        write(&path, "bob * three 10.0.0.7\n");
        assert_eq!(password(&mut store, "alice"), None);
        assert_eq!(
            *store.fixed_addresses().unwrap(),
            [Ipv4Addr::new(10, 0, 0, 7)]
        );
    }

    #[test]
    fn a_secret_may_be_in_another_file() {
        let directory = tempfile::tempdir().unwrap();
        let (path, other) = (directory.path().join("s"), directory.path().join("o"));
        write(&path, &format!("alice * @{} *\n", other.display()));
        write(&other, "# the secret\n\"s e c\" ignored\n");
        let mut store = ChapSecrets::open(&path, None).unwrap();
        assert_eq!(password(&mut store, "alice").unwrap(), "s e c");
        write(&other, "\n");
        let error = store.find("alice").unwrap_err().to_string();
        assert!(error.contains("the file holds no secret"), "{error}");
        std::fs::remove_file(&other).unwrap();
        assert!(matches!(store.find("alice"), Err(StoreError::File { .. })));
        assert_eq!(store.warnings().len(), 1);
    }

    #[test]
    fn readable_files_are_warned_of() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        write(&path, "alice * s *\n");
        assert_eq!(
            ChapSecrets::open(&path, None).unwrap().warnings(),
            Vec::<String>::new()
        );
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
        let warnings = ChapSecrets::open(&path, None).unwrap().warnings();
        assert!(warnings[0].contains("mode 0640"), "{warnings:?}");
    }

    #[test]
    fn mistakes_name_file_line_and_column() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        write(&path, "\nalice\n");
        let error = ChapSecrets::open(&path, None).unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "{}:2:1: the line ends too soon: it needs a client, a server and a secret",
                path.display()
            )
        );
    }

    #[test]
    fn passwords_are_changed_in_an_editor() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        write(&path, "alice * s *\n");
        let mut store = ChapSecrets::open(&path, None).unwrap();
        let error = store
            .set_password("alice", &NtHash::of_password("x"))
            .unwrap_err();
        assert!(matches!(error, StoreError::ReadOnly { .. }));
    }
}
