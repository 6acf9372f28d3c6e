//! An SQLite file as the store's database.

use std::fs::{DirBuilder, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, params_from_iter};
use zeroize::Zeroizing;

use super::engine::{Engine, Row, Value, Written};
use super::schema::SQLITE;
use crate::users::StoreError;
use crate::users::permissions::exposure;

/// Longest wait for another process that writes.
const BUSY: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Sqlite {
    path: PathBuf,
    connection: Connection,
}

impl Sqlite {
    /// Opens the file.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        if !path.exists() {
            return Err(StoreError::NoDatabase {
                path: path.to_owned(),
            });
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let prepare = || {
            let connection = Connection::open_with_flags(path, flags)?;
            connection.busy_timeout(BUSY)?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "foreign_keys", true)?;
            Ok(connection)
        };
        let mut sqlite = Self {
            path: path.to_owned(),
            connection: prepare().map_err(|source| StoreError::Database {
                path: path.to_owned(),
                source,
            })?,
        };
        sqlite.migrate()?;
        Ok(sqlite)
    }

    /// Opens the file, made if missing: directory mode 0700, file mode 0600.
    pub(super) fn open_or_create(path: &Path) -> Result<Self, StoreError> {
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
        Self::open(path)
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
        let Some(steps) = SQLITE.get(version..) else {
            return Err(StoreError::TooNew {
                place: path.display().to_string(),
                found: version,
                known: SQLITE.len(),
            });
        };
        for step in steps {
            transaction.execute_batch(step).map_err(failed)?;
        }
        if !steps.is_empty() {
            transaction
                .pragma_update(None, "user_version", SQLITE.len() as u32)
                .map_err(failed)?;
        }
        transaction.commit().map_err(failed)
    }

    fn failed(&self, source: rusqlite::Error) -> StoreError {
        StoreError::Database {
            path: self.path.clone(),
            source,
        }
    }
}

impl Engine for Sqlite {
    fn query(&mut self, statement: &str, values: &[Value]) -> Result<Vec<Row>, StoreError> {
        let rows = || {
            let mut statement = self.connection.prepare_cached(&numbered(statement))?;
            let columns = statement.column_count();
            let rows = statement.query_map(params_from_iter(values), |row| {
                (0..columns)
                    .map(|column| row.get_ref(column).map(value))
                    .collect()
            })?;
            rows.collect::<Result<Vec<Row>, _>>()
        };
        rows().map_err(|error| self.failed(error))
    }

    fn execute(&mut self, statement: &str, values: &[Value]) -> Result<Written, StoreError> {
        let changed = self
            .connection
            .prepare_cached(&numbered(statement))
            .and_then(|mut statement| statement.execute(params_from_iter(values)));
        match changed {
            Ok(rows) => Ok(Written::Rows(rows as u64)),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                Ok(Written::Conflict)
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    fn revision(&mut self) -> Result<i64, StoreError> {
        let read = || {
            let mut statement = self.connection.prepare_cached("PRAGMA data_version")?;
            statement.query_row([], |row| row.get(0))
        };
        read().map_err(|error| self.failed(error))
    }

    fn place(&self) -> String {
        self.path.display().to_string()
    }

    fn warnings(&self) -> Vec<String> {
        let metadata = self.path.metadata().ok();
        let exposed = metadata.and_then(|metadata| exposure(&self.path, &metadata));
        exposed.into_iter().collect()
    }
}

/// SQLite takes `$1` for a name and counts such places by their first use; `?1` is a number.
fn numbered(statement: &str) -> String {
    statement.replace('$', "?")
}

fn value(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Real(number) => Value::Text(number.to_string()),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(octets) => Value::Octets(Zeroizing::new(octets.to_vec())),
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Flag(flag) => ValueRef::Integer((*flag).into()),
            Self::Octets(octets) => ValueRef::Blob(octets),
        }))
    }
}
