//! Users in an SQLite file: NT hashes, no clear passwords.

#[cfg(test)]
mod tests;

use std::fs::{DirBuilder, OpenOptions};
use std::net::Ipv4Addr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use adit_crypto::nt::NtHash;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Row, params};
use zeroize::Zeroize;

use super::permissions::exposure;
use super::{AllowedAddresses, Secret, StoreError, User, UserStore};

/// Longest wait for another process that writes.
const BUSY: Duration = Duration::from_secs(5);
/// RFC 2759 §4: a name has up to 256 octets.
const NAME_OCTETS: usize = 256;
/// One step per version, kept for ever: `user_version` counts those applied.
const MIGRATIONS: &[&str] = &["
    CREATE TABLE users (
        name TEXT NOT NULL PRIMARY KEY,
        nt_hash BLOB NOT NULL CHECK (length(nt_hash) = 16),
        address TEXT UNIQUE,
        disabled INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
        must_change_password INTEGER NOT NULL DEFAULT 0 CHECK (must_change_password IN (0, 1))
    ) STRICT;
"];

/// A database of users. Several processes may use it at once: what `adit user` writes, a running server
/// sees at the next login.
#[derive(Debug)]
pub struct Database {
    path: PathBuf,
    connection: Connection,
    addresses: Option<FixedAddresses>,
}

/// The addresses that are one user's alone, and the state of the database that they were read in.
#[derive(Debug)]
struct FixedAddresses {
    version: i64,
    list: Arc<[Ipv4Addr]>,
}

/// A user to add.
#[derive(Debug)]
pub struct NewUser<'a> {
    /// The name, up to 256 octets.
    pub name: &'a str,
    /// The NT hash of the password.
    pub hash: &'a NtHash,
    /// The one address the user is to get, if not any.
    pub address: Option<Ipv4Addr>,
    /// Whether the user must change the password at the first login.
    pub must_change_password: bool,
}

/// What `adit user list` tells about a user.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct UserSummary {
    /// The name.
    pub name: String,
    /// The fixed address, if any.
    pub address: Option<Ipv4Addr>,
    /// Whether the account is closed for now.
    pub disabled: bool,
    /// Whether the password must be changed at the next login.
    pub must_change_password: bool,
}

impl Database {
    /// Opens the database at `path`.
    ///
    /// # Errors
    /// There is none, or it cannot be used.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        if !path.exists() {
            return Err(StoreError::NoDatabase {
                path: path.to_owned(),
            });
        }
        Self::connect(path)
    }

    /// Opens the database at `path`, made if missing: directory mode 0700, file mode 0600.
    ///
    /// # Errors
    /// It cannot be made or used.
    pub fn open_or_create(path: &Path) -> Result<Self, StoreError> {
        let failed = |action, path: &Path| {
            let path = path.to_owned();
            move |source| StoreError::File {
                action,
                path,
                source,
            }
        };
        if let Some(directory) = path.parent().filter(|d| !d.as_os_str().is_empty()) {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(directory)
                .map_err(failed("make the directory", directory))?;
        }
        // SQLite gives its journals the mode of the file, so the file comes first.
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(failed("open the user database", path))?;
        Self::connect(path)
    }

    fn connect(path: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let failed = |source| StoreError::Database {
            path: path.to_owned(),
            source,
        };
        let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
        connection.busy_timeout(BUSY).map_err(failed)?;
        connection
            .pragma_update(None, "journal_mode", "WAL")
            .map_err(failed)?;
        let mut database = Self {
            path: path.to_owned(),
            connection,
            addresses: None,
        };
        database.migrate()?;
        Ok(database)
    }

    fn migrate(&mut self) -> Result<(), StoreError> {
        let path = self.path.clone();
        let failed = |source| StoreError::Database {
            path: path.clone(),
            source,
        };
        // Immediate: two processes that open a new file at once must not both build it.
        let transaction = self
            .connection
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
            .map_err(failed)?;
        let version: usize = transaction
            .pragma_query_value(None, "user_version", |row| row.get::<_, u32>(0))
            .map_err(failed)? as usize;
        let Some(steps) = MIGRATIONS.get(version..) else {
            return Err(StoreError::TooNew {
                path,
                found: version,
                known: MIGRATIONS.len(),
            });
        };
        for step in steps {
            transaction.execute_batch(step).map_err(failed)?;
        }
        if !steps.is_empty() {
            transaction
                .pragma_update(None, "user_version", MIGRATIONS.len() as u32)
                .map_err(failed)?;
        }
        transaction.commit().map_err(failed)
    }

    /// Adds a user.
    ///
    /// # Errors
    /// The name or the address is taken, the name cannot be one, or the database failed.
    pub fn add(&mut self, user: &NewUser<'_>) -> Result<(), StoreError> {
        check_name(user.name)?;
        if self.find_exact(user.name)?.is_some() {
            return Err(StoreError::UserExists(user.name.to_owned()));
        }
        self.addresses = None;
        let added = self.connection.execute(
            "INSERT INTO users (name, nt_hash, address, must_change_password) VALUES (?1, ?2, ?3, ?4)",
            params![
                user.name,
                user.hash.octets(),
                user.address.map(|address| address.to_string()),
                user.must_change_password,
            ],
        );
        match (added, user.address) {
            (Ok(_), _) => Ok(()),
            (Err(error), Some(address))
                if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) =>
            {
                Err(StoreError::AddressTaken(address))
            }
            (Err(error), _) => Err(self.failed(error)),
        }
    }

    /// Removes a user.
    ///
    /// # Errors
    /// There is no such user, or the database failed.
    pub fn remove(&mut self, name: &str) -> Result<(), StoreError> {
        self.addresses = None;
        let removed = self
            .connection
            .execute("DELETE FROM users WHERE name = ?1", [name]);
        self.changed_one(name, removed)
    }

    /// Closes an account for now; a running session goes on.
    ///
    /// # Errors
    /// There is no such user, or the database failed.
    pub fn disable(&mut self, name: &str) -> Result<(), StoreError> {
        let changed = self
            .connection
            .execute("UPDATE users SET disabled = 1 WHERE name = ?1", [name]);
        self.changed_one(name, changed)
    }

    /// Opens an account again.
    ///
    /// # Errors
    /// There is no such user, or the database failed.
    pub fn enable(&mut self, name: &str) -> Result<(), StoreError> {
        let changed = self
            .connection
            .execute("UPDATE users SET disabled = 0 WHERE name = ?1", [name]);
        self.changed_one(name, changed)
    }

    /// Makes a user change the password at the next login.
    ///
    /// # Errors
    /// There is no such user, or the database failed.
    pub fn expire_password(&mut self, name: &str) -> Result<(), StoreError> {
        let changed = self.connection.execute(
            "UPDATE users SET must_change_password = 1 WHERE name = ?1",
            [name],
        );
        self.changed_one(name, changed)
    }

    /// All users, by name.
    ///
    /// # Errors
    /// The database failed.
    pub fn list(&self) -> Result<Vec<UserSummary>, StoreError> {
        let list = || {
            self.connection
                .prepare(
                    "SELECT name, address, disabled, must_change_password FROM users ORDER BY name",
                )?
                .query_map([], |row| {
                    Ok(UserSummary {
                        name: row.get(0)?,
                        address: address(row, 1)?,
                        disabled: row.get(2)?,
                        must_change_password: row.get(3)?,
                    })
                })?
                .collect::<Result<Vec<_>, _>>()
        };
        list().map_err(|error| self.failed(error))
    }

    /// Whether there is no user.
    ///
    /// # Errors
    /// The database failed.
    pub fn is_empty(&self) -> Result<bool, StoreError> {
        self.connection
            .query_row("SELECT NOT EXISTS (SELECT 1 FROM users)", [], |row| {
                row.get(0)
            })
            .map_err(|error| self.failed(error))
    }

    fn changed_one(&self, name: &str, rows: rusqlite::Result<usize>) -> Result<(), StoreError> {
        match rows {
            Ok(0) => Err(StoreError::NoSuchUser(name.to_owned())),
            Ok(_) => Ok(()),
            Err(error) => Err(self.failed(error)),
        }
    }

    fn version(&self) -> rusqlite::Result<i64> {
        let mut statement = self.connection.prepare_cached("PRAGMA data_version")?;
        statement.query_row([], |row| row.get(0))
    }

    fn read_fixed_addresses(&self) -> rusqlite::Result<Arc<[Ipv4Addr]>> {
        let query = "SELECT address FROM users WHERE address IS NOT NULL";
        let mut statement = self.connection.prepare_cached(query)?;
        let addresses = statement.query_map([], |row| address(row, 0))?;
        addresses.filter_map(Result::transpose).collect()
    }

    fn failed(&self, source: rusqlite::Error) -> StoreError {
        StoreError::Database {
            path: self.path.clone(),
            source,
        }
    }
}

impl UserStore for Database {
    fn find_exact(&mut self, name: &str) -> Result<Option<User>, StoreError> {
        let query = "SELECT name, nt_hash, address, disabled, must_change_password FROM users \
                     WHERE name = ?1";
        let find = || {
            let mut statement = self.connection.prepare_cached(query)?;
            statement.query_row([name], user).optional()
        };
        find().map_err(|error| self.failed(error))
    }

    fn set_password(&mut self, name: &str, hash: &NtHash) -> Result<(), StoreError> {
        let changed = self.connection.execute(
            "UPDATE users SET nt_hash = ?2, must_change_password = 0 WHERE name = ?1",
            params![name, hash.octets()],
        );
        self.changed_one(name, changed)
    }

    fn fixed_addresses(&mut self) -> Result<Arc<[Ipv4Addr]>, StoreError> {
        // It changes with what other connections write; what this one writes clears the list.
        let version = self.version().map_err(|error| self.failed(error))?;
        if let Some(known) = self.addresses.as_ref().filter(|it| it.version == version) {
            return Ok(Arc::clone(&known.list));
        }
        let list = self
            .read_fixed_addresses()
            .map_err(|error| self.failed(error))?;
        self.addresses = Some(FixedAddresses {
            version,
            list: Arc::clone(&list),
        });
        Ok(list)
    }

    fn warnings(&mut self) -> Vec<String> {
        let mut warnings: Vec<String> = self
            .path
            .metadata()
            .ok()
            .and_then(|metadata| exposure(&self.path, &metadata))
            .into_iter()
            .collect();
        match self.is_empty() {
            Ok(false) => {}
            Ok(true) => warnings.push(format!(
                "{} has no users, so nobody can log in; `adit user add NAME` adds one.",
                self.path.display()
            )),
            Err(error) => warnings.push(format!("{error}.")),
        }
        warnings
    }
}

fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    let mut hash: [u8; 16] = row.get(1)?;
    let secret = Secret::NtHash(NtHash::from_octets(hash));
    hash.zeroize();
    Ok(User {
        name: row.get(0)?,
        secret,
        addresses: address(row, 2)?.map_or_else(AllowedAddresses::any, AllowedAddresses::only),
        disabled: row.get(3)?,
        must_change_password: row.get(4)?,
    })
}

fn address(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Ipv4Addr>> {
    let text: Option<String> = row.get(column)?;
    text.map(|text| text.parse())
        .transpose()
        .map_err(|error: std::net::AddrParseError| {
            rusqlite::Error::FromSqlConversionFailure(
                column,
                rusqlite::types::Type::Text,
                Box::new(error),
            )
        })
}

fn check_name(name: &str) -> Result<(), StoreError> {
    if name.is_empty() || name.len() > NAME_OCTETS || name.chars().any(char::is_control) {
        let shown: String = name.chars().take(64).flat_map(char::escape_debug).collect();
        return Err(StoreError::BadName(shown));
    }
    Ok(())
}
